#!/bin/sh
# SPDX-License-Identifier: ISC
# 44-opener.t: the file that opens a repository in a folder, damaged or not yet
# written.
# borg #850, #4252
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/folder.sh"

mkdir "$T/files"
echo one >"$T/files/a"

# ---- a making that is killed ----

kills=0 broken=0
while [ $kills -lt 12 ]; do
	kills=$((kills + 1))
	rm -rf "$DISK" "$T/nobody"
	aumbry --home "$T/nobody" --repo-password-file "$T/fp" backup \
		--to "$DISK" "$T/files" >/dev/null 2>&1 </dev/null &
	pid=$!
	# Wherever that is: each state before the end is one to go on from.
	case $((kills % 3)) in
	0) until_true 5 test -e "$DISK/repo.db" ;;
	1) until_true 5 test -e "$DISK/blobs" ;;
	2) until_true 5 test -e "$DISK/repo.db-wal" ;;
	esac
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	run to_disk "$T/files" || broken=$((broken + 1))
	run disk check --read || broken=$((broken + 1))
done
equal 'is gone on with by the next' 0 $broken
rm "$DISK/aumbry-repo" "$DISK/aumbry-repo.copy"
refused 'what was stored is not gone over' 1 repository-exists \
	to_disk --new "$T/files"
rm -rf "$DISK"
mkdir "$DISK"
echo mine >"$DISK/log.txt"
refused 'nor what is not ours' 1 repository-exists to_disk --new "$T/files"
rm -rf "$DISK"

# ---- damage ----

ok 'a repository' to_disk --new "$T/files"
cp "$DISK/aumbry-repo" "$T/good"
size=$(wc -c <"$T/good")
ok 'there are two of it' cmp "$T/good" "$DISK/aumbry-repo.copy"
# flip FILE AT: another bit of that byte.
flip() {
	perl -e 'open F, "+<", $ARGV[0]; seek F, $ARGV[1], 0; read F, $c, 1;
		seek F, $ARGV[1], 0; print F chr(ord($c) ^ 4)' "$1" "$2"
}
at=0
while [ $at -lt "$size" ]; do
	flip "$DISK/aumbry-repo" $at
	ok "byte $at: the other one opens it" disk snapshot list
	ok 'and it is written again' cmp "$T/good" "$DISK/aumbry-repo"
	flip "$DISK/aumbry-repo" $at
	flip "$DISK/aumbry-repo.copy" $((size - 1 - at))
	refused 'both damaged: it is said so' 6 state-damaged disk snapshot list
	also 'with what helps' '^Put aumbry-repo back from any copy'
	flip "$DISK/aumbry-repo" $at
	ok 'and nothing is lost by it' disk snapshot list
	at=$((at + 997))
done
rm "$DISK/aumbry-repo"
ok 'one that is gone' disk snapshot list
ok 'comes back' cmp "$T/good" "$DISK/aumbry-repo"
echo other >"$T/fp"
refused 'a wrong password is one' 1 wrong-password-or-name disk snapshot list
finish
