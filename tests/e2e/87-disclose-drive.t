#!/bin/sh
# SPDX-License-Identifier: ISC
# 87-disclose-drive.t: what an operator is able to hand over of the Drive: files,
# trash and former contents under standard protection, ciphertext under advanced.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/escrow.sh"

MARKERS=$ROOT/tests/e2e/markers.pl
MANIFEST=$ROOT/tests/e2e/manifest.pl
disclose() {
	aumbry-escrow disclose "$1" --data "$DATA" --socket "$ESCROW_SOCKET" \
		--reference 'order 17/2026' --to "$2"
}
said() {
	equal "$1" "$2" "$(perl "$MANIFEST" get "$3" "$4" 2>&1)"
}

F=$T/files
mkdir -p "$F/.ssh" "$F/empty" "$F/deep/er" "$F/gone"
echo 'the first page' >"$F/page"
chmod +x "$F/page"
head -c 3000000 /dev/urandom >"$F/noise"
truncate -s 40M "$F/deep/holes"
ln -s ../page "$F/deep/link"
echo odd >"$F/$(printf 'not-utf8-\377\\')"
echo 'thrown away' >"$F/gone/letter"
tr -dc 'a-z' </dev/urandom | head -c 24 >"$T/hidden"
echo >>"$T/hidden"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\n%s\n' "$(cat "$T/hidden")" \
	>"$F/.ssh/id_rsa"

start_with_escrow 2s
ok 'signs up under standard' sign_up ana ana --invite "$INVITE"
ok 'has files in the Drive' at ana drive put "$F" /
echo 'the second page' >"$F/page"
chmod +x "$F/page"
ok 'changes one' at ana drive put --force "$F" /
ok 'throws some away' at ana drive rm -r /files/gone
SECRET_ANA=$SECRET SECRET=$T/secret-ben
ok 'signs up under advanced' sign_up ben ben --protection advanced \
	--invite "$(aumbryd invite --data "$DATA")"
SECRET=$SECRET_ANA
ok 'has the same files' at ben drive put "$F" /
ok 'the escrow hears of the accounts' until_true 20 escrow_told

O=$T/out1
ok 'standard' disclose ana "$O"
ok '- the manifest is exact' perl "$MANIFEST" check "$O"
said '- the Drive is in plain' 'disclosed in plain' "$O" categories.drive.what
said '- nothing failed' '[]' "$O" not_opened
rm -r "$F/gone"
mv "$F/.ssh/id_rsa" "$T/id_rsa"
ok '- the files are what they are' \
	diff -r --no-dereference "$F" "$O/drive/files/files"
ok '- with their bit' test -x "$O/drive/files/files/page"
less '- holes take no room' 100 "$(stat -c %b "$O/drive/files/files/deep/holes")"
ok '- the secret nowhere' perl "$MARKERS" "$O" "$T/hidden"
said '- but listed' drive/files/files/.ssh/id_rsa "$O" secrets_closed.0.path
says '- for people, too' 'drive/files/files/\.ssh/id_rsa' cat "$O/MANIFEST.txt"
equal '- the trash is there' 'thrown away' "$(cat "$O"/drive/trash/*/gone/letter)"
says '- and says where it was' '"was":"/files/gone"' cat "$O/drive/trash.jsonl"
equal '- what a file held before, too' 'the first page' \
	"$(cat "$O"/drive/former/*/1)"
says '- and when' '"content":1,.*"changed":"2' cat "$O/drive/former.jsonl"
says '- each file is listed' \
	'"path":"files/files/page",.*"contents":2,"executable":true' \
	cat "$O/drive/files.jsonl"
not '- no ciphertext of it' test -e "$O/ciphertext/drive"
not '- no work is left' test -e "$O/.work"

A=$T/out2
ok 'advanced' disclose ben "$A"
ok '- the manifest is exact' perl "$MANIFEST" check "$A"
said '- the Drive is ciphertext' 'ciphertext only' "$A" categories.drive.what
ok '- as it is stored' test -s "$A/ciphertext/drive/changes.bin"
not '- and nothing in plain' test -e "$A/drive"

# ---- damaged ----

biggest=$(find "$DATA/blobs" -path "*$(perl "$MANIFEST" get "$O" account.uid)*" \
	-type f -printf '%s %p\n' | sort -rn | sed -n '1s/^[0-9]* //p')
printf damaged | dd of="$biggest" bs=1 seek=500000 conv=notrunc 2>/dev/null
exits 'a pack that is damaged' 3 disclose ana "$T/out3"
says '- is said' 'drive/files/files/noise' \
	perl "$MANIFEST" get "$T/out3" not_opened
equal '- all else is there' 'the second page' \
	"$(cat "$T/out3/drive/files/files/page")"
ok '- and the manifest is exact' perl "$MANIFEST" check "$T/out3"
finish
