#!/bin/sh
# SPDX-License-Identifier: ISC
# 61-server-restore.t: the server is put back to a backup; devices give it back
# what it has lost, and nobody is left behind.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

mkdir "$T/files"
head -c 3000000 /dev/urandom >"$T/files/one"

# put_back COPY: the server as it was then; its operator says how old that is.
put_back() {
	stop_server
	rm -rf "$DATA"
	cp -a "$T/$1" "$DATA"
	aumbryd restored --data "$DATA" --age 1h || echo '# restored failed'
	start_server
}
copy() {
	stop_server
	rm -rf "${T:?}/$1"
	cp -a "$DATA" "$T/$1"
	start_server
}
snapshots() {
	at "$1" snapshot list | wc -l
}

start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
ok 'a second device' pair ana bea ana --device-name bea
ok 'backs up' at ana backup "$T/files" --tag first
first=$(tail -n 1 "$T/out")
ok 'nothing is missing on a server that lost nothing' \
	at ana repair --after-server-restore
also 'and it says so' 'has all that this device has seen'
copy earlier
cp -a "$T/bea" "$T/bea.earlier"

# What the copy does not have: a snapshot, a tag, a device, one forgotten.
head -c 3000000 /dev/urandom >"$T/files/two"
ok 'backs up more' at ana backup "$T/files" --tag second
ok 'tags an old one' at ana snapshot tag "$first" --add kept
ok 'the other device backs up' at bea backup "$T/files" --tag third
ok 'a third device' pair ana cyn ana --device-name cyn
ok 'which restores' at cyn restore "latest:$T/files" --to "$T/cyn1"
ok 'the first sees all' at ana snapshot list
equal 'three snapshots' 3 "$(snapshots bea)"

put_back earlier
exits 'a device sees that the server went back' 6 at ana snapshot list
also 'names it, and what to do' 'repair --after-server-restore'
exits 'so does the other' 6 at bea backup "$T/files"
refused 'a device that the server does not know any more' 4 not-a-member \
	at cyn snapshot list
refused 'repair asks first' 2 input-missing \
	at ana repair --after-server-restore
also 'and says what is missing' 'entries of the list of devices'
also 'in which zone' '^  backup: [0-9]+ records '
exits 'nothing was changed by that' 6 at ana snapshot list
run at ana --json --yes repair --after-server-restore
grep '"healed"' "$T/out" >"$T/healed"
equal 'gives back the new device' 1 "$(json entries "$T/healed")"
not 'and records' [ "$(json records "$T/healed")" = 0 ]
not 'some of which have lost their packs' [ "$(json lost "$T/healed")" = 0 ]
equal 'all snapshots are there again' 3 "$(snapshots ana)"
equal 'with their tags' "$first" \
	"$(at ana snapshot list --tag kept | cut -d' ' -f 1 | cut -c 1-${#first})"
equal 'the other device goes on without a question' 3 "$(snapshots bea)"
equal 'and the one that was unknown' 3 "$(snapshots cyn)"
exits 'what the server lost is still lost' 6 at ana check
also 'and named' 'snapshot-damaged'
ok 'the next backup stores it again' at ana backup "$T/files"
exits 'not the trees of lost snapshots' 6 at bea check --read
also 'which are named' '^2 snapshots need|; 2 of 4 snapshots need'
ok 'the third device restores' at cyn restore "latest:$T/files" --to "$T/cyn2"
ok 'byte for byte' trees_equal "$T/files" "$T/cyn2"
ok 'they can be forgotten' at cyn snapshot forget \
	"$(at cyn snapshot list --tag second | cut -d' ' -f 1)" \
	"$(at cyn snapshot list --tag third | cut -d' ' -f 1)"
ok 'and all is whole' at bea check --read
ok 'the server is whole' aumbryd check --data "$DATA" --read
ok 'it has all now' at bea repair --after-server-restore
also 'and says so' 'has all that this device has seen'

# A device with an older view goes on first; the one that knows more heals.
ok 'a backup that will be lost' at ana backup "$T/files" --tag lost
put_back earlier
rm -rf "$T/bea"
cp -a "$T/bea.earlier" "$T/bea"
echo three >"$T/files/three"
ok 'a device that has seen nothing later goes on' \
	at bea backup "$T/files" --tag other
exits 'who has seen more does not follow' 6 at ana snapshot list
run at ana --yes repair --after-server-restore
equal 'but gives back what it holds, beside the new' 4 "$(snapshots ana)"
equal 'the other one sees it, too' 4 "$(snapshots bea)"
ok 'backs up all' at ana backup "$T/files"
latest=$(tail -n 1 "$T/out")
exits 'a device that stood elsewhere asks, too' 6 at cyn snapshot list
ok 'and heals what it knew' at cyn --yes repair --after-server-restore
ok 'restores' at cyn restore "$latest:$T/files" --to "$T/cyn4"
ok 'byte for byte' trees_equal "$T/files" "$T/cyn4"
equal 'all go on' 5 "$(snapshots bea)"
equal 'with the same' 5 "$(snapshots ana)"

# A removed device and the server make up a history from before the removal.
copy earlier
cp -a "$T/cyn" "$T/cyn.earlier"
ok 'a device is removed' at ana device remove cyn
ok 'the others go on' at bea backup "$T/files"
ok 'all of them' at ana snapshot list
copy now
put_back earlier
rm -rf "$T/cyn"
cp -a "$T/cyn.earlier" "$T/cyn"
ok 'the removed one writes once more, with the server' \
	at cyn backup "$T/files" --tag forged
refused 'that is not taken over by a repair' 4 not-a-member \
	at ana --yes repair --after-server-restore
put_back now
ok 'the true server is as it was' at ana snapshot list
equal 'without what was forged' '' "$(at ana snapshot list --tag forged)"

# A server that does not know that it was put back refuses what is old.
copy earlier
ok 'a fourth device' pair ana dan ana --device-name dan
stop_server
rm -rf "$DATA"
cp -a "$T/earlier" "$DATA"
rm -f "$DATA/restored"
later() {
	faketime -f +1h aumbry --home "$T/ana" --password-file "$PW" "$@"
}
# Not faketime itself: it stays, and a signal would reach it alone.
serve_at +1h
export SERVE
start_server
refused 'an old entry is not taken' 1 clock-wrong \
	later --yes repair --after-server-restore
also 'and the operator is told what to say' 'aumbryd restored --data'
stop_server
ok 'who says it' aumbryd restored --data "$DATA" --age 10min
start_server
run later --yes repair --after-server-restore
also 'and it is' ' 1 entries of the list'
SERVE=''
export SERVE
stop_server
finish
