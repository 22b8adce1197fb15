#!/bin/sh
# SPDX-License-Identifier: ISC
# 89-kit.t: two of three sheets of paper give all back, after a day.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

PW2=$T/pw2
echo 'another battery entirely' >"$PW2"
mkdir -p "$T/files/.ssh"
echo 'holiday pictures' >"$T/files/photo"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n' >"$T/files/.ssh/id_rsa"

# recover HOME SHEET SHEET [FLAGS…]: begin with two sheets.
recover() {
	home=$1 first=$2 second=$3
	shift 3
	aumbry --home "$T/$home" recover "$URL" ana --kit-file "$first" \
		--kit-file "$second" --new-password-file "$PW2" "$@"
}
go_on() {
	aumbry --home "$T/$1" recover --continue --new-password-file "$PW2"
}
with_new() {
	device=$1
	shift
	aumbry --home "$T/$device" --password-file "$PW2" "$@"
}
sheet() { echo "$T/kit/sheet-$1.txt"; }

# twist FILE OFFSET: that file with another character there in its code.
twist() {
	perl -e 'my ($from, $at) = @ARGV; local $/; open my $f, "<", $from;
		my $text = <$f>; my $code = rindex($text, "\n", length($text) - 2) + 1;
		my $c = substr($text, $code + $at, 1);
		substr($text, $code + $at, 1) = $c eq "A" ? "B" : "A";
		print $text' "$1" "$2" >"$T/twisted"
}
# code SHEET: the code alone.
code() { tail -n 1 "$(sheet "$1")"; }

start_server
stop_server
configure limits recovery_wait 3s
start_server
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
ok 'backs up' at laptop backup "$T/files"
refused 'a kit needs a place' 2 input-missing at laptop recovery kit create
refused 'there is none to remove' 1 not-found at laptop recovery kit remove
ok 'makes a kit' at laptop recovery kit create --out "$T/kit"
equal '- six files' 6 "$(find "$T/kit" -type f | wc -l)"
equal '- for their owner alone' 0 "$(find "$T/kit" -type f ! -perm 600 | wc -l)"
refused 'there is one already' 1 conflict \
	at laptop recovery kit create --out "$T/other"
says 'status shows it' '^kit  .*never tried' at laptop recovery status
for i in 1 2 3; do
	printf '%.4s ' "$(code $i)" >"$T/group"
	ok "page $i shows its code" \
		grep -q "<b>$(tr -d ' ' <"$T/group")</b>" "$T/kit/sheet-$i.html"
done
not 'a page loads nothing' grep -Eq \
	'src=|href=|url\(|@import|<script|<link' "$T/kit/sheet-1.html"

# Backups take the pages and the files for secrets.
mkdir "$T/papers"
cp "$T/kit/sheet-1.html" "$T/papers/page.html"
cp "$T/kit/sheet-1.txt" "$T/papers/sheet.txt"
ok 'the sheets are backed up' at laptop backup "$T/papers" --tag papers
at laptop ls -l "latest:$T/papers" >"$T/listed"
equal '- as secrets' 2 "$(grep -c '\[keychain\]$' "$T/listed")"
ok 'the files are backed up again' at laptop backup "$T/files"

# Trying it.
ok 'two sheets are tried' at laptop recovery drill \
	--kit-file "$(sheet 1)" --kit-file "$(sheet 3)"
also '- and are right' 'two sheets are right'
says '- status tells when' '^kit  .*tried 20' at laptop recovery status
refused 'the same sheet twice' 1 recovery-key-wrong at laptop recovery drill \
	--kit-file "$(sheet 1)" --kit-file "$(sheet 1)"
also '- is told' 'sheet 1 of a paper kit was given twice'
twist "$(sheet 2)" 16
refused 'a wrong character' 1 recovery-key-wrong at laptop recovery drill \
	--kit-file "$(sheet 1)" --kit-file "$T/twisted"
also '- its group is named' 'group 4 is wrong'
aumbryd invite --data "$DATA" >"$T/invite"
ok 'bea signs up' at bea signup "$URL" bea --invite "$(cat "$T/invite")"
# She has no printer: each sheet is shown, and typed again.
mkdir "$T/kit-bea"
mkfifo "$T/typed-1" "$T/typed-2" "$T/typed-3"
perl "$ROOT/tests/e2e/typed.pl" "<$T/typed-1" "<$T/typed-2" "<$T/typed-3" -- \
	aumbry --home "$T/bea" recovery kit create >"$T/tty" 2>"$T/err" &
typing=$!
shown() { tr -d '\r' <"$T/tty" | grep -E '^([A-Z2-9]{4}-){6}[A-Z2-9]{4}$'; }
is_shown() { [ "$(shown | wc -l)" -ge "$1" ]; }
for i in 1 2 3; do
	until_true 20 is_shown $i
	shown | sed -n ${i}p >"$T/kit-bea/sheet-$i.txt"
	cat "$T/kit-bea/sheet-$i.txt" >"$T/typed-$i"
done
wait $typing
equal '- and writes a kit by hand' 0 $?
ok '- whose sheets open' at bea recovery drill \
	--kit-file "$T/kit-bea/sheet-3.txt" --kit-file "$T/kit-bea/sheet-2.txt"
