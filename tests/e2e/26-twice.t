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
# server_killed NAME METHOD PATH COMMAND…: it is killed when it has done it, and
# comes again; who asked has been waiting, and succeeds.
server_killed() {
	name=$1
	lie "hold-all $2 $3"
	shift 3
	"$@" >"$T/out" 2>"$T/err" </dev/null &
	asking=$!
	until_true 20 [ -s "$T/lies" ] || fail "$name: it never came so far"
	stop_server KILL
	liars=$URL
	start_server
	URL=$liars
	truth
	if wait $asking; then pass "$name"; else fail "$name"; fi
}

start_liar
# From now on always the same, for the liar to find it.
configure server listen "$(sed -n 's|^aumbryd: ready http://||p' "$T/server.err")"
printf '#!/bin/sh\ncat >>%s\n' "'$T/calls'" >"$T/caller"
chmod +x "$T/caller"
configure phone call_command "$T/caller"
# Nobody listens there: what would be sent stays where it can be counted.
configure mail smtp_url smtp://127.0.0.1:9
configure mail from aumbry@localhost
INVITE2=$(aumbryd invite --data "$DATA" | tail -n 1)
INVITE3=$(aumbryd invite --data "$DATA" | tail -n 1)
INVITE4=$(aumbryd invite --data "$DATA" | tail -n 1)

# ---- sign-up ----

twice 'signs up' at laptop signup "$URL" ana --invite "$INVITE" \
	--device-name laptop
equal '- one account' 1 "$(ask 'SELECT COUNT(*) FROM account')"
says '- with its name' 'laptop' at laptop device list

server_killed 'sign-up, and the server is killed when the account is made' \
	POST signup/finish aumbry --home "$T/abe" --password-file "$PW" \
	signup "$URL" abe --invite "$INVITE4" --device-name abes
says '- the device has its name' 'abes' at abe device list
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
refused '- signing out would lose them' 2 input-missing at cleo signout --erase
echo 'another password' >"$T/pw2"
refused '- again, with another password: the account has the first' 1 \
	wrong-password-or-name aumbry --home "$T/cleo" --password-file \
	"$T/pw2" signup "$URL" cleo --invite "$INVITE3"
says '- the account is there' 'account +cleo@' at cleo status
equal '- four accounts in all' 4 "$(ask 'SELECT COUNT(*) FROM account')"

# What ends TLS would let an account be made that no device could use.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-subj /CN=localhost -keyout "$T/end.key" -out "$T/end.crt" 2>"$T/err"
node "$ROOT/tests/tools/tlsend.mjs" "$URL" "$T/end.crt" "$T/end.key" \
	>"$T/end.out" 2>&1 &
HELPERS="$HELPERS $!"
until_true 20 [ -s "$T/end.out" ]
pin=$(openssl x509 -in "$T/end.crt" -noout -pubkey |
	openssl pkey -pubin -outform der | openssl dgst -sha256 -binary |
	base64 | tr '+/' '-_' | tr -d =)
invited=$(aumbryd invite --data "$DATA" | tail -n 1)
refused 'a sign-up through what ends TLS' 6 certificate-changed at eve signup \
	"https://127.0.0.1:$(cat "$T/end.out")/#pin=$pin" eve --invite "$invited"
also '- it says so' 'ends TLS'
equal '- nothing was made' 4 "$(ask 'SELECT COUNT(*) FROM account')"
ok '- the invitation is good' at eve signup "$URL" eve --invite "$invited"

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
lie lose-answers
refused 'a wrong code, and its answer is lost' 1 wrong-code at laptop step-up \
	--code 000000
truth
equal '- it counts once' 1 "$(ask "SELECT COUNT(*) FROM event
	WHERE event = 'code_wrong'")"
twice 'a number to call' at laptop phone add --call +420123456789 \
	--code "$(code)"
equal '- it was called once' 1 "$(grep -c . "$T/calls")"
twice '- confirmed' at laptop phone confirm "$(json code "$T/calls")"
killed '- removed, and killed when that is done' POST phones/remove aumbry \
	--home "$T/laptop" --password-file "$PW" phone remove +420123456789
