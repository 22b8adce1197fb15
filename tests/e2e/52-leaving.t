#!/bin/sh
# SPDX-License-Identifier: ISC
# 52-leaving.t: devices that are put out or leave by themselves: whatever is
# cut off on the way, the next command finishes it.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"

mkdir "$T/files"
echo 'the text of a file' >"$T/files/a"

# epochs: the newest epoch of keys, and those that the newest heads are under.
epochs() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "
		SELECT printf('%08X', MAX(epoch)) FROM envelope;
		SELECT DISTINCT hex(substr(bytes, 117, 4)) FROM head AS h
		WHERE seq = (SELECT MAX(seq) FROM head WHERE zone = h.zone);" |
		tr '\n' ' '
}
# one_epoch NAME N: these are all the same.
one_epoch() {
	n=$(printf '%08X' "$2")
	equal "$1" "$n $n " "$(epochs)"
}
# told_now: a lie was told.
told_now() {
	[ "$(lies_told)" -gt 0 ]
}
# killed_by LIE HOME COMMAND…: kill -9 when that lie has been told.
killed_by() {
	lie "$1"
	home=$2
	shift 2
	aumbry --home "$T/$home" --password-file "$PW" "$@" \
		>"$T/killed.out" 2>&1 </dev/null &
	killed=$!
	until_true 30 told_now
	kill -9 $killed
	wait $killed 2>/dev/null
	truth
}
# works HOME: it backs up, and restores that.
works() {
	date +%N >"$T/files/at.$1"
	rm -rf "$T/back"
	if run at "$1" backup "$T/files" &&
		run at "$1" restore "latest:$T/files" --to "$T/back" &&
		run trees_equal "$T/files" "$T/back"; then
		pass "$1 backs up and restores"
	else
		fail "$1 backs up and restores"
	fi
}
# is_out HOME: the device there can do nothing any more.
is_out() {
	refused "$1 is out" 4 device-removed at "$1" status
	refused '- it cannot back up' 4 device-removed \
		at "$1" backup "$T/files"
	refused '- it cannot restore' 4 device-removed \
		at "$1" restore latest --to "$T/out"
	not '- it is not listed' sh -c \
		'aumbry --home "$1" device list | grep -q "  $2 "' \
		sh "$T/laptop" "$1"
}
members() {
	at laptop device list | wc -l
}

start_liar
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
works laptop
for name in tablet one two three four five; do
	ok "$name is let in" pair laptop $name ana --device-name $name
done
works tablet
one_epoch 'all is under the first keys' 1

# ---- a removal that is cut off ----

# The server has taken the entry, and the remover dies before it hears so.
killed_by hold-entry-answer laptop device remove one
not 'no head is under the new keys yet' [ "$(epochs)" = '00000002 00000002 ' ]
is_out one
ok 'the other device looks in' at tablet status
one_epoch 'and has made the heads' 2
ok 'the removal is repeated' at laptop device remove one
refused 'and again' 1 not-found at laptop device remove one
works laptop
works tablet

# The remover dies before its first head.
killed_by hold-commit laptop device remove two
not 'no head is under the new keys yet' [ "$(epochs)" = '00000003 00000003 ' ]
ok 'the remover looks in' at laptop status
one_epoch 'and has made the heads' 3
is_out two
ok 'the removal is repeated' at laptop device remove two
refused 'by another it is not' 1 not-found at tablet device remove two
works laptop
works tablet

# The answer gets lost, and nobody dies.
lie lose-entry-answer
ok 'a removal whose answer is lost' at laptop device remove three
told lose-entry-answer
truth
one_epoch 'is complete' 4
is_out three
works laptop
works tablet

# The question gets lost.
lie lose-entry
refused 'a removal that never arrived' 5 server-unreachable \
	at laptop device remove four
told lose-entry
truth
ok 'has not happened' at four status
ok 'it is repeated' at laptop device remove four
one_epoch 'and complete' 5
is_out four
works tablet

# The heads cannot be made: what only reads goes on.
ok 'another device is let in' pair laptop six ana --device-name six
lie lose-commit
refused 'a removal whose heads do not arrive' 5 server-unreachable \
	at laptop device remove six
is_out six
ok 'the other device reads' at tablet snapshot list
told lose-commit
truth
ok 'the removal is repeated' at laptop device remove six
one_epoch 'and complete' 6

# ---- a device that leaves ----

refused 'a device does not remove itself' 2 bad-usage \
	at five device remove five
also 'but leaves' 'aumbry signout$'
n=$(members)
killed_by hold-entry-answer five signout --erase
equal 'a device leaves, and dies before it hears so' $((n - 1)) "$(members)"
one_epoch 'who comes next made new keys and heads' 7
refused 'the one that left is out' 4 device-removed at five status
ok 'and signs out' at five signout --erase
refused 'and is not signed in' 1 not-signed-in at five status
says 'the log tells of it' ' device_removed ' at laptop log
works laptop
works tablet

lie lose-entry
ok 'who cannot reach the server signs out' at tablet signout --erase
also 'and is told what is left' 'aumbry device remove$'
told lose-entry
truth
equal 'no key is left behind' '' "$(find "$T/tablet" -name 'device.key*')"
ok 'the other removes it' at laptop device remove tablet
refused 'nobody else is in: the last one stays' 2 input-missing \
	at laptop signout --erase
works laptop
one_epoch 'all is under the newest keys' 8
ok 'all is whole' at laptop check --read

# ---- new keys are made by one ----

for name in one two; do
	rm -rf "${T:?}/$name"
	ok "$name is let in" pair laptop $name ana --device-name $name
done
ok 'the founder leaves' at laptop signout --erase
one_epoch 'and made no keys' 8
works two
one_epoch 'who came first did' 9
works one
works two
one_epoch 'and the other did not' 9
equal 'the liar did not stumble' '' "$(cat "$T/liar.err")"
finish
