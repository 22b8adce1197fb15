#!/bin/sh
# SPDX-License-Identifier: ISC
# 56-wait.t: one request waits for all that a device follows.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

zones() {
	home=$1
	shift
	"$BUILD/tests/zones" "$T/$home" "$@"
}

# waiting HOME SECONDS CATEGORY…: begin a wait, whose words go to $T/heard, and
# go on once it waits at the server.
waiting() {
	: >"$T/heard"
	home=$1
	shift
	there=$(parked)
	"$BUILD/tests/zones" "$T/$home" wait "$@" >"$T/heard" 2>&1 &
	waits=$!
	until_true 20 grep -q ready "$T/heard" &&
		until_true 20 more_parked "$there"
}

# parked: how many requests wait at the server; one whose client has gone does
# so until its time is up. more_parked N: more than that.
parked() { metric aumbry_http_waiting; }
more_parked() { [ "$(parked)" -gt "$1" ]; }

# ended STATUS: the wait ended with it.
ended() {
	wait "$waits"
	status=$?
	cat "$T/heard"
	[ "$status" -eq "$1" ]
}

# ask FIELDS: a wait as a page would ask for it, with the session of ana.
ask() {
	curl -sk -H "Authorization: Bearer $token" -d "$1" \
		-w '\n%{http_code}\n' "${URL%%#*}v1/wait"
}

start_metered
ok 'signs up' sign_up ana ana --invite "$INVITE" --device-name desk
ok 'a second device' pair ana bea ana --device-name tablet
ok 'two zones' zones ana commit notes one
ok 'of which one guards' zones ana commit drive one

ok 'waits for two zones' waiting ana 50 notes drive
ok 'another device changes one' zones bea commit drive two
ok 'which ends it' ended 0
equal 'by name' 'drive ' "$(tail -n 1 "$T/heard")"
says 'without any it ends by itself' '^nothing$' zones ana wait 1 notes drive
ok 'a zone that there is not yet' waiting ana 50 photos
ok 'is made' zones bea commit photos one
ok 'which is news' ended 0
equal 'too' 'photos ' "$(tail -n 1 "$T/heard")"

# The circle, and who asks to be let in.
ok 'waits' waiting bea 50 notes
ok 'a third device' pair ana cat ana --device-name phone
ok 'is heard of' ended 0
equal 'as soon as it asks' 'joins ' "$(tail -n 1 "$T/heard")"
ok 'waits again' waiting bea 50 notes
ok 'it is put out' at ana device remove phone
ok 'which is heard' ended 0
equal 'too' 'circle ' "$(tail -n 1 "$T/heard")"

# Whoever waits holds up nothing, and ends when told.
ok 'commits while another thread waits' zones ana beside 20 notes
also 'which ends when it is told' '^nothing$'
ok 'waits' waiting ana 50 notes
kill "$waits"
ok 'a signal ends it' ended 143

# Many at once, all woken by one commit.
notes=$(sqlite3 -batch "$DATA/aumbryd.db" \
	"SELECT lower(hex(zone)) || '\",\"seq\":' || seq FROM zone
	WHERE category = 6")
token=$(sqlite3 -batch "$T/ana/state.db" \
	"SELECT CAST(substr(value, 9) AS TEXT) FROM pair WHERE name = 'token'")
there=$(parked)
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	ask "{\"zones\":[{\"zone\":\"$notes}],\"wait\":50}" \
		>"$T/many.$i" &
	many="${many-} $!"
done
ok 'twenty wait' until_true 20 more_parked $((there + 19))
ok 'one commit' zones bea commit notes three
# shellcheck disable=SC2086 # a list of numbers
wait $many
equal 'wakes them all' 20 "$(grep -l '"seq"' "$T"/many.* | wc -l)"

# What is asked wrongly.
says 'a wait for nothing' bad-request ask '{"wait":5}'
says 'no number' bad-request ask '{"circle":"many"}'
says 'too long' bad-request ask '{"circle":1,"wait":56}'
says 'no list' bad-request ask '{"zones":7}'
says 'no zone' bad-request ask '{"zones":[{"zone":"xyz","seq":1}]}'
says 'too many zones' too-large ask "{\"zones\":[$(seq -s, 65)]}"
says 'behind a server that was restored is news' \
	'"seq"' ask "{\"zones\":[{\"zone\":\"${notes%:*}:999}],\"wait\":50}"

ok 'waits' waiting ana 50 notes
kill -9 "$SERVER"
ok 'a server that is gone ends it' ended 5
also 'which it says' '^\(server-unreachable\)$'
start_server
ok 'there again it is asked again' zones ana wait 0 notes
also 'without news' '^nothing$'
finish
