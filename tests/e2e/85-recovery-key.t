#!/bin/sh
# SPDX-License-Identifier: ISC
# 85-recovery-key.t: every device is gone, and a key on paper gives all back.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

PW2=$T/pw2
echo 'another battery entirely' >"$PW2"
KEY=$T/key
mkdir -p "$T/files/.ssh"
echo 'holiday pictures' >"$T/files/photo"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n' >"$T/files/.ssh/id_rsa"

# recover HOME [FLAGS…]: back in with the key, and a new password.
recover() {
	home=$1
	shift
	aumbry --home "$T/$home" recover "$URL" ana --key-file "$KEY" \
		--new-password-file "$PW2" "$@"
}
with_new() {
	device=$1
	shift
	aumbry --home "$T/$device" --password-file "$PW2" "$@"
}

# twist OFFSET: the key with another character there.
twist() {
	perl -e 'my ($at, $from) = @ARGV; local $/; open my $f, "<", $from;
		my $text = <$f>; my $code = rindex($text, "\n", length($text) - 2) + 1;
		my $c = substr($text, $code + $at, 1);
		substr($text, $code + $at, 1) = $c eq "A" ? "B" : "A";
		print $text' "$1" "$KEY" >"$T/twisted"
}

start_server
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
ok 'backs up' at laptop backup "$T/files"
says 'there is no way back in yet' 'recovery key create' \
	at laptop recovery status
refused 'none to replace' 1 not-found at laptop recovery key rotate
refused 'nor to try' 1 not-found at laptop recovery drill
also '- but to make' 'recovery key create'
refused 'a key needs a place' 2 input-missing at laptop recovery key create
ok 'makes a recovery key' at laptop recovery key create --out "$KEY"
equal '- for its owner alone' 600 "$(stat -c %a "$KEY")"
says '- 7 groups of 4' '^[A-HJ-NP-Z2-9]{4}(-[A-HJ-NP-Z2-9]{4}){6}$' cat "$KEY"
says '- it begins with the mark that keeps it out of backups' \
	'^aumbry-secret-file v1$' head -n 1 "$KEY"
refused 'not over a file' 1 repository-exists \
	at laptop recovery key rotate --out "$KEY"
refused 'nor twice' 1 conflict at laptop recovery key create --out "$T/other"
not '- no file is left' test -e "$T/other"
says 'the status tells of it' '^key +[0-9a-f]{8} .*never tried' \
	at laptop recovery status
ok 'the drill says that it opens' at laptop recovery drill --key-file "$KEY"
says '- and it is noted' '^key +[0-9a-f]{8} .*, tried 20' \
	at laptop recovery status
says 'the log tells of the change' recovery_changed at laptop log

# What is typed wrong is told by its group, before a server hears of it.
twist 11
refused 'one wrong character' 1 recovery-key-wrong \
	at laptop recovery drill --key-file "$T/twisted"
also '- names its group' 'group 3'
refused '- also when it recovers' 1 recovery-key-wrong \
	aumbry --home "$T/new" recover "$URL" ana --key-file "$T/twisted"

# New keys are sealed to it by itself.
ok 'a tablet is let in' pair laptop tablet ana --device-name tablet
ok 'it is removed: new keys' at laptop device remove tablet
ok 'the drill opens those too' at laptop recovery drill --key-file "$KEY"
ok 'backs up under them' at laptop backup "$T/files"

# A name that nobody has, and a key that is not of the account.
aumbryd invite --data "$DATA" >"$T/invite"
ok 'bea signs up' at bea signup "$URL" bea --invite "$(cat "$T/invite")"
refused 'a key of another account' 1 recovery-key-wrong \
	aumbry --home "$T/new" recover "$URL" bea --key-file "$KEY"
said=$(cat "$T/err")
refused 'a name that nobody has' 1 recovery-key-wrong \
	aumbry --home "$T/new" recover "$URL" nobody --key-file "$KEY"
equal '- is told by the same words' "$said" "$(cat "$T/err")"

# Everything is lost.
rm -rf "$T/laptop" "$T/tablet"
ok 'recovers on a blank home' recover new --device-name new
says '- the old devices are gone' '^1$' sh -c \
	'with=$1 && shift && "$@" device list | grep -c .' sh x \
	aumbry --home "$T/new"
refused 'the old password is over' 1 wrong-password-or-name \
	at new step-up --code "$(totp '30 seconds')"
ok 'restores' with_new new restore "latest:$T/files" --to "$T/back"
ok '- all of it, secrets too' trees_equal "$T/files" "$T/back"
says 'the log tells of it' 'account_recovered .*key' with_new new log
ok 'it backs up' with_new new backup "$T/files"
ok 'and the key opens what came after' \
	with_new new recovery drill --key-file "$KEY"

# Another key takes its place: only after three days, since one is in force.
ok 'is rotated' with_new new recovery key rotate --out "$T/key2" \
	--code "$(totp '30 seconds')"
also '- later' 'takes force at'
says '- both are there' 'will leave' with_new new recovery status
ok '- the old one holds until then' \
	with_new new recovery drill --key-file "$KEY"
refused '- the new one not yet' 1 recovery-key-wrong \
	with_new new recovery drill --key-file "$T/key2"

# Who has the old key comes in, but cannot keep its owner from changing it.
ok 'recovers beside the other' recover third --device-name third --keep-devices
ok '- that one works' with_new new status
equal '- two devices' 2 "$(with_new new device list | wc -l)"
refused 'a home that has an account' 1 already-signed-in recover third
refused 'a younger device cannot stop the change' 4 permission-denied \
	with_new third recovery veto
refused '- nor change it again' 4 device-too-young \
	with_new third recovery key remove
refused '- nor put the older one out' 4 device-too-young \
	with_new third device remove new

# Three days later.
stop_server
# shellcheck disable=SC2034 # tap.sh reads it
serve_at +73h
start_server
later() {
	device=$1
	shift
	faketime -f +73h aumbry --home "$T/$device" --password-file "$PW2" "$@"
}
refused 'three days later it is too late to stop it' 1 not-found \
	later new recovery veto
ok 'three days later the new key is in force' \
	later new recovery drill --key-file "$T/key2"
refused '- and the old one opens nothing' 1 recovery-key-wrong \
	faketime -f +73h aumbry --home "$T/fourth" recover "$URL" ana \
	--key-file "$KEY" --new-password-file "$PW2"
ok '- the new one does' faketime -f +73h aumbry --home "$T/fourth" recover \
	"$URL" ana --key-file "$T/key2" --new-password-file "$PW2"
ok '- and gives the files back' later fourth restore "latest:$T/files" \
	--to "$T/back2"
ok '- all of them' trees_equal "$T/files" "$T/back2"
ok 'the key is removed' later fourth recovery key remove \
	--code "$(totp '73 hours')"
also '- later as well' 'takes force at'
ok '- that can be stopped' later fourth recovery veto
says '- and the key stays' 'tried|never tried' later fourth recovery status
lacks '- and leaves no more' 'will leave'
finish
