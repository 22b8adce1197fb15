#!/bin/sh
# SPDX-License-Identifier: ISC
# Tables of an older and of a newer server: who brings them up to date, what is
# kept of them, and what everybody else says.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

start_server
ok 'signs up' sign_up ana ana --invite "$INVITE"
stop_server
DB=$DATA/aumbryd.db

# older N: tables that lack N scripts, with an invitation to know them by.
older() {
	rm -f "$DB" "$DB-wal" "$DB-shm"
	"$BUILD/tests/oldtables" "$DB" "$1" &&
		sqlite3 "$DB" "INSERT INTO invite (code, uses, expires_ms)
			VALUES (x'$2', 1, 9000000000000)"
}
# invitations FILE, version FILE
invitations() { sqlite3 "$1" 'SELECT hex(code) FROM invite'; }
version() {
	sqlite3 "$1" "SELECT SUM(version) FROM schema_version"
}
upgrade() { aumbryd upgrade --data "$DATA"; }
databases() {
	find "$1" -maxdepth 1 -name 'aumbryd.db*' ! -name '*-wal' \
		! -name '*-shm' -printf '%f\n' | sort | xargs
}
copies() { databases "$DATA" | sed 's/^aumbryd.db *//'; }

says 'tables of today stay' 'up to date' upgrade
equal 'without a copy' '' "$(copies)"
now=$(version "$DB")
cp "$DB" "$T/kept.db"

ok 'older tables' older 2 AA
for command in status 'account list' invite check; do
	# shellcheck disable=SC2086 # words
	refused "$command refuses older ones" 1 update-needed \
		aumbryd $command --data "$DATA"
done
also 'and names what helps' 'aumbryd upgrade'
refused 'so does a copy' 1 update-needed \
	aumbryd backup --data "$DATA" --to "$T/copy"
equal 'nothing changed them' "$((now - 2))" "$(version "$DB")"

says 'upgrade brings them up to date' "version $((now - 2)) to $now" upgrade
equal 'all of them' "$now" "$(version "$DB")"
equal 'with what they hold' AA "$(invitations "$DB")"
equal 'and keeps the older' "aumbryd.db.before-$((now - 2))" "$(copies)"
equal 'as they were' "$((now - 2)) AA" \
	"$(version "$DB.before-$((now - 2))") $(invitations "$DB.before-$((now - 2))")"
equal 'for the server alone' 600 \
	"$(stat -c %a "$DB.before-$((now - 2))")"
says 'a second time does nothing' 'up to date' upgrade
ok 'the others read them' aumbryd account list --data "$DATA"

ok 'older ones once more' older 1 BB
ok 'are brought up, too' upgrade
equal 'two copies' "aumbryd.db.before-$((now - 2)) aumbryd.db.before-$((now - 1))" \
	"$(copies)"
touch "$DB.before-1" "$DB.before-x" "$DB.before-2"
older 1 CC
ok 'a third time' upgrade
equal 'the two newest stay, and what has another name' \
	"aumbryd.db.before-$((now - 2)) aumbryd.db.before-$((now - 1)) aumbryd.db.before-x" \
	"$(copies)"
equal 'the newest of them is of now' CC "$(invitations "$DB.before-$((now - 1))")"

# A copy in the place of the tables is older tables again.
rm -f "$DB-wal" "$DB-shm"
mv "$DB.before-$((now - 1))" "$DB"
ok 'a copy can be put back' upgrade
equal 'with what it held' CC "$(invitations "$DB")"

# What fails after the copy, again and again as a service is restarted, changes
# nothing and does not fill the disk (fail2ban #2796, xbvr #1902): a script that
# has run already.
older 1 FF
rm -f "$DB.before-"*
cp "$T/kept.db" "$T/again.db"
sqlite3 "$T/again.db" "UPDATE schema_version SET version = version - 1
	WHERE module = 'account'"
rm -f "$DB-wal" "$DB-shm"
cp "$T/again.db" "$DB"
for _ in 1 2 3; do
	not 'an upgrade that fails' upgrade
done
equal 'leaves one copy' "aumbryd.db.before-$((now - 1))" "$(copies)"
equal 'and the tables as they were' "$(sqlite3 "$T/again.db" .dump)" \
	"$(sqlite3 "$DB" .dump)"

# Two at once, of which one looks before the other has begun, and has its turn
# after it: the copy is of the older tables.
older 1 EE
rm -f "$DB.before-"*
ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" strace -f -qq -o "$T/trace" \
	-e trace=flock -e inject=flock:delay_enter=2000000 \
	aumbryd upgrade --data "$DATA" >"$T/second" 2>&1 &
second=$!
sleep 0.7
ok 'of two the first brings them up' upgrade
wait $second
says '- and the second sees it' 'up to date' cat "$T/second"
equal '- and leaves the copy as it is' "$((now - 1))" \
	"$(version "$DB.before-$((now - 1))")"

# A disk without room for a copy: the tables stay as they are.
older 1 DD
if small_disk "$T/small" "$(($(stat -c %s "$DB") * 3 / 2))"; then
	mv "$DB" "$T/small/aumbryd.db"
	cp "$DATA/aumbryd.conf" "$T/conf"
	configure storage database "sqlite:$T/small/aumbryd.db"
	refused 'no room for a copy' 1 server-full upgrade
	also 'says what helps' 'Make room'
	equal 'and nothing was done' "$((now - 1))" "$(version "$T/small/aumbryd.db")"
	equal 'nor left' aumbryd.db "$(databases "$T/small")"
	cp "$T/conf" "$DATA/aumbryd.conf"
fi

# A server that serves is not upgraded under its feet.
cp "$T/kept.db" "$DB"
start_server
says 'beside a server that is of today' 'up to date' upgrade
sqlite3 "$DB" "UPDATE schema_version SET version = version - 1
	WHERE module = 'account'"
refused 'beside one with older tables' 1 home-busy upgrade
sqlite3 "$DB" "UPDATE schema_version SET version = version + 2
	WHERE module = 'account'"
refused 'newer tables: upgrade' 1 update-needed upgrade
refused 'newer tables: status' 1 update-needed aumbryd status --data "$DATA"
lacks 'which no upgrade helps' 'aumbryd upgrade'
stop_server
refused 'newer tables: serve' 1 update-needed aumbryd serve --data "$DATA"
sqlite3 "$DB" "UPDATE schema_version SET version = version - 1
	WHERE module = 'account'"

# serve alone brings them up, too.
cp "$T/kept.db" "$T/today.db"
older 1 EE
start_server
equal 'serve brings them up to date' "$now" "$(version "$DB")"
stop_server

refused 'no server there' 1 not-found aumbryd upgrade --data "$T/none"
finish
