#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-drive-told.t: what is left out is told, rules are followed as they come,
# and no home takes another's folder.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
# Nobody may read everything, as root may.
if [ "$(id -u)" -eq 0 ]; then
	chown 65534:65534 "$T"
	AS="setpriv --reuid 65534 --regid 65534 --clear-groups"
	chmod 644 "$PW"
fi
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
$AS mkdir -p "$T/a-drive/closed" "$T/b-drive"

# ---- what is left out ----

$AS mkfifo "$T/a-drive/pipe"
echo one | $AS tee "$T/a-drive/closed/one" >"$T/a-drive.out"
$AS chmod 0 "$T/a-drive/closed"
exits 'a folder that cannot be read is held' 3 synced a
also 'by its name' '"held":\[\{"path":"closed","code":"io-error"'
also 'what is no file is left out' \
	'"left_out":\[\{"path":"pipe","code":"drive-held","reason":"neither'
says 'in words' '^pipe: left out: neither a file' \
	at a drive sync "$T/a-drive" --once
also 'both' '^closed: .*Permission denied \(io-error\)$'
$AS chmod 700 "$T/a-drive/closed"
ok 'what can be read now' synced a
ok 'goes' at a drive ls /closed/one
$AS rm "$T/a-drive/pipe"
ok 'what is gone' synced a
also 'is not told any more' '"left_out":\[\],"left_out_more":0'
$AS mkdir "$T/a-drive/pipes"
for i in $(seq 120); do $AS mkfifo "$T/a-drive/pipes/$i"; done
ok 'of very many' synced a
also 'the rest is counted' '"left_out_more":20'
equal 'and not named' 100 "$(grep -o 'neither a file' "$T/out" | wc -l)"
$AS rm -r "$T/a-drive/pipes"

# ---- rules that come ----

ok 'both are equal' synced a
ok 'here too' synced b
printf '%s\n' '*.log' >"$T/rules"
$AS cp "$T/rules" "$T/a-drive/.aumbryignore"
ok 'rules' synced a
echo mine | $AS tee "$T/b-drive/x.log" "$T/b-drive/x.txt" >"$T/b-drive.out"
ok 'are followed where they come' synced b
ok 'what they do not name goes' at b drive ls /x.txt
refused 'what they name does not' 1 not-found at b drive ls /x.log

# ---- a quota ----

quota() { aumbryd account quota ana "$1" --data "$DATA"; }
used() { at a --json status | sed 's/.*"storage_bytes":\([0-9]*\).*/\1/'; }
ok 'with a quota' quota 6M
head -c 20000000 /dev/urandom | $AS tee "$T/b-drive/big" >"$T/out"
head -c 1000000 /dev/urandom | $AS tee "$T/b-drive/small" >"$T/out"
exits 'a file beyond it is held' 3 synced b
also 'and named' '"path":"big","code":"quota-exceeded"'
also 'with what helps' 'aumbry drive trash empty'
ok 'others go on' at b drive ls /small
less 'nothing of it takes room' 3000000 "$(used)"
$AS truncate -s 100M "$T/b-drive/holes"
exits 'one of holes is none' 3 synced b
ok 'and goes' at b drive ls /holes
# What the Drive has already is tried, and taken back.
head -c 9000000 /dev/urandom | $AS tee "$T/b-drive/small" >"$T/out"
exits 'one that has grown' 3 synced b
also 'is held as well' '"path":"small","code":"quota-exceeded"'
less 'what was sent of it is free again' 3000000 "$(used)"
echo more | $AS tee "$T/b-drive/more" >"$T/out"
exits 'and the others' 3 synced b
ok 'go on again' at b drive ls /more
ok 'with a larger one' quota 1G
ok 'all goes' synced b
ok 'at last' at b drive ls /big

# ---- another home ----

refused 'another home of the account' 1 drive-root-changed \
	at b --json drive sync "$T/a-drive" --once
also 'does not take a folder' 'by another device or home'
also 'without a word' '--adopt'
ok 'its own goes on' synced a
ok 'with one it does' at b drive sync "$T/a-drive" --once --adopt
refused 'which the first is told of' 1 drive-root-changed synced a
finish
