#!/bin/sh
# SPDX-License-Identifier: ISC
# 13-reload.t: SIGHUP takes over what can change, says what can not, and keeps
# what was when there is a mistake; /readyz is true.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

# reloaded [WORDS]: SIGHUP, until the log has an end to it that has WORDS.
reloaded() {
	before=$(wc -l <"$T/server.err")
	kill -HUP "$SERVER"
	until_true 10 ended_since && since | grep -Eq "${1-config_read}"
}
since() { tail -n "+$((before + 1))" "$T/server.err"; }
ended_since() { since | grep -Eq ' (config_read|reload_failed) '; }
# logged [WORDS]: what the log has since the last reloaded.
logged() { since | grep -Eq "$1"; }

start_server
ok 'signs up' sign_up ana ana --invite "$INVITE"
mkdir "$T/files"
echo 'something' >"$T/files/a"

# ---- what changes ----

ok 'nothing was changed' reloaded 'config_read changed=0'
configure accounts invitations closed
configure limits signups_per_hour 1000
ok 'two keys' reloaded 'config_read changed=2'
ok '- which the log names' logged 'config_changed key=accounts.invitations'
refused 'nobody signs up any more' 4 invitation-required \
	at bea signup "$URL" bea --invite ABCD-EFGH-JKMN-PQRS
configure server log error
ok 'the log is quiet' reloaded config_changed
at ana status >"$T/out" 2>&1
configure server log debug
ok '- from then on, or says all' reloaded 'config_read changed=1'
at ana status >"$T/out" 2>&1
ok '- as it does now' logged ' debug '
configure server log info

refused 'without a relay there is no mail' 4 no-gateway \
	at ana mail add ana@example.org
perl -MIO::Socket::INET -e '
	$| = 1;
	my $l = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1");
	print $l->sockport, "\n";
	while (my $c = $l->accept) {
		print $c "220 test\r\n";
		while (<$c>) {
			print;
			my $data = /^DATA/ if !$in;
			if ($in) { $in = 0 if /^\.\r/; print $c "250 ok\r\n" if !$in; next }
			$in = $data;
			print $c /^QUIT/ ? "221 bye\r\n" : $data ? "354 go\r\n" : "250 ok\r\n";
		}
	}' >"$T/mails" &
HELPERS="$HELPERS $!"
until_true 10 test -s "$T/mails"
relay=$(head -n 1 "$T/mails")
configure mail smtp_url "smtp://127.0.0.1:$relay"
ok 'a relay without a sender is refused' reloaded \
	'reload_failed code=bad-usage why="\[mail\] smtp_url needs from'
configure mail from cloud@example.org
ok 'with one it is taken over' reloaded 'changed=3'
ok '- its value is not in the log' sh -c "! grep -q 'smtp://' '$T/server.err'"
ok 'and mail goes out' at ana mail add ana@example.org
mailed() { grep -q 'RCPT TO:<ana@example.org>' "$T/mails"; }
ok '- through it' until_true 10 mailed

node "$ROOT/tests/tools/gateway.mjs" >"$T/texts" &
HELPERS="$HELPERS $!"
until_true 10 test -s "$T/texts"
gateway="http://127.0.0.1:$(head -n 1 "$T/texts")"
refused 'without a gateway there is no text' 4 no-gateway \
	at ana phone add +420601234567
echo "$gateway/one?to={number}&text={message}" >"$T/text_url"
configure phone text_url "@$T/text_url"
ok 'a gateway, whose address is in a file' reloaded phone.text_url
ok 'texts' at ana phone add +420601234567
ok '- through it' grep -q '"url":"/one?to=%2B420601234567' "$T/texts"
echo "$gateway/two?to={number}&text={message}" >"$T/text_url"
ok 'another template in that file' reloaded phone.text_url
ok 'texts' at ana phone add +420601234567
ok '- as it says' grep -q '"url":"/two?to=' "$T/texts"
configure phone text_url ''
ok 'and none' reloaded phone.text_url
refused '- is none' 4 no-gateway at ana phone add +420601234568

# ---- what does not ----

cp "$DATA/aumbryd.conf" "$T/conf"
configure server listen 127.0.0.1:1
configure server threads 9
configure limits connections 99
ok 'what waits for the next start' reloaded 'config_read changed=0'
for key in server.listen server.threads limits.connections; do
	ok "- $key is named" logged "config_waits key=$key "
