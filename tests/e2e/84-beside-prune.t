#!/bin/sh
# SPDX-License-Identifier: ISC
# 84-beside-prune.t: a backup uses again what another device is deleting; who
# stands before the server stops one of them between its look and its commit.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"
F=$T/files

snapshots() {
	at bea --json snapshot list |
		sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p'
}
paused() {
	[ "$(lies_told)" -gt 0 ]
}
# halted WORDS -- COMMAND…: begin it, and be back when it waits there.
halted() {
	words=''
	while [ "$1" != -- ]; do
		words="$words $1"
		shift
	done
	shift
	lie "pause$words"
	aumbry --home "$T/ana" --password-file "$PW" "$@" \
		>"$T/halted.out" 2>"$T/halted.err" </dev/null &
	halted=$!
	until_true 60 paused
}
goes_on() {
	truth
	wait "$halted"
	ended=$?
	cp "$T/halted.out" "$T/out"
	cp "$T/halted.err" "$T/err"
	return $ended
}
big() {
	head -c 5000000 /dev/urandom >"$F/big"
}
secret() {
	{
		echo '-----BEGIN OPENSSH PRIVATE KEY-----'
		head -c 30000 /dev/urandom | base64
		echo '-----END OPENSSH PRIVATE KEY-----'
	} >"$F/.ssh/id_1"
}
# unused FILE: both devices know a pack that no snapshot needs, and the file
# that it holds is there again.
unused() {
	at bea backup "$F" || return 1
	mv "$F/$1" "$T/away"
	head -c 5000 /dev/urandom >"$F/small"
	at bea backup "$F" && at ana snapshot list &&
		at bea snapshot forget "$(snapshots | head -n 1)" &&
		at ana snapshot list || return 1
	mv "$T/away" "$F/$1"
}
whole() {
	says '- it is whole' ': 0 damages$' at ana check --read
	ok '- there as well' at bea check --read
	rm -rf "$T/back"
	ok '- it restores' at bea restore "latest:$F" --to "$T/back"
	ok '- all of it' trees_equal "$F" "$T/back"
}

mkdir -p "$F/.ssh"
start_liar
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
URL=$(sed -n 's/^aumbryd: ready //p' "$T/server.err" | head -n 1)
export URL
ok 'a second device, which nobody stops' pair ana bea ana --device-name bea

# ---- deleted before the backup has said that it goes on ----

big
ok 'something is unused' unused big
ok 'a backup begins' halted POST commits 1 1 -- backup "$F"
ok 'another device deletes it' at bea --json prune --grace 0s
less 'it did' 0 "-$(json deleted "$T/out")"
if goes_on; then pass 'the backup goes on'; else fail 'the backup goes on'; fi
whole

# ---- deleted when the backup is over ----

secret
ok 'something is unused' unused .ssh/id_1
for id in $(snapshots | sed '$d'); do run at bea snapshot forget "$id"; done
ok 'a prune is about to delete secrets' \
	halted POST keychain 1 1 -- prune --grace 0s
ok 'another device uses them again' at bea backup "$F"
goes_on
equal 'the prune gives up' 1 "$ended"
also 'and says why' '\(conflict\)$'
whole
finish