ok '- the same command finds that it is done' at laptop phone remove \
	+420123456789
refused '- and then that there is none' 1 not-found at laptop phone remove \
	+420123456789
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
server_killed 'another, and the server is killed when it is made' POST \
	app-passwords aumbry --home "$T/laptop" --password-file "$PW" \
	app-password create files --scope files
equal '- there are four' 4 "$(passwords)"
twice 'all are revoked' at laptop app-password revoke --all
also '- and it says how many there were' '^4 app-specific'
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

# ---- mail, sessions, two-factor ----

twice 'an address' at laptop mail add ana@localhost --code "$(code)"
equal '- one mail goes there' 1 "$(ask 'SELECT COUNT(*) FROM outbox')"
twice '- confirmed' at laptop mail confirm \
	"$(ask 'SELECT body FROM outbox' | grep -oE '[0-9]{6}' | head -n 1)"
killed '- removed, and killed when that is done' POST mail/remove aumbry \
	--home "$T/laptop" --password-file "$PW" mail remove ana@localhost
ok '- the same command finds that it is done' at laptop mail remove \
	ana@localhost
visits() {
	ask 'SELECT COUNT(*) FROM session WHERE limited = 1'
}
twice 'a sign-in by a code' at guest signin "$URL" ana --with authenticator \
	--code "$(code)"
equal '- one session' 1 "$(visits)"
twice '- it ends' at guest signout
equal '- none' 0 "$(visits)"
twice 'two-factor off' at laptop two-factor off --code "$(code)"
twice '- and on' at laptop two-factor on --code "$(code)"

# ---- devices ----

devices() {
	at laptop device list | grep -c .
}
# approving COMMAND…: laptop lets in whom COMMAND makes ask.
approving() {
	rm -f "$T/pipe"
	mkfifo "$T/pipe"
	"$@" <"$T/pipe" >"$T/join.out" 2>"$T/join.err" &
	joining=$!
	aumbry --home "$T/laptop" device approve --print-code >"$T/pipe" \
		2>"$T/approve.err" </dev/null
	approved=$?
}
joins() {
	approving "$@"
	wait $joining && [ $approved -eq 0 ]
}
ask 'DELETE FROM throttle'
twice 'a phone is let in' joins at phone signin "$URL" ana --device-name phone
equal '- there are two devices' 2 "$(devices)"
twice 'it is renamed' at phone device rename mobile
says '- so' mobile at laptop device list
ask 'DELETE FROM throttle'
# It is in, and is killed before it can know.
lie 'hold-all POST circle'
rm -f "$T/pipe"
mkfifo "$T/pipe"
aumbry --home "$T/pad" --password-file "$PW" signin "$URL" ana \
	--device-name pad <"$T/pipe" >"$T/join.out" 2>"$T/join.err" &
joining=$!
aumbry --home "$T/laptop" device approve --print-code >"$T/pipe" \
	2>"$T/approve.err" </dev/null &
approving=$!
ok 'a pad is let in' until_true 20 [ -s "$T/lies" ]
kill -9 $joining $approving
wait $joining $approving 2>/dev/null
truth
equal '- it is in the list, and was killed' 3 "$(devices)"
ask 'DELETE FROM throttle'
ok '- it asks again, and is let in' joins at pad signin "$URL" ana \
	--device-name pad
if grep -q 'has left the account again' "$T/join.err"; then
	pass '- it says that what was cut off has left'
else
	fail '- it says that what was cut off has left'
fi
equal '- there are three devices, and no ghost' 3 "$(devices)"
ok '- a step-up' at laptop step-up --code "$(code)"
twice 'a device is removed' at laptop device remove pad
equal '- it is gone' 2 "$(devices)"
twice 'another leaves' at phone signout --erase
equal '- it is gone, too' 1 "$(devices)"

server_killed 'the password, and the server is killed when it is changed' \
	POST password/finish aumbry --home "$T/laptop" --password-file "$PW" \
	password change --new-password-file "$T/new" --code "$(code)"
twice '- and back' change "$T/new" "$PW"

# ---- content ----

