#!/bin/sh
# SPDX-License-Identifier: ISC
# key.sh: security keys in software, for tests that read it after account.sh.

PIN=$T/pin
echo 246810 >"$PIN"
NEW_PIN='--pin 246810' # of keys that have no state yet; '' for none
SOFT='' # processes

# soft NAME [FLAG…]: plug the key NAME in; its state stays in $T/NAME.key.
# Again with other flags: it is unplugged first.
soft() {
	unplug "$1"
	key=$1
	shift
	: >"$T/$key.out"
	# shellcheck disable=SC2086 # a flag and its value, or nothing
	"$BUILD/tests/softkey" serve "$T/$key.sock" "$T/$key.key" $NEW_PIN \
		"$@" >"$T/$key.out" 2>"$T/$key.err" &
	echo $! >"$T/$key.pid"
	SOFT="$SOFT $!"
	until_true 20 grep -q ready "$T/$key.out"
}
unplug() {
	[ -f "$T/$1.pid" ] || return 0
	kill "$(cat "$T/$1.pid")" 2>/dev/null
	wait "$(cat "$T/$1.pid")" 2>/dev/null
	rm -f "$T/$1.pid" "$T/$1.sock"
}
unplug_all() {
	for process in $SOFT; do
		kill "$process" && wait "$process"
	done 2>/dev/null
}

# keyed KEY HOME COMMAND…: as `at`, with that key at hand.
keyed() {
	with=$1
	shift
	at "$@" --device "unix:$T/$with.sock" --pin-file "$PIN"
}
