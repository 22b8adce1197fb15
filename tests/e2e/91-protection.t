#!/bin/sh
# SPDX-License-Identifier: ISC
# 91-protection.t: the level is switched, both ways, and loses nothing.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/escrow.sh"

KEY=$T/key
mkdir -p "$T/files/.ssh"
echo 'holiday pictures' >"$T/files/photo"
printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n' >"$T/files/.ssh/id_rsa"

# code: one that is good now, as if the last were long ago.
code() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'UPDATE factor SET counter = 0'
	totp now
}
# epochs PURPOSE: of how many epochs the server holds envelopes of that kind.
epochs() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		"SELECT COUNT(DISTINCT epoch) FROM envelope WHERE purpose = $1"
}
# level HOME: as the device there sees it.
level() {
	run at "$1" protection show --json
	json level "$T/out"
}
# comes_back HOME: all is backed up, and restores.
comes_back() {
	date +%N >"$T/files/at"
	rm -rf "$T/back"
	if run at "$1" backup "$T/files" &&
		run at "$1" restore "latest:$T/files" --to "$T/back" &&
		run trees_equal "$T/files" "$T/back"; then
		pass 'backs up and restores'
	else
		fail 'backs up and restores'
	fi
}
key_of_account() {
	find "$ESCROW_DIR/accounts" -type f ! -name '*.circle' | head -n 1
}

start_with_escrow
ok 'signs up' at laptop signup "$URL" ana --invite "$INVITE" \
	--device-name laptop --protection standard
run at laptop protection advanced
equal 'advanced has its conditions' 4 $?
also '- two-factor' 'two-factor is not on'
also '- a way to recover' 'there is no recovery key'
also '- with what to do' 'aumbry two-factor on, then: aumbry recovery key create'
also '- with its code' '\(protection-blocked\)'
ok 'two-factor' at laptop authenticator add --secret-file "$SECRET"
ok '- is on' at laptop authenticator confirm "$(totp now)"
head -c 20000 /dev/urandom >"$T/film"
ok 'a file in the Drive' at laptop drive put "$T/film" /
ok 'a recovery key' at laptop recovery key create --out "$KEY"
refused 'one that was never tried is none' 4 protection-blocked \
	at laptop protection advanced
also '- the drill is what is left' 'aumbry recovery drill'
ok 'it is tried' at laptop recovery drill --key-file "$KEY"
comes_back laptop
ok 'the escrow knows of it' until_true 20 escrow_told
refused 'what is standard is not sealed anew' 4 protection-blocked \
	at laptop protection reencrypt

# ---- to advanced ----

refused 'it takes a factor' 4 step-up-required sh -c \
	'sqlite3 "$1" "UPDATE session SET step_up_ms = 0" && shift && exec "$@"' \
	sh "$DATA/aumbryd.db" aumbry --home "$T/laptop" protection advanced
ok 'advanced' at laptop protection advanced --code "$(code)"
equal '- says the circle' advanced "$(level laptop)"
equal '- web access is off' false "$(json web_access "$T/out")"
equal '- new keys were made' 2 "$(epochs 3)"
equal '- the server holds nothing for the escrow' 0 "$(epochs 6)"
ok '- the escrow has been told' until_true 20 escrow_told
says '- its journal has the end of the key' 'destroy' \
	aumbry-escrow journal --dir "$ESCROW_DIR"
says 'the log tells of it' protection_advanced at laptop log
comes_back laptop

# What the escrow could open is sealed anew.
old_packs() {
	find "$DATA/blobs" -type f ! -path "$DATA/blobs/tmp/*" ! -path "$DATA/blobs/trash/*" \
		-exec perl -e 'for (@ARGV) { open my $f, "<:raw", $_ or next;
			read $f, my $h, 10; my ($m, $e) = unpack "a4 x2 N", $h;
			print "$e\n" if $m eq "PPK1" && $e == 1 }' {} +
}
before=$(old_packs | wc -l)
ok 'old packs are sealed anew' at laptop protection reencrypt
also '- some' '^[1-9][0-9]* packs are sealed anew'
also '- of the Drive, too, and its names' '^Drive: 1 packs and [1-9][0-9]* records are'
equal '- but for secrets, which the escrow never had' 1 "$(old_packs | wc -l)"
not '- there were more' [ "$before" -le 1 ]
comes_back laptop
ok '- all is whole' at laptop check --read
says 'again there is nothing to do' 'No pack is under' \
	at laptop protection reencrypt
also '- nor in the Drive' '^Drive: 0 packs and 0 records are'
ok 'whose file is there' at laptop drive cat /film
ok '- and whole' cmp "$T/out" "$T/film"
run at visitor signin "$URL" ana --with authenticator \
	--code "$(code)"
lacks 'a code reads nothing now' 'to read'
refused '- also when it tries' 4 permission-denied \
	at visitor restore latest --to "$T/nothing"
ok '- and signs out' at visitor signout
run aumbry --home "$T/blank" recover "$URL" ana --operator --json
request=$(json request "$T/out" | cut -c 1-8)
refused 'the operator has nothing to give' 4 release-refused \
	aumbryd account --data "$DATA" recover ana "$request" --reference r
ok 'a second device' pair laptop tablet ana --device-name tablet
comes_back tablet
refused 'is too young to switch' 4 device-too-young \
	at tablet protection standard --code "$(code)"

# ---- and back ----

ok 'standard again' at laptop protection standard --code "$(code)"
equal '- says the circle' standard "$(level laptop)"
equal '- every epoch is there for the escrow' "$(epochs 3)" "$(epochs 6)"
ok '- the escrow knows of it' until_true 20 escrow_told
comes_back laptop
comes_back tablet
ok 'a code reads again' at visitor signin "$URL" ana --with authenticator \
	--code "$(code)"
also '- to read' 'to read'
rm -rf "$T/back"
run at visitor restore "latest:$T/files" --to "$T/back"
equal '- all but secrets' 3 $?
ok '- what was written under advanced protection too' \
	cmp "$T/files/at" "$T/back/at"
ok '- and signs out' at visitor signout

# ---- with the escrow away ----

stop_escrow
ok 'advanced without the escrow at hand' at laptop protection advanced \
	--code "$(code)"
says '- the end of the key waits' 'still to be told' at laptop protection show
comes_back laptop
refused 'standard cannot be had meanwhile' 5 escrow-unreachable \
	at laptop protection standard --code "$(code)"
equal '- and nothing changed' advanced "$(level laptop)"
start_escrow
ok 'the escrow is told when it is back' until_true 30 escrow_told
equal '- it has ended the key twice' 2 "$(aumbry-escrow journal \
	--dir "$ESCROW_DIR" | grep -c ' destroy ')"
comes_back laptop
finish
