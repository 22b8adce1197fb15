#!/bin/sh
# SPDX-License-Identifier: ISC
# 50-drive-roots.t: what users of such tools reported of folders that went away,
# moved or were emptied, and of a server that is put back.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana
in_memory
A=$T/A B=$T/B
mkdir "$A" "$B"

stay_b=''
# stay HOME: keep its enabled folders in sync, in the background.
stay() {
	aumbry --home "$T/$1" --password-file "$PW" drive stay >"$T/$1.stay" 2>&1 &
	eval "stay_$1=$!"
	HELPERS="$HELPERS $!"
	until_true 30 test -S "$T/$1/drive.sock"
}
ended() {
	kill -TERM "$1"
	wait "$1"
}
# synced DEVICE DIR [FLAGS…]: once.
synced() {
	device=$1 dir=$2
	shift 2
	at "$device" --json drive sync "$dir" --once "$@"
}
# files DIR: how many there are.
files() { find "$1" -name .aumbry-drive -prune -o -type f -print | wc -l; }
# there FILE TEXT: does it say that?
there() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
same() { diff -r --no-dereference -x .aumbry-drive "$1" "$2"; }
# state DEVICE WORD: does its status say so?
state() { at "$1" drive status | grep -Eq "$2"; }

mkdir "$A/papers"
for i in $(seq 40); do echo "$i" >"$A/papers/$i"; done
head -c 300000 /dev/urandom >"$A/papers/film"
ok 'a folder' at a drive enable "$A"
ok 'so on the other device' at b drive enable "$B"
ok 'one stays' stay a
ok 'so does the other' stay b
ok 'both have it all' until_true 30 same "$A" "$B"

# ---- a disk that is not there ----

# syncthing/syncthing#4345, owncloud/client#4258: the empty folder below a disk
# that is not mounted is no deletion of everything.
mv "$B" "$T/unmounted"
mkdir "$B"
ok 'an empty folder in its place is told' \
	until_true 30 state b drive-root-missing
echo stray >"$B/stray"
echo meanwhile >"$A/meanwhile"
echo edited >"$T/unmounted/papers/1"
refused 'asked for, it is so, too' 1 drive-root-missing synced b "$B"
ok 'the other device has it all' [ "$(files "$A/papers")" = 41 ]
not 'and not what lies in the empty folder' test -e "$A/stray"
not 'which gets nothing' test -e "$B/meanwhile"
rm -r "$B"
mv "$T/unmounted" "$B"
ok 'it goes on by itself when it is back' \
	until_true 100 there "$B/meanwhile" meanwhile
ok 'with what was done to the disk elsewhere' \
	until_true 100 there "$A/papers/1" edited
ok 'and both are equal' until_true 30 same "$A" "$B"

# A machine that starts without it, and gets it later.
ended "$stay_b"
mv "$B" "$T/unmounted"
ok 'who stays begins without it' stay b
ok 'and says so' until_true 30 state b 'not-found|drive-root-missing'
rm "$A/meanwhile"
mv "$T/unmounted" "$B"
ok 'when it comes, all goes on' until_true 100 test ! -e "$B/meanwhile"
echo meanwhile >"$B/meanwhile"
ok 'in both directions' until_true 100 there "$A/meanwhile" meanwhile

# A new disk in its place, set up by who owns it.
mv "$B" "$T/broken"
mkdir "$B"
echo mine >"$B/mine"
ok 'a new disk is no deletion either' \
	until_true 30 state b drive-root-missing
ok 'it is taken by a word' at b drive enable "$B" --adopt
ok 'gets all there was' until_true 100 there "$B/papers/40" 40
ok 'and gives what it had' until_true 100 there "$A/mine" mine
ok 'so that both are equal' until_true 30 same "$A" "$B"
ok 'as many as before' [ "$(files "$A")" = 43 ]

# The disk is there and has its mark, and nothing else.
rm -r "$B/papers" "$B/mine" "$B/meanwhile"
ok 'an emptied one is asked about' until_true 30 state b 'deletions wait'
ok 'and nothing is gone' [ "$(files "$A")" = 43 ]
gate=$(at b drive status | sed -n 's/.*--confirm-deletions \([0-9a-f]*\).*/\1/p')
ok 'by a word it all comes back' synced b "$B" --undo-deletions "$gate"
ok 'on both' until_true 30 same "$A" "$B"
ok 'and it was all' [ "$(files "$B")" = 43 ]

# ---- a folder that moves to another disk ----

