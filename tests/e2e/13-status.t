#!/bin/sh
# SPDX-License-Identifier: ISC
# 13-status.t: aumbryd status names what an operator has to do, and ends with 3
# while there is something.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

status() { aumbryd status --data "$DATA"; }
# todo NAME PATTERN [COMMAND…]: status says so, below "to do", and ends with 3.
todo() {
	name=$1 pattern=$2
	shift 2
	exits "$name" 3 "$@" aumbryd status --data "$DATA"
	also '- and what' "^- $pattern"
}

small=''
if small_disk "$T/disk" 40m; then
	small=1
	DATA=$T/disk/data
fi
start_server
ok 'signs up' sign_up ana ana --invite "$INVITE"
mkdir "$T/files"
echo 'something' >"$T/files/a"
ok 'a server of which nothing is to be said' status
also '- it serves' '^serving +yes$'
also '- no backup is late' '^backups +of 0 accounts, 0 of them late$'
also '- no mail waits' '^mail +0 wait; no relay is set$'
also '- no copy was made' '^copied +never'
ok 'backs up' at ana backup "$T/files"
ok 'has a quota' aumbryd account --data "$DATA" quota ana 5G
ok 'the server is copied' aumbryd backup --data "$DATA" --to "$T/copy"
ok 'and there is still nothing to do' status
also '- of one account' '^backups +of 1 accounts, 0 of them late$'
also '- which has a quota' '^quotas +5\.00 GiB; 0 accounts have none$'
also '- it was copied today' "^copied +$(date -u +%Y-%m-%d)"
run aumbryd status --data "$DATA" --json
equal 'a program hears that there is nothing to do' '[]' \
	"$(json todo "$T/out")"
says '- and the same as a person' \
	'accounts backups blobs bytes certificate copied_ms disk' \
	json - "$T/out"

# ---- late ----

todo 'a week later' 'no backup for 7 days: ana\. Ask them' \
	faketime -f +8d
also '- nor was the server copied' '^- the server was not copied for 7 days'
ok 'an account that is closed' aumbryd account --data "$DATA" suspend ana
run faketime -f +8d aumbryd status --data "$DATA"
lacks '- is not asked for backups' 'no backup for'
aumbryd account --data "$DATA" resume ana

# ---- mail that does not go out ----

# shellcheck disable=SC2046 # one number
set -- $(free_ports 1)
configure mail smtp_url "smtp://127.0.0.1:$1"
configure mail from cloud@example.org
kill -HUP "$SERVER"
mails() { at ana mail add ana@example.org; }
ok 'a relay that is away' until_true 10 mails
failing() { status | grep -q '^mail .*none went out since .*connect'; }
ok 'is told of' until_true 10 failing
todo 'with what to do' 'notices to people do not go out\. .*systemctl reload'
configure mail smtp_url ''
todo 'no relay, and mail that waits' 'notices to people do not go out'
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' 'DELETE FROM outbox'

# ---- a certificate that ends ----

openssl req -x509 -key "$DATA/keys/tls.key" -days 13 -subj /CN=localhost \
	-out "$T/cert.pem" 2>"$T/openssl"
configure server tls_cert "$T/cert.pem"
configure server tls_key "$DATA/keys/tls.key"
todo 'a certificate of 13 days' 'the certificate ends within 14 days'
todo '- two weeks later' 'the certificate has ended' faketime -f +14d
configure server tls_cert ''
configure server tls_key ''
ok 'and one of 20 years again' status

# ---- no room, and no server ----

if [ -n "$small" ]; then
	left=$(df -k --output=avail "$T/disk" | tail -n 1)
	head -c "$(((left - 1500) * 1024))" /dev/zero >"$T/disk/filler"
	todo 'a disk that is nearly full' 'the disk is nearly full'
	rm "$T/disk/filler"
fi
stop_server
todo 'a server that is down' 'nobody answers at the address'
also '- what it holds is told all the same' '^backups +of 1 accounts'
finish
