#!/bin/sh
# SPDX-License-Identifier: ISC
# 36-phone.t: codes by text through a real gateway: adding a number, proving
# with it, guessing, limits; gateways that fail or hang.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/phone.sh"

mkdir "$T/files"
echo text >"$T/files/a"
NUMBER=+420601234567
ask() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"
}
# set_phone KEY VALUE: in the configuration, by a file: it takes any text.
set_phone() {
	printf '%s\n' "$2" >"$T/$1"
	configure phone "$1" "@$T/$1"
}
# restart with what was set.
restart() {
	stop_server
	start_server
}
codes() {
	sed -n "s/.*text \([0-9]\{6\}\) is your Aumbry code.*/\1/p" "$T/phones"
}
come() {
	[ "$(codes | wc -l)" -ge "$1" ]
}
# newest N: the N-th code, once it has come.
newest() {
	until_true 20 come "$1" && codes | sed -n "$1p"
}
wrong_of() {
	printf %06d $(((1$1 + 1) % 1000000))
}

start_server
ok 'an account' at ana signup "$URL" ana --invite "$INVITE"
refused 'a server without a gateway says so' 4 no-gateway \
	at ana phone add $NUMBER
set_phone text_url 'http://127.0.0.1:1/'
refused 'a gateway needs a number and a message' 2 bad-usage \
	aumbryd serve --data "$DATA" --check-config
configure phone text_url ''
configure phone call_command 'call {number} {code}'
refused 'a code is no argument' 2 bad-usage \
	aumbryd serve --data "$DATA" --check-config
also 'and where it is' 'standard input'
configure phone call_command ''
ok 'Kannel runs' start_kannel
set_phone text_url "$SMS"
restart

# A number, and its code.
for number in 601234567 +0601234567 +12345 +1234567890123456 '+420 x' '+' '' \
	'+420601;34567' '+42060123456７'; do
	refused "no number is \"$number\"" 1 bad-request \
		at ana phone add "$number"
done
also 'which says how to write it' 'aumbry phone add \+'
ok 'a number' at ana phone add '+420 (601) 234-567'
also 'says how many more' '4 more this hour'
one=$(newest 1)
says 'the text says what for' "$one is your Aumbry code for localhost\. Nobody" \
	cat "$T/phones"
says 'and has the line for phones that fill it in' "@localhost #$one" \
	cat "$T/phones"
says 'until then it is not confirmed' "^\\$NUMBER  \(not confirmed\)$" \
	at ana phone list
refused 'and no factor' 4 two-factor-required at ana backup "$T/files"
refused 'a wrong code' 1 wrong-code at ana phone confirm "$(wrong_of "$one")"
refused 'no code' 2 wrong-code-kind at ana phone confirm 12345
ok 'once more' at ana phone add $NUMBER
two=$(newest 2)
[ "$two" = "$one" ] || refused 'the one before is over' 1 wrong-code \
	at ana phone confirm "$one"
ok 'the newest is good' at ana phone confirm "$two"
also 'and turns two-factor on' 'two-factor is on'
refused 'a code counts once' 1 wrong-code at ana phone confirm "$two"
says 'it is listed' "^\\$NUMBER$" at ana phone list
says 'as an object' '"confirmed":true' at ana --json phone list
refused 'it is there already' 1 conflict at ana phone add $NUMBER
ok 'a backup' at ana backup "$T/files"
at ana log >"$T/log"
for event in phone_added code_sent code_wrong phone_confirmed two_factor_on; do
	says "the log has $event" " $event " cat "$T/log"
done
says 'with the last digits' 'code_sent .*••• 67, by text' cat "$T/log"
not 'no log has the number' grep -q 601234567 "$T/log" "$T/server.err"

# Proving.
ask 'DELETE FROM throttle'
ask 'UPDATE session SET step_up_ms = 0, password_ms = 0'
refused 'a step-up without a terminal' 2 input-missing \
	at ana step-up --with text
also 'says where the code goes' 'to ••• 67 by text; 4 more'
also 'and what to do when it does not come' 'again$'
cp "$T/err" "$T/said"
not 'and of no way that there is not' grep -q 'another way' "$T/said"
three=$(newest 3)
refused 'that code in another way' 4 factor-missing \
	at ana step-up --with call --code "$three"
