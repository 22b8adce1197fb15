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

PATH=$PATH:$BUILD/tests
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

# It can do more: with the key out of the saved escrow, and what was sealed to it
# then, try every record and pack that there is.
rm -rf "$T/kept"
cp -r "$T/before/escrow" "$T/kept"
# all_open EPOCH, none_open EPOCH: of that epoch's records and packs.
all_open() {
	grep -qE "^epoch $1 records ([1-9][0-9]*) opened \\1 packs ([1-9][0-9]*) opened \\2\$" \
		"$T/tried"
}
none_open() {
	grep -qE "^epoch $1 records [1-9][0-9]* opened 0 packs [1-9][0-9]* opened 0\$" \
		"$T/tried"
}
# tried ESCROW BEFORE AFTER: see oldkeys.c.
tried() {
	oldkeys "$@" ana >"$T/tried"
}
ok 'the saved key on the data from before' tried "$T/kept" \
	"$T/before/data" "$T/before/data"
ok '- opens all of it' all_open 1
ok 'the saved key on the data from after' tried "$T/kept" \
	"$T/before/data" "$T/after/data"
ok '- opens what was written before, which cannot be taken back' all_open 1
ok '- and nothing that came later' none_open 2
not 'the key of after is no more' tried "$T/after/escrow" \
	"$T/before/data" "$T/before/data"

# Sealed anew, nothing is left that it could open.
start_escrow
start_server
ok 'old packs are sealed anew' at laptop protection reencrypt
ok '- and the device restores all' at laptop restore latest --to "$T/back"
stop_server
stop_escrow
ok 'the saved key on the data of now' tried "$T/kept" \
	"$T/before/data" "$DATA"
ok '- opens nothing that was written since the switch' none_open 2
not '- nor any pack from before, for there is none' \
	grep -q '^epoch 1 .* packs [1-9]' "$T/tried"
finish
