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
	mkfifo "$T/pipe-$1"
	sqlite3 "$2" <"$T/pipe-$1" >"$T/said-$1" 2>&1 &
	HELPERS="$HELPERS $!"
	eval "exec $3>\"\$T/pipe-$1\""
}
# Once this was done by the program behind descriptor 7 or 8.
done_by() {
	printf '%s\n.shell touch %s\n' "$2" "$T/did" >&"$1"
	until_true 20 test -e "$T/did" && rm "$T/did"
}
mkdir "$T/a-drive" "$T/b-drive"

# ---- one commit, when all is quiet ----

program a "$T/a-drive/notes.db" 7
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

program b "$T/b-drive/notes.db" 8
ok 'here' done_by 7 'INSERT INTO t VALUES (4);'
ok 'and there' done_by 8 'INSERT INTO t VALUES (5);'
ok 'the first one goes' synced a
ok 'the second is a copy' synced b
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

# ---- what is not kept whole is told ----

mkdir -p "$T/a-drive/site/.git"
echo 'ref: refs/heads/main' >"$T/a-drive/site/.git/HEAD"
ok 'a repository' synced a
also 'is named' '"warned":\[\{"path":"site/.git","code":"drive-repository"'
says 'in words, too' '^site/.git: a repository of git is not kept whole' \
	at a drive sync "$T/a-drive" --once
finish
