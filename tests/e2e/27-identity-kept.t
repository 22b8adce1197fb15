#!/bin/sh
# SPDX-License-Identifier: ISC
# What a device keeps of its server's identity: the pin from the first meeting
# on, whichever way it came in; an address that was set, also over processes
# that ran meanwhile; and nothing of a server that it did not go over to.
set -u
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/authority.sh"

mkdir "$T/tls"

# install NAME: as what the server shows.
install_pair() {
	cp "$T/$1.crt" "$T/tls/cert.pem" && cp -p "$T/$1.key" "$T/tls/key.pem"
}

# kept HOME: the address of the server in what that device remembers.
kept() {
	sqlite3 -batch "$T/$1/state.db" \
		"SELECT CAST(value AS TEXT) FROM pair WHERE name = 'url'"
}

PORT=$(free_ports 1) PORT=${PORT% }
HOSTPORT=127.0.0.1:$PORT
issue first
install_pair first
start_server --listen "$HOSTPORT"
stop_server
configure server tls_cert "$T/tls/cert.pem"
configure server tls_key "$T/tls/key.pem"
start_server --listen "$HOSTPORT"
IDENTITY=${URL##*pin=}
sign_up ana ana --invite "$INVITE" --device-name desk >/dev/null 2>&1

# ---- an authority says who it is once, whichever way a device comes in ----

PINNED=$URL
URL=https://$HOSTPORT
# shellcheck disable=SC2034 # at reads it
AS="$T/trusting"
ok 'paired by an address without a pin' pair ana laptop ana \
	--device-name laptop
says 'a look by a code, by such an address' 'settings' \
	at visitor signin "$URL" ana --with authenticator \
	--code "$(totp 'now + 30 seconds')"
# shellcheck disable=SC2034 # at reads it
AS=''
equal 'the paired device keeps the pin' "$PINNED" "$(kept laptop)"
ok '- and asks no authority again' at laptop status
ok 'nor does who looks' at visitor status
URL=$PINNED

# ---- a certificate whose key everybody could read, until that was mended ----

issue second
chmod 644 "$T/second.key"
install_pair second
ok 'a key that everybody may read is not taken' until_true 20 \
	grep -q certificate_not_read "$T/server.err"
chmod 600 "$T/tls/key.pem"
ok '- and is when its mode was mended' until_true 20 shows second

# ---- a server that has handed over, and does not have the account ----

HERE=$DATA HERE_URL=$URL first=$SERVER
DATA=$T/other SERVER=''
port2=$(free_ports 1)
there=127.0.0.1:${port2% }
start_server --listen "$there"
OLD=$URL
stop_server
aumbryd identity rotate --data "$DATA" >"$T/out" 2>&1
start_server --listen "$there"
refused 'to a server that handed over, without the account' 4 not-a-member \
	at ana server set "$OLD"
equal '- nothing was changed' "$HERE_URL" "$(kept ana)"
ok '- it goes on' at ana status
stop_server
DATA=$HERE SERVER=$first

# ---- server set, while others run ----

stop_server
cp "$DATA/keys/tls.crt" "$T/old.crt" && cp "$DATA/keys/tls.key" "$T/old.key"
mkdir -m 700 "$DATA/keys/rotating"
cp "$DATA/keys/tls.key" "$DATA/keys/rotating/tls.key"
ok 'a new identity that was cut off stops no backup of the server' \
	aumbryd backup --data "$DATA" --to "$T/copy"
aumbryd identity rotate --data "$DATA" >"$T/out" 2>&1
NEXT=$(sed -n 's/.*pin=//p' "$T/out")
not '- and is gone with the next' [ -e "$DATA/keys/rotating" ]
start_server --listen "$HOSTPORT"
elsewhere="https://localhost:$PORT/#pin=$NEXT"
sqlite3 -batch "$T/ana/state.db" "UPDATE pair SET value = x'' WHERE name = 'token'"
at ana device approve --timeout 6s >"$T/approve.out" 2>&1 &
waiting=$!
sleep 2
ok 'server set while a command has met the new identity' \
	at ana server set "$elsewhere"
wait $waiting
equal '- whose end does not undo it' "$elsewhere" "$(kept ana)"

at ana agent >"$T/agent.out" 2>"$T/agent.err" </dev/null &
agent=$!
HELPERS="$HELPERS $agent"
until_true 10 grep -q Ready "$T/agent.err"
stop_server
until_true 20 grep -q waiting "$T/agent.err"
start_server --listen "$there"
ok 'server set while an agent waits for the old address' \
	at ana server set "https://$there/#pin=$NEXT"
ok '- it goes there by itself' until_true 40 grep -q 'there again' \
	"$T/agent.err"
ok '- and says so' grep -q 'another address' "$T/agent.err"
kill $agent
wait $agent 2>/dev/null

# ---- who has stolen the key of an identity before ----

# One more device that knows only that.
stop_server
start_server --listen "$HOSTPORT"
node "$ROOT/tests/tools/tlsend.mjs" "$URL" "$T/old.crt" "$T/old.key" \
	>"$T/end.out" 2>&1 &
HELPERS="$HELPERS $!"
until_true 20 [ -s "$T/end.out" ]
between="https://127.0.0.1:$(cat "$T/end.out")/#pin=$IDENTITY"
stop_server
says 'after a theft the old identity vouches for nothing' '^https://.*pin=' \
	aumbryd identity rotate --data "$DATA" --stolen
LAST=$(sed -n 's/.*pin=//p' "$T/out")
start_server --listen "$HOSTPORT"
refused '- nor does the new one follow from it' 6 certificate-changed \
	at laptop status
refused 'who has its key gets no session for those who trust it' 4 \
	not-a-member at laptop server set "$between"
ok 'the way back in' at laptop server set "https://$HOSTPORT/#pin=$LAST"
ok '- and it goes on' at laptop status

finish
