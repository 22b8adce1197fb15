#!/bin/sh
# SPDX-License-Identifier: ISC
# 86-standard.t: standard protection: who proves password and a factor reads,
# and the operator helps back in; each use is in the log.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/escrow.sh"

code() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'UPDATE factor SET counter = 0; DELETE FROM throttle' >/dev/null
	totp now
}
sql() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"; }
PW2=$T/pw2
echo 'another battery entirely' >"$PW2"
mkdir -p "$T/files/.ssh" "$T/open"
echo 'holiday pictures' >"$T/files/photo"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n' >"$T/files/.ssh/id_rsa"
cp "$T/files/photo" "$T/open/"

start_with_escrow 2s
says 'the address names the escrow' '#pin=[^&]*&escrow=[A-Za-z0-9_-]{43}$' \
	echo "$URL"
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
says 'protection is standard' '^protection +standard' at laptop protection show
says '- the escrow can help with backups' '^backup +.*escrow' \
	at laptop protection show
says '- not with secrets' '^keychain +your devices alone' \
	at laptop protection show
ok 'the escrow hears of the account' until_true 20 escrow_told
ok 'backs up' at laptop backup "$T/files"

# ---- reading by password and a code ----

echo 'a list' >"$T/list"
ok 'puts a file into the Drive' at laptop drive put "$T/list" /list
ok 'signs in by a code' at visitor signin "$URL" ana --with authenticator \
	--code "$(totp '30 seconds')"
also '- to read' 'to read'
says '- lists the backups' "$T/files" at visitor snapshot list
run at visitor restore "latest:$T/files" --to "$T/back"
equal '- restores, but not secrets' 3 $?
also '- and says so' 'category-closed|secret'
ok '- the rest is there' cmp "$T/files/photo" "$T/back/photo"
not '- the secret is not' grep -rq OPENSSH "$T/back"
says '- reads the Drive' '^a list$' at visitor drive cat /list
refused '- stores nothing' 4 permission-denied at visitor backup "$T/open"
refused '- forgets nothing' 4 permission-denied at visitor snapshot forget latest
says 'the log tells of it' 'keys_released .*authenticator: backup' \
	at laptop log
says "the escrow's journal too" 'release .*authenticator' \
	aumbry-escrow journal --dir "$ESCROW_DIR"
ok 'signs out' at visitor signout


# ---- the journal is remembered ----

says '- which the log shows, from the escrow itself' \
	'escrow_release +escrow .*authenticator' at laptop log
ok 'the status has nothing to say' at laptop status
stop_escrow
cp -r "$ESCROW_DIR" "$T/escrow.old"
start_escrow
ok 'another release' at visitor signin "$URL" ana --with authenticator \
	--code "$(code)"
also '- to read' 'to read'
ok '- is seen by the laptop' at laptop log
stop_escrow
says 'an escrow that is away is said so' 'escrow-unreachable' at laptop log
says '- in the status too' 'escrow-unreachable|cannot be reached' at laptop status
mv "$ESCROW_DIR" "$T/escrow.new"
cp -r "$T/escrow.old" "$ESCROW_DIR"
start_escrow
refused 'an escrow put back to an old copy is named' 6 journal-rolled-back \
	at laptop log
refused '- in the status too' 6 journal-rolled-back at laptop status
stop_escrow
rm -rf "$ESCROW_DIR"
aumbry-escrow init --dir "$ESCROW_DIR" --wait 2s >/dev/null
start_escrow
run at visitor signout
run at visitor signin "$URL" ana --with authenticator --code "$(code)"
also 'another escrow in its place is named' 'escrow-changed'
run at visitor signout
stop_escrow
rm -rf "$ESCROW_DIR"
mv "$T/escrow.new" "$ESCROW_DIR"
start_escrow
ok 'the right one is no lie' at laptop log

# ---- everything is lost, the password too ----

operator() {
	device=$1
	shift
	aumbry --home "$T/$device" recover "$@"
}
run at visitor signout
refused 'an operator cannot order what nobody asked for' 1 not-found \
	aumbryd account --data "$DATA" recover ana 00000000 --reference 'ticket 7'
run operator new "$URL" ana --operator --json --device-name new
equal 'asks the operator' 4 $?
request=$(json request "$T/out" | cut -c 1-8)
ok 'the operator orders it' aumbryd account --data "$DATA" recover ana \
	"$request" --reference 'ticket 7, seen in person'
run operator new --continue
equal 'it waits' 4 $?
also '- and says until when' 'goes on at'

# The owner signs in after all: it is stopped.
says 'the account is told' 'ticket 7' at laptop log
says '- and that sign-in has stopped it' 'recovery_stopped' at laptop log
run operator new --continue
also '- and the other side is told' 'has stopped'
ok '- it is given up' operator new --cancel