# nextcloud/desktop#1433: it was taken for one that is empty now. Here it is
# copied, so that every file is another one to the disk, while nobody looks.
ended "$stay_b"
mkdir -p "$FAST/disk"
cp -a "$B" "$FAST/disk/moved"
rm -r "$B"
B=$FAST/disk/moved
echo further >"$B/further"
mv "$B/papers/2" "$B/papers/two"
rm "$B/papers/3"
echo on >"$A/on"
refused 'the old place is none' 1 not-found synced b "$T/B"
ok 'who stays finds it gone' stay b
ok 'says so' until_true 30 state b 'not-found|drive-root-missing'
ok 'and nothing is gone elsewhere' [ "$(files "$A")" = 44 ]
ended "$stay_b"
ok 'told where it is' at b drive enable "$B"
ok 'it goes on there' synced b "$B"
cp "$T/out" "$T/report"
did() { node -e '
	const r = JSON.parse(require("fs").readFileSync(0, "utf8"));
	console.log(r.uploaded.files, r.uploaded.stored_bytes, r.trashed,
	    r.downloaded.files, r.removed, r.conflicts.length)' <"$1"; }
# Without its inode a file that was renamed is another one, of that content.
equal 'with what was done meanwhile, and nothing else' '2 0 2 1 0 0' \
	"$(did "$T/report")"
equal 'there is one folder, where it is now' "$B" \
	"$(at b --json drive status | sed -n 's/.*"root":"\([^"]*\)".*/\1/p')"
ok 'somebody stays again' stay b
ok 'there it has what was written elsewhere' there "$B/on" on
ok 'and there what was written here' until_true 100 there "$A/further" further
ok 'what was renamed' until_true 100 there "$A/papers/two" 2
ok 'and what was deleted' until_true 100 test ! -e "$A/papers/3"
ok 'so that both are equal' until_true 30 same "$A" "$B"

# It is renamed while somebody stays.
mv "$B" "$FAST/disk/again"
ok 'moved once more, it is told again' \
	until_true 30 state b drive-root-missing
B=$FAST/disk/again
ok 'and found by its mark' at b drive enable "$B"
echo once >"$B/once"
ok 'what is written there goes' until_true 100 there "$A/once" once
# A copy of one that is still there is another folder.
cp -a "$B" "$FAST/disk/copy"
refused 'a copy beside it is no move' 1 drive-root-changed \
	at b drive enable "$FAST/disk/copy"
ok 'the folder goes on' synced b "$B"

# ---- a server that is put back ----

# nextcloud/desktop#1015, nextcloud/server#9604, owncloud/client#1038: what came
# after the copy was taken for deleted.
echo old >"$A/changes"
echo goes >"$A/goes"
ok 'both have what the copy will have' until_true 100 there "$B/goes" goes
ok 'all of it' until_true 30 same "$A" "$B"
stop_server
cp -a "$DATA" "$T/copy"
start_server
head -c 3000000 /dev/urandom >"$A/later"
echo new >"$A/changes"
mkdir "$A/made"
mv "$A/papers/4" "$A/made/four"
rm "$A/goes"
echo other >"$B/from-b"
ok 'what comes later' until_true 100 there "$A/from-b" other
ok 'in both directions' until_true 100 same "$A" "$B"
cp -a "$A" "$T/was"
stop_server
rm -rf "$DATA"
cp -a "$T/copy" "$DATA"
ok 'the server is put back' aumbryd restored --data "$DATA" --age 1h
start_server
ok 'who stays hears of it' until_true 100 state a history-rolled-back
ok 'so does the other' until_true 100 state b history-rolled-back
echo written >"$A/written"
refused 'asked for, it is so, too' 6 history-rolled-back synced a "$A"
mv "$A/written" "$T/written"
ok 'no file is touched' same "$T/was" "$A"
ok 'on either' same "$T/was" "$B"
mv "$T/written" "$A/written"
ok 'one gives back what it knows' at a --yes repair --after-server-restore
ok 'and what is written goes' until_true 100 there "$B/written" written
rm "$A/written"
ok 'a deletion, too' until_true 100 test ! -e "$B/written"
ok 'all is as it was' same "$T/was" "$A"
ok 'on both' until_true 30 same "$A" "$B"
ok 'a device that is new' pair a c ana
mkdir "$T/C"
has_all() { synced c "$T/C" && cmp "$A/later" "$T/C/later"; }
ok 'is in sync' until_true 60 has_all
ok 'gets what there is' same "$A" "$T/C"
ok 'and what the server had lost, as A stored it again' \
	cmp "$A/later" "$T/C/later"
ok 'the server is whole' aumbryd check --data "$DATA" --read
finish
