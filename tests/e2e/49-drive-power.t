#!/bin/sh
# SPDX-License-Identifier: ISC
# 49-drive-power.t: the power goes while somebody works and a folder is kept in
# sync: what was sent is neither trashed nor replaced by what the disk lost.
#
#     POWER_CUTS=N POWER_SEED=N    more of it, or another
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
CUTS=${POWER_CUTS:-5}
SEED=${POWER_SEED:-$(date +%s)}
D=$T/disk # with the home of `a` and its folder
power=$ROOT/tests/tools/power_cut.pl
work=$ROOT/tests/tools/drive_work.pl

# Names that are renamed over others do not wait for bytes here either.
on() { mount -o loop,noauto_da_alloc "$T/image" "$D"; }
off() {
	perl "$power" off "$D"
	# shellcheck disable=SC2086 # a list of numbers
	kill -KILL $running 2>/dev/null
	# shellcheck disable=SC2086
	wait $running 2>/dev/null
	until_true 30 umount "$D" 2>/dev/null
}

mkdir "$D"
truncate -s 200M "$T/image"
if [ "$(id -u)" -ne 0 ] || ! mkfs.ext4 -q -F "$T/image" 2>/dev/null ||
	! on 2>/dev/null; then
	echo '1..0 # SKIP a disk of its own needs root, loop devices and ext4'
	exit
fi
# Whatever still has it open, the image and its loop device go with it.
MOUNTS="$MOUNTS $D"
echo "# POWER_SEED=$SEED POWER_CUTS=$CUTS"

start_server
ok 'an account' sign_up disk/a ana --invite "$INVITE"
ok 'a second device, whose power stays' pair disk/a b ana
mkdir "$D/root" "$T/b-root"
ok 'a folder' at disk/a drive enable "$D/root"

# once HOME ROOT FLAGS…
once() {
	of=$1 in=$2
	shift 2
	timeout 60 aumbry --home "$T/$of" --password-file "$PW" \
		drive sync "$in" --once "$@"
}
# synced HOME ROOT: with the word for deletions that wait.
synced() {
	once "$1" "$2" >"$T/sync.out" 2>"$T/sync.err"
	ended=$?
	[ $ended -eq 4 ] || return $ended
	gate=$(sed -n 's/.*--confirm-deletions \([0-9a-f]*\).*/\1/p' "$T/sync.err")
	once "$1" "$2" --confirm-deletions "$gate" >"$T/sync.out" \
		2>"$T/sync.err"
}
a_synced() { synced disk/a "$D/root"; }
b_synced() { synced b "$T/b-root"; }
# What editors write beside a file is ignored.
list() { perl "$work" list "$1" | grep -v '\.~$'; }
same() {
	list "$D/root" >"$T/a.list"
	list "$T/b-root" >"$T/b.list"
	cmp -s "$T/a.list" "$T/b.list"
}
both() { a_synced && b_synced && a_synced && same; }

# one_after_the_other: what a timer does.
one_after_the_other() {
	while :; do
		once disk/a "$D/root"
	done
}
# client N: the folder is kept in sync, in one of two ways.
client() {
	if [ $(($1 % 2)) -eq 0 ]; then
		one_after_the_other
	else
		exec aumbry --home "$D/a" --password-file "$PW" drive stay
	fi
}

# one_cut N: work, and the end of it; then all that is said in $T/faults is wrong.
one_cut() {
	perl "$power" work "$D/root" "$T/log" "$1" >/dev/null 2>&1 &
	running=$!
	client "$1" >"$T/client.out" 2>&1 &
	running="$running $!"
	HELPERS="$HELPERS $running"
	perl -e 'select undef, undef, undef, 0.3 + rand 2'
	off
	# What the server has; nobody knows anything else of it.
	b_synced || cat "$T/sync.err"
	list "$T/b-root" >"$T/before.list"
	on || return
	both || both || both || {
		cat "$T/sync.out" "$T/sync.err"
		diff "$T/a.list" "$T/b.list"
	}
	perl "$power" judge "$T/log" "$T/before.list" "$T/b.list"
}
whole() {
	one_cut "$1" >"$T/faults" 2>&1
	cat "$T/faults"
	[ -z "${KEEP-}" ] || [ ! -s "$T/faults" ] || cp -r "$T" "$T-fault$1"
	[ ! -s "$T/faults" ]
}
for n in $(seq "$CUTS"); do
	ok "cut $n: nothing is lost, torn or different" whole $((SEED + n))
done
echo "# $(wc -l <"$T/before.list") paths, $(wc -l <"$T/log") steps"
finish
