#!/bin/sh
# SPDX-License-Identifier: ISC
# 34-mail-notice.t: what happens to an account's security comes by mail, through
# a real relay into a real mailbox, also when the relay was away.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/key.sh"
. "$(dirname "$0")/mail.sh"

MUX=$T/mux
start_server
ok 'an account with two-factor' sign_up ana ana --invite "$INVITE"
refused 'a server without a relay says so' 4 no-gateway \
	at ana mail add ana@localhost
stop_server
configure auth saslauthd_socket "$MUX"
start_server
at ana --quiet app-password create Mail --scope mail >"$T/mail"
mail=$(cat "$T/mail")
ok 'Cyrus runs' start_cyrus
ok 'Postfix runs' start_postfix
stop_server
configure mail smtp_url "127.0.0.1:$RELAY"
refused 'a relay is an address with its scheme' 2 bad-usage \
	aumbryd serve --data "$DATA" --check-config
configure mail smtp_url "smtp://127.0.0.1:$RELAY"
refused 'a relay needs a sender' 2 bad-usage aumbryd serve --data "$DATA"
configure mail from aumbry@localhost
"$ROOT/tests/tools/places.pl" "$T/places.mmdb"
configure place database "$T/places.mmdb"
node "$ROOT/tests/tools/gateway.mjs" >"$T/texts" &
HELPERS="$HELPERS $!"
until_true 20 test -s "$T/texts"
configure phone text_url \
	"http://127.0.0.1:$(head -n 1 "$T/texts")/{code}?n={number}"
printf '#!/bin/sh\ncat >%s\n' "'$T/called'" >"$T/caller"
chmod +x "$T/caller"
configure phone call_command "$T/caller"
start_server

# inbox WORDS: numbers of the mails with these in their subject, by IMAP.
inbox() {
	curl -sS --max-time 20 --user "ana:$mail" \
		"imap://127.0.0.1:$IMAP/INBOX?SUBJECT%20%22$(
			echo "$1" | sed 's/ /%20/g')%22" |
		tr -d '\r' | sed -n 's/^\* SEARCH *//p'
}
has() {
	[ "$(inbox "$1" | wc -w)" -eq "$2" ]
}
# come NAME WORDS N: that many mails with these in their subject, in the end.
come() {
	ok "$1" until_true 60 has "$2" "$3"
}
# show WORDS: the newest such mail.
show() {
	curl -sS --max-time 20 --user "ana:$mail" \
		"imap://127.0.0.1:$IMAP/INBOX;MAILINDEX=$(inbox "$1" |
			tr ' ' '\n' | tail -n 1)" | tr -d '\r'
}

inbox x >"$T/first" # the first login makes the mailbox
for address in ana ana@ @localhost 'a b@localhost' 'ana@local host' \
	"$(printf 'ana@localhost\nBcc: x@y')" '-a@localhost' 'ana@localhost.'; do
	refused "no address is \"$address\"" 1 bad-request \
		at ana mail add -- "$address"
done
ok 'an address' at ana mail add ana@localhost
come 'gets a code' code 1
mailed=$(show code | grep -E '^[0-9]{6}$')
says 'until then it is not confirmed' '^ana@localhost  \(not confirmed\)$' \
	at ana mail list
ok 'nothing goes there yet' \
	at ana app-password create Quiet --scope dav
refused 'a wrong code' 1 wrong-code at ana mail confirm \
	"$(printf %06d $(((1$mailed + 1) % 1000000)))"
refused 'no code' 2 wrong-code-kind at ana mail confirm 12345
ok 'the code' at ana mail confirm "$mailed"
also 'tells what it did' 'Notices go to ana@localhost'
refused 'counts once' 1 wrong-code at ana mail confirm "$mailed"
come 'which is told' 'address' 2
says 'and listed' '^ana@localhost$' at ana mail list

