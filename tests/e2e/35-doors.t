#!/bin/sh
# SPDX-License-Identifier: ISC
# 35-doors.t: what strangers, and young devices, can do to who owns an account:
# neither shut out its devices, nor cost more than a bounded something; and how
# every count ends.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

ask() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"; }
# code: a code that is good, as if none had been used. Counts stay.
code() {
	ask 'UPDATE factor SET counter = 0' >/dev/null
	totp now
}
wrong_of() { printf %06d $(((1$1 + 1) % 1000000)); }
# call METHOD PATH BODY [CURL'S FLAGS…]: the answer in $T/got; prints its code.
call() {
	method=$1 path=$2 body=$3
	shift 3
	curl -sk --max-time 20 -X "$method" -o "$T/got" -d "$body" \
		-H "Content-Type: ${TYPE-application/json}" "$@" "${URL%%/#*}$path"
	verdict "$T/got"
}
# verdict FILE: the error's code of an answer, or "ok".
verdict() {
	node -e 'const o = JSON.parse(require("fs").readFileSync(
		process.argv[1]) || "{}"); console.log(o.error?.code ?? "ok")' "$1"
}
token_of() {
	sqlite3 -batch "$T/$1/state.db" \
		"SELECT hex(value) FROM pair WHERE name = 'token'" |
		cut -c 17- | perl -ne 'chomp; print pack("H*", $_)'
}
# request: the password half of a sign-in that asks no device; sets $join.
request() {
	"$BUILD/tests/request" "$URL" ana "$PW" "${1-factor}" \
		>"$T/request" || return
	join=$(json token "$T/request")
}
prove() {
	call POST /v1/factors/prove \
		"{\"method\":\"authenticator\",\"code\":\"$1\"}" \
		-H "Authorization: Bearer $join"
}
# A first message of a sign-in, which knows no password: two points and a nonce.
ke1=$(node -e 'const p = Buffer.from("e2f2ae0a6abc4e71a884a961c500515f" +
	"58e30b6aa582dd8db6a65945e08d2d76", "hex"); console.log(Buffer.concat(
	[p, Buffer.alloc(32), p]).toString("base64url"))')
# begin NAME [CURL'S FLAGS…]
begin() {
	name=$1
	shift
	call POST /v1/signin/start "{\"name\":\"$name\",\"ke1\":\"$ke1\"}" "$@"
}
# begins NAMES: how many of these sign-ins were refused; one connection.
begins() {
	for n in $1; do
		printf 'next\nurl = "%s/v1/signin/start"\ndata = "%s"\n' \
			"${URL%%/#*}" "{\\\"name\\\":\\\"$n\\\",\\\"ke1\\\":\\\"$ke1\\\"}"
		printf 'header = "Content-Type: application/json"\n'
		printf 'silent\ninsecure\nwrite-out = "\\n"\n'
	done | sed 1d >"$T/curl.cfg"
	curl -K "$T/curl.cfg" | grep -c too-many-attempts
}

start_server
ok 'an account' sign_up laptop ana --invite "$INVITE" --device-name laptop

# ---- who guesses at a name, from the owner's own address ----

refused_of=$(begins "$(yes ana | head -n 17)")
equal 'ten in ten minutes, then no more' 7 "$refused_of"
says 'nor with the right password' too-many-attempts request
ok 'a device is not held up by that' at laptop step-up --code "$(code)"
# Who was a device once is no stranger, also when its home was erased.
cp -r "$T/laptop" "$T/former"
rm "$T/former/device.key" "$T/former/state.db"*
begins "$(yes ana | head -n 20)" >/dev/null
refused 'a home that is new is refused' 4 too-many-attempts at visitor signin \
	"$URL" ana --with authenticator --code "$(code)"
ok 'one that was a device is not' at former signin "$URL" ana \
	--with authenticator --code "$(code)"
