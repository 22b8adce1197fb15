#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# typed.pl: run a command on a terminal of its own and type what it asks for.
#
#     typed.pl LINE… -- COMMAND…
#
# Each LINE is typed when the command has asked once more (": " at the end of
# what it says); "<FILE" is a line that is read from there, "^C" is that key.
# What the command says goes to standard output, and "(mute)" when it left the
# terminal so; the exit status is the command's, 128 and more after a signal.
use strict;
use warnings;
use Fcntl;
use POSIX ();

$| = 1;    # a test may read along
my (@lines, $pid);
while (@ARGV) {
	my $word = shift @ARGV;
	last if $word eq '--';
	push @lines, $word;
}

sysopen(my $pty, '/dev/ptmx', O_RDWR | O_NOCTTY) or die "ptmx: $!";
my $unlocked = pack('i', 0);
ioctl($pty, 0x40045431, $unlocked) // die "unlock: $!";    # TIOCSPTLCK
my $n = pack('i', 0);
ioctl($pty, 0x80045430, $n) // die "name: $!";                # TIOCGPTN
my $name = '/dev/pts/' . unpack('i', $n);

defined($pid = fork) or die "fork: $!";
if (!$pid) {
	POSIX::setsid();
	open(my $tty, '+<', $name) or die "$name: $!";
	POSIX::dup2(fileno($tty), $_) for 0 .. 2;
	close $pty;
	exec @ARGV or die "exec: $!";
}
# Keep the other end open until the command has it, or reads fail at once.
open(my $hold, '+<', $name) or die "$name: $!";
my $said = '';
$SIG{ALRM} = sub { kill 'KILL', $pid; die "typed.pl: nothing more was said\n" };
alarm 60;
while (1) {
	my $in = '';
	vec($in, fileno($pty), 1) = 1;
	if (select($in, undef, undef, 0.05) > 0) {
		sysread($pty, my $some, 4096) or last;
		print $some;
		$said .= $some;
		if ($said =~ /: $/ && @lines) {
			my $line = shift @lines;
			if ($line =~ /^<(.*)/s) {
				open(my $f, '<', $1) or die "$1: $!";
				chomp($line = <$f> // '');
			}
			$said = '';
			# The command flushes what was typed before it asked.
			select(undef, undef, undef, 0.1);
			syswrite($pty, $line eq '^C' ? "\x03" : "$line\n");
		}
	} elsif (waitpid($pid, 1) == $pid) {
		ended($?);
	}
}
waitpid($pid, 0);
ended($?);

sub ended {
	my $status = shift;
	my $mode = POSIX::Termios->new;
	$mode->getattr(fileno($hold)) or die "terminal: $!";
	print "(mute)\n" if !($mode->getlflag & POSIX::ECHO());
	exit($status & 127 ? 128 + ($status & 127) : $status >> 8);
}