# Nor does it take a device.
run operator new "$URL" ana --operator --json --device-name new
request=$(json request "$T/out" | cut -c 1-8)
ok 'the operator orders it once more' aumbryd account --data "$DATA" recover \
	ana "$request" --reference 'ticket 7b'
ok 'a sign-in by a code' at visitor signin "$URL" ana --with authenticator \
	--code "$(code)"
run operator new --continue
also 'has stopped it, too' 'has stopped'
says 'which it sees' 'recovery_stopped' at visitor log
ok 'it is given up again' operator new --cancel

# ---- what costs the escrow, and what fills the log ----

post() {
	path=$1
	shift
	curl -sk --max-time 20 -H 'Content-Type: application/json' "$@" \
		"${URL%%/#*}$path"
}
visits=$(sqlite3 -batch "$T/visitor/state.db" \
	"SELECT hex(value) FROM pair WHERE name = 'visit'" |
	perl -ne 'chomp; print substr(pack("H*", $_), -43)')
uid=$(sql 'SELECT lower(hex(uid)) FROM account')
junk=$(node -e 'const u = Buffer.from(process.argv[1], "hex");
	const t = Buffer.alloc(8); t.writeBigUInt64BE(BigInt(Date.now()));
	console.log(Buffer.concat([u, u, t, Buffer.alloc(process.argv[2] - 42),
		Buffer.from([1, 1])]).toString("base64url"))' "$uid" "$(
	awk '/^#define ESCROW_NONCE|^#define KEM_PK_BYTES/ { n += $3 }
	END { print 42 + n }' "$ROOT/src/wire/escrow.h" "$ROOT/src/wire/kem.h")")
released() { sql "SELECT COUNT(*) FROM event WHERE event = 'keys_released'"; }
before=$(released)
for _ in $(seq 15); do
	post /v1/release -H "Authorization: Bearer $visits" -d "{
		\"ask\":\"$junk\",\"sig\":\"$(printf %086d 0 | tr 0 A)\"}"
	echo
done >"$T/answers"
ok 'what asks the escrow for nothing it may have is refused' \
	[ "$(grep -c '"error"' "$T/answers")" -eq 15 ]
says '- by the escrow itself' 'release-refused|bad-request' cat "$T/answers"
equal '- is no release in the log' "$before" "$(released)"
ok 'it ends' at visitor signout
wards() { find "$ESCROW_DIR/accounts" -type f | wc -l; }
point=4vKuCmq8TnGohKlhxQBRX1jjC2qoLdjdtqZZReCNLXY
start="{\"request\":\"$point\",\"standard\":true"
before=$(wards)
ok 'who has no invitation' post /v1/signup/start -o "$T/answer" -d "$start}"
says '- is told so' invitation-required cat "$T/answer"
equal '- and costs the escrow nothing' "$before" "$(wards)"
ok 'who has one' post /v1/signup/start -o "$T/answer" \
	-d "$start,\"invite\":\"$(aumbryd invite --data "$DATA")\"}"
ok '- has a key there' [ "$(wards)" -gt "$before" ]
sql 'UPDATE escrow_begun SET expires_ms = 1'
stop_server
start_server
ok '- which goes when nothing comes of it' \
	until_true 20 sh -c '[ "$(find "$1" -type f | wc -l)" -eq "$2" ]' x \
	"$ESCROW_DIR/accounts" "$before"

# Now it is meant.
rm -rf "$T/laptop"
run operator new "$URL" ana --operator --json --device-name new
request=$(json request "$T/out" | cut -c 1-8)
ok 'the operator orders it again' aumbryd account --data "$DATA" recover ana \
	"$request" --reference 'ticket 8'
gone_on() {
	operator new --continue --new-password-file "$PW2" >"$T/out" 2>"$T/err"
}
ok 'after its wait it goes on' until_true 30 gone_on
with_new() {
	device=$1
	shift
	aumbry --home "$T/$device" --password-file "$PW2" "$@"
}
equal '- one device' 1 "$(with_new new device list | grep -c .)"
run with_new new restore "latest:$T/files" --to "$T/back2"
equal 'restores, but not secrets' 3 $?
ok '- the rest is there' cmp "$T/files/photo" "$T/back2/photo"
not '- the secret is not' grep -rq OPENSSH "$T/back2"
says 'the log names the release' 'keys_released_operator' with_new new log
says '- and the reference' 'ticket 8' with_new new log
says "the escrow's journal has the order and what came of it" 'collect' \
	aumbry-escrow journal --dir "$ESCROW_DIR"
ok 'backs up again, secrets too' with_new new backup "$T/files"
ok 'and restores all' with_new new restore "latest:$T/files" --to "$T/back3"
ok '- all of it' trees_equal "$T/files" "$T/back3"
ok 'check finds all whole' with_new new check --read
finish