ok 'the operator ends it' aumbryd account --data "$DATA" unlock ana
ok 'and they may try again' request
refused 'no account of that name' 1 not-found \
	aumbryd account --data "$DATA" unlock nobody

# ---- what was right counts for nothing ----

for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	request || break
done
ok 'twelve right passwords' request
for _ in 1 2 3 4 5 6 7 8 9 10; do
	begin ana >/dev/null
	[ "$_" = 9 ] && request
done
ok 'and a right one ends the count of wrong ones' request

# ---- codes ----

right=$(code)
wrong=$(wrong_of "$right")
request
for _ in 1 2 3 4 5; do prove "$wrong" >/dev/null; done
equal 'five wrong codes for one request' too-many-attempts "$(prove "$right")"
for _ in 1 2 3 4 5 6 7; do prove "$wrong" >/dev/null; done
request
equal 'hold up no other one' ok "$(prove "$(code)")"
for _ in 1 2 3 4 5; do
	request
	for _ in 1 2 3 4 5 6; do prove "$wrong" >/dev/null; done
done
request
prove "$wrong" >/dev/null
equal 'all together are slowed' too-many-attempts "$(prove "$(code)")"
less 'by a minute at most' 61 "$(node -e 'console.log(JSON.parse(
	require("fs").readFileSync(process.argv[1])).error.detail.retry_s)' \
	"$T/got")"
ok 'which holds up no device' at laptop step-up --code "$(code)"
ok 'the operator ends that, too' aumbryd account --data "$DATA" unlock ana
equal 'and the right code is taken' ok "$(prove "$(code)")"

# ---- pages of other sites ----

equal 'a page of another site begins nothing' permission-denied \
	"$(begin ana -H 'Origin: https://evil.example.org')"
equal 'as the browser says' permission-denied \
	"$(begin ana -H 'Sec-Fetch-Site: cross-site')"
