#!/bin/sh
# SPDX-License-Identifier: ISC
# 45-export-drive.t: an export has the Drive: as it is, going on where it was cut
# off, with what changed later, and never over what somebody has changed there.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

MANIFEST=$ROOT/tests/e2e/manifest.pl
sums() { (cd "$1" && sha256sum --quiet -c SHA256SUMS); }
whole() {
	ok "$1: is what its manifest says" perl "$MANIFEST" export "$2"
	ok "$1: every sum holds" sums "$2"
	not "$1: and nothing says it is not complete" \
		test -e "$2/manifest.partial.jsonl"
}
lacks() { perl "$MANIFEST" lacks "$1"; }
# state DIR: its files, with what changes when anybody writes to one.
state() { find "$1" ! -type d -printf '%P %i %C@ %s\n' | LC_ALL=C sort; }
export_to() { at ana export --to "$@"; }
drive() { at ana drive "$@"; }

start_server
ok 'signs up' sign_up ana ana --invite "$INVITE" --device-name laptop
ok 'lets in a second device' pair ana bea ana --device-name tower

# ---- nothing in it ----

ok 'a Drive that is empty' export_to "$T/none"
whole 'its export' "$T/none"

# ---- all there is ----

F=$T/files
mkdir -p "$F/deep/er" "$F/empty" "$F/.ssh"
echo page >"$F/page"
chmod +x "$F/page"
touch -d '1999-12-31 23:59:59.25' "$F/page"
: >"$F/nothing"
head -c 20000000 /dev/urandom >"$F/deep/large"
truncate -s 2G "$F/deep/er/holes" # to read all of it takes seconds
echo data >>"$F/deep/er/holes"
ln -s ../page "$F/deep/link"
ln -s /nowhere "$F/dangling"
echo odd >"$F/$(printf 'not-utf8-\377\\')"
echo odd >"$F/$(printf 'new\nline')"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n' hidden >"$F/.ssh/id_rsa"
chmod 600 "$F/.ssh/id_rsa"
ok 'files are put into the Drive' drive put "$F" /
ok 'a backup, too' at ana backup "$F/.ssh"
X="$T/out of here"
ok 'says what it would write' export_to "$X" --dry-run
also 'of the Drive, too' '^drive +7 files +2\.02 GiB$'
ok 'exports' export_to "$X"
whole 'the export' "$X"
ok 'the Drive is there' diff -r --no-dereference "$F" "$X/drive/files"
ok 'as a command gets it' drive get / "$T/got"
equal 'with all that it says of each' \
	"$(cd "$T/got" && find . -printf '%p %y %m %s %l\n' | sort)" \
	"$(cd "$X/drive" && find . -printf '%p %y %m %s %l\n' | sort)"
equal 'and its time' "$(stat -c %y "$F/page")" \
	"$(stat -c %y "$X/drive/files/page")"
less 'holes take no room' 100 "$(stat -c %b "$X/drive/files/deep/er/holes")"
equal 'a secret is for its owner alone' 600 \
	"$(stat -c %a "$X/drive/files/.ssh/id_rsa")"
says 'and named as one' '"drive/files/.ssh/id_rsa",.*"secret":true' \
	cat "$X/manifest.json"
says 'the manifest says where each was' \
	'"path":"drive/files/page",.*"source":"/files/page"' \
	cat "$X/manifest.json"
