#!/bin/sh
# SPDX-License-Identifier: ISC
# 97-contact-honest.t: what people do with their own accounts is no alarm.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

KEY=$T/key
PW2=$T/pw2
echo 'another battery entirely' >"$PW2"
start_server
people ana cleo ben
for more in 2 3; do
	ok "another device of Ana's" pair a "a$more" ana
	ok "and of Ben's" pair b "b$more" ben
done
ok 'Ana adds Ben' at a contact add ben
ok 'and has compared' sh -c "echo yes | aumbry --home '$T/a' verify ben --number"

# quiet NAME: all of Ana's devices list Ben as verified, without a word of alarm.
quiet() {
	for home in a a2 a3; do
		if ! run at "$home" contact list ||
			grep -q 'aumbry:' "$T/err" ||
			! grep -q '^ben.* verified ' "$T/out"; then
			fail "$1 ($home)"
			return
		fi
	done
	pass "$1"
}
number() { at "$1" --json contact show "$2" | json number /dev/stdin; }
BEFORE=$(number a ben)
quiet 'three devices are no alarm'
ok 'Ben makes a recovery key' at b recovery key create --out "$KEY"
quiet 'nor is a way back in'
ok 'removes a device' at b device remove --yes \
	"$(at b --json device list | sed -n '3s/.*"id":"\([0-9a-f]*\)".*/\1/p')"
quiet 'nor is that'
ok 'gives one another name' at b device rename 'the kitchen'
quiet 'which nobody else sees'
ok 'changes his password' at b password change \
	--new-password-file "$PW2" --with authenticator --code "$(totp '30 seconds')"
quiet 'nor that'
rm -rf "$T/b" "$T/b2" "$T/b3"
cp "$PW" "$T/pw3"
ok 'loses all devices, and comes back by the key' \
	aumbry --home "$T/b4" recover "$URL" ben --key-file "$KEY" \
	--new-password-file "$T/pw3" </dev/null
quiet 'which is no alarm'
equal 'by the same number' "$BEFORE" "$(number a ben)"
ok 'he adds Ana anew' at b4 contact add ana
equal 'with that number' "$BEFORE" "$(number b4 ana)"
equal 'nothing was an alert' '' "$(at a3 verify status)"

# Without a second factor nobody is shown to an account, and all else goes on.
two_factor() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		"UPDATE account SET two_factor = $1 WHERE name = 'ana'"
}
two_factor 0
refused 'contacts want it' 4 two-factor-required at a contact list
says 'her status tells' 'contacts need two-factor' at a status
two_factor 2

# ---- the operator ----

ok 'he gets another name' aumbryd account rename ben benjamin --data "$DATA"
run at a contact list
cp "$T/out" "$T/list"
says 'which is told, with what to do' 'aumbry contact accept ben@' cat "$T/err"
says 'and not taken' '^ben@.* verified ' cat "$T/list"
refused 'nobody meets him by it' 3 name-unclaimed at c contact add benjamin
ok 'his device hears of it' at b4 status
says 'and tells, with what to do' 'contact me --name benjamin' at b4 status
ok 'it signs nothing by itself' at b4 contact list
run at a contact list
says 'so nobody takes it' '^ben@.* verified ' cat "$T/out"
refused 'he goes by no name but that' 1 bad-request at b4 contact me --name ana
ok 'he says that it is right' at b4 contact me --name benjamin
lacks 'and is asked no more' 'contact me --name'
run at a contact list
cp "$T/out" "$T/list"
says 'then it is taken' 'ben@.* is benjamin@.* now' cat "$T/err"
says 'and he is verified as before' '^benjamin@.* verified ' cat "$T/list"
ok 'others meet him by it' at c contact add benjamin
same() { [ "$(number a benjamin)" = "$(number b4 ana)" ]; }
ok 'both see one number' same
ok 'he gets his own name back' aumbryd account rename benjamin ben \
	--data "$DATA"
ok 'she takes what nobody has signed' at a contact accept benjamin
says 'which is to be compared anew' '^ben@.* known ' at a contact list
ok 'his account ends' aumbryd account delete ben --now ben --yes ben \
	--data "$DATA"
port=${URL##*:}
stop_server
start_server --listen "127.0.0.1:${port%%[!0-9]*}"
refused 'then he is not there' 1 not-found at a verify ben --number
says 'which is said' 'knows no ben@' sh -c \
	"aumbry --home '$T/a' contact list 2>&1"
ok 'he can be forgotten' at a contact remove ben
finish
