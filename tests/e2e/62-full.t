#!/bin/sh
# SPDX-License-Identifier: ISC
# 62-full.t: a disk that is full, on either side, and a quota that is used up.
#
# Each time: the code, the remedy, the exit status; what was stored stays, and
# with room again the same command goes on.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

if ! small_disk "$T/probe" 1m; then
	echo '1..0 # SKIP needs the right to mount'
	exit 0
fi

# noise FILE MB: that much of what no compression makes smaller.
noise() { head -c "${2}000000" /dev/urandom >"$1"; }
# torn DIR FROM: files there that are not what they should be.
torn() {
	(cd "$1" && find . -type f | sort | while read -r f; do
		cmp -s "$f" "$2/$f" || echo "$f"
	done)
}

mkdir "$T/files" "$T/more"
noise "$T/files/a" 2
for i in 1 2 3 4 5; do noise "$T/more/f$i" 8; done
for i in 1 2 3 4 5 6 7 8 9; do head -c 300000 /dev/urandom >"$T/more/s$i"; done
cp -a "$T/files" "$T/kept"

# ---- the server's disk ----

small_disk "$T/disk" 24m
DATA=$T/disk/data
start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
ok 'backs up what fits' at ana backup "$T/files"
first=$(tail -n 1 "$T/out")
refused 'a backup that does not fit' 1 server-full at ana backup "$T/more"
also 'says who can help' '^Tell who runs the server'
refused 'and again' 1 server-full at ana backup "$T/more"
ok 'the server still runs' kill -0 "$SERVER"
ok 'and lists what there is' at ana snapshot list
equal 'one snapshot' 1 "$(wc -l <"$T/out")"
ok 'which is restored' at ana restore "$first:$T/files" --to "$T/back"
ok 'the same' trees_equal "$T/files" "$T/back"
head -c 100000000 /dev/zero >"$T/disk/filler" 2>/dev/null
ok 'with no byte left at all it can still be read' \
	at ana restore "$first:$T/files" --to "$T/back0"
ok 'the same' trees_equal "$T/files" "$T/back0"
refused 'and not be written' 1 server-full at ana backup "$T/more"
ok 'the server still runs' kill -0 "$SERVER"

# No byte left, and all sessions over: who has something there still gets in,
# reads, forgets and prunes. The reserve is what makes that possible.
full() { curl -sk -o "$T/got" -w '%{http_code}\n' "${URL%%/#*}/readyz"; }
expire() {
	sqlite3 -batch "$T/ana/state.db" "DELETE FROM pair WHERE name = 'token'"
}
equal '/readyz says so' 507 "$(full)"
says 'by its code' '"server-full"' cat "$T/got"
ok 'the log says so, as an error' grep -q ' error disk_full ' "$T/server.err"
expire
run at ana snapshot list
ok 'a new session lists' [ "$(wc -l <"$T/out")" -eq 1 ]
expire
ok 'and restores' at ana restore "$first:$T/files" --to "$T/back01"
ok 'the same' trees_equal "$T/files" "$T/back01"
refused 'nobody signs up' 1 server-full at bea signup "$URL" bea \
	--invite "$(aumbryd invite --data "$DATA")" --no-two-factor
expire
ok 'what is there can be forgotten' at ana snapshot forget "$first"
ok 'and pruned' at ana prune --grace 0s
ok 'and pruned' at ana prune --grace 0s
trash_empty() { [ -z "$(find "$DATA/blobs/trash" -type f)" ]; }
ok 'its bytes are free at once, not in a week' until_true 30 trash_empty
stop_server
start_server
ok 'a server that starts so lets in, too' at ana snapshot list
rm "$T/disk/filler"
ready() { [ "$(full)" = 200 ]; }
ok 'with room it is ready, without a restart' until_true 30 ready
ok 'and backs up again' at ana backup "$T/files"
first=$(tail -n 1 "$T/out")
resize_disk "$T/disk" 400m
ok 'with room the backup goes on' at ana backup "$T/more"
ok 'and is restored' at ana restore "latest:$T/more" --to "$T/back2"
ok 'the same' trees_equal "$T/more" "$T/back2"
ok 'all of it is whole' at ana check --read

# ---- a quota ----

quota() { aumbryd account --data "$DATA" quota ana "$1"; }
mkdir "$T/over"
for i in 1 2 3 4; do noise "$T/over/f$i" 8; done
run at ana --json status
used=$(json storage_bytes "$T/out")
ok 'a quota of a little more than is used' quota $((used / 1048576 + 9))M
refused 'a backup beyond the quota' 4 quota-exceeded at ana backup "$T/over"
also 'says what to do' '^Run: aumbry snapshot forget, then: aumbry prune; or ask who runs'
# A body is asked for before it is sent: no reset overtakes the answer.
less 'each of two uploads is refused once' 3 \
	"$(grep -c code=quota-exceeded "$T/server.err")"
ok 'what was there is restored' \
	at ana restore "$first:$T/files" --to "$T/back3"
