# SPDX-License-Identifier: ISC
# drive_work.pl: a person at work in a folder, who knows what they threw away.
#
#     perl drive_work.pl work ROOT LOG SEED STEPS PACE_MS
#     perl drive_work.pl lost LOG… -- ROOT…
#     perl drive_work.pl list ROOT
#
# work: random steps, as editors and people do them. Each content is written
#       once in the world. LOG gets "W ID path" of each one that was closed, and
#       "D ID path" of each that this person overwrote or deleted: found out by
#       looking at what really came out, however late something else came in.
# lost: those that nobody threw away, and that are in no folder: one a line.
# list: every path with its type, x bit and content, to compare folders by.
use strict;
use warnings;
use Digest::SHA;
use Fcntl qw(:DEFAULT :mode SEEK_SET);
use File::Find;
use Time::HiRes qw(sleep);

use constant { RENAMEAT2 => 316, AT_FDCWD => -100, EXCHANGE => 2, OWN =>
	'.aumbry-drive' };

my ($root, $out, $log, $who, $count, $asides) = ('', '', undef, '', 0, 0);

sub note {
	my ($what, $id, $path) = @_;
	print $log "$what $id $path\n";
}

# What a content is known by; of an open file, or of a link.
sub content_of_file {
	my ($f) = @_;
	seek $f, 0, SEEK_SET;
	return Digest::SHA->new(256)->addfile($f)->hexdigest;
}

sub content_of {
	my ($path) = @_;
	return 'link:' . readlink $path if -l $path;
	open my $f, '<:raw', $path or return undef;
	return content_of_file($f);
}

sub fresh_bytes {
	my $n = (10, 200, 4096, 4096, 4096, 70_000, 1_048_576)[rand 7];
	my $head = "$who " . ++$count . "\n";
	my $noise = pack 'N', int rand 4294967296;
	$noise .= $noise while length $noise < $n;
	return $head . substr $noise, 0, $n;
}

# Folders and files that are there now.
sub look {
	my ($dirs, $files) = ([$root], []);
	for (my $i = 0; $i < @$dirs; $i++) {
		opendir my $d, $dirs->[$i] or next;
		for my $name (sort readdir $d) {
			next if $name =~ /^\.\.?$/ || $name eq OWN;
			my $path = "$dirs->[$i]/$name";
			push @{ -d $path && !-l $path ? $dirs : $files },
			    $path;
		}
	}
	return ($dirs, $files);
}

sub any { return @_ ? $_[rand @_] : undef }
sub name_of { return any(map { "$_" } qw(letter list photo plan notes.txt
	draft.odt table x.db report.pdf), map { "n$_" } 1 .. 20) }

# Out of the folder, looked at, and thrown away.
sub throw_away {
	my ($path) = @_;
	my $aside = "$out/" . ++$asides;
	rename $path, $aside or return;
	if (-d $aside && !-l $aside) {
		find({ no_chdir => 1, wanted => sub {
			note('D', content_of($_), "$path in " . $_)
			    if -l $_ || -f _ } }, $aside);
		system 'rm', '-rf', $aside;
		return;
	}
	note('D', content_of($aside), $path);
	unlink $aside;
}

# In place of what is there, as editors save; what came out is thrown away.
sub exchange {
	my ($new, $path, $id) = @_;
	note('W', $id, $path);
	if (syscall(RENAMEAT2, AT_FDCWD, "$new", AT_FDCWD, "$path", EXCHANGE)
	    == 0) {
		note('D', content_of($new), $path);
		unlink $new;
	} elsif (!link($new, $path)) {
		note('D', $id, $path); # it never came to its place
		unlink $new;
	} else {
		unlink $new;
	}
}

sub write_new {
	my ($path) = @_;
	sysopen my $f, $path, O_WRONLY | O_CREAT | O_EXCL or return;
	my $bytes = fresh_bytes();
	syswrite $f, $bytes;
	close $f;
	note('W', Digest::SHA::sha256_hex($bytes), $path);
}

sub save_over {
	my ($path) = @_;
	return if !defined $path || -l $path;
	my $new = "$out/" . ++$asides;
	open my $f, '>:raw', $new or die $!;
	my $bytes = fresh_bytes();
	print $f $bytes;
	close $f;
	exchange($new, $path, Digest::SHA::sha256_hex($bytes));
}

sub save_in_place {
	my ($path, $append) = @_;
	return if !defined $path || -l $path || (stat $path)[7] > 2_000_000;
	open my $f, '+<:raw', $path or return;
	note('D', content_of_file($f), $path);
	truncate $f, 0 if !$append;
	seek $f, 0, $append ? 2 : 0;
	syswrite $f, $append ? "$who " . ++$count . "\n" : fresh_bytes();
	my $id = content_of_file($f);
	close $f;
	note('W', $id, $path);
}

