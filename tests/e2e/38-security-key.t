#!/bin/sh
# SPDX-License-Identifier: ISC
# 38-security-key.t: keys in the place of codes, and keys that lie.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/key.sh"

ask() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"
}
# As if every proof and every password were long ago.
forget_proofs() {
	ask 'UPDATE session SET step_up_ms = 0; UPDATE factor SET counter = 0;
		DELETE FROM throttle'
}
key() { keyed "$1" ana security-key "$2" ${3+"$3"} ${4+"$4"}; }

start_server
ok 'an account with an authenticator' sign_up ana ana --invite "$INVITE"
refused 'no key is plugged in' 1 security-key-missing \
	at ana security-key add --device "unix:$T/none.sock" --pin-file "$PIN"

# ---- one key changes nothing

soft one
ok 'a first key' key one add
also 'is a member' 'opens all data on a new device'
also 'does not count yet' 'once there is a second'
says 'the list says so' 'They are not in force' at ana security-key list
refused 'it proves nothing yet' 4 factor-missing \
	keyed one ana step-up --with key
forget_proofs
ok 'a code does' at ana step-up --code "$(totp now)"
refused 'the same key again' 1 conflict key one add
also 'which says so' "the account's already"

# ---- keys that are not in order

echo 999999 >"$T/wrong"
soft two --alg eddsa --attestation none
refused 'a wrong PIN' 1 security-key-pin at ana security-key add \
	--device "unix:$T/two.sock" --pin-file "$T/wrong"
also 'says how many tries are left' '7 tries are left'
refused 'without a terminal the PIN must be in a file' 2 input-missing \
	at ana security-key add --device "unix:$T/two.sock"
also 'which is named' '--pin-file FILE'
NEW_PIN=''
soft bare
# shellcheck disable=SC2034 # key.sh reads it
NEW_PIN='--pin 246810'
refused 'a key without a PIN' 1 security-key-no-pin key bare add
also 'says how it gets one' 'aumbry security-key pin'
ok 'it gets one' keyed bare ana security-key pin --new-pin-file "$PIN"
refused 'another one needs the first' 1 security-key-pin \
	aumbry --home "$T/ana" security-key pin --device "unix:$T/bare.sock" \
	--pin-file "$T/wrong" --new-pin-file "$PIN"
soft two --alg eddsa --attestation none --no-touch
refused 'a key that nobody touches' 1 security-key-untouched key two add
soft two --alg eddsa --attestation self --wrong-sig
refused 'a key whose attestation is wrong' 1 security-key-invalid key two add
also 'which says so' 'attestation that is wrong'
soft two --alg eddsa --attestation none --no-up
refused 'a key that says nobody touched it' 1 security-key-invalid key two add
also 'which says so' 'without anybody touching it'
soft two --alg eddsa --attestation none --no-uv
refused 'a key that did not know its owner' 1 security-key-invalid key two add
also 'which says so' 'without its PIN'
says 'none of them was added' '^1$' ask 'SELECT COUNT(*) FROM security_key'
says 'nor let in' '^2$' sh -c '
	aumbry --home "$1" device list | grep -c -v removed' sh "$T/ana"

# ---- two: no code counts

soft two --alg eddsa --attestation none
ok 'a second key, EdDSA and without attestation' key two add --name second
also 'puts them in force' 'from now on no code is accepted'
says 'the list says so' 'They are in force' at ana security-key list
says 'and as an object' '"on":true' at ana --json security-key list
says 'trusted browsers are forgotten' '^0$' \
	ask 'SELECT COUNT(*) FROM trusted_browser'
forget_proofs
refused 'a code at step-up' 4 security-key-required \
	at ana step-up --code "$(totp now)"
also 'says what to do' '--with key'
refused 'by name, too' 4 security-key-required \
	at ana step-up --with authenticator --code "$(totp now)"
refused 'a code at sign-in' 4 security-key-required \
	at b signin "$URL" ana --with authenticator --code "$(totp now)"
refused 'asking a trusted device first' 4 security-key-required \
	at b signin "$URL" ana --timeout 2s
also 'says what to do' '--with key'
refused 'a code for what needs a step-up' 4 security-key-required \
	at ana authenticator add --code "$(totp now)"
says 'no device was asked' '^0$' \
	ask "SELECT COUNT(*) FROM event WHERE event = 'join_opened'"
ok 'the first key' keyed one ana step-up
ok 'the second' keyed two ana step-up --with key
forget_proofs
ok 'a command that needs one' keyed two ana authenticator add
refused 'a wrong PIN' 1 security-key-pin at ana step-up \
	--device "unix:$T/two.sock" --pin-file "$T/wrong"
forget_proofs
soft other
refused 'a key of nobody' 1 security-key-unknown keyed other ana step-up
refused 'a key too young to let devices in' 4 device-too-young \
	keyed one b signin "$URL" ana --with key
also 'says for how long' 'in 7[12] hours'
refused 'and leaves no home' 1 not-signed-in aumbry --home "$T/b" status

