#!/bin/sh
# SPDX-License-Identifier: ISC
# 44-folder.t: a repository in a folder, and all that becomes of folders.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/folder.sh"

mkdir "$T/files"
echo one >"$T/files/a"
head -c 3000000 /dev/urandom >"$T/files/big"

# ---- a disk that is not plugged in ----
# NethServer #5720, restic #1981

mkdir "$T/media" "$T/link"
DISK=$T/media/usb/repo
ok 'makes one' to_disk "$T/files"
mv "$T/media/usb" "$T/unplugged"
refused 'none is made where it was' 1 not-found to_disk "$T/files"
also 'and that is said' 'repository that was at .* is not there now'
also 'with the way to have it' '^Plug in its disk.* --new PATH'
not 'nor in the empty mount point' test -e "$T/media/usb"
mkdir "$T/media/usb"
refused 'none there either' 1 not-found to_disk "$T/files"
rmdir "$T/link"
ln -s "$T/media" "$T/link"
DISK=$T/link/usb/../usb/repo/
refused 'nor by another way there' 1 not-found to_disk "$T/files"
also 'quiet or not' 'Plug in its disk'
DISK=$T/media/usb/repo
ok 'it is another when that is said' to_disk --new "$T/files"
rm -rf "$T/media/usb"
mv "$T/unplugged" "$T/media/usb"
ok 'and the first works when it is back' to_disk "$T/files"
equal 'with both its snapshots' 2 "$(disk snapshot list | wc -l)"
# An empty variable is none, as with AUMBRY_HOME.
refused 'a password file that is unset by nothing' 2 input-missing \
	env AUMBRY_PASSWORD_FILE= aumbry --home "$T/nobody" --repo "$DISK" \
	snapshot list
# What other programs take for another machine is no folder of this one.
standing() { (cd "$T/media" && "$@"); }
for DISK in sftp://me@nas/repo me@nas:repo s3:bucket file:///srv/repo; do
	refused "$DISK is no folder" 2 bad-usage standing to_disk "$T/files"
	also 'but by ./' "./$DISK\$"
	refused 'nor read' 2 bad-usage standing disk snapshot list
done
equal 'and none is made' usb "$(ls "$T/media")"
# What is there is meant. SQLite would take it for a URI.
for DISK in ./file:a file:a './x?mode=ro#y%20' ./-z; do
	ok "a folder may have any name: $DISK" standing to_disk "$T/files"
	ok 'and is one' standing disk check --read
done
equal 'that one' '-z file:a usb x?mode=ro#y%20' \
	"$(ls "$T/media" | tr '\n' ' ' | sed 's/ $//')"
ok 'the home, too' standing aumbry --home file:h --repo ./file:a \
	--repo-password-file "$T/fp" snapshot list
DISK=$T/disk

# ---- a pack that is not there ----
# restic #3166, kopia #1087

# packs DIR: its blobs, big ones first.
packs() { find "$1" -type f -path '*/blobs/*' -not -path '*/trash/*' -printf '%s %p\n' | sort -rn | cut -d' ' -f2; }
# loses NAME DIR COMMAND…: the big pack of DIR is cut, then gone; COMMAND is
# aumbry there.
loses() {
	where=$1 dir=$2
	shift 2
	pack=$(packs "$dir" | head -n 1)
	cp "$pack" "$T/kept-pack"
	truncate -s -1 "$pack"
	exits "$where: a pack that is too short" 6 "$@" check
	also 'is named' "pack .* not stored in full \(blob-missing\)"
	rm "$pack"
	exits "$where: one that is gone" 6 "$@" check
	also 'and the snapshot that needs it' '^snapshot .*snapshot-damaged'
	exits 'and it is not restored' 6 \
		"$@" restore "latest:$T/files" --to "$T/back-lost"
	ok 'the next backup stores it again' "$@" backup "$T/files"
	also 'and says so' '1 packs are not stored any more'
	ok 'which heals the older one too' "$@" check
	also 'and says what is left over' '1 packs are recorded and lost'
	for id in $("$@" snapshot list | cut -d' ' -f1); do
		rm -rf "$T/back"
		ok 'restored' "$@" restore "$id:$T/files" --to "$T/back"
		ok 'the same' trees_equal "$T/files" "$T/back"
	done
	ok 'so it is by prune' "$@" prune --grace 0s
	ok 'whose work is whole' "$@" check --read
	mkdir -p "${pack%/*}"
	mv "$T/kept-pack" "$pack"
	ok 'a pack that comes back is no trouble' "$@" check --read
	ok 'repair has nothing left' "$@" repair --yes
	rm -rf "$T/back" "$T/back-lost"
}
ok 'a repository' to_disk "$T/files"
loses folder "$DISK" disk
start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
ok 'backs up' at ana backup "$T/files"
loses server "$DATA" at ana
stop_server
cp -a "$DISK" "$T/part"
packs "$T/part" | xargs rm
DISK=$T/part
exits 'a copy without packs is not whole' 6 disk check
DISK=$T/disk

