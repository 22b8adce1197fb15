#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# proxy.pl: an HTTP proxy on a free port, whose number it prints. It knows CONNECT
# alone, leads every name to 127.0.0.1, and prints what it was asked.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

$| = 1;
my $all = IO::Socket::INET->new(Listen => 9, LocalAddr => '127.0.0.1')
    or die "listen: $!";
print $all->sockport, "\n";
while (my $near = $all->accept) {
	if (fork) {
		close $near;
		next;
	}
	my $ask = '';
	sysread($near, $ask, 4096, length $ask) or exit until $ask =~ /\r\n\r\n/;
	my ($host, $port) = $ask =~ /^CONNECT (\S+):(\d+) / or exit;
	print "$host\n";
	my $far = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		PeerPort => $port) or exit;
	syswrite($near, "HTTP/1.1 200 yes\r\n\r\n");
	my $both = IO::Select->new($near, $far);
	while (1) {
		for my $from ($both->can_read) {
			my $n = sysread($from, my $some, 65536) or exit;
			my $to = $from == $near ? $far : $near;
			for (my $at = 0; $at < $n;) {
				$at += syswrite($to, $some, $n - $at, $at) // exit;
			}
		}
	}
}