done
cp "$T/conf" "$DATA/aumbryd.conf"
configure limits code_tries many
line=$(grep -n '^code_tries' "$DATA/aumbryd.conf" | cut -d : -f 1)
configure accounts invitations open
ok 'a mistake, with its line' reloaded \
	"reload_failed code=bad-usage why=\".*aumbryd.conf:$line: code_tries: "
cp "$T/conf" "$DATA/aumbryd.conf"
echo 'colour = red' >>"$DATA/aumbryd.conf"
ok 'a key that is none' reloaded 'reload_failed .* colour: '
mv "$DATA/aumbryd.conf" "$T/away"
ok 'a file that is gone' reloaded 'reload_failed code=not-found'
mv "$T/conf" "$DATA/aumbryd.conf"
refused 'all the while it is as it was' 4 invitation-required \
	at bea signup "$URL" bea --invite ABCD-EFGH-JKMN-PQRS
at ana backup "$T/files" >"$T/backup" 2>&1 &
backup=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	: "$i"
	kill -HUP "$SERVER"
done
ok 'twenty in a row do not hold up a backup' wait $backup
stop_server
start_server
ok 'what was changed counts after a restart, too' \
	grep -q '^invitations = closed' "$DATA/aumbryd.conf"

# ---- a quota is seen by who is at work ----

ok 'backs up' at ana backup "$T/files"
ok 'gets a quota' aumbryd account --data "$DATA" quota ana 1M
says '- which the next command shows' 'of 1\.00 MiB' at ana status
head -c 3000000 /dev/urandom >"$T/files/b"
refused '- and meets' 4 quota-exceeded at ana backup "$T/files"
ok 'a larger one' aumbryd account --data "$DATA" quota ana 100M
ok '- lets it go on' at ana backup "$T/files"
ok 'none' aumbryd account --data "$DATA" quota ana 0
says '- is shown as none' 'of no limit' at ana status

# ---- ready ----

ready() {
	curl -sk --max-time 20 -o "$T/got" -w '%{http_code}\n' \
		"${URL%%/#*}/readyz"
}
equal 'ready' 200 "$(ready)"
# Another process holds the database: nothing can be committed.
mkfifo "$T/hold"
sqlite3 -batch "$DATA/aumbryd.db" <"$T/hold" >"$T/held" 2>&1 &
exec 9>"$T/hold"
echo "BEGIN IMMEDIATE; SELECT 'held';" >&9
until_true 10 grep -q held "$T/held"
sleep 1
ready >"$T/first" &
first=$!
hangs() { [ "$(ready)" = 503 ]; }
ok 'not ready, and told so before the try has ended' until_true 9 hangs
says '- with its code' '"server-busy"' cat "$T/got"
equal 'alive' '{"ok":true}' "$(curl -sk "${URL%%/#*}/healthz")"
echo 'ROLLBACK;' >&9
exec 9>&-
wait $first
comes_back() { [ "$(ready)" = 200 ]; }
ok 'ready again by itself' until_true 10 comes_back

# ---- what is looked at every 10 minutes ----

sql() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"; }
stop_server
cp "$DATA/aumbryd.conf" "$T/conf"
configure mail smtp_url ''
sql "UPDATE mail_address SET confirmed = 1;
	INSERT OR REPLACE INTO backup_state SELECT uid, dev_id, since, since, 0
	FROM (SELECT uid, dev_id, (strftime('%s') - 86400 * 8) * 1000 AS since
		FROM device_seen LIMIT 1)"
# The server's clock is what that file says.
echo +0 >"$T/clock"
serve_at +0
SERVE="env FAKETIME_TIMESTAMP_FILE=$T/clock FAKETIME_NO_CACHE=1
	${SERVE#env FAKETIME=+0}"
start_server
equal 'without a relay nobody is told of a device' 0 \
	"$(sql 'SELECT told FROM backup_state')"
cp "$T/conf" "$DATA/aumbryd.conf"
ok 'with one from now on' reloaded 'key=mail.smtp_url'
echo +20m >"$T/clock"
told() { [ "$(sql 'SELECT told FROM backup_state')" -eq 1 ]; }
ok '- somebody is' until_true 10 told
finish
