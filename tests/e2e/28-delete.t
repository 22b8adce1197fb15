#!/bin/sh
# SPDX-License-Identifier: ISC
# 28-delete.t: an account ends, after a wait in which it can be kept; by its
# owner and by who runs the server. Nothing of it stays but its name.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/escrow.sh"

sql() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"; }
# code: what an authenticator shows, as if it had never been used.
code() {
	sql 'UPDATE factor SET counter = 0; DELETE FROM throttle' >/dev/null
	totp now
}
operator() {
	verb=$1
	shift
	aumbryd account --data "$DATA" "$verb" "$@"
}
# over: the wait is; the server looks at its start.
over() {
	sql 'UPDATE closing SET ends_ms = 1' >/dev/null
	stop_server
	start_server
}
# left_of UID: tables that still have rows of it, and files.
left_of() {
	for table in $(sql "SELECT m.name FROM sqlite_master m, pragma_table_info(
			m.name) c WHERE m.type = 'table' AND c.name = 'uid'"); do
		[ "$(sql "SELECT COUNT(*) FROM $table
			WHERE uid = x'$1'")" -eq 0 ] || echo "$table"
	done
	find "$DATA/blobs" -type f -path "*$1*"
}
delete() { at laptop account delete --yes --code "$(code)" "$@"; }

mkdir "$T/files"
head -c 300000 /dev/urandom >"$T/files/a"
start_with_escrow
ok 'signs up' sign_up laptop ana --invite "$INVITE" --device-name laptop
ok 'backs up' at laptop backup "$T/files"
ok 'a second device' pair laptop phone ana --device-name phone
uid=$(sql "SELECT lower(hex(uid)) FROM account WHERE name = 'ana'")
ok 'another account' at bea signup "$URL" bea \
	--invite "$(aumbryd invite --data "$DATA")" --no-two-factor
ok 'the escrow hears of it' until_true 20 escrow_told

# ---- by its owner ----

says 'what goes is told' 'of ana@localhost goes: .* 2 devices' sh -c \
	"echo someone@else | aumbry --home '$T/laptop' account delete"
also '- and the name has to be typed' 'nothing was changed'
sql 'UPDATE session SET password_ms = 0, step_up_ms = 0'
refused 'a second factor is asked for' 1 wrong-code \
	at laptop account delete --yes --code 000000
refused 'a young device does not' 4 device-too-young \
	at phone account delete --yes --code "$(code)"
ok 'the first one does' delete
also '- and hears when' 'The account ends .*account keep'
ends=$(sql 'SELECT (ends_ms - asked_ms) / 3600000 FROM closing')
equal '- in a week' 168 "$ends"
says 'the other device sees it' '^! this account ends .*account keep' \
	at phone status
also '- and all goes on' '^protection'
says 'it is in the log' 'account_closing' at phone log
ok '- backups, too' at phone backup "$T/files"
says 'a sign-in says so' 'Beware: this account ends' pair laptop tablet ana
says 'the operator sees it' '^ana .* ends ' operator list
ok 'asked again' delete
equal '- it is not put off' 1 "$(sql 'SELECT COUNT(*) FROM event
	WHERE event = "account_closing"')"
ok 'any device keeps it, without a proof' at phone account keep
lacks '- and that is that' 'Beware'
says 'the log tells of it' 'account_kept' at laptop log
refused 'there is nothing to keep' 1 not-found at phone account keep
over
ok 'it is all there' at phone status
says '- with its backups' "$T/files" at phone snapshot list
PATH=$BUILD/tests:$PATH
refused 'no device ends the circle itself' 1 permission-denied \
	thief "$T/laptop" close

ok 'a sign-in by a code' at visitor signin "$URL" ana --with authenticator \
	--code "$(code)"
ok 'once more' delete
ok '- and it keeps the account, too' at visitor account keep
ok 'and once more' delete
over
equal 'it is gone, with all rows and files' '' "$(left_of "$uid" |
	grep -v '^gone$')"
