#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# power_cut.pl: who works on a disk whose power goes, and what had to be kept.
#
#     power_cut.pl work ROOT LOG SEED
#     power_cut.pl off MOUNT
#     power_cut.pl judge LOG BEFORE AFTER
#
# work:  until it is ended, files are written, saved, moved and deleted, as
#        editors do it, with fsync and without. Before it does so, LOG gets
#        "W ID path" of each content that shall be at a path, and "D ID path" of
#        each that shall not be any more. ID is the SHA-256 of the bytes.
# off:   the file system ends at once, and writes nothing that it did not write
#        yet: what is behind it is what a power cut leaves.
# judge: two listings of drive_work.pl, from before the disk was on again and
#        after. What was there before and nobody threw away is there, and where
#        nobody began to write anything there is nothing that nobody wrote. Each
#        that is not so is a line.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Fcntl;
use IO::Handle;
use Time::HiRes qw(sleep);

use constant { SHUTDOWN => 0x8004587d, NO_FLUSH => 2, OWN => '.aumbry-drive' };

my ($root, $log, $seed, $count);

sub note {
	my ($what, $id, $path) = @_;
	print $log "$what $id ", substr($path, length $root), "\n";
}

sub any { return @_ ? $_[rand @_] : undef }

sub bytes_of {
	my ($path) = @_;
	open my $f, '<:raw', $path or return undef;
	local $/;
	return scalar <$f>;
}

sub fresh_bytes {
	my $n = (20, 300, 4096, 20_000, 200_000)[rand 5];
	my $noise = pack 'N', int rand 4294967296;
	$noise .= $noise while length $noise < $n;
	return "$seed " . ++$count . "\n" . substr $noise, 0, $n;
}

sub look {
	my ($dirs, $files) = ([$root], []);
	for (my $i = 0; $i < @$dirs; $i++) {
		opendir my $d, $dirs->[$i] or next;
		for my $name (sort readdir $d) {
			next if $name =~ /^\.\.?$/ || $name eq OWN;
			my $path = "$dirs->[$i]/$name";
			push @{ -d $path ? $dirs : $files }, $path;
		}
	}
	return ($dirs, $files);
}

# What is there, if anything, is thrown away by what comes next.
sub drop {
	my ($path) = @_;
	my $bytes = bytes_of($path);
	note('D', sha256_hex($bytes), $path) if defined $bytes;
}

sub put {
	my ($path, $flags, $bytes) = @_;
	sysopen my $f, $path, O_WRONLY | O_CREAT | $flags or return 0;
	my $done = (syswrite($f, $bytes) // 0) == length $bytes;
	$f->sync if rand() < 0.3;
	return close($f) && $done;
}

sub save {
	my ($path, $bytes) = @_;
	note('W', sha256_hex($bytes), $path);
	drop($path);
	return put($path, O_TRUNC, $bytes);
}

# As most editors: beside it, and then over it.
sub save_over {
	my ($path) = @_;
	my $bytes = fresh_bytes();
	my $beside = "$path.~";
	note('W', sha256_hex($bytes), $path);
	return if !save($beside, $bytes);
	drop($path);
	rename $beside, $path;
}

sub append {
	my ($path) = @_;
	my $had = bytes_of($path) // return;
	my $more = "and $seed " . ++$count . "\n";
	note('W', sha256_hex($had . $more), $path);
	note('D', sha256_hex($had), $path);
	put($path, O_APPEND, $more);
}

sub move {
	my ($from, $to) = @_;
	return if index("$to/", "$from/") == 0 || -d $to;
	my ($at, $files) = look();
	for my $path ($from, grep { index($_, "$from/") == 0 } @$files) {
		my $bytes = bytes_of($path) // next;
		note('W', sha256_hex($bytes), $to . substr $path, length $from);
	}
	drop($to) if -f $to;
	rename $from, $to;
}

sub throw_away {
	my ($path) = @_;
	drop($path);
	unlink $path;
}

sub step {
	my ($dirs, $files) = look();
	my @below = @$dirs[1 .. $#$dirs];
	my $here = any(@$dirs) . '/n' . int rand 40;
	my $file = any(@$files) // $here;
	my @do = (
		(sub { save($here, fresh_bytes()) if !-d $here }) x
		    (@$files < 40 ? 6 : 1),
		(sub { save_over($file) }) x 4,
		(sub { save($file, fresh_bytes()) }) x 2,
		(sub { append($file) }) x 1,
		(sub { mkdir $here }) x (@$dirs < 10 ? 2 : 0),
		(sub { move($file, $here) }) x 4,
		(sub { move(any(@below), $here) if @below && !-e $here }) x 1,
		(sub { throw_away($file) }) x (@$files > 10 ? 2 : 0),
	);
	any(@do)->();
}

sub work {
	($root, my $name, $seed) = @_;
	srand $seed;
	open $log, '>>', $name or die "$name: $!";
	$log->autoflush(1);
	while (1) {
		step();
		# Bursts, and a while in which all comes to rest.
		sleep rand() < 0.1 ? rand 0.6 : rand 0.03;
	}
}

sub off {
	my ($mount) = @_;
	open my $dir, '<', $mount or die "$mount: $!";
	my $how = pack 'L', NO_FLUSH;
	ioctl $dir, SHUTDOWN, $how or die "$mount: $!";
}

# Path to content, of the files in a listing.
sub listing {
	my ($name) = @_;
	open my $f, '<', $name or die "$name: $!";
	return { map { /^[fx] (\S+) (.*)/ ? ($2 => $1) : () } <$f> };
}

sub judge {
	my ($name, $before, $after) = ($_[0], listing($_[1]), listing($_[2]));
	my (%written, %dropped, %last);
	open my $f, '<', $name or die "$name: $!";
	while (<$f>) {
		my ($what, $id, $path) = /^(.) (\S+) (.*)/ or next;
		($what eq 'W' ? \%written : \%dropped)->{$id} = 1;
		$last{$path} = $id if $what eq 'W';
	}
	my %there = map { $_ => 1 } values %$after;
	for my $path (sort keys %$before) {
		my ($was, $is) = ($before->{$path}, $after->{$path});
		next if !$written{$was};
		print "lost $path $was\n" if !$there{$was} && !$dropped{$was};
		print "torn $path $was $is\n"
		    if defined $is && !$written{$is} &&
		    ($last{$path} // '') eq $was;
	}
}

my %verbs = (work => \&work, off => \&off, judge => \&judge);
my $verb = $verbs{ shift // '' } or die "power_cut.pl work|off|judge …\n";
$verb->(@ARGV);
