#!/bin/sh
# SPDX-License-Identifier: ISC
# 50-pairing.t: a second device joins by a code, and can be put out again.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

mkdir "$T/files"
echo 'the text of a file' >"$T/files/a"
echo 'another' >"$T/files/b"
head -c 300000 /dev/urandom >"$T/files/c"

# has N FILE: it has that many lines.
has() {
	[ "$(wc -l <"$2" 2>/dev/null)" -ge "$1" ]
}
# ask HOME [FLAGS…]: start to join; codes are written to descriptor 4.
ask() {
	home=$1
	shift
	rm -f "$T/typed"
	mkfifo "$T/typed"
	aumbry --home "$T/$home" --password-file "$PW" signin "$URL" ana "$@" \
		<"$T/typed" >"$T/in.out" 2>"$T/in.err" &
	asking=$!
	exec 4>"$T/typed"
}
# allow HOME [FLAGS…]: start to approve; its codes come to $T/codes.
allow() {
	home=$1
	shift
	: >"$T/codes"
	aumbry --home "$T/$home" device approve --print-code "$@" \
		>"$T/codes" 2>"$T/allow.err" </dev/null &
	allowing=$!
}
# requested [N]: that many devices ask to join.
requested() {
	[ "$(at laptop device requests | wc -l)" -ge "${1:-1}" ]
}
# ends NAME WANTED PID FILE: its exit status and its last words.
ends() {
	wait "$3"
	equal "$1" "$2" "$? $(tail -n 1 "$4")"
}
# slip CODE: one digit of it typed wrong.
slip() {
	echo "$1" | awk '{ print (substr($0, 1, 1) + 1) % 10 substr($0, 2) }'
}

# forget: as if a day had passed since any device asked.
forget() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'DELETE FROM joining; DELETE FROM throttle;'
}

start_server
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
ok 'backs up' at laptop backup "$T/files"

ok 'a second device is let in by its code' \
	pair laptop phone ana --device-name phone
ok 'it restores what the first backed up' \
	at phone restore "latest:$T/files" --to "$T/back"
ok 'the same' trees_equal "$T/files" "$T/back"
echo 'from the second' >"$T/files/d"
ok 'it backs up as well' at phone backup "$T/files"
ok 'and the first restores that' \
	at laptop restore "latest:$T/files" --to "$T/back2"
ok 'the same again' trees_equal "$T/files" "$T/back2"
says 'device list names both' '^[0-9a-f]{8}  laptop .*\(this device\)$' \
	at laptop device list
also 'the other' '^[0-9a-f]{8}  phone .*[^)]$'
ok 'a device gets another name' at phone device rename pocket
says 'that the other sees' '  pocket ' at laptop device list
at laptop --json device list >"$T/list"
equal 'device list --json has these fields' 'added_ms class id name this' \
	"$(json - "$T/list")"
says 'the log tells of it' ' device_added ' at laptop log

# ---- codes ----

refused 'a code of 6 digits' 2 wrong-code-kind \
	at third signin "$URL" ana --with device --code 123456
refused 'a code for another factor opens nothing' 1 wrong-code \
	at third signin "$URL" ana --with authenticator --code 123456
refused 'no terminal and no password' 2 input-missing \
	aumbry --home "$T/third" signin "$URL" ana
echo 'not the password' >"$T/wrong"
refused 'a wrong password' 1 wrong-password-or-name \
	aumbry --home "$T/third" --password-file "$T/wrong" signin "$URL" ana
refused 'a name that nobody has' 1 wrong-password-or-name \
	at third signin "$URL" nobody
# started: how often the log tells of a sign-in that began.
started() {
	at laptop log | grep -c ' signin_started '
}
equal 'the log tells of a wrong password, beside the sign-in that went well' \
	2 "$(started)"
for _ in 1 2; do
	aumbry --home "$T/third" --password-file "$T/wrong" \
		signin "$URL" ana 2>"$T/err"
done
equal 'and is not filled by more of them' 2 "$(started)"
refused 'nobody asks: nothing to refuse' 1 not-found \
	at laptop device refuse
refused 'nobody asks in time' 1 code-expired \
	at laptop device approve --print-code --timeout 1s
equal 'a device that was refused keeps no key' '' \
	"$(find "$T/third" -name device.key 2>/dev/null)"

# A wrong code is burnt.
allow laptop
ask third --device-name third
until_true 20 has 1 "$T/codes"
code=$(sed -n 1p "$T/codes")
says 'a code has 8 digits' '^[0-9]{4}-?[0-9]{4}$' sed -n 1p "$T/codes"
other_code "$code" >&4
exec 4>&-
ends 'a wrong code' '1 (wrong-code)' \
	$asking "$T/in.err"