ok 'a device comes in' pair ana bea ana
come 'which is told' 'asks' 1
come 'at each step' 'let' 1
soft one
ok 'a security key is added' keyed one ana security-key add --name mine
come 'which is told' 'key' 1
says 'with its name' '^What: +mine$' show key
unplug_all
show 'let' >"$T/one"
says 'with the account' '^Account: ana@localhost$' cat "$T/one"
says 'the time' '^Time: +20[0-9-]+T[0-9:]+Z$' cat "$T/one"
says 'the address' '^From: +127\.0\.0\.1 \(near Lisbon, Portugal\)$' cat "$T/one"
says 'and what to do' '^    aumbry device list$' cat "$T/one"
says 'from whom it should' '^From: Aumbry <aumbry@localhost>$' cat "$T/one"
says 'as what no machine answers' '^Auto-Submitted: auto-generated$' \
	cat "$T/one"
not 'and without names of devices' grep -q bea "$T/one"
come 'nothing came of what was before' 'app-specific' 0

# Phones.
texted() {
	sed -n 's|.*"url":"/\([0-9]*\)?.*|\1|p' "$T/texts" | tail -n 1
}
# told SUBJECT N SAYS WHAT: the N-th such mail has come; its words.
told() {
	come "a mail: $1" "$1" "$2"
	show "$1" >"$T/notice"
	says 'says what happened' "^$3$" cat "$T/notice"
	says 'to which phone' "^What: +••• 67${4-}$" cat "$T/notice"
	cat "$T/notice" >>"$T/notices"
}
ok 'a phone is added' at ana phone add +420601234567
told 'a phone number was added' 1 "A phone number was added to the account\. \
It counts once its code is confirmed\."
sent="Somebody who knows the password had a code sent to a phone of the \
account\."
told 'a code was sent' 1 "$sent" ', by text'
one=$(texted)
ok 'it is confirmed' at ana phone confirm "$one"
told 'a phone number was confirmed' 1 \
	'Codes by text or call now go to a phone number more\.'
exits 'a text is asked for' 2 at ana step-up --with text
told 'a code was sent' 2 "$sent" ', by text'
two=$(texted)
exits 'and a call' 2 at ana step-up --with call
told 'a code was sent' 3 "$sent" ', by call'
ok 'the phone goes' at ana phone remove +420601234567
told 'a phone number was removed' 1 \
	'A phone number was removed from the account\.'
not 'no mail has the whole number, or a code' grep -q -e 601234567 \
	-e "$one" -e "$two" -e "$(json code "$T/called")" "$T/notices"

# The relay is away, and back.
stop_postfix
ok 'while no relay is there' at ana app-password create Two --scope dav
until_true 30 grep -q mail_failed "$T/server.err"
ok 'it is tried' grep -q 'mail_failed.*status=' "$T/server.err"
not 'which the log tells without the address' \
	grep -q ana@localhost "$T/server.err"
stop_server
start_server
start_postfix
come 'it comes when there is one again' 'app-specific' 1
equal 'and waits no more' 0 "$(sqlite3 -batch "$DATA/aumbryd.db" \
	'SELECT COUNT(*) FROM outbox')"

# A device that backs up by itself is silent; time is moved in the table.
silent() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "INSERT OR REPLACE
		INTO backup_state SELECT uid, dev_id, $2 * last,
		last, $1 FROM (SELECT uid, dev_id, (strftime('%s') -
		86400 * $3) * 1000 AS last FROM device_seen LIMIT 1)"
	stop_server
	start_server
}
mailed_times() {
	sqlite3 -batch "$DATA/aumbryd.db" 'SELECT told FROM backup_state'
}
silent 0 1 6
equal 'six days of silence are no news' 0 "$(mailed_times)"
silent 0 1 8
come 'eight are a mail' 'no backup for 7' 1
show 'no backup for 7' >"$T/late"
says 'with the device' '^Device:  [0-9a-f]{8}$' cat "$T/late"
says 'and since when' '^Since:   20[0-9-]+T[0-9:]+Z$' cat "$T/late"
silent 1 1 149
equal 'one, and no more for long' 1 "$(mailed_times)"
silent 1 0 151
come 'but once again' 'no backup for 150' 1
equal 'and never again' 2 "$(mailed_times)"

ok 'the address is removed' at ana mail remove ana@localhost
come 'which it is told last' 'address was removed' 1
ok 'after that' at ana app-password revoke --all
refused 'it is gone' 1 not-found at ana mail remove ana@localhost
for i in 1 2 3 4; do at ana mail add "x$i@localhost"; done >"$T/four" 2>&1
refused 'at most three' 1 too-large at ana mail add more@localhost
stop_mail
finish
