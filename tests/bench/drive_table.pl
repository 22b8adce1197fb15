# SPDX-License-Identifier: ISC
# drive_table.pl TSV JSONL NAME=VALUE…: the rows of drive.sh as a table.
#
# Bars are ratios to a peer of the same run, or hold on any machine.
use strict;
use warnings;

my ($tsv, $jsonl, @set) = @ARGV;
my %set = map { split /=/, $_, 2 } @set;
my (%got, @lines);
open my $in, '<', $tsv or die "$tsv: $!\n";
while (<$in>) {
	chomp;
	my ($row, $whose, $value) = split /\t/;
	$got{$row}{$whose} = $value;
	push @lines, [$row, $whose, $value];
}

sub number { defined $_[0] && $_[0] =~ /^-?[0-9.]+$/ }
sub json { number($_[0]) ? $_[0] + 0 : qq("$_[0]") }
my $run = join ',', map { qq("$_":) . json($set{$_}) } sort keys %set;
open my $out, '>', $jsonl or die "$jsonl: $!\n";
printf $out qq({"row":"%s","whose":"%s","value":%s,%s}\n),
    $_->[0], $_->[1], json($_->[2]), $run
    for @lines;
close $out or die "$jsonl: $!\n";

# What is asked: at most so much, or so many times quicker than a peer.
my $n = $set{files};
my @rows = (
	['first', "first sync, $n files of 4 KiB, s", [asb => 5], [ab => 5],
	    [rclone => 5]],
	['first-sent', '  of it until all is sent, s'],
	['big', "$set{mib} MiB in 200 files, s", [asb => 2], [ab => 2]],
	['change', "1 KiB changed in $set{mib} MiB, s", [rclone => 5]],
	['change-mib', '  MiB sent', 4],
	['rename', "a folder of $n renamed, s", 1],
	['rename-commits', '  commits', 1],
	['small', 'one small change, median, ms', 300],
	['small-far', '  the same, 25 ms each way, ms', 450],
	['idle-mib', 'idle with ' . 2 * $n . ' files: MiB resident', 50],
	['idle-b-mib', '  of the device that took them', 50],
	['idle-cpu', "  CPU in $set{idle} s, s", 0.01],
	# One for each of both devices, and again when it ends.
	['idle-requests', "  requests of two devices in $set{idle} s", 4],
	['scan', 'scan of ' . 2 * $n . ' unchanged files, s', [find => 0.5]],
	['scan-start', '  start and end of the program, s'],
	['nodes', "a fresh device takes $set{nodes} nodes, s", 6],
	['nodes-cpu', '  its CPU, s'],
	['nodes-mib', '  its memory at most, MiB', 64],
	['nodes-made', '  making them, s'],
	['slow', "$set{slow} files, 20 Mbit/s, 25 ms, 1 % lost, s", [asb => 1],
	    [ab => 1], [rclone => 1]],
);
my @peers = ([asb => 'Syncthing A-S-B'], [ab => 'Syncthing A-B'],
	[rclone => 'rclone'], [unison => 'unison'], [find => 'find']);

# ">120" is one that had not ended after 120 s.
sub cell {
	my $v = shift;
	return '' unless defined $v;
	return $v unless number($v) && $v =~ /\./;
	return sprintf $v < 10 ? '%.2f' : '%.1f', $v;
}
sub judge {
	my ($ours, $of, $bar) = @_;
	return ("<= $bar", $ours <= $bar) unless ref $bar;
	my ($whose, $times) = @$bar;
	my $peer = $of->{$whose};
	my $late = defined $peer && $peer =~ s/^>//;
	return unless number($peer) && $ours > 0;
	return (sprintf('%s%.1f of %s, >= %s', $late ? '> ' : '', $peer / $ours,
		$whose, $times), $peer / $ours >= $times);
}

print "\n| | aumbry |", map({ " $_->[1] |" } @peers), " ratio and bar | met |\n";
print '|---|---:|', '---:|' x @peers, "---|---|\n";
for (@rows) {
	my ($row, $what, @bars) = @$_;
	my $of = $got{$row} or next;
	my $ours = $of->{aumbry};
	my (@said, @met);
	for my $bar (number($ours) ? @bars : ()) {
		my ($said, $met) = judge($ours, $of, $bar) or next;
		push @said, $said;
		push @met, $met ? 'yes' : 'no';
	}
	print "| $what | ", cell($ours), ' |',
	    map({ ' ' . cell($of->{$_->[0]}) . ' |' } @peers), ' ',
	    join('; ', @said), ' | ', join(', ', @met), " |\n";
}
print <<"END";

$set{machine}; load $set{load} when it began.
All in $set{dir}; ratios: theirs by ours. Syncthing 1.19 with fsWatcherDelayS 1
(10 by itself), in A-S-B with an untrusted S; rclone serve webdav with sync (bisync
does more work for the same), which has no times there, so that a changed file has
to be named; unison and rclone are commands: theirs of one change is one run of it.
No server of Seafile or Nextcloud is in Debian: not run.
END
