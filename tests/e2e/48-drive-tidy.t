#!/bin/sh
# SPDX-License-Identifier: ISC
# 48-drive-tidy.t: what the Drive keeps, for how long, and what frees its space.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
start_server
ok 'an account' sign_up a ana --invite "$INVITE"
ok 'a second device' pair a b ana

# days N: from now on it is so many days later, for all of them.
days() {
	stop_server
	serve_at "+${1}d"
	export SERVE
	start_server
	CLOCK=+${1}d
}
CLOCK=+0d
# on HOME COMMAND…: aumbry drive COMMAND by that device, at that time.
on() {
	device=$1
	shift
	faketime -f "$CLOCK" aumbry --home "$T/$device" --password-file "$PW" \
		drive "$@"
}
# tidy HOME OPTION…; then figure NAME: what it counted.
tidy() {
	device=$1
	shift
	on "$device" --json tidy "$@" >"$T/tidied" 2>"$T/tidied.err" ||
		cat "$T/tidied.err"
}
figure() { json "$1" "$T/tidied"; }
used() {
	faketime -f "$CLOCK" aumbry --home "$T/a" --password-file "$PW" --json \
		status >"$T/status"
	json storage_bytes "$T/status"
}

# ---- what there is: a pack of which a quarter will be used, and one that b
# will use again

head -c 7000000 /dev/urandom >"$T/large"
head -c 1000000 /dev/urandom >"$T/little"
head -c 5000000 /dev/urandom >"$T/again"
ok 'files' on a put "$T/large" "$T/little" /
ok 'one more' on a put "$T/again" /
for nth in 1 2 3 4 5 6 7 8; do
	head -c 20000 /dev/urandom >"$T/often"
	on a put --force "$T/often" /often >"$T/out" 2>&1 ||
		echo "# the ${nth}th failed"
done
says 'a file of eight versions' '^\{.*"size":20000' on a --json versions /often
equal 'all are kept on that day' 8 "$(on a --json versions /often | wc -l)"
ok 'the other device has looked' on b get /little "$T/little.b"
ok 'what is thrown away' on a rm /large /again
before=$(used)
ok 'it takes room still' test "$before" -gt 13000000
tidy a --dry-run
equal 'on that day nothing would go' 0 "$(figure purged)"

# ---- 32 days later

days 32
tidy a --dry-run
equal 'a dry run counts what would go' 2 "$(figure purged)"
equal 'and former versions' 2 "$(figure versions)"
ok 'it is all there still' on a trash restore /again
ok 'once more into the trash' on a rm /again
says 'the rules can be shown' 'kept for 30 days' on a retention
refused 'a trash of an hour is none' 2 bad-usage on a retention --trash 1h
ok 'they are changed for all devices' on a retention --trash 40d
says 'the other one knows' '"trash_ms":3456000000' on b --json retention
tidy b
equal 'by which one thing was not old enough' 0 "$(figure purged)"
ok 'so they are as before' on b retention --trash 30d
tidy b
equal 'what was in the trash for its time is gone' 1 "$(figure purged)"
equal 'and one more version than five is not there' 6 \
	"$(on a --json versions /often | wc -l)"
ok 'packs are condemned' test "$(figure condemned)" -ge 2
equal 'and none is deleted yet' 0 "$(figure deleted)"

# ---- another device finds stored what is condemned, and uses it

sent=$(on b --json put "$T/again" /found)
matches() { printf '%s\n' "$2" | grep -Eq "$1"; }
ok 'it sends nothing for it' matches '"stored_bytes":0' "$sent"

# ---- 15 days later; whoever is at it is killed, and killed again

days 47
before=$(used)
ms=40
until timeout -s KILL "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))" \
	env FAKETIME="$CLOCK" LD_PRELOAD="$(faketime -f +0 printenv LD_PRELOAD)" \
	aumbry --home "$T/a" --password-file "$PW" drive tidy; do
	ms=$((ms + 5))
	[ $ms -lt 9000 ] || break
done >"$T/killed" 2>&1
echo "# the first to end had $ms ms"
tidy a
equal 'in the end nothing is left to do' '0 0 0' \
	"$(figure deleted) $(figure rewritten) $(figure condemned)"
# What a kill left undeleted has no name any more: the server collects it.
days 63
freed() {
	after=$(used)
	test $((before - after)) -gt 6000000
}
ok 'the space is free' until_true 20 freed
ok 'but no more than that' test "$after" -gt 6000000

# What b knows of packs is of before all that.
ok 'a file whose pack was rewritten' on b cat /little
ok 'is what it was' cmp "$T/out" "$T/little"
ok 'one that was used again' on b cat /found
ok 'also' cmp "$T/out" "$T/again"
ok 'and the newest version of the other' on a cat /often
ok 'too' cmp "$T/out" "$T/often"
rm -rf "$T/b/index" "$T/b/drive.db"*
ok 'so without index and tree' on b cat /found
ok 'it reads all of it' cmp "$T/out" "$T/again"

# ---- check looks at the Drive, too

checked() {
	faketime -f "$CLOCK" aumbry --home "$T/a" --password-file "$PW" check \
		"$@"
}
says 'check finds it whole' '^Drive: .* 0 damages$' checked --read
blob=$(find "$DATA/blobs" -type f -not -path '*/trash/*' -printf '%s %p\n' |
	sort -n | tail -n 1 | cut -d ' ' -f 2)
printf X | dd of="$blob" bs=1 seek=100000 conv=notrunc 2>"$T/dd"
refused 'of a pack that is not what it was' 6 file-damaged checked --read
also 'it says which file' '^drive /found: '
rm "$blob"
refused 'of one that is lost' 6 file-damaged checked
also 'also' '^drive /found: '
finish