until_true 20 has 2 "$T/codes"
not 'is burnt: the next one shown is another' \
	[ "$code" = "$(sed -n 2p "$T/codes")" ]
refused 'the new device is not in' 1 not-signed-in at third status
kill $allowing 2>/dev/null
wait $allowing
forget
ok 'with the right code it is let in' \
	pair laptop third ana --device-name third
ok 'and works' at third snapshot list

# A slip of the finger is seen here, and costs nobody a try.
allow laptop
ask fourth
until_true 20 has 1 "$T/codes"
slip "$(sed -n 1p "$T/codes")" >&4
exec 4>&-
ends 'a slip of the finger is told' '1 (wrong-code)' \
	$asking "$T/in.err"
equal 'and burns no code' 1 "$(wc -l <"$T/codes")"
kill $allowing 2>/dev/null
wait $allowing

# The trusted device says no.
forget
ask fourth
until_true 20 requested
says 'requests shows who asks' '^[0-9a-f]{8} .* from 127\.0\.0\.1(  \(this machine\))?$' \
	at laptop device requests
ok 'the trusted device refuses' at laptop device refuse
exec 4>&-
ends 'the new one is told' '4 (request-refused)' \
	$asking "$T/in.err"

# Nobody answers.
forget
ask fourth --timeout 1s
exec 4>&-
ends 'a request that nobody answers expires' '1 (code-expired)' \
	$asking "$T/in.err"

# A code is good for 5 minutes, however long the command waits. The trusted
# device's clock is moved on when the code has been shown.
moves_on() {
	forget
	echo '+0' >"$T/clock"
	# faketime would keep what it was told first: the library reads a file.
	FAKETIME_TIMESTAMP_FILE=$T/clock FAKETIME_NO_CACHE=1 LD_PRELOAD=$faketime \
		aumbry --home "$T/laptop" device approve --print-code \
		--timeout 3600s >"$T/codes" 2>"$T/allow.err" </dev/null &
	allowing=$!
	ask fourth --device-name fourth
	until_true 20 has 1 "$T/codes"
	echo "$1" >"$T/clock"
	sed -n 1p "$T/codes" >&4
	exec 4>&-
}
# shellcheck disable=SC2016 # the inner shell shall expand it
faketime=$(faketime -f +0 sh -c 'echo "$LD_PRELOAD"')
moves_on '+240'
wait $allowing
equal 'after 4 minutes a code is good' 0 $?
wait $asking
equal 'and the device is in' 0 $?
ok 'it goes again' at laptop device remove fourth
rm -rf "$T/fourth"
moves_on '+301'
ends 'after 5 minutes and a second it is not' '1 (code-expired)' $allowing "$T/allow.err"
ends 'and the new device is told' '1 (code-expired)' $asking "$T/in.err"
refused 'and is not in' 1 not-signed-in at fourth status

# Two ask at once.
forget
ask fourth
asking4=$asking
exec 4>&-
ask fifth
exec 4>&-
until_true 20 requested 2
refused 'two requests and no name' 2 ambiguous-request \
	at laptop device approve --print-code
for id in $(at laptop device requests | cut -d' ' -f1); do
	ok 'one is named and refused' at laptop device refuse "$id"
done
wait $asking $asking4
refused 'who was refused may not ask again at once' 4 request-refused \
	at sixth signin "$URL" ana
forget

# ---- removal ----

ok 'a device is removed' at laptop device remove pocket
refused 'which ends its session at once' 4 device-removed at phone status
refused 'it cannot back up' 4 device-removed at phone backup "$T/files"
refused 'it cannot restore' 4 device-removed \
	at phone restore latest --to "$T/back3"
not 'nor is it listed' sh -c \
	'aumbry --home "$1" device list | grep pocket' sh "$T/laptop"
says 'the log tells of it' ' device_removed ' at laptop log
refused 'a device that is not there' 1 not-found \
	at laptop device remove pocket
ok 'the others go on' at third backup "$T/files"
ok 'and read what was before and after' \
	at laptop restore "latest:$T/files" --to "$T/back4"
ok 'the same' trees_equal "$T/files" "$T/back4"
rm -rf "$T/phone"
ok 'the removed one may join anew' pair laptop phone ana
ok 'and reads all' at phone restore "latest:$T/files" --to "$T/back5"
ok 'the same' trees_equal "$T/files" "$T/back5"

# ---- leaving ----

# Who remains is too young to make new keys, and goes on with those there are.
ok 'the oldest device leaves' at laptop signout --erase
echo 'after that' >"$T/files/e"
ok 'a young one backs up' at third backup "$T/files"
ok 'and another restores it' \
	at phone restore "latest:$T/files" --to "$T/back6"
ok 'the same' trees_equal "$T/files" "$T/back6"
says 'the log tells of it' ' device_removed ' at third log
finish
