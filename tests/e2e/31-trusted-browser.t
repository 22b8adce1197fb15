#!/bin/sh
# SPDX-License-Identifier: ISC
# 31-trusted-browser.t: the cookie of a browser that was told to remember a
# factor: what it looks like, what it stands for, and what ends it.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/key.sh"

ask() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"
}
# As if every code and every password were long ago.
forget_proofs() {
	ask 'UPDATE factor SET counter = 0; DELETE FROM throttle;
		UPDATE session SET step_up_ms = 0, password_ms = 0'
}
LATER='' # what stands before clients: the same clock as the server's

# request NAME WITH [PASSWORD-FILE]: the password half of a sign-in; sets token,
# by which the factor is proven.
request() {
	$LATER "$BUILD/tests/request" "$URL" "$1" "${3-$PW}" "$2" \
		>"$T/request" || return
	token=$(json token "$T/request")
}
# send PATH BODY [CURL'S FLAGS…]: as a browser, which keeps cookies in $T/jar;
# the answer in $T/head and $T/body.
send() {
	path=$1 body=$2
	shift 2
	curl -sk --max-time 20 -D "$T/head" -o "$T/body" \
		-H "Authorization: Bearer $token" -d "$body" "$@" \
		"${URL%%/#*}$path"
}
prove() {
	body=$1
	shift
	send /v1/factors/prove "$body" "$@"
}
# gave NAME PATTERN: the last answer's body.
gave() {
	cp "$T/body" "$T/out"
	: >"$T/err"
	also "$1" "$2"
}
# trusting NAME JAR: a factor is proven, and the browser told to remember it.
trusting() {
	forget_proofs
	request "$1" factor &&
		prove "{\"method\":\"authenticator\",\"code\":\"$(
			totp now)\",\"trust\":true}" -c "$2"
}
# entering NAME JAR: with the password, and the cookies of that browser.
entering() {
	forget_proofs
	: >"$T/body"
	request "$1" factor && prove '{"method":"trusted"}' -b "$2"
}
# enters NAME USER JAR, stays_out NAME USER JAR
enters() {
	entering "$2" "$3"
	gave "$1" '"limited":true'
}
stays_out() {
	entering "$2" "$3"
	gave "$1" '"code":"factor-missing"'
}
cookie() {
	tr -d '\r' <"$T/head" | grep -i '^set-cookie:'
}

start_server
ok 'an account' sign_up ana ana --invite "$INVITE"

# ---- what it looks like

forget_proofs
request ana authenticator
prove "{\"method\":\"authenticator\",\"code\":\"$(totp now)\"}"
gave 'a browser that is not told to' '"limited":true'
not 'remembers nothing' cookie
trusting ana "$T/jar"
gave 'one that is' '"limited":true'
says 'gets a cookie' '^Set-Cookie: aumbry_trust=[A-Za-z0-9_-]{43};' cookie
also 'that no script reads' '; HttpOnly(;|$)'
also 'that no other site has sent' '; SameSite=Strict(;|$)'
also 'that goes over TLS alone' '; Secure(;|$)'
also 'to where factors are proven' '; Path=/v1/factors(;|$)'
also 'for 30 days' '; Max-Age=2592000(;|$)'
value=$(cookie | sed 's/.*aumbry_trust=\([^;]*\);.*/\1/')
not 'of which the server keeps a hash' grep -rq "$value" "$DATA"
says 'the log tells of it' ' browser_trusted ' at ana log
says 'and the list' '\(trusted browser\)$' at ana session list

# ---- what it stands for

enters 'it stands for the factor' ana "$T/jar"
not 'and is not given again' cookie
gave 'for an hour' '"expires_s":3600'
echo 'not the password' >"$T/wrong"
refused 'not for the password' 1 wrong-password-or-name \
	request ana factor "$T/wrong"
token=''
prove '{"method":"trusted"}' -b "$T/jar"
gave 'it is no session' '"code":"session-expired"'
token=$value
prove '{"method":"trusted"}' -b "$T/jar"
gave 'also not as a token' '"code":"session-expired"'
forget_proofs
run at ana step-up </dev/null # the password half
token=$(sqlite3 -batch "$T/ana/state.db" \
	"SELECT hex(value) FROM pair WHERE name = 'token'" |
	perl -ne 'print pack("H*", $1) if /^.{16}([0-9A-F]{86})/')
prove '{"method":"trusted"}' -b "$T/jar"
gave 'and no half of a step-up' \
	'"code":"step-up-required".*a code that is new'