ok 'that code' at ana step-up --with text --code "$three"
refused 'once' 1 wrong-code at ana step-up --with text --code "$three"
prove() {
	{
		newest "$1" >/dev/null
		echo again
		newest $(($1 + 1))
	} | at ana step-up --with text
}
ok 'another is sent when one types so' prove 4
visit() {
	newest "$1" | at "$2" signin "$URL" ana --with text
}
ok 'signing in by text' visit 6 v
says 'opens the settings' 'signed in by a code' at v status
says 'which is logged as such' ' signin_visit .*text' at ana log
ok 'a text for who has gone' sh -c 'aumbry --home "$1" --password-file "$2" \
	signin "$3" ana --with text </dev/null; [ $? -eq 2 ]' \
	sh "$T/w" "$PW" "$URL"
seven=$(newest 7)
ask 'UPDATE phone SET code_until_ms = code_until_ms - 600001'
late() {
	at x signin "$URL" ana --with text --code "$1"
}
refused 'a code that is too old' 1 code-expired late "$seven"
ask 'UPDATE phone SET code_until_ms = code_until_ms + 600001'
ok 'which it was not' late "$seven"

# A stolen session cannot have texts sent: the password comes first.
take_token() {
	token=$(sqlite3 -batch "$T/ana/state.db" \
		"SELECT hex(value) FROM pair WHERE name = 'token'" |
		perl -ne 'print pack("H*", $1) if /^.{16}([0-9A-F]{86})/')
}
take_token
api=${URL%%#*}
api=${api%/}
post() {
	curl -sk -H "Authorization: Bearer $token" -d "$2" "$api$1"
}
ask 'UPDATE session SET step_up_ms = 0, password_ms = 0'
says 'a session alone has no code sent' step-up-required \
	post /v1/factors/send '{"method":"text"}'

# Guessing: 200 at once admit no more than the limit.
ask 'DELETE FROM throttle'
at ana step-up --with text >/dev/null 2>&1 </dev/null
right=$(newest 8)
guesses "$api" "$token" text "$(wrong_of "$right")"
refused 'and the right one comes too late' 4 too-many-attempts \
	at ana step-up --with text --code "$right"

# Five an hour, of all accounts together.
ask 'DELETE FROM throttle'
for i in 1 2 3 4 5; do
	post /v1/factors/send '{"method":"text"}'
	echo
done >"$T/five"
equal 'five texts' '4 3 2 1 0' \
	"$(sed -n 's/.*"left":\([0-9]*\).*/\1/p' "$T/five" | tr '\n' ' ' |
		sed 's/ $//')"
says 'no sixth' '"code":"too-many-attempts".*"retry_s":3[0-9]{3}' \
	post /v1/factors/send '{"method":"text"}'
also 'but the last one is good' 'may still be good'
ok 'which it is' at ana step-up --with text --code "$(newest 13)"
invite=$(aumbryd invite --data "$DATA" | tail -n 1)
ok 'another account' at bea signup "$URL" bea --invite "$invite"
refused 'cannot have more sent there' 4 too-many-attempts \
	at bea phone add $NUMBER
for i in 1 2 3 4; do at bea phone add "+42070000000$i"; done >"$T/more" 2>&1
ok 'but elsewhere' at bea phone add +420700000005
refused 'to five at most' 1 too-large at bea phone add +420700000006