says 'a person is told' '^drive/$' cat "$X/README.txt"
equal 'nothing is missing' '' "$(lacks "$X")"
ls -d "$X"/backups/*/* >"$T/backup"
equal 'beside a backup' 1 "$(wc -l <"$T/backup")"
cp "$X/manifest.json" "$T/manifest"
state "$X" >"$T/before"
ok 'once more' export_to "$X"
also 'nothing is new' '^Nothing is new: the export in .* is whole\.$'
state "$X" >"$T/after"
ok 'and not a byte is written' cmp "$T/before" "$T/after"

# ---- what changed since ----

echo second >"$F/page"
echo new >"$F/deep/new"
ok 'a file changes, one is new' drive put --force "$F" /
ok 'one is moved' drive mv /files/nothing /files/empty
ok 'one is thrown away' drive rm /files/dangling
rm "$F/nothing" "$F/dangling"
ok 'it is added' export_to "$X"
whole 'what is there now' "$X"
equal 'what changed' second "$(cat "$X/drive/files/page")"
equal 'what is new' new "$(cat "$X/drive/files/deep/new")"
ok 'what is elsewhere' test -f "$X/drive/files/empty/nothing"
ok 'what is not there any more stays' test -L "$X/drive/files/dangling"
equal 'and is listed as such' 2 "$(grep -c '"former":true' "$X/manifest.json")"
equal 'trash and former contents are said not to be there' \
	"write-incomplete drive
write-incomplete drive" "$(lacks "$X")"
says 'with the command that gets them' 'aumbry drive trash restore ID' \
	cat "$X/manifest.json"
state "$X" | grep large >"$T/after"
ok 'nothing is written that was there' grep -Fxqf "$T/after" "$T/before"
state "$X" >"$T/before"
ok 'once more' export_to "$X"
also 'nothing is new' '^Nothing is new: the export in .* is whole\.$'
state "$X" >"$T/after"
ok 'and not a byte is written' cmp "$T/before" "$T/after"
ok 'what was thrown away comes back' drive trash restore /files/dangling
ok 'and is exported' export_to "$X"
equal 'as it is now' 1 "$(grep -c '"former":true' "$X/manifest.json")"
ok 'the other device, which has never looked at the Drive' at bea status
ok 'exports' at bea export --to "$X"
also 'finds all of it there' '^0 snapshots, 0 files, 0 B added to '

# ---- what somebody did to it ----

echo mine >"$X/drive/files/page"
rm "$X/drive/files/deep/large" "$X/drive/files/nothing"
echo theirs >"$X/drive/files/other"
ln -sfn /mine "$X/drive/files/deep/link"
echo third >"$F/page"
echo other >"$F/other"
ok 'the Drive changes, too' drive put --force "$F" /
refused 'what somebody changed' 3 write-incomplete export_to "$X"
also 'is said' '^aumbry: drive/files/page: it was changed .*\(conflict\)$'
also 'so is a link' '^aumbry: drive/files/deep/link: it was changed '
also 'and what was put in a place of the Drive' \
	'^aumbry: drive/files/other: .*\(conflict\)$'
equal 'it stays' mine "$(cat "$X/drive/files/page")"
equal 'so does that' theirs "$(cat "$X/drive/files/other")"
ok 'what is gone comes back' cmp "$F/deep/large" "$X/drive/files/deep/large"
not 'unless the Drive has it no more' test -e "$X/drive/files/nothing"
not 'nor does a list say it is there' grep -q '"former":true' "$X/manifest.json"
rm "$X/drive/files/page" "$X/drive/files/other" "$X/drive/files/deep/link"
ok 'moved away, it comes' export_to "$X"
whole 'all of it' "$X"
ok 'as the Drive has it' cmp "$F/page" "$X/drive/files/page"
rm "$X/drive/files/page"
refused 'an export of one backup' 3 write-incomplete \
	export_to "$X" --snapshot latest
also 'says what of the Drive is gone' '^aumbry: drive: 1 files of it are not'
ok 'which the next brings' export_to "$X"
whole 'so that it' "$X"

# A list that is lost is made anew from what is there.
rm "$X/manifest.json"
state "$X/drive" >"$T/before"
ok 'without a manifest' export_to "$X"
state "$X/drive" >"$T/after"
ok 'nothing is fetched again' cmp "$T/before" "$T/after"
whole 'what is listed' "$X"
mv "$X/drive" "$T/elsewhere"
ln -s "$T/elsewhere" "$X/drive"
refused 'a link where the folder was' 1 conflict export_to "$X"
rm "$X/drive"
mv "$T/elsewhere" "$X/drive"
ok 'is not followed' sums "$X"

# ---- cut off ----

K=$T/killed
mkdir "$T/big"
for i in $(seq 40); do head -c 600000 /dev/urandom >"$T/big/f$i"; done
ok 'more files' drive put "$T/big" /
broken='' again=''
: >"$T/before"
for i in 1 2 3 4 5 6 7 8; do
	aumbry --home "$T/ana" export --to "$K" >"$T/out" 2>"$T/err" \
		</dev/null &
	client=$!
	perl -e 'select(undef, undef, undef, 0.2 + rand(0.6))'
	kill -9 $client 2>/dev/null
	wait $client 2>/dev/null && break
	# Whole, or seen to be not.
	[ ! -e "$K/manifest.json" ] || sums "$K" || broken="$broken $i"
	# Those that have their names and times are whole.
	state "$K/drive/big" >"$T/after" 2>/dev/null
	if grep -Fxv -f "$T/after" "$T/before" >"$T/lost"; then
		again="$again $i"
	fi
	find "$K/drive/big" -type f ! -perm -1000 ! -name '.aumbry-part*' \
		-printf '%P %i %C@ %s\n' 2>/dev/null | LC_ALL=C sort >"$T/before"
done
equal 'killed at any instant it never looks whole' '' "$broken"
equal 'and fetches nothing again' '' "$again"
ok 'it goes on to its end' export_to "$K"
whole 'which' "$K"
ok 'is as the Drive' diff -r --no-dereference "$T/big" "$K/drive/big"
ok 'all of it' diff -r --no-dereference "$F/deep" "$K/drive/files/deep"
equal 'nothing half is left' '' "$(find "$K" -name '.aumbry-part*')"

# ---- where not everything can be ----

status=0
(ulimit -f 2000 && export_to "$T/limited") >"$T/out" 2>"$T/err" </dev/null ||
	status=$?
equal 'a file that the disk does not take ends nothing' 3 $status
says 'and is named' '^io-error drive/files/deep/large$' lacks "$T/limited"
ok 'all else is there' diff -r "$T/big" "$T/limited/drive/big"
ok 'and listed' sums "$T/limited"
mkdir "$T/taken"
ok 'an export of one backup alone' export_to "$T/taken" --snapshot latest
not 'has no Drive' test -e "$T/taken/drive"
mkdir -p "$T/taken/drive/files"
echo mine >"$T/taken/drive/files/deep"
refused 'where a folder of the Drive cannot be' 3 write-incomplete \
	export_to "$T/taken"
says 'it is named' '^conflict drive/files/deep$' lacks "$T/taken"
equal 'and what is there stays' mine "$(cat "$T/taken/drive/files/deep")"
ok 'the rest comes' diff -r "$T/big" "$T/taken/drive/big"
if small_disk "$T/small" 12m; then
	refused 'a disk that is full' 1 disk-full-here export_to "$T/small/out"
	ok 'is seen to be cut off' test -e "$T/small/out/manifest.partial.jsonl"
	not 'and not to be whole' test -e "$T/small/out/manifest.json"
	resize_disk "$T/small" 80m
	ok 'with room it goes on' export_to "$T/small/out"
	whole 'to its end: it' "$T/small/out"
fi

# ---- what is damaged ----

biggest=$(find "$DATA/blobs" -type f -printf '%s %p\n' | sort -rn |
	sed -n '1s/^[0-9]* //p')
cp -p "$biggest" "$T/blob"
stop_server
# More than a byte, which might be that one already.
printf 'damaged' | dd of="$biggest" bs=1 seek=1000000 conv=notrunc 2>/dev/null
start_server
exits 'a pack that is damaged' 6 export_to "$T/hurt"
ok 'ends no export' perl "$MANIFEST" export "$T/hurt"
says 'what is lost stands in the manifest' '^[a-z-]+ drive/(big/f[0-9]+|files/deep/large)$' \
	lacks "$T/hurt"
ok 'all else is there' cmp "$F/page" "$T/hurt/drive/files/page"
ok 'and is what its sums say' sums "$T/hurt"
exits 'an export that has it' 0 export_to "$K"
cp -p "$T/blob" "$biggest"
ok 'when it is mended the same command brings the rest' export_to "$T/hurt"
whole 'which then' "$T/hurt"
ok 'is as it was' diff -r --no-dereference "$T/big" "$T/hurt/drive/big"
finish
