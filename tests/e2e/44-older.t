#!/bin/sh
# SPDX-License-Identifier: ISC
# 44-older.t: a folder whose place was taken by an older copy of it.
# borg #3428, #4631, #5722
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/folder.sh"

count() { disk snapshot list 2>/dev/null | wc -l; }
mkdir "$T/files"
head -c 3000000 /dev/urandom >"$T/files/a"
ok 'a backup' to_disk "$T/files"
cp -a "$T/files" "$T/first"
cp -a "$DISK" "$T/copy"
head -c 3000000 /dev/urandom >"$T/files/b"
ok 'a later one' to_disk "$T/files"
equal 'there are two' 2 "$(count)"
# put_back: the disk died, and last week's copy is in its place.
put_back() {
	rm -rf "$DISK"
	cp -a "$T/copy" "$DISK"
}
put_back

exits 'it is listed' 3 disk snapshot list
also 'as it is' '^[0-9a-f]{8} '
also 'and that is told' 'has seen 2|\(history-rolled-back\)'
exits 'and restored' 3 disk restore "latest:$T/files" --to "$T/back"
ok 'the same' trees_equal "$T/first" "$T/back"
exits 'and checked' 3 disk check --read
exits 'ls' 3 disk ls "latest:$T/files"
exits 'cat' 3 disk cat "latest:$T/files/a"
exits 'a second time' 3 disk snapshot list
DEVICE=other
ok 'a home that has not seen more has nothing to say' disk snapshot list
DEVICE=nobody
refused 'nothing is written' 6 history-rolled-back to_disk "$T/files"
also 'before its owner says so' 'aumbry repair --after-server-restore --repo'
refused 'nor forgotten' 6 history-rolled-back disk snapshot forget latest
refused 'nor pruned' 6 history-rolled-back disk prune
refused 'which is asked' 2 input-missing disk repair --after-server-restore
ok 'or said' disk --yes repair --after-server-restore
also 'and tells what is lost' 'name packs that are lost there'
ok 'what was known is there again' disk snapshot list
equal 'both of them' 2 "$(count)"
ok 'a backup goes on' to_disk "$T/files"
rm -rf "$T/back"
ok 'and is restored' disk restore "latest:$T/files" --to "$T/back"
ok 'the same' trees_equal "$T/files" "$T/back"
exits 'what is lost for good is named' 6 disk check
lost=$(sed -n 's/^snapshot \([0-9a-f]*\): .*/\1/p' "$T/out")
ok 'and goes' disk snapshot forget "$lost"
ok 'and then all is whole' disk check --read
DEVICE=other
ok 'the other home follows' disk snapshot list
DEVICE=nobody

# The copy is gone on with, elsewhere: two histories.
put_back
DEVICE=third
ok 'a backup into the copy' to_disk "$T/first"
DEVICE=nobody
exits 'it is listed' 3 disk snapshot list
also 'as it is' "$T/first"
refused 'nothing is written' 6 history-rolled-back to_disk "$T/files"
ok 'until its owner says so' disk --yes repair --after-server-restore
equal 'all are there' 3 "$(count)"
# shellcheck disable=SC2034
equal 'for all' 3 "$(DEVICE=third && count)"
ok 'a backup goes on' to_disk "$T/files"
finish