# Gateways that do not work.
node "$(dirname "$0")/../tools/gateway.mjs" >"$T/gateway" &
GATEWAY=$!
trap 'kill $GATEWAY 2>/dev/null; stop_kannel; cleanup' EXIT
until_true 20 test -s "$T/gateway"
port=$(head -n 1 "$T/gateway")
ask 'DELETE FROM throttle'
set_phone text_url "http://127.0.0.1:$port/json"
set_phone text_body '{"to":"{number}","text":"{message}","x":"{y}"}'
configure phone text_method POST
restart
ok 'a gateway that takes JSON' at bea phone add +420700000001
tail -n 1 "$T/gateway" >"$T/got"
equal 'gets some' application/json "$(json type "$T/got")"
json body "$T/got" >"$T/body"
equal 'with the number' +420700000001 "$(json to "$T/body")"
equal 'and all else as it was' '{y}' "$(json x "$T/body")"
set_phone text_url "http://127.0.0.1:$port/form?n={number}"
set_phone text_body 'text={message}'
restart
ok 'one that takes a form' at bea phone add +420700000001
tail -n 1 "$T/gateway" >"$T/got"
equal 'gets its number' '/form?n=%2B420700000001' "$(json url "$T/got")"
says 'and its message' '%0A%40localhost%20%23[0-9]{6}"' cat "$T/got"
set_phone text_url "http://127.0.0.1:$port/fail?n={number}"
restart
refused 'one that fails is heard of' 5 gateway-failed \
	at bea phone add +420700000001
also 'with another way' '--with'
says 'and logged without the number' 'text_failed number=..01 .*status=500' \
	cat "$T/server.err"