ok 'the same' trees_equal "$T/files" "$T/back3"
ok 'a full account can still forget' at ana snapshot forget "$first"
ok 'and prune' at ana prune --grace 0s
ok 'and prune' at ana prune --grace 0s
ok 'a larger quota' quota 200M
ok 'lets the backup go on' at ana backup "$T/over"
ok 'which is restored' at ana restore "latest:$T/over" --to "$T/back4"
ok 'the same' trees_equal "$T/over" "$T/back4"
ok 'all of it is whole' at ana check --read

# ---- the disk that is restored to ----

small_disk "$T/target" 20m
refused 'a restore that does not fit' 1 disk-full-here \
	at ana restore "latest:$T/over" --to "$T/target/in"
also 'says what to do' '^Make room, then run the command again'
equal 'no file is torn' '' "$(torn "$T/target/in" "$T/over")"
resize_disk "$T/target" 100m
ok 'with room it goes on' at ana restore "latest:$T/over" --to "$T/target/in"
ok 'and is the same' trees_equal "$T/over" "$T/target/in"
rm -r "$T/target/in"
mkdir "$T/target/in"
cp -a "$T/more/s1" "$T/target/in/s1"
echo changed >>"$T/target/in/s1"
cp "$T/target/in/s1" "$T/s1"
resize_disk "$T/target" 16m
more=$(at ana snapshot list | grep "$T/more" | cut -d' ' -f1)
refused 'a restore that replaces, and does not fit' 1 disk-full-here \
	at ana restore "$more:$T/more" --to "$T/target/in" --overwrite always
mv "$T/target/in/s1" "$T/now"
equal 'no file is torn' '' "$(torn "$T/target/in" "$T/more")"
ok 'one to be replaced is the old or the new one' \
	sh -c 'cmp -s "$1" "$2" || cmp -s "$1" "$3"' \
	sh "$T/now" "$T/s1" "$T/more/s1"

# ---- the disk with a device's own folder ----

small_disk "$T/small" 64m
cp -a "$T/ana" "$T/small/home"
head -c 100000000 /dev/zero >"$T/small/filler" 2>/dev/null
noise "$T/files/b" 20
refused 'a backup with no room for its memory' 1 disk-full-here \
	at small/home backup "$T/files"
also 'says what to do' '^Make room, then run the command again'
rm "$T/small/filler"
ok 'with room it works' at small/home backup "$T/files"
ok 'and is restored' at small/home restore "latest:$T/files" --to "$T/back5"
ok 'the same' trees_equal "$T/files" "$T/back5"
ok 'all of it is whole' at small/home check --read

# ---- the disk of a repository in a folder ----

small_disk "$T/stick" 20m
stick() { at ana --repo "$T/stick/repo" "$@"; }
ok 'a repository in a folder' at ana backup "$T/kept" --to "$T/stick/repo"
refused 'a backup that does not fit there' 1 disk-full-here \
	at ana backup "$T/more" --to "$T/stick/repo"
also 'says what to do' '^Make room, then run the command again'
ok 'what was stored before is whole' stick check --read
ok 'and restored' stick restore "latest:$T/kept" --to "$T/back6"
ok 'the same' trees_equal "$T/kept" "$T/back6"
resize_disk "$T/stick" 100m
ok 'with room it goes on' at ana backup "$T/more" --to "$T/stick/repo"
ok 'and is restored' stick restore "latest:$T/more" --to "$T/back7"
ok 'the same' trees_equal "$T/more" "$T/back7"
ok 'all of it is whole' stick check --read

# To its last byte: it can be read, and there is a way out.
# borg #239, #2756, restic #3289
small_disk "$T/last" 30m
last() { at ana --repo "$T/last/repo" "$@"; }
mkdir "$T/old"
noise "$T/old/c" 10
ok 'a repository' at ana backup "$T/old" --to "$T/last/repo"
ok 'a second backup' at ana backup "$T/kept" --to "$T/last/repo"
run last snapshot list
old=$(head -n 1 "$T/out" | cut -d' ' -f1)
head -c 100000000 /dev/zero >"$T/last/filler" 2>/dev/null
equal 'no byte is left' 0 "$(df -k --output=avail "$T/last" | tail -n 1 | tr -d ' ')"
ok 'it is listed' last snapshot list
ok 'and restored' last restore "latest:$T/kept" --to "$T/back8"
ok 'the same' trees_equal "$T/kept" "$T/back8"
ok 'and checked' last check --read
refused 'not written' 1 disk-full-here at ana backup "$T/more" --to "$T/last/repo"
also 'which says the way out' 'aumbry snapshot forget.*aumbry prune --grace 0s'
ok 'forget has room' last snapshot forget "$old"
refused 'still not written' 1 disk-full-here \
	at ana backup "$T/more" --to "$T/last/repo"
ok 'prune has room' last prune --grace 0s
less 'and makes more' \
	"$(df -k --output=avail "$T/last" | tail -n 1 | tr -d ' ')" 5000
ok 'a backup fits again' at ana backup "$T/kept" --to "$T/last/repo"
ok 'all is whole' last check --read
ok 'and there is a reserve again' test -s "$T/last/repo/reserve"
stop_server
ok 'and so is the server' aumbryd check --data "$DATA" --read
finish
