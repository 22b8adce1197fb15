#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-drive-faults.t: roots that go away, many deletions, programs that write on.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana

synced() {
	device=$1
	shift
	at "$device" --json drive sync "$T/$device-drive" --once "$@"
}
same() {
	diff -r --no-dereference -x .aumbry-drive "$T/a-drive" "$T/b-drive"
}
both() { synced a && synced b && synced a; }
mkdir -p "$T/a-drive/many" "$T/b-drive"
for i in $(seq 40); do echo "$i" >"$T/a-drive/many/$i"; done
for i in $(seq 30); do echo "keep $i" >"$T/a-drive/keep$i"; done
ok 'both have the files' both

# ---- many deletions ----

rm "$T"/a-drive/many/*
refused 'many deletions wait' 4 drive-deletions-held synced a
gate=$(json gate "$T/out" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
equal 'all of them' 40 "$(json gate "$T/out" | sed 's/.*"files":\([0-9]*\).*/\1/')"
echo new >"$T/a-drive/new"
refused 'something else' 4 drive-deletions-held synced a
ok 'goes on' test "$(json uploaded "$T/out" | grep -c '"files":1')" = 1
ok 'nothing is gone there' synced b
ok 'all 40 are there' test "$(ls "$T/b-drive/many" | wc -l)" = 40
refused 'a word for another set is none' 4 drive-deletions-held \
	synced a --confirm-deletions 00112233445566778899aabbccddeeff
ok 'they can be undone' synced a --undo-deletions "$gate"
ok 'and all come back' same
rm "$T"/a-drive/many/*
synced a >/dev/null 2>&1
refused 'deleted once more, they wait' 4 drive-deletions-held synced a
gate=$(json gate "$T/out" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
ok 'a word lets them go' synced a --confirm-deletions "$gate"
ok 'there too' synced b
equal 'without a question' 0 "$(ls "$T/b-drive/many" | wc -l)"
rm "$T"/a-drive/keep[1-9]
ok 'a few go' synced a
rm "$T"/a-drive/keep1? "$T"/a-drive/keep2[01]
refused 'those within ten minutes count' 4 drive-deletions-held synced a
gate=$(json gate "$T/out" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
ok 'until somebody says so' synced a --confirm-deletions "$gate"
ok 'both are equal' both

# ---- a root that is not what it was ----

mv "$T/a-drive" "$T/away"
refused 'a root that is away' 1 not-found synced a
mkdir "$T/a-drive"
refused 'an empty folder in its place' 1 drive-root-missing synced a
cp -a "$T/b-drive/." "$T/a-drive/"
refused 'another root in its place' 1 drive-root-changed synced a
rm -rf "$T/a-drive"
mv "$T/away" "$T/a-drive"
cp -a "$T/a-drive" "$T/restored"
for i in 1 2 3; do
	echo "$i" >"$T/a-drive/after"
	ok 'work goes on' synced a
done
rm -rf "$T/a-drive"
mv "$T/restored" "$T/a-drive"
refused 'a root of last week' 1 drive-root-changed synced a
ok 'is brought together' synced a --adopt
ok 'and what came later is there' test -s "$T/a-drive/after"
ok 'on both' both
ok 'which are equal' same

# ---- who writes to what was replaced ----

echo old >"$T/a-drive/open"
ok 'a file' both
exec 9>>"$T/b-drive/open"
echo other >"$T/a-drive/open"
ok 'is replaced' synced a
ok 'where a program has it open' synced b
echo words >&9
exec 9>&-
# As if it had been a minute ago.
for f in "$T"/b-drive/.aumbry-drive/gone/*-open; do
	mv "$f" "${f%/*}/000000000000$(basename "$f" | cut -c 13-)"
done
ok 'the next look finds it' synced b
ok 'its words are a copy' grep -qx words "$T"/b-drive/open*from*
ok 'on all devices' synced a
ok 'also here' grep -qx words "$T"/a-drive/open*from*
equal 'nothing waits in gone' 0 \
	"$(find "$T/b-drive/.aumbry-drive/gone" -name '* words' -printf x | wc -c)"

# ---- a large file that is cut off ----

head -c 60000000 /dev/urandom >"$T/a-drive/large"
ok 'a large file' synced a
aumbry --home "$T/b" --password-file "$PW" drive sync "$T/b-drive" --once \
	>/dev/null 2>&1 &
process=$!
part="$T/b-drive/.aumbry-drive/part"
has_some() { [ "$(du -sk "$part" | cut -f 1)" -gt 8000 ]; }
until_true 30 has_some
kill -KILL $process
wait $process 2>/dev/null
# What is damaged meanwhile is fetched again.
for f in "$part"/*; do
	[ -e "$f" ] && printf damaged | dd of="$f" conv=notrunc bs=1 seek=99 2>/dev/null
done
ok 'is continued' synced b
ok 'and whole' cmp "$T/a-drive/large" "$T/b-drive/large"
equal 'nothing is left of it' 0 \
	"$(find "$part" -mindepth 1 -printf x | wc -c)"

# ---- a conflict is told ----

echo one >"$T/a-drive/letter.txt"
ok 'a letter' synced a
echo two >"$T/b-drive/letter.txt"
ok 'written twice' synced b
says 'says where both are' '"copy":"/letter \(from [^"]*\).txt"' \
	cat "$T/out"
also 'and what it was' '"path":"letter.txt"'
ok 'both have both' both
ok 'and are equal' same
finish
