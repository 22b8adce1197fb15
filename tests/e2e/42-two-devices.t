#!/bin/sh
# SPDX-License-Identifier: ISC
# 42-two-devices.t: the whole promise, by the commands that people type: an
# account, two-factor, 50,000 files of all sorts from one device to another.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

in_memory
M=$FAST/mixed
mkdir "$M"
perl "$ROOT/tests/e2e/tree.pl" mixed "$M" || exit 1
mkdir "$M/odd"
perl "$ROOT/tests/e2e/tree.pl" odd "$M/odd" 7 || exit 1
find "$M" -type f -name f4 -exec setfattr -n user.kind -v fourth {} +
find "$M" -type f -name f5 -exec setfacl -m u:65534:r {} +

start_server
ok 'signs up' at ana signup "$URL" ana --invite "$INVITE"
ok 'adds an authenticator' at ana authenticator add --secret-file "$SECRET"
ok 'confirms it' at ana authenticator confirm "$(totp now)"
says 'two-factor is on' 'two-factor is on' at ana two-factor status
ok 'backs up 50,000 files of all sorts' at ana --json backup "$M"
files=$(json files "$T/out") stored=$(json stored_bytes "$T/out")
not 'no less' [ "$files" -lt 50000 ]
equal 'all there are' "$(find "$M" -type f -printf x | wc -c)" "$files"
ok 'a second device is let in by a code' pair ana bea ana --device-name bea
says 'which sees the backup' "^[0-9a-f]{8} .* $M\$" at bea snapshot list
ok 'it restores' at bea restore "latest:$M" --to "$FAST/back"
ok 'every name, byte, mode, owner, time, link and attribute' \
	trees_equal "$M" "$FAST/back"
equal 'as many sockets, FIFOs and links' \
	"$(find "$M" -not -type f -not -type d -printf '%y' | fold -w 1 | sort |
		uniq -c)" \
	"$(find "$FAST/back" -not -type f -not -type d -printf '%y' |
		fold -w 1 | sort | uniq -c)"
equal 'sparse files take as little' \
	"$(find "$M" -name sparse -printf '%b\n' | sort | uniq -c)" \
	"$(find "$FAST/back" -name sparse -printf '%b\n' | sort | uniq -c)"
# The comparison sees a byte, a mode, a time, an attribute, a link less.
differs() {
	not "it would see $1" trees_equal "$M" "$FAST/back"
}
printf X | dd of="$FAST/back/d9/f60" bs=1 conv=notrunc status=none
touch -r "$M/d9/f60" "$FAST/back/d9/f60"
differs 'one byte'
cp -p "$M/d9/f60" "$FAST/back/d9/f60"
chmod 755 "$FAST/back/d9/f2"
differs 'one mode'
chmod 4751 "$FAST/back/d9/f2"
setfattr -x user.kind "$FAST/back/d9/f4"
differs 'one attribute'
setfattr -n user.kind -v fourth "$FAST/back/d9/f4"
ok 'all is as it was' trees_equal "$M" "$FAST/back"

echo more >>"$M/d7/f7"
rm -r "$M/d8"
mv "$M/d9" "$M/moved"
ok 'a few changes' at bea --json backup "$M"
# A link less is news in each folder that has one.
less 'store little, though another device stored the rest' $((stored / 10)) \
	"$(json stored_bytes "$T/out")"
rm -rf "$FAST/back"
ok 'are restored on the first device' at ana restore "latest:$M" \
	--to "$FAST/back"
ok 'as they are' trees_equal "$M" "$FAST/back"
ok 'what the server holds is whole' aumbryd check --data "$DATA" --read
finish
