#!/bin/sh
# SPDX-License-Identifier: ISC
# 97-contact.t: contacts are pinned and compared; whatever the server does to
# their lists of devices is told, and what they do themselves is no alarm.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"
start_liar
people ana ben
ok 'and another device' pair b b2 ben
HOST=$(at a --json contact me | sed 's/.*@\([^"]*\)".*/\1/')

# ---- finding, listing, naming ----

says 'there are none' 'aumbry contact add NAME' at a contact list
ok 'Ana adds Ben' at a --json contact add ben
also 'with his devices' '"level":"known".*"devices":2,'
also 'and is told that nobody compared' "aumbry verify ben@$HOST$"
says 'in whatever way it is written, he is known' 'a contact already, known' \
	at a contact add " BEN@$HOST "
refused 'nobody is nobody' 1 not-found at a contact add cleo
refused 'nor is she her own' 2 bad-usage at a contact add ana
refused 'who was not added is none' 1 not-found at a contact show ana
refused 'another server is not asked' 2 bad-name at a contact add ben@elsewhere
ok 'he gets another name' at a contact rename ben Benni
says 'by which he is listed' "^ben@$HOST *known *2 devices .* Benni\$" \
	at a contact list
says 'and found' "^ben@$HOST" at a contact show Benni
refused 'not by one that cannot be seen' 2 bad-name at a contact rename ben \
	"$(printf 'a\033[2Jb')"
ok 'it goes' at a contact rename Benni ''
ok "a second device of Ana's" pair a a2 ana
says 'knows him, too' "^ben@$HOST *known " at a2 contact list

# ---- comparing ----

ok 'Ben adds Ana' at b contact add ana
ana_sees=$(at a --json contact show ben | json number /dev/stdin)
ben_sees=$(at b --json contact show ana | json number /dev/stdin)
equal 'both see one number' "$ana_sees" "$ben_sees"
equal 'of 60 digits' 60 "${#ana_sees}"
refused 'another one' 4 code-differs sh -c "echo no |
	aumbry --home '$T/a' verify ben --number"
says 'verifies nothing' ' known ' at a contact list
ok 'the same one' sh -c "echo yes | aumbry --home '$T/a' verify ben --number"
says 'does' "^ben@$HOST *verified " at a contact list
says 'for her other device, too' "^ben@$HOST *verified " at a2 contact list
CODE=$(at a --json contact me | json public_code /dev/stdin)
refused 'a code with a slip' 1 wrong-code at b verify ana --public "${CODE}x"
refused 'a pairing code' 2 wrong-code-kind at b verify ana --public 1234-5678
refused 'of somebody else' 4 code-differs at b verify ana --public \
	"$(at b --json contact me | json public_code /dev/stdin)"
ok 'a code that was published' at b verify ana --public "$CODE"
says 'verifies' '"level":"verified".*"way":"public"' \
	at b --json contact list
refused 'one way is enough' 2 bad-usage at a verify ben --number --undo

ok 'it can be taken back' at b verify ana --undo

# ---- by a code that one tells the other ----

# compare SHOWS TYPES [EDIT]: one shows a code, the other types it, or what the
# command EDIT makes of it. Sets what both end with.
compare() {
	rm -f "$T/pipe"
	mkfifo "$T/pipe"
	aumbry --home "$T/$1" verify "$3" --show --timeout 30s \
		>"$T/pipe" 2>"$T/shows.err" </dev/null &
	showing=$!
	# Who types has to ask before a code is shown.
	(read -r code <"$T/pipe" && echo "$code" | ${5:-cat}) |
		aumbry --home "$T/$2" verify "$4" --timeout 30s \
			>"$T/out" 2>"$T/err"
	types=$?
	wait $showing
	shows=$?
}
compare a b ben ana
equal 'Ana shows a code, Ben types it' '0 0' "$shows $types"
says 'which verifies Ana' '"level":"verified".*"way":"code"' \
	at b --json contact list
says 'and Ben' '"level":"verified".*"way":"code"' at a2 --json contact list
code_shape() { sed -n 's/^V-[0-9]\{3\}-[0-9]\{3\}-[0-9]\{3\}$/V-000-000-000/p'; }
compare b a ana ben code_shape
equal 'another code is wrong, and burnt' 1 "$types"
says 'by its name' '(wrong-code)' cat "$T/err"
compare b a ana ben 'sed s/.*/1234-5674/'
equal 'a pairing code is none' 2 "$types"
says 'and was sent nowhere' 'a pairing code' cat "$T/err"
refused 'nor as an option' 2 wrong-code-kind at a verify ben --code 1234-5674
refused 'and the other way round' 2 wrong-code-kind \
	aumbry --home "$T/new" --password-file "$PW" signin "$URL" ana \
	--code V-123-456-782