sub sparse {
	my ($path) = @_;
	sysopen my $f, $path, O_RDWR | O_CREAT | O_EXCL or return;
	for my $at (0, 5_000_000, 12_345_678) {
		seek $f, $at + int rand 1000, SEEK_SET;
		syswrite $f, fresh_bytes();
	}
	truncate $f, 20_000_000;
	my $id = content_of_file($f);
	close $f;
	note('W', $id, $path);
}

sub new_link {
	my ($path) = @_;
	my $to = "$who-" . ++$count;
	note('W', "link:$to", $path) if symlink $to, $path;
}

# A name that is taken is exchanged, so that what is lost is known.
sub move {
	my ($from, $to) = @_;
	return if !defined $from || index("$to/", "$from/") == 0;
	if (-e $to || -l $to) {
		return if -d $to || -d $from;
		syscall(RENAMEAT2, AT_FDCWD, "$from", AT_FDCWD, "$to", EXCHANGE)
		    == 0 and throw_away($from);
		return;
	}
	syscall RENAMEAT2, AT_FDCWD, "$from", AT_FDCWD, "$to", 1;
}

sub swap {
	my ($one, $other) = @_;
	return if !defined $one || !defined $other || $one eq $other;
	return if index("$one/", "$other/") == 0 || index("$other/", "$one/") == 0;
	syscall RENAMEAT2, AT_FDCWD, "$one", AT_FDCWD, "$other", EXCHANGE;
}

# As rm -r does it: one after the other.
sub remove_tree {
	my ($dir) = @_;
	return if !defined $dir;
	finddepth({ no_chdir => 1, wanted => sub {
		-d $_ && !-l $_ ? rmdir $_ : throw_away($_);
		sleep 0.001 } }, $dir);
}

sub chmod_x {
	my ($path) = @_;
	return if !defined $path || -l $path;
	chmod rand() < 0.5 ? 0755 : 0644, $path;
}

sub step {
	my ($dirs, $files) = look();
	my @below = @$dirs[1 .. $#$dirs];
	my $here = any(@$dirs) . '/' . name_of();
	my @do = (
		(sub { write_new($here) }) x (@$files < 60 ? 8 : 2),
		(sub { save_over(any(@$files)) }) x 4,
		(sub { save_in_place(any(@$files), 0) }) x 2,
		(sub { save_in_place(any(@$files), 1) }) x 2,
		(sub { mkdir $here }) x (@$dirs < 15 ? 3 : 1),
		(sub { move(any(@$files), $here) }) x 4,
		(sub { move(any(@below), $here) }) x 2,
		(sub { swap(any(@$files), any(@$files)) }) x 2,
		(sub { swap(any(@below), any(@below)) }) x 1,
		(sub { throw_away(any(@$files)) if @$files }) x 3,
		(sub { remove_tree(any(@below)) if @$files > 20 }) x 1,
		(sub { throw_away(any(@below)) if @below > 6 }) x 1,
		(sub { chmod_x(any(@$files)) }) x 2,
		(sub { new_link($here) }) x 1,
		(sub { sparse($here) if rand() < 0.2 }) x 1,
	);
	any(@do)->();
}

sub work {
	my ($log_name, $seed, $steps, $pace) = @_;
	srand $seed;
	($who) = $root =~ m{([^/]+)$};
	$who .= "-$seed";
	$out = "$root.out";
	mkdir $out;
	$asides = $seed * 1_000_000;
	open $log, '>>', $log_name or die "$log_name: $!";
	$log->autoflush(1);
	for (1 .. $steps) {
		step();
		sleep rand 2 * $pace / 1000 if $pace > 0;
	}
}

sub lost {
	my (%there, %written, %dropped);
	while (@_ && (my $name = shift) ne '--') {
		open my $f, '<', $name or die "$name: $!";
		while (<$f>) {
			my ($what, $id, $path) = /^(\S+) (\S+) (.*)/ or next;
			($what eq 'W' ? \%written : \%dropped)->{$id} = $path;
		}
	}
	find({ no_chdir => 1, wanted => sub {
		$there{content_of($_)} = 1 if -l $_ || -f _ } }, @_);
	for (sort { $written{$a} cmp $written{$b} } keys %written) {
		print "$_ $written{$_}\n" if !$there{$_} && !$dropped{$_};
	}
}

sub list {
	find({ no_chdir => 1, preprocess => sub { sort grep { $_ ne OWN } @_ },
		wanted => sub {
			my $path = substr $_, length $root;
			my @st = lstat $_;
			return print "d $path\n" if -d _;
			print -l _ ? 'l' : $st[2] & 0111 ? 'x' : 'f', ' ',
			    content_of($_), " $path\n";
		} }, $root);
}

my $verb = shift;
if ($verb eq 'lost') {
	lost(@ARGV);
} else {
	$root = shift;
	$verb eq 'work' ? work(@ARGV) : list();
}