set_phone text_url "http://127.0.0.1:$port/hang?n={number}"
restart
at bea phone add +420700000001 >"$T/hanging.out" 2>&1 </dev/null &
HANGING=$!
at bea phone add +420700000002 >"$T/dripping.out" 2>&1 </dev/null &
DRIPPING=$!
hang() {
	[ "$(grep -c '"/hang' "$T/gateway")" -eq 2 ]
}
until_true 20 hang
ok 'one that hangs holds up nobody else' at ana phone list
wait $HANGING
equal 'and is heard of' 5 $?
says 'as such' '^\(gateway-failed\)$' cat "$T/hanging.out"
wait $DRIPPING
equal 'as is one whose answer has no end' 5 $?
says 'by the same code' '^\(gateway-failed\)$' cat "$T/dripping.out"
for n in 1 2; do
	ok 'it is given up' until_true 20 grep -q \
		"text_failed number=..0$n curl=28 " "$T/server.err"
done
set_phone text_url "http://127.0.0.1:$port/wait?n={number}"
restart
# slow GO-OR-NO: one that takes its time, until it is told what to say.
slow() {
	at bea phone add +420700000003 >"$T/slow.out" 2>&1 </dev/null &
	SLOW=$!
	until_true 20 sh -c 'tail -n 1 "$1" | grep -q "\"/wait"' sh "$T/gateway"
	curl -s "http://127.0.0.1:$port/$1" >/dev/null
	wait $SLOW
}
slow no
equal 'one that is slow to fail is waited for' 5 $?
says 'and heard of' '^\(gateway-failed\)$' cat "$T/slow.out"
slow go
equal 'one that is slow is no failure' 0 $?
says 'and told like others' '^A code goes there by text' cat "$T/slow.out"
kill $GATEWAY
set_phone text_url "http://127.0.0.1:1/?n={number}"
restart
refused 'one that is down' 5 gateway-failed at bea phone add +420700000001
refused 'counts as well: it may have sent it' 4 too-many-attempts \
	at bea phone add +420700000001

# The number goes.
ask 'DELETE FROM throttle; UPDATE session SET step_up_ms = password_ms'
set_phone text_url "$SMS"
configure phone text_body ''
configure phone text_method GET
restart
at ana step-up --with text >/dev/null 2>&1 </dev/null
ok 'a step-up' at ana step-up --with text --code "$(newest 19)"
refused 'the only factor stays' 4 permission-denied \
	at ana phone remove $NUMBER
refused 'what is not there' 1 not-found at ana phone remove +420601234568
ok 'an authenticator' at ana authenticator add --secret-file "$SECRET"
ok 'confirmed' at ana authenticator confirm "$(totp now)"

# At a terminal one types what is wanted when no code comes.
printf '#!/bin/sh\ncat >>%s\n' "'$T/calls'" >"$T/caller"
chmod +x "$T/caller"
configure phone call_command "$T/caller"
restart
called() {
	json code "$T/calls"
}
ok 'a number for calls' at ana phone add +420601234599 --call
ok 'confirmed' at ana phone confirm "$(called)"
exits 'a text' 2 at ana step-up --with text
also 'cannot go to another number' 'instead of the code: again, call$'
ok 'the number goes' at ana phone remove +420601234599
ok 'a second number' at ana phone add +420601234599
ok 'confirmed' at ana phone confirm "$(newest 21)"
typed() {
	perl "$ROOT/tests/e2e/typed.pl" "<$PW" "$@" -- \
		aumbry --home "$T/typed" signin "$URL" ana --with text
}
# as_asked FILE COMMAND…: its line is what the command says when it is typed.
as_asked() {
	file=$1
	shift
	rm -f "$file"
	mkfifo "$file"
	("$@" >"$file") &
	HELPERS="$HELPERS $!"
}
wrong() {
	wrong_of "$(newest "$1")"
}
goes() { # NUMBER WAY LEFT
	echo "^A code goes to ••• $1 by $2; $3 more can be sent there this hour"
}
# signed_in NAME LINE…: in the end, and out again.
signed_in() {
	name=$1
	shift
	ok "$name" typed "$@"
	cp "$T/out" "$T/said"
	run at typed signout
	cp "$T/said" "$T/out"
}
ask 'DELETE FROM throttle'
as_asked "$T/wrong" wrong 23
as_asked "$T/right" newest 23
signed_in 'again' again "<$T/wrong" "<$T/right"
also 'is told' 'Type, instead of the code: again, call, other \(number\)'
also 'and what else there is' \
	'^Or start anew in another way: --with device --with authenticator'
also 'has one sent' "$(goes 67 text 4)"
also 'and another' "$(goes 67 text 3)"
also 'which may be mistyped' '^Once more: the code is wrong'
as_asked "$T/right" called
signed_in 'call' call "<$T/right"
also 'has a call made' "$(goes 67 call 1)"
also 'whose code is asked for' '^Code of the call: '
as_asked "$T/right" newest 26
signed_in 'other' other "<$T/right"
also 'has one sent to the first number' "$(goes 67 text 0)"
also 'and then to the other' "$(goes 99 text 4)"
rm "$T/caller"
ask 'DELETE FROM throttle'
as_asked "$T/right" newest 28
signed_in 'text, after a call that could not be made' call text "<$T/right"
also 'which is told' '^Once more: the code could not be sent'
also 'sends a text' "$(goes 67 text 2)"
as_asked "$T/right" newest 30
signed_in 'at the limit the last one is good' again again "<$T/right"
also 'and no more are sent' "$(goes 67 text 0)"
also 'which is told, too' "^Once more: too many codes were sent, and the \
last one may still be good; try again in [0-9]+ minutes"
ask 'DELETE FROM throttle'
as_asked "$T/right" newest 35
signed_in 'also when a call is asked for in vain' again again again again \
	call "<$T/right"
also 'and the text is what it asks for' '^Code of the text: [0-9]{6}'

# What an account may have sent in an hour, over all its numbers.
ask 'UPDATE factor SET counter = 0'
ok 'a step-up' at ana step-up --code "$(totp now)"
take_token
second=$(at ana --json phone list | grep 599 |
	sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
elsewhere() {
	post /v1/factors/send "{\"method\":\"text\",\"number\":\"$second\"}"
}
for i in $(seq 12); do
	post /v1/factors/send '{"method":"text"}'
	echo
done >"$T/vain"
equal 'no text more goes to the first number' 12 \
	"$(grep -c '"code":"too-many-attempts"' "$T/vain")"
says 'what was not sent is not spent' '"left":4' elsewhere
ask "UPDATE throttle SET tries = 13 WHERE name LIKE 'sends|%'"
says 'what the account has left is less' '"left":1' elsewhere
says 'and goes' '"left":0' elsewhere
says 'to its end' '"code":"too-many-attempts"' elsewhere
ok 'then it can go' at ana phone remove "$NUMBER"
ok 'and the other' at ana phone remove +420601234599
refused 'and is no way any more' 4 factor-missing \
	at ana step-up --with text --code 123456
refused 'nor to sign in' 4 factor-missing \
	at z signin "$URL" ana --with text
says 'which the log tells' ' phone_removed ' at ana log
not 'no log has a code' grep -qE "$one|$two|$three|$right" "$T/server.err"
stop_kannel
finish
