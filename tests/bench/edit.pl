# SPDX-License-Identifier: ISC
# edit.pl do|undo TREE KEEP: the edit that a bench makes, always the same one.
#
# Of many files every hundredth: in half of them 100 bytes come in, in the
# others 64 bytes change. Of a single file 160 blocks of 64 KiB. What was there
# is kept in KEEP; undo puts it back, times included.
use strict;
use warnings;
use File::Copy qw(copy);
use File::Find qw(find);
use File::Path qw(make_path remove_tree);

my ($how, $tree, $keep) = @ARGV;
my $state = 20261123;

# A linear congruential generator (Knuth, MMIX); its upper bits.
sub number {
	my ($below) = @_;
	use integer;
	$state = $state * 6364136223846793005 + 1442695040888963407;
	return (($state >> 33) & 0x7fffffff) % $below;
}

sub noise {
	my ($n) = @_;
	return join '', map { chr number(256) } 1 .. $n;
}

sub slurp {
	my ($path) = @_;
	open my $f, '<:raw', $path or die "$path: $!\n";
	local $/;
	my $all = <$f>;
	return defined $all ? $all : '';
}

sub spit {
	my ($path, $all) = @_;
	open my $f, '+<:raw', $path or die "$path: $!\n";
	print $f $all;
	truncate $f, length $all;
	close $f or die "$path: $!\n";
}

sub keep_times {
	my ($from, $to) = @_;
	my @s = stat $from;
	utime $s[8], $s[9], $to;
}

if ($how eq 'undo') {
	open my $list, '<', "$keep/list" or die "$keep/list: $!\n";
	while (my $line = <$list>) {
		chomp $line;
		my ($n, $path) = split /\t/, $line, 2;
		system('cp', '-p', '--', "$keep/$n", $path) == 0 or die;
	}
	remove_tree($keep);
	exit;
}

my @files;
find({ no_chdir => 1, wanted => sub { push @files, $_ if -f && !-l } }, $tree);
@files = sort @files;
make_path($keep);
open my $list, '>', "$keep/list" or die "$keep/list: $!\n";
my @chosen = @files == 1 ? @files : grep { number(100) == 0 } @files;
push @chosen, $files[0] unless @chosen;
for my $i (0 .. $#chosen) {
	my $path = $chosen[$i];
	system('cp', '-p', '--', $path, "$keep/$i") == 0 or die;
	print $list "$i\t$path\n";
	if (@files == 1) {
		open my $f, '+<:raw', $path or die "$path: $!\n";
		my $blocks = int((-s $path) / 65536);
		my $random = noise(65536);
		for my $k (1 .. 160) {
			seek $f, 65536 * number($blocks), 0;
			# Another content each time, cheaply.
			print $f $random ^ (chr($k) x 65536);
		}
		close $f;
		next;
	}
	my $all = slurp($path);
	my $at = number(1 + length $all);
	if ($i % 2) {
		substr($all, $at, 0) = noise(100);
	} else {
		my $n = length($all) - $at;
		$n = 64 if $n > 64;
		substr($all, $at, $n) = noise($n);
	}
	spit($path, $all);
}
close $list;
