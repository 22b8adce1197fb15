#!/bin/sh
# SPDX-License-Identifier: ISC
# 97-contact-attacks.t: what a server, a thief and one's own devices at once can
# do to contacts, and what then is said.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"
start_liar
people ana ben mal
ok "a second device of Ana's" pair a a2 ana
ok "and of Ben's" pair b b2 ben
contacts ana ben
ok 'Ana adds Mal' at a contact add mal
uid() { at a --json contact show "$1" | json uid /dev/stdin; }
BEN=$(uid ben)
MAL=$(uid mal)
same_number() { echo yes | aumbry --home "$T/a" verify "$1" --number; }
alerts() { at a verify status 2>"$T/why" | grep -c "($1)"; }
# level NAME LEVEL: as Ana's list has it.
level() { says "$1 is $2" "^$1@.* $2 " at a contact list; }
# compare: Ana shows a code, Ben types it; with "meanwhile" done before.
meanwhile() { :; }
compare() {
	rm -f "$T/pipe"
	mkfifo "$T/pipe"
	aumbry --home "$T/a" verify ben --show --timeout 30s \
		>"$T/pipe" 2>"$T/shows.err" </dev/null &
	showing=$!
	(read -r code <"$T/pipe" && meanwhile && echo "$code") |
		aumbry --home "$T/b" verify ana --timeout 30s \
			>"$T/out" 2>"$T/err"
	types=$?
	wait $showing
	shows=$?
}

listed() {
	run at a contact list
	cp "$T/out" "$T/list"
}

# ---- what the server says is no finding ----

ok 'Ben is compared' same_number ben
for code in contact-changed circle-forked record-corrupt; do
	lie "person-error $code"
	refused "$code in its words verifies nothing" 1 bad-request \
		same_number ben
	refused '- takes nothing back' 1 bad-request at a verify ben --undo
	told "$code"
	truth
	equal '- and is no alert' 0 "$(alerts "$code")"
	level ben verified
done

# ---- names ----

lie "person-named $BEN mal $MAL ben"
listed
says 'names that are swapped are told' '[(]name-moved[)]' cat "$T/err"
says 'and not taken' '^ben@.* verified ' cat "$T/list"
equal 'as an alert' 2 "$(alerts name-moved)"
lie "person-named $MAL ben"
run at a contact list
equal 'nobody else is Ben' 1 "$(grep -c '^ben@' "$T/out")"
lie "person-named $BEN boss"
listed
says 'a name that none of his devices has signed is told' 'has signed so' \
	cat "$T/err"
says 'and not taken' '^ben@.* verified ' cat "$T/list"
lie "person-named $BEN Ben%20B"
run at a contact list
says 'what is no name is none' '[(]bad-request[)]' cat "$T/err"
truth
ok 'Mal is called boss' at a contact rename mal boss
ok 'somebody has that name' sign_up boss boss --invite "$INVITE"
lie "person-swapped $MAL"
at a contact remove mal >"$T/why" 2>&1
refused 'whose account is not shown by it is no contact' 3 name-unclaimed \
	at a contact add boss
told person-swapped
truth
ok 'Mal is one again' at a contact add mal
ok 'and goes by that name here' at a contact rename mal boss
ok 'so is who has it' at a contact add boss
refused 'who is meant is to be said' 2 bad-usage at a contact show boss

# ---- an account that began anew ----

lie "person-anew $BEN"
run at a contact list
says 'it is told' '[(]contact-changed[)]' cat "$T/err"
refused 'taking back a comparison does not settle it' 4 contact-changed \
	at a verify ben --undo
refused 'nor does adding him' 4 contact-changed sh -c \
	"aumbry --home '$T/a' contact add ben; exit_is=\$?
	echo '(contact-changed)' >&2; exit \$exit_is"
truth
run at a contact list
level ben verified
quietly() { at "$1" contact list 2>"$T/err" && ! grep aumbry: "$T/err"; }
ok 'the truth is quiet' quietly a
ok 'on the other device as well' quietly a2

# ---- what is withheld from one side ----

ok 'Ben puts a device out' at b device remove --yes \
	"$(at b --json device list | sed -n '2s/.*"id":"\([0-9a-f]*\)".*/\1/p')"
ok 'Ana forgets him' at a contact remove ben
lie "person-older $BEN"
ok 'and meets him without that' at a contact add ben
compare
equal 'a code tells both' '4 4' "$shows $types"
truth
equal 'which is an alert' 1 "$(at a verify status 2>&1 | grep -c 'the code was right')"
says 'on both sides' 'the code was right' at b verify status
level ben known

# ---- devices at once ----

meanwhile() { at a2 contact rename ben Benni >"$T/why" 2>&1; }
compare
equal 'a change elsewhere loses no comparison' '0 0' "$shows $types"
says 'and is not lost' '^ben@.* verified .* Benni$' at a contact list
meanwhile() { :; }
ok 'he is forgotten' at a contact remove Benni
at a contact add ben >"$T/one" 2>&1 &
one=$!
ok 'two devices add him at once' at a2 contact add ben
ok 'both' wait $one
mkfifo "$T/first"
aumbry --home "$T/a" verify ben --show --timeout 20s >"$T/first" \
	2>"$T/first.err" </dev/null &
first=$!
aumbry --home "$T/a2" verify ben --show --timeout 20s >"$T/second" \
	2>"$T/second.err" </dev/null &
second=$!
(
	(read -r code && echo "$code" >"$T/seen") <"$T/first" &
	until_true 15 sh -c '[ -s "$1" ] || [ -s "$2" ]' sh "$T/seen" "$T/second"
	cat "$T/seen" "$T/second" 2>"$T/why" | head -n 1
) | aumbry --home "$T/b" verify ana --timeout 20s >"$T/out" 2>"$T/err"
equal 'of two that show a code one does' 0 $?
wait $first
a=$?
wait $second
equal 'and the other hears of it' 1 $((a + $?))
kill %% 2>"$T/why"

# ---- whose name it is ----

INVITE=$(aumbryd invite --data "$DATA")
ok 'Nel has an account' sign_up nel nel --invite "$INVITE"
ok 'and adds Ana' at nel contact add ana
ok 'she asks' at nel message send ana 'let me in'
says 'which Ana sees' '^nel@.* asks ' at a contact list
lie "person-swapped $(uid nel)"
refused 'who asked is not let in by the name of another' 3 name-unclaimed \
	at a contact add mal
told person-swapped
truth
level nel asks
refused 'nobody goes by the name of another' 1 bad-request \
	at nel contact me --name boss
ok 'the server was put back' aumbryd restored --data "$DATA" --age 1h
refused 'then neither' 1 bad-request at nel contact me --name boss
refused 'nor by one that was' 1 bad-request at nel contact me --name ben
INVITE=$(aumbryd invite --data "$DATA")
lie server-older
refused 'a server that is older takes no account of this version' 1 \
	update-needed at new signup "$URL" new --invite "$INVITE"
truth
ok 'of which nothing was used up' at new signup "$URL" new --invite "$INVITE" \
	--no-two-factor
equal 'the liar did not stumble' '' "$(cat "$T/liar.err")"
finish
