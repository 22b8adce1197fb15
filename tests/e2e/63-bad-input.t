#!/bin/sh
# SPDX-License-Identifier: ISC
# 63-bad-input.t: two at once, clocks that jump, servers that go, files that
# move, and passwords typed wrong.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

F=$T/files
mkdir "$F"
echo one >"$F/one"
for i in 1 2 3 4; do head -c 30000000 /dev/urandom >"$F/f$i"; done

# shifted SPAN COMMAND…: with a clock that is off by that. By the library and
# not by its program, which would stand between a test and the signals it sends.
FAKE=$(faketime -f +0 printenv LD_PRELOAD)
shifted() {
	span=$1
	shift
	LD_PRELOAD=$FAKE FAKETIME=$span FAKETIME_DONT_FAKE_MONOTONIC=1 "$@"
}
client() { aumbry --home "$T/ana" --password-file "$PW" "$@"; }
# locked: a backup runs; looked up, since trying the lock would take it.
locked() {
	[ -e "$T/ana/backup.lock" ] &&
		grep -q ":$(stat -c %i "$T/ana/backup.lock") " /proc/locks
}
# same NAME: the newest backup of $F gives back what is there.
same() {
	rm -rf "$T/same"
	run at ana restore "latest:$F" --to "$T/same"
	ok "$1" trees_equal "$F" "$T/same"
}

start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"

# ---- two at once on one home ----

# It waits for its list of patterns, with the lock.
mkfifo "$T/hold"
aumbry --home "$T/ana" --password-file "$PW" backup --exclude-from - "$F" \
	<"$T/hold" >"$T/first" 2>&1 &
first=$!
exec 9>"$T/hold"
until_true 30 locked
refused 'a second backup at the same time' 1 home-busy at ana backup "$F"
also 'says what to do' '^Wait for it to end'
ok 'reading is free meanwhile' at ana snapshot list
exec 9>&-
wait $first
equal 'the first is not disturbed' 0 $?
ok 'and the second may then run' at ana backup "$F"
same 'which is the same'

# ---- a server that is killed in the middle ----

head -c 90000000 /dev/urandom >"$F/f5"
blobs() { [ "$(find "$DATA/blobs" -type f | wc -l)" -gt "$1" ]; }
before=$(find "$DATA/blobs" -type f | wc -l)
aumbry --home "$T/ana" backup "$F" >"$T/out" 2>"$T/err" &
running=$!
until_true 30 blobs "$before"
stop_server KILL
wait $running
equal 'a backup whose server is killed' '5 (server-unreachable)' \
	"$? $(tail -n 1 "$T/err")"
also 'says what to do' 'run the command again: it continues where it stopped'
refused 'and the next, while there is none' 5 server-unreachable \
	at ana backup "$F"
also 'says so too' '^Check the network and the address'
start_server
ok 'the next one goes on' at ana backup "$F"
same 'which is the same'
restoring() { [ -n "$(ls -A "$T/cut" 2>/dev/null)" ]; }
aumbry --home "$T/ana" restore "latest:$F" --to "$T/cut" >"$T/out" 2>"$T/err" &
running=$!
until_true 30 restoring
kill -STOP $running
stop_server KILL
kill -CONT $running
wait $running
status=$?
echo "# a restore whose server is killed: $status $(tail -n 1 "$T/err")"
start_server
ok 'a restore that was cut off goes on' at ana restore "latest:$F" --to "$T/cut"
ok 'and is the same' trees_equal "$F" "$T/cut"

# ---- a clock that jumped ----

for span in +1h -1h +400d -400d; do
	echo "$span" >"$F/clock"
	refused "a client's clock off by $span" 1 clock-wrong \
		shifted "$span" client backup "$F"
	also 'says what to do' '^Set the clock right, then try again'
done
ok 'with the right one it works' at ana backup "$F"
same 'which is the same'
stop_server
for span in +1h -1h; do
	echo "server $span" >"$F/clock"
	LD_PRELOAD=$FAKE FAKETIME=$span FAKETIME_DONT_FAKE_MONOTONIC=1
	export LD_PRELOAD FAKETIME FAKETIME_DONT_FAKE_MONOTONIC
	start_server
	unset LD_PRELOAD FAKETIME FAKETIME_DONT_FAKE_MONOTONIC
	refused "a server's clock off by $span" 1 clock-wrong at ana backup "$F"
	stop_server
done
start_server
ok 'with the right one it works' at ana backup "$F"
same 'which is the same'
at ana --json snapshot list >"$T/list"
equal 'no snapshot has a time of the future' "$(wc -l <"$T/list")" \
	"$(node -e 'const now = Date.now();
		console.log(require("fs").readFileSync(process.argv[1], "utf8")
		.trim().split("\n").filter(l => JSON.parse(l).time <= now)
		.length)' "$T/list")"
