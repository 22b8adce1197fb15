#!/bin/sh
# SPDX-License-Identifier: ISC
# 32-app-password.t: passwords for programs that know no second factor: made,
# scoped, listed, revoked, asked for over saslauthd's protocol.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

MUX=$T/mux
ask() { # SERVICE LOGIN PASSWORD [REALM]
	"$ROOT/tests/tools/saslask.pl" "$MUX" "$@"
}
# denied NAME CODE SERVICE LOGIN PASSWORD [REALM]
denied() {
	name=$1 code=$2
	shift 2
	run ask "$@"
	equal "$name" "NO $code" "$(cat "$T/out")"
}
raw() { # bytes of standard input
	"$ROOT/tests/tools/saslask.pl" "$MUX" --raw
}

start_server
stop_server
configure auth saslauthd_socket "$MUX"
start_server
ok 'the socket is there' test -S "$MUX"

# ---- making ----

ok 'signs up' at ana signup "$URL" ana --invite "$INVITE"
refused 'none while two-factor is pending' 4 two-factor-required \
	at ana app-password create Phone --scope mail
also 'says what to do' '^Run: aumbry authenticator add$'
ok 'an authenticator' at ana authenticator add --secret-file "$SECRET"
ok 'turns two-factor on' at ana authenticator confirm "$(totp now)"
refused 'none that is over at once' 2 bad-usage \
	at ana app-password create Phone --scope mail --expires 0s
ok 'makes one for mail' at ana app-password create Phone --scope mail
also 'shows it' '^[a-z]{4}-[a-z]{4}-[a-z]{4}-[a-z]{4}$'
mail=$(head -n 1 "$T/out")
also 'once' 'not shown again'
ok 'one for calendars' at ana app-password create 'Desk, Øst' --scope dav
dav=$(head -n 1 "$T/out")
ok 'one for a folder, to read' \
	at ana app-password create Scanner --scope files:ro:/in/box --expires 90d
ok 'as JSON' at ana --json app-password create Tool --scope files
files=$(json password "$T/out")
not 'each is another' [ "$mail" = "$dav" ]
for scope in '' calendar mail:ro files:rw files: files:in files:/a/../b \
	files:/a/ files:ro/a; do
	refused "no scope is \"$scope\"" 2 bad-usage \
		at ana app-password create X --scope "$scope"
done
refused 'no scope at all' 2 bad-usage at ana app-password create X
refused 'no span' 2 bad-usage \
	at ana app-password create X --scope mail --expires soon
refused 'a label with a newline' 1 bad-request \
	at ana app-password create "$(printf 'a\nb')" --scope mail
refused 'a label of 65 bytes' 1 bad-request at ana app-password create \
	"$(printf %065d 0)" --scope mail

# ---- checking ----

says 'mail opens for it' '^OK$' ask imap ana "$mail"
says 'by the whole name, too' '^OK$' ask imap ana@localhost "$mail"
says 'as saslauthd clients split it' '^OK$' ask smtp ana "$mail" localhost
says 'typed without dashes, in capitals' '^OK$' ask imap ANA \
	"$(echo "$mail" | tr -d - | tr a-z A-Z)"
says 'and calendars for the other' '^OK$' ask HTTP ana "$dav"
denied 'not mail for calendars' app-password-scope imap ana "$dav"
denied 'not calendars for mail' app-password-scope http ana "$mail"
denied 'not mail for files' app-password-scope smtp ana "$files"
denied 'no service that is not known' app-password-scope xmpp ana "$mail"
denied "not the account's password" wrong-password-or-name \
	imap ana "$(cat "$PW")"
denied 'not a wrong one' wrong-password-or-name imap ana \
	aaaa-aaaa-aaaa-aaaa
denied 'not one letter more' wrong-password-or-name imap ana "${mail}a"
denied 'not none' wrong-password-or-name imap ana ''
denied 'nobody' wrong-password-or-name imap nobody "$mail"
denied 'no name that cannot be one' wrong-password-or-name imap 'a b' "$mail"
denied 'not of another host' wrong-password-or-name \
	imap ana@example.org "$mail"
denied 'nor realm' wrong-password-or-name imap ana "$mail" example.org
cp "$SECRET" "$T/ana-secret"
ok 'another account' sign_up bob bob \
	--invite "$(aumbryd invite --data "$DATA")"
cp "$T/ana-secret" "$SECRET"
denied "not for another's name" wrong-password-or-name imap bob "$mail"

# ---- what is no question ----