says 'a device hears that it is' 'the account ended .*nothing of it' \
	at laptop status
also '- by a code' 'not-a-member'
refused 'nobody signs in' 1 wrong-password-or-name at new signin "$URL" ana
equal "the escrow's key is gone with it" '' "$(find "$ESCROW_DIR/accounts" \
	-name "$uid*.key")"
says '- by a word of its owner' ' destroy done' aumbry-escrow journal \
	--dir "$ESCROW_DIR"
ok 'others are as they were' at bea status
ok 'the books are right' aumbryd check --data "$DATA" --read
refused 'nobody else gets the name' 1 name-taken at new signup "$URL" ana \
	--invite "$(aumbryd invite --data "$DATA")"
ok '- unless the operator says so' operator free ana
refused '- once' 1 not-found operator free ana
ok 'then somebody does' sign_up new ana \
	--invite "$(aumbryd invite --data "$DATA")"

# ---- where there is a recovery key ----

ok 'a recovery key' at new recovery key create --out "$T/key" \
	--code "$(code)"
refused 'no device ends the account then' 2 input-missing \
	at new account delete --yes --code "$(code)"
ok 'the recovery key does' at new account delete --yes --key-file "$T/key" \
	--code "$(code)"
says '- after a wait' '^! this account ends' at new status
ok '- in which it is kept' at new account keep

# ---- by who runs the server ----

uid=$(sql "SELECT lower(hex(uid)) FROM account WHERE name = 'ana'")
operator delete ana </dev/null >"$T/asked" 2>&1
ok 'the operator is told what goes' grep -q '^devices    1$' "$T/asked"
ok '- and types the name' grep -q '(input-missing)' "$T/asked"
refused 'another name ends nothing' 2 bad-usage operator delete ana --yes bea
refused 'nor one that is not there' 1 not-found \
	operator delete cleo --yes cleo
ok 'the right one' operator delete ana --yes ana
says 'the device sees who it was' 'who runs the server wants that' \
	at new status
refused '- and cannot keep it' 4 permission-denied at new account keep
ok 'the operator can' operator keep ana
ok 'the owner asks first' at new account delete --yes --key-file "$T/key" \
	--code "$(code)"
ok '- and the operator wants it, too' operator delete ana --yes ana
refused '- then no device keeps it' 4 permission-denied at new account keep
entry=$(sql 'SELECT hex(entry) FROM closing')
ok 'the circle goes on' at new recovery key rotate --out "$T/key2" \
	--code "$(code)"
ok '- and the owner asks again' at new account delete --yes \
	--key-file "$T/key" --code "$(code)"
equal '- which ends the new one' 1 "$(sql "SELECT COUNT(*) FROM closing
	WHERE hex(entry) <> '$entry' AND dev_id = zeroblob(16)")"
ok 'it is kept' operator keep ana
run at new status
lacks '- it is kept' 'ends'
refused 'at once only with the name twice' 2 bad-usage \
	operator delete ana --now bea --yes ana
ok 'at once' operator delete ana --now ana --yes ana
stop_server KILL
start_server
equal 'it is gone' '' "$(left_of "$uid" | grep -v '^gone$')"
ok '- but for the escrow, which has no word of its owner' \
	grep -q 'escrow_key_kept' "$T/server.err"
ok 'others are as they were' at bea status

# ---- an escrow that is away, and a crash on the way ----

ok 'somebody else' sign_up laptop2 dan \
	--invite "$(aumbryd invite --data "$DATA")"
ok 'backs up' at laptop2 backup "$T/files"
ok 'is told to the escrow' until_true 20 escrow_told
uid=$(sql "SELECT lower(hex(uid)) FROM account WHERE name = 'dan'")
ok 'ends the account' at laptop2 account delete --yes --code "$(code)"
stop_escrow
sql 'UPDATE closing SET ends_ms = asked_ms + 1' >/dev/null
stop_server
start_server
ok 'it waits for an escrow that is away' grep -q \
	'account_end_waits .*escrow-unreachable' "$T/server.err"
