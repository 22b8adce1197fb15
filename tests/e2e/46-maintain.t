#!/bin/sh
# SPDX-License-Identifier: ISC
# 46-maintain.t: forget, prune, check, repair, and repositories in a folder.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

random() { head -c "$2" /dev/urandom >"$T/files/$1"; }
# snapshots: ids of all, oldest first.
snapshots() {
	at ana --json snapshot list |
		sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p'
}

mkdir "$T/files"
for i in 1 2 3 4; do random f$i 20000000; done
start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
ok 'backs up' at ana backup "$T/files"
rm "$T/files/f1"
random g 20000000
ok 'and again, changed' at ana backup "$T/files"
says 'all is whole' '2 snapshots, .*: 0 damages' at ana check --read
says 'nothing is unused' ' 0 deleted .*, 0 unused' at ana prune

# ---- forget and prune ----

first=$(snapshots | head -n 1)
refused 'a snapshot that is not there' 1 not-found \
	at ana snapshot forget 00000000
ok 'forgets the first' at ana snapshot forget "$first"
equal 'one is left' 1 "$(snapshots | wc -l)"
says 'what it used waits' ' 0 deleted .*, [1-9][0-9]* unused and waiting' \
	at ana prune
says 'and goes when told' ' [1-9][0-9]* deleted \([12][0-9]' \
	at ana prune --grace 0s
says 'the rest is whole' '1 snapshots, .*: 0 damages' at ana check --read
ok 'restores' at ana restore "latest:$T/files" --to "$T/back"
ok 'the same' trees_equal "$T/files" "$T/back"
ok 'the server agrees' aumbryd check --data "$DATA" --read

# ---- check and repair ----

blob=$(find "$DATA/blobs" -type f -size +3M -not -path '*/trash/*' | head -n 1)
printf damaged | dd of="$blob" bs=1 seek=2000000 conv=notrunc 2>/dev/null
ok 'a plain check does not read' at ana check
exits 'a reading one does' 6 at ana check --read
also 'and names the damage' '\(blob-corrupt\)$'
also 'and who needs it' '^snapshot .*\(snapshot-damaged\)$'
refused 'repair asks first' 2 input-missing at ana repair --read
ok 'takes the pack out' at ana repair --read --yes
exits 'the snapshot is known to be damaged' 6 at ana check
ok 'the next backup stores it again' at ana backup "$T/files"
says 'which heals the old one too' '2 snapshots, .*: 0 damages' \
	at ana check --read
rm -rf "$T/back"
ok 'restores' at ana restore "latest:$T/files" --to "$T/back"
ok 'the same' trees_equal "$T/files" "$T/back"
stop_server

# ---- a folder instead of a server ----

echo 'folder pass' >"$T/fp"
disk() {
	aumbry --home "$T/nobody" --repo-password-file "$T/fp" \
		--repo "$T/disk" "$@"
}
refused 'no repository yet' 1 not-found disk snapshot list
ok 'makes one, without an account' aumbry --home "$T/nobody" \
	--repo-password-file "$T/fp" backup "$T/files" --to "$T/disk"
ok 'a second backup' disk backup "$T/files"
says 'has two snapshots' '^[0-9a-f]{8} ' disk snapshot list
says 'which are whole' '2 snapshots, .*: 0 damages' disk check --read
rm -rf "$T/back"
ok 'restores on another machine' aumbry --home "$T/other" --repo "$T/disk" \
	--repo-password-file "$T/fp" restore "latest:$T/files" --to "$T/back"
ok 'the same' trees_equal "$T/files" "$T/back"
echo "wrong password" >"$T/fp"
refused 'a wrong password' 1 wrong-password-or-name disk snapshot list
mkdir "$T/full"
touch "$T/full/x"
refused 'a folder that holds something else' 1 repository-exists \
	aumbry --home "$T/nobody" --repo-password-file "$T/fp" \
	backup "$T/files" --to "$T/full"
finish