stays_out 'another browser has none' ana /dev/null
request ana factor
prove '{"method":"trusted"}' -H "Cookie: aumbry_trust=$(
	echo "$value" | tr 'A-Za-z' 'B-ZAb-za')"
gave 'a guess is none' '"code":"factor-missing"'
prove '{"method":"trusted"}' -H "Cookie: xaumbry_trust=$value; aumbry_trust="
gave 'nor is one of another name' '"code":"factor-missing"'
prove '{"method":"trusted"}' -H "Cookie: a=b; aumbry_trust=$value; c=d"
gave 'but it is found among others' '"limited":true'

ok 'another account' sign_up bea bea \
	--invite "$(aumbryd invite --data "$DATA")"
stays_out 'one without such a browser' bea "$T/jar"
trusting bea "$T/bea.jar"
stays_out 'or with one takes no other cookie' bea "$T/jar"
enters 'but its own' bea "$T/bea.jar"
stays_out 'which is good there alone' ana "$T/bea.jar"

# ---- what ends it

# The secret of the authenticator is bea's now.
trusted_id() {
	at ana --json session list | grep '"trusted":true' |
		sed 's/.*"id":"\([0-9a-f]*\)".*/\1/'
}
ok 'its end from a device' at ana session end "$(trusted_id)"
stays_out 'ends it' ana "$T/jar"
equal 'in the list, too' '' "$(trusted_id)"
enters 'and no other' bea "$T/bea.jar"
forget_proofs
echo 'a new password' >"$T/new"
ok 'a change of the password' at bea password change \
	--new-password-file "$T/new" --code "$(totp now)"
mv "$T/new" "$PW"
stays_out 'ends it' bea "$T/bea.jar"
trusting bea "$T/bea.jar"
enters 'it can be trusted again' bea "$T/bea.jar"

# The clock of the server, and of who asks it.
clock() {
	stop_server
	LATER="env FAKETIME=+$1 LD_PRELOAD=$(
		faketime -f +0 printenv LD_PRELOAD)"
	SERVE=$LATER
	export SERVE
	start_server
}
clock 2591000s
enters 'nearly 30 days later it is good' bea "$T/bea.jar"
clock 2593000s
stays_out 'a moment later it is not' bea "$T/bea.jar"
stop_server
SERVE='' LATER=''
start_server
enters 'as the clock has it, and nothing else' bea "$T/bea.jar"

# ---- security keys

forget_proofs
soft one
ok 'a security key' keyed one bea security-key add --code "$(totp now)"
enters 'alone changes nothing' bea "$T/bea.jar"
soft two
forget_proofs
ok 'a second one' keyed two bea security-key add --code "$(totp now)"
stays_out 'ends it' bea "$T/bea.jar"
equal 'for what is asked for is a key' '["key"]' \
	"$(json methods "$T/request")"
refused 'also when it is chosen before' 1 factor-missing request bea trusted
trusting bea "$T/code.jar"
gave 'no code makes another' '"code":"security-key-required"'
not 'and no cookie comes' cookie
# What the key "one" signs for the request that is open.
unplug one
forget_proofs
request bea key
send /v1/factors/key '{}'
credential=$(sed -n 's/.*"id":"\([^"]*\)","name":"key 1".*/\1/p' "$T/body")
client=$(printf '{"type":"webauthn.get","challenge":"%s","origin":"%s"}' \
	"$(json challenge "$T/body" | tr '+/' '-_' | tr -d '=')" \
	"$(json origin "$T/body")" | base64 -w 0 | tr '+/' '-_' | tr -d '=')
signed=$("$BUILD/tests/softkey" sign "$T/one.key" localhost "$credential" \
	"$client")
prove "{\"method\":\"key\",\"credential\":\"$credential\",
	\"client_data\":\"$client\",\"authenticator_data\":\"${signed% *}\",
	\"signature\":\"${signed#* }\",\"trust\":true}" -c "$T/key.jar"
gave 'a key does' '"limited":true'
enters 'which counts' bea "$T/key.jar"
forget_proofs
ok 'all keys go' keyed two bea security-key remove --all
stays_out 'what was before them is not back' bea "$T/bea.jar"
enters 'the other stays' bea "$T/key.jar"
unplug_all

# ---- without TLS, on the loopback

address=${URL%%/#*}
stop_server
configure server url "http://${address#https://}"
start_server
URL="http://${address#https://}"
trusting bea "$T/plain.jar"
says 'without TLS there is a cookie, too' '^Set-Cookie: aumbry_trust=' cookie
also 'with all that guards it' '; HttpOnly; SameSite=Strict$'
enters 'and it is good' bea "$T/plain.jar"
finish
