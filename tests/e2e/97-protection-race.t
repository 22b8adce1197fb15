#!/bin/sh
# SPDX-License-Identifier: ISC
# 97-protection-race.t: two devices switch the level at the same time, each its
# own way; the escrow hangs.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/escrow.sh"

mkdir -p "$T/files"
echo 'holiday pictures' >"$T/files/photo"
start_with_escrow
ok 'signs up' sign_up laptop ana --invite "$INVITE" --device-name laptop
ok 'a recovery key' at laptop recovery key create --out "$T/key"
ok '- is tried' at laptop recovery drill --key-file "$T/key"
ok 'backs up' at laptop backup "$T/files"
ok 'a second device' pair laptop tablet ana --device-name tablet

# Three days later both are old enough.
stop_server
stop_escrow
LATER="env FAKETIME=+73h LD_PRELOAD=$(faketime -f +73h printenv LD_PRELOAD)"
# shellcheck disable=SC2034 # tap.sh reads it
SERVE=$LATER ESCROW_AS=$LATER
start_escrow
start_server
later() {
	device=$1
	shift
	$LATER aumbry --home "$T/$device" --password-file "$PW" "$@"
}
sql() {
	sqlite3 -batch "$DATA/aumbryd.db" ".timeout 5000" "$@" >/dev/null
}
# ready: both have proven their factor just now.
ready() {
	for device in laptop tablet; do
		sql 'UPDATE factor SET counter = 0; DELETE FROM throttle'
		later $device step-up --code "$(totp '73 hours')" || return
	done
}
level() {
	run later "$1" protection show --json && json level "$T/out"
}
# Only one key of the escrow's is good: that of the level there is.
keys_held() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'SELECT COUNT(*) FROM envelope WHERE purpose = 6'
}

to() { # DEVICE LEVEL; what turns standard on asks for a factor anyhow
	if [ "$2" = standard ]; then
		sql 'UPDATE factor SET counter = 0; DELETE FROM throttle'
		later "$1" protection standard --code "$(totp '73 hours')"
	else
		later "$1" protection advanced
	fi
}
# both DEVICE FIRST THEN: one way and back, whatever the other does.
both() {
	to "$1" "$2"
	to "$1" "$3"
}
n=0
while [ $n -lt 5 ]; do
	n=$((n + 1))
	ok "race $n" ready
	both laptop advanced standard >"$T/a" 2>&1 &
	a=$!
	# Each its own way, and then the same one.
	if [ $((n % 2)) = 1 ]; then
		both tablet standard advanced >"$T/b" 2>&1 &
	else
		both tablet advanced standard >"$T/b" 2>&1 &
	fi
	b=$!
	wait $a
	wait $b
	cat "$T/a" "$T/b" >"$T/ab"
	now=$(level laptop)
	equal "- both see the same" "$now" "$(level tablet)"
	not '- nobody is told a lie' grep -qE \
		'\((circle-|history-|not-a-member|key-substituted)' "$T/ab"
	if [ "$now" = standard ]; then
		not '- the escrow has keys' [ "$(keys_held)" = 0 ]
	else
		equal '- the escrow has none' 0 "$(keys_held)"
	fi
done
rm -rf "$T/back"
ok 'backs up' later tablet backup "$T/files"
ok '- and restores' later laptop restore "latest:$T/files" --to "$T/back"
ok '- all' trees_equal "$T/files" "$T/back"
ok 'the escrow hears of the last word' until_true 30 escrow_told

# ---- one that hangs ----

[ "$(level laptop)" = standard ] || ok 'standard' to laptop standard
ok '- the escrow has been told' until_true 30 escrow_told
kill -STOP "$ESCROW"
sql 'UPDATE factor SET counter = 0; DELETE FROM throttle'
run later visitor signin "$URL" ana --with authenticator \
	--code "$(totp '73 hours')"
equal 'the escrow hangs: one is signed in all the same' 0 $?
also '- and told why nothing can be read' 'escrow-unreachable'
ok '- the server answers others' later laptop status
says '- the log says what it lacks' 'escrow-unreachable' later laptop log
ok '- advanced protection does not wait for it' later laptop \
	protection advanced --code "$(totp '73 hours 30 seconds')"
kill -CONT "$ESCROW"
ok '- it hears of that later' until_true 60 escrow_told
finish
