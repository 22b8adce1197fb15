#!/bin/sh
# SPDX-License-Identifier: ISC
# 98-message.t: two people write to each other, on all devices of both.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

start_server
people ana ben
ok 'and another device' pair b b2 ben
HOST=$(at a --json contact me | sed 's/.*@\([^"]*\)".*/\1/')

# ---- the first one asks ----

says 'there is nothing yet' 'aumbry message send NAME' at a message list
refused 'nobody is written to who is no contact' 1 not-found \
	at a message send ben 'hello'
ok 'Ana adds Ben' at a contact add ben
refused 'a message says something' 2 bad-usage at a message send ben ''
refused 'a first one is short' 4 ask-first sh -c \
	"head -c 501 /dev/zero | tr '\\0' x | aumbry --home '$T/a' message send ben"
ok 'she writes' at a message send ben 'Hello Ben'
also 'which asks' 'this first message asks'
refused 'the next one waits' 4 ask-waits at a message send ben 'Are you there?'
says 'Ben sees who asks' "^ana@$HOST .* 1 unread, asks to write" \
	at b message list
says 'on each device' 'ana@.*: Hello Ben$' at b2 message show ana
says 'and who she is' "^ana@$HOST *asks " at b contact list
ok 'he lets her' at b contact accept ana
also 'as a contact' 'may write'
ok 'then she goes on' at a message send ben 'Are you there?'
ok 'he answers' at b2 message send ana 'Yes, what is it'
says 'which she reads' 'ben@.*: Yes, what is it$' at a message read ben
says 'once' 'Nothing is unread' at a message read ben

# ---- what is written is changed by who wrote it ----

send() { at "$1" --json message send "$2" "$3" | json id /dev/stdin; }
id=$(send a ben 'The key is under the matt')
ok 'she mends a word' at a message edit "$id" 'The key is under the mat'
says 'which Ben sees' '\(edited\): The key is under the mat$' at b message show ana
ok 'and sees nothing else' [ "$(at b message show ana | grep -c 'under the mat')" = 1 ]
refused 'he mends none of hers' 4 permission-denied at b message edit "$id" 'It is not'
ok 'she takes it back' at a message delete "$id"
also 'as far as that goes' 'Who has read it knows it'
says 'Ben is shown it no more' "$(echo "$id" | cut -c1-8) .*\(deleted\)" \
	at b message show ana
refused 'what is deleted is not mended' 1 conflict at a message edit "$id" 'no'
hers=$(send a ben 'for a while')
ok 'Ben takes one away from his devices' at b message delete "$hers" --here
at b2 message show ana >"$T/out" 2>&1
lacks 'from all of them' 'for a while'
says 'and not from hers' ': for a while$' at a message show ben
refused 'there is none of that name' 1 not-found at b message delete 00000000 --here
refused 'an id that several begin with' 1 not-found at b message delete '' --here

# ---- reading, searching, taking along ----

says 'words are found, in any order' ': Yes, what is it$' \
	at a message search IT what
says 'only those with all of them' 'No message has' at a message search it nowhere
ok 'a word of another alphabet' at a message send ben 'Привет ÅRHUS, ὈΔΥΣΣΕΎΣ'
says 'is found whatever its case' 'ÅRHUS' at a message search ПРИВЕТ århus
says 'whichever way an end of a word is written' 'ÅRHUS' at a message search ὀδυσσεύς
ok 'it is taken away' at a message delete --here "$(at a --json message show ben \
	--last 1 | json id /dev/stdin)"
says 'with one contact' ': Yes, what is it$' at a message search what --with ben
says 'the newest' 'for a while' at a message show ben --last 1
ok 'and no other' [ "$(at a message show ben --last 1 | wc -l)" = 1 ]
ok 'nothing came from the future' at a message show ben --since 1d
ok 'one is muted' at b message mute ana --for 8h
says 'which is said' 'muted' at b2 message list
ok 'and heard again' at b message unmute ana
ok 'all is taken along' at b message export --to "$T/out.d"
says 'as JSON' '"text":"Are you there\?"' cat "$T/out.d/ana@$HOST.jsonl"
says 'whose first line says that it is a secret' '^aumbry-secret-file v1$' \
	head -1 "$T/out.d/ana@$HOST.jsonl"
refused 'nothing is written over' 1 conflict at b message export --to "$T/out.d"

# ---- any text, harmlessly ----

