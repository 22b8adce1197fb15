#!/bin/sh
# SPDX-License-Identifier: ISC
# 33-mail-login.t: a real Cyrus and a real Postfix, asking about app-specific
# passwords: mail is sent and read, calendars are opened, by the right one only.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/mail.sh"

MUX=$T/mux
start_server
stop_server
configure auth saslauthd_socket "$MUX"
start_server
ok 'an account with two-factor' sign_up ana ana --invite "$INVITE"
at ana --quiet app-password create Mail --scope mail >"$T/mail"
at ana --quiet app-password create Calendar --scope dav >"$T/dav"
mail=$(cat "$T/mail") dav=$(cat "$T/dav")
ok 'Cyrus runs' start_cyrus
ok 'Postfix runs' start_postfix

# imap PASSWORD [COMMAND]
imap() {
	curl -sS --max-time 20 --user "ana:$1" -X "${2-NOOP}" \
		"imap://127.0.0.1:$IMAP/"
}
smtp() {
	printf 'From: <ana@localhost>\r\nSubject: %s\r\n\r\nHello.\r\n' "$2" |
		curl -sS --max-time 20 --user "ana:$1" -T - \
			--mail-from ana@localhost --mail-rcpt ana@localhost \
			"smtp://127.0.0.1:$SUBMISSION"
}
dav() {
	curl -sS --max-time 20 --user "ana:$1" -X PROPFIND -H 'Depth: 0' \
		-o "$T/dav.out" -w '%{http_code}\n' \
		"http://127.0.0.1:$DAV/dav/principals/user/ana/"
}
arrived() {
	curl -sS --max-time 20 --user "ana:$mail" \
		"imap://127.0.0.1:$IMAP/INBOX?SUBJECT%20$1" | grep -q 'SEARCH [0-9]'
}

says 'IMAP with the right one' 'INBOX' imap "$mail" 'LIST "" *'
not 'IMAP with a wrong one' imap abcd-efgh-ijkl-mnop
not "IMAP with the account's password" imap "$(cat "$PW")"
not 'IMAP with that for calendars' imap "$dav"
ok 'sending with the right one' smtp "$mail" first
ok 'which arrives' until_true 30 arrived first
not 'sending with a wrong one' smtp abcd-efgh-ijkl-mnop second
not "sending with the account's password" smtp "$(cat "$PW")" second
not 'sending with that for calendars' smtp "$dav" second
not 'sending with none' curl -sS --max-time 20 -T "$T/mail" \
	--mail-from ana@localhost --mail-rcpt ana@localhost \
	"smtp://127.0.0.1:$SUBMISSION"
not 'none of these arrived' arrived second
says 'calendars with the right one' '^207$' dav "$dav"
says 'not with a wrong one' '^401$' dav abcd-efgh-ijkl-mnop
says 'nor that for mail' '^401$' dav "$mail"
says "nor the account's" '^401$' dav "$(cat "$PW")"
says 'the list tells what used them' 'Mail .*last used .* by (imap|smtp)$' \
	at ana app-password list
also 'both' 'Calendar .*last used .* by (http|HTTP)$'
ok 'revoked' at ana app-password revoke --all
not 'IMAP is closed' imap "$mail"
not 'sending too' smtp "$mail" third
says 'and calendars' '^401$' dav "$dav"
stop_mail
finish
