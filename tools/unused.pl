#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# unused.pl: what nothing in src uses: functions, macros, includes.
#
# A line for each, "path:line: what"; exit status 1 when there is one. That a
# test calls it is no use: what a test needs to see stands in the lists below,
# with its reason.
#
# Reads src/; who calls whom comes from the objects of build/release (make all
# archives). A function is used when another object wants it, or its own file
# has its name once more. A macro is used when its name stands anywhere else.
# An include is used when a word of the file is a name that the header gives.
# A header may bring along what its callers need with it; MODULE_in.h gives what
# it includes, too, and includes it for all its parts.
use strict;
use warnings;

# What looks unused and is not, or stays all the same: name => why.
my %keep_function = (
	main => 'the system calls it',
	config_parse => 'the fuzzer of it, which reads no file',
	settings_parse => 'the fuzzer of it, which reads no file',
	account_schema => 'test_schema begins at each of its versions',
	chunker_name => 'bench_chunker says what it measures',
	chunkmap_size => 'tests and a fuzzer see by it what a map holds',
	config_default_text => 'test_config holds the manual against it',
	drivedb_diffs => 'tests see by it what a scan has found',
	drivedb_put => 'test_valid makes trees with it',
	http_metrics_port => 'test_http has it take a free port',
	keyring_circle_secret => 'test_keyring compares what is given on',
	opaque_fix => 'published vectors fix what is drawn elsewhere',
	repo_log_read => 'the fuzzer of the log, which reads no file',
	zone_schema => 'test_schema begins at each of its versions',
);
my %keep_macro = (
	FUSE_USE_VERSION => 'libfuse reads it',
	HEAD_CLEAR_BYTES => 'test_head holds the format against it',
	HEAD_SIGNED_BYTES => 'test_head holds the format against it',
);
# "file header" => why.
my %keep_include = (
	'src/web/remote.c link/depot.h' => 'a struct of it that it does not name',
);

my $objects = 'build/release/obj';
my @files = sort grep { -f } glob 'src/*/*.[ch]';
die "unused: run it at the root of the tree\n" unless @files;

my @found;
sub found {
	my ($path, $line, $what) = @_;
	push @found, [$path, $line, $what];
}

# ---- the files ----

