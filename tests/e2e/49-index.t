#!/bin/sh
# SPDX-License-Identifier: ISC
# 49-index.t: the index of chunks follows what other devices store, also when
# that arrives in the middle of a backup of one's own.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

fill() {
	rm -rf "${T:?}/$1"
	mkdir "$T/$1"
	for i in $(seq 12); do
		head -c 3000000 /dev/urandom >"$T/$1/f$i"
	done
}

start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
ok 'a second device' pair ana bea ana --device-name bea
fill ana.files
ok 'backs up' at ana backup "$T/ana.files"
ok 'the other too' at bea backup "$T/ana.files"
says 'packs are lines to who asks, and whole by their ids' \
	'^[1-9][0-9]* lines, [1-9][0-9]* records$' \
	"$BUILD/tests/zones" "$T/ana" lines backup

lost=0
for _ in 1 2 3 4; do
	fill ana.files
	fill bea.files
	aumbry --home "$T/bea" --password-file "$PW" backup "$T/bea.files" \
		>"$T/bea.out" 2>&1 </dev/null &
	other=$!
	run at ana backup "$T/ana.files" || lost=$((lost + 1))
	wait $other || lost=$((lost + 1))
	# Each reads what the other stored.
	for who in ana bea; do
		for whose in ana bea; do
			rm -rf "$T/back"
			id=$(at $who snapshot list |
				grep "$T/$whose.files\$" | tail -n 1 |
				cut -d' ' -f 1)
			run at $who restore "$id:$T/$whose.files" \
				--to "$T/back" &&
				run trees_equal "$T/$whose.files" "$T/back" ||
				lost=$((lost + 1))
		done
	done
done
equal 'two backups at once, read by both: nothing is lost' 0 $lost
ok 'all is whole' at ana check --read

# An index that lacks what there is counts for nothing in a check.
for f in "$T/ana/index/"*; do
	head -c 100 /dev/zero >"$f"
done
ok 'a damaged index is made again' at ana check
ok 'and restores' at ana restore latest --to "$T/back2"
finish
