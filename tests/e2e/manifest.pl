# SPDX-License-Identifier: ISC
# manifest.pl: is a disclosure, or an export, what its manifest says?
#
#     perl manifest.pl check OUT      every file, folder and link is listed, as
#                                     it is, and nothing else is
#     perl manifest.pl get OUT PATH   a value: "journal.n", "categories.backup"
#     perl manifest.pl line OUT       the journal's line has the hash it names
#     perl manifest.pl export DIR     as check, of an export
#     perl manifest.pl lacks DIR      an export's not_exported: code, path
use strict;
use warnings;
use Digest::SHA;
use File::Find;
use JSON::PP;
use MIME::Base64;

my ($verb, $out, $path) = @ARGV;

sub slurp {
	my ($name) = @_;
	open(my $f, '<:raw', $name) or die "$name: $!";
	local $/;
	return <$f> // '';
}

# What is data in a file that is mostly holes: offset, length, bytes, each.
sub data_of {
	my ($name) = @_;
	my $sum = Digest::SHA->new(256);
	open(my $f, '<:raw', $name) or die "$name: $!";
	my ($at, $size) = (0, -s $f);
	while ($at < $size) {
		my $from = sysseek($f, $at, 3) // last; # SEEK_DATA
		my $end = sysseek($f, $from, 4); # SEEK_HOLE
		sysseek($f, $from, 0);
		sysread($f, my $data, $end - $from) == $end - $from
		    or die "$name is too short";
		$sum->add(pack('Q>Q>', $from, $end - $from), $data);
		$at = $end;
	}
	return $sum->hexdigest;
}

my $export = $verb eq 'export' || $verb eq 'lacks';
my $m = JSON::PP->new->utf8->decode(
    slurp($export ? "$out/manifest.json" : "$out/MANIFEST.json"));

if ($verb eq 'get') {
	my $v = $m;
	for my $part (split /\./, $path) {
		if (ref $v eq 'ARRAY' && $part =~ /^[a-z]/) {
			($v) = grep { $_->{category} eq $part } @$v;
		} else {
			$v = ref $v eq 'ARRAY' ? $v->[$part] : $v->{$part};
		}
		defined $v or die "$path: there is none\n";
	}
	binmode STDOUT, ':utf8';
	print ref $v ? JSON::PP->new->canonical->encode($v) : $v, "\n";
	exit 0;
}
if ($verb eq 'lacks') {
	binmode STDOUT, ':utf8';
	print "$_->{error} $_->{path}\n" for @{ $m->{not_exported} };
	exit 0;
}
if ($verb eq 'line') {
	my $line = decode_base64($m->{journal}{line});
	my $hash = Digest::SHA::sha256_hex($line);
	print "$hash\n";
	exit($hash ne $m->{journal}{hash});
}

my %listed;
my $bad = 0;
sub wrong {
	print "@_\n";
	$bad++;
}
for my $f (@{ $m->{files} }) {
	my $name = $f->{path};
	if ($f->{path_hex}) {
		$name = pack 'H*', $f->{path_hex};
	} elsif ($f->{path_raw}) {
		$name = decode_base64($f->{path_raw});
	} else {
		utf8::encode($name);
	}
	wrong("$name is listed twice") if $listed{$name};
	$listed{$name} = $f;
}
my %types = (file => '-f', folder => '-d');
find({ no_chdir => 1, wanted => sub {
	my $name = $_;
	return if $name eq $out;
	my $short = substr $name, length($out) + 1;
	return if $short =~ /^MANIFEST\.(json|txt)$/;
	return if $export && ($short =~ /^(manifest\.json|SHA256SUMS)$/ ||
	    (-d $name && $short =~ m{^(account|backups(/[^/]+){0,2})$}));
	my $f = delete $listed{$short} or return wrong("$short is not listed");
	if (-l $name) {
		my $target = $f->{target} // '';
		utf8::encode($target);
		wrong("$short is a link") if $f->{type} ne 'link';
		wrong("$short leads elsewhere") if $target ne readlink $name;
	} elsif (-f $name) {
		return wrong("$short is a file") if $f->{type} ne 'file';
		if ($f->{sha256_of_data}) {
			wrong("$short has another size")
			    if -s $name != $f->{size};
			wrong("$short has other bytes")
			    if data_of($name) ne $f->{sha256_of_data};
			return;
		}
		my $data = slurp($name);
		wrong("$short has another size") if length $data != $f->{size};
		wrong("$short has other bytes")
		    if Digest::SHA::sha256_hex($data) ne $f->{sha256};
	} elsif (-d $name) {
		wrong("$short is a folder") if $f->{type} ne 'folder';
	} elsif ($f->{type} !~ /^(fifo|socket|device)$/) {
		wrong("$short is none of $f->{type}");
	}
} }, $out);
wrong("$_ is not there") for sort keys %listed;

exit($bad != 0) if $export;
# The other file says the same, and names this one.
my $text = slurp("$out/MANIFEST.txt");
my $hash = Digest::SHA::sha256_hex(slurp("$out/MANIFEST.json"));
wrong('MANIFEST.txt names another MANIFEST.json')
    if index($text, $hash) < 0;
for my $f (@{ $m->{files} }) {
	wrong("MANIFEST.txt lacks $f->{path}")
	    if $f->{sha256} && $text !~ /^\Q$f->{sha256}\E +$f->{size}  /m;
}
exit($bad != 0);