# By path: the text without comments and strings, its lines, how often each word
# stands in it outside of includes.
my (%bare, %words, %all_words);
for my $path (@files) {
	open my $in, '<', $path or die "unused: $path: $!\n";
	local $/;
	my $text = <$in>;
	# An include keeps its string.
	$text =~ s{^(\#\s*include[^\n]*)|(/\*.*?\*/)|("(?:[^"\\\n]|\\.)*")|('(?:[^'\\\n]|\\.)+')|(//[^\n]*)}
	    { my $x = $&; $x =~ s/[^\n]/ /g unless defined $1; $x }gmse;
	$bare{$path} = $text;
	$text =~ s/^#\s*include[^\n]*//gm;
	for ($text =~ /[A-Za-z_]\w*/g) {
		$words{$path}{$_}++;
		$all_words{$_}++;
	}
}

sub line_of {
	my ($path, $at) = @_;
	return 1 + (substr($bare{$path}, 0, $at) =~ tr/\n//);
}

# ---- functions and objects that are exported ----

# symbols FILES: by file, what it defines for others and what it wants.
sub symbols {
	my (%defined, %wanted);
	open my $nm, '-|', 'nm', '-A', '-g', @_ or die "unused: nm: $!\n";
	while (<$nm>) {
		my ($file, $kind, $name) =
		    /^(.*?):[0-9a-f ]*([A-Za-z]) (\S+)$/ or next;
		if ($kind eq 'U') { $wanted{$name} = 1 }
		else { $defined{$file}{$name} = 1 }
	}
	return (\%defined, \%wanted);
}

sub source_of {
	my ($object) = @_;
	return $object =~ m{^\Q$objects\E/(.*)\.o$} ? "$1.c" : '';
}

my @objects = grep { -f source_of($_) } glob "$objects/src/*/*.o";
die "unused: run: make all archives\n" unless @objects;
my %compiled = map { source_of($_) => 1 } @objects;
my ($defined, $wanted) = symbols(@objects);

# Files that are compiled elsewhere, as for the page, call by their words; so do
# the programs of tools/.
my %called;
for my $path (grep { /\.c$/ && !$compiled{$_} } @files) {
	$called{$_} = 1 for keys %{$words{$path}};
}
for my $path (glob 'tools/*.c') {
	open my $in, '<', $path or die "unused: $path: $!\n";
	local $/;
	$called{$_} = 1 for <$in> =~ /[A-Za-z_]\w*/g;
}
for my $object (@objects) {
	my $path = source_of($object);
	for my $name (keys %{$defined->{$object} || {}}) {
		next if $wanted->{$name} || $called{$name} ||
		    $keep_function{$name};
		next if ($words{$path}{$name} || 0) > 1;
		$bare{$path} =~ /\b\Q$name\E\b/g;
		my $line = line_of($path, $-[0]);
		found($path, $line, "nothing in src uses $name");
	}
}

# ---- macros ----

# Defined again, or no more: these are words of it, and no use.
my (%macros, %mentions);
for my $path (@files) {
	while ($bare{$path} =~ /^#\s*(define|undef)\s+([A-Za-z_]\w*)/gm) {
		$mentions{$2}++;
		push @{$macros{$2}}, [$path, line_of($path, $-[0])]
		    if $1 eq 'define';
	}
}
for my $name (grep { !$keep_macro{$_} } keys %macros) {
	next if $all_words{$name} > $mentions{$name};
	found(@$_, "nothing in src uses $name") for @{$macros{$name}};
}

# ---- includes ----

# Tags that some header defines; a bare "struct x;" gives only what none does,
# but for those that the parts of a module share.
my %defines_tag;
for my $path (grep { /\.h$/ && !/_in\.h$/ } @files) {
	$defines_tag{$1} = 1 while $bare{$path} =~
	    /\b(?:struct|enum|union)\s+(\w+)\s*\{/g;
}

# The names that a header gives by itself.
sub own_names {
	my ($path) = @_;
	my $text = $bare{$path};
	my %names;
	$names{$1} = 1 while $text =~ /^#\s*define\s+(\w+)/gm;
	# X-macros: the words of a table in a macro's body are its names.
	if ($text =~ /^#\s*define\s+\w+_TABLE\(/m) {
		$names{$1} = 1 while $text =~ /\bX\((\w+)/g;
	}
	$text =~ s/^#(?:[^\n]*\\\n)*[^\n]*//gm;
	$names{$1} = 1 while
	    $text =~ /\b(?:struct|enum|union)\s+(\w+)\s*\{/g;
	while ($text =~ /^(?:struct|enum|union)\s+(\w+)\s*;/gm) {
		$names{$1} = 1 unless $defines_tag{$1};
	}
	for my $values ($text =~ /\benum\b[^{};]*\{([^}]*)\}/g) {
		$names{$1} = 1 while $values =~ /(?:^|,)\s*(\w+)/g;
	}
	# What stands between braces is of structs, enums and functions.
	1 while $text =~ s/\{[^{}]*\}/;/;
	$names{$1} = 1 while $text =~ /\b(\w+)\s*\(/g;
	$names{$1} = 1 while $text =~ /\(\s*\*\s*(\w+)\s*\)\s*\(/g;
	$names{$1} = 1 while $text =~ /\btypedef\b[^;]*?\b(\w+)\s*;/g;
	$names{$1} = 1 while
	    $text =~ /\bextern\b[^;(]*?\b(\w+)\s*(?:\[[^\]]*\])?\s*;/g;
	# "http_handle_fn one, two;" declares functions of one type.
	for my $list ($text =~ /^\w+ (\w+(?:,\s*\w+)*);/gm) {
		$names{$1} = 1 while $list =~ /(\w+)/g;
	}
	delete @names{qw(MUST_CHECK PRINTF void int)}
	    unless $path eq 'src/base/own.h';
	return \%names;
}

my %own = map { $_ => own_names($_) } grep { /\.h$/ } @files;

sub includes_of {
	my ($path) = @_;
	my @list;
	while ($bare{$path} =~ /^#\s*include\s+"([^"]+)"/gm) {
		push @list, [$1, line_of($path, $-[0])];
	}
	return @list;
}

sub names_of {
	my ($path) = @_;
	my %names = %{$own{$path}};
	return \%names unless $path =~ /_in\.h$/;
	for my $x (includes_of($path)) {
		my $below = "src/$x->[0]";
		%names = (%names, %{names_of($below)}) if $own{$below};
	}
	return \%names;
}

# foo.c belongs to foo.h, foo_part.c to foo.h and foo_in.h.
sub belongs {
	my ($path, $header) = @_;
	(my $stem = $header) =~ s/(?:_in)?\.h$//;
	return $path =~ /^\Q$stem\E(?:_\w+)?\.c$/;
}

# The words for which a file may include something.
sub words_for {
	my ($path) = @_;
	my %all = %{$words{$path} || {}};
	return \%all unless $path =~ /_in\.h$/;
	%all = (%all, %{$words{$_}}) for grep { belongs($_, $path) } @files;
	return \%all;
}

for my $path (@files) {
	my %seen;
	my $words = words_for($path);
	for my $x (includes_of($path)) {
		my ($header, $line) = @$x;
		my $full = "src/$header";
		if ($seen{$header}++) {
			found($path, $line, "$header is included twice");
			next;
		}
		next unless $own{$full};
		next if belongs($path, $full) || $keep_include{"$path $header"};
		next if $path =~ /\.h$/ && $path !~ /_in\.h$/;
		my $names = names_of($full);
		next if grep { $words->{$_} } keys %$names;
		found($path, $line, "no word of $header is used here");
	}
}

# ---- what came of it ----

for my $f (sort { $a->[0] cmp $b->[0] || $a->[1] <=> $b->[1] } @found) {
	print "$f->[0]:$f->[1]: $f->[2]\n";
}
exit(@found ? 1 : 0);
