#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-drive-database.t: the files of one SQLite database go together.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana

synced() {
	device=$1
	shift
	at "$device" --json drive sync "$T/$device-drive" --once "$@"
}
same() {
	diff -r --no-dereference -x .aumbry-drive "$T/a-drive" "$T/b-drive"
}
rows() { sqlite3 "$1" 'SELECT group_concat(x) FROM t'; }
whole() { [ "$(sqlite3 "$1" 'PRAGMA integrity_check')" = ok ]; }
# A program that has its database open, so that its log stays beside it. What
# comes by the pipe is done.
program() {
	rm -f "$T/pipe"
	mkfifo "$T/pipe"
	sqlite3 "$1" <"$T/pipe" >"$T/said" 2>&1 &
	PROGRAM=$!
	HELPERS="$HELPERS $PROGRAM"
	eval "exec $2>\"\$T/pipe\""
}
# Once this was done by the program behind descriptor 7 or 8.
done_by() {
	printf '%s\n.shell touch %s\n' "$2" "$T/did" >&"$1"
	until_true 20 test -e "$T/did" && rm "$T/did"
}
mkdir "$T/a-drive" "$T/b-drive"

# ---- one commit, when all is quiet ----

program "$T/a-drive/notes.db" 7
ok 'a program writes' done_by 7 'PRAGMA journal_mode = wal;
	CREATE TABLE t (x); INSERT INTO t VALUES (1), (2);'
ok 'and has a log beside its database' test -s "$T/a-drive/notes.db-wal"
echo one >"$T/a-drive/one.txt"
ok 'that is sent' synced a
also 'by one commit more than the rest' '"commits":2,'
ok 'it arrives' synced b
ok 'all of it' same
cp -r "$T/b-drive" "$T/look"
equal 'with what was in the log alone' 1,2 "$(rows "$T/look/notes.db")"
ok 'and whole' whole "$T/look/notes.db"

# ---- one that is never quiet ----

ok 'it writes' done_by 7 'INSERT INTO t VALUES (3);'
echo two >"$T/a-drive/two.txt"
(while sleep 1; do touch "$T/a-drive/notes.db-wal"; done) &
HELPERS="$HELPERS $!"
BUSY=$!
exits 'one that is written all the time waits' 3 synced a
also 'by its name' '"path":"notes.db-wal","code":"file-changing"'
says 'and the rest is there' two.txt at a drive ls /
kill "$BUSY"
ok 'when it was quiet' synced a
ok 'it goes' synced b
ok 'all of it' same

# ---- both write ----

program "$T/b-drive/notes.db" 8
ok 'here' done_by 7 'INSERT INTO t VALUES (4);'
ok 'and there' done_by 8 'INSERT INTO t VALUES (5);'
ok 'the first one goes' synced a
exits 'the second waits for the program' 3 synced b
also 'which is told' 'a program has this database open'
equal 'with what it wrote' 1,2,3,5 "$(rows "$T/b-drive/notes.db")"
kill -KILL "$PROGRAM"
wait "$PROGRAM" 2>"$T/why"
ok 'when that has died, it is a copy' synced b
also 'which is told' '"conflicts":\[\{'
ok 'the first has it, too' synced a
ok 'both are equal' same
exec 7>&- 8>&-
rm -rf "$T/look"
cp -r "$T/a-drive" "$T/look"
COPY=$(cd "$T/look" && echo "notes (from "*").db")
ok 'the database is whole' whole "$T/look/notes.db"
equal 'as the first wrote it' 1,2,3,4 "$(rows "$T/look/notes.db")"
ok 'so is the copy, with its log' test -s "$T/look/$COPY-wal"
ok 'and whole' whole "$T/look/$COPY"
equal 'as the second wrote it' 1,2,3,5 "$(rows "$T/look/$COPY")"

# ---- a program has it open, and has written nothing ----

