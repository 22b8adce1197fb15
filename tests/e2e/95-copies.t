#!/bin/sh
# SPDX-License-Identifier: ISC
# 95-copies.t: copies of server and escrow, taken before and after advanced
# protection was turned on: what they open, tried with the real programs.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/escrow.sh"

KEY=$T/key
mkdir "$T/old" "$T/new"
# Words that stand nowhere else.
BEFORE=$(head -c 24 /dev/urandom | base64 | tr -d /+=)
AFTER=$(head -c 24 /dev/urandom | base64 | tr -d /+=)
# One file for each, of a size that is no block's: content of its own packs.
echo "written before the switch: $BEFORE" >"$T/old/file-$BEFORE"
echo "written after the switch: $AFTER" >"$T/new/file-$AFTER"

copy() {
	mkdir "$T/$1"
	cp -r "$DATA" "$T/$1/data"
	cp -r "$ESCROW_DIR" "$T/$1/escrow"
	rm -f "$T/$1/escrow/lock"
}
# open_with NAME DATA ESCROW: all that these two can hand over.
open_with() {
	aumbry-escrow disclose ana --dir "$3" --data "$2" --reference "$1" \
		--to "$T/$1" >"$T/out" 2>"$T/err"
	case $? in 0 | 3) ;; *) return 1 ;; esac
}
# found WORD DIR: it is there, in a file or in the name of one.
found() {
	grep -rqa -e "$1" "$2" || find "$2" | grep -q -e "$1"
}

start_with_escrow
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
ok 'a recovery key' at laptop recovery key create --out "$KEY"
ok '- that was tried' at laptop recovery drill --key-file "$KEY"
ok 'a backup under standard protection' at laptop backup "$T/old"
ok '- the escrow knows of the account' until_true 20 escrow_told
stop_server
stop_escrow
copy before
start_escrow
start_server
ok 'advanced' at laptop protection advanced --code "$(totp '30 seconds')"
ok '- the escrow has ended the key' until_true 20 escrow_told
ok 'a backup after that' at laptop backup "$T/new"
ok '- of the same folder too' at laptop backup "$T/old" "$T/new"
stop_server
stop_escrow
copy after

ok 'the copies from before' open_with from-before "$T/before/data" \
	"$T/before/escrow"
ok '- open what was written before: this test can see it' \
	found "$BEFORE" "$T/from-before"
not '- and nothing that came later' found "$AFTER" "$T/from-before"

ok 'the copies from after' open_with from-after "$T/after/data" \
	"$T/after/escrow"
not '- open nothing that was written before' found "$BEFORE" "$T/from-after"
not '- and nothing that came later' found "$AFTER" "$T/from-after"

# A server that only said that the key was gone: the escrow from before, with
# the data of after.
cp -r "$T/before/escrow" "$T/kept"
ok 'a saved escrow with the data of after' open_with from-both \
	"$T/after/data" "$T/kept"
not '- opens nothing by itself' found "$BEFORE" "$T/from-both"

# It can do more: put the keys that were sealed then back beside the data, and
# show its own escrow a list of devices that ends before the switch.
cp -r "$T/after/data" "$T/forged"
sqlite3 "$T/forged/aumbryd.db" "
	ATTACH '$T/before/data/aumbryd.db' AS old;
	INSERT OR IGNORE INTO envelope SELECT * FROM old.envelope
		WHERE purpose IN (6, 7);
	DELETE FROM circle_entry WHERE seq > (SELECT MAX(seq)
		FROM old.circle_entry);" || fail 'the forgery cannot be made'
rm -rf "$T/kept"
cp -r "$T/before/escrow" "$T/kept"
run open_with forged-out "$T/forged" "$T/kept"
ok 'that opens what was written before, which cannot be taken back' \
	found "$BEFORE" "$T/forged-out"
not "- and not what came later" found "$AFTER" "$T/forged-out"
finish
