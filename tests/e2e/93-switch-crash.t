#!/bin/sh
# SPDX-License-Identifier: ISC
# 93-switch-crash.t: the protection level is switched and something is killed,
# a hundred times: it is always one level or the other, and nothing is lost.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/escrow.sh"

ROUNDS=${ROUNDS:-100}
KEY=$T/key
mkdir -p "$T/files/.ssh"
echo 'holiday pictures' >"$T/files/photo"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n' >"$T/files/.ssh/id_rsa"

ask() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"
}
code() {
	ask 'UPDATE factor SET counter = 0; DELETE FROM throttle' >/dev/null
	totp now
}
# level: what the device says; it must be able to say it.
level() {
	at laptop protection show --json >"$T/out" 2>"$T/err" &&
		json level "$T/out"
}
# fits LEVEL: what the server holds for the escrow belongs to that level.
fits() {
	sealed=$(ask 'SELECT COUNT(DISTINCT epoch) FROM envelope WHERE purpose = 6')
	epochs=$(ask 'SELECT COUNT(DISTINCT epoch) FROM envelope WHERE purpose = 3')
	case $1 in
	standard) [ "$sealed" -eq "$epochs" ] ;;
	advanced) [ "$sealed" -eq 0 ] ;;
	*) false ;;
	esac
}
comes_back() {
	date +%N >"$T/files/at.$1"
	rm -rf "$T/back"
	at laptop backup "$T/files" >"$T/out" 2>"$T/err" &&
		at laptop restore "latest:$T/files" --to "$T/back" \
			>"$T/out" 2>"$T/err" &&
		trees_equal "$T/files" "$T/back"
}
# soon N: seconds until the kill of round N, spread over a switch.
soon() {
	awk -v n="$1" 'BEGIN { srand(n * 7919); printf "%.3f\n", rand() * 0.45 }'
}

start_with_escrow
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
ok 'a recovery key' at laptop recovery key create --out "$KEY"
ok 'that was tried' at laptop recovery drill --key-file "$KEY"
ok 'backs up and restores' comes_back 0

now=standard torn='' lost='' switched=0 n=0
while [ $n -lt "$ROUNDS" ]; do
	n=$((n + 1))
	case $now in standard) to=advanced ;; *) to=standard ;; esac
	at laptop protection $to --code "$(code)" >"$T/switch.out" 2>&1 &
	switching=$!
	sleep "$(soon $n)"
	case $((n % 10)) in
	3) stop_server KILL ;;
	7) stop_escrow KILL ;;
	*) kill -9 $switching 2>/dev/null ;;
	esac
	wait $switching 2>/dev/null
	[ -n "$SERVER" ] || start_server
	[ -n "$ESCROW" ] || start_escrow
	before=$now
	now=$(level) || now=none
	fits "$now" || {
		# What was under way may have come through only just now.
		now=$(level) || now=none
		fits "$now" || torn="$torn $n:$now"
	}
	[ "$now" = "$before" ] || switched=$((switched + 1))
	if [ $((n % 10)) -eq 0 ]; then
		comes_back $n || lost="$lost $n"
	fi
done
equal 'it is always one level or the other, and all that belongs to it' '' "$torn"
equal 'nothing is lost' '' "$lost"
if [ $switched -gt $((ROUNDS / 10)) ]; then
	pass 'it was switched many times on the way'
else
	fail "it was switched many times on the way ($switched)"
fi
ok 'the escrow hears of all in the end' until_true 60 escrow_told
ok 'advanced at last' at laptop protection advanced --code "$(code)"
equal '- says the circle' advanced "$(level)"
ok '- fits' fits advanced
ok '- the escrow has ended its key' until_true 60 escrow_told
ok '- all is there' comes_back last
ok 'standard at last' at laptop protection standard --code "$(code)"
ok '- fits' fits standard
ok '- all is there' comes_back more
ok 'the recovery key opens all of it' at laptop recovery drill --key-file "$KEY"
ok 'check finds all whole' at laptop check --read
ok 'the escrow is whole' sh -c 'kill "$1"; sleep 0.3; exec aumbry-escrow check --dir "$2"' \
	sh "$ESCROW" "$ESCROW_DIR"
finish
