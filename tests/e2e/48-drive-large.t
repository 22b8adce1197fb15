#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-drive-large.t: of a large file that changes a little, little is sent, and
# little is fetched: the rest is taken from what lies there.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_metered
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana

# moved WAY: bytes of bodies so far, sent or received by the server.
moved() { metric "aumbry_http_$1_bytes_total"; }
# moves WAY MOST COMMAND…: it does what it shall with no more than that.
moves() {
	way=$1
	most=$2
	shift 2
	before=$(moved "$way")
	"$@" || return
	after=$(moved "$way")
	echo "# $((after - before)) bytes $way"
	[ "$after" -gt 0 ] && [ $((after - before)) -lt "$most" ]
}
synced() { at "$1" --json drive sync "$T/$1-drive" --once; }
A=$T/a-drive/large
B=$T/b-drive/large
mkdir "$T/a-drive" "$T/b-drive"
head -c 40000000 /dev/urandom >"$A"
ok 'one has a large file' synced a
# stored: bytes that were sent, as it says itself.
stored() { sed -n 's/.*"stored_bytes":\([0-9]*\).*/\1/p' "$T/out"; }
ok 'it says how much it sent' test "$(stored)" -gt 40000000
ok 'the other fetches it' synced b

# changed HOW: what was done to it at a, sent and fetched.
changed() {
	ok "$1: sent" moves received 4000000 synced a
	ok "$1: as it says" test "$(stored)" -lt 4000000
	ok "$1: fetched" moves sent 4000000 synced b
	ok "$1: as it is there" cmp "$A" "$B"
}
head -c 1024 /dev/urandom |
	dd of="$A" bs=1024 seek=20000 conv=notrunc 2>"$T/dd"
changed 'changed in the middle'
{ echo 'a line before'; cat "$A"; } >"$T/longer"
mv "$T/longer" "$A"
changed 'longer at its beginning'
head -c 15000000 "$A" >"$T/shorter"
tail -c 20000000 "$A" >>"$T/shorter"
cp "$T/shorter" "$A"
changed 'cut in the middle'
mv "$A" "$T/a-drive/elsewhere"
echo more >>"$T/a-drive/elsewhere"
A=$T/a-drive/elsewhere
B=$T/b-drive/elsewhere
changed 'moved and longer'
ok 'an older version' at a drive restore --version 1 /elsewhere
ok 'is written there' synced a
ok 'is fetched as what is not here' synced b
ok 'and whole' cmp "$A" "$B"
equal 'of the size that it had' 40000000 "$(stat -c %s "$B")"

# Of what was written to here the chunks are other ones.
mkdir "$T/kept"
cp -a "$B" "$T/kept/large"
printf 'other words' | dd of="$B" bs=1 seek=30000000 conv=notrunc 2>"$T/dd"
touch -r "$T/kept/large" "$B"
printf 'words there' | dd of="$A" bs=1 seek=10 conv=notrunc 2>"$T/dd"
ok 'changed at both' synced a
ok 'both are kept' synced b
ok 'what came is whole' cmp "$A" "$B"
ok 'beside the other one' sh -c 'ls "$1"/*from*' sh "$T/b-drive"

# ---- many: who opens the Drive next does not read all of its records ----

mkdir "$T/a-drive/many"
perl -e 'for (1 .. 4200) { open my $f, ">", "$ARGV[0]/$_"; print $f $_ }' \
	"$T/a-drive/many"
ok 'thousands of files' synced a
written=$(stat -c %i "$T"/a/index/*)
ok 'leave an index' test -n "$written"
echo more >"$T/a-drive/many/more"
ok 'one more' synced a
equal 'leaves the index as it is' "$written" "$(stat -c %i "$T"/a/index/*)"
finish
