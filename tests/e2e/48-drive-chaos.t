#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-drive-chaos.t: three people at work in one Drive, whose programs and
# server are killed at any instant, lose nothing and end with one tree.
#
#     CHAOS_ROUNDS=N CHAOS_SEED=N    more of it, or the same once more
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
ROUNDS=${CHAOS_ROUNDS:-6}
SEED=${CHAOS_SEED:-$(date +%s)}
echo "# CHAOS_SEED=$SEED CHAOS_ROUNDS=$ROUNDS"
work=$ROOT/tests/tools/drive_work.pl

start_server
address=${URL#*://}
configure server listen "${address%%[#/]*}"
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana
ok 'a third' pair a c ana
mkdir "$T/root"
for d in a b c; do mkdir "$T/root/$d"; done

# any LIMIT: a number below it, the same for the same seed.
rand=$SEED
any() {
	rand=$(((rand * 1103515245 + 12345) % 2147483648))
	any=$((rand / 65536 % $1))
}
pause() { sleep "$(printf '0.%03d' "$1")"; }

# bounded DEVICE FLAGS…: what does not end has a fault.
bounded() {
	of=$1
	shift
	timeout 60 aumbry --home "$T/$of" --password-file "$PW" --json \
		drive sync "$T/root/$of" --once "$@"
}

# sync_once DEVICE: with the word for deletions that wait.
sync_once() {
	bounded "$1" >"$T/$1.json" 2>"$T/$1.err"
	ended=$?
	[ $ended -eq 4 ] || return $ended
	gate=$(sed -n 's/.*--confirm-deletions \([0-9a-f]*\).*/\1/p' "$T/$1.err")
	bounded "$1" --confirm-deletions "$gate" >"$T/$1.json" 2>"$T/$1.err"
}

# killed DEVICE MS: a sync that is killed after a while, if it still runs.
killed() {
	"$BUILD/aumbry" --home "$T/$1" --password-file "$PW" drive sync \
		"$T/root/$1" --once >/dev/null 2>"$T/$1.err" &
	process=$!
	pause "$2"
	kill -KILL $process 2>/dev/null
	wait $process 2>/dev/null
}

# one_round N: all three work and sync at once, some are killed.
one_round() {
	workers=''
	for d in a b c; do
		seed=$((SEED % 100000 * 1000 + $1 * 3 + $(printf '%d' "'$d")))
		perl "$work" work "$T/root/$d" "$T/$d.log" $seed 25 40 &
		workers="$workers $!"
		any 4
		case $any in
		0) sync_once $d & workers="$workers $!" ;;
		1 | 2)
			any 900
			killed $d "$any" & workers="$workers $!"
			;;
		esac
	done
	any 3
	if [ "$any" -eq 0 ]; then
		any 600
		pause "$any"
		stop_server KILL
		start_server
	fi
	# shellcheck disable=SC2086 # a list of numbers
	wait $workers 2>/dev/null
}

# at_rest: whoever has something to do did it.
at_rest() {
	for d in a b c; do
		sync_once $d || {
			echo "$d: exit $?"
			cat "$T/$d.err"
		}
		perl "$work" list "$T/root/$d" >"$T/$d.list"
	done
	cmp "$T/a.list" "$T/c.list" && cmp "$T/b.list" "$T/c.list"
}
all_rest() { at_rest || at_rest || at_rest || at_rest; }

# quiet DEVICE: its sync finds nothing to do.
quiet() {
	sync_once "$1" || return
	! grep -E '"(files|moved|trashed|removed|commits)":[1-9]' "$T/$1.json"
}
nothing_lost() {
	perl "$work" lost "$T"/?.log -- "$T/root/a" "$T/root/b" "$T/root/c" \
		>"$T/lost"
	cat "$T/lost"
	[ ! -s "$T/lost" ]
}

for round in $(seq "$ROUNDS"); do
	one_round "$round"
	any 3
	[ "$any" -ne 0 ] || all_rest >/dev/null 2>&1
done
ok 'all come to rest' all_rest
cp "$T/a.list" "$T/tree"
for d in a b c; do
	ok "$d has the tree that all have" diff "$T/tree" "$T/$d.list"
	ok "$d has nothing left to do" quiet $d
done
ok 'nothing is lost that nobody threw away' nothing_lost
echo "# $(wc -l <"$T/tree") paths, $(cat "$T"/?.log | wc -l) contents"
finish
