#!/bin/sh
# SPDX-License-Identifier: ISC
# 35-session-thief.t: what somebody can do with a token taken from a device,
# who has neither its keys nor a password: read ciphertext, for 15 minutes.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

mkdir "$T/files"
for i in 1 2 3 4 5 6 7 8 9; do
	echo "nobody but Ana may read line $i of this" >"$T/files/$i"
done
# token HOME: what it holds now: u64 end | text.
token() {
	sqlite3 -batch "$T/$1/state.db" \
		"SELECT hex(value) FROM pair WHERE name = 'token'" |
		cut -c 17- | perl -ne 'chomp; print pack("H*", $_)'
}
# thief METHOD PATH [CURL'S FLAGS…]: the status, and the answer in $T/got.
thief() {
	method=$1 path=$2
	shift 2
	curl -sk --max-time 20 -X "$method" -o "$T/got" -w '%{http_code}\n' \
		-H "Authorization: Bearer $stolen" "$@" "${URL%%/#*}$path"
}
# gets NAME STATUS METHOD PATH [FLAGS…]
gets() {
	name=$1 wanted=$2
	shift 2
	thief "$@" >"$T/status"
	equal "$name" "$wanted" "$(cat "$T/status")"
}
# is_refused NAME CODE METHOD PATH [FLAGS…]
is_refused() {
	name=$1 wanted=$2
	shift 2
	thief "$@" >/dev/null
	equal "$name" "$wanted" "$(node -e 'console.log(JSON.parse(
		require("fs").readFileSync(process.argv[1])).error.code)' \
		"$T/got")"
}

start_server
ok 'signs up' sign_up ana ana --invite "$INVITE"

# ---- what it uses up, also in the minutes after its device has proven itself

run at ana status
stolen=$(token ana)
zeros() { head -c "$1" /dev/zero | base64 -w 0; }
for i in 1 2 3 4 5 6 7; do
	for j in 0 1 2 3 4 5 6 7 8 9; do
		thief POST /v1/recovery -d "{\"keyref\":\"$(printf %032x \
			$i$j)\",\"kind\":1,\"verifier\":\"$(zeros 32)\",
			\"birth_pin\":\"$(zeros 100)\"}"
	done
done >"$T/staged"
equal 'tells of recovery keys that nobody made' 70 \
	"$(grep -c 200 "$T/staged")"
thief GET /v1/recovery >/dev/null
equal '- of which the server keeps some' 64 \
	"$(grep -o keyref "$T/got" | wc -l)"
ok '- and the owner can still make one' \
	at ana recovery key create --out "$T/key"
ok '- that opens' at ana recovery drill --key-file "$T/key"

ok 'backs up' at ana backup "$T/files"
ok 'a second device' pair ana bea ana
# Not the first: a device just made has proven the password lately.
run at bea status
stolen=$(token bea)
ok 'a token is taken' [ ${#stolen} -eq 43 ]

# ---- what it reads ----

gets 'the account' 200 GET /v1/account
gets 'the list of zones' 200 GET /v1/zones
zones=$(node -e 'for (const z of JSON.parse(require("fs").readFileSync(
	process.argv[1])).zones) console.log(z.zone)' "$T/got")
ok 'several' [ "$(echo "$zones" | wc -l)" -ge 2 ]
mkdir "$T/loot"
for zone in $zones; do
	thief GET "/v1/zones/$zone/changes?since=0" >/dev/null
	cat "$T/got" >>"$T/loot/all"
	for blob in $(find "$DATA/blobs" -path "*/$zone/*" -type f \
		-printf '%f\n' | cut -d- -f1); do
		gets 'a blob' 200 GET "/v1/zones/$zone/blobs/$blob"
		cat "$T/got" >>"$T/loot/all"
	done
done
thief GET /v1/keyring >/dev/null
cat "$T/got" >>"$T/loot/all"
ok 'that is some loot' [ "$(wc -c <"$T/loot/all")" -gt 4000 ]
not 'with no word of the files' grep -aq 'nobody but Ana' "$T/loot/all"
ok 'nor 16 bytes of them in a row, from any on' \
	"$BUILD/tests/windows" "$T/loot" "$T/files"

# ---- what it writes ----

# As 5 minutes later: what was proven when the device came in is over.
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	'UPDATE session SET step_up_ms = 0'
is_refused 'not the password' step-up-required POST /v1/password/start -d '{}'
is_refused 'no factor' step-up-required POST /v1/authenticator -d '{}'
is_refused 'nor two-factor' step-up-required POST /v1/two-factor \
	-d '{"state":"off"}'
blob=$(find "$DATA/blobs" -type f -not -path '*/blobs/t*' |
	head -n 1)
id=$(basename "$blob" | cut -d- -f1)
zone=$(basename "$(dirname "$(dirname "$blob")")")
gets 'a blob that a record names' 200 GET "/v1/zones/$zone/blobs/$id"
is_refused 'does not go' conflict DELETE "/v1/zones/$zone/blobs/$id"
is_refused 'and is not replaced' conflict PUT "/v1/zones/$zone/blobs/$id" \
	-H "X-Aumbry-Checksum: $(printf %032d 0)" --data-binary other
# A commit that the device signed, with the thief's change of one byte, or as
# it was: 81-recorder.t's and 80-liar.t's proxies send no more than that.
is_refused 'no commit without a signed head' record-corrupt \
	POST "/v1/zones/$zone/commits?category=backup" --data-binary nothing
is_refused 'no entry of the circle without its signature' bad-request \
	POST /v1/circle --data-binary nothing
ok 'all is as it was' at ana check --read

# ---- how long ----

ok 'signing out' at bea signout --erase
is_refused 'ends it' session-expired GET /v1/zones
ok 'a third device' pair ana cyd ana
run at cyd status
stolen=$(token cyd)
gets 'whose token serves' 200 GET /v1/zones
cyd=$(at ana device list | grep -v 'this device' | cut -c 1-8)
# A call that is begun, and whose body comes once its session is over.
: >"$T/tls"
body='{"enabled":true,"last_ms":1}'
{
	printf 'POST /v1/backups/state HTTP/1.1\r\nHost: localhost\r\n'
	printf 'Authorization: Bearer %s\r\n' "$stolen"
	printf 'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n' \
		${#body}
	until_true 60 test -e "$T/removed"
	printf %s "$body"
	until_true 20 grep -q '}' "$T/slow"
} | openssl s_client -quiet -no_ign_eof -connect \
	"$(echo "$URL" | sed 's|https://||; s|/.*||')" >"$T/slow" 2>"$T/tls" &
slow=$!
until_true 10 grep -q verify "$T/tls"
sleep 0.5
ok 'is removed' at ana device remove "$cyd" --code "$(totp '30 seconds')"
is_refused 'which ends it' session-expired GET /v1/zones
: >"$T/removed"
wait $slow
says '- also for what had begun' session-expired cat "$T/slow"
equal '- which changed nothing' 0 "$(sqlite3 -batch "$DATA/aumbryd.db" \
	'SELECT COUNT(*) FROM backup_state WHERE last_ms = 1')"
run at ana status
stolen=$(token ana)
gets 'a token serves' 200 GET /v1/zones
stop_server
serve_at +16m
export SERVE
start_server --listen "$(echo "$URL" | sed 's|https://||; s|/.*||')"
is_refused 'for 15 minutes' session-expired GET /v1/zones
finish
