#!/bin/sh
# SPDX-License-Identifier: ISC
# 45-export.t: leaving, with everything as ordinary files: what is there is what
# was backed up, an export that was cut off goes on and never looks whole, and
# what is damaged stops nothing else.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

MANIFEST=$ROOT/tests/e2e/manifest.pl
# folder DIR ID: where the snapshot is in there.
folder() { echo "$1"/backups/*/*_"$2"; }
# sums DIR: every sum holds.
sums() { (cd "$1" && sha256sum --quiet -c SHA256SUMS); }
# state DIR [TEST…]: its objects, with what changes when anybody writes to one.
state() { find "$@" -printf '%P %i %C@ %s\n' | LC_ALL=C sort; }
# whole NAME DIR: it is what its manifest says, and says so itself.
whole() {
	ok "$1: is what its manifest says" perl "$MANIFEST" export "$2"
	ok "$1: every sum holds" sums "$2"
	not "$1: and nothing says it is not complete" \
		test -e "$2/manifest.partial.jsonl"
}
lacks() { perl "$MANIFEST" lacks "$1"; }
id_of() { tail -n 1 "$T/out"; }

# ---- two devices, several snapshots ----

F=$T/files
G=$T/others
mkdir -p "$F/.ssh" "$F/empty" "$F/deep/er" "$G"
echo page >"$F/page"
head -c 3000000 /dev/urandom >"$F/noise"
ln -s ../page "$F/deep/link"
ln "$F/page" "$F/again"
mkfifo "$F/fifo"
echo odd >"$F/$(printf 'not-utf8-\377\\')"
echo odd >"$F/$(printf 'new\nline')"
echo odd >"$F/=cmd()|'calc'!A0"
truncate -s 2G "$F/holes" # to read all of it takes seconds
echo data >>"$F/holes"
setfattr -n user.note -v kept "$F/page" 2>/dev/null || :
touch -d '1969-07-20 20:17:40.25' "$F/deep/er"
chmod 1711 "$F/deep"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n' hidden >"$F/.ssh/id_rsa"
chmod 600 "$F/.ssh/id_rsa"
cp "$F/.ssh/id_rsa" "$F/.ssh/id_open"
chmod 644 "$F/.ssh/id_open"
echo of bea >"$G/hers"

start_server
ok 'signs up' sign_up ana ana --invite "$INVITE" --device-name laptop
ok 'lets in a second device' pair ana bea ana --device-name tower
run at ana app-password create 'mail program' --scope mail
word=$(head -n 1 "$T/out")
ok 'backs up' at ana backup "$F"
first=$(id_of)
rm "$F/holes" "$F/.ssh/id_open"
echo more >"$F/more"
ok 'and again' at ana backup "$F" --tag second
second=$(id_of)
ok 'the other device, too' at bea backup "$G"
hers=$(id_of)

# ---- everything ----

X="$T/out of here"
ok 'says what it would write' at ana export --to "$X" --dry-run
also 'and how much' '^2 snapshots, 2\.86 MiB to write$'
not 'and writes nothing' test -e "$X"
ok 'exports' at ana export --to "$X"
also 'says that it is readable' '^Nothing is encrypted in .*: whoever has that disk'
whole 'the export' "$X"
ok 'a backup is as it was' trees_equal "$F" "$(folder "$X" "$second")$F"
ok 'that of the other device, too' trees_equal "$G" "$(folder "$X" "$hers")$G"
equal 'nothing older, unless asked for' 2 \
	"$(find "$X/backups" -mindepth 2 -maxdepth 2 | wc -l)"
equal 'the folder is for its owner alone' 700 "$(stat -c %a "$X")"
says 'a person is told what is what' '^What this is: an export of ana@' \
	cat "$X/README.txt"
says 'a secret is named as one' '/.ssh/id_rsa",.*"secret":true' \
	cat "$X/manifest.json"
for file in devices circle status; do
	says "account/$file.json has the device" laptop \
		cat "$X/account/$file.json"
done
says 'the log' '"event": "signup"' cat "$X/account/security-log.json"
says 'the passwords by name' '"label": "mail program"' \
	cat "$X/account/app-passwords.json"
says 'all snapshots' "\"$first" cat "$X/account/snapshots.json"
not 'no password of them' grep -rq "$word" "$X"
not 'no secret of the authenticator' grep -rq "$(cat "$SECRET")" "$X"

state "$X" >"$T/before"
ok 'once more' at ana export --to "$X"
also 'nothing is new' '^Nothing is new: the export in .* is whole\.$'
state "$X" >"$T/after"
ok 'and not a byte is written' cmp "$T/before" "$T/after"
mkdir "$T/ro"
if mount --bind "$X" "$T/ro" 2>/dev/null; then
	MOUNTS="$MOUNTS $T/ro"
	mount -o remount,bind,ro "$T/ro"
	ok 'nor where none can be' at ana export --to "$T/ro"
fi

# ---- what is new, and what somebody did to it ----

echo third >"$G/third"
ok 'another backup' at bea backup "$G"
third=$(id_of)
ok 'is added' at bea export --to "$X" --json
equal 'alone' 1 "$(grep -c '"event":"snapshot"' "$T/out")"
equal 'and said' 1 "$(json snapshots "$T/out")"
whole 'what is there now' "$X"
ok 'with the older one' trees_equal "$F" "$(folder "$X" "$second")$F"
ok 'and the new one' trees_equal "$G" "$(folder "$X" "$third")$G"
state "$X/backups" | grep -a "$second" >"$T/after"
grep -a "^backups/.*$second" "$T/before" | sed 's,^backups/,,' >"$T/was"
ok 'of which not a byte was written' cmp "$T/was" "$T/after"

echo mine >"$(folder "$X" "$second")$F/page"
rm "$(folder "$X" "$third")$G/third"
echo mine >>"$X/account/mail.json"
refused 'what somebody changed' 3 write-incomplete at ana export --to "$X"
also 'is said' "$second$F/page: it was changed .*\(conflict\)$"
also 'also of the account' '^aumbry: account/mail.json: .*\(conflict\)$'
equal 'and stays' mine "$(cat "$(folder "$X" "$second")$F/page")"
ok 'what is gone comes back' test -e "$(folder "$X" "$third")$G/third"
rm -r "$X/account/mail.json" "$(folder "$X" "$second")"
ok 'so does a folder' at ana export --to "$X"
whole 'all of it' "$X"

# The list may be lost, and is made anew from what is there.
mv "$X/manifest.json" "$T/old.json"
state "$X/backups" -type f >"$T/before"
ok 'without a manifest' at ana export --to "$X"
state "$X/backups" -type f >"$T/after"
ok 'nothing is copied again' cmp "$T/before" "$T/after"
whole 'what is listed' "$X"
echo '{}' >"$X/manifest.json"
refused 'a manifest that is none of ours' 1 conflict at ana export --to "$X"
also 'which says what to do' '^Move it away and run this again'
sed 's/"aumbry_export":1/"aumbry_export":2/' "$T/old.json" >"$X/manifest.json"
refused 'one of a newer version' 1 update-needed at ana export --to "$X"
rm "$X/manifest.json"
echo nonsense >"$X/manifest.partial.jsonl"
refused 'a list of what was done that is none of ours' 1 conflict \
	at ana export --to "$X"
printf '{"aumbry_exp' >"$X/manifest.partial.jsonl"
ok 'one that was cut off in its first line' at ana export --to "$X"
whole 'what was made of it' "$X"

# ---- which ----

ok 'one that is named' at ana export --to "$T/named" --snapshot "$first"
H=$(folder "$T/named" "$first")$F/holes
equal 'holes are holes' 2147483653 "$(stat -c %s "$H")"
less 'that take no room' 100 "$(stat -c %b "$H")"
equal 'a secret that others could read is closed to them' 600 \
	"$(stat -c %a "$(folder "$T/named" "$first")$F/.ssh/id_open")"
whole 'and are seen without reading them: that' "$T/named"
equal 'alone' "$(folder "$T/named" "$first")" "$(echo "$T"/named/backups/*/*)"
ok 'all there are' at ana export --to "$T/all" --all-snapshots
equal 'are four' 4 "$(find "$T/all/backups" -mindepth 2 -maxdepth 2 | wc -l)"
whole 'they' "$T/all"
ok 'each as it was' trees_equal "$F" "$(folder "$T/all" "$second")$F"
equal 'what did not change takes room once' 1 "$(stat -c %i \
	"$(folder "$T/all" "$first")$F/noise" \
	"$(folder "$T/all" "$second")$F/noise" | sort -u | wc -l)"
