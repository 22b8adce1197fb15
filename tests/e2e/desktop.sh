#!/bin/sh
# SPDX-License-Identifier: ISC
# desktop.sh: what tests of notices on a desktop read after tap.sh.

SHOWN=$T/shown # what was, by desktop.pl
ANSWER=$T/answer # what is clicked next
: >"$SHOWN"

# session_bus: one without a daemon that shows notices.
session_bus() {
	DBUS_SESSION_BUS_ADDRESS=$(dbus-daemon --session --fork --print-address=1 \
		--print-pid=3 3>"$T/bus.pid" | head -n 1)
	export DBUS_SESSION_BUS_ADDRESS
	HELPERS="$HELPERS $(cat "$T/bus.pid")"
}

# daemon_is_there: somebody shows notices. A daemon is not asked itself before
# that: the bus would start another.
daemon_is_there() {
	dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
		org.freedesktop.DBus.NameHasOwner \
		string:org.freedesktop.Notifications | grep -q true
}

# start_desktop: a bus, and tests/tools/desktop.pl.
start_desktop() {
	session_bus
	perl "$ROOT/tests/tools/desktop.pl" "$SHOWN" "$ANSWER" >"$T/desktop.out" 2>&1 &
	HELPERS="$HELPERS $!"
	until_true 10 daemon_is_there
}
