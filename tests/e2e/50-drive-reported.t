#!/bin/sh
# SPDX-License-Identifier: ISC
# 50-drive-reported.t: more of what users of such tools reported, for folders
# that stay.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana
mkdir "$T/A" "$T/B"

# stay HOME COMMAND…: keep its enabled folders in sync, run by that command.
stay() {
	home=$1
	shift
	"$@" "$(command -v aumbry)" --home "$T/$home" --password-file "$PW" \
		drive stay >"$T/$home.stay" 2>&1 &
	HELPERS="$HELPERS $!"
	until_true 30 test -S "$T/$home/drive.sock"
}
# there FILE TEXT: does it say that?
there() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
# Its clock is off by what a file says, so that a minute is not waited for.
echo +0 >"$T/clock"
clock="FAKETIME_TIMESTAMP_FILE=$T/clock FAKETIME_NO_CACHE=1
LD_PRELOAD=/usr/\$LIB/faketime/libfaketime.so.1"
# shellcheck disable=SC2086 # words
clocked() { exec env $clock "$@"; }
# awake HOME COMMAND…: ask who stays, which looks at its clock then.
awake() {
	at "$1" drive status >"$T/status" 2>&1
	shift
	"$@"
}

ok 'a folder' at a drive enable "$T/A"
ok 'so on the other device' at b drive enable "$T/B"
echo second >"$T/A/second"
ok 'one stays' stay a env
ok 'so does the other' stay b clocked
ok 'what was there comes' until_true 30 there "$T/B/second" second

# ---- how programs save ----

# nextcloud/desktop#4879: written anew and renamed over is a change.
inode() { stat -c %i "$1"; }
was=$(at a drive ls --json /second | json id /dev/stdin)
echo third >"$T/A/.second.swp" && mv "$T/A/.second.swp" "$T/A/second"
ok 'an editor saves' until_true 30 there "$T/B/second" third
equal 'the same file, with its history' "$was" \
	"$(at a drive ls --json /second | json id /dev/stdin)"
# Deleted and made anew at once, many times over.
for i in $(seq 30); do
	rm -rf "$T/A/build"
	mkdir "$T/A/build"
	echo "$i" >"$T/A/build/out"
done
ok 'a folder that is made anew and anew' until_true 30 there "$T/B/build/out" 30
# mutagen-io/mutagen#440: renamed again and again, of which one is left.
mv "$T/A/second" "$T/A/second.1"
mv "$T/A/second.1" "$T/A/second.2"
mv "$T/A/second.2" "$T/A/renamed"
ok 'a name that changes thrice' until_true 30 there "$T/B/renamed" third
gone() { [ -z "$(find "$T/A" "$T/B" -maxdepth 1 -name '*second*')" ]; }
ok 'leaves no other' until_true 30 gone
# A program appends all the time: what is there is sent meanwhile.
(
	while [ ! -e "$T/enough" ]; do
		date >>"$T/A/log"
		sleep 0.05
	done
) &
writer=$!
HELPERS="$HELPERS $writer"
echo beside >"$T/A/beside"
ok 'beside a file that always changes others go' \
	until_true 30 there "$T/B/beside" beside
: >"$T/enough"
wait "$writer"
ok 'and it goes when it rests' until_true 30 cmp -s "$T/A/log" "$T/B/log"

# ---- two at once, and a pause ----

# owncloud/client#4253
refused 'a second one of a home ends' 1 home-busy at b drive stay
ok 'the first goes on' at b drive status
ok 'in a pause' at b drive pause 1h
mv "$T/B/build" "$T/B/built"
rm "$T/B/beside"
echo changed >"$T/B/built/out"
ok 'what is done' at b drive resume
ok 'is seen after it' until_true 30 there "$T/A/built/out" changed
ok 'all of it' until_true 30 test ! -e "$T/A/beside"

# ---- disks ----

mkdir "$T/disk"
if small_disk "$T/disk" 6M; then
	ok 'a small disk' at b drive enable "$T/disk" --folder /built
	echo here >"$T/A/built/here"
	ok 'has what there is' until_true 30 there "$T/disk/here" here
	# nextcloud/desktop#359: what finds no room is not there by half.
	head -c 9000000 /dev/urandom >"$T/A/built/film"
	full() { at b drive status | grep -q 'film: .*disk-full-here'; }
	ok 'what it has no room for is held' until_true 30 full
	ok 'as a whole' test ! -e "$T/disk/film"
	echo after >"$T/A/built/after"
	ok 'others come' until_true 30 there "$T/disk/after" after
	resize_disk "$T/disk" 60M
	# Four minutes go by; more is a clock that is wrong.
	later=0
	comes() {
		[ $later -ge 240 ] || later=$((later + 5))
		echo +$later >"$T/clock"
		awake b cmp -s "$T/A/built/film" "$T/disk/film"
	}
	ok 'with room it comes by itself' until_true 30 comes
	# nextcloud/desktop#2350: a disk that is not there deletes nothing.
	umount -l "$T/disk"
	missing() { at b drive status | grep -q drive-root-missing; }
	echo still >"$T/A/built/still"
	ok 'without the disk it stops' until_true 30 missing
	ok 'elsewhere all goes on' until_true 30 there "$T/B/built/still" still
	ok 'and nothing is deleted' test -s "$T/A/built/film"
	not 'nor written into the empty folder' test -e "$T/disk/still"
fi
finish
