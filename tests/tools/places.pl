#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# places.pl FILE: a small database of places, in the MaxMind DB format.
use strict;
use warnings;
use utf8;

use MaxMind::DB::Writer::Tree;

my ($out) = @ARGV or die "usage: places.pl FILE\n";
my %types = (city => 'map', country => 'map', names => 'map',
	en => 'utf8_string', de => 'utf8_string');
my $tree = MaxMind::DB::Writer::Tree->new(
	ip_version => 6,
	record_size => 24,
	database_type => 'Places-City',
	languages => ['en'],
	description => { en => 'places for tests' },
	map_key_type_callback => sub { $types{$_[0]} },
	# Addresses of this machine and of documentation have places here.
	remove_reserved_networks => 0,
);

sub place {
	my ($network, $city, $country) = @_;
	my %entry;
	$entry{city} = { names => { en => $city } } if defined $city;
	$entry{country} = { names => { en => $country } } if defined $country;
	$tree->insert_network($network, \%entry);
}

place('127.0.0.0/8', 'Lisbon', 'Portugal');
place('192.0.2.0/24', undef, 'Portugal');
place('198.51.100.0/25', 'São Tomé', undef);
place('198.51.100.128/25', undef, undef);
place('203.0.113.0/25', "Bell\a\e[2J\nCity", "x");
# 61 bytes, the limit stands within the last letter; and far too much.
place('203.0.113.128/26', ('a' x 59) . 'é', 'é' x 4000);
$tree->insert_network('203.0.113.192/26',
	{ country => { names => { de => 'Deutschland' } } });
place('2001:db8::/32', 'Porto', 'Portugal');

open my $fh, '>:raw', $out or die "$out: $!\n";
$tree->write_tree($fh);
close $fh or die "$out: $!\n";
