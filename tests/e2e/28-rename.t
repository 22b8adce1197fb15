#!/bin/sh
# SPDX-License-Identifier: ISC
# 28-rename.t: an account gets another name: devices go on, who signs in does so
# by the new one, and nobody else gets the old one.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

rename() { aumbryd account --data "$DATA" rename "$@"; }
code() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'UPDATE factor SET counter = 0; DELETE FROM throttle' >/dev/null
	totp now
}
invitation() { aumbryd invite --data "$DATA"; }

mkdir "$T/files"
echo 'something' >"$T/files/a"
start_server
ok 'signs up' sign_up laptop ana --invite "$INVITE" --device-name laptop
ok 'backs up' at laptop backup "$T/files"
ok 'has a recovery key' at laptop recovery key create --out "$T/key" \
	--code "$(code)"
ok 'somebody else' at bea signup "$URL" bea --invite "$(invitation)" \
	--no-two-factor
refused 'the name of another' 1 name-taken rename ana bea
refused 'a name that is none' 2 bad-name rename ana 'a..b'
refused 'its own name' 1 name-taken rename ana ana
refused 'an account that is not there' 1 not-found rename cleo dan
ok 'another name' rename ana anna
at laptop status >"$T/status" 2>&1
says 'the device goes by it' '^account +anna@localhost$' at laptop status
ok '- with its backups' at laptop backup "$T/files"
ok '- and its password' at laptop step-up --code "$(code)"
says 'the log tells of it' 'account_renamed.*anna, before: ana' at laptop log
refused 'nobody signs in by the old one' 1 wrong-password-or-name \
	at new signin "$URL" ana
ok 'a device joins by the new one' pair laptop phone anna
refused 'nobody else gets the old one' 1 name-taken \
	at cleo signup "$URL" ana --invite "$(invitation)"
refused '- nor by another way' 1 name-taken rename bea ana
echo 'a new password, long enough' >"$T/pw2"
ok 'the recovery key opens it by the new one' aumbry --home "$T/back" \
	--password-file "$T/pw2" recover "$URL" anna --key-file "$T/key"
ok 'it gets its own one back' rename anna ana
aumbry --home "$T/back" status >"$T/status" 2>&1
says '- which the device goes by' '^account +ana@localhost$' \
	aumbry --home "$T/back" status
refused 'and the other stays its own, too' 1 name-taken \
	at cleo signup "$URL" anna --invite "$(invitation)"
ok 'until the operator frees it' aumbryd account --data "$DATA" free anna
ok '- for somebody else' at cleo signup "$URL" anna --invite "$(invitation)" \
	--no-two-factor
finish
