#!/bin/sh
# SPDX-License-Identifier: ISC
# 98-message-liar.t: whatever the server does to letters, keys and lists of
# devices is named, and no letter leaves before it is.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"
start_liar
people ana ben cleo
for more in 2 3; do
	ok "another device of Ana's" pair a "a$more" ana
	ok "and of Ben's" pair b "b$more" ben
done
contacts ana ben
contacts cleo ana
ok 'Ana has compared' sh -c "echo yes | aumbry --home '$T/a' verify ben --number"
ok 'they write' at a message send ben 'one'
ok 'to each other' at b message send ana 'two'
ok 'and to Cleo' at a message send cleo 'hello'
sql() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"; }
uid() { sql "SELECT lower(hex(uid)) FROM account WHERE name = '$1'"; }
ANA=$(uid ana) BEN=$(uid ben) CLEO=$(uid cleo)
posted() { sql 'SELECT SUM(top) FROM inbox'; }

# ---- nothing leaves ----

# holds LIE CODE STATUS: what is sent while that is told is named, and goes
# nowhere.
holds() {
	before=$(posted)
	lie "$1"
	refused "${1%% *}: $2" "$3" "$2" at a message send ben 'a secret'
	told "${1%% *}"
	truth
	equal '- and nothing has left' "$before" "$(posted)"
}
holds person-older circle-rolled-back 6
holds person-other circle-rolled-back 6
holds person-other-end circle-forked 6
holds person-slipped circle-invalid 6
holds person-in-time-to-come clock-wrong 1
holds person-gone not-found 1
holds person-anew contact-changed 4
holds card-other key-substituted 6
holds "card-swapped $CLEO" key-substituted 6
holds card-none inbox-missing 4
ok 'the truth goes on' at a message send ben 'three'
ok "a device of Ben's is put out" at b device remove --yes \
	"$(at b --json device list | sed -n '3s/.*"id":"\([0-9a-f]*\)".*/\1/p')"
holds card-old inbox-missing 4
holds person-older circle-rolled-back 6
ok 'to those who are left she writes' at a message send ben 'four'
says 'which they read' 'four$' at b message show ana

# ---- nothing comes that was not sent ----

# warned WHAT STATUS CODE COMMAND…: it goes on, says so, and ends with that.
warned() {
	name=$1 wanted=$2 code=$3
	shift 3
	run "$@"
	status=$?
	if [ $status -eq "$wanted" ] &&
		grep -q "^aumbry: .*($code)\$" "$T/err"; then
		pass "$name"
	else
		fail "$name (exit $status, wanted $wanted and $code)"
	fi
}

# comes LIE CODE: Ben is told, and shown nothing of what was made of it.
comes() {
	ok "Ana writes ($1)" at a message send ben "text of ${1%% *}"
	lie "$1"
	warned "${1%% *}: $2" 6 "$2" at b message show ana
	told "${1%% *}"
	ok '- it is not shown' sh -c "! grep -q 'text of ${1%% *}' '$T/out'"
	truth
	says '- the truth is' "text of ${1%% *}$" at b message show ana
}
comes letter-changed letter-forged
comes letter-moved letter-forged
# Somebody else has sent it: Cleo, in Ana's place.
ok 'Ana writes' at a message send ben 'text of letter-from'
lie "letter-from $CLEO"
run at b message list
says 'letter-from: letter-forged' '[(]letter-forged[)]' cat "$T/err"
told letter-from
lacks 'it is shown as nobody'"'"'s' 'text of letter-from'
truth
says 'the truth is Ana'"'"'s' 'ana@.*: text of letter-from$' at b message show ana
lie letter-again
run at b message show ana
equal 'what comes twice is shown once' 1 \
	"$(grep -c 'text of letter-from$' "$T/out")"
told letter-again
lie letter-order
refused 'a list out of order' 1 bad-request at b message list
told letter-order
lie letter-half
refused 'and half of one are none' 1 bad-request at b message list
told letter-half
truth

# ---- nothing is held back unnoticed ----

ok 'Ana writes' at a message send ben 'the one held back'
number=$(sql "SELECT MAX(number) FROM inbox_item WHERE uid = x'$BEN'")
ok 'and goes on' at a message send ben 'the one after'
lie "letter-dropped $number"
warned 'letter-dropped: letter-missing' 3 letter-missing at b message show ana
told letter-dropped
says 'and where' 'has not come' at b message show ana
truth
ok 'it comes' at b message show ana
lacks 'and nothing is missing' 'has not come'

# ---- what was filed as it came is opened later ----

ok 'Ana writes' at a message send ben 'filed raw'
lie letter-changed
sql 'UPDATE inbox_item SET received_ms = received_ms - 3700000'
warned 'what is wrong is filed as it came' 6 letter-forged at b message list
equal 'and the inbox is empty' 0 \
	"$(sql "SELECT COUNT(*) FROM inbox_item WHERE uid = x'$BEN'")"
truth
warned 'it stays what it is' 6 letter-forged at b2 message show ana
ok 'until one is rid of it' at b message delete --here \
	"$(at b --json message show ana | sed -n '/letter-forged/s/.*"id":"\([0-9a-f]*\)".*/\1/p')"
ok 'then all is quiet' at b2 message show ana

# Two devices note something of one conversation at once.
ok 'Ana writes once more' at a message send ben 'to be read'
lie 'pause POST commits 1'
at b2 message read ana >"$T/reads" 2>&1 &
reads=$!
until_true 20 grep -q "^pause 1 " "$T/lies"
ok 'Ben mutes her, while another device notes what it has read' \
	at b message mute ana --for 8h
truth
wait $reads
equal 'which it does' 0 $?
says 'and takes nothing back' '^ana@.*muted' at b2 message list
ok 'she is heard again' at b message unmute ana

# A contact that began anew, whom nobody has accepted: what comes meanwhile is
# kept, and read once he is.
ok 'Ben has compared' sh -c "echo yes | aumbry --home '$T/b' verify ana --number"
ok 'Ana writes' at a message send ben 'before the lie'
lie "person-anew $ANA"
run at b message show ana
says 'person-anew: contact-changed' '[(]contact-changed[)]' cat "$T/err"
lacks 'nothing of it is shown' 'before the lie'
truth
says 'the truth is' 'before the lie$' at b message show ana
# One whom nobody has compared is followed, and that is told until it is read,
# whatever found it.
lie "person-anew $CLEO"
run at a message send cleo 'hello again'
says 'who began anew is told' 'cleo@.* nobody had compared' at a verify status
says 'by status, too' 'cleo@.* nobody had compared' at a2 status
truth
[ ! -s "$T/liar.err" ] || sed 's/^/# /' "$T/liar.err"
equal 'the liar did not stumble' '' "$(cat "$T/liar.err")"
finish
