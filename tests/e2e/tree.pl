# SPDX-License-Identifier: ISC
# tree.pl: makes a tree of everything a file system can hold, below a folder.
#
#     perl tree.pl odd DIR [SEED]    names, kinds, modes and times of all sorts
#     perl tree.pl long DIR          a file whose path is longer than PATH_MAX
#     perl tree.pl read DIR          what that file holds
#     perl tree.pl small DIR         50,000 files
#     perl tree.pl mixed DIR         50,000 files, and what else there is among them
#     perl tree.pl map FILE          where a sparse file has data, and which
use strict;
use warnings;
use Digest::SHA;
use IO::Socket::UNIX;
use POSIX;

my ($verb, $dir, $seed) = @ARGV;
srand($seed // 1);

sub put {
	my ($name, @parts) = @_;
	open(my $f, '>:raw', $name) or die "$name: $!";
	print $f @parts;
	close $f or die "$name: $!";
}

sub noise {
	my ($n) = @_;
	my $s = '';
	$s .= pack('N', int rand 4294967296) while length $s < $n;
	return substr $s, 0, $n;
}

# Down through folders of long names; makes them when asked to.
sub down {
	my ($levels, $letter, $length, $make) = @_;
	for (1 .. $levels) {
		my $name = $letter x $length;
		!$make or mkdir $name or die "mkdir: $!";
		chdir $name or die "chdir: $!";
	}
}

sub odd {
	my $n = 0;
	mkdir 'names' or die $!;
	put("names/$_", 'file ', $n++) for "new\nline", "tab\there", "\xff\xfe",
	    "\xc3", 'n' x 255, "\xe2\x82\xac" x 85, '-rf', ' space ', 'back\\slash',
	    '*?[a]', '"', "'", '$HOME', '...', "\x01\x1b[31m", "caf\xc3\xa9",
	    "cafe\xcc\x81", ':', '!not', '#hash';
	mkdir "names/dir\n\xff" or die $!;
	put("names/dir\n\xff/in", 'in');

	mkdir 'empty' or die $!;
	put('zero', '');
	put('one', 'x');
	put("size$_", noise($_)) for 4095, 4096, 4097, 65536, 131073, 1048577;
	put('big', noise(9_000_000));
	put('again', do { local (@ARGV, $/) = 'big'; <> });
	put('text', map { "line $_ of a long text\n" } 1 .. 100_000);
	put('zeros', "\0" x 3_000_000);

	symlink 'loop2', 'loop1';
	symlink 'loop1', 'loop2';
	symlink 'nowhere/at/all', 'dangling';
	symlink '/etc/passwd', 'absolute';
	symlink 'names', 'todir';
	symlink 'x' x 4000, 'longlink' or die $!;
	symlink "tar\nget\xff", 'oddlink' or die $!;

	mkdir 'other' or die $!;
	link 'size4096', $_ or die $! for 'hard', 'other/hard';

	POSIX::mkfifo('fifo', 0640) or die $!;
	IO::Socket::UNIX->new(Local => 'socket', Listen => 1) or die $!;

	put('setuid', 'u');
	chmod 04755, 'setuid';
	put('setgid', 'g');
	chmod 02710, 'setgid';
	put('closed', 'closed');
	mkdir 'sticky' or die $!;
	chmod 01777, 'sticky';
	mkdir 'group' or die $!;
	chmod 02775, 'group';

	my $cwd = getcwd();
	mkdir 'deep' or die $!;
	chdir 'deep';
	down(15, 'd', 250, 1);
	put('bottom', 'bottom');
	chdir $cwd;

	my %times = (old => 86400, before => -1, ancient => -2_000_000_000,
	    future => 9_999_999_999);
	for (keys %times) {
		put($_, $_);
		utime $times{$_}, $times{$_}, $_ or die "$_: $!";
	}
	chmod 0, 'closed';
}

sub small {
	my @words = map { 'word' . int rand 10000 } 1 .. 400;
	for my $d (0 .. 249) {
		mkdir "d$d" or die $!;
		for my $f (0 .. 199) {
			my $kind = int rand 100;
			put("d$d/f$f",
			    $kind < 5 ? ''
			    : $kind < 60 ? join(' ', map { $words[rand @words] }
				    1 .. 1 + int rand 200)
			    : $kind < 99 ? noise(int rand 1500)
			    : noise(int rand 100_000));
		}
	}
}

# Beside the files of each folder: a second name, links, a sparse file, a FIFO,
# a socket, and as root a device; odd modes and times.
sub among {
	my ($d) = @_;
	chdir "d$d" or die $!;
	link 'f0', 'f0.again' or die $!;
	link "../d0/f1", 'f1.of-d0' or die $! if $d > 0;
	symlink '../d0/f0', 'link' or die $!;
	symlink 'loop', 'loop' or die $!;
	put("sparse", 'begin');
	open(my $f, '+<:raw', 'sparse') or die $!;
	seek $f, 1_000_000 + $d * 4096, 0;
	print $f 'end';
	close $f;
	POSIX::mkfifo('fifo', 0620) or die $!;
	IO::Socket::UNIX->new(Local => 'socket', Listen => 1) or die $!;
	put("new\nline \xff\xfe", noise(100)) if $d % 5 == 0;
	system('mknod', 'null', 'c', 1, 3) if $> == 0 && $d % 50 == 0;
	chmod 04751, 'f2' or die $!;
	utime 1, $d * 10_000_000, 'f3' or die $!;
	chdir '..' or die $!;
}

sub map_of {
	my ($name) = @_;
	my ($data, $hole) = (3, 4);
	open(my $f, '<:raw', $name) or die "$name: $!";
	my $size = -s $f;
	print "size $size\n";
	my $sum = Digest::SHA->new(256);
	for (my $at = 0; ;) {
		$at = sysseek($f, $at, $data) // last;
		my $end = sysseek($f, $at, $hole) // $size;
		print "data ", 0 + $at, " to $end\n";
		sysseek $f, $at, 0;
		while ($at < $end) {
			my $n = $end - $at < 65536 ? $end - $at : 65536;
			my $got = sysread($f, my $b, $n) or last;
			$sum->add($b);
			$at += $got;
		}
	}
	print $sum->hexdigest, "\n";
}

if ($verb eq 'map') {
	map_of($dir);
	exit;
}
chdir $dir or die "$dir: $!";
if ($verb eq 'odd') {
	odd();
} elsif ($verb eq 'small') {
	small();
} elsif ($verb eq 'mixed') {
	small();
	among($_) for 0 .. 249;
} elsif ($verb eq 'long') {
	down(30, 'l', 200, 1);
	put('bottom', 'the bottom of it');
} elsif ($verb eq 'read') {
	down(30, 'l', 200, 0);
	open(my $f, '<', 'bottom') or die "bottom: $!";
	print <$f>, "\n";
} else {
	die "what is $verb?";
}
