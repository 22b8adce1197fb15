#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-repack.t: prune rewrites packs that are partly used, and loses nothing.
#
# KILLS (default 6) instants, drawn at random, at which a repack is cut off.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
in_memory
KILLS=${KILLS:-6}
F=$FAST/files

# write FIRST STEP SIZE: every STEPth of 60 files is new; one holds secrets.
write() {
	i=$1
	while [ "$i" -lt 60 ]; do
		head -c "$3" /dev/urandom >"$F/f$i"
		i=$((i + $2))
	done
}
oldest() {
	at ana --json snapshot list |
		sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' | head -n 1
}
stored() {
	(cd "$1/blobs" && find . -type f -not -path './trash/*' \
		-not -path './tmp/*' -printf '%s\n') |
		awk '{ n += $1 } END { print n + 0 }'
}
keychain() {
	mkdir -p "$F/.ssh"
	for k in 1 2 3 4; do
		[ "$1" = all ] || [ $((k % 2)) = 0 ] || continue
		{
			echo '-----BEGIN OPENSSH PRIVATE KEY-----'
			head -c 30000 /dev/urandom | base64
			echo '-----END OPENSSH PRIVATE KEY-----'
		} >"$F/.ssh/id_$k"
	done
}
# whole NAME COMMAND…: the newest snapshot comes back byte for byte.
whole() {
	label=$1
	shift
	rm -rf "$FAST/back"
	ok "$label: restores" "$@" restore "latest:$F" --to "$FAST/back"
	ok "$label: the same" trees_equal "$F" "$FAST/back"
}

mkdir "$F"
write 0 1 700000
keychain all
start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
ok 'a second device' pair ana bea ana --device-name bea
ok 'backs up' at ana backup "$F"
ok 'the second device knows the first snapshot' at bea snapshot list
write 0 2 700000
keychain half
ok 'and again, half of it changed' at ana backup "$F"
ok 'tags it' at ana snapshot tag latest --add keep
cp -a "$F" "$FAST/second"
second=$(at ana --json snapshot list |
	sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' | tail -n 1)
says 'nothing to rewrite while all is used' '^[0-9]+ packs, 0 deleted' \
	at ana prune --grace 0s
refused 'a share that is none' 2 bad-usage at ana prune --max-unused 101
ok 'forgets the first' at ana snapshot forget "$(oldest)"

# ---- what it says before ----

before=$(stored "$DATA")
says 'says what it would rewrite' 'packs would be rewritten, about [0-9.]+ MiB' \
	at ana prune --dry-run
equal 'a dry run writes nothing' "$before" "$(stored "$DATA")"
ok 'as data' at ana --json prune --dry-run
less 'the used ones would stay' 100 "$(json repacked "$T/out")"
freed=$(json repack_freed_bytes "$T/out")
less 'about as much comes back as was changed' "$freed" 18000000
ok 'none at all when told so' at ana --json prune --dry-run --max-unused 100
equal 'none' 0 "$(json repacked "$T/out")"

# ---- killed ----

k=0
while [ $k -lt "$KILLS" ]; do
	k=$((k + 1))
	aumbry --home "$T/ana" --password-file "$PW" prune --grace 0s \
		>"$T/got" 2>&1 </dev/null &
	victim=$!
	perl -e 'select(undef, undef, undef, rand(0.4))'
	kill -9 $victim 2>/dev/null
	wait $victim 2>/dev/null
	if ! run at ana check --read; then fail "whole after kill $k"; fi
done
ok 'whole after all kills' at ana check --read
whole 'after kills' at ana

# ---- rewritten ----

ok 'rewrites and deletes' at ana prune --grace 0s
ok 'once more, for what was cut off' at ana prune --grace 0s
ok 'then nothing is left to do' at ana --json prune --grace 0s
equal 'no pack is rewritten twice' 0 "$(json repacked "$T/out")"
equal 'none waits' 0 "$(json waiting "$T/out")"
echo 'folder pass' >"$T/fp"
disk() {
	aumbry --home "$T/nobody" --repo-password-file "$T/fp" \
		--repo "$T/disk" "$@"
}
ok 'the same files in a fresh repository' aumbry --home "$T/nobody" \
	--repo-password-file "$T/fp" backup "$F" --to "$T/disk"
fresh=$(stored "$T/disk")
# What a killed upload left is not named by any record; the server drops it
# a day later.
now=$(sqlite3 "$DATA/aumbryd.db" 'SELECT sum(size) FROM blob WHERE refs > 0')
echo "# $before bytes before, $now now, $fresh when fresh"
less 'takes hardly more than that' $((fresh * 106 / 100)) "$now"
says 'all is whole' '1 snapshots, .*: 0 damages' at ana check --read
says 'its tag has stayed' 'keep' at ana snapshot list
ok 'the server agrees' aumbryd check --data "$DATA" --read
whole 'this device' at ana
whole 'a device with an old index' at bea
ok 'and it finds all whole' at bea check --read
ok 'and backs up' at bea backup "$F"

# ---- a pack shared by snapshots, in its grace ----

write 0 3 700000
ok 'a third backup' at ana backup "$F"
at ana --json snapshot list |
	sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' | sed -n 2p >"$T/bea.id"
ok 'forgets the one of the second device' at ana snapshot forget "$(cat "$T/bea.id")"
ok 'forgets the tagged one' at ana snapshot forget "$second"
ok 'rewrites, with grace' at ana --json prune
equal 'what was rewritten waits' 0 "$(json deleted "$T/out")"
less 'there was something' "$(json repacked "$T/out")" 0
not 'it is not without data' test "$(json waiting "$T/out")" = 0
whole 'in its grace' at bea

# ---- beside a backup ----

both=0
for k in 1 2 3; do
	write $k 4 700000
	aumbry --home "$T/bea" --password-file "$PW" backup "$F" \
		>"$T/bea.out" 2>&1 </dev/null &
	backup=$!
	run at ana snapshot forget "$(oldest)"
	run at ana prune --grace 0s
	run at ana prune --grace 0s
	if wait $backup; then both=$((both + 1)); fi
done
equal 'backups beside prune succeed' 3 $both
ok 'everything is whole' at bea check --read
whole 'after both' at ana
ok 'the server agrees' aumbryd check --data "$DATA" --read
stop_server

# ---- a folder ----

write 1 2 700000
ok 'backs up into the folder' disk backup "$F"
first=$(disk --json snapshot list |
	sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)
ok 'forgets' disk snapshot forget "$first"
before=$(stored "$T/disk")
ok 'rewrites' disk prune --grace 0s
less 'is smaller' $((before * 80 / 100)) "$(stored "$T/disk")"
says 'is whole' '1 snapshots, .*: 0 damages' disk check --read
whole 'the folder' disk
finish
