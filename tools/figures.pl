#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# figures.pl [list]: how the code measures, and where it breaks STYLE.md.
#
# Without a word: one line for each figure; exit status 1 when one is beyond
# what STYLE.md allows, with where. "list" says where for all of them.
#
# Reads src/; what calls what, and which names exist twice, comes from the
# objects and archives of build/release (make all archives).
use strict;
use warnings;

my $build = 'build/release';
my $list = @ARGV && $ARGV[0] eq 'list';

# name, what it counts, the most that may be (or the least, when "least").
my (@figures, %where);
sub figure {
	my ($name, $value, $bound, @places) = @_;
	push @figures, [$name, $value, $bound];
	$where{$name} = \@places;
}

# Known, and why.
my %others_signature = (on_access => 'libmicrohttpd calls it',
    http_tls_show => 'GnuTLS calls it');
my %known_circle = (
	'link/zcopy_commit link/zcopy_heal link/zcopy_pull' =>
	    'a commit that meets another pulls, and a pull may heal by a commit',
	'factor/factor factor/lost factor/phone factor/phone_code ' .
	    'factor/seckeys factor/seckeys_prove factor/totp' =>
	    'the table of ways asks each, and each asks what the others allow',
);

my @files = sort grep { -f } glob 'src/*/*.[ch]';
die "figures: run it at the root of the tree\n" unless @files;

# ---- sizes ----

my (%folder_lines, $all_lines, @long_files);
my (@functions, @protos);

# read_file PATH: its lines, comments and strings blanked in a second copy.
sub read_file {
	my ($path) = @_;
	open my $in, '<', $path or die "figures: $path: $!\n";
	local $/;
	my $text = <$in>;
	my $bare = $text;
	$bare =~ s{(/\*.*?\*/)|("(?:[^"\\\n]|\\.)*")|('(?:[^'\\\n]|\\.)+')|(//[^\n]*)}
	    { my $x = $&; $x =~ s/[^\n]/ /g; $x }gse;
	return ($text, $bare);
}

# Parameters in "(a, b (*c)(d, e))", that is the text between the parentheses.
sub count_parameters {
	my ($inside) = @_;
	$inside =~ s/\s+/ /g;
	return 0 if $inside =~ /^ ?(void)? ?$/;
	$inside =~ s/, ?\.\.\. ?$//; # what a format asks for
	my ($depth, $n) = (0, 1);
	for my $c (split //, $inside) {
		$depth++ if $c eq '(' || $c eq '[';
		$depth-- if $c eq ')' || $c eq ']';
		$n++ if $c eq ',' && $depth == 0;
	}
	return $n;
}

# The text from the parenthesis at $at to the one that closes it.
sub parenthesis {
	my ($text, $at) = @_;
	my $depth = 0;
	for (my $i = $at; $i < length $text; $i++) {
		my $c = substr $text, $i, 1;
		$depth++ if $c eq '(';
		next if $c ne ')' || --$depth > 0;
		return (substr($text, $at + 1, $i - $at - 1), $i + 1);
	}
	return ('', length $text);
}

