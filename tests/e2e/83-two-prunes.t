#!/bin/sh
# SPDX-License-Identifier: ISC
# 83-two-prunes.t: a repack beside whatever else changes the repository, and
# one that is killed: who stands before the server stops it at a chosen place.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"
. "$(dirname "$0")/beside.sh"
in_memory
F=$FAST/files

# pruning METHOD WHAT FROM TO: begin to prune, and be back when it waits there.
pruning() {
	halted "$@" -- --json prune --grace 0s
}
field() {
	json "$1" "$T/halted.out"
}
two_devices
first_backup

# ---- a prune in the middle of a repack ----

ok 'there is something to rewrite' round 0 3
ok 'one device rewrites' pruning PUT blobs 2 9999
ok 'the other prunes meanwhile' at bea --json prune --grace 0s
equal 'sees that something goes on' 1 "$(json runs "$T/out")"
equal 'rewrites nothing' 0 "$(json repacked "$T/out")"
equal 'and deletes nothing' 0 "$(json deleted "$T/out")"
went_on 'the first one goes on'
less 'and has rewritten' 0 "-$(field repacked)"
less 'and deleted' 0 "-$(field deleted)"
equal 'all there was' 0 "$(field waiting)"
whole

# ---- both begin at once ----

ok 'there is something to rewrite' round 1 4
ok 'one device has chosen what to rewrite' pruning POST commits 1 1
ok 'the other rewrites and deletes just that' at bea --json prune --grace 0s
less 'it did' 0 "-$(json repacked "$T/out")"
less 'it did' 0 "-$(json deleted "$T/out")"
went_on 'the first one goes on'
also 'and says that it rewrote nothing' \
	'no pack was rewritten: .*changed the repository meanwhile \(conflict\)$'
equal 'and did not' 0 "$(field repack_written_bytes)"
whole

# ---- what it rewrites for is changed ----

write 2 5
ok 'two snapshots' at bea backup "$F"
ok 'there is something to rewrite' round 3 5
ok 'one device rewrites' pruning PUT blobs 1 9999
ok 'the other tags a snapshot' at bea snapshot tag latest --add keep
ok 'and forgets another' at bea snapshot forget "$(snapshots | head -n 1)"
went_on 'the first one goes on'
also 'and says that it rewrote nothing' \
	'no pack was rewritten: .*forgot a snapshot meanwhile \(conflict\)$'
says 'the tag stands' 'keep' at ana snapshot list
equal 'one is left' 1 "$(snapshots | wc -l)"
whole

# ---- another process of the same device ----

ok 'there is something to rewrite' round 0 4
ok 'one process has stored nothing yet' pruning PUT blobs 1 9999
ok 'another one of this device begins again' \
	at ana prune --grace 0s --max-unused 100
went_on 'the first one goes on'
also 'and says that it rewrote nothing' \
	'no pack was rewritten: .*of this device began meanwhile \(conflict\)$'
whole
ok 'one process rewrites' pruning PUT blobs 1 9999
aumbry --home "$T/ana" --password-file "$PW" --json prune --grace 0s \
	>"$T/second.out" 2>"$T/second.err" </dev/null &
second=$!
# The first has two packs on their way at most.
ok 'so does another one of this device' until_true 60 paused 3
kill -STOP "$second"
went_on 'the first one goes on'
also 'and says that it rewrote nothing' \
	'no pack was rewritten: .*of this device began meanwhile \(conflict\)$'
kill -CONT "$second"
if wait "$second"; then pass 'the second one goes on'; else
	fail 'the second one goes on'
fi
less 'and has rewritten' 0 "-$(json repacked "$T/second.out")"
whole
ok 'there is something to rewrite' round 3 4
ok 'one process has stored a pack' pruning POST commits 3 3
ok 'another one of this device deletes it' \
	at ana --json prune --grace 0s --max-unused 100
less 'it did' 0 "-$(json deleted "$T/out")"
went_on 'the first one goes on'
also 'and says that it rewrote nothing' \
	'no pack was rewritten: .*deleted a pack meanwhile \(conflict\)$'
whole

# ---- killed ----

ok 'what is left is tidied up' at bea prune --grace 0s
ok 'twice' at bea prune --grace 0s
ok 'there is something to rewrite' round 1 3
ok 'a prune has stored a few packs' pruning PUT blobs 3 9999
kill -9 "$HALTED"
wait "$HALTED" 2>/dev/null
truth
whole
ok 'the next one goes on' at ana --json prune --grace 0s
written=$(json repack_written_bytes "$T/out")
echo "# $written bytes written"
less 'it rewrites' 0 "-$(json repacked "$T/out")"
# Without what was stored it would be 21 MB; one pack of 8 MiB is sure.
less 'what was stored is not copied again' 17000000 "$written"
ok 'once more' at ana --json prune --grace 0s
equal 'nothing is left to do' 0 "$(json repacked "$T/out")"
equal 'none waits' 0 "$(json waiting "$T/out")"
whole

# ---- a pack that goes meanwhile ----

ok 'there is something to rewrite' round 2 3
ok 'a prune rewrites' pruning PUT blobs 1 9999
# The newest one is used as a whole.
rm "$(find "$DATA/blobs/" -type f -not -path "$DATA/blobs/tmp/*" \
	-not -path "$DATA/blobs/trash/*" -size +3M -printf '%T@ %p\n' |
	sort -n | tail -n 1 | sed 's/^[^ ]* //')"
says 'another device finds a pack lost, and drops it' \
	'^1 packs are out of the index' at bea --yes repair --read
went_on 'the prune goes on'
also 'and says that it rewrote nothing' \
	'no pack was rewritten: .*deleted a pack meanwhile \(conflict\)$'
write 2 3
ok 'a backup stores it again' at bea backup "$F"
for id in $(snapshots | sed '$d'); do run at bea snapshot forget "$id"; done
whole
finish
