#!/bin/sh
# SPDX-License-Identifier: ISC
# 30-lost-factor.t: a device and the password are there, and no factor any more:
# its owner gets another one after a wait that everybody can stop.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

start_server
ok 'signs up, with an authenticator' sign_up ana ana --invite "$INVITE" \
	--device-name laptop
ok 'a second device' pair ana bea ana --device-name tablet
refused 'a young device does not say that factors are lost' 4 \
	device-too-young at bea two-factor lost
ok 'an older one does' at ana two-factor lost
also '- and when it counts' 'the password is enough on this device'
says 'the log tells of it' ' factors_lost ' at bea log
ok 'again is no other wait' at ana two-factor lost
equal 'and no other line' 1 "$(at bea log | grep -c ' factors_lost ')"
ok 'any device stops it' at bea two-factor not-lost
refused 'once' 1 not-found at bea two-factor not-lost
ok 'it begins anew' at ana two-factor lost
ok 'a code that turns up' at ana step-up --code "$(totp '30 seconds')"
refused '- ends it' 1 not-found at ana two-factor not-lost
ok 'and anew' at ana two-factor lost

# Three days later, for a day.
in_time() {
	stop_server
	# shellcheck disable=SC2034 # tap.sh reads it
	serve_at $1
	start_server
}
late() {
	by=$1 device=$2
	shift 2
	faketime -f "$by" aumbry --home "$T/$device" --password-file "$PW" "$@"
}
in_time +71h
refused 'an hour too early it is not enough' 2 input-missing \
	late +71h ana authenticator add
also '- and what there is to do' 'aumbry two-factor lost'
in_time +73h
refused 'another device needs a code as before' 2 input-missing \
	late +73h bea authenticator add
ok 'that device does not' late +73h ana authenticator add \
	--secret-file "$T/new"
ok '- and has another one' late +73h ana authenticator confirm \
	"$(oathtool --totp --base32 --now '73 hours' "@$T/new")"
ok 'which counts' late +73h ana step-up --code \
	"$(oathtool --totp --base32 --now '73 hours 30 seconds' "@$T/new")"
refused 'nothing is left of the wait' 1 not-found \
	late +73h ana two-factor not-lost

# A clock that ran ahead is set right: what was proven then neither stays fresh
# for days nor keeps the codes of now out (vaultwarden #3053).
in_time +10m
refused 'the clock is set back: a proof of a time to come is none' 2 \
	input-missing late +10m ana app-password create mail --scope mail
ok '- and a code of now is one' late +10m ana app-password create mail \
	--scope mail --code "$(oathtool --totp --base32 --now '10 minutes' \
	"@$T/new")"
refused '- once' 1 wrong-code late +10m ana step-up --code \
	"$(oathtool --totp --base32 --now '10 minutes' "@$T/new")"

# What all clocks dated ahead is followed by who followed it then.
echo kept >"$T/file"
in_time +400d
ok 'a change of the devices, when all clocks are wrong' \
	late +400d ana device remove tablet --code "$(oathtool --totp --base32 \
	--now '400 days' "@$T/new")"
in_time +20m
ok 'clocks are right again: the device backs up' late +20m ana backup "$T/file"
ok '- and restores' late +20m ana restore "latest:$T/file" --to "$T/back"
refused '- but changes no device until then' 1 clock-wrong \
	late +20m ana recovery key create --out "$T/key" --code "$(oathtool --totp --base32 \
	--now '20 minutes' "@$T/new")"
finish
