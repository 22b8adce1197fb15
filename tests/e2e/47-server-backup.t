#!/bin/sh
# SPDX-License-Identifier: ISC
# 47-server-backup.t: aumbryd backup, beside a server that works, and from the
# copy again.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

mkdir "$T/files"
fill() {
	head -c 9000000 /dev/urandom >"$T/files/$1"
}

start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
fill one
ok 'backs up' at ana backup "$T/files"
refused 'where to?' 2 bad-usage aumbryd backup --data "$DATA"
mkdir "$T/other"
touch "$T/other/x"
refused 'a folder with something else' 2 bad-usage \
	aumbryd backup --data "$DATA" --to "$T/other"
ok 'a copy of a server that runs' aumbryd backup --data "$DATA" \
	--to "$T/copy" --json
not 'has blobs' [ "$(json copied "$T/out")" = 0 ]
equal 'for its owner alone' 700 "$(stat -c %a "$T/copy")"
equal 'keys, too' '600' "$(stat -c %a "$T/copy/keys/"* | sort -u | grep -v 644)"
ok 'again' aumbryd backup --data "$DATA" --to "$T/copy" --json
equal 'takes nothing twice' 0 "$(json copied "$T/out")"
ok 'the copy is whole' aumbryd check --data "$T/copy" --read

# While backups and prunes go on; some copies are killed.
bad=0
for k in 1 2 3 4; do
	fill "more$k"
	aumbry --home "$T/ana" --password-file "$PW" backup "$T/files" \
		>"$T/client.out" 2>&1 </dev/null &
	client=$!
	aumbryd backup --data "$DATA" --to "$T/copy" >"$T/got" 2>&1 &
	copying=$!
	perl -e 'select(undef, undef, undef, rand(0.2))'
	[ $k -gt 2 ] || kill -9 $copying 2>/dev/null
	wait $copying || [ $k -le 2 ] || bad=$((bad + 1))
	wait $client || bad=$((bad + 1))
	rm -f "$T/files/more$k"
	run at ana snapshot forget --keep-last 1
	run at ana prune --grace 0s
	run at ana prune --grace 0s
	[ $k -le 2 ] || run aumbryd check --data "$T/copy" --read ||
		bad=$((bad + 1))
done
equal 'copies beside backups and prunes are whole' 0 $bad
fill two
ok 'a last backup' at ana backup "$T/files"
ok 'a last copy' aumbryd backup --data "$DATA" --to "$T/copy" --json
not 'drops what is not needed' [ "$(json dropped "$T/out")" = 0 ]
ok 'the copy is whole' aumbryd check --data "$T/copy" --read

# A blob that rots is not copied as if it were whole.
blob=$(find "$DATA/blobs" -path "$DATA/blobs/trash" -prune -o -type f \
	-size +3M -print | head -n 1)
cp -p "$blob" "$T/blob"
printf damaged | dd of="$blob" bs=1 seek=100000 conv=notrunc status=none
refused 'rot in the server is named' 6 blob-corrupt \
	aumbryd backup --data "$DATA" --to "$T/second"
cp -p "$T/blob" "$blob"

# The house burns down.
stop_server
mv "$DATA" "$T/burnt"
cp -a "$T/copy" "$DATA"
start_server
ok 'the copy serves' at ana snapshot list
ok 'all of it restores' at ana restore "latest:$T/files" --to "$T/back"
ok 'byte for byte' trees_equal "$T/files" "$T/back"
ok 'backups go on' at ana backup "$T/files"
ok 'and all is whole' at ana check --read
not 'it knows that it was put back' [ ! -e "$DATA/restored" ]
finish