refused '- closed to everybody' 4 account-suspended at laptop2 status
refused '- and too late to keep, by any clock' 1 conflict \
	faketime -f -30d "$(command -v aumbryd)" account --data "$DATA" keep dan
says '- which the operator sees' '^dan .* ends now' operator list
stop_server KILL
start_escrow
start_server
equal 'and goes once it is back' '' "$(left_of "$uid" | grep -v '^gone$')"
equal '- with its key' '' "$(find "$ESCROW_DIR/accounts" -name "$uid*.key")"

# ---- kept while the sweep is at another ----

for who in eve fay; do
	ok "$who signs up" at "$who" signup "$URL" "$who" --no-two-factor \
		--invite "$(aumbryd invite --data "$DATA")"
	ok '- and is ended' operator delete "$who" --yes "$who"
done
sql "UPDATE closing SET ends_ms = 1 + (uid IN (SELECT uid FROM account
		WHERE name = 'fay'));
	CREATE TRIGGER keep AFTER UPDATE OF suspended ON account
		WHEN new.name = 'eve' BEGIN
			DELETE FROM closing WHERE uid = (SELECT uid
				FROM account WHERE name = 'fay');
		END"
stop_server
start_server
sql 'DROP TRIGGER keep'
refused 'one has ended' 4 not-a-member at eve status
ok 'what was kept meanwhile is there' at fay status

# ---- a clock that jumps, a server that is off, a copy of long ago ----

uid=$(sql "SELECT lower(hex(uid)) FROM account WHERE name = 'fay'")
ok 'it is to end' operator delete fay --yes fay
stop_server
serve_at +30d
start_server
says 'a month without a server is no wait' '^fay .* ends ' operator list
ok '- and the log says so' grep -q 'account_ends_moved' "$T/server.err"
equal '- it begins again' 7 "$(sql "SELECT (ends_ms / 1000 -
	strftime('%s', 'now') + 3600) / 86400 - 30 FROM closing")"
stop_server
serve_at +0
start_server
equal 'nobody waits for a clock that was ahead' 7 "$(sql "SELECT (ends_ms /
	1000 - strftime('%s', 'now') + 3600) / 86400 FROM closing")"
ok 'it is all there' at fay status

# ---- a blob that comes while the account goes ----

run at fay status
zone=$(sql "SELECT lower(hex(zone)) FROM zone WHERE uid = x'$uid' LIMIT 1")
token=$(sqlite3 -batch "$T/fay/state.db" \
	"SELECT hex(value) FROM pair WHERE name = 'token'" |
	cut -c 17- | perl -ne 'chomp; print pack("H*", $_)')
{
	printf 'PUT /v1/zones/%s/blobs/%032x HTTP/1.1\r\nHost: localhost\r\n' \
		"$zone" 1
	printf 'Authorization: Bearer %s\r\nContent-Length: 1\r\n' "$token"
	printf 'X-Aumbry-Checksum: %s\r\n\r\n' \
		5c7401c0ec22eeeeeaf06c6480b2cd11
	until_true 25 test -e "$T/ended"
	printf x
	until_true 20 grep -q '}' "$T/slow"
} | openssl s_client -quiet -no_ign_eof -connect \
	"$(echo "$URL" | sed 's|https://||; s|/.*||')" >"$T/slow" 2>"$T/tls" &
slow=$!
written() { [ "$(sql 'SELECT COUNT(*) FROM loose WHERE state = 1')" -eq 1 ]; }
ok 'a blob is on its way' until_true 20 written
for table in $(left_of "$uid" | grep -v /); do
	sql "DELETE FROM $table WHERE uid = x'$uid'"
done
: >"$T/ended"
wait $slow
says 'it comes to nothing' not-found cat "$T/slow"
equal '- and leaves nothing' '' "$(left_of "$uid")"
finish