equal 'what did, has room of its own' "1 2" "$(stat -c %h \
	"$(folder "$T/all" "$second")$F/more" \
	"$(folder "$T/all" "$second")$F/page" | tr '\n' ' ' | sed 's/ $//')"
ok 'those of a tag' at ana export --to "$T/tagged" --tag second
ok 'are those' test -d "$(folder "$T/tagged" "$second")"
refused 'of a machine that is none' 1 not-found \
	at ana export --to "$T/none" --host nowhere
refused 'two ways to choose' 2 bad-usage \
	at ana export --to "$T/none" --snapshot "$first" --tag second

# ---- where ----

mkdir "$T/full"
echo mine >"$T/full/mine"
refused 'a folder with other things in it' 1 conflict \
	at ana export --to "$T/full"
refused 'a file' 1 conflict at ana export --to "$T/full/mine"
equal 'are left alone' mine "$(cat "$T/full/mine")"
cp -a "$T/named" "$T/planted"
mv "$T/planted/backups/"* "$T/elsewhere"
ln -s "$T/elsewhere" "$(echo "$T"/named/backups/*| sed s/named/planted/)"
refused 'one with a link where a folder was' 1 conflict \
	at ana export --to "$T/planted"
if [ "$(id -u)" -eq 0 ]; then
	mkdir -m 700 "$T/theirs"
	chown 65534 "$T/theirs"
	ok 'into a folder of somebody else' at ana export --to "$T/theirs" \
		--snapshot "$hers"
	also 'who is said to read it' 'other users .* or is somebody else'
