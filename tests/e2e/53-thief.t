#!/bin/sh
# SPDX-License-Identifier: ISC
# 53-thief.t: who holds a device, or a session of one, can neither shut its owner
# out nor stay when it was put out.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

KEY=$T/key
mkdir "$T/files"
head -c 300000 /dev/urandom >"$T/files/one"

thief() {
	device=$1
	shift
	"$BUILD/tests/thief" "$T/$device" "$@"
}
# id NAME: of the device that is called so.
id() {
	aumbry --home "$T/laptop" --json device list |
		node -e 'for (const l of require("fs").readFileSync(0, "utf8")
			.trim().split("\n")) { const d = JSON.parse(l);
			if (d.name === process.argv[1]) console.log(d.id) }' "$1"
}
# code: one that is good, as if none had been used.
code() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'UPDATE factor SET counter = 0' >/dev/null
	totp now
}
step_up() { at "$1" step-up --code "$(code)"; }
new_home() {
	rm -rf "${T:?}/$1"
	aumbry --home "$T/$1" recover "$URL" ana --key-file "$KEY" \
		--new-password-file "$PW" --device-name "$1" --keep-devices
}

init_server --mature-hours 0
configure limits prompts_per_hour 1000
start_server
ok 'signs up' sign_up laptop ana --invite "$INVITE" --device-name laptop
ok 'with a recovery key' at laptop recovery key create --out "$KEY"
ok 'a second device' pair laptop tablet ana --device-name tablet
ok 'and a third' pair laptop desk ana --device-name desk
ok 'backs up' at laptop backup "$T/files"

# ---- the last version of a record that there can be

refused 'nobody uses up the versions of a record' 1 conflict \
	thief tablet last-version backup
ok '- and the server goes on' at laptop status

# ---- pins of noise, in the place of those that recovery goes by

refused 'a session alone vouches for nothing' 1 permission-denied \
	thief tablet session-pins
ok 'a device can put noise there' thief tablet device-pins
ok '- which the drill sees, and mends' at laptop recovery drill \
	--key-file "$KEY"
ok '- it can do so again' thief tablet device-pins
ok '- and recovery works all the same' new_home beside
ok '- which is put out' at laptop device remove beside \
	--code "$(code)"

# ---- keys of noise

refused 'no epoch begins that nothing asks for' 1 circle-invalid \
	thief tablet epoch
refused 'nor does a made-up signature let a device in' 1 circle-invalid \
	thief tablet add
ok 'all goes on' at desk status

tablet=$(id tablet | cut -c 1-12) desk=$(id desk | cut -c 1-12)
ok 'a device comes' pair laptop guest ana --device-name guest
ok 'and leaves by itself' at guest --yes signout --erase
# Now an epoch is due, and whoever comes first makes it.
ok 'a thief makes it, and spoils it for one device' \
	thief tablet epoch "$desk"
head -c 300000 /dev/urandom >"$T/files/two"
ok 'another goes on under it' at laptop backup "$T/files"
exits 'the one names who did it' 6 at desk snapshot list
also '- by its id' "device $(echo "$tablet" | cut -c 1-8) has begun"
also '- with a code of its own' 'keys-spoiled'
ok 'and puts it out' at desk device remove "$tablet" \
	--code "$(code)"
refused '- it is out' 4 device-removed at tablet status
ok 'it is in the account as before' at desk device list
ok 'what was written meanwhile is handed on' at laptop status
rm -rf "$T/back"
ok '- so that it can be restored there' at desk restore "latest:$T/files" \
	--to "$T/back"
ok '- all of it' trees_equal "$T/files" "$T/back"

# ---- a way to recover that outlives who asked for it

ok 'a device comes' pair laptop second ana --device-name second
ok 'has password and factor' step_up second
refused '- it does not end the account, which no key would open again' 1 \
	permission-denied thief second close
refused '- it does not say that keys alone count, where there is none' 1 \
	bad-request thief second keys-only
