#!/bin/sh
# SPDX-License-Identifier: ISC
# 84-beside-prune.t: a backup uses again what another device is deleting; who
# stands before the server stops one of them between its look and its commit.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"
. "$(dirname "$0")/beside.sh"
F=$T/files

big() {
	head -c 5000000 /dev/urandom >"$F/big"
}
# unused FILE: both devices know a pack that no snapshot needs, and the file
# that it holds is there again.
unused() {
	at bea backup "$F" || return 1
	mv "$F/$1" "$T/away"
	head -c 5000 /dev/urandom >"$F/small"
	at bea backup "$F" && at ana snapshot list &&
		at bea snapshot forget "$(oldest)" &&
		at ana snapshot list || return 1
	mv "$T/away" "$F/$1"
}
mkdir "$F"
two_devices

# ---- deleted before the backup has said that it goes on ----

big
ok 'something is unused' unused big
ok 'a backup begins' halted POST commits 1 1 -- backup "$F"
ok 'another device deletes it' at bea --json prune --grace 0s
less 'it did' 0 "-$(json deleted "$T/out")"
went_on 'the backup goes on'
whole

# ---- deleted when the backup is over ----

secret "$F/.ssh/id_1"
ok 'something is unused' unused .ssh/id_1
for id in $(snapshots | sed '$d'); do run at bea snapshot forget "$id"; done
ok 'a prune is about to delete secrets' \
	halted POST keychain 1 1 -- prune --grace 0s
ok 'another device uses them again' at bea backup "$F"
goes_on
equal 'the prune gives up' 1 $?
also 'and says why' '\(conflict\)$'
whole

# ---- a backup that was killed ----
# borg #239, restic #1153

# cut_off: ana's backup is killed behind its run record, and something is
# unused.
cut_off() {
	big
	run at bea backup "$F" || return 1
	rm "$F/big"
	run at bea backup "$F" && run at bea snapshot forget "$(oldest)" ||
		return 1
	head -c 3000000 /dev/urandom >"$F/more"
	halted POST commits 2 2 -- backup "$F"
	kill -9 "$HALTED"
	truth
	wait "$HALTED" 2>/dev/null
	return 0
}
ok 'a backup is cut off' cut_off
ok 'another device prunes' at bea prune --grace 0s
also 'and says what it waits for' \
	'^A backup of device [^ ]+ [0-9a-f]{8}, since 20[^,]*, goes on or was cut off'
also 'and what to do' 'aumbry prune --end-runs$'
also 'and deletes nothing' ' 0 deleted'
ok 'it is told that none goes on' at bea --json prune --grace 0s --end-runs
less 'and deletes' 0 "-$(json deleted "$T/out")"
ok 'another is cut off' cut_off
ok 'its own device sees that' at ana --json prune --grace 0s
less 'and deletes' 0 "-$(json deleted "$T/out")"
ok 'and left nothing that others wait for' at bea --json prune
equal 'nor named' '' "$(json held_by "$T/out")"
ok 'the next backup is as any' at bea backup "$F"
whole
finish