refused 'nobody asks' 1 code-expired at a verify ben --show --timeout 1s
refused 'nobody answers' 1 code-expired sh -c "echo V-123-456-782 |
	aumbry --home '$T/a' verify ben --timeout 1s"

# ---- what honest people do ----

equal 'no alert so far' '' "$(at a verify status)"
quiet() {
	if run at a contact list && ! grep -q 'aumbry:' "$T/err"; then
		pass "$1"
	else
		fail "$1"
	fi
}
ok 'Ben lets in a third' pair b b3 ben
quiet 'that is no alarm'
ok 'one of them leaves' at b3 signout --erase --yes
ok 'the others notice' at b device list
quiet 'nor is that'
says 'he is verified still' "^ben@$HOST *verified *2 devices" at a contact list
equal 'by the same number' "$ana_sees" \
	"$(at a --json contact show ben | json number /dev/stdin)"

# ---- what a server does ----

# alarm CODE STATUS LIE: Ana's list must name it, and take nothing over.
alarm() {
	lie "$3"
	run at a contact list
	status=$?
	if [ $status -eq "$2" ] && grep -q "^aumbry: .*ben@.*($1)\$" "$T/err"; then
		pass "$3: $1"
	else
		fail "$3: $1 (exit $status)"
	fi
	told "$3"
	truth
}
for lie in 'person-older circle-rolled-back' 'person-other circle-rolled-back' \
	'person-other-end circle-forked' 'person-slipped circle-invalid' \
	'person-in-time-to-come clock-wrong' \
	'person-gone not-found'; do
	alarm "${lie#* }" "$(case $lie in
	*circle-*) echo 6 ;; *) echo 1 ;; esac)" "${lie% *}"
	quiet '- and the truth is taken again'
done
says 'he is verified still' "^ben@$HOST *verified *2 devices" at a contact list
lie person-half
run at a2 contact list
says 'what was cut short is no list' 'circle-invalid' cat "$T/err"
told person-half
truth
ok 'the truth is' at a2 contact list

# One that has kept nothing of his list knows the pin.
ok "a new device of Ana's" pair a a4 ana
lie person-anew-instead
run at a4 contact list
says 'is shown no other list' '(circle-forked)' cat "$T/err"
told person-anew-instead
lie person-older
run at a4 contact list
says 'nor an older one' '(circle-rolled-back)' cat "$T/err"
truth
says 'and takes the truth' "^ben@$HOST *verified " at a4 contact list

lie "person-swapped ffffffffffffffffffffffffffffffff"
refused 'another account by his name' 6 name-moved at a contact add ben
told person-swapped
truth

# The one thing that a server can sign: that all began anew.
alarm contact-changed 4 person-anew
lie person-anew
says 'the level says so' "^ben@$HOST *changed " at a contact list
run at a2 contact list
says 'and another device' '(contact-changed)' cat "$T/err"
says 'status has it, on both' 'began anew' at a2 status
says 'with what was wrong before' 'ben@.* ends at' at a status
says 'and when' 'ben@.*[(]circle-forked[)]$' at a verify status
ALERT=$(at a --json verify status |
	sed -n 's/.*"code":"contact-changed".*"id":"\([0-9a-f]*\)".*/\1/p')
ok 'one who has read it says so' at a2 verify dismiss "$ALERT"
says 'to all devices' '[(]contact-changed[)]  dismissed$' at a verify status
run at a status
not 'and is not told again while it goes on' grep 'began anew' "$T/out"
refused 'there is no other' 1 not-found at a verify dismiss ffffffff
truth
run at a contact list
says 'what is taken back is told' 'or it lied' cat "$T/err"
quiet 'once'
says 'he is verified still' "^ben@$HOST *verified *2 devices" at a contact list
lie person-anew
ok 'it can be accepted' at a contact accept ben
says 'unverified' "^ben@$HOST *known *1 devices" at a contact list
truth
BEN=$(at a --json contact show ben | json uid /dev/stdin)
ok 'Ana forgets Ben' at a contact remove ben
ok 'altogether' at a2 contact list
lie "person-other $BEN"
ok 'at the first look nobody can tell' at a contact add ben
compare a b ben ana
equal 'the right code does: both are warned' '4 4' "$shows $types"
says 'Ben' '(contact-changed)' cat "$T/err"
says 'and Ana' '(contact-changed)' cat "$T/shows.err"
says 'who has verified nothing' "^ben@$HOST *known" at a contact list
says 'nor has Ben any more' "^ana@$HOST *known" at b contact list
truth
run at a contact list
says 'the truth is another list' '(circle-forked)' cat "$T/err"
equal 'the liar did not stumble' '' "$(cat "$T/liar.err")"
finish
