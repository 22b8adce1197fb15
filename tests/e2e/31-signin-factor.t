#!/bin/sh
# SPDX-License-Identifier: ISC
# 31-signin-factor.t: what a code opens: a look at the account, none of its
# data; what it takes to guess one.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

mkdir "$T/files"
echo text >"$T/files/a"
ask() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"
}
wrong_of() {
	printf %06d $(((1$1 + 1) % 1000000))
}
# Codes count once: each use takes the next step that is still good.
forget_codes() {
	ask 'UPDATE factor SET counter = 0'
}
visit() {
	at "$1" signin "$URL" "$2" --with authenticator --code "$3"
}

start_server
ok 'an account' at ana signup "$URL" ana --invite "$INVITE"
refused 'a way it does not have' 4 factor-missing visit v ana 123456
also 'is named' 'no authenticator'
ok 'gets an authenticator' \
	at ana authenticator add --secret-file "$SECRET"
ok 'confirmed' at ana authenticator confirm "$(totp now)"
ok 'a backup' at ana backup "$T/files"

forget_codes
right=$(totp now)
refused 'a wrong code' 1 wrong-code visit v ana "$(wrong_of "$right")"
refused 'no home is left of it' 1 not-signed-in aumbry --home "$T/v" status
refused 'a code of a trusted device is not sent' 2 wrong-code-kind \
	visit v ana 1234-5674
refused 'a code of an authenticator is not for pairing' 2 wrong-code-kind \
	at v signin "$URL" ana --code "$right"
refused 'no such way' 2 bad-usage at v signin "$URL" ana --with smoke
not 'a wrong password' sh -c 'echo wrong | aumbry --home "$1" \
	--password-file - signin "$2" ana --with authenticator --code "$3"' \
	sh "$T/v" "$URL" "$right"
refused 'an unknown name' 1 wrong-password-or-name visit v nobody "$right"
# Who has the password asks as often as he likes; here he has, all day.
ask "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300)
	INSERT INTO joining (id, uid, token, created_ms, expires_ms, device,
	nonce, os, address, state, by_device, shown) SELECT randomblob(16), uid,
	randomblob(32), created_ms - i, expires_ms, device, nonce, os, address,
	i % 2 * 4, by_device, 0 FROM n, (SELECT * FROM joining LIMIT 1)"
ok 'the right one' visit v ana "$right"
also 'says what it opens' "to look at the account"
says '- requests that no device saw do not pile up' '^64$' \
	ask 'SELECT COUNT(*) FROM joining WHERE shown = 0'
refused 'that code again' 1 wrong-code visit w ana "$right"
says 'status' 'none: signed in by a code' at v status
says 'status as an object' '"limited":true' at v --json status
says 'the log' ' signin_visit .*authenticator' at v log
says 'which asked no device' '^0$' \
	ask "SELECT COUNT(*) FROM event WHERE event LIKE 'join%'"
says 'sessions' 'only looks\)  \(this one\)' at v session list
refused 'no backup' 4 permission-denied at v backup "$T/files"
also 'that says how' 'aumbry signin URL NAME'
refused 'no devices' 4 permission-denied at v device list
refused 'no other sign-in over it is needed' 1 not-found \
	at v session end 00000000

# The server refuses too, whatever a client does.
token=$(sqlite3 -batch "$T/v/state.db" \
	"SELECT hex(value) FROM pair WHERE name = 'visit'" |
	tail -c 87 | perl -ne 'print pack("H*", $1) if /([0-9A-F]{86})/')
api=${URL%%#*}
api=${api%/}
reach() {
	curl -sk -o "$T/body" -w '%{http_code}' -X "$1" \
		-H "Authorization: Bearer $token" "$api$2"
}
equal 'its token reaches the account' 200 "$(reach GET /v1/account)"
for path in 'GET /v1/keyring' 'GET /v1/zones' 'GET /v1/joins' \
	'POST /v1/circle' 'GET /v1/visits' 'POST /v1/visits/x/allow'; do
	# shellcheck disable=SC2086 # method and path
	equal "but not $path" 403 "$(reach $path)"
done

# Who has password and code shuts nobody out: what opens the account is changed
# by its devices alone, and by no proof that a visitor can give.
for path in 'POST /v1/app-passwords' 'POST /v1/authenticator' \
	'DELETE /v1/authenticator' 'POST /v1/authenticator/confirm' \
	'POST /v1/phones' 'POST /v1/phones/confirm' 'POST /v1/phones/remove' \
	'POST /v1/security-keys/start' 'POST /v1/security-keys' \
	'POST /v1/security-keys/remove' 'POST /v1/mail' \
	'POST /v1/mail/confirm' 'POST /v1/mail/remove' 'POST /v1/two-factor' \
	'POST /v1/password/start' 'POST /v1/password/finish' \
	'POST /v1/step-up/start' 'POST /v1/factors/prove'; do
	# shellcheck disable=SC2086 # method and path
	equal "nor $path" 403 "$(reach $path)"
done
forget_codes
refused 'it changes nothing' 4 permission-denied \
	at v app-password create X --scope dav --code "$(totp now)"
also 'and says who does' 'aumbry signin URL NAME'
ok 'a device makes an app password' at ana app-password create X --scope dav \
	--code "$(totp now)"
says 'which it sees' ' X ' at v app-password list
ok 'and may revoke' at v app-password revoke --all
forget_codes
id=$(at ana --json session list | grep '"limited":true' |
	sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
ok 'a device ends it' at ana session end "$id"
refused 'which is felt' 1 session-expired at v status
also 'and says what to do' 'aumbry signin'
ok 'it leaves nothing' at v signout
refused 'at all' 1 not-signed-in aumbry --home "$T/v" status
forget_codes
ok 'another' visit v ana "$(totp now)"
forget_codes
echo 'a new password' >"$T/new"
ok 'a password change' at ana password change --new-password-file "$T/new" \
	--code "$(totp now)"
refused 'ends it too' 1 session-expired at v status
mv "$T/new" "$PW"

# Guessing. 200 at once admit no more than the limit.
forget_codes
at ana step-up >/dev/null 2>&1 </dev/null # the password half
token=$(sqlite3 -batch "$T/ana/state.db" \
	"SELECT hex(value) FROM pair WHERE name = 'token'" |
	perl -ne 'print pack("H*", $1) if /^.{16}([0-9A-F]{86})/')
right=$(totp now)
guesses "$api" "$token" authenticator "$(wrong_of "$right")"
equal 'all others are too many' 195 \
	"$(grep -o too-many-attempts "$T/guesses" | wc -l)"
refused 'and the right one comes too late' 4 too-many-attempts \
	at ana step-up --code "$right"
ask 'DELETE FROM throttle'
ok 'until it does not' at ana step-up --code "$right"
ask 'DELETE FROM throttle'
seq 200 | xargs -P 20 -I{} sh -c 'echo "guess {}" | aumbry --home "$1{}" \
	--password-file - signin "$2" ana 2>&1 | tail -n 1' \
	sh "$T/g" "$URL" >"$T/guesses"
equal 'of 200 passwords at once, ten are looked at' \
	'190 (too-many-attempts) 10 (wrong-password-or-name)' \
	"$(sort "$T/guesses" | uniq -c | awk '{ printf "%s%s %s", s, $1, $2; s = " " }')"
refused 'a name nobody has is throttled as well' 4 too-many-attempts \
	sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do
		echo x | aumbry --home "$1" --password-file - \
			signin "$2" nobody 2>/dev/null
	done
	echo x | aumbry --home "$1" --password-file - signin "$2" nobody' \
	sh "$T/n" "$URL"
finish
