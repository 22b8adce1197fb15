# SPDX-License-Identifier: ISC
# windows.pl: is anything of the files, or any marker, below a folder?
#
#     perl windows.pl STORE MARKERS [FILES]
#
# MARKERS: a word a line, searched raw, in hex and in base64, whatever stands
# before it. FILES: every 16 bytes in a row that begin at a multiple of 16 are
# looked for at every place of the store, so that 31 equal bytes in a row are
# always found; windows with fewer than 10 distinct bytes count as chance.
use strict;
use warnings;
use File::Find;
use MIME::Base64;

my ($store, $markers, $files) = @ARGV;
my $W = 16;

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

my (%window, @words);
for my $word (split /\n/, slurp($markers)) {
	push @words, forms($word);
}
my $words = join '|', map { quotemeta } @words;

if (defined $files) {
	find({ no_chdir => 1, wanted => sub {
		return unless -f $_ && !-l $_;
		my $data = slurp($_);
		for (my $at = 0; $at + $W <= length $data; $at += $W) {
			my $w = substr $data, $at, $W;
			my %distinct = map { $_ => 1 } split //, $w;
			$window{$w} = $_ if keys %distinct >= 10;
		}
	} }, $files);
}

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
	return unless %window;
	for my $at (0 .. length($data) - $W) {
		next unless exists $window{substr $data, $at, $W};
		print "$name has bytes of $window{substr $data, $at, $W}\n";
		$found++;
		last;
	}
} }, $store);
print "searched $bytes bytes for ", scalar @words, ' forms and ',
    scalar keys %window, " windows\n";
exit($found != 0);
