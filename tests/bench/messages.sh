#!/bin/sh
# SPDX-License-Identifier: ISC
# messages.sh: what letters cost, from the seal to a new device with all of them.
#
#     make bench-messages
#
# LETTERS and POSTS make it smaller. Times are the median of TIMES runs; the bars are
# those that the design sets for two cores.
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/../e2e/account.sh"

LETTERS=${LETTERS:-200000}
TIMES=${TIMES:-15}
POSTS=${POSTS:-2000} # of each of four accounts; an inbox holds 10,000
row() { printf '%-52s %10s  %s\n' "$1" "$2" "$3"; }
now() { date +%s%N; }
# took COMMAND…: milliseconds; what it prints is in $T/took.
took() {
	began=$(now)
	"$@" >"$T/took" 2>&1 </dev/null
	echo $((($(now) - began) / 1000000))
}
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

init_server
configure limits messages_per_minute 60000
configure limits messages_per_day 1000000
start_server
sign_up a ana --invite "$INVITE" >"$T/log" 2>&1
INVITE=$(aumbryd invite --data "$DATA")
sign_up b ben --invite "$INVITE" >>"$T/log" 2>&1
# know HOME OTHER NAME OTHERS-NAME: contacts of each other, who let each other write.
know() {
	at "$1" contact add "$4"
	at "$2" contact add "$3"
	at "$1" message send "$4" 'the first'
	at "$2" message send "$3" 'the first'
} >>"$T/log" 2>&1
know a b ana ben
[ "$(at b --json message show ana | grep -c 'the first')" = 2 ] || exit 1

"$BUILD/tests/letters" "$T/a" "$T/b" seal 300 >"$T/seal" || exit 1
us() { awk -v what="$1" -v n="$2" '$1 == what && $2 == n { print $3 }' "$T/seal"; }
row 'to seal a letter to 1 account, us' "$(us seal 1)" 'at most 200'
row 'to 20 accounts, us' "$(us seal 20)" 'at most 1500'
row 'to 64 accounts, us' "$(us seal 64)" 'at most 5000'
row 'to open one, and look at its signature, us' "$(us open 1)" 'at most 200'

# What can be run here of others. Theirs is sealed to each device, ours to an
# account, whatever it has; theirs is not signed, and has forward secrecy.
peers=${PEERS:-$ROOT/build/peers}
if [ -d "$peers/node_modules/@signalapp" ] || npm install --silent --no-audit \
	--no-fund --prefix "$peers" @signalapp/libsignal-client@0.103.0 \
	>"$T/npm" 2>&1; then
	node "$ROOT/tests/bench/message_peers.mjs" "$peers" >"$T/signal" || exit 1
	awk '{ print $3 }' "$T/signal" | tr '\n' ' ' >"$T/theirs"
	row '- libsignal, to 1, 20, 64 devices; to open one, us' \
		"$(cat "$T/theirs")" ''
else
	row '- libsignal is not to be had here' '' ''
fi

# latency HOME: from the Enter of one to the screen of the other, ms.
latency() {
	aumbry --home "$T/$1" message watch >"$T/watch" 2>"$T/watch.err" \
		</dev/null &
	watch=$!
	HELPERS="$HELPERS $watch"
	until_true 30 grep -q 'Ctrl-C' "$T/watch.err"
	i=0
	while [ $i -lt "$TIMES" ]; do
		i=$((i + 1))
		began=$(now)
		at a message send ben "is it $i" >>"$T/log" 2>&1
		until grep -q "is it $i\$" "$T/watch"; do sleep 0.002; done
		echo $((($(now) - began) / 1000000))
	done >"$T/latency"
	kill "$watch"
	wait "$watch" 2>/dev/null
	median <"$T/latency"
}
row 'from one Enter to the other screen, ms' "$(latency b)" 'at most 150'

# A device that comes new to many letters.
row "the zone with $LETTERS letters is made, ms" \
	"$(took "$BUILD/tests/letters" "$T/b" "$T/a" fill "$LETTERS")" ''
pair b b2 ben >>"$T/log" 2>&1
began=$(now)
/usr/bin/time -f '%M' -o "$T/rss" aumbry --home "$T/b2" message show ana \
	--last 20 >"$T/shown" 2>>"$T/log"
row 'a new device shows the newest 20, ms' $((($(now) - began) / 1000000)) \
	'at most 2000'
row '- its memory, MiB' $(($(cat "$T/rss") / 1024)) 'at most 80'
row '- all of them, ms' "$(took aumbry --home "$T/b2" message show ana)" \
	'at most 8000'
[ "$(grep -c 'number ' "$T/took")" = "$LETTERS" ] || exit 1
i=0
while [ $i -lt 5 ]; do
	i=$((i + 1))
	took aumbry --home "$T/b2" message search 'half past 1012'
done >"$T/search"
row 'to search all of them, ms' "$(median <"$T/search")" 'at most 500'
row 'to list the conversations, ms' \
	"$(took aumbry --home "$T/b2" message list)" ''

row '- from Enter to screen with them, ms' "$(latency b2)" 'at most 150'

# An agent that waits.
aumbry --home "$T/b2" agent >"$T/agent" 2>&1 </dev/null &
agent=$!
HELPERS="$HELPERS $agent"
until_true 30 grep -q Ready "$T/agent"
sleep 5
cpu() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$agent/stat"; }
was=$(cpu)
sleep 20
row 'an idle agent, ticks of CPU in 20 s' $(($(cpu) - was)) 'none'
row '- its memory, MiB' \
	"$(awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$agent/status")" \
	'at most 30'
kill "$agent"
wait "$agent" 2>/dev/null

# The server on one core, and who posts on another: four accounts over four
# connections each, with letters that were sealed before.
for home in c:cleo d:dan e:eve f:finn; do
	sign_up "${home%:*}" "${home#*:}" \
		--invite "$(aumbryd invite --data "$DATA")" >>"$T/log" 2>&1
done
know c d cleo dan
know e f eve finn
token() {
	sqlite3 -batch "$T/$1/state.db" \
		"SELECT hex(value) FROM pair WHERE name = 'token'" |
		cut -c 17- | perl -ne 'chomp; print pack("H*", $_)'
}
set --
for both in 'c d' 'd c' 'e f' 'f e'; do
	home=${both% *}
	"$BUILD/tests/letters" "$T/$home" "$T/${both#* }" bodies "$POSTS" \
		>"$T/$home.bodies" || exit 1
	set -- "$@" "$(token "$home")" "$T/$home.bodies"
done
port=${URL##*:}
spent() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$SERVER/stat"; }
was=$(spent)
taskset -a -c -p 0 "$SERVER" >/dev/null
taskset -c 1 "$BUILD/tests/load" posts "${port%%/*}" 4 "$@" >"$T/posts"
[ "$(awk '{ print $4 == $6 }' "$T/posts")" = 1 ] || exit 1
row 'letters that one core of the server takes, a second' \
	"$(cut -d ' ' -f 1 "$T/posts")" 'at least 1000'
row '- by the time that the core worked' \
	$((4 * POSTS * $(getconf CLK_TCK) / ($(spent) - was + 1))) \
	'at least 1000'
