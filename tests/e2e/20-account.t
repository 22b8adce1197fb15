#!/bin/sh
# SPDX-License-Identifier: ISC
# 20-account.t: signing up, passwords, and what goes wrong with accounts.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

start_server
refused 'no account without an invitation' 4 invitation-required \
	at ana signup "$URL" ana
refused 'nor with an invented one' 4 invitation-used \
	at ana signup "$URL" ana --invite aaaa-bbbb-cccc-dddd
refused 'a name with a space' 2 bad-name \
	at ana signup "$URL" 'ana b' --invite "$INVITE"
refused 'a name of 65 bytes' 2 bad-name \
	at ana signup "$URL" "$(printf '%065d' 0)" --invite "$INVITE"
# It stands in paths and addresses (gitea #7637).
for bad in .. .well-known ana. -ana ana_ a..b; do
	refused "the name $bad" 2 bad-name \
		at ana signup "$URL" --invite "$INVITE" -- "$bad"
done
refused 'standard protection' 4 protection-blocked \
	at ana signup "$URL" ana --protection standard --invite "$INVITE"
refused 'sign-up without a terminal' 2 input-missing \
	aumbry --home "$T/ana" signup "$URL" ana --invite "$INVITE"
also 'that names the flag' '^Add: --password-file FILE$'
refused 'a command without an account' 1 not-signed-in at ana status
ok 'signs up' at ana signup "$URL" ana --invite "$INVITE" \
	--device-name 'Anas laptop'
refused 'the same invitation again' 4 invitation-used \
	at bob signup "$URL" bob --invite "$INVITE"
INVITE=$(aumbryd invite --data "$DATA")
refused 'the same name again' 1 name-taken \
	at bob signup "$URL" ana --invite "$INVITE"
ok 'a refused sign-up uses up no invitation' \
	at bob signup "$URL" bob --invite "$INVITE"
refused 'a second account in one home' 1 already-signed-in \
	at ana signup "$URL" carl --invite "$INVITE"
equal 'only its owner may read the device key' 600 \
	"$(stat -c %a "$T/ana/device.key")"

says 'status names the account' '^account +ana@' at ana status
also 'and the device' '^device +Anas laptop$'
also 'and that two-factor is pending' '^two-factor +pending$'
at ana --json status >"$T/status"
equal 'status --json has these fields' \
	"account alerts device devices last_backup protection quota_bytes server \
storage_bytes two_factor" "$(json - "$T/status")"
equal 'its protection' advanced "$(json protection "$T/status")"
equal 'its last backup' null "$(json last_backup "$T/status")"
equal 'its device' 'Anas laptop' "$(json device "$T/status")"
ok 'an operator sets a quota' \
	aumbryd account --data "$DATA" quota ana 5M
at ana --json status >"$T/status"
equal 'status says the quota' 5242880 "$(json quota_bytes "$T/status")"

echo 'another password' >"$T/new"
echo 'a wrong one' >"$T/wrong"
refused 'step-up with a wrong password' 1 wrong-password-or-name \
	aumbry --home "$T/ana" --password-file "$T/wrong" step-up
ok 'step-up with the right one' at ana step-up
refused 'a password change without the new one' 2 input-missing \
	at ana password change
also 'that names the flag' '^Add: --new-password-file FILE$'
refused 'a password change with a wrong old one' 1 wrong-password-or-name \
	aumbry --home "$T/ana" --password-file "$T/wrong" \
	password change --new-password-file "$T/new"
ok 'a password change' at ana password change --new-password-file "$T/new"
refused 'the old password from now on' 1 wrong-password-or-name at ana step-up
ok 'the new one from now on' \
	aumbry --home "$T/ana" --password-file "$T/new" step-up
ok 'the password may come by standard input' sh -c \
	'aumbry --home "$1" --password-file - step-up <"$2"' \
	sh "$T/ana" "$T/new"
ok 'or by the environment' env AUMBRY_HOME="$T/ana" \
	AUMBRY_PASSWORD_FILE="$T/new" aumbry step-up
says 'the log tells of the sign-up' ' signup ' at ana log
also 'of the step-ups' ' step_up '
also 'of a wrong password' ' step_up_started '
also 'of the change' ' password_changed '
ok 'the log of one account' at bob log
equal 'does not tell of another' '' "$(grep password "$T/out")"
says 'log --json is one object a line' \
	'^\{"time_ms":[0-9]+,.*"event":"signup".*\}$' at ana --json log
refused 'log --since with nonsense' 2 bad-usage at ana log --since never
refused 'a name with an 8-bit escape is no device name' 2 bad-name \
	at carl signup "$URL" carl --device-name "$(printf '\377')" \
	--invite "$INVITE"

refused 'a clock that is an hour ahead' 1 clock-wrong \
	faketime -f +1h aumbry --home "$T/carl" --password-file "$PW" \
	signup "$URL" carl --invite "$(aumbryd invite --data "$DATA")"
refused 'sign-out without --erase' 2 input-missing at bob signout
ok 'and the account is still there' at bob status
refused 'the only device does not go without --yes' 2 input-missing \
	at bob signout --erase
says 'and says how another comes in' 'aumbry device approve' \
	at bob signout --erase
ok 'and the account is still there' at bob status
ok 'signs out with --yes' at bob --yes signout --erase
refused 'a command after that' 1 not-signed-in at bob status
equal 'no key is left behind' '' "$(find "$T/bob" -name 'device.key*')"
refused 'signing out twice' 1 not-signed-in at bob signout --erase

mkdir "$T/moved"
cp -a "$T/ana/." "$T/moved"
machine=$(printf '%064d' 0)
printf '%s' "$machine" | cmp -s - /etc/machine-id && machine=1$machine
if unshare --mount true 2>/dev/null; then
	printf '%.32s\n' "$machine" >"$T/machine-id"
	refused 'a device key on another machine' 1 device-copied \
		unshare --mount sh -c \
		'mount --bind "$1" /etc/machine-id && aumbry --home "$2" status' \
		sh "$T/machine-id" "$T/moved"
fi

stop_server
refused 'a server that is not there' 5 server-unreachable at ana status
also 'that says what to do' '^Check the network and the address'
DATA=$T/other
port=${URL##*:} port=${port%%/*}
aumbryd init --data "$DATA" --listen "127.0.0.1:$port" >"$T/init.out"
start_server
refused 'another server at the same address' 6 certificate-changed \
	at ana status
finish