ok '- the others prove themselves as before' step_up laptop
ok 'and asks for a recovery key of its own' thief second set
says '- which waits' 'WAITS' at laptop recovery status
ok 'it is put out' at laptop device remove second \
	--code "$(code)"
says '- and what it asked for with it' 'tried' at laptop recovery status
not '- nothing waits' grep -q WAITS "$T/out"

# ---- lists of changes that nothing can hold

head -c 300000 /dev/urandom >"$T/files/three"
ok 'a device comes' pair laptop vandal ana --device-name vandal
vandal=$(id vandal | cut -c 1-8)
ok 'another backs up meanwhile' at desk backup "$T/files"
for lie in zones 'zones cut-short' 'garbage state'; do
	# shellcheck disable=SC2086 # two words
	ok "a thief changes where the zones are: $lie" thief vandal $lie
	says '- and nobody follows' "$T/files" at laptop snapshot list
done
says '- at the others either' "$T/files" at desk snapshot list
refused 'nobody signs for keys that there are none of' 1 bad-request \
	thief vandal far-epoch backup
refused 'nor for a zone as if it were shared' 1 bad-request \
	thief vandal share backup
ok 'a thief signs a false sum' thief vandal sum backup
refused '- which the others see' 6 record-replayed at laptop snapshot list
also '- and whose it is' "device $vandal, which signed"
ok '- and noise in the place of one' thief vandal noise state
refused '- seen as well' 6 zone-spoiled at laptop backup "$T/files"
also '- with the device' "device $vandal has signed"
ok 'which does not keep it in' at laptop device remove "$vandal" \
	--code "$(code)"
ok 'then all goes on' at laptop backup "$T/files"
ok '- at the others, too' at desk check
rm -rf "$T/back"
ok '- and all is there' at desk restore "latest:$T/files" --to "$T/back"
ok '- byte for byte' trees_equal "$T/files" "$T/back"

# ---- an epoch whose S opens, and not the keys under it

# By purpose: the S before, K, N and I.
for purpose in 2 3 4 5; do
	ok 'a device comes' pair laptop "mean$purpose" ana \
		--device-name "mean$purpose"
	mean=$(id "mean$purpose" | cut -c 1-8)
	ok 'and another' pair laptop "went$purpose" ana
	ok '- which leaves' at "went$purpose" --yes signout --erase
	ok "a thief makes the epoch with noise for purpose $purpose" \
		thief "mean$purpose" epoch "=$purpose"
	refused '- which is named' 6 keys-spoiled at desk snapshot list
	also '- with the device' "device $mean has begun"
	ok 'which is put out' at laptop device remove "$mean" \
		--code "$(code)"
	ok 'then all goes on' at desk backup "$T/files"
done
rm -rf "$T/back"
ok '- and all is there' at laptop restore "latest:$T/files" --to "$T/back"
ok '- byte for byte' trees_equal "$T/files" "$T/back"

# ---- all devices but the thief's are spoiled

ok 'a device comes' pair laptop last ana --device-name last
ok 'and another' pair laptop gone ana --device-name gone
ok '- which leaves' at gone --yes signout --erase
ok 'a thief spoils the list of backups' thief last noise backup
ok '- and makes the epoch that is due' thief last epoch
refused 'the laptop has no keys' 6 keys-spoiled at laptop status
refused 'nor the desk' 6 keys-spoiled at desk backup "$T/files"
ok 'the recovery key has them still' aumbry --home "$T/anew" recover "$URL" \
	ana --key-file "$KEY" --new-password-file "$PW" --device-name anew
refused '- the thief is out' 4 device-removed at last status
rm -rf "$T/back"
ok '- and all is there' at anew restore "latest:$T/files" --to "$T/back"
ok '- byte for byte' trees_equal "$T/files" "$T/back"

# ---- after the server was restored from a copy

stop_server
aumbryd restored --data "$DATA" --age 1h
start_server
ok 'a device comes' pair anew young ana --device-name young
refused 'it does not begin the account anew' 1 permission-denied \
	thief young reset
ok 'all goes on' at anew status
finish