fi
# A pipe that others have put there keeps nobody waiting.
mkdir "$T/pipes"
mkfifo "$T/pipes/README.txt"
refused 'one with a pipe for a README' 1 conflict \
	at ana export --to "$T/pipes"
cp -a "$T/named" "$T/piped"
record=$(cd "$T/piped" && find account -type f | head -n 1)
rm "$T/piped/$record"
mkfifo "$T/piped/$record"
refused 'one with a pipe where a file was' 1 conflict \
	at ana export --to "$T/piped"
mkdir "$T/empty" "$T/empty/lost+found"
ln -s empty "$T/link"
ok 'a disk that is new, by a link' at ana export --to "$T/link" \
	--snapshot "$hers"
ok 'has it' test -f "$T/empty/manifest.json"
SECRET_ANA=$SECRET SECRET=$T/secret-ben
ok 'signs up another' sign_up ben ben --invite \
	"$(aumbryd invite --data "$DATA")"
SECRET=$SECRET_ANA
refused 'the export of another account' 1 conflict at ben export --to "$X"
ok 'an account without a backup' at ben export --to "$T/out-ben"
whole 'it' "$T/out-ben"
says 'into what is backed up' 'the next backup takes the export along' \
	at ana export --to "$G/within" --snapshot "$hers"
rm -r "$G/within"

# ---- and in again ----

R=$(folder "$X" "$second")$F
ok 'it is backed up' at ana backup "$R"
back=$(id_of)
ok 'and restored' at ana restore "$back:$R" --to "$T/round"
ok 'with all there was to it' trees_equal "$F" "$T/round"

Q=$T/$(printf 'repo-\377') # a path of no encoding
ok 'a repository in a folder' at ana backup "$F" --to "$Q"
ok 'is exported' at ana export --repo "$Q" --to "$T/from-repo" --json
equal 'as JSON says' 1 "$(json snapshots "$T/out")"
whole 'that' "$T/from-repo"
ok 'as it was' trees_equal "$F" "$(echo "$T"/from-repo/backups/*/*)$F"
"$BUILD/tests/snapshot_copy" "$Q" "$PW" "$T/ana" garbage >"$T/bad"
refused 'a snapshot that says nothing any more' 3 write-incomplete \
	at ana export --repo "$Q" --to "$T/from-repo"
equal 'is named' "record-corrupt backups/$(cat "$T/bad")" \
	"$(lacks "$T/from-repo")"
not 'without an account' test -e "$T/from-repo/account/devices.json"

# ---- cut off ----

K=$T/killed
mkdir "$T/big"
for i in $(seq 40); do head -c 600000 /dev/urandom >"$T/big/f$i"; done
ok 'a larger backup' at ana backup "$T/big"
big=$(id_of)
broken=''
for i in 1 2 3 4 5 6; do
	aumbry --home "$T/ana" export --to "$K" --snapshot "$big" \
		>"$T/out" 2>"$T/err" </dev/null &
	client=$!
	perl -e 'select(undef, undef, undef, rand(0.25))'
	kill -9 $client 2>/dev/null
	wait $client 2>/dev/null && break
	# Whole, or seen to be not.
	[ ! -e "$K/manifest.json" ] || sums "$K" || broken="$broken $i"
