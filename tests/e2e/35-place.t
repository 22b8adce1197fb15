#!/bin/sh
# SPDX-License-Identifier: ISC
# 35-place.t: about where an address is, from a database of the operator's.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

start_server
ok 'an account with two-factor' sign_up ana ana --invite "$INVITE"
no_place() {
	at ana log >"$T/seen" && at ana session list >>"$T/seen" &&
		grep -q '127\.0\.0\.1' "$T/seen" &&
		! grep -q 'near' "$T/seen"
}
ok 'without a database there is the address alone' no_place
stop_server

configure place database "$T/places.mmdb"
refused 'a database that is not there' 2 bad-usage \
	aumbryd serve --data "$DATA"
also 'is named' '\[place\] database: .*/places\.mmdb: '
also 'and how to go on' 'Name a file of the MaxMind DB format'
echo 'no database' >"$T/places.mmdb"
refused 'one that is none' 2 bad-usage aumbryd serve --data "$DATA"
refused 'is found by --check-config, too' 2 bad-usage \
	aumbryd serve --data "$DATA" --check-config
ok 'a database' "$ROOT/tests/tools/places.pl" "$T/places.mmdb"
start_server

at ana status >/dev/null # opens a session
says 'the log tells about where from' \
	' 127\.0\.0\.1 \(near Lisbon, Portugal\)' at ana log
says 'also of what was before: places are not stored' \
	' signup  +127\.0\.0\.1 \(near Lisbon, Portugal\)' at ana log
says 'so do the sessions' \
	'from 127\.0\.0\.1 \(near Lisbon, Portugal\) +since' at ana session list
at ana --json session list >"$T/sessions"
equal 'as JSON, beside the address' '127.0.0.1 Lisbon, Portugal' \
	"$(json address "$T/sessions") $(json place "$T/sessions")"

aumbry --home "$T/new" --password-file "$PW" signin "$URL" ana \
	--device-name New </dev/null >"$T/new.out" 2>&1 &
HELPERS="$HELPERS $!"
asks() {
	at ana device requests >"$T/requests" && [ -s "$T/requests" ]
}
ok 'a request to join comes' until_true 30 asks
ok 'and tells about where from' \
	grep -q 'from 127\.0\.0\.1 (near Lisbon, Portugal)' "$T/requests"
equal 'also as JSON' 'Lisbon, Portugal' \
	"$(at ana --json device requests >"$T/json" && json place "$T/json")"
ok 'it is refused' at ana device refuse --yes

# The file may be replaced by another while the server runs.
cp "$T/places.mmdb" "$T/newer" && mv "$T/newer" "$T/places.mmdb"
says 'a new file in its place disturbs nothing' 'near Lisbon' at ana log
finish
