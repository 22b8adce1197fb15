#!/bin/sh
# SPDX-License-Identifier: ISC
# 98-message-hostile.t: a contact whose program is of his own making: what he
# sends is shown as it is, or named and not shown, and hinders nothing else.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

start_server
people ana ben
contacts ana ben
ok 'and write' at b message send ana 'from before'
post() { "$BUILD/tests/letters" "$T/b" "$T/a" post "$1"; }

# bad WHAT CODE STATUS: it is named, not shown, and gone when one is rid of it.
bad() {
	ok "a wrong $1" post "$1"
	run at a message show ben
	equal "- $2" "$3" $?
	also '- by its name' "^aumbry: .*\\($2\\)$"
	lacks '- it is not shown' "wrong: $1"
	also '- all else is' 'from before$'
	ok '- it goes' at a message delete --here "$(at a --json message show ben |
		sed -n "s/.*\"id\":\"\\([0-9a-f]*\\)\".*\"code\":\"$2\".*/\\1/p")"
	ok '- and is gone' at a message show ben
}
ok 'one in which nothing is wrong' post nothing
says 'is shown' 'wrong: nothing$' at a message show ben
bad conversation letter-forged 6
bad signature letter-forged 6
bad device letter-forged 6
bad author letter-forged 6
bad third letter-forged 6
bad text letter-forged 6
bad short letter-forged 6
bad kind update-needed 1

not 'what is sealed to another epoch is not taken' post epoch
says 'by its name' conflict sh -c \
	"'$BUILD/tests/letters' '$T/b' '$T/a' post epoch 2>&1"

# Only who wrote it changes it.
id=$(at a --json message send ben 'as Ana wrote it' | json id /dev/stdin)
ok 'Ben says it otherwise' post "edit:$id"
ok 'and deletes it' post "delete:$id"
for home in a b; do
	says "it stays as it was ($home)" ': as Ana wrote it$' sh -c \
		"aumbry --home '$T/$home' message search Ana"
done

# One who writes the last clock that there is hinders nobody from writing on.
ok 'the last clock' post clock
ok 'Ana writes' at a message send ben 'and I go on'
ok 'and again' at a message send ben 'and on'
says 'it is shown' 'wrong: clock$' at b message show ana
also 'in the order that it was written in' 'and on$'
equal 'behind it' 'and on' "$(at b message show ana --last 1 | sed 's/.*: //')"

# Who says that he has seen what there never was can make a line of it, and no
# more, until one is rid of that.
ok 'a mark of nothing' post mark
says 'it is shown' 'wrong: mark$' at a message show ben
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	'UPDATE inbox_item SET received_ms = received_ms - 700000'
run at a message show ben
equal 'after ten minutes something is missing' 3 $?
also 'by its name' '^aumbry: .*\(letter-missing\)$'
id=$(at a --json message show ben |
	sed -n 's/.*"id":"\([0-9a-f]*\)".*"missing":true.*/\1/p')
ok 'it goes with the letter' at a message delete --here "$id"
ok 'and all is quiet' at a message show ben

# A server whose clock is far ahead: what is read then hides nothing later.
arrived() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "UPDATE inbox_item
	SET received_ms = received_ms + $1 WHERE number = (SELECT MAX(number)
	FROM inbox_item AS i WHERE i.uid = inbox_item.uid)"; }
ok 'one comes' post nothing
arrived 31536000000
ok 'a year ahead, and is read' at a message read ben
ok 'the next one' post nothing
arrived 400000
says 'is unread' ' 1 unread' at a message list
ok 'until it is read' at a message read ben

# What was filed as it came is looked at again when he is no contact any more.
for i in 1 2 3; do
	ok 'noise' post signature
done
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	'UPDATE inbox_item SET received_ms = received_ms - 3700000'
run at a message list
ok 'Ana forgets him' at a contact remove ben
run at a message list
equal 'it is still what it is' 6 $?
ok 'she knows him again' at a contact add ben
ok 'he knows her' at b contact add ana
ok 'she blocks him' at a contact block ben
ok 'and lets him' at a contact unblock ben

# Many at once, and much of it: the limits are the server's.
i=0
while [ $i -lt 80 ] && post nothing 2>"$T/err"; do
	i=$((i + 1))
done
less 'nobody writes more than some sixty in a minute' 75 "$i"
says 'by its name' too-many-attempts cat "$T/err"
ok 'the other one does' at a message send ben 'still here'
configure limits messages_per_minute 6000
kill -HUP "$SERVER"
ok 'unless the operator wants it' until_true 10 post nothing
finish
