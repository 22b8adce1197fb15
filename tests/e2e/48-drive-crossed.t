#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-drive-crossed.t: moved here, while it was changed and thrown away there.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana

synced() { at "$1" --json drive sync "$T/$1-drive" --once; }
mkdir -p "$T/a-drive" "$T/b-drive"
for i in $(seq 30); do echo "keep $i" >"$T/a-drive/keep$i"; done
for f in moved bit folder/inner; do
	mkdir -p "$T/a-drive/$(dirname $f)"
	echo "first of $f" >"$T/a-drive/$f"
done
ln -s first "$T/a-drive/link"
# Times that are past are known without reading.
sleep 0.1
ok 'one has them' synced a
ok 'the other, too' synced b

for f in moved bit folder/inner; do echo "second of $f" >"$T/a-drive/$f"; done
ln -sfn second "$T/a-drive/link"
ok 'one changes them' synced a
rm -r "$T/a-drive/moved" "$T/a-drive/bit" "$T/a-drive/folder" "$T/a-drive/link"
ok 'and throws them away' synced a
mv "$T/b-drive/moved" "$T/b-drive/moved-here"
mv "$T/b-drive/link" "$T/b-drive/link-here"
mv "$T/b-drive/folder/inner" "$T/b-drive/inner-here"
chmod +x "$T/b-drive/bit"
ok 'what the other did lives' synced b
ok 'and comes there' synced a
ok 'as both have it' diff -r --no-dereference -x .aumbry-drive "$T/a-drive" "$T/b-drive"
equal 'with its words' 'first of moved' "$(cat "$T/a-drive/moved-here")"
equal 'those of the changed bit' 'first of bit' "$(cat "$T/a-drive/bit")"
ok 'and the bit' test -x "$T/a-drive/bit"
equal 'those out of a folder that went' 'first of folder/inner' \
	"$(cat "$T/a-drive/inner-here")"
equal 'and a link' first "$(readlink "$T/a-drive/link-here")"
says 'what was written last is an older version' ' 16  ' \
	at a drive versions /moved-here
finish
