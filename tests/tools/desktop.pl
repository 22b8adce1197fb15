#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# desktop.pl SHOWN ANSWER: a desktop that shows notifications on the session
# bus. It appends what is shown to the file SHOWN; the word in the file ANSWER,
# when there is one, is the button that a person clicks half a second later.
use strict;
use warnings;

package Desktop;
use base 'Net::DBus::Object';
use Net::DBus::Exporter 'org.freedesktop.Notifications';

my ($shown, $answer) = @ARGV;
my $number = 0;

dbus_method('Notify',
    ['string', 'uint32', 'string', 'string', 'string', ['array', 'string'],
	['dict', 'string', ['variant']], 'int32'],
    ['uint32']);
dbus_method('CloseNotification', ['uint32'], []);
dbus_signal('ActionInvoked', ['uint32', 'string']);
dbus_signal('NotificationClosed', ['uint32', 'uint32']);

sub say_to {
	my ($line) = @_;
	open my $to, '>>', $shown or die "$shown: $!";
	print {$to} "$line\n";
	close $to;
}

sub click {
	my ($self, $n) = @_;
	open my $from, '<', $answer or return;
	chomp(my $key = <$from> // '');
	close $from;
	unlink $answer;
	$self->emit_signal('ActionInvoked', $n, $key) if $key ne '';
	$self->emit_signal('NotificationClosed', $n, 2);
}

sub Notify {
	my ($self, $app, $old, $icon, $title, $body, $buttons) = @_;
	my $n = ++$number;
	say_to("$n|$app|$title|$body|@$buttons");
	if (@$buttons && -e $answer) {
		my $timer;
		$timer = $main::reactor->add_timeout(500, sub {
			$main::reactor->remove_timeout($timer);
			$self->click($n);
		});
	}
	return $n;
}

sub CloseNotification {
	my ($self, $n) = @_;
	say_to("closed $n");
	$self->emit_signal('NotificationClosed', $n, 3);
}

package main;
use Net::DBus;
use Net::DBus::Reactor;

our $reactor = Net::DBus::Reactor->main();
my $service = Net::DBus->session->export_service(
    'org.freedesktop.Notifications');
my $object = Desktop->new($service, '/org/freedesktop/Notifications');
$reactor->run();
