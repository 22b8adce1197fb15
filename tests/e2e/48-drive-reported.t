#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-drive-reported.t: more of what users of such tools reported: of rules, of
# modes, of disks and of the clock.
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
there() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
on mkdir -p "$A/project/target" "$A/cache" "$A/closed" "$B"
write "$A/video.mp4" video
write "$A/project/code" code
write "$A/cache/file" cached
write "$A/closed/there" there
ok 'both have the files' both

# ---- what is ignored ----

# owncloud/client#3172, owncloud/client#1024: a rule on one device deletes
# nothing there or elsewhere, nor does what is done to it then.
write "$T/a/drive.ignore" '*.mp4'
ok 'a rule' synced a
ok 'deletes nothing' test -s "$A/video.mp4"
on rm "$A/video.mp4"
ok 'what is ignored is deleted here' synced a
ok 'and only here' synced b
ok 'there it is' test -s "$B/video.mp4"
# syncthing/syncthing#4841: without the rule it comes back.
on rm "$T/a/drive.ignore"
ok 'without the rule' synced a
ok 'it comes back' test -s "$A/video.mp4"
# syncthing/syncthing#2719: a folder goes, in which another device has more.
write "$A/.aumbryignore" '*.class'
ok 'a rule for all' both
write "$B/project/target/Test.class" mine
on rm -r "$A/project"
ok 'a folder is deleted' synced a
exits 'where it has more it is held' 3 timeout 60 \
	$AS aumbry --home "$T/b" --password-file "$PW" drive sync "$B" --once
also 'and said why' 'project/target: .*\(drive-not-empty\)'
ok 'with what was ignored' there "$B/project/target/Test.class" mine
not 'and nothing else' test -e "$B/project/code"
ok 'and comes back nowhere' synced a
not 'as it was deleted' test -e "$A/project"
on rm -r "$B/project"
ok 'until it goes there' synced b
# A folder that was in sync is ignored, and deleted elsewhere.
write "$T/b/drive.ignore" 'cache/'
ok 'ignored afterwards' synced b
on rm -r "$A/cache"
ok 'and deleted there' synced a
ok 'it is left' synced b
ok 'here' there "$B/cache/file" cached
on rm "$T/b/drive.ignore"

# ---- what modes do not let ----

# EugenMayer/docker-sync#124
on chmod 500 "$B/closed"
write "$A/closed/new" new
write "$A/open" open
on rm "$A/closed/there"
ok 'changes' synced a
exits 'in a folder that may not be written to' 3 synced b
also 'are held' '"path":"/closed/new"'
also 'both' '"path":"closed/there"'
ok 'the others are not' there "$B/open" open
on chmod 700 "$B/closed"
ok 'when it may be' synced b
ok 'they come' there "$B/closed/new" new
write "$A/secret" secret
on chmod 0 "$A/secret"
write "$A/next" next
exits 'a file that may not be read' 3 synced a
also 'is held' '"path":"secret"'
ok 'the next one goes' at a drive ls /next
on chmod 600 "$A/secret"

# ---- the clock ----

# meganz/MEGAsync#822: the change counts, whatever the clocks and times say.
ok 'both are equal' both
write "$B/open" late
on touch -d '2001-01-01' "$B/open"
# behind SECONDS: the other device syncs, its clock so far behind.
behind() {
	on env FAKETIME="-$1" \
		LD_PRELOAD="/usr/\$LIB/faketime/libfaketime.so.1" aumbry \
		--home "$T/b" --password-file "$PW" drive sync "$B" --once
}
refused 'by a clock that is wrong' 1 clock-wrong behind 259200
ok 'or one that is behind' behind 240
ok 'a change comes' synced a
ok 'and is not overwritten' there "$A/open" late

# ---- roots ----

on ln -s a-drive "$T/link" # syncthing/syncthing#276
ok 'a link to a root is that root' at a drive sync "$T/link" --once
ok 'and deletes nothing' both
on mkdir "$A/within" # owncloud/client#6654
refused 'none is within another' 2 drive-root-overlap \
	at a drive sync "$A/within" --once
ok 'as before' both
also 'all is there' '"trashed":0,"removed":0'
on mkdir -p "$T/other"
ok 'another root' at a drive sync "$T/other" --folder /closed --once
write "$A/open" moved
# syncthing/syncthing#2754: what is moved between roots is not lost.
on mv "$A/next" "$T/other/next"
ok 'the one it left' synced a
ok 'the one it came to' at a drive sync "$T/other" --once
ok 'there' synced b
ok 'it is' there "$B/closed/next" next
# owncloud/client#4253: only one is at work in a home.
refused 'two at once' 1 home-busy flock "$T/a/drive.lock" \
	$AS aumbry --home "$T/a" --password-file "$PW" drive sync "$A" --once

# ---- a server that goes away ----

# nextcloud/desktop#1323: nothing is there by half.
head -c 30000000 /dev/urandom | on tee "$A/large" >"$T/written"
ok 'a large file' synced a
$AS aumbry --home "$T/b" --password-file "$PW" drive sync "$B" --once \
	>"$T/cut" 2>&1 &
process=$!
has_some() { [ "$(du -sk "$B/.aumbry-drive/part" | cut -f 1)" -gt 2000 ]; }
until_true 30 has_some
stop_server KILL
wait "$process"
not 'cut off' test -e "$B/large"
not 'without a server nothing is done' synced b
start_server
ok 'when it is back' synced b
ok 'it is whole' cmp "$A/large" "$B/large"
ok 'nothing else happened' both
ok 'and both are equal but for what was ignored' \
	diff -r -x .aumbry-drive -x cache "$A" "$B"
finish
