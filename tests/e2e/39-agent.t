#!/bin/sh
# SPDX-License-Identifier: ISC
# 39-agent.t: who asks to join is shown on the desktop of the trusted devices,
# never on the machine that asks, and no more often than a person can bear.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/desktop.sh"

start_server
ok 'an account' sign_up ana ana --invite "$INVITE"

# Another machine has another machine-id. Only root can pretend, and where there
# is none nothing is known to be the same machine.
same=yes
[ -s /etc/machine-id ] || same=no
# Where / is no mount of its own, as in a chroot, its kind cannot be changed, and
# need not be when nothing is shared.
apart='unshare -m'
unshare -m true 2>/dev/null || grep -q shared: /proc/self/mountinfo ||
	apart='unshare -m --propagation unchanged'
head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$T/machine"
elsewhere() {
	[ $same = yes ] || {
		"$@"
		return
	}
	# shellcheck disable=SC2086 # a command with its options
	$apart sh -c 'mount --bind "$1" /etc/machine-id && shift && "$@"' \
		sh "$T/machine" "$@"
}
new_device() {
	elsewhere aumbry --home "$T/$1" --password-file "$PW" \
		signin "$URL" ana --timeout 20s
}
shown() {
	grep -q "$1" "$SHOWN"
}

# Without a desktop it speaks on its standard output.
aumbry --home "$T/ana" agent >"$T/agent.out" 2>"$T/agent.err" </dev/null &
agent=$!
HELPERS="$HELPERS $agent"
ok 'the agent waits' until_true 10 grep -q Ready "$T/agent.err"
also_in() {
	ok "$1" until_true 10 grep -Eq "$2" "$3"
}
refused 'one at a time' 1 home-busy aumbry --home "$T/ana" agent
if [ $same = yes ]; then
	aumbry --home "$T/same" --password-file "$PW" signin "$URL" ana \
		--timeout 2s >"$T/same.out" 2>&1 </dev/null
	not 'this machine is not told of itself' \
		grep -q computer "$T/agent.out"
fi
new_device bea >"$T/bea.out" 2>&1 </dev/null &
also_in 'another one is told' 'computer, linux, from 127\.0\.0\.1$' "$T/agent.out"
also_in 'with what to do' 'aumbry device approve [0-9a-f]+$' "$T/agent.err"
ok 'it is refused' at ana device refuse
wait $!
kill $agent
wait $agent 2>/dev/null

# With one it asks there.
start_desktop
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' 'DELETE FROM throttle'
aumbry --home "$T/ana" agent >"$T/agent.out" 2>"$T/agent.err" </dev/null &
agent=$!
HELPERS="$HELPERS $agent"
ok 'the agent waits, with a desktop' \
	until_true 10 grep -q 'on the desktop' "$T/agent.err"
echo refuse >"$ANSWER"
refused 'a click refuses' 4 request-refused new_device bea
ok 'what was shown' shown '|A computer asks to join ana@localhost|'
ok 'from where' shown '|linux, from 127.0.0.1\. Whoever asks knows'
ok 'with two buttons' shown "|allow Allow refuse Don't allow$"
refused 'that address is silent for a day' 4 request-refused new_device bea
equal 'and nobody is asked' 1 "$(grep -c 'asks to join' "$SHOWN")"
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' 'DELETE FROM throttle'
echo allow >"$ANSWER"
mkfifo "$T/codes"
elsewhere aumbry --home "$T/bea" --password-file "$PW" signin "$URL" ana \
	>"$T/bea.out" 2>&1 <"$T/codes" &
bea=$!
exec 4>"$T/codes"
ok 'a click allows, and a code is shown' \
	until_true 10 shown '|[0-9]\{4\}-[0-9]\{4\}|Type this code into Aumbry'
sed -n 's/.*|\([0-9]\{4\}-[0-9]\{4\}\)|Type.*/\1/p' "$SHOWN" | tail -n 1 >&4
exec 4>&-
ok 'which lets the device in' wait $bea
ok 'and that is shown' until_true 10 shown '|The device is in|'
not 'no code is written anywhere else' \
	grep -E '[0-9]{4}-[0-9]{4}' "$T/agent.out" "$T/agent.err"

# A prompt that another device answers goes away.
new_device dan >"$T/dan.out" 2>&1 </dev/null &
dan=$!
ok 'a third device asks' until_true 10 sh -c \
	'[ "$(grep -c "asks to join" "$1")" -eq 3 ]' sh "$SHOWN"
ok 'the second refuses' elsewhere aumbry --home "$T/bea" device refuse
wait $dan
ok 'and the prompt goes' until_true 10 shown '^closed '

# Bombing: three prompts an hour, and three that were withdrawn.
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' 'DELETE FROM throttle'
for _ in 1 2 3 4 5 6 7 8 9; do
	elsewhere aumbry --home "$T/bomb" --password-file "$PW" \
		signin "$URL" ana --timeout 1s 2>&1 </dev/null | tail -n 1
done >"$T/bombs"
equal 'of nine requests three are not shown' 3 \
	"$(grep -c too-many-attempts "$T/bombs")"

# The server goes and comes. All but the two that were clicked have gone.
ok 'all prompts have gone' until_true 20 sh -c \
	'[ "$(grep -c "^closed" "$1")" -eq \
		$(($(grep -c "asks to join" "$1") - 2)) ]' sh "$SHOWN"
port=${URL##*:}
port=${port%%[!0-9]*}
stop_server
also_in 'the server is away' '(server-(unreachable|busy)).; waiting' "$T/agent.err"
start_server --listen "127.0.0.1:$port"
ok 'and there again' until_true 30 grep -q 'there again' "$T/agent.err"
kill $agent
wait $agent 2>/dev/null
finish
