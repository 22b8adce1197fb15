#!/bin/sh
# SPDX-License-Identifier: ISC
# 43-unreadable.t: what was written can be read back; one record that cannot
# closes none of the others; clocks that were wrong and partial snapshots take
# nothing from retention.
# restic #2714, #2993, #4780, #5755, #21956
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/folder.sh"

# ids: of all that can be read, oldest first.
ids() { disk --json snapshot list | sed -n 's/.*"id": *"\([0-9a-f]\{8\}\).*"time".*/\1/p'; }

mkdir "$T/files"
echo one >"$T/files/a"

# ---- refused before anything is stored ----

tags() { i=0; while [ $i -lt "$1" ]; do printf -- '--tag t%d ' $i; i=$((i + 1)); done; }
long=$(head -c 255 /dev/zero | tr '\0' x)
# shellcheck disable=SC2046 # many words
refused '65 tags' 2 bad-usage to_disk $(tags 65) "$T/files"
ok 'made no repository' [ ! -e "$DISK" ]
refused 'a tag of 256 bytes' 2 bad-usage to_disk --tag "${long}x" "$T/files"
refused 'an empty tag' 2 bad-usage to_disk --tag '' "$T/files"
refused 'a tag that is not text' 2 bad-usage \
	to_disk --tag "$(printf '\377')" "$T/files"
# shellcheck disable=SC2046 # many words
ok '64 tags' to_disk $(tags 63) --tag "$long" "$T/files"
says 'are read back' "#$long\$" disk snapshot list
first=$(ids)
refused 'one more afterwards' 2 bad-usage \
	disk snapshot tag "$first" --add another
refused 'nor a longer one' 2 bad-usage \
	disk snapshot tag "$first" --add "${long}x"
roots=''
for i in $(seq 40); do
	d=$T/r/$long/$long/$long/$long/$long/$long/$long/$long/$long/$long/$long/$long/$long/$i
	mkdir -p "$d"
	roots="$roots $d"
done
# shellcheck disable=SC2086 # many words
refused 'roots that no record can name' 2 bad-usage to_disk $roots
also 'with what helps' '^Back up a folder above them'
equal 'and stores nothing' 1 "$(ids | wc -l)"
rm -rf "$T/r"

# ---- one that cannot be read ----

echo two >"$T/files/b"
ok 'a second one' to_disk "$T/files"
good=$(ids | tail -n 1)

planted tags 66
# shellcheck disable=SC2154
bad=$planted
planted garbage
worse=$planted
exits 'the list goes on' 3 disk snapshot list
also 'with the good ones' "^$good "
also 'and names the bad one' "^$bad  cannot be read: .*record-corrupt"
also 'and the other' "^$worse  cannot be read: .*record-corrupt"
ok 'one is shown' disk snapshot show "$good"
says 'latest is the newest that can be read' two disk cat "latest:$T/files/b"
also 'and that is told' "$worse, recorded later, cannot be read"
ok 'ls' disk ls "$good:$T/files"
exits 'find searches the others' 3 disk find b
also 'and finds' "^$good:"
ok 'diff' disk snapshot diff "$first" "$good"
ok 'restore' disk restore "$good:$T/files" --to "$T/back"
ok 'the same' trees_equal "$T/files" "$T/back"
ok 'tag' disk --json snapshot tag "$good" --add kept
also 'which JSON tells' '"tags":\["kept"\]'
ok 'prune' disk prune --grace 0s
ok 'backup' to_disk "$T/files"
refused 'the bad one itself' 6 record-corrupt disk snapshot show "$bad"
also 'says how it goes' "aumbry snapshot forget $bad"
exits 'check goes on' 6 disk check
also 'and names it' "^snapshot $bad: .*record-corrupt"
also 'and counts the others' '^5 snapshots'
ok 'a policy is for the others' disk snapshot forget --keep-last 9
refused 'nothing goes where one is not there' 1 not-found \
	disk snapshot forget "$good" "$bad" none
lacks 'and nothing is said to' 'forget  '
run disk snapshot forget "$bad" "$good" "$bad" "$good" --dry-run
equal 'named twice it goes once' 2 "$(grep -c '^  forget  ' "$T/out")"
ok 'forget takes it out' disk snapshot forget "$bad"
ok 'repair the other' disk --json repair --yes
also 'which JSON tells' '"event":"repaired".*"snapshots":1'
ok 'nothing bad is left' disk snapshot list
ok 'nor in check' disk check --read
equal 'and the good ones are there' 3 "$(ids | wc -l)"