# ---- what a client must not get away with

token=$(sqlite3 -batch "$T/ana/state.db" \
	"SELECT hex(value) FROM pair WHERE name = 'token'" |
	perl -ne 'print pack("H*", $1) if /^.{16}([0-9A-F]{86})/')
api=${URL%%#*}
api=${api%/}
origin="https://localhost:${api##*:}"
url64() { base64 -w 0 | tr '+/' '-_' | tr -d '='; }
post() {
	printf '%s' "$2" | curl -sk -X POST -H 'Content-Type: application/json' \
		-H "Authorization: Bearer $token" --data-binary @- "$api$1" \
		>"$T/body"
}
# challenge: a new one; sets it and the credential of the key "key 1".
challenge() {
	post /v1/factors/key '{}'
	challenge=$(sed -n 's/.*"challenge":"\([^"]*\)".*/\1/p' "$T/body" |
		tr '+/' '-_' | tr -d '=')
	credential=$(sed -n \
		's/.*"id":"\([^"]*\)","name":"key 1".*/\1/p' "$T/body")
}
# answer ORIGIN [FLAG…]: sign the challenge with the key "one" and send it.
answer() {
	client=$(printf '{"type":"webauthn.get","challenge":"%s","origin":"%s"}' \
		"$challenge" "$1" | url64)
	shift
	signed=$("$BUILD/tests/softkey" sign "$T/one.key" localhost \
		"$credential" "$client" "$@")
	resend
}
resend() {
	post /v1/factors/prove "{\"method\":\"key\",\"credential\":\"$credential\",
		\"client_data\":\"$client\",
		\"authenticator_data\":\"${signed% *}\",
		\"signature\":\"${signed#* }\"}"
}
# server_says NAME PATTERN
server_says() {
	cp "$T/body" "$T/out"
	: >"$T/err"
	also "$1" "$2"
}
unplug one
challenge
answer "$origin"
server_says 'an assertion that is right' '"until_ms"'
resend
server_says 'a challenge answered twice' '"code":"code-expired"'
challenge
was=$challenge
challenge
challenge=$was answer "$origin"
server_says 'a challenge given before the last' 'belongs to another challenge'
server_says 'by its code' '"code":"security-key-invalid"'
challenge
answer 'https://localhost.evil.example'
server_says 'an assertion for another origin' 'made for another origin'
server_says 'by its code' '"code":"security-key-invalid"'
challenge
answer "$origin" --wrong-sig
server_says 'a wrong signature' '"security-key-invalid".*wrong signature'
challenge
answer "$origin" --no-up
server_says 'no user presence' '"security-key-invalid".*touching'
challenge
answer "$origin" --no-uv
server_says 'no user verification' '"security-key-invalid".*PIN'
challenge
credential=AAAA resend
server_says 'a key of another account' '"security-key-invalid".*none of this'
challenge
ask 'UPDATE key_challenge SET expires_ms = 1'
answer "$origin"
server_says 'a challenge older than 5 minutes' '"code":"code-expired"'
post /v1/factors/prove "{\"method\":\"authenticator\",\"code\":\"$(totp now)\"}"
server_says 'a code, whatever the client says' '"security-key-required"'
post /v1/factors/prove '{"method":"key","credential":"!"}'
server_says 'not even base64' '"code":"bad-request"'
says 'each is in the log' ' security_key_refused .*another origin' at ana log
says 'and what was right' ' security_key_used .*second' at ana log

# ---- a copy of a key

forget_proofs
cp "$T/one.key" "$T/copy.key"
soft one
ok 'the key itself' keyed one ana step-up
soft copy
refused 'a copy whose counter is behind' 4 security-key-cloned \
	keyed copy ana step-up
also 'names the key' '"key 1"'
refused 'both are blocked now' 4 security-key-cloned keyed one ana step-up
says 'the list says so' 'BLOCKED' at ana security-key list
says 'the log too' ' security_key_cloned .*key 1' at ana log
ok 'the other key still serves' keyed two ana step-up

# ---- how many

for i in 3 4 5 6; do
	soft "k$i" --no-prf
	ok "key $i" keyed "k$i" ana security-key add --name "k$i"
done
also 'without a PRF it is a factor alone' 'opens no data'
soft k7
refused 'a seventh' 1 too-large keyed k7 ana security-key add
also 'says how many there may be' 'at most 6'
refused 'one that is not there' 1 not-found key two remove nothing
ok 'the blocked one goes' key two remove 'key 1'
says 'from the devices as well' '^0$' sh -c '
	aumbry --home "$1" device list | grep -c "key 1"' sh "$T/ana"
forget_proofs
refused 'and proves nothing' 1 security-key-unknown keyed one ana step-up
for i in 3 4 5; do ok "key $i goes" key two remove "k$i"; done
refused 'the last but one does not go alone' 4 permission-denied \
	key two remove k6
also 'says how' 'aumbry security-key remove --all'

# ---- a server that takes codes though the circle says keys

ask 'CREATE TABLE stash AS SELECT * FROM security_key;
	DELETE FROM security_key'
forget_proofs
refused 'a server that lost its mind about keys' 6 factor-stripped \
	at ana step-up --code "$(totp now)"
refused 'a sign-in by a code there' 6 factor-stripped \
	at b signin "$URL" ana --with authenticator --code "$(totp now)"
rm -f "$T/pipe"
mkfifo "$T/pipe"
at b signin "$URL" ana <"$T/pipe" >"$T/b.out" 2>&1 &
joining=$!
at ana device approve --print-code --timeout 4s >"$T/pipe" 2>"$T/err"
wait $joining
equal 'or by a trusted device' '6 (factor-stripped)' \
	"$? $(tail -n 1 "$T/b.out")"
ask "CREATE TABLE stash2 AS SELECT * FROM factor; DELETE FROM factor"
refused 'or asks for nothing' 6 factor-stripped at ana step-up
ask 'INSERT INTO security_key SELECT * FROM stash;
	INSERT INTO factor SELECT * FROM stash2'

# ---- back to codes

forget_proofs
ok 'all keys go' key two remove --all
also 'says what that means' 'codes are accepted again'
forget_proofs
ok 'a code at step-up' at ana step-up --code "$(totp now)"
refused 'the key proves nothing' 4 factor-missing \
	keyed two ana step-up --with key
ok 'all is whole' at ana status
unplug_all

# ---- codes by phone

node "$ROOT/tests/tools/gateway.mjs" >"$T/texts" &
HELPERS="$HELPERS $!"
until_true 20 test -s "$T/texts"
port=$(head -n 1 "$T/texts")
printf '#!/bin/sh\ncat >>%s\n' "'$T/calls'" >"$T/caller"
chmod +x "$T/caller"
stop_server
configure phone text_url "http://127.0.0.1:$port/{code}?n={number}"
configure phone call_command "$T/caller"
start_server
texted() {
	sed -n 's|.*"url":"/\([0-9]*\)?.*|\1|p' "$T/texts" | tail -n 1
}
sent() {
	cat "$T/texts" "$T/calls" | wc -l
}
# as_session, as_request: whose token `post` sends.
as_session() {
	token=$(sqlite3 -batch "$T/bea/state.db" \
		"SELECT hex(value) FROM pair WHERE name = 'token'" |
		perl -ne 'print pack("H*", $1) if /^.{16}([0-9A-F]{86})/')
}
request() {
	"$BUILD/tests/request" "$URL" bea "$PW" "$1"
}
as_request() {
	token=$(request factor | sed 's/.*"token":"\([^"]*\)".*/\1/')
}
ok 'an account with a phone' at bea signup "$URL" bea \
	--invite "$(aumbryd invite --data "$DATA")"
ok 'for texts' at bea phone add +420601234567
ok 'confirmed' at bea phone confirm "$(texted)"
ok 'and one for calls' at bea phone add +420601234568 --call
ok 'confirmed' at bea phone confirm "$(json code "$T/calls")"
soft one
soft two
ok 'a key' keyed one bea security-key add
# Codes that are good, of before the second one.
run at bea step-up --with text
text=$(texted)
as_session
post /v1/factors/send '{"method":"call"}'
call=$(json code "$T/calls")
ok 'and a second one' keyed two bea security-key add
before=$(sent)
# no_code WAY CODE
no_code() {
	by="by $1"
	prove="{\"method\":\"$1\",\"code\":\"$2\"}" send="{\"method\":\"$1\"}"
	set -- --with "$1" --code "$2"
	forget_proofs
	refused "a code $by at step-up" 4 security-key-required \
		at bea step-up "$@"
	also 'says what to do' '--with key'
	refused "one $by that is to be sent" 4 security-key-required \
		at bea step-up "$1" "$2"
	refused "one $by for what needs a step-up" 4 security-key-required \
		at bea phone remove +420601234567 "$@"
	refused "one $by at sign-in" 4 security-key-required \
		at b signin "$URL" bea "$@"
	also 'says what to do' '--with key'
	refused "one $by that is to be sent there" 4 security-key-required \
		at b signin "$URL" bea "$1" "$2"
	refused "a request for one $by" 1 security-key-required request "$2"
	as_session
	post /v1/factors/prove "$prove"
	server_says "one $by, whatever the client says" \
		'"code":"security-key-required"'
	post /v1/factors/send "$send"
	server_says 'or asks for' '"code":"security-key-required"'
	as_request
	post /v1/factors/prove "$prove"
	server_says "one $by for a request" '"code":"security-key-required"'
	post /v1/factors/send "$send"
	server_says 'nor is one sent for it' '"code":"security-key-required"'
}
no_code text "$text"
no_code call "$call"
equal 'no text was sent, no call made' "$before" "$(sent)"
ok 'all keys go' keyed two bea security-key remove --all
forget_proofs
ok 'then the text was right' at bea step-up --with text --code "$text"
ok 'and the call' at bea step-up --with call --code "$call"
unplug_all
finish
