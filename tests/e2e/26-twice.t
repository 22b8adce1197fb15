#!/bin/sh
# SPDX-License-Identifier: ISC
# 26-twice.t: whatever changes something can be asked for twice. Every answer
# is lost once; answers are held and the program is killed; afterwards all is
# as if it had happened once.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/key.sh"
. "$(dirname "$0")/liar.sh"

mkdir "$T/files"
echo 'the text of a file' >"$T/files/a"
ask() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"
}
code() {
	ask 'UPDATE factor SET counter = 0; DELETE FROM throttle' >/dev/null
	totp now
}
# twice NAME COMMAND…: the first answer of each call that changes something is
# lost; the command must succeed all the same.
twice() {
	lie lose-answers
	ok "$@"
	told "$1"
	truth
}
# killed NAME METHOD PATH COMMAND…: the server has done it, and the program is
# killed before it hears of it.
killed() {
	name=$1
	lie "hold-all $2 $3"
	shift 3
	# By itself: a function's process would be another than the program's.
	"$@" >"$T/out" 2>"$T/err" </dev/null &
	victim=$!
	if until_true 20 [ -s "$T/lies" ]; then pass "$name"; else fail "$name"; fi
	kill -9 $victim
	wait $victim 2>/dev/null
	truth
}
start_liar
INVITE2=$(aumbryd invite --data "$DATA" | tail -n 1)
INVITE3=$(aumbryd invite --data "$DATA" | tail -n 1)

# ---- sign-up ----

twice 'signs up' at laptop signup "$URL" ana --invite "$INVITE" \
	--device-name laptop
equal '- one account' 1 "$(ask 'SELECT COUNT(*) FROM account')"
says '- with its name' 'laptop' at laptop device list

killed 'sign-up: killed when the account is made' POST signup/finish \
	aumbry --home "$T/bob" --password-file "$PW" signup "$URL" bob \
	--invite "$INVITE2" --device-name bobs
says '- status goes on with it' 'account +bob@' at bob status
says '- and gives the device its name' 'bobs' at bob device list
exits '- it is signed in' 1 at bob signup "$URL" bob --invite "$INVITE2"

lie 'lose-all POST signup/finish'
refused 'sign-up: no answer at all' 5 server-unreachable at cleo signup \
	"$URL" cleo --invite "$INVITE3" --device-name cleos
also '- it says that the keys are kept' 'keys are kept'
truth
echo 'another password' >"$T/pw2"
refused '- again, with another password: the account has the first' 1 \
	wrong-password-or-name aumbry --home "$T/cleo" --password-file \
	"$T/pw2" signup "$URL" cleo --invite "$INVITE3"
says '- the account is there' 'account +cleo@' at cleo status
equal '- three accounts in all' 3 "$(ask 'SELECT COUNT(*) FROM account')"

# Two at once in one home: only one may come in.
killed 'a sign-up goes on' POST signup/start aumbry --home "$T/dan" \
	--password-file "$PW" signup "$URL" dan --invite x
lie 'hold-all POST signup/start'
aumbry --home "$T/dan" --password-file "$PW" signup "$URL" dan --invite x \
	>"$T/out" 2>"$T/err" </dev/null &
first=$!
ok '- and another' until_true 20 [ -s "$T/lies" ]
refused '- a second one beside it is refused' 1 home-busy at dan signup \
	"$URL" dan --invite x
refused '- a sign-in, too' 1 home-busy at dan signin "$URL" ana
refused '- and a recovery' 1 home-busy at dan recover "$URL" ana --contact
kill -9 $first
wait $first 2>/dev/null
truth

# ---- factors, app-specific passwords, the password ----

twice 'an authenticator' at laptop authenticator add --secret-file "$SECRET"
twice '- confirmed' at laptop authenticator confirm "$(totp now)"
passwords() {
	ask 'SELECT COUNT(*) FROM app_password'
}
twice 'an app-specific password' at laptop app-password create mail \
	--scope mail --code "$(code)"
equal '- there is one' 1 "$(passwords)"
killed '- killed when another is made' POST app-passwords aumbry --home \
	"$T/laptop" --password-file "$PW" app-password create dav --scope dav \
	--expires 90d
says '- the same command shows it' '^[a-z]{4}(-[a-z]{4}){3}$' at laptop \
	app-password create dav --scope dav --expires 90d
equal '- there are two' 2 "$(passwords)"
ok '- when it was shown, it makes another' at laptop app-password create dav \
	--scope dav --expires 90d
equal '- there are three' 3 "$(passwords)"
twice 'all are revoked' at laptop app-password revoke --all
also '- and it says how many there were' '^3 app-specific'
equal '- there is none' 0 "$(passwords)"
if strings -n 8 "$DATA/aumbryd.db"* | grep -Eq '[a-z]{4}-[a-z]{4}-[a-z]{4}'; then
	fail 'no password can be read in the database'
else
	pass 'no password can be read in the database'
fi

echo 'a new password, longer' >"$T/new"
change() {
	aumbry --home "$T/laptop" --password-file "$1" password change \
		--new-password-file "$2" --code "$(code)"
}
twice 'the password is changed' change "$PW" "$T/new"
equal '- once' 1 "$(ask "SELECT COUNT(*) FROM event
	WHERE event = 'password_changed'")"
lie 'lose-all POST password/finish'
refused 'back, without any answer' 5 server-unreachable change "$T/new" "$PW"
also '- it says how to find out' 'may be in force'
truth
says '- the same again finds which it is' 'was changed already' change \
	"$T/new" "$PW"
ok '- the new one is in force' at laptop step-up --code "$(code)"

finish
