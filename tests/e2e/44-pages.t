#!/bin/sh
# SPDX-License-Identifier: ISC
# 44-pages.t: pages of a folder's database are zeroed, one at a time: that is
# told from all else, and the log beside it holds the same.
# duplicati #1585, #2937
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/folder.sh"

mkdir "$T/files"
for i in $(seq 60); do head -c 30000 /dev/urandom >"$T/files/f$i"; done
ok 'a backup' to_disk "$T/files"
for i in $(seq 8); do
	head -c 30000 /dev/urandom >"$T/files/f$i"
	run to_disk --tag "n$i" "$T/files" || fail "backup $i"
done
ok 'some are forgotten' disk snapshot forget --keep-last 6
ok 'and pruned' disk prune --grace 0s
cp -a "$DISK" "$T/whole"
cp -a "$T/nobody" "$T/home"
run disk snapshot list
cp "$T/out" "$T/list"
pages=$(($(stat -c %s "$DISK/repo.db") / 4096))
less 'there are pages enough' "$pages" 15

# zero N: the page is zeroed; both homes are as they were.
zero() {
	rm -rf "$DISK" "$T/nobody" "$T/new" "$T/back"
	cp -a "$T/whole" "$DISK"
	cp -a "$T/home" "$T/nobody"
	dd if=/dev/zero of="$DISK/repo.db" bs=4096 seek="$1" count=1 \
		conv=notrunc 2>/dev/null
}
# or_six COMMAND…: it works, or says that something is damaged.
or_six() {
	run "$@"
	status=$?
	[ $status -eq 0 ] || [ $status -eq 6 ] ||
		odd="$odd page $page: $status $(tail -n 1 "$T/err")"
	return $status
}
# mended: repair, and all is as it was for this home.
mended() {
	run disk --yes repair || return 1
	run disk snapshot list && cmp -s "$T/out" "$T/list" || return 1
	rm -rf "$T/back"
	run disk restore "latest:$T/files" --to "$T/back" &&
		trees_equal "$T/files" "$T/back"
}
step=$((pages / 8 + 1)) page=0 odd='' unmended='' unseen='' seen=0
while [ $page -lt "$pages" ]; do
	zero $page
	DEVICE=new
	or_six disk snapshot list
	cmp -s "$T/out" "$T/list" || [ $status -eq 6 ] ||
		unseen="$unseen $page"
	or_six disk restore "latest:$T/files" --to "$T/back"
	whole=$status
	or_six disk check
	[ $status -eq 6 ] && seen=$((seen + 1))
	[ $status -eq 6 ] || [ $whole -eq 0 ] || unseen="$unseen $page"
	mended || unmended="$unmended $page"
	DEVICE=nobody
	run disk check --read && run to_disk "$T/files" ||
		unmended="$unmended $page:old"
	page=$((page + step))
done
equal 'each ends with 0 or 6' '' "$odd"
equal 'what is damaged is seen' '' "$unseen"
less 'and most were' $((seen + 1)) 4
equal 'and repair brings all back' '' "$unmended"

# ---- nothing of it is left, and the log has holes ----

zero 0
: >"$DISK/repo.db"
DEVICE=new
refused 'an empty one is not taken for a new one' 6 state-damaged \
	disk snapshot list
DEVICE=nobody
ok 'an empty database' disk --yes repair
ok 'is as it was' disk check --read
zero 0
rm "$DISK/repo.db"
ok 'none at all' disk --yes repair
ok 'is as it was' disk check --read
zero 0
log=$(find "$DISK/log" -type f -printf '%s %p\n' | sort -rn | head -n 1 | cut -d' ' -f2)
# A torn end, as a kill leaves it, and what comes behind.
head -c 700 "$log" >"$T/tail"
cat "$T/tail" >>"$log"
refused 'a damaged database' 6 state-damaged disk snapshot list
also 'says what to do' '^Run: aumbry repair --repo'
refused 'which is asked' 2 input-missing disk repair
ok 'with a torn log' disk --yes repair
ok 'is as it was' disk check --read
ok 'and goes on' to_disk "$T/files"
zero 3
rm -rf "$DISK/log"
DEVICE=third
or_six disk snapshot list
# shellcheck disable=SC2034
DEVICE=nobody

# ---- the log does not grow for ever ----

rm -rf "$DISK" "$T/nobody"
cp -a "$T/whole" "$DISK"
cp -a "$T/home" "$T/nobody"
head -c 9000000 /dev/zero >>"$log"
ok 'a command that writes' disk snapshot tag latest --add x
less 'leaves out what is of no use' 3000000 "$(du -sb "$DISK/log" | cut -f1)"
dd if=/dev/zero of="$DISK/repo.db" bs=4096 count=1 conv=notrunc 2>/dev/null
ok 'and it still holds all' disk --yes repair
says 'with the last of it' '#x' disk snapshot list
ok 'whole' disk check --read

# ---- the log itself ----

log=$(find "$DISK/log" -type f -printf '%s %p\n' | sort -rn | head -n 1 | cut -d' ' -f2)
for part in 3 2; do
	printf spoilt | dd conv=notrunc bs=1 of="$log" \
		seek=$(($(stat -c %s "$log") / part)) 2>/dev/null
	refused "a log that is damaged (at 1/$part)" 6 state-damaged disk check
	also 'is named' '^damage: log/: .*state-damaged'
	also 'with what helps' 'Run: aumbry repair .*writes the log anew'
	ok 'the rest goes on' to_disk "$T/files"
	exits 'and it stays told' 6 disk check
	ok 'repair needs no word for it' disk repair
	also 'and says so' '^The log beside the database is written anew'
	ok 'nothing is left' disk check
	log=$(find "$DISK/log" -type f -printf '%s %p\n' | sort -rn |
		head -n 1 | cut -d' ' -f2)
done
dd if=/dev/zero of="$DISK/repo.db" bs=4096 count=1 conv=notrunc 2>/dev/null
ok 'it brings the database back' disk --yes repair
ok 'whole' disk check --read
finish