# nextcloud/server#3036: what it writes is to be in the file of that name.
sqlite3 "$T/a-drive/plain.db" 'CREATE TABLE t (x); INSERT INTO t VALUES (1)'
echo one >"$T/a-drive/open.txt"
ok 'one without a log goes' synced a
ok 'it comes' synced b
program "$T/b-drive/plain.db" 8
ok 'there a program reads it' done_by 8 'SELECT * FROM t;'
exec 9>>"$T/b-drive/open.txt"
sqlite3 "$T/a-drive/plain.db" 'INSERT INTO t VALUES (2)'
echo two >"$T/a-drive/open.txt"
ok 'the first one writes' synced a
exits 'which is not put under the program' 3 synced b
also 'as is told' '"path":"plain.db","code":"file-changing","reason":"a program'
equal 'another file is' two "$(cat "$T/b-drive/open.txt")"
exec 9>&-
ok 'the program writes' done_by 8 'INSERT INTO t VALUES (3);'
equal 'to where it reads' 1,3 "$(rows "$T/b-drive/plain.db")"
rm "$T/a-drive/plain.db"
ok 'the first one removes it' synced a
ok 'what was written lives' synced b
equal 'under its name' 1,3 "$(rows "$T/b-drive/plain.db")"
ok 'and comes back' synced a
rm "$T/a-drive/plain.db"
ok 'it is removed again' synced a
exits 'which waits' 3 synced b
exec 8>&-
wait "$PROGRAM"
ok 'until the program ends' synced b
not 'then it goes' test -e "$T/b-drive/plain.db"

# ---- one of them as it was takes the others with it ----

program "$T/a-drive/then.db" 7
ok 'a program writes' done_by 7 'PRAGMA journal_mode = wal;
	CREATE TABLE t (x); INSERT INTO t VALUES (1), (2);'
ok 'that is sent' synced a
sleep 1
THEN=$(date -u +%Y-%m-%dT%H:%M:%SZ)
sleep 1
ok 'it goes on' done_by 7 'INSERT INTO t VALUES (3);'
exec 7>&-
wait "$PROGRAM"
not 'its log is gone' test -e "$T/a-drive/then.db-wal"
ok 'that is sent, too' synced a
says 'its first version brings the log back' \
	'^/then.db-wal: comes back$' \
	at a drive restore /then.db --version 1
ok 'it comes' synced a
cp -r "$T/a-drive" "$T/then"
equal 'as it was' 1,2 "$(rows "$T/then/then.db")"
ok 'and whole' whole "$T/then/then.db"
rm -r "$T/then"
sqlite3 "$T/a-drive/then.db" 'INSERT INTO t VALUES (4)'
ok 'it is written and closed' synced a
says 'so does a time' '^/then.db-wal: ' \
	at a drive restore /then.db --at "$THEN"
ok 'it comes' synced a
equal 'as it was' 1,2 "$(rows "$T/a-drive/then.db")"

# ---- both make one of a name; one dies in a transaction ----

# pbek/QOwnNotes#1111: neither is mixed with the other.
program "$T/a-drive/both.db" 7
FIRST=$PROGRAM
ok 'a program makes one' done_by 7 'PRAGMA journal_mode = wal;
	CREATE TABLE t (x); INSERT INTO t VALUES (1);'
program "$T/b-drive/both.db" 8
ok 'there another does' done_by 8 'PRAGMA journal_mode = wal;
	CREATE TABLE t (x); INSERT INTO t VALUES (2);'
kill -KILL "$FIRST" "$PROGRAM"
wait "$FIRST" "$PROGRAM" 2>"$T/why"
exec 7>&- 8>&-
# A journal that is to be rolled back, by who opens it first.
sqlite3 "$T/a-drive/dies.db" 'CREATE TABLE t (x); INSERT INTO t VALUES (1)'
program "$T/a-drive/dies.db" 7
ok 'a program writes a lot' done_by 7 'PRAGMA cache_size = 1;
	PRAGMA cache_spill = 1; BEGIN; WITH RECURSIVE c (x) AS
	(SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000)
	INSERT INTO t SELECT hex(randomblob(50)) FROM c;'
kill -KILL "$PROGRAM"
wait "$PROGRAM" 2>"$T/why"
exec 7>&-
ok 'its journal is left' test -s "$T/a-drive/dies.db-journal"
ok 'all goes' synced a
ok 'it comes' synced b
ok 'and back' synced a
ok 'both are equal' same
cp -r "$T/b-drive" "$T/dead"
equal 'what was not committed is none' 1 "$(rows "$T/dead/dies.db")"
ok 'it is whole' whole "$T/dead/dies.db"
equal 'the first one of two' 1 "$(rows "$T/dead/both.db")"
equal 'and the second' 2 "$(rows "$(ls "$T"/dead/both*from*.db)")"
rm -r "$T/dead"

# ---- one renames it, the other writes and closes it ----

