#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-drive-reports.t: what users of such tools reported of them, tried here; each
# with the report's repository and number.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
# As anybody, whom modes keep out.
if [ "$(id -u)" -eq 0 ]; then
	chown 65534:65534 "$T"
	AS="setpriv --reuid 65534 --regid 65534 --clear-groups"
	chmod 644 "$PW"
fi
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana

A=$T/a-drive B=$T/b-drive
synced() {
	device=$1
	shift
	at "$device" --json drive sync "$T/$device-drive" --once "$@"
}
same() { diff -r --no-dereference -x .aumbry-drive "$A" "$B"; }
both() { synced a && synced b && synced a; }
# on COMMAND…: as who has the folders.
on() { $AS "$@"; }
# write FILE TEXT.
write() { printf '%s\n' "$2" | on tee "$1" >"$T/written"; }
inode() { stat -c %i "$1"; }
there() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
on mkdir -p "$A" "$B"

# ---- names and kinds, first sent ----

nl=$(printf 'two\nlines') # nextcloud/desktop#6018
nfc=$(printf 'F\303\244lder') nfd=$(printf 'Fa\314\210lder') # owncloud/client#12104
long=$(printf '%250s' '' | tr ' ' l).text # nextcloud/desktop#467, syncthing/syncthing#767
raw=$(printf 'latin\351')
# nextcloud/desktop#4146, rclone/rclone#6652: spaces at the ends, and others.
set -- "$nl" "$long" "$raw" 'end ' ' begin' 'dots..' '...' '-rf' "it's" '"q"' \
	'back\slash' 'a:b*c?d<e>f|g' '%41' 'con' "tab	ulator" '$HOME' '{}' '[a]' '!'
for name; do
	write "$A/$name" "$name"
	on mkdir "$A/dir of $name"
	write "$A/dir of $name/$name" "$name"
done 2>"$T/skipped"
on mkdir "$A/$nfc" "$A/$nfd"
write "$A/$nfc/in" composed
write "$A/$nfd/in" decomposed
on ln -s nowhere "$A/dangling" # syncthing/syncthing#1071
on ln -s . "$A/loop" # rclone/rclone#4402
on ln -s self "$A/self"
write "$A/1969" old # nextcloud/desktop#5196
on touch -d '1969-07-20 20:17:40.5 UTC' "$A/1969"
write "$A/1970" zero # nextcloud/desktop#4332
on touch -d @0 "$A/1970"
write "$A/2199" future # owncloud/client#2880
on touch -d '2199-01-01 UTC' "$A/2199"
: | on tee "$A/empty" >"$T/written"
write "$A/hard1" 'hard link' # bcpierce00/unison#1041
on ln "$A/hard1" "$A/hard2"
write "$A/locked" 'read only' # EugenMayer/docker-sync#124
on chmod 444 "$A/locked"
write "$A/myfile" case # syncthing/syncthing#1787
on mkdir "$A/A" "$A/B"
write "$A/A/a" a
write "$A/B/a" a
write "$A/B/b" b
on mkdir -p "$A/home/docs/deep" "$A/project/src" "$A/f1" "$A/f2"
write "$A/home/docs/deep/x" x
write "$A/project/src/code" code
write "$A/f1/inner" inner
write "$A/swap" 'a file'
on mkdir "$A/paws"
write "$A/paws/in" 'in a folder'
write "$A/emptied" full
write "$A/video.mp4" video
write "$A/renamed there" 'the same'
ok 'all of it is sent' synced a
also 'and nothing is held' '"held":\[\]'
ok 'and comes' synced b
also 'without more' '"held":\[\]'
ok 'as it was, whatever its name' same
equal 'files of before 1970' -14182939.500000000 "$(stat -c %.9Y "$B/1969")"
equal 'of 1970' 0 "$(stat -c %Y "$B/1970")"
equal 'and of what comes have their times' 7226582400 "$(stat -c %Y "$B/2199")"
ok 'again' both
also 'there is nothing to do' '"uploaded":\{"files":0,.*"downloaded":\{"files":0,'

# ---- changed on one side, and on the other ----

moved=$(inode "$B/renamed there")
on mv "$A/myfile" "$A/MyFile"
on rm -r "$A/A" # syncthing/syncthing#2571
on ln -s B "$A/A"
on rm "$A/dangling" "$A/self"
on ln -s nowhere/else "$A/dangling"
# syncthing/syncthing#4808: what was there moves, and a link says where to.
on mv "$A/home/docs" "$A/documents"
on ln -s ../documents "$A/home/docs"
# syncthing/syncthing#4505
on rm "$A/swap" && on mkdir "$A/swap"
write "$A/swap/in" 'a folder now'
on rm -r "$A/paws"
write "$A/paws" 'a file now'
: | on tee "$A/emptied" >"$T/written" # owncloud/client#743
# An editor writes anew and renames over.
write "$A/.locked.new" 'read only, changed'
on chmod 444 "$A/.locked.new"
on mv -f "$A/.locked.new" "$A/locked"
on sh -c 'echo both names >"$1"' - "$A/hard2"
# owncloud/client#1164: renamed by hand in the Drive.
ok 'a rename there' at a drive mv '/renamed there' '/renamed by hand'
ok 'and all of this' synced a
ok 'comes' synced b
also 'without anything held' '"held":\[\]'
ok 'as it is' same
equal 'a file that was renamed is the same file' "$moved" \
	"$(inode "$B/renamed by hand")"
ok 'what a link that took a place leads to is there' there "$B/B/a" a
not 'a name that differs in case is no second file' test -e "$B/myfile"

# ---- at the same time on both ----

# owncloud/client#4148, owncloud/client#5192: a folder is renamed here, and
# there something in it is changed and made.
on mv "$A/project" "$A/project renamed"
write "$B/project/src/code" 'code, changed'
write "$B/project/src/fresh" fresh
# Grive/grive#59: moved into another, and another into what went.
on mv "$A/f1" "$A/f2/f1"
on mv "$B/f2" "$B/f2 renamed"
# nextcloud/android#3288: a folder goes here, and there is what never was here.
on rm -r "$A/home"
write "$B/home/unsent" unsent
# Both renamed it.
on mv "$A/MyFile" "$A/mine"
on mv "$B/MyFile" "$B/yours"
# One made a folder of it, the other wrote to it.
on rm "$A/1970" && on mkdir "$A/1970"
write "$A/1970/in" in
write "$B/1970" written
# Deleted and made anew at once, changed there.
on rm "$A/hard1"
write "$A/hard1" anew
write "$B/hard1" changed
ok 'both go on' both
ok 'and the other' synced b
ok 'and are equal' same
ok 'what was changed lies where the folder is' \
	there "$A/project renamed/src/code" 'code, changed'
ok 'and what was made' there "$A/project renamed/src/fresh" fresh
ok 'folders moved into each other' there "$A/f2 renamed/f1/inner" inner
equal 'what was never sent is not deleted' 1 \
	"$(find "$A" "$B" -name unsent | wc -l | sed 's/2/1/')"
equal 'no content is lost' 2 "$(grep -rlx -e written -e in "$A"/1970* | wc -l)"
equal 'nor of what was deleted and made anew' 2 \
	"$(grep -rlx -e anew -e changed "$A" --include='hard1*' | wc -l)"
finish