longest=$(head -c 16384 /dev/zero | tr '\0' x)
ok 'the longest' sh -c "printf %s '$longest' | aumbry --home '$T/a' message send ben"
equal 'comes whole' 16384 "$(at b --json message show ana --last 1 |
	json text /dev/stdin | tr -d '\n' | wc -c)"
refused 'a longer one is none' 1 too-large sh -c \
	"printf %s '${longest}x' | aumbry --home '$T/a' message send ben -"
printf 'red \033[31m\nsecond \342\200\256line' >"$T/text"
ok 'control characters and turned writing' sh -c \
	"aumbry --home '$T/a' message send ben <'$T/text'"
ok 'do nothing to a terminal' sh -c "! aumbry --home '$T/b' message show ana |
	grep -q \"\$(printf '\\033\\|\\342\\200\\256')\""
says 'and are kept' 'u001B.*second .*line' \
	at b --json message show ana --last 1
printf 'bad \377' >"$T/text"
refused 'what is no text is none' 2 bad-usage sh -c \
	"aumbry --home '$T/a' message send ben <'$T/text'"

# ---- many are filed ----

inbox() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	"SELECT COUNT(*) FROM inbox_item WHERE uid = (SELECT uid FROM account
	WHERE name = '$1')"; }
i=0
while [ $i -lt 35 ]; do
	i=$((i + 1))
	at a message send ben "number $i" >"$T/out" 2>&1 || break
	at b message send ana "and $i" >"$T/out" 2>&1 || break
done
equal 'seventy are sent' 35 "$i"
ok 'what Ana sent is filed by her device' [ "$(inbox ana)" -lt 64 ]
all() {
	at "$1" --json message show "$2" |
		sed 's/"received":[0-9]*,//; s/"unread":[a-z]*,//' | sha256sum
}
before=$(all b ana)
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	'UPDATE inbox_item SET received_ms = received_ms - 3700000'
ok 'what came an hour ago is filed, by two devices at once' sh -c "
	aumbry --home '$T/b' message list >'$T/one' 2>&1 & one=\$!
	aumbry --home '$T/b2' message list >'$T/two' 2>&1 && wait \$one"
equal 'the inbox is empty' 0 "$(inbox ben)"
equal 'all is there, once, in its order' "$before" "$(all b2 ana)"

# ---- devices come and go ----

ok 'a new device' pair b b3 ben
equal 'has all that was written' "$before" "$(all b3 ana)"
ok 'Ana has compared' sh -c "echo yes | aumbry --home '$T/a' verify ben --number"
says 'that all can be lost is said' 'aumbry recovery key create' at b message list
KEY=$T/key
ok 'a recovery key' at b recovery key create --out "$KEY"
# Its copy of the keys is what a thief has.
cp -R "$T/b3" "$T/thief"
ok 'a device is put out' at b device remove --yes \
	"$(json dev_id "$T/b3/device.json" 2>/dev/null ||
		at b --json device list | sed -n '3s/.*"id":"\([0-9a-f]*\)".*/\1/p')"
ok 'Ana writes on' at a message send ben 'to those who are left'
says 'which they read' 'to those who are left' at b2 message show ana
before=$(all b2 ana)
rm -rf "$T/b" "$T/b2"
cp "$PW" "$T/pw3"
ok 'Ben loses all devices, and comes back by his key' \
	aumbry --home "$T/b4" recover "$URL" ben --key-file "$KEY" \
	--new-password-file "$T/pw3" </dev/null
equal 'every message is there' "$before" "$(all b4 ana)"
ok 'Ana writes again' at a message send ben 'Welcome back'
lacks 'without a word of alarm' 'aumbry:'
says 'he is verified still' "^ben@$HOST *verified " at a contact list
lacks 'and nothing is said' 'aumbry:'
says 'and is answered' 'Sent' at b4 message send ana 'Thank you'
says 'as before' 'ben@.*: Thank you$' at a message read ben

# ---- who is not wanted ----

ok 'Ben blocks Ana' at b4 contact block ana
inboxes() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	"SELECT top FROM inbox WHERE uid = (SELECT uid FROM account
	WHERE name = 'ben')"; }
before=$(inboxes)
ok 'who is not told' at a message send ben 'Do you hear me'
equal 'it went nowhere' "$before" "$(inboxes)"
# A server that does not care for that.
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	'UPDATE inbox_peer SET state = 1'
ok 'nor by a server that lets her' at a message send ben 'Do you hear me now'
at b4 message show ana >"$T/out" 2>&1
lacks 'he does not' 'Do you hear me'
refused 'nor does he write' 4 contact-blocked at b4 message send ana 'no'
ok 'he lets her again' at b4 contact unblock ana
ok 'which she does not see either' at a message send ben 'And now'
says 'he does' 'And now' at b4 message show ana
ok 'he forgets her' at b4 contact remove ana
refused 'then she has to ask' 4 ask-first sh -c \
	"head -c 600 /dev/zero | tr '\\0' x | aumbry --home '$T/a' message send ben"

