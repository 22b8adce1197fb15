#!/bin/sh
# SPDX-License-Identifier: ISC
# 50-drive-reports.t: what users of such tools reported, for folders that stay.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana
mkdir "$T/A" "$T/B"

# stay HOME COMMAND…: keep its enabled folders in sync, run by that command.
stay() {
	home=$1
	shift
	"$@" "$(command -v aumbry)" --home "$T/$home" --password-file "$PW" \
		drive stay >"$T/$home.stay" 2>&1 &
	HELPERS="$HELPERS $!"
	until_true 30 test -S "$T/$home/drive.sock"
}
# there FILE TEXT: does it say that?
there() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
# Its clock is off by what a file says, so that a minute is not waited for.
echo +0 >"$T/clock"
clock="FAKETIME_TIMESTAMP_FILE=$T/clock FAKETIME_NO_CACHE=1
LD_PRELOAD=/usr/\$LIB/faketime/libfaketime.so.1"
# shellcheck disable=SC2086 # words
clocked() { exec env $clock "$@"; }
# Nothing can be watched.
blind() {
	# shellcheck disable=SC2086 # words
	exec unshare --user --map-root-user sh -c '
		echo 0 >/proc/sys/user/max_inotify_instances
		exec "$@"' - env $clock "$@"
}
# awake HOME COMMAND…: ask who stays, which looks at its clock then.
awake() {
	at "$1" drive status >"$T/status" 2>&1
	shift
	"$@"
}

ok 'a folder' at a drive enable "$T/A"
ok 'so on the other device' at b drive enable "$T/B"
aumbryd account quota ana 4M --data "$DATA" >"$T/quota" 2>&1
echo first >"$T/A/first"
head -c 9000000 /dev/urandom >"$T/B/big"
# syncthing/syncthing-inotify#48: what cannot be watched was never seen.
ok 'one stays, and can watch nothing' stay a blind
ok 'one can, and has no room' stay b clocked
ok 'what was there comes' until_true 30 there "$T/B/first" first
held() { at b drive status | grep -q 'big: .*quota-exceeded'; }
ok 'what is beyond the quota is held' until_true 30 held
says 'that nothing is watched is said' 'each minute: .*\(watch-limited\)' \
	cat "$T/a.stay"
says 'and in the status' 'each minute: .*\(watch-limited\)' at a drive status
echo second >"$T/A/second"
aumbryd account quota ana 1G --data "$DATA" >"$T/quota" 2>&1
not 'and nothing comes of it at once' there "$T/B/second" second
echo +65 >"$T/clock"
ok 'what was held is tried again by itself' \
	until_true 30 awake b at a drive ls /big
ok 'what changes is seen by looking' \
	until_true 30 awake a there "$T/B/second" second
finish
