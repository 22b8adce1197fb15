#!/bin/sh
# SPDX-License-Identifier: ISC
# 98-message-crash.t: who writes, who files, and the server are killed at any
# moment: what was said to be sent is on all devices of both, once.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

CRASHES=${CRASHES:-30} # how many instants
init_server --mature-hours 0
configure server listen "127.0.0.1:$(free_ports 1)"
start_server
people ana ben
ok 'and another device' pair b b2 ben
contacts ana ben

# soon: after some milliseconds, another number each time.
soon() {
	sleep "0.$(printf %03d $(($1 * 37 % 120)))"
}
# dies AFTER COMMAND…: killed then, or it was done before. Says how it ended.
dies() {
	after=$1
	shift
	"$@" >"$T/dies.out" 2>&1 </dev/null &
	died=$!
	soon "$after"
	kill -KILL $died 2>/dev/null
	wait $died 2>/dev/null
}
due() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' 'UPDATE inbox_item
		SET received_ms = received_ms - 3700000
		WHERE received_ms > (SELECT MAX(received_ms) - 60000 FROM inbox_item)'
}
: >"$T/sent"
i=0
while [ $i -lt "$CRASHES" ]; do
	i=$((i + 1))
	case $((i % 2)) in
	0) from=a to=ben ;;
	*) from=b to=ana ;;
	esac
	# One that is to come through, and one that is killed.
	until at $from message send $to "sure $i" >"$T/out" 2>"$T/err"; do
		grep -q 'too-many-attempts' "$T/err" || break
		sleep 1
	done
	grep -q '^Sent' "$T/err" && echo "sure $i" >>"$T/sent"
	if dies $i aumbry --home "$T/$from" message send $to "perhaps $i"; then
		grep -q '^Sent' "$T/dies.out" && echo "perhaps $i" >>"$T/sent"
	fi
	due
	dies $((i + 3)) aumbry --home "$T/b2" message list
	dies $((i + 7)) aumbry --home "$T/a" message list
	if [ $((i % 10)) -eq 0 ]; then
		stop_server KILL
		start_server
	fi
done
equal 'all that was sure to be sent was' "$CRASHES" \
	"$(grep -c '^sure' "$T/sent")"
texts() {
	at "$1" --json message show "$2" |
		sed -n 's/.*"text":"\([^"]*\)".*/\1/p'
}
texts a ben >"$T/a.all"
texts b ana >"$T/b.all"
texts b2 ana >"$T/b2.all"
lost=0
while read -r text; do
	for home in a b b2; do
		[ "$(grep -cx "$text" "$T/$home.all")" = 1 ] || {
			echo "# $home: $text"
			lost=$((lost + 1))
		}
	done
done <"$T/sent"
equal 'all of it is everywhere, once' 0 "$lost"
perhaps=$(grep -c '^perhaps' "$T/a.all")
ok 'some were killed before they were sent, and some were not' \
	sh -c "[ $perhaps -gt 0 ] && [ $perhaps -lt $CRASHES ]"
equal 'nothing is anywhere twice' '' "$(sort "$T/a.all" | uniq -d)"
ok 'both have the same, in one order' cmp "$T/a.all" "$T/b.all"
ok 'and so has the other device' cmp "$T/a.all" "$T/b2.all"
for home in a b b2; do
	says "$home has nothing that is wrong" . sh -c \
		"aumbry --home '$T/$home' message list && echo ."
	lacks '- or missing' 'aumbry:'
done
finish
