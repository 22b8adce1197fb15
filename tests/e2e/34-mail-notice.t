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
configure mail smtp_url "smtp://127.0.0.1:$RELAY"
refused 'a relay needs a sender' 2 bad-usage aumbryd serve --data "$DATA"
configure mail from aumbry@localhost
"$ROOT/tests/tools/places.pl" "$T/places.mmdb"
configure place database "$T/places.mmdb"
start_server

# inbox SEARCH: numbers of the mails, by IMAP.
inbox() {
	curl -sS --max-time 20 --user "ana:$mail" \
		"imap://127.0.0.1:$IMAP/INBOX?SUBJECT%20$1" |
		tr -d '\r' | sed -n 's/^\* SEARCH *//p'
}
has() {
	[ "$(inbox "$1" | wc -w)" -eq "$2" ]
}
# come NAME WORD N: that many mails with the word in their subject, in the end.
come() {
	ok "$1" until_true 60 has "$2" "$3"
}
# show WORD: the newest such mail.
show() {
	curl -sS --max-time 20 --user "ana:$mail" \
		"imap://127.0.0.1:$IMAP/INBOX;MAILINDEX=$(inbox "$1" |
			tr ' ' '\n' | tail -n 1)" | tr -d '\r'
}

inbox x >"$T/first" # the first login makes the mailbox
for address in ana ana@ @localhost 'a b@localhost' 'ana@local host' \
	"$(printf 'ana@localhost\nBcc: x@y')" '-a@localhost' 'ana@localhost.'; do
	refused "no address is \"$address\"" 1 bad-request \
		at ana mail add "$address"
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

ok 'the address is removed' at ana mail remove ana@localhost
come 'which it is told last' 'removed' 1
ok 'after that' at ana app-password revoke --all
refused 'it is gone' 1 not-found at ana mail remove ana@localhost
for i in 1 2 3 4; do at ana mail add "x$i@localhost"; done >"$T/four" 2>&1
refused 'at most three' 1 too-large at ana mail add more@localhost
stop_mail
finish