# ---- of a time that has not come ----

soon=$(($(date +%s) * 1000))
planted time $((soon + 315360000000))
future=$planted
for days in 3 2; do planted time $((soon - days * 86400000)); done
yesterday=$planted
says 'latest is of this time' two disk cat "latest:$T/files/b"
also 'and that is told' "snapshot $future says to be of 20.*latest"
ok 'a policy that counts back from now' \
	disk snapshot forget --keep-within 60h --dry-run
also 'keeps today' "keep +$good "
also 'and what is within' "keep +$yesterday .*within"
also 'and the one that cannot be judged' "keep +$future .*clock"
also 'and no older one' '^  forget '
ok 'it does not count as the last one either' \
	disk snapshot forget --keep-last 1 --dry-run
also 'which is of today' "keep .* last"
also 'and stays' "keep +$future .*clock\$"
ok 'and goes by its ID' disk snapshot forget "$future"

# ---- partial ones ----

whole=$(ids | tail -n 1)
planted time $((soon + 60000)) partial
ok 'one kept' disk snapshot forget --keep-last 1
equal 'is the partial one and the whole one before it' \
	"$whole $planted" "$(ids | tr '\n' ' ' | sed 's/ $//')"

# ---- what cannot be read is not what is not there ----

DISK=$T/trees
blobs() { find "$DISK/blobs" -type f | sort; }
ok 'a repository' to_disk "$T/files"
whole=$(ids | tail -n 1)
blobs >"$T/before"
touch -d '2001-02-03' "$T/files/a"
ok 'a backup that stores folders alone' to_disk "$T/files"
hurt=$(ids | tail -n 1)
printf '0123456789abcdef' | dd conv=notrunc bs=1 seek=64 \
	of="$(blobs | comm -13 "$T/before" -)" 2>/dev/null
for c in 'ls' 'cat' 'restore --dry-run --to back'; do
	# shellcheck disable=SC2086 # words
	refused "$c of what lies in damaged folders" 6 blob-corrupt \
		disk $c "latest:$T/files/a"
	also 'names the snapshot' "snapshot $hurt: .*pack"
	also 'and one that has it' "^Snapshot $whole of .*: $whole:.*files/a\$"
done
refused 'nor is it said that something was never there' 6 blob-corrupt \
	disk ls "$hurt:$T/files/none"
refused 'where that can be read it is' 1 not-found disk ls "$whole:$T/files/none"
also 'and of the others nothing is said' '^No snapshot that can be read has it'
echo new >"$T/files/newer"
ok 'a whole one after it' to_disk "$T/files"
refused 'find tells of the damage' 6 blob-corrupt disk find newer
also 'and looks into all others' ':/.*files/newer$'

# ---- this device's copy is damaged ----

# shellcheck disable=SC2010
copy=$(echo "$T/$DEVICE/repos"/*"$(ls "$DISK/blobs" | grep -v tmp | grep -v trash)")
truncate -s 5000 "$copy/state.db"
refused 'a damaged copy' 6 state-damaged disk snapshot list
also 'is named, with what helps' "^Remove $copy:"
rm -rf "$copy"
ok 'which it does' disk snapshot list
ok 'for backups too' to_disk "$T/files"

# ---- names that are no text ----
# restic #3311, borg #7535: two names that JSON shows alike are told apart

mkdir "$T/names"
odd=$(printf 'n\377')
echo 1 >"$T/names/$odd"
echo 2 >"$T/names/n\\xff"
ok 'two names that look alike' to_disk "$T/names"
for c in ls find 'restore --dry-run --to back'; do
	of=latest:$T/names
	[ "$c" != find ] || of='n?*'
	# shellcheck disable=SC2086 # words
	disk --json $c "$of" >"$T/json" 2>/dev/null
	equal "$c: one of them with its bytes" 1 \
		"$(grep -c '_raw":"[A-Za-z0-9+/]*=*"' "$T/json")"
done
raw=$(disk --json ls "latest:$T/names" | sed -n 's/.*"name_raw":"\([^"]*\)".*/\1/p' |
	base64 -d)
equal 'by which it is had' 1 "$(disk cat "latest:$T/names/$raw")"
finish
