# SPDX-License-Identifier: ISC
# markers.pl: is any marker below a folder, in a file or a name?
#
#     perl markers.pl STORE MARKERS
#
# MARKERS: a word a line, searched raw, in hex and in base64, whatever stands
# before it.
use strict;
use warnings;
use File::Find;
use MIME::Base64;

my ($store, $markers) = @ARGV;

sub slurp {
	my ($name) = @_;
	open(my $f, '<:raw', $name) or die "$name: $!";
	local $/;
	return <$f> // '';
}

# Base64 of a word depends on where it stands, modulo 3: without the ends that
# its neighbors touch, there are three forms.
sub forms {
	my ($word) = @_;
	my @forms = ($word, lc unpack('H*', $word), uc unpack('H*', $word));
	for my $before (0 .. 2) {
		my $b = encode_base64(('x' x $before) . $word, '');
		$b =~ s/=+$//;
		$b = substr $b, ($before ? $before + 1 : 0);
		push @forms, substr($b, 0, -1), substr($b, 0, -1) =~ tr{+/}{-_}r;
	}
	return @forms;
}

my @words;
for my $word (split /\n/, slurp($markers)) {
	push @words, forms($word);
}
my $words = join '|', map { quotemeta } @words;

my ($found, $bytes) = (0, 0);
find({ no_chdir => 1, wanted => sub {
	my $name = $_;
	if ($name =~ /($words)/) {
		print "the name $name has the marker $1\n";
		$found++;
	}
	return unless -f $name;
	my $data = slurp($name);
	$bytes += length $data;
	if ($data =~ /($words)/) {
		print "$name has the marker $1\n";
		$found++;
	}
} }, $store);
print "searched $bytes bytes for ", scalar @words, " forms\n";
exit($found != 0);
