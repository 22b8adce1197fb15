#!/bin/sh
# SPDX-License-Identifier: ISC
# 60-damage.t: what a server loses, changes or hides is seen, and named.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

mkdir "$T/files"
for i in 1 2 3 4 5 6; do
	head -c 5000000 /dev/urandom >"$T/files/f$i"
done

# ask SQL: of the server's database, while no server has it open.
ask() {
	sqlite3 -batch "$DATA/aumbryd.db" "$1" >"$T/sql" || echo "# $1"
	cat "$T/sql"
}
# keep, again: the server's whole folder put aside, and put back.
keep() {
	rm -rf "${T:?}/$1"
	cp -a "$DATA" "$T/$1"
}
again() {
	stop_server
	rm -rf "$DATA"
	cp -a "$T/$1" "$DATA"
}
# biggest: the path of the biggest blob.
biggest() {
	find "$DATA/blobs" -type f -printf '%s %p\n' | sort -rn |
		sed -n '1s/^[0-9]* //p'
}
# flip FILE AT: another value for that byte.
flip() {
	perl -e 'open(F, "+<:raw", $ARGV[0]) or die; seek(F, $ARGV[1], 0);
		read(F, $b, 1); seek(F, $ARGV[1], 0);
		print F chr(ord($b) ^ 1); close F' "$1" "$2"
}

start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
keep empty
ok 'backs up' at ana backup "$T/files"
stop_server
keep whole
start_server
ok 'the server finds itself whole' aumbryd check --data "$DATA" --read
ok 'a second device' pair ana bea ana --device-name bea
ok 'restores' at bea restore "latest:$T/files" --to "$T/back"
ok 'the same' trees_equal "$T/files" "$T/back"
stop_server
keep whole

# ---- blobs ----

flip "$(biggest)" 1000000
start_server
exits 'a restore with one byte of a blob flipped' 6 \
	at ana restore "latest:$T/files" --to "$T/back1"
also 'names a file and blob-corrupt' ': /f[1-6]: .*\(blob-corrupt\)$'
also 'and says that the snapshot is damaged' '^\(snapshot-damaged\)$'
equal 'no wrong byte is given back' '' "$(cd "$T/back1" && for f in *; do
	cmp -s "$f" "$T/files/$f" || echo "$f"; done)"
less 'some files are lost' 6 "$(find "$T/back1" -type f | wc -l)"
not 'the others are whole' [ "$(find "$T/back1" -type f | wc -l)" -lt 2 ]
stop_server
ok 'check by sizes alone cannot see it' aumbryd check --data "$DATA"
refused 'check --read sees it' 6 blob-corrupt \
	aumbryd check --data "$DATA" --read
also 'and names the blob' '^blob-corrupt zone=[0-9a-f]{8} id=[0-9a-f]{32} '

again whole
rm "$(biggest)"
start_server
exits 'a restore without one of the blobs' 6 \
	at ana restore "latest:$T/files" --to "$T/back2"
also 'names blob-missing' '/f[1-6]: .*\(blob-missing\)$'
stop_server
not 'check sees it' aumbryd check --data "$DATA"
also 'and names it so' '^blob-missing '

again whole
truncate -s -100 "$(biggest)"
start_server
exits 'a restore with a blob cut short' 6 \
	at ana restore "latest:$T/files" --to "$T/back3"
also 'names blob-truncated' '/f[1-6]: .*\(blob-truncated\)$'
stop_server
not 'check sees it' aumbryd check --data "$DATA"
also 'and names it so' '^blob-(truncated|corrupt) '

# ---- records ----

# The last bit of the newest record of the backups, its sum left alone.
again whole
newest='seq = (SELECT max(seq) FROM record r WHERE r.number = record.number)
	AND flags != 1 AND number = (SELECT number FROM zone WHERE category = 2)'