equal 'nor a form' bad-request "$(TYPE=text/plain begin ana)"
equal 'our own page does' ok \
	"$(begin ana -H 'Sec-Fetch-Site: same-origin' -H "Origin: ${URL%%/#*}")"
equal 'also in an old browser' ok "$(begin ana -H "Origin: ${URL%%/#*}")"
equal 'and by the name that a proxy has not' ok \
	"$(begin ana -H 'Origin: https://localhost')"
ask 'DELETE FROM throttle'

# ---- ever new names ----

names=$(seq -f 'name%.0f' 300)
refused_of=$(begins "$names")
less 'most of 300 names are refused' 300 "$refused_of"
not 'nearly all' [ "$refused_of" -lt 200 ]
less 'nothing is kept of those' 110 "$(ask 'SELECT COUNT(*) FROM throttle
	WHERE name LIKE "password|name%"')"
less 'no sign-in either' 150 "$(ask 'SELECT COUNT(*) FROM login')"
less 'nor a log of its own' 41 "$(ask 'SELECT COUNT(*) FROM event
	WHERE uid NOT IN (SELECT uid FROM account)')"
ok 'a device goes on' at laptop step-up --code "$(code)"
ask 'DELETE FROM throttle'

# ---- a refusal, and taking it back ----

ok 'somebody asks to join' request device
ok 'is refused' at laptop device refuse
says 'and asks no more' request-refused request device
# Another kind of device at the same address is not that one.
asks() {
	at other signin "$URL" ana --device-name other >"$T/asks.out" \
		2>"$T/asks.err" </dev/null &
	asking=$!
	until_true 20 waits
	there=$?
	kill $asking
	wait $asking 2>/dev/null
	return $there
}
waits() { at laptop device requests | grep -q computer; }
ok 'who shares the address may' asks
ok 'the refusal is taken back' at laptop device allow-again
ok 'and the first one asks again' request device
ok 'and once more' request device
says '- which the log tells' ' requests_allowed ' at laptop log
request factor
equal 'a third' ok "$(call POST "/v1/joins/$(json join "$T/request")/prompt" \
	'{}' -H "Authorization: Bearer $join")"
says 'more than three are too many' 'try again in 20 minutes' request device
ask "UPDATE joining SET state = 4"

# ---- a device that is just in ----

ask 'DELETE FROM throttle'
ok 'a device is let in' pair laptop young ana --device-name young
refused 'its birth proves no factor' 2 input-missing \
	at young authenticator add
ok 'with password and code it steps up' at young step-up --code "$(code)"
refused 'but adds no factor' 4 device-too-young at young authenticator add
also 'and hears when it may' 'from 20[0-9-]*T[0-9:]*Z'
refused 'changes no password' 4 device-too-young at young password change \
	--new-password-file "$T/pw" --code "$(code)"
ask 'UPDATE session SET step_up_ms = opened_ms + 100000'
run at young status
young=$(token_of young)
for route in 'POST /v1/authenticator' 'DELETE /v1/authenticator' \
	'POST /v1/security-keys/start' 'POST /v1/security-keys' \
	'POST /v1/security-keys/remove' 'POST /v1/two-factor' \
	'POST /v1/phones' 'POST /v1/phones/remove' 'POST /v1/mail/remove' \
	'POST /v1/password/start' 'POST /v1/password/finish' \
	'POST /v1/protection/release-key' 'POST /v1/recovery/0/allow'; do
	ask "UPDATE session SET step_up_ms = $(date +%s)000"
	equal "no ${route#* }" device-too-young \
		"$(call "${route% *}" "${route#* }" "${BODY-}" \
			-H "Authorization: Bearer $young")"
done
ok 'the older one does' at laptop authenticator add \
	--secret-file "$T/secret2" --code "$(code)"

# ---- a visitor is no device, and a new password ends what the old began ----

ask 'DELETE FROM throttle'
ok 'a visitor' at visitor signin "$URL" ana --with authenticator \
	--code "$(code)"
equal 'has no ID of a device' 1 "$(ask 'SELECT COUNT(*) FROM session
	WHERE limited = 1 AND hex(dev_id) = hex(zeroblob(16))
	AND uid IN (SELECT uid FROM account)' | grep -c '^[1-9]')"
request factor
old=$join
begin ana >/dev/null
echo 'quite another one' >"$T/new"
ok 'the password is changed' at laptop password change \
	--new-password-file "$T/new" --code "$(code)"
join=$old
equal 'a request opened with the old one is over' code-expired \
	"$(prove "$(code)")"
equal 'and what was begun' 0 "$(ask 'SELECT COUNT(*) FROM login WHERE known = 1')"

# ---- the log has no end ----

ask "INSERT INTO event SELECT uid, (SELECT MAX(n) FROM event e
	WHERE e.uid = account.uid) + value, 0, 'noise', zeroblob(16), '', ''
	FROM account, generate_series(1, 700)"
says 'what happened before 700 others is in the log' ' signup ' at laptop log
equal 'once each' 700 "$(at laptop log | grep -c ' noise ')"

# ---- mails of one kind leave room for the others ----

stop_server
configure mail smtp_url smtp://127.0.0.1:1
configure mail from aumbry@localhost
start_server
ask "INSERT INTO mail_address SELECT uid, 'ana@localhost', 1, '', 0 FROM account"
ask "INSERT INTO outbox (uid, address, subject, body, made_ms, tries, next_ms)
	SELECT uid, 'ana@localhost', 'ana@localhost: noise', '', 0, 0,
	9000000000000 FROM account, generate_series(1, 150)"
cp "$T/new" "$PW"
ask 'DELETE FROM throttle'
ok 'an app-specific password' at laptop app-password create mail --scope mail \
	--code "$(code)"
ok 'is revoked' at laptop app-password revoke --all
equal 'which is mailed' 1 "$(ask "SELECT COUNT(*) FROM outbox
	WHERE subject LIKE '%app-specific passwords were revoked'")"
finish
