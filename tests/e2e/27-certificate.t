#!/bin/sh
# SPDX-License-Identifier: ISC
# Certificates that change under an identity that does not, and an identity that
# hands over: no device notices. Whoever else shows a valid certificate is
# refused.
set -u
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/authority.sh"

# renew NAME: as a deploy hook does, one file after the other.
renew() {
	issue "$1" &&
		cp "$T/$1.crt" "$T/tls/new" && mv "$T/tls/new" "$T/tls/cert.pem" &&
		cp -p "$T/$1.key" "$T/tls/new" && mv "$T/tls/new" "$T/tls/key.pem"
}

# ---- another key than the identity's ----

# A port that stays the same over starts.
PORT=$(free_ports 1) PORT=${PORT% }
HOSTPORT=127.0.0.1:$PORT
start_server --listen "$HOSTPORT"
IDENTITY=${URL##*pin=}
sign_up ana ana --invite "$INVITE" --device-name desk >/dev/null 2>&1

stop_server
mkdir "$T/tls"
renew first
configure server tls_cert "$T/tls/cert.pem"
configure server tls_key "$T/tls/key.pem"
start_server --listen "$HOSTPORT"
ok 'the server shows the certificate of an authority' shows first
equal 'its address keeps the pin' "$IDENTITY" "${URL##*pin=}"
ok 'the device that knew only the identity goes on' at ana status
invited=$(aumbryd invite --data "$DATA" --uses 9 | tail -n 1)

# ---- renewed with a new key, while a backup runs ----

mkdir "$T/files"
head -c 30000000 /dev/urandom >"$T/files/a"
head -c 30000000 /dev/urandom >"$T/files/b"
at ana backup "$T/files" --json >"$T/backup.out" 2>"$T/backup.err" &
backup=$!
renew second
ok 'a renewed certificate is shown without a restart' until_true 20 shows second
renew third
ok 'and the next' until_true 20 shows third
wait $backup
equal 'a backup goes through it' 0 $?
ok 'a restore too' at ana restore latest --to "$T/back"
ok '- whole' cmp "$T/files/a" "$T/back$T/files/a"
ok '- both' cmp "$T/files/b" "$T/back$T/files/b"

# A certificate whose key comes later, or that is none, changes nothing.
issue fourth
cp "$T/fourth.crt" "$T/tls/cert.pem"
ok 'half a renewal is told' until_true 20 grep -q certificate_not_read \
	"$T/server.err"
ok '- what was shown is still shown' shows third
ok '- and serves' at ana status
cp "$T/fourth.key" "$T/tls/key.pem"
ok '- the other half completes it' until_true 20 shows fourth
echo rubbish >"$T/tls/cert.pem"
ok 'rubbish is told' until_true 20 sh -c \
	'[ "$(grep -c certificate_not_read "$1")" -ge 2 ]' sh "$T/server.err"
ok '- and not shown' shows fourth
renew expired
issue expired 0
cp "$T/expired.crt" "$T/tls/cert.pem" && cp "$T/expired.key" "$T/tls/key.pem"
ok 'one that has expired is shown' until_true 20 shows expired
ok '- and devices, which know the identity, go on' at ana status
renew fifth
ok 'until it is renewed' until_true 20 shows fifth

# ---- others with a valid certificate ----

issue stranger
node "$ROOT/tests/tools/tlsend.mjs" "$URL" "$T/stranger.crt" \
	"$T/stranger.key" >"$T/end.out" 2>&1 &
HELPERS="$HELPERS $!"
until_true 20 [ -s "$T/end.out" ]
between=127.0.0.1:$(cat "$T/end.out")
# shellcheck disable=SC2034 # at reads it
AS="$T/trusting"
refused 'a stranger with a valid certificate, who passes on all that is said' \
	6 certificate-changed at ana server set "https://$between/#pin=$IDENTITY"
ok '- nothing was changed' at ana status
refused '- nor does it get a sign-up' 6 certificate-changed at eve signup \
	"https://$between/#pin=$IDENTITY" eve --invite "$invited"
refused '- not by an address without a pin either' 6 certificate-changed \
	at eve signup "https://$between" eve --invite "$invited"

# ---- no pin: an authority says who it is, once ----

ok 'an address without a pin, known to an authority' at bob signup \
	"https://$HOSTPORT" bob --invite "$invited" --device-name bobs
says '- the identity is pinned from then on' "pin=$IDENTITY" at bob status
# shellcheck disable=SC2034 # at reads it
AS=''
ok '- and no authority is asked again' at bob status
refused 'where no authority knows it' 6 certificate-changed at cleo signup \
	"https://$HOSTPORT" cleo --invite "$invited"
also '- the remedy is the pin' 'with the pin'

# ---- a key that was pinned before there were identities ----

old="https://$HOSTPORT/#pin=$(pin_of fifth)"
ok 'the key that TLS shows may be pinned' at ana server set "$old"
says '- but the identity is what is kept' "pin=$IDENTITY" at ana status
ok 'a sign-up under it' at dora signup "$old" dora --invite "$invited"
says '- is kept under the identity' "pin=$IDENTITY" at dora status

# ---- a new identity ----

refused 'a new identity while it serves' 1 home-busy aumbryd identity rotate \
	--data "$DATA"
stop_server
says 'a new identity' '^https://.*pin=' aumbryd identity rotate --data "$DATA"
NEXT=$(sed -n 's/.*pin=//p' "$T/out")
not '- is another' [ "$NEXT" = "$IDENTITY" ]
start_server --listen "$HOSTPORT"
# At its next session; one lasts for 15 minutes.
sqlite3 -batch "$T/ana/state.db" "UPDATE pair SET value = x'' WHERE name = 'token'"
says 'a device goes over by itself' "server +https://.*pin=$NEXT" at ana status
says '- for good' "pin=$NEXT" at ana status
ok 'an address from before still leads here' at fred signup \
	"https://$HOSTPORT/#pin=$IDENTITY" fred --invite "$invited"
says '- and is kept as it is now' "pin=$NEXT" at fred status
stop_server
aumbryd identity rotate --data "$DATA" >"$T/out" 2>&1
LAST=$(sed -n 's/.*pin=//p' "$T/out")
configure server tls_cert ''
configure server tls_key ''
# Killed when the new one held, and before its files were in place.
mkdir "$DATA/keys/rotated"
mv "$DATA/keys/tls.key" "$DATA/keys/tls.crt" "$DATA/keys/rotated"
start_server --listen "$HOSTPORT"
ok 'a change of the identity that was cut off holds' \
	[ "${URL##*pin=}" = "$LAST" ]
at bob status >/dev/null
says 'a device that missed one follows both' "pin=$LAST" at bob status
ok 'the identity itself is shown' at ana status

# ---- another address ----

port2=$(free_ports 1)
stop_server
start_server --listen "127.0.0.1:${port2% }"
refused 'a server that has moved' 5 server-unreachable at ana status
ok 'server set' at ana server set "$URL"
ok '- and it goes on' at ana status
DATA=$T/other
first=$SERVER SERVER=''
start_server --listen "$HOSTPORT"
refused 'to a server that does not have the account' 4 not-a-member \
	at ana server set "$URL"
ok '- nothing was changed' at ana status
refused 'to what is no address' 2 bad-usage at ana server set cloud
refused 'without an account' 1 not-signed-in at nobody server set "$URL"
kill "$first"
wait "$first"
finish
