#!/bin/sh
# SPDX-License-Identifier: ISC
# 55-heard.t: devices tell each other how far they have seen.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"

mkdir "$T/files"
echo one >"$T/files/one"

start_liar
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE" \
	--device-name desk
says 'one device hears nobody' '^devices      1$' at ana status
ok 'backs up' at ana backup "$T/files"
ok 'a second device' pair ana bea ana --device-name tablet
says 'which is heard' '^heard        .*, tablet$' at ana status
ok 'it backs up' at bea backup "$T/files"
run at ana --json status
equal 'no alert' '[]' "$(json alerts "$T/out")"

# The newest of the backups is hidden from one device, which has not seen it.
ok 'it backs up again' at bea backup "$T/files"
lie 'hide-commits backup 1'
run at ana status
status=$?
told 'the newest commit of the backup zone is hidden'
equal 'the other device gives it away' 6 "$status"
also 'by name' '^! tablet has seen the backup zone at [0-9]+, the server shows [0-9]+ here$'
also 'and code' '^\(history-rolled-back\)$'
truth
ok 'all is well again' at ana status

# Eight days later.
later() {
	faketime -f +8d aumbry --home "$T/ana" --password-file "$PW" "$@"
}
stop_server
serve_at +8d
export SERVE
start_server
ok 'a week of silence is no error' later status
also 'but is said' '^! tablet was last heard 8 days ago'
finish
