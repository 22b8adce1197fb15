#!/bin/sh
# SPDX-License-Identifier: ISC
# beside.sh: what tests of two devices at once read after liar.sh. $T/ana can
# be halted by who stands before the server, $T/bea cannot; both back up $F.

HALTED='' # the process that was halted last

# two_devices: an account with both.
two_devices() {
	start_liar
	ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
	URL=$(sed -n 's/^aumbryd: ready //p' "$T/server.err" | head -n 1)
	export URL
	ok 'a second device, which nobody stops' \
		pair ana bea ana --device-name bea
}

# secret FILE: something that is kept with the secrets.
secret() {
	mkdir -p "$(dirname "$1")"
	{
		echo '-----BEGIN OPENSSH PRIVATE KEY-----'
		head -c 30000 /dev/urandom | base64
		echo '-----END OPENSSH PRIVATE KEY-----'
	} >"$1"
}

# write FIRST STEP: every STEPth of 60 files is new.
write() {
	i=$1
	while [ "$i" -lt 60 ]; do
		head -c 700000 /dev/urandom >"$F/f$i"
		i=$((i + $2))
	done
}

# first_backup: 60 files and two secrets.
first_backup() {
	mkdir "$F"
	write 0 1
	secret "$F/.ssh/id_1"
	secret "$F/.ssh/id_2"
	ok 'it backs up' at bea backup "$F"
}

# snapshots: their IDs, the oldest first.
snapshots() {
	at bea --json snapshot list |
		sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p'
}
oldest() { snapshots | head -n 1; }

# round FIRST STEP: some files are new, and what stood for them before is
# needed no more: the next prune rewrites.
round() {
	write "$1" "$2"
	at bea backup "$F" && at bea snapshot forget "$(oldest)"
}

paused() {
	[ "$(lies_told)" -ge "$1" ]
}

# halted METHOD WHAT FROM TO -- COMMAND…: begin it on ana, and be back when its
# request number FROM of that kind waits; up to number TO they all do.
halted() {
	lie "pause $1 $2 $3 $4"
	from=$3
	shift 5
	aumbry --home "$T/ana" --password-file "$PW" "$@" \
		>"$T/halted.out" 2>"$T/halted.err" </dev/null &
	HALTED=$!
	until_true 60 paused "$from"
}

# goes_on: its exit status, also as $ended.
goes_on() {
	truth
	wait "$HALTED"
	ended=$?
	cp "$T/halted.out" "$T/out"
	cp "$T/halted.err" "$T/err"
	return $ended
}

# Not by ok, whose redirections would take the place of its own.
went_on() {
	if goes_on; then pass "$1"; else fail "$1 (exit $ended)"; fi
}

# whole: both devices find all, and it comes back byte for byte.
whole() {
	says '- it is whole here' ': 0 damages$' at ana check --read
	ok '- and there' at bea check --read
	rm -rf "$FAST/back"
	ok '- it restores' at bea restore "latest:$F" --to "$FAST/back"
	ok '- all of it' trees_equal "$F" "$FAST/back"
}