refused 'sheets of two kits' 1 recovery-key-wrong at laptop recovery drill \
	--kit-file "$(sheet 1)" --kit-file "$T/kit-bea/sheet-2.txt"
also '- are told' 'not of the kit'

# What is wrong shows before anything begins.
refused 'a recovery by sheets of two kits' 1 recovery-key-wrong \
	recover new "$(sheet 1)" "$T/kit-bea/sheet-2.txt"
also '- is told' 'kit that is printed on both'
said=$(grep -v '(' "$T/err")
refused 'both sheets of another kit' 1 recovery-key-wrong \
	recover new "$T/kit-bea/sheet-1.txt" "$T/kit-bea/sheet-2.txt"
equal '- are told by the same words' "$said" "$(grep -v '(' "$T/err")"
refused 'three sheets' 2 bad-usage recover new "$(sheet 1)" "$(sheet 2)" \
	--kit-file "$(sheet 3)"
refused 'a page in the place of a sheet' 1 recovery-key-wrong \
	recover new "$(sheet 1)" "$T/kit/sheet-2.html"
# typed LINE…: the recovery asks for the sheets.
typed() {
	printf '%s\n' "$@" | aumbry --home "$T/new" recover "$URL" ana --kit
}
refused 'a sheet that there is not' 1 recovery-key-wrong typed 4
also '- is told' 'numbers 1, 2 and 3'
refused 'the code of another sheet' 1 recovery-key-wrong \
	typed 1 "$(code 2)"
also '- is told' 'this is sheet 2 of a paper kit'
refused 'nobody to type a sheet' 2 input-missing typed 1

# It waits: every device is told, and can stop it.
stop_server
configure limits recovery_wait 1h
start_server
exits 'two sheets, typed: it waits' 4 typed 3 "$(code 3)" 1 "$(code 1)"
also '- and says until when' 'goes on at'
exits '- it goes on no sooner' 4 go_on new
says 'the devices see it' '! a recovery by kit from 127' \
	at laptop recovery status
says '- the log tells' 'recovery_begun .*by kit, can be stopped until' \
	at laptop log
ok '- one of them stops it' at laptop recovery stop
exits '- which ends it' 4 go_on new
also '- and is told' 'has stopped this recovery'
refused 'there is nothing more to stop' 1 not-found at laptop recovery stop
refused 'another cannot begin here' 1 conflict \
	recover new "$(sheet 1)" "$(sheet 2)"
ok 'it is given up' aumbry --home "$T/new" recover --cancel

# A device allows it at once.
exits 'another waits' 4 recover new "$(sheet 2)" "$(sheet 3)"
ok '- a device allows it' at laptop recovery allow
ok '- so it goes on' aumbry --home "$T/new" recover --continue \
	--new-password-file "$PW2" --keep-devices
ok '- beside the old device' at laptop status
refused 'now it is too late to stop it' 1 not-found at laptop recovery stop
also '- and says so' 'too late'

# Every device is lost. Of two recoveries one comes through.
rm -rf "$T/laptop" "$T/new"
stop_server
configure limits recovery_wait 3s
start_server
exits 'recovers on a blank home' 4 recover last "$(sheet 1)" "$(sheet 2)"
exits '- and on another one' 4 recover other "$(sheet 3)" "$(sheet 2)"
stop_server KILL
start_server
# through HOME: its recovery is finished.
through() {
	go_on "$1" >"$T/out" 2>"$T/err"
}
ok 'the wait outlives the server' until_true 30 through last
says '- the old devices are gone' '^1$' sh -c \
	'with_new=$1 && aumbry --home "$2" device list | grep -c .' \
	sh x "$T/last"
refused 'the other recovery is over' 1 code-expired go_on other
ok 'restores' with_new last restore "latest:$T/files" --to "$T/back"
ok '- all of it, secrets too' trees_equal "$T/files" "$T/back"
ok 'the sheets of the kit still count' with_new last recovery drill \
	--kit-file "$(sheet 1)" --kit-file "$(sheet 2)"

# The kit is taken out while a recovery with it could go on.
exits 'one more begins' 4 recover late "$(sheet 1)" "$(sheet 2)"
ok 'the kit is removed' with_new last recovery kit remove
also '- later' 'takes force at'
stop_server
# shellcheck disable=SC2034 # tap.sh reads it
serve_at +73h
start_server
later() {
	device=$1
	shift
	faketime -f +73h aumbry --home "$T/$device" --password-file "$PW2" "$@"
}
refused 'then it gives nothing' 1 code-expired later late recover --continue \
	--new-password-file "$PW2"
also '- and says why' 'taken out or replaced'
refused 'nor do its sheets begin another' 1 recovery-key-wrong \
	faketime -f +73h aumbry --home "$T/later" recover "$URL" ana \
	--kit-file "$(sheet 1)" --kit-file "$(sheet 2)"
refused 'a drill says so, too' 1 not-found later last recovery drill \
	--kit-file "$(sheet 1)" --kit-file "$(sheet 2)"
finish
