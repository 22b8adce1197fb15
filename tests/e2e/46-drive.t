#!/bin/sh
# SPDX-License-Identifier: ISC
# 46-drive.t: files of one device come to the others, byte for byte.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana

synced() {
	device=$1
	shift
	at "$device" drive sync "$T/$device-drive" --once "$@"
}
mkdir "$T/a-drive" "$T/b-drive"
mkdir -p "$T/a-drive/papers/old"
echo hello >"$T/a-drive/papers/letter"
head -c 300000 /dev/urandom >"$T/a-drive/papers/photo"
head -c 9000 /dev/urandom >"$T/a-drive/papers/old/scan"
ln -s letter "$T/a-drive/papers/link"
: >"$T/a-drive/empty"
chmod +x "$T/a-drive/papers/letter"
ok 'the first sync sends' synced a
ok 'the second device fetches' synced b
ok 'both are equal' diff -r --no-dereference -x .aumbry-drive "$T/a-drive" "$T/b-drive"
ok 'the bit came' test -x "$T/b-drive/papers/letter"
mv "$T/b-drive/papers" "$T/b-drive/documents"
echo more >>"$T/b-drive/documents/letter"
ok 'a change there' synced b
ok 'comes back' synced a
ok 'both are equal again' diff -r --no-dereference -x .aumbry-drive "$T/a-drive" "$T/b-drive"
rm "$T/a-drive/documents/old/scan"
ok 'a deletion' synced a
ok 'comes too' synced b
not 'it is gone' test -e "$T/b-drive/documents/old/scan"
echo one >"$T/a-drive/documents/letter"
echo two >"$T/b-drive/documents/letter"
ok 'a conflict' synced a
ok 'leaves both' synced b
ok 'and comes back' synced a
ok 'both are equal at last' diff -r --no-dereference -x .aumbry-drive "$T/a-drive" "$T/b-drive"

# ---- what a device does not have ----

ok 'a folder is left out here' at b drive skip "$T/b-drive" /documents
ok 'the next sync' synced b
not 'takes it away here' test -e "$T/b-drive/documents"
says 'which is listed' '^/documents$' at b drive skip "$T/b-drive"
ok 'nothing of it is thrown away' synced a
ok 'it is whole elsewhere' test -s "$T/a-drive/documents/photo"
echo later >"$T/a-drive/documents/later"
ok 'what comes into it' synced a
ok 'is passed over' synced b
not 'it is not here' test -e "$T/b-drive/documents"
refused 'of a file nothing can be left out' 2 bad-usage \
	at b drive skip "$T/b-drive" /empty
refused 'nor of what is not there' 1 not-found \
	at b drive skip "$T/b-drive" /nowhere
ok 'taken in again' at b drive skip "$T/b-drive" /documents --off
ok 'the next sync' synced b
ok 'brings all of it' diff -r --no-dereference -x .aumbry-drive \
	"$T/a-drive" "$T/b-drive"
finish
