#!/bin/sh
# SPDX-License-Identifier: ISC
# 98-message-agent.t: the agent and `message watch` tell what comes, and file it.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/desktop.sh"

: >"$ANSWER"
start_metered
people ana ben cleo
contacts ana ben
ok 'Ben writes while nobody is there' at b message send ana 'Good morning'

start_desktop
aumbry --home "$T/a" agent >"$T/agent.out" 2>"$T/agent.err" </dev/null &
HELPERS="$HELPERS $!"
shown() { until_true 10 grep -q "$1" "$SHOWN"; }
ok "Ana's agent says how much is unread" shown '1 unread message'
aumbry --home "$T/b" message watch >"$T/watch.out" 2>"$T/watch.err" </dev/null &
watch=$!
HELPERS="$HELPERS $watch"
until_true 10 grep -q 'Ctrl-C' "$T/watch.err"
ok 'Ben writes' at b message send ana "$(printf 'Are you up? \033[31m')"
ok 'which is shown at once' shown 'Are you up?'
ok 'by his name' shown "^.*ben@localhost"
ok 'without a control character' sh -c "! grep -q \"\$(printf '\\033')\" '$SHOWN'"
ok 'and by the watch, as his own' until_true 10 grep -q 'you: Are you up' \
	"$T/watch.out"
ok 'Ana answers' at a message send ben 'Just now'
ok 'which the watch shows' until_true 10 grep -q 'ana@localhost: Just now$' \
	"$T/watch.out"
not 'her own agent does not tell her' grep -q 'Just now' "$SHOWN"
ok 'a quiet one' at b message send ana --quiet 'psst'
ok 'Cleo, whom Ana does not know' at c contact add ana
ok 'writes to her' at c message send ana 'BUY NOW'
ok 'she is told that somebody asks' shown 'asks to write'
not 'and not what' grep -q 'BUY NOW' "$SHOWN"
not 'nor the quiet one' grep -q psst "$SHOWN"
ok 'which is there' at a message search psst
ok 'Ben is muted' at a message mute ben
ok 'he writes' at b message send ana 'hello?'
ok 'and Cleo is let in' at a contact accept cleo
ok 'who writes' at c message send ana 'Thank you'
ok 'she is heard' shown 'Thank you'
not 'he is not' grep -q 'hello?' "$SHOWN"
kill "$watch"
wait "$watch" 2>"$T/why"
equal 'a watch ends by a signal' 143 $?

# What waits for an hour is filed by the agent.
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	'UPDATE inbox_item SET received_ms = received_ms - 3700000'
inbox() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	"SELECT COUNT(*) FROM inbox_item WHERE uid = (SELECT uid FROM account
	WHERE name = 'ana')"; }
ok 'something waits' [ "$(inbox)" -gt 5 ]
# Its agent knows them as of now: another one sees how old they are.
ok 'a command files it' at a message list
equal 'all of it' 0 "$(inbox)"
aumbry --home "$T/a" message watch >"$T/idle" 2>"$T/idle.err" </dev/null &
HELPERS="$HELPERS $!"
until_true 10 grep -q 'Ctrl-C' "$T/idle.err"
sleep 1
before=$(metric aumbry_http_requests_total)
sleep 2
less 'who waits for nothing asks next to nothing' 10 \
	$(($(metric aumbry_http_requests_total) - before))
ok 'Ben writes on' at b message send ana --quiet 'one more'
ok 'which is shown' until_true 10 grep -q 'one more' "$T/idle"
equal 'and all that was filed meanwhile is not' 1 "$(grep -c . "$T/idle")"
says 'and all is in its order' 'hello' at a message show ben
finish
