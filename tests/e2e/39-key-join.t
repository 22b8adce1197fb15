#!/bin/sh
# SPDX-License-Identifier: ISC
# 39-key-join.t: password and security key open the data in a fresh home, with
# no other device around.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/key.sh"

ask() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"
}
calm() { ask 'DELETE FROM throttle'; }
# with_key KEY HOME [FLAG…]: sign in there with password and key.
with_key() {
	calm
	by=$1 home=$2
	shift 2
	keyed "$by" "$home" signin "$URL" ana --with key "$@"
}

mkdir -p "$T/files/deep/er"
head -c 300000 /dev/urandom >"$T/files/deep/blob"
echo 'only mine' >"$T/files/deep/er/text"
ln -s deep/blob "$T/files/link"
chmod 640 "$T/files/deep/er/text"

# Keys serve from the first hour: other tests wait for their age.
init_server --mature-hours 0
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a backup' at a backup "$T/files"
soft one
soft two --alg eddsa
ok 'a key' keyed one a security-key add --name one
ok 'and another' keyed two a security-key add --name two
also 'which is a member' 'opens all data on a new device'
says 'no key is waited for' '"devices":\[\]' at a --json status
mv "$T/a" "$T/away"

# ---- what does not open it

refused 'a wrong PIN' 1 security-key-pin sh -c '
	echo 111111 >"$1/nopin"
	aumbry --home "$1/b" --password-file "$2" signin "$3" ana --with key \
		--device "unix:$1/one.sock" --pin-file "$1/nopin"' \
	sh "$T" "$PW" "$URL"
echo 'not the password' >"$T/nopw"
refused 'the key, and a wrong password' 1 wrong-password-or-name \
	aumbry --home "$T/b" --password-file "$T/nopw" signin "$URL" ana \
	--with key --device "unix:$T/one.sock" --pin-file "$PIN"
ok 'another account' sign_up bob bob \
	--invite "$(aumbryd invite --data "$DATA")"
soft bobs
soft bobs2
ok 'with keys' keyed bobs bob security-key add
ok 'of its own' keyed bobs2 bob security-key add
refused 'a key of that account' 1 security-key-unknown with_key bobs b
soft no --no-prf
refused 'a key that is new' 1 security-key-unknown with_key no b
soft two --no-touch
refused 'a key that nobody touches' 1 security-key-untouched with_key two b
refused 'no key' 1 security-key-missing with_key none b
refused 'none of it left a home' 1 not-signed-in aumbry --home "$T/b" status
says 'nor a request that waits' '^0$' \
	ask 'SELECT COUNT(*) FROM joining WHERE state <= 1'

# ---- what does

ok 'the right one, with the password' with_key one b --device-name bee
ok 'restores' at b restore latest --to "$T/restored"
if trees_equal "$T/files" "$T/restored$T/files"; then pass 'all of it'
else fail 'all of it'; fi
says 'the log tells' ' security_key_used .*one' at b log
says 'no visit is left open' '^0$' \
	ask 'SELECT COUNT(*) FROM session WHERE limited = 1'
says 'nor a session of the key' '^0$' \
	ask 'SELECT COUNT(*) FROM session WHERE class = 4'
soft two
ok 'EdDSA as well' with_key two c
ok 'restores' at c restore latest --to "$T/restored2"
if trees_equal "$T/files" "$T/restored2$T/files"; then pass 'all of it'
else fail 'all of it'; fi
echo more >"$T/files/more"
ok 'the new device backs up' at b backup "$T/files"
mv "$T/away" "$T/a"
ok 'the first device sees it' at a restore latest --to "$T/restored3"
if trees_equal "$T/files" "$T/restored3$T/files"; then pass 'all of it'
else fail 'all of it'; fi
says 'and the new one' ' bee +computer ' at a device list
says 'no secret of a key is in a home' '^0$' sh -c '
	for s in $(sed "s/.*\"secrets\":\"\([0-9a-f]*\)\".*/\1/" "$1/one.key")
	do grep -rl "$s" "$1/a" "$1/b"; done | wc -l' sh "$T"

# ---- a key that is a factor alone