ok 'all of it is whole' at ana check --read
LOCAL=$T/folder
folder() { # SPAN COMMAND…: a repository in a folder has no other clock
	span=$1
	shift
	shifted "$span" client "$@"
}
ok 'a repository in a folder' folder +0 backup "$F" --to "$LOCAL"
ok 'takes a backup from the past' folder -400d backup "$F" --to "$LOCAL"
ok 'and one from now' folder +0 backup "$F" --to "$LOCAL"
ok 'and prunes' folder +400d --repo "$LOCAL" prune
says 'and is whole' '3 snapshots, .*: 0 damages' \
	folder +0 --repo "$LOCAL" check --read

# ---- files that move ----

M=$T/moving
mkdir "$M"
for i in 1 2 3 4 5 6; do head -c 20000000 /dev/zero | tr '\0' a >"$M/g$i"; done
perl -e 'my $d = shift; $| = 1;
	for (my $n = 0;; $n++) {
		for (1 .. 6) { open(F, ">>", "$d/g$_"); print F "b" x 997; close F; }
		open(F, ">", "$d/new$n"); print F "x" x 5000; close F;
		unlink "$d/new" . ($n - 20) if $n >= 20;
		print "moves\n" if $n == 20;
	}' "$M" >"$T/moves" &
mover=$!
until_true 20 grep -q moves "$T/moves"
exits 'files that grow, come and vanish' 0 at ana backup "$M"
kill $mover
wait $mover 2>/dev/null
run at ana restore "latest:$M" --to "$T/moved"
bad=''
for i in 1 2 3 4 5 6; do
	n=$(stat -c %s "$T/moved/g$i")
	[ "$n" -ge 20000000 ] && cmp -s -n "$n" "$M/g$i" "$T/moved/g$i" ||
		bad="$bad g$i"
done
equal 'each is what it was at some time' '' "$bad"
for f in "$T/moved"/new*; do
	[ -e "$f" ] || continue
	n=$(stat -c %s "$f")
	[ "$n" -eq 5000 ] || [ "$n" -eq 0 ] || echo "$f $n"
done >"$T/odd"
equal 'and so are those that came' '' "$(cat "$T/odd")"
ok 'the next backup is right' at ana backup "$M"
rm -rf "$T/moved"
run at ana restore "latest:$M" --to "$T/moved"
ok 'and the same' trees_equal "$M" "$T/moved"

# ---- a password typed wrong ----

# typed PASSWORDS… -- COMMAND…: on a terminal; each is typed when it is asked.
typed() {
	perl "$ROOT/tests/e2e/typed.pl" "$@"
}
good=$(cat "$PW")
ok 'an account without a second factor' at bob signup "$URL" bob \
	--invite "$(aumbryd invite --data "$DATA")" --no-two-factor
ok 'a slip is forgiven on a terminal' typed wrong "$good" -- \
	aumbry --home "$T/bob" step-up
also 'and told' 'The name or the password is wrong'
refused_typed() { # NAME STATUS CODE ASKED COMMAND…
	name=$1 wanted=$2 code=$3 asked=$4
	shift 4
	run "$@"
	equal "$name" "$wanted ($code) $asked" \
		"$? $(tr -d '\r' <"$T/out" | tail -n 1) \
$(grep -c 'assword: ' "$T/out")"
}
refused_typed 'three are too many' 1 wrong-password-or-name 3 \
	typed wrong wrong wrong "$good" -- aumbry --home "$T/bob" step-up
pair_typed() {
	rm -f "$T/code"
	mkfifo "$T/code"
	exec 5<>"$T/code" # so that neither end waits for the other
	at ana device approve --print-code >"$T/code" &
	approving=$!
	typed slip "$good" "<$T/code" -- \
		aumbry --home "$T/bea" signin "$URL" ana --device-name bea
	signed=$?
	exec 5>&-
	wait $approving && [ $signed -eq 0 ]
}
ok 'so it is at sign-in' pair_typed
ok 'and the device is in' at bea status
echo wrong >"$T/wrong"
refused 'from a file it is tried once' 1 wrong-password-or-name \
	aumbry --home "$T/bob" --password-file "$T/wrong" step-up
equal 'and no word is said of another try' 3 "$(wc -l <"$T/err")"
ok 'a repository in a folder asks again as well' typed slip "$good" -- \
	aumbry --home "$T/ana" --repo "$LOCAL" snapshot list
finish
