#!/bin/sh
# SPDX-License-Identifier: ISC
# 97-contact-agent.t: the agent asks before it shows a code to compare, and says
# what is wrong with contacts.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/desktop.sh"
. "$(dirname "$0")/liar.sh"

shown() {
	grep -q "$1" "$SHOWN"
}
start_liar
people ana ben cleo
contacts ana ben
ok 'Cleo has Ana, who has not Cleo' at c contact add ana

# ---- without a desktop ----

# agent: of Ana, that its own alerts are told and no older.
agent() {
	aumbry --home "$T/a" agent >"$T/agent.out" 2>"$T/agent.err" \
		</dev/null &
	agent=$!
	HELPERS="$HELPERS $agent"
	until_true 10 grep -q Ready "$T/agent.err"
}
ok 'the agent waits' agent
refused 'a stranger asks' 1 code-expired sh -c "echo V-123-456-782 |
	aumbry --home '$T/c' verify ana --timeout 2s"
refused 'Ben asks' 1 code-expired sh -c "echo V-123-456-782 |
	aumbry --home '$T/b' verify ana --timeout 2s"
ok 'who is told of' until_true 10 grep -q \
	'^ben@.* wants to compare.* aumbry verify ben@.* --show$' "$T/agent.err"
not 'the stranger is not' grep -q cleo "$T/agent.err"
kill "$agent"
wait "$agent" 2>"$T/why"

# ---- with one ----

start_desktop
echo show >"$ANSWER"
ok 'the agent waits, with a desktop' agent
mkfifo "$T/codes"
aumbry --home "$T/b" verify ana >"$T/b.out" 2>&1 <"$T/codes" &
types=$!
exec 4>"$T/codes"
ok 'Ben asks, and a code is shown' until_true 10 shown \
	'|V-[0-9]\{3\}-[0-9]\{3\}-[0-9]\{3\}|Tell this code'
ok 'after Ana was asked' shown '|ben@[^|]* wants to compare|Is that person'
sed -n 's/.*|\(V-[0-9-]*\)|Tell.*/\1/p' "$SHOWN" | tail -n 1 >&4
exec 4>&-
ok 'which verifies Ana' wait $types
ok 'and Ben' until_true 10 shown '|Verified: the devices'
says 'for all devices' '^ben@.* verified ' at a contact list
not 'no code is written anywhere else' \
	grep -E 'V-[0-9]{3}' "$T/agent.out" "$T/agent.err"

# ---- who is blocked ----

cp "$SHOWN" "$T/shown.before"
ok 'Ana blocks him' at a contact block ben
run at b verify ana --timeout 2s --code V-123-456-782
equal 'what he asks is not told' "$(cat "$T/shown.before")" "$(cat "$SHOWN")"
ok 'she lets him' at a contact unblock ben

# ---- what is wrong with one ----

kill "$agent"
wait "$agent" 2>"$T/why"
lie person-anew
ok 'the next agent looks' agent
ok 'and shows what is wrong' until_true 10 shown \
	'|A contact has changed|the account of ben@.* began anew'
truth
kill "$agent"
wait "$agent" 2>"$T/why"
equal 'the liar did not stumble' '' "$(cat "$T/liar.err")"
finish