twice 'backs up' at laptop backup "$T/files"
equal '- one snapshot' 1 "$(at laptop snapshot list | grep -c .)"
killed 'backs up, and is killed when it is there' POST \
	'zones/*/commits' aumbry --home "$T/laptop" --password-file "$PW" \
	backup "$T/files"
echo more >"$T/files/b"
twice '- again' at laptop backup "$T/files"
twice 'a snapshot is forgotten' at laptop snapshot forget --keep-last 1
equal '- one is left' 1 "$(at laptop snapshot list | grep -c .)"
twice 'prunes' at laptop prune
ok '- all is whole' at laptop check --read

# ---- ways back in ----

keys() {
	at laptop recovery status | grep -c '^key'
}
ok 'a step-up' at laptop step-up --code "$(code)"
twice 'a recovery key' at laptop recovery key create --out "$T/key"
equal '- there is one' 1 "$(keys)"
ok '- it opens' at laptop recovery drill --key-file "$T/key"
killed 'it is replaced, and killed when that is done' POST circle \
	aumbry --home "$T/laptop" --password-file "$PW" recovery key rotate \
	--out "$T/key2"
ok '- the new one is in its file' test -s "$T/key2"
twice '- the change is stopped' at laptop recovery veto
lie 'lose-all POST circle'
ok 'replaced, without any answer: it finds that it came through' at laptop \
	recovery key rotate --out "$T/key3"
truth
ok '- and is stopped' at laptop recovery veto
lie 'lose-all POST recovery'
refused 'what is not known to count' 5 server-unreachable at laptop recovery \
	key rotate --out "$T/key4"
also '- is kept' "keep $T/key4"
ok '- so it is there' test -s "$T/key4"
truth
equal '- and counts for nothing yet' 1 "$(keys)"

twice 'a paper kit' at laptop recovery kit create --out "$T/kit"
twice 'a contact' at laptop recovery contact add bob --out "$T/half"
equal '- each once' 3 "$(at laptop recovery status | grep -c '^[a-z]')"

# ---- security keys ----

members() {
	at laptop device list | grep -c 'security key'
}
soft one
soft two
with_one() {
	aumbry --home "$T/laptop" --password-file "$PW" security-key add \
		--name "$1" --code "$(code)" --device "unix:$T/$1.sock" \
		--pin-file "$PIN"
}
ok 'a step-up' at laptop step-up --code "$(code)"
killed 'a security key, killed when it is a member' POST circle aumbry \
	--home "$T/laptop" --password-file "$PW" security-key add --name one \
	--device "unix:$T/one.sock" --pin-file "$PIN"
equal '- it is one' 1 "$(members)"
twice '- again' with_one one
equal '- it is one member, not two' 1 "$(members)"
killed 'another, killed when the server has it' POST security-keys aumbry \
	--home "$T/laptop" --password-file "$PW" security-key add --name two \
	--device "unix:$T/two.sock" --pin-file "$PIN"
says '- the list has both' '^two' at laptop security-key list
not '- again: it is there already' at laptop security-key add --name two \
	--device "unix:$T/two.sock" --pin-file "$PIN"
equal '- two members' 2 "$(members)"
equal '- the circle says, once, that keys alone count' 1 "$(ask "SELECT COUNT(*)
	FROM circle_entry WHERE substr(bytes, 65, 1) = x'0c'")"

twice 'both are removed' at laptop security-key remove --all
equal '- and no members any more' 0 "$(members)"

# ---- back in ----

back_in() {
	aumbry --home "$T/again" recover "$@" --new-password-file "$T/pw2"
}
killed 'a recovery, killed when it has begun' POST recover aumbry --home \
	"$T/again" recover "$URL" ana --key-file "$T/key" --new-password-file \
	"$T/pw2" --device-name again
killed '- the same again, killed when it has ended' POST recover/finish \
	aumbry --home "$T/again" recover "$URL" ana --key-file "$T/key" \
	--new-password-file "$T/pw2" --device-name again
equal '- it was begun once' 1 "$(ask 'SELECT COUNT(*) FROM recovering')"
ok '- it is gone on with' back_in --continue
says '- and is in' again aumbry --home "$T/again" device list
ok '- it restores' aumbry --home "$T/again" restore latest --to "$T/back"

unplug_all
finish
