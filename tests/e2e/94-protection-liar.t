#!/bin/sh
# SPDX-License-Identifier: ISC
# 94-protection-liar.t: a server that lies about protection, the escrow and
# recovery is caught, by name, and nothing is lost.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"
. "$(dirname "$0")/escrow.sh"

KEY=$T/key
PW2=$T/pw2
echo 'another battery entirely' >"$PW2"
mkdir "$T/files"
echo 'the text of a file' >"$T/files/a"
code() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'UPDATE factor SET counter = 0; DELETE FROM throttle' >/dev/null
	totp now
}
# caught CODE LIE COMMAND…: while it is told, that ends with the code and 6.
caught() {
	wanted_code=$1 telling=$2
	shift 2
	lie "$telling"
	refused "$telling: $wanted_code" 6 "$wanted_code" "$@"
	told "$telling"
	truth
}
well() {
	rm -rf "$T/back"
	date +%N >"$T/files/at.$1"
	if run at "$1" backup "$T/files" &&
		run at "$1" restore "latest:$T/files" --to "$T/back" &&
		run trees_equal "$T/files" "$T/back"; then
		pass "$1 reads and writes"
	else
		fail "$1 reads and writes"
	fi
}
visit() {
	at visitor signin "$URL" ana --with authenticator --code "$(code)"
}

start_escrow
start_liar
stop_server
configure escrow socket "$ESCROW_SOCKET"
start_server
# The address names the escrow, as that of a server with TLS does.
URL="$(cat "$T/liar.out")#escrow=$(cat "$T/escrow.pin")"

caught escrow-changed foreign-escrow at laptop signup "$URL" ana \
	--invite "$INVITE" --protection standard
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
says '- standard, for the address names the escrow' standard \
	at laptop protection show
ok 'a recovery key' at laptop recovery key create --out "$KEY"
ok '- that was tried' at laptop recovery drill --key-file "$KEY"
ok 'a tablet' pair laptop tablet ana --device-name tablet
well laptop
well tablet

# ---- what the escrow gives, and writes ----

ok 'a code reads' visit
also '- to read' 'to read'
ok '- and signs out' at visitor signout
lie altered-release
run visit
also 'altered-release: escrow-changed' 'escrow-changed'
told altered-release
run at visitor signout
lie old-release
run visit
also 'old-release: key-substituted' 'key-substituted'
told old-release
truth
run at visitor signout
ok 'the journal is seen' at laptop log
caught journal-rolled-back short-journal at laptop log
caught journal-rolled-back altered-journal at laptop log
caught journal-rolled-back short-journal at tablet status
ok 'the truth is no lie' at laptop log

# ---- recovery ----

caught key-substituted no-recovery-envelope \
	at laptop recovery drill --key-file "$KEY"
caught key-substituted altered-recovery-envelope \
	at laptop recovery drill --key-file "$KEY"
recover() {
	rm -rf "$T/new"
	aumbry --home "$T/new" recover "$URL" ana --key-file "$KEY" \
		--new-password-file "$PW2" --keep-devices
}
caught circle-not-yours altered-recovery-pin recover
caught circle-not-yours forged-circle recover
caught circle-invalid flip-circle recover
caught circle-rolled-back old-circle recover

# ---- the level ----

ok 'advanced' at laptop protection advanced --code "$(code)"
ok 'the tablet has heard of it' at tablet status
caught circle-rolled-back hide-protection at tablet status
caught circle-rolled-back hide-protection at laptop backup "$T/files"
lie 'drop-protection'
run visit
also 'drop-protection: circle-invalid' 'circle-invalid'
told drop-protection
truth
run at visitor signout
caught circle-invalid forged-protection at laptop backup "$T/files"
caught circle-invalid forged-protection at tablet status
caught escrow-changed foreign-escrow at laptop protection standard \
	--code "$(code)"
says '- and nothing changed' '^protection +advanced' at laptop protection show
well laptop
well tablet
ok 'the recovery key opens all' at laptop recovery drill --key-file "$KEY"

# ---- cut off in between ----

lie 'hold-all POST circle'
aumbry --home "$T/laptop" --password-file "$PW" protection standard \
	--code "$(code)" >"$T/out" 2>"$T/err" </dev/null &
switching=$!
ok 'standard again, and killed when the circle says so' until_true 20 \
	[ -s "$T/lies" ]
kill -9 $switching
wait $switching 2>/dev/null
truth
until_true 20 escrow_told
run visit
also '- the escrow does not know the password yet' 'Signed in'
if grep -q 'to read:' "$T/err"; then fail '- so nothing is read'; else
	pass '- so nothing is read'
fi
run at visitor signout
ok '- the same again finishes it' at laptop protection standard \
	--code "$(code)"
until_true 20 escrow_told
ok '- a code reads' visit
also '- to read' 'to read'
run at visitor signout
says '- and then there is nothing to do' 'standard already' at laptop \
	protection standard
finish