# ---- it shrinks ----
# borg #6585, kopia #5057

size() { du -sk "$DISK" | cut -f1; }
first() { disk snapshot list | head -n 1 | cut -d' ' -f1; }
one() { run disk snapshot forget --keep-last 1; }
one
ok 'nothing is left over' disk prune --grace 0s
before=$(size)
head -c 20000000 /dev/urandom >"$T/files/more"
ok 'more is stored' to_disk "$T/files"
rm "$T/files/more"
ok 'and less' to_disk "$T/files"
one
ok 'prune gives the space back' disk prune --grace 0s
less 'all of it' $((before + 300)) "$(size)"

# running NAME: a backup goes on that is stopped once it has stored something.
stored() { [ "$(size)" -gt "$((before + 1000))" ]; }
running() {
	head -c 120000000 /dev/urandom >"$T/files/more"
	aumbry --home "$T/nobody" --repo-password-file "$T/fp" backup \
		--to "$DISK" "$T/files" >"$T/running" 2>&1 </dev/null &
	RUNNING=$!
	until_true 60 stored
	until_true 60 stopped
}
at_rest() { ! cat /proc/$RUNNING/task/*/status | grep -q '^State:.[^T]'; }
# stopped: and not while it writes into the folder's database or its home's.
free() {
	find "$DISK/repo.db" "$T/nobody" -name '*.db' >"$T/databases"
	while read -r db; do
		sqlite3 "$db" 'BEGIN IMMEDIATE; ROLLBACK' 2>/dev/null || return
	done <"$T/databases"
}
stopped() {
	kill -STOP $RUNNING
	until_true 60 at_rest
	free && return
	kill -CONT $RUNNING
	return 1
}
running
ok 'a prune beside a backup' disk --json prune --grace 0s
less 'waits for it' 0 "-$(json runs "$T/out")"
kill -KILL $RUNNING
wait $RUNNING 2>/dev/null
rm "$T/files/more"
DEVICE=other
ok 'beside one that was killed' disk --json prune --grace 0s
equal 'it does not, at any home' 0 "$(json runs "$T/out")"
less 'and nothing stays of it' $((before + 300)) "$(size)"
equal 'no mark either' '' "$(ls "$DISK/runs")"
DEVICE=nobody
ok 'all is whole' disk check --read

# ---- where nothing can be written ----
# restic #318, #1597, borg #1035, #2771

latest=$(disk snapshot list | tail -n 1 | cut -d' ' -f1)
# readable NAME: all that only reads, at a home that is new.
readable() {
	DEVICE=reader
	ok "$1: list" disk snapshot list
	also 'all of it' "^$latest"
	ok 'ls' disk ls "latest:$T/files"
	says 'cat' '^one$' disk cat "latest:$T/files/a"
	rm -rf "$T/reader/back"
	# Another user gives no owners.
	exits 'restore' "$([ -z "$AS" ] && echo 0 || echo 3)" disk restore "latest:$T/files" --to "$T/reader/back"
	ok 'the same' diff -r "$T/files" "$T/reader/back"
	ok 'check' disk check --read
	# shellcheck disable=SC2034
	DEVICE=nobody
}
# sealed: the folder as a read-only file system, where root may mount.
sealed() {
	mkdir -p "$T/ro" && mount --bind "$DISK" "$T/ro" 2>/dev/null &&
		mount -o remount,bind,ro "$T/ro" || return 1
	MOUNTS="$MOUNTS $T/ro"
	DISK=$T/ro
}
mkdir -m 777 "$T/reader"
real=$DISK
if sealed; then
	readable 'a read-only medium'
	refused 'a backup there' 4 permission-denied to_disk "$T/files"
	refused 'forget' 4 permission-denied disk snapshot forget "$latest"
	umount "$T/ro"
fi
DISK=$real
if [ "$(id -u)" -eq 0 ]; then
	chmod 755 "$T"
	chmod 644 "$T/fp"
	chmod -R a+rX "$DISK"
	rm -rf "$T/reader"
	mkdir "$T/reader"
	chown 65534:65534 "$T/reader"
	AS='setpriv --reuid 65534 --regid 65534 --clear-groups'
	readable "another's folder"
	# What cannot be read today is not lost.
	AS='' DISK=$T/theirs
	run to_disk "$T/files" # two packs: what is in files, and folders
	AS='setpriv --reuid 65534 --regid 65534 --clear-groups'
	chown -R 65534:65534 "$T/theirs"
	pack=$(packs "$T/theirs" | head -n 1)
	chmod 0 "$pack"
	DEVICE=reader
	other=$(packs "$T/theirs" | tail -n 1)
	refused 'a pack that may not be read is not lost' 3 read-incomplete \
		disk check
	also 'but is named' '^unread: pack .*: Permission denied \(io-error\)$'
	also 'and the others are looked at' ' 0 damages$'
	refused 'also when all is read' 3 read-incomplete disk check --read
	refused 'and it stays in the index' 3 read-incomplete disk --yes repair
	mv "$other" "$T/aside"
	exits 'what is lost beside it is damage' 6 disk check
	also 'and named' 'not stored in full'
	mv "$T/aside" "$other"
	chmod 0 "$other"
	refused 'nor is one with folders lost' 3 read-incomplete disk check
	also 'whose snapshots are named' '^snapshot .*: Permission denied'
	chmod 600 "$pack" "$other"
	ok 'so it is whole when it can be read' disk check --read
	DISK=$real DEVICE=nobody
	AS=''
fi
# What a crash left in the log of the database is part of it.
cut=$T/cut
sqlite3 "$DISK/repo.db" >/dev/null <<-END
	PRAGMA journal_mode = WAL;
	BEGIN IMMEDIATE;
	CREATE TABLE later (x);
	DROP TABLE later;
	COMMIT;
	.shell cp -a "$DISK" "$cut"
END
ok 'a copy with a log' test -s "$cut/repo.db-wal"
rm -f "$cut/repo.db-shm"
DISK=$cut
rm -rf "$T/reader"
if sealed; then
	readable 'a crashed one, read-only'
	umount "$T/ro"
fi
equal 'no copy is left' '' "$(find "${TMPDIR:-/tmp}" -maxdepth 1 \
	-name 'aumbry-??????' -newer "$T/fp" -user "$(id -un)" 2>/dev/null)"
DISK=$real

# ---- a folder where others put things, too ----
# A link leads to a file of the user's, a pipe is waited at for ever.

mine=$T/mine
DISK=$T/shared
DEVICE=guest
rm -rf "$DISK" "${T:?}/$DEVICE"
ok 'makes one for all' to_disk "$T/files"
cp -a "$DISK" "$T/shared.was"
anew() {
	rm -rf "$DISK" "${T:?}/$DEVICE"
	cp -a "$T/shared.was" "$DISK"
}
log=$(echo "$DISK"/log/*)
zone=$(basename "${log%-*}")
rm "$log"
echo noise >"$DISK/log/$zone-ffffffffffffffff"
echo 'nobody but me' >"$mine"
ln -s "$mine" "$DISK/log/$zone-0000000000000000"
echo more >>"$T/files/a"
ok 'backs up' to_disk "$T/files"
says '- and writes through no link in the log' '^nobody but me$' cat "$mine"
equal '- not one byte' 14 "$(stat -c %s "$mine")"
AS='timeout 60' # less than it would wait
anew
mkdir "$T/documents"
echo 'years of work' >"$T/documents/thesis"
echo 'more of it' >"$T/documents/0123456789abcdef"
rmdir "$DISK/blobs/tmp"
ln -s "$T/documents" "$DISK/blobs/tmp"
run to_disk "$T/files"
equal 'a link in the place of its working folder loses nothing' \
	'0123456789abcdef thesis' "$(ls "$T/documents" | tr '\n' ' ' | sed 's/ $//')"
rm "$DISK/blobs/tmp"
mkdir "$DISK/blobs/tmp"
echo 'of somebody else' >"$DISK/blobs/tmp/thesis"
echo 'cut off' >"$DISK/blobs/tmp/0123456789abcdef"
ok '- with one of its own all goes on' to_disk "$T/files"
equal '- and it is cleared of what is its own' thesis \
	"$(ls "$DISK/blobs/tmp")"
anew
rm "$log"
mkfifo "$log"
ok 'a pipe in the log is not waited at' to_disk "$T/files"
refused '- and the check tells' 6 state-damaged disk check
ok '- repair makes another' disk repair
ok '- and all is well' disk check
anew
pack=$(packs "$DISK" | head -n 1)
rm "$pack"
mkfifo "$pack"
refused 'a pipe in the place of a pack is none' 6 snapshot-damaged disk check
also '- and that is said' '\(blob-missing\)$'
anew
rm "$DISK/aumbry-repo"
mkfifo "$DISK/aumbry-repo"
ok 'one in the place of the keys: there is a copy' disk check
anew
mv "$DISK/repo.db" "$T/other.db"
ln -s "$T/other.db" "$DISK/repo.db"
refused 'a link to a database is not written through' 6 state-damaged \
	to_disk "$T/files"
AS=''
finish
