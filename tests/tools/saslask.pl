#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# saslask.pl SOCKET SERVICE LOGIN PASSWORD [REALM]: asks as a client of
# saslauthd does, prints the answer; status 0 for OK, 1 for NO.
# saslask.pl SOCKET --raw < BYTES: sends these instead.
use strict;
use warnings;
use IO::Socket::UNIX;

my ($path, @rest) = @ARGV;
my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path)
    or die "saslask: $path: $!\n";
$SIG{PIPE} = 'IGNORE';
if ($rest[0] eq '--raw') {
	while (read(STDIN, my $some, 65536)) {
		last unless defined syswrite($s, $some);
	}
	$s->shutdown(1);
} else {
	my ($service, $login, $password, $realm) = @rest;
	syswrite($s, join('', map { pack('n/a*', $_) }
	    $login, $password, $service, $realm // ''));
}
my $answer = '';
while (sysread($s, my $some, 4096)) {
	$answer .= $some;
}
my $text = length $answer > 2 ? unpack('n/a*', $answer) : '';
print "$text\n";
exit($text =~ /^OK/ ? 0 : 1);
