#!/bin/sh
# SPDX-License-Identifier: ISC
# 50-drive-stay.t: folders that stay in sync by themselves, and who asks.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_metered
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana

mkdir "$T/A" "$T/B"
echo first >"$T/A/first"

# stay HOME: keep its enabled folders in sync, in the background.
stay() {
	aumbry --home "$T/$1" --password-file "$PW" drive stay >"$T/$1.stay" 2>&1 &
	eval "stay_$1=$!"
	HELPERS="$HELPERS $!"
	until_true 100 test -S "$T/$1/drive.sock"
}
both_wait() { [ "$(metric aumbry_http_waiting)" -eq 2 ]; }
# there FILE TEXT: does it say that?
there() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

says 'enable says what has to run' 'drive stay' at a drive enable "$T/A"
ok 'so on the other device' at b drive enable "$T/B"
ok 'one stays' stay a
ok 'the other, too' stay b
ok 'what was there comes' until_true 100 there "$T/B/first" first
echo second >"$T/A/second"
ok 'what is written comes' until_true 100 there "$T/B/second" second
mkdir -p "$T/B/deep/er"
echo third >"$T/B/deep/er/third"
ok 'back from new folders, too' until_true 100 there "$T/A/deep/er/third" third
mv "$T/A/deep" "$T/A/moved"
ok 'a folder that moves' until_true 100 test -e "$T/B/moved/er/third"
until_true 100 test ! -e "$T/B/deep"
rm "$T/B/second"
ok 'a deletion, seen twice' until_true 100 test ! -e "$T/A/second"

ok 'status says where it stands' at a --json drive status
also 'it names the folder' "\"root\":\"$T/A\""
also 'which rests or works' '"state":"(idle|syncing)"'
ok 'a command asks who stays' at a --json drive sync "$T/A" --once
also 'and gets its report' '"event":"done"'
refused 'of a folder that is none of them' 1 not-found \
	at a drive sync "$T/B" --once

ok 'a pause' at a drive pause 1h
echo later >"$T/B/later"
also 'is shown' ''
says 'as such' paused at a drive status
not 'and nothing comes meanwhile' test -e "$T/A/later"
# waits: how often somebody asked for news.
waits() {
	metric 'aumbry_http_requests_total{route="POST /v1/wait",class="2xx"}'
}
sleep 1
before=$(waits)
sleep 2
ok 'of which is not asked again and again' test $(($(waits) - before)) -lt 10
ok 'one of centuries' at a drive pause 200000d
# shellcheck disable=SC2154 # set by eval in stay
ticks() { cut -d' ' -f14,15 "/proc/$stay_a/stat" | tr ' ' +; }
before=$(($(ticks)))
sleep 1
ok 'is waited for without work' test $(($(ticks) - before)) -lt 50
# Very many conflicts: the answer names some of them.
mkdir "$T/A/both" "$T/B/both"
for i in $(seq 150); do
	echo "a$i" >"$T/A/both/$i"
	echo "b$i" >"$T/B/both/$i"
done
stored() { [ "$(at b drive ls /both | wc -l)" = 150 ]; }
ok '150 files of B are stored' until_true 100 stored
ok 'A has others of their names' at a --json drive sync "$T/A" --once
equal 'the answer has 100 of them' 100 "$(grep -o '"copy"' "$T/out" | wc -l)"
also 'and counts the rest' '"conflicts_more":50'
ok 'going on' at a drive resume
ok 'brings it' until_true 100 there "$T/A/later" later

# Who stays takes in that the circle is another, and waits again.
ok 'a third device' pair a c ana
ok 'both wait again' until_true 30 both_wait
echo third >"$T/A/of-three"
ok 'and hear at once' until_true 100 there "$T/B/of-three" third

ok 'a limit' at a drive limit --up 512 --metered use
says 'is kept' '^up.512 KiB/s$' at a drive limit
refused 'what is no limit' 2 bad-usage at a drive limit --down fast
ok 'and goes again' at a drive limit --up 0

stop_server
echo alone >"$T/A/alone"
offline() { at a drive status | grep -q offline; }
ok 'without a server it says so' until_true 100 offline
start_server
ok 'and goes on by itself when it is back' until_true 100 there "$T/B/alone" alone

# The mark of a root is in its copy, too.
mv "$T/B" "$T/B.was"
cp -a "$T/B.was" "$T/B"
echo copied >"$T/A/copied"
ok 'a copy in its place is the root' until_true 100 there "$T/B/copied" copied
not 'and not the one that was' test -e "$T/B.was/copied"
echo here >"$T/B/here"
ok 'what is written there goes' until_true 100 there "$T/A/here" here
ok 'and what was there stays' there "$T/A/alone" alone

ok 'disable leaves the files' at b drive disable "$T/B"
echo no >"$T/A/no"
sleep 1
not 'and nothing comes any more' test -e "$T/B/no"
# shellcheck disable=SC2154 # set by eval in stay
kill -TERM "$stay_a"
wait "$stay_a"
not "ended, its socket is gone" test -S "$T/a/drive.sock"
finish