calm
soft plain --no-prf
ok 'a key without a PRF' keyed plain a security-key add --name plain
also 'and says what it cannot' 'opens no data'
rm -f "$T/pipe"
mkfifo "$T/pipe"
calm
keyed plain d signin "$URL" ana --with key <"$T/pipe" >"$T/d.out" 2>&1 &
joining=$!
at a device approve --print-code >"$T/pipe"
if wait $joining; then pass 'with it a trusted device lets one in'
else fail 'with it a trusted device lets one in'; fi
if grep -q 'opens no data' "$T/d.out"; then pass 'which is said'
else fail 'which is said'; fi
ok 'that device reads' at d restore latest --to "$T/restored4"

# ---- a key that was removed, and a server that lies

# The server says which member of the circle a key is. It must not be able to
# have another device put out by that.
bee=$(at a --json device list | node -e 'for (const l of require("fs")
	.readFileSync(0, "utf8").trim().split("\n")) { const d = JSON.parse(l);
	if (d.name === "bee") console.log(d.id) }')
member=$(ask "SELECT hex(member) FROM security_key WHERE name = 'one'")
ask "UPDATE security_key SET member = x'$bee' WHERE name = 'one'"
refused 'a server that calls a device a key' 6 key-substituted \
	keyed two a security-key remove one
ok '- which stays in the account' at b status
ask "UPDATE security_key SET member = x'$member' WHERE name = 'one'"
ok 'a key goes' keyed two a security-key remove one
refused 'and lets nobody in' 1 security-key-unknown with_key one e
epoch=$(ask "SELECT MAX(epoch) FROM envelope WHERE purpose = 1")
less 'the keys are new' 99 "$epoch"
not 'they were not before' test "$epoch" -eq 1
# As if a client left out the proof.
ask "CREATE TRIGGER forgetful AFTER UPDATE OF proven_key ON joining BEGIN
	UPDATE joining SET proven_key = x'' WHERE id = NEW.id; END"
refused 'a key as a member that was not proven' 4 security-key-required \
	with_key two e
refused 'and a prompt after a key that was not' 4 security-key-required \
	with_key plain e --timeout 2s
ask 'DROP TRIGGER forgetful'
# A server that was taken over shows an older list of devices, from before the
# last removal, but has no pin of that time any more.
ok 'a device has seen the newest circle' at a status
ask 'CREATE TABLE kept AS SELECT * FROM circle_entry;
	DELETE FROM circle_entry WHERE seq = (SELECT MAX(seq) FROM circle_entry
		WHERE uid = (SELECT uid FROM account WHERE name = "ana")) AND uid =
		(SELECT uid FROM account WHERE name = "ana")'
refused 'an old list of devices' 6 circle-rolled-back with_key two e
ask 'DELETE FROM circle_entry; INSERT INTO circle_entry SELECT * FROM kept;
	DROP TABLE kept'
ask 'CREATE TABLE kept AS SELECT * FROM fresh_pin;
	UPDATE fresh_pin SET pin = zeroblob(100)'
# Whoever can put noise there, a thief of a session or the server, must not shut
# the key out with it.
ok 'a fresh pin that no device made counts as none' \
	with_key two f --device-name f
ask 'DELETE FROM fresh_pin; INSERT INTO fresh_pin SELECT * FROM kept;
	DROP TABLE kept'
# A stolen device makes the keys that are due, and seals noise to all others.
ok 'a device comes by the key' with_key two guest
ok '- and leaves' at guest --yes signout --erase
ok 'a thief spoils the new keys for all' "$BUILD/tests/thief" "$T/c" epoch
refused '- a device has none' 6 keys-spoiled at a status
ok 'the key lets one in all the same' with_key two g --device-name g
refused '- who spoiled them is out' 4 device-removed at c status
ok '- the others are in again' at a status
ok '- and all is there' at g restore latest --to "$T/restored5"

ask 'UPDATE security_key SET birth_pin = zeroblob(100)'
refused 'a pin that the key did not make' 6 circle-not-yours with_key two e
calm
# Nor has it a say in which stay, when all are to go.
equal 'another account has two keys as members' 2 \
	"$(at bob device list | grep -c 'security key')"
ask "UPDATE security_key SET member = zeroblob(16)
	WHERE uid = (SELECT uid FROM account WHERE name = 'bob')"
ok 'all its keys go' keyed bobs bob security-key remove --all
equal '- as members, too, whatever the server calls them' 0 \
	"$(at bob device list | grep -c 'security key')"
ok 'a key is put out as a device' keyed plain a device remove two
refused 'then it is a factor alone' 1 code-expired \
	with_key two e --timeout 1s
also 'and says so' 'opens no data'
unplug_all
finish