sub line_of {
	my ($text, $at) = @_;
	return 1 + (substr($text, 0, $at) =~ tr/\n//);
}

# A definition has its name at the start of a line, its body between braces
# that stand there too: clang-format sees to that.
sub take_functions {
	my ($path, $bare) = @_;
	while ($bare =~ /^([a-z_][a-z0-9_]*)\(/gm) {
		my ($name, $at) = ($1, $-[0]);
		my ($inside, $after) =
		    parenthesis($bare, $at + length $name);
		next unless substr($bare, $after) =~ /\A\s*\{\n/;
		my $from = line_of($bare, $at);
		my $end = index $bare, "\n}\n", $after;
		my $lines = line_of($bare, $end + 1) - $from + 1;
		push @functions, { name => $name, path => $path, line => $from,
		    lines => $lines, parameters => count_parameters($inside) };
	}
}

# A prototype has a contract when a comment stands directly above it, or above
# the group it is in: prototypes with no empty line between them.
sub take_prototypes {
	my ($path, $text, $bare) = @_;
	my @text = split /\n/, $text;
	while ($bare =~ /^(?:[A-Za-z_][^\n;{}#]*\n(?:[ \t][^\n;{}#]*\n)*?|)?[^\n;{}#]*?\b([a-z_][a-z0-9_]*)\(/gm) {
		my ($name, $at) = ($1, $-[1]);
		my $start = $-[0];
		next if substr($bare, $start, 1) =~ /\s/;
		my $head = substr $bare, $start, $at - $start;
		next if $head =~ /\b(typedef|define|return|PRINTF)\b|[=(]/;
		next if $head !~ /\S/;
		my ($inside, $after) =
		    parenthesis($bare, $at + length $name);
		next unless substr($bare, $after) =~ /\A[^{}]*?;/;
		pos($bare) = $after;
		my $line = line_of($bare, $start) - 1; # of @text, from 0
		my $above = $line - 1;
		$above-- while $above >= 0 && $text[$above] =~ /\S/ &&
		    $text[$above] !~ m{\*/\s*$};
		push @protos, { name => $name, path => $path, line => $line + 1,
		    fallible => scalar($head =~ /MUST_CHECK/),
		    contract => scalar($above >= 0 &&
			$text[$above] =~ m{\*/\s*$}) };
	}
}

for my $path (@files) {
	my ($text, $bare) = read_file($path);
	my $lines = ($text =~ tr/\n//);
	my ($folder) = $path =~ m{^src/([^/]+)/};
	$folder_lines{$folder} += $lines;
	$all_lines += $lines;
	push @long_files, "$path: $lines lines" if $lines > 600;
	take_functions($path, $bare) if $path =~ /\.c$/;
	take_prototypes($path, $text, $bare) if $path =~ /\.h$/;
}

my ($biggest) = sort { $folder_lines{$b} <=> $folder_lines{$a} }
    keys %folder_lines;
figure('biggest folder, percent of all lines',
    sprintf('%.1f', 100 * $folder_lines{$biggest} / $all_lines), 15,
    map { "src/$_: $folder_lines{$_} lines" }
    sort { $folder_lines{$b} <=> $folder_lines{$a} } keys %folder_lines);
figure('files above 600 lines', scalar @long_files, 0, @long_files);

sub functions_that {
	my ($test, $say) = @_;
	return map { "$_->{path}:$_->{line}: $_->{name} has " . $say->($_) }
	    grep { $test->($_) } @functions;
}
my @long = functions_that(sub { $_[0]{lines} > 60 },
    sub { "$_[0]{lines} lines" });
figure('functions above 60 lines', scalar @long, 0, @long);
my @wide = functions_that(
    sub { $_[0]{parameters} > 6 && !$others_signature{$_[0]{name}} },
    sub { "$_[0]{parameters} parameters" });
figure('functions of more than 6 parameters', scalar @wide, 0, @wide);

my @bare = grep { !$_->{contract} } @protos;
my @fallible = grep { $_->{fallible} } @bare;
figure('prototypes without a contract, percent',
    sprintf('%.1f', 100 * @bare / @protos), 0,
    map { "$_->{path}:$_->{line}: $_->{name}" } @bare);
figure('fallible prototypes without a contract', scalar @fallible, 0,
    map { "$_->{path}:$_->{line}: $_->{name}" } @fallible);

# ---- names and circles, of what was compiled ----

# symbols FILES: by file, what it defines for others and what it wants.
sub symbols {
	my (%defined, %wanted);
	open my $nm, '-|', 'nm', '-A', '-g', @_ or die "figures: nm: $!\n";
	while (<$nm>) {
		my ($file, $kind, $name) =
		    /^(.*?):[0-9a-f ]*([A-Za-z]) (\S+)$/ or next;
		$file =~ s/:[^:]*$// if $file =~ /\.a:/;
		if ($kind eq 'U') { $wanted{$file}{$name} = 1 }
		else { $defined{$file}{$name} = 1 }
	}
	return (\%defined, \%wanted);
}

my @archives = grep { -f } map { "$build/lib$_.a" } sort keys %folder_lines;
die "figures: run: make all archives\n" unless @archives;
my ($in_archive) = symbols(@archives);
my (%owner, @twice);
for my $archive (sort keys %$in_archive) {
	for my $name (sort keys %{$in_archive->{$archive}}) {
		push @twice, "$name: $owner{$name}, $archive"
		    if exists $owner{$name};
		$owner{$name} = $archive;
	}
}
figure('names in two archives', scalar @twice, 0, @twice);

# A circle: files of which each leads to every other by what it calls (Tarjan,
# "Depth-first search and linear graph algorithms", 1972).
my @objects = grep { my $c = $_; $c =~ s{^$build/obj/(.*)\.o$}{$1.c}; -f $c }
    glob "$build/obj/src/*/*.o";
my ($defined, $wanted) = symbols(@objects);
my %home;
for my $o (sort keys %$defined) {
	$home{$_} = $o for keys %{$defined->{$o}};
}
my %calls;
for my $o (@objects) {
	my %to = map { $home{$_} => 1 } grep { exists $home{$_} }
	    keys %{$wanted->{$o}};
	delete $to{$o};
	$calls{$o} = [sort keys %to];
}
my ($count, @stack, %index, %low, %on, @circles) = (0);
sub visit {
	my ($v) = @_;
	$index{$v} = $low{$v} = $count++;
	push @stack, $v;
	$on{$v} = 1;
	for my $w (@{$calls{$v}}) {
		if (!exists $index{$w}) {
			visit($w);
			$low{$v} = $low{$w} if $low{$w} < $low{$v};
		} elsif ($on{$w} && $index{$w} < $low{$v}) {
			$low{$v} = $index{$w};
		}
	}
	return if $low{$v} != $index{$v};
	my @one;
	do {
		push @one, pop @stack;
		$on{$one[-1]} = 0;
	} while $one[-1] ne $v;
	push @circles, join ' ', sort map { m{obj/src/(.*)\.o}; $1 } @one
	    if @one > 1;
}
no warnings 'recursion';
for (@objects) { visit($_) unless exists $index{$_} }
@circles = grep { !$known_circle{$_} } @circles;
figure('circles between files', scalar @circles, 0, sort @circles);

# What a file calls stands where it may look, whatever it includes.
my @up;
open my $laws, '-|', 'tools/layers.sh', 'list' or die "figures: layers.sh: $!\n";
my %may = map { my ($f, $w) = /^(\S+): (.*)$/ or (); defined $f ? ($f => $w) : () } <$laws>;
for my $o (@objects) {
	my ($path) = $o =~ m{obj/(src/.*)\.o$};
	my $allowed = $may{"$path.c"};
	for my $name (sort keys %{$wanted->{$o} || {}}) {
		my ($folder, $file) =
		    ($home{$name} || '') =~ m{obj/src/([^/]+)/(.*)\.o$} or next;
		next if grep { $_ eq $folder || $_ eq "$folder/$file.h" }
		    split ' ', $allowed;
		push @up, "$path.c: calls $name of src/$folder/$file.c";
	}
}
figure('calls that point up', scalar @up, 0, @up);

# ---- prefixes ----

# What a file exports begins with its name, or with the first words of that, or
# with the name of its folder; or with one of these, which are its own too.
my %also = (
	'base/buf' => 'be16 be32 be64 bytes mem', 'base/file' => 'fd',
	'store/db' => 'tx', 'store/db_stmt' => 'stmt tx',
	'wire/change' => 'commit frame', 'wire/digest' => 'mac',
	'wire/digest_shared' => 'hkdf mac', 'http/http_message' => 'response',
	'wire/circle_form' => 'device escrow key_change recovery',
	'escrow/ward' => 'wards', 'disclose/outdir' => 'outfile',
);
my @off;
for my $o (sort keys %$defined) {
	my ($folder, $file) = $o =~ m{obj/src/([^/]+)/(.*)\.o$} or next;
	my @own = ($folder, split ' ', $also{"$folder/$file"} || '');
	for (my $p = $file; $p ne ''; $p = $p =~ /^(.*)_[^_]*$/ ? $1 : '') {
		push @own, $p;
	}
	for my $name (sort keys %{$defined->{$o}}) {
		next if $name eq 'main' ||
		    grep { $name eq $_ || index($name, "${_}_") == 0 } @own;
		push @off, "src/$folder/$file.c: $name";
	}
}
figure('exported names without their prefix', scalar @off, 0, @off);

# ---- what came of it ----

my $bad = 0;
for my $f (@figures) {
	my ($name, $value, $bound) = @$f;
	my $over = $value > $bound;
	$bad = 1 if $over;
	printf "%-42s %6s%s\n", $name, $value,
	    $over ? " (at most $bound)" : '';
	next unless $over || $list;
	print "    $_\n" for @{$where{$name}};
}
exit $bad;