program "$T/a-drive/old.db" 7
ok 'a program writes' done_by 7 'PRAGMA journal_mode = wal;
	CREATE TABLE t (x); INSERT INTO t VALUES (1), (2);'
cp -r "$T/a-drive" "$T/taken"
exec 7>&-
wait "$PROGRAM"
rm "$T/a-drive/old.db"
mv "$T/taken/old.db" "$T/taken/old.db-wal" "$T/taken/old.db-shm" "$T/a-drive"
ok 'it goes with its log' synced a
ok 'it comes' synced b
for end in '' -wal -shm; do
	mv "$T/a-drive/old.db$end" "$T/a-drive/new.db$end"
done
sqlite3 "$T/b-drive/old.db" 'INSERT INTO t VALUES (3)'
not 'there the log is gone' test -e "$T/b-drive/old.db-wal"
ok 'the new name goes' synced a
ok 'and the new content' synced b
ok 'back' synced a
ok 'both are equal' same
equal 'without the log' new.db "$(cd "$T/a-drive" && echo new*)"
ok 'it is whole' whole "$T/a-drive/new.db"
equal 'with all that was written' 1,2,3 "$(rows "$T/a-drive/new.db")"

# ---- what is ignored is none of it ----

echo '*-shm' >"$T/a-drive/.aumbryignore"
echo one >"$T/a-drive/x.db"
echo log >"$T/a-drive/x.db-wal"
echo index >"$T/a-drive/x.db-shm"
ok 'a database whose index is ignored goes' synced a
ok 'it comes' synced b
not 'without the index' test -e "$T/b-drive/x.db-shm"
echo other >"$T/b-drive/x.db-shm"
echo two >"$T/a-drive/x.db"
ok 'a change goes' synced a
ok 'and comes' synced b
equal 'beside an index of its own' 'two other ' \
	"$(cat "$T/b-drive/x.db" "$T/b-drive/x.db-shm" | tr '\n' ' ')"

# ---- who stays waits without a pause of its own ----

ok 'a folder is enabled' at a drive enable "$T/a-drive"
aumbry --home "$T/a" --password-file "$T/pw" drive stay >"$T/stay" 2>&1 &
HELPERS="$HELPERS $!"
STAY=$!
program "$T/a-drive/live.db" 7
ok 'a program writes' done_by 7 'PRAGMA journal_mode = wal;
	CREATE TABLE t (x); INSERT INTO t VALUES (1);'
ok 'that is sent' until_true 60 at a drive ls /live.db
ok 'it writes into its log' done_by 7 'INSERT INTO t VALUES (2);'
log_is_sent() {
	at a drive cat /live.db-wal >"$T/log" 2>"$T/why" &&
		cmp "$T/log" "$T/a-drive/live.db-wal"
}
ok 'which is sent while it is open' until_true 40 log_is_sent
until_true 20 eval 'at a --json drive status | grep -q "\"state\":\"idle\""'
BEFORE=$(at a --json drive status | grep -o '"last_sync_ms":[0-9]*')
sleep 4
equal 'then nothing is done any more' "$BEFORE" \
	"$(at a --json drive status | grep -o '"last_sync_ms":[0-9]*')"
exec 7>&-
sqlite3 "$T/b-drive/read.db" 'CREATE TABLE t (x); INSERT INTO t VALUES (1)'
ok 'another one comes' synced b
ok 'to who stays' until_true 20 test -e "$T/a-drive/read.db"
program "$T/a-drive/read.db" 7
ok 'a program reads it' done_by 7 'SELECT * FROM t;'
sqlite3 "$T/b-drive/read.db" 'INSERT INTO t VALUES (2)'
ok 'the other one writes' synced b
ok 'which waits' until_true 20 eval \
	'at a --json drive status | grep -q "\"read.db\",\"code\":\"file-changing"'
exec 7>&-
is_come() { [ "$(rows "$T/a-drive/read.db")" = 1,2 ]; }
ok 'until the program ends' until_true 20 is_come
kill "$STAY"
wait "$STAY" 2>"$T/why"
rm "$T/a-drive/.aumbryignore"

# ---- what is not kept whole is told ----

mkdir -p "$T/a-drive/site/.git"
echo 'ref: refs/heads/main' >"$T/a-drive/site/.git/HEAD"
ok 'a repository' synced a
also 'is named' '"warned":\[\{"path":"site/.git","code":"drive-repository"'
says 'in words, too' '^site/.git: a repository of git is not kept whole' \
	at a drive sync "$T/a-drive" --once
finish
