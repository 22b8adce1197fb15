#!/bin/sh
# SPDX-License-Identifier: ISC
# 82-moved.t: what another device rewrites and deletes while this one reads is
# read where it is now; who stands between them stops the reader in the middle.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"
. "$(dirname "$0")/beside.sh"
in_memory
F=$FAST/files

MOUNT=''
end_mount() {
	ended=$?
	[ -z "$MOUNT" ] || kill "$MOUNT" 2>/dev/null
	umount -l "$T/mnt" 2>/dev/null
	(exit $ended)
	stop_liar
}
trap end_mount EXIT

# rewritten [FLAGS…]: the other device rewrites and deletes.
rewritten() {
	run at bea --json prune --grace 0s "$@" || return 1
	[ "$(json repacked "$T/out")" -gt 0 ] &&
		[ "$(json deleted "$T/out")" -gt 0 ]
}
# reading N COMMAND…: begin it, and be back when it waits with blob N.
reading() {
	n=$1
	shift
	halted GET blobs "$n" 9999 -- "$@"
}

two_devices
first_backup

# ---- restore ----

ok 'there is something to rewrite' round 0 3
lie 'watch GET blobs'
ok 'reads the tree' at ana restore "latest:$F" --to "$T/none" --dry-run
tree=$(lies_told)
not 'by requests' [ "$tree" -eq 0 ]
ok 'a restore begins' reading $((tree + 2)) restore "latest:$F" --to "$FAST/a"
ok 'another device rewrites what it reads' rewritten
went_on 'it goes on'
ok 'and has all' trees_equal "$F" "$FAST/a"

ok 'there is something to rewrite' round 1 4
ok 'a restore begins to read the tree' reading 1 restore "latest:$F" \
	--to "$FAST/b"
ok 'another device rewrites what it reads' rewritten
went_on 'it goes on'
ok 'and has all' trees_equal "$F" "$FAST/b"

ok 'there is something to rewrite' round 2 5
ok 'a restore begins' reading $((tree + 2)) restore "latest:$F" --to "$FAST/c"
ok 'another device rewrites what it reads' rewritten
ok 'and another process of this one hears of it' at ana snapshot list
went_on 'it goes on'
ok 'and has all' trees_equal "$F" "$FAST/c"

# ---- mount ----

mount_answered() {
	grep -q '^aumbry: mounted at ' "$T/mount.err" ||
		! kill -0 "$MOUNT" 2>/dev/null
}
ok 'there is something to rewrite' round 0 4
mkdir "$T/mnt"
: >"$T/mount.err"
aumbry --home "$T/ana" --password-file "$PW" mount "$T/mnt" \
	>"$T/mount.out" 2>"$T/mount.err" </dev/null &
MOUNT=$!
until_true 30 mount_answered
ok 'one file of a mount is read' cmp "$F/f7" "$T/mnt/latest$F/f7"
ok 'another device rewrites what it shows' rewritten
ok 'all files can be read' trees_equal "$F" "$T/mnt/latest$F"
kill "$MOUNT" && wait "$MOUNT"
MOUNT=''
equal 'and nothing was complained of' "aumbry: mounted at $T/mnt" \
	"$(cat "$T/mount.err")"

# ---- cat, diff, check ----

ok 'there is something to rewrite' round 1 3
ok 'cat begins' reading 1 cat "latest:$F/f8"
ok 'another device rewrites what it reads' rewritten
went_on 'it goes on'
ok 'and has all' cmp "$F/f8" "$T/halted.out"

ok 'there is something to rewrite' round 3 5
ok 'check --read begins' reading 4 check --read
ok 'another device rewrites what it reads' rewritten
went_on 'it goes on'
also 'and finds no damage' ': 0 damages$'

write 2 4
ok 'two snapshots' at bea backup "$F"
ok 'check begins' reading 1 check
ok 'another device forgets one' at bea snapshot forget "$(oldest)"
ok 'and rewrites' rewritten
went_on 'it goes on'
also 'and finds no damage' '^1 snapshots, .*: 0 damages$'

write 1 5
ok 'two snapshots' at bea backup "$F"
one=$(oldest)
ok 'diff begins' reading 1 snapshot diff "$one" latest
ok 'another device rewrites what it reads' rewritten --max-unused 0
went_on 'it goes on'
also 'and tells what has changed' "$F/f1$"

# ---- what is nowhere ----

ok 'a restore begins' reading $((tree + 2)) restore "$one:$F" --to "$FAST/d"
ok 'another device forgets that snapshot' at bea snapshot forget "$one"
ok 'and deletes what only it had' at bea prune --grace 0s
goes_on
equal 'the restore fails' 6 "$ended"
also 'for what is nowhere' '(snapshot-damaged)'
ok 'check finds nothing wrong' at ana check --read
finish