people cleo

# ---- who keeps to himself ----

says 'Ben is found by his name' '^findable *yes' at b4 contact settings
says 'and anybody asks' '^asks *yes' at b4 contact settings
refused 'either is yes or no' 2 bad-usage at b4 contact settings --asks maybe
ok 'he is not to be found' at b4 contact settings --findable no
refused 'Cleo finds nobody' 1 not-found at c contact add ben
ok 'Ana, whom he forgot, has him still' at a contact list
refused 'and finds him no more' 1 not-found at a contact add ben
ok 'he adds her' at b4 contact add ana
ok 'then she does' at a contact add ben
ok 'nobody is to ask' at b4 contact settings --findable yes --asks no
says 'that is all that is set' '{"findable":true,"asks":false}' \
	at b4 --json contact settings
ok 'Cleo finds him' at c contact add ben
refused 'and cannot write' 4 asks-closed at c message send ben 'let me in'
ok 'he blocks her' at b4 contact block cleo
refused 'which she is not told' 4 asks-closed at c message send ben 'let me in'
ok 'and lets her' at b4 contact unblock cleo
ok 'forgets her' at b4 contact remove cleo
ok 'Ana can' at a message send ben 'I can'
ok 'he blocks her, too' at b4 contact block ana
ok 'and hides' at b4 contact settings --findable no
ok 'she finds him as before' at a contact add ben
ok 'he is himself to himself' sh -c "aumbry --home '$T/b4' contact add ben 2>&1 |
	grep -q bad-usage"
ok 'he lets her' at b4 contact unblock ana
ok 'and is found' at b4 contact settings --findable yes
ok 'he adds Cleo' at b4 contact add cleo
ok 'who can as well' at c message send ben 'I can, too'
ok 'he forgets her' at b4 contact remove cleo
ok 'and is open again' at b4 contact settings --asks yes
ok 'she begins anew' at c contact list
i=0
while [ $i -lt 12 ]; do
	i=$((i + 1))
	run at c message send ben "let me in $i" || break
	at b4 contact accept cleo >"$T/log" 2>&1
	at b4 contact remove cleo >"$T/log" 2>&1
done
cp "$T/err" "$T/asks"
equal 'ten times a day at most, however often she is forgotten' 11 "$i"
says 'by its name' too-many-attempts cat "$T/asks"
# One who leaves by himself leaves the card that he has made.
ok "another device of Cleo's" pair c c2 cleo
ok 'the first one leaves' at c signout --erase --yes
ok 'Ben adds her' at b4 contact add cleo
ok 'and writes' at b4 message send cleo 'to your other device'
lacks 'without an alarm' 'aumbry:'
says 'which she reads there' 'to your other device' at c2 message show ben
ok 'who is no contact is blocked, too' at b4 contact block ana
says 'and is listed so' "^ana@$HOST *blocked " at b4 contact list

# ---- how much ----

port=${URL##*:}
stop_server
# The first one is posted twice: as a message, and as one that asks.
configure limits messages_per_minute 3
start_server --listen "127.0.0.1:${port%%[!0-9]*}"
people dora
ok 'and knows Cleo' at d contact add cleo
ok 'she may send' at d message send cleo 'one'
ok 'Cleo lets her' at c2 contact accept dora
ok 'as many at once as the server has it' at d message send cleo 'two'
refused 'and no more' 4 too-many-attempts at d message send cleo 'three'
says 'with how long to wait' 'try again in' cat "$T/err"

# ---- who is gone ----

stop_server
configure limits messages_per_minute 60
start_server --listen "127.0.0.1:${port%%[!0-9]*}"
ok 'Dora writes a last time' at d message send cleo 'my last word'
ok 'her account ends' aumbryd account delete dora --now dora --yes dora \
	--data "$DATA"
stop_server
start_server --listen "127.0.0.1:${port%%[!0-9]*}"
says 'what she wrote is read' ': my last word$' at c2 message show dora
says 'that she is gone is said' 'knows no dora@' sh -c \
	"aumbry --home '$T/c2' contact list 2>&1"
refused 'and nothing goes there' 1 not-found at c2 message send dora 'and you'
says 'it is filed as it is' ': my last word$' at c2 message show dora
finish