ask "SELECT hex(ct) FROM record WHERE $newest LIMIT 1;" >"$T/hex"
perl -ne 'chomp; my $new = $_;
	$new =~ s/(.)$/$1 eq "0" ? "1" : "0"/e;
	print "UPDATE record SET ct = x\x27$new\x27 WHERE hex(ct) = \x27$_\x27;",
	    " SELECT changes();\n"' "$T/hex" >"$T/update"
says 'one bit of one record is changed' '^1$' \
	sh -c 'sqlite3 -batch "$1" <"$2"' sh "$DATA/aumbryd.db" "$T/update"
not 'check sees a record that was changed' aumbryd check --data "$DATA"
also 'and names it record-corrupt' '^record-corrupt '
start_server
# Only a device that has not seen the record asks for it.
cp -a "$T/ana" "$T/ana.before"
damaged() {
	pair ana new ana --device-name new &&
		at new restore "latest:$T/files" --to "$T/back4"
}
exits 'a device that has not seen it yet' 6 damaged
also 'names it record-corrupt' '\(record-corrupt\)'
rm -rf "$T/ana"
mv "$T/ana.before" "$T/ana"

# ---- history ----

again empty
start_server
exits 'an older copy of the whole server' 6 at ana snapshot list
also 'is named' '^\((history|circle)-rolled-back\)$'
exits 'and is not written to' 6 at ana backup "$T/files"
again whole
start_server
ok 'with the true one back all is well' at ana snapshot list
stop_server
keep whole
start_server
echo more >"$T/files/more"
ok 'a backup' at ana backup "$T/files"
again whole
start_server
refused 'is missed when the server is put back to before it' \
	6 history-rolled-back at ana snapshot list
refused 'and nothing is written on top' 6 history-rolled-back \
	at ana backup "$T/files"

# From the same point another device goes on in another way.
echo other >"$T/files/more"
ok 'a device that has not seen it goes on' at bea backup "$T/files"
exits 'the other sees that histories differ' 6 at ana snapshot list
also 'and names it' '^\(history-(forked|rolled-back)\)$'

# ---- a server that dies in the middle ----

again whole
start_server
INVITE=$(aumbryd invite --data "$DATA")
ok 'another account' sign_up carl carl --invite "$INVITE"
mkdir "$T/much"
for i in 1 2 3 4 5 6 7 8; do
	head -c 30000000 /dev/urandom >"$T/much/f$i"
done
blobs() {
	[ "$(find "$DATA/blobs" -type f | wc -l)" -gt "$1" ]
}
before=$(find "$DATA/blobs" -type f | wc -l)
aumbry --home "$T/carl" backup "$T/much" >"$T/cut.out" 2>"$T/cut.err" &
running=$!
until_true 30 blobs $((before + 2))
stop_server KILL
wait $running
equal 'a backup whose server is killed cannot reach it' \
	'5 (server-unreachable)' "$? $(tail -n 1 "$T/cut.err")"
start_server
not 'there is no snapshot of it' sh -c \
	'aumbry --home "$1" snapshot list | grep .' sh "$T/carl"
ok 'the next backup goes on' at carl --json backup "$T/much"
less 'and does not send all again' 239000000 \
	"$(json stored_bytes "$T/out")"
ok 'it is restored' at carl restore "latest:$T/much" --to "$T/much2"
ok 'the same' trees_equal "$T/much" "$T/much2"
# The client dies as well.
head -c 100000000 /dev/urandom >"$T/much/f9"
before=$(find "$DATA/blobs" -type f | wc -l)
aumbry --home "$T/carl" backup "$T/much" >"$T/cut.out" 2>"$T/cut.err" &
running=$!
until_true 30 blobs $((before + 1))
kill -KILL $running
wait $running 2>/dev/null
ok 'after a client was killed the next backup works' \
	at carl backup "$T/much"
rm -rf "$T/much2"
ok 'and is restored' at carl restore "latest:$T/much" --to "$T/much2"
ok 'the same' trees_equal "$T/much" "$T/much2"
stop_server
ok 'and the server is whole' aumbryd check --data "$DATA" --read
finish
