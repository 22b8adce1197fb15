#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# power.pl DIR: UPower and NetworkManager, as far as they are asked whether there
# is mains power and whether the network costs by the byte: the numbers in the
# files DIR/battery and DIR/metered. On the system bus.
use strict;
use warnings;
use Net::DBus qw(:typing);

my ($dir) = @ARGV;

sub number {
	open my $from, '<', "$dir/$_[0]" or return 0;
	chomp(my $n = <$from> // 0);
	return $n;
}

package Power;
use base 'Net::DBus::Object';
use Net::DBus::Exporter 'org.freedesktop.UPower';
dbus_property('OnBattery', 'bool', 'read');
sub OnBattery { return main::dbus_boolean(main::number('battery')) }

package Network;
use base 'Net::DBus::Object';
use Net::DBus::Exporter 'org.freedesktop.NetworkManager';
dbus_property('Metered', 'uint32', 'read');
sub Metered { return main::dbus_uint32(main::number('metered')) }

package main;
use Net::DBus::Reactor;

my $bus = Net::DBus->system;
my $power = Power->new($bus->export_service('org.freedesktop.UPower'),
    '/org/freedesktop/UPower');
my $network = Network->new(
    $bus->export_service('org.freedesktop.NetworkManager'),
    '/org/freedesktop/NetworkManager');
Net::DBus::Reactor->main()->run();