printf '\377\377' | raw >"$T/raw" 2>&1
equal 'a length beyond the limit' 'NO bad-request' "$(cat "$T/raw")"
head -c 100000000 /dev/zero | tr '\0' x | raw >"$T/raw" 2>&1
equal '100 MB' 'NO bad-request' "$(cat "$T/raw")"
printf '\0\1a\0\1b\0\1c\0\1dMORE' | raw >"$T/raw" 2>&1
equal 'something behind it' 'NO bad-request' "$(cat "$T/raw")"
printf '\0\3a\0b\0\1b\0\4imap\0\0' | raw >"$T/raw" 2>&1
equal 'a zero in a name' 'NO bad-request' "$(cat "$T/raw")"
printf '\0\1' | raw >"$T/raw" 2>&1
equal 'half a question gets no answer' '' "$(cat "$T/raw")"
# Clients that say nothing hold nobody up.
for i in $(seq 200); do
	perl -e 'use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(
		Type => SOCK_STREAM, Peer => shift) or exit 1; sleep 60' "$MUX" &
	silent="${silent-} $!"
done 2>/dev/null
says 'beside 200 that say nothing' '^OK$' ask imap ana "$mail"
# shellcheck disable=SC2086 # a list of numbers
kill $silent 2>/dev/null
wait $silent 2>/dev/null

# Many wrong ones lock nobody out, neither here nor the account.
for i in $(seq 50); do
	ask imap ana "aaaa-aaaa-aaaa-aaa$(printf %x "$i" | tail -c 1)"
done >/dev/null
says 'fifty wrong ones do not lock it' '^OK$' ask imap ana "$mail"
at ana --json log >"$T/log"
equal 'five of them are in the log' 5 "$(grep -c app_password_failed "$T/log")"
equal 'and four made' 4 "$(grep -c app_password_created "$T/log")"

# ---- listing, revoking ----

says 'lists them' '^[0-9a-f]{8}  Phone +mail +made .*, last used .* by imap$' \
	at ana app-password list
says 'with labels as they are' '  Desk, Øst +dav ' at ana app-password list
says 'and what was never used, and ends' \
	'  Scanner +files:ro:/in/box made .*, never used, ends ' \
	at ana app-password list
not 'and never the letters' grep -rqF "$mail" "$DATA" "$T/server.err"
id=$(at ana app-password list | grep Phone | cut -c 1-8)
ok 'revokes one' at ana app-password revoke "$id"
denied 'which is closed at once' wrong-password-or-name imap ana "$mail"
says 'the others are not' '^OK$' ask http ana "$dav"
refused 'not twice' 1 not-found at ana app-password revoke "$id"
refused 'one that is none' 1 not-found at ana app-password revoke zzz
refused 'an empty one' 1 not-found at ana app-password revoke ''
refused 'neither one nor all' 2 bad-usage at ana app-password revoke
ok 'or by its label' at ana app-password revoke 'Desk, Øst'
denied 'which is closed too' wrong-password-or-name http ana "$dav"
refused 'part of one is none' 1 not-found at ana app-password revoke Scan
ok 'revokes all' at ana app-password revoke --all
also 'two' '^2 app-specific passwords revoked'
says 'none is left' '^0$' sh -c "aumbry --home '$T/ana' app-password list | wc -l"

ok 'a new one' at ana app-password create Phone --scope mail
mail=$(head -n 1 "$T/out")
says 'opens' '^OK$' ask imap ana "$mail"
echo 'another horse battery' >"$T/pw2"
ok 'changing the password, which they did not lock either' at ana \
	password change --new-password-file "$T/pw2" \
	--code "$(totp '30 seconds')"
denied 'closes it' wrong-password-or-name imap ana "$mail"
cp "$T/pw2" "$PW"
ok 'a new one' at ana app-password create Phone --scope mail
mail=$(head -n 1 "$T/out")
says 'opens' '^OK$' ask imap ana "$mail"
ok 'two-factor off' at ana two-factor off
denied 'closes it' wrong-password-or-name imap ana "$mail"
refused 'and none is made' 4 two-factor-required \
	at ana app-password create Phone --scope mail
ok 'two-factor on' at ana two-factor on
for i in $(seq 25); do
	at ana app-password create "n$i" --scope mail || break
done >"$T/25" 2>"$T/25.err"
refused 'at most 25' 1 too-large at ana app-password create one --scope mail
mail=$(head -n 1 "$T/25")
ok 'the operator suspends' aumbryd account suspend ana --data "$DATA"
denied 'which closes it' account-suspended imap ana "$mail"
ok 'and resumes' aumbryd account resume ana --data "$DATA"
says 'which opens it' '^OK$' ask imap ana "$mail"

# ---- the socket ----

stop_server
not 'gone with the server' test -e "$MUX"
echo precious >"$MUX"
refused 'a file in its place' 1 conflict aumbryd serve --data "$DATA"
equal 'stays' precious "$(cat "$MUX")"
rm "$MUX"
start_server
kill -9 "$SERVER"
wait "$SERVER" 2>/dev/null
SERVER=''
ok 'what a killed server leaves' test -S "$MUX"
start_server
says 'is replaced' '^OK$' ask imap ana "$mail"
finish