done
equal 'killed at any instant it never looks whole' '' "$broken"
ok 'and goes on to its end' at ana export --to "$K" --snapshot "$big"
whole 'which' "$K"
ok 'is as it was' trees_equal "$T/big" "$(folder "$K" "$big")$T/big"

# A disk whose times have no fractions, as FAT: what is there is known again.
truncate -s 60M "$T/image"
mkdir "$T/coarse"
if mkfs.ext2 -q -I 128 "$T/image" 2>/dev/null &&
	mount -o loop "$T/image" "$T/coarse" 2>/dev/null; then
	MOUNTS="$MOUNTS $T/coarse"
	mkdir -p "$T/coarse/backups"
	cp -a "$K/README.txt" "$T/coarse"
	cp -a "$K"/backups/* "$T/coarse/backups"
	ok 'a disk with coarse times goes on' \
		at ana export --to "$T/coarse" --snapshot "$big"
	ok 'to its end' sums "$T/coarse"
	ok 'and is known again' at ana export --to "$T/coarse" \
		--snapshot "$big"
	also 'as whole' '^Nothing is new: the export in .* is whole\.$'
fi
# Nor does every disk take every size.
status=0
(ulimit -f 900 && at ana export --to "$T/limited" --snapshot "$second") \
	>"$T/out" 2>"$T/err" </dev/null || status=$?
equal 'a file that the disk does not take ends nothing' 3 $status
says 'and is named' '^io-error backups/.*/noise$' lacks "$T/limited"
ok 'all else is there' sums "$T/limited"

if small_disk "$T/small" 12m; then
	refused 'a disk that is full' 1 disk-full-here \
		at ana export --to "$T/small/out" --snapshot "$big"
	also 'was said to be before' '^aumbry: up to 22\.9 MiB are to come, and'
	also 'says what to do' '^Make room, then run the command again'
	ok 'it is seen to be cut off' test -e "$T/small/out/manifest.partial.jsonl"
	not 'and not to be whole' test -e "$T/small/out/manifest.json"
	state "$T/small/out/backups" | grep '/f[0-9]* ' >"$T/before"
	resize_disk "$T/small" 60m
	ok 'with room it goes on' at ana export --to "$T/small/out" \
		--snapshot "$big"
	also 'as it says' '^Going on with the export in '
	whole 'to its end: it' "$T/small/out"
	state "$T/small/out/backups" | grep -Fxc -f "$T/before" >"$T/kept"
	equal 'what was there was not copied again' \
		"$(wc -l <"$T/before")" "$(cat "$T/kept")"
fi

# ---- what is damaged ----

biggest=$(find "$DATA/blobs" -type f -printf '%s %p\n' | sort -rn |
	sed -n '1s/^[0-9]* //p')
cp -p "$biggest" "$T/blob"
stop_server
# More than a byte, which might be that one already.
printf 'damaged' | dd of="$biggest" bs=1 seek=1000000 conv=notrunc 2>/dev/null
start_server
refused 'a pack that is damaged' 6 snapshot-damaged \
	at ana export --to "$T/hurt" --all-snapshots
ok 'ends no export' perl "$MANIFEST" export "$T/hurt"
says 'what is lost stands in the manifest' '^blob-corrupt backups/.*/big/f[0-9]+$' \
	lacks "$T/hurt"
ok 'all else is there' trees_equal "$F" "$(folder "$T/hurt" "$second")$F"
less 'most of the hurt one is there, too' 40 \
	"$(find "$(folder "$T/hurt" "$big")" -type f | wc -l)"
cp -p "$T/blob" "$biggest"
ok 'when it is mended the same command brings the rest' \
	at ana export --to "$T/hurt" --all-snapshots
whole 'which then' "$T/hurt"
ok 'is as it was' trees_equal "$T/big" "$(folder "$T/hurt" "$big")$T/big"
equal 'and lacks nothing' '' "$(lacks "$T/hurt")"

# ---- who may not ----

stop_server
refused 'without the server' 5 server-unreachable at ana export --to "$X"
start_server
ok 'the owner puts a device out' at ana step-up --code "$(totp now+30sec)"
ok 'the owner puts a device out' at ana device remove tower
refused 'which exports nothing more' 4 device-removed at bea export --to "$X"
finish
