#!/bin/sh
# SPDX-License-Identifier: ISC
# 58-many.t: many clients at once, of one account and of several.
#
# Three devices of one account and two other accounts back up, restore, prune
# and list at the same time, for some rounds: nobody is refused, nothing is
# lost, and each finds its own.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

ROUNDS=3
: >"$T/failed"

start_server
ok 'the first account' sign_up ana ana --invite "$INVITE"
ok 'its second device' pair ana bea ana
ok 'its third device' pair ana cyd ana
ok 'the second account' sign_up dan dan \
	--invite "$(aumbryd invite --data "$DATA")"
ok 'the third account' sign_up eve eve \
	--invite "$(aumbryd invite --data "$DATA")"

# fill NAME: a tree of its own, with a part that all have.
fill() {
	mkdir -p "$T/$1-files/own" "$T/$1-files/shared"
	for i in $(seq 100); do
		echo "file $i of $1, round $2" >"$T/$1-files/own/$i"
		echo "file $i of all" >"$T/$1-files/shared/$i"
	done
	head -c 3000000 /dev/urandom >"$T/$1-files/own/noise-$2"
}
# beside NAME COMMAND…: in the background; whoever fails is noted.
beside() {
	who=$1
	shift
	(
		"$@" >"$T/$who.out" 2>"$T/$who.err" </dev/null ||
			{
				echo "$who: $? of $*"
				cat "$T/$who.err"
			} >>"$T/failed"
	) &
	started="$started $!"
}

started=''
for round in $(seq $ROUNDS); do
	for device in ana bea dan eve; do
		fill $device "$round"
		beside $device at $device backup "$T/$device-files"
	done
	beside list at cyd snapshot list
	[ "$round" = 1 ] || {
		# What was there before stays while others write and prune.
		beside restore at cyd restore "$before" --to "$T/back-$round"
		beside prune at cyd prune
		beside dan2 at dan status
		beside eve2 at eve snapshot list
	}
	# shellcheck disable=SC2086 # a list of numbers
	wait $started
	started=''
	before=$(tail -n 1 "$T/ana.out"):$T/ana-files
	[ "$round" = 1 ] || run at ana snapshot forget "$(tail -n 1 "$T/bea.out")"
done
awk '{ print "# " $0 }' "$T/failed"
ok 'nobody was refused' cmp "$T/failed" /dev/null
for device in ana dan eve; do
	ok "$device restores" at $device restore "latest:$T/$device-files" \
		--to "$T/$device-back"
	ok 'all of it' trees_equal "$T/$device-files" "$T/$device-back"
done
ok 'what was pruned beside others took nothing away' at cyd check --read
ok 'nor from the second account' at dan check --read
ok 'the server agrees' aumbryd check --data "$DATA" --read
finish
