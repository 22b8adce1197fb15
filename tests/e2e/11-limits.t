#!/bin/sh
# SPDX-License-Identifier: ISC
# 11-limits.t: what one address, one account or nobody at all can make the
# server hold: connections, memory, files. And that limits say that they were
# met.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

init_server --http
configure server trusted_proxy 127.0.0.1
configure limits signups_per_hour 5
start_metered
ok 'signs up' sign_up ana ana --invite "$INVITE"
mkdir "$T/files"
echo 'something' >"$T/files/a"
ok 'backs up' at ana backup "$T/files"
stolen=$(sqlite3 -batch "$T/ana/state.db" \
	"SELECT hex(value) FROM pair WHERE name = 'token'" |
	cut -c 17- | perl -ne 'chomp; print pack("H*", $_)')
uid_zone=$(sqlite3 -batch "$DATA/aumbryd.db" \
	"SELECT lower(hex(zone)) || ' ' || number FROM zone LIMIT 1")
zone=${uid_zone% *} number=${uid_zone#* }
port=${URL##*:}
port=${port%%/*}

# ---- whose address counts ----

# The base point: any that is one will do.
point=$(printf '%s%s' e2f2ae0a6abc4e71a884a961c500515f \
	58e30b6aa582dd8db6a65945e08d2d76 | xxd -r -p | base64 | tr '+/' '-_' |
	tr -d =)
# begin HEADERS…: the status of a sign-up that begins.
begin() {
	curl -s -o "$T/got" -w '%{http_code}\n' -H "$1" -H "$2" \
		-d "{\"request\":\"$point\"}" "$URL/v1/signup/start"
}
# begins FROM…: the statuses of seven, each with another address that the
# client has made up, and one that the proxy has put behind it.
begins() {
	for i in 1 2 3 4 5 6 7; do
		begin "X-Forwarded-For: 10.0.0.$i" \
			"X-Forwarded-For: 10.1.0.$i, $(printf "$1" "$i")"
	done | uniq -c | awk '{ printf "%s x %s ", $1, $2 }'
}
equal 'a made-up address in a line before the proxy'"'"'s changes nothing' \
	'5 x 200 2 x 429 ' "$(begins 192.0.2.9)"
equal 'addresses of one IPv6 network of 64 bits count as one' \
	'5 x 200 2 x 429 ' "$(begins '2001:db8:0:1::%x')"
equal 'those of others do not' '7 x 200 ' "$(begins '2001:db8:0:f%x::1')"

# ---- memory and files that one session can have held ----

# anonymous: KiB of memory that is no file's.
anonymous() { awk '/^RssAnon/ { print $2 }' "/proc/$SERVER/status"; }
# nameless: MiB in files without a name.
nameless() {
	for fd in /proc/"$SERVER"/fd/*; do
		case $(readlink "$fd") in
		*'(deleted)') stat -L -c %b "$fd" ;;
		esac
	done 2>/dev/null | awk '{ n += $1 } END { print int(n / 2048) }'
}
# hold N REQUEST MIB: N connections on which the request is begun, each with so
# many MiB of its body. Says "held" when all is sent or refused.
cat >"$T/hold.pl" <<'END'
use IO::Socket::INET;
use IO::Select;
$| = 1;
my ($port, $n, $bytes, $head) = @ARGV;
$SIG{PIPE} = "IGNORE";
$head =~ s/\\r\\n/\r\n/g;
my (@s, $busy, $gone);
for (1 .. $n) {
	my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1",
	    PeerPort => $port) or next;
	my ($left, $piece) = ($bytes, "x" x 65536);
	$left = 0 unless syswrite $s, $head;
	while ($left > 0) {
		my $k = syswrite $s, $piece, $left < 65536 ? $left : 65536;
		last unless $k;
		$left -= $k;
	}
	push @s, $s;
}
print "held\n";
sleep 1000 while 1;
END
hold() {
	perl "$T/hold.pl" "$port" "$1" "$(($3 * 1024))" "$2" >"$T/held" &
	HELPERS="$HELPERS $!"
	holder=$!
	until_true 60 grep -q held "$T/held"
}
let_go() {
	kill "$holder"
	wait "$holder" 2>/dev/null
}
limited() {
	metric "aumbry_http_limited_total{limit=\"$1\"}"
}
before=$(anonymous)
auth="Authorization: Bearer $stolen\\r\\n"
hold 25 "POST /v1/zones/$zone/commits?category=backup HTTP/1.1\\r\\nHost: x\\r\\n${auth}Content-Length: 33554432\\r\\n\\r\\n" 30000
grew=$(($(anonymous) - before))
less '25 commits half sent take no memory to speak of (KiB)' 60000 "$grew"
less '- and no more of the disk than an account may (MiB)' 140 "$(nameless)"
ok '- the others are told to come again' [ "$(limited held)" -gt 0 ]
ok '- it is in the log, once a minute' \
	[ "$(grep -c 'limit_reached limit=held' "$T/server.err")" -eq 1 ]
ok '- another address still signs up' [ "$(begin X: \
	'X-Forwarded-For: 192.0.2.77')" = 200 ]
let_go
before=$(anonymous)
hold 200 "POST /v1/signup/start HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 262000\\r\\n\\r\\n" 255
less 'nor do 200 calls of a stranger (KiB)' 20000 $(($(anonymous) - before))
less '- who has less of the disk (MiB)' 6 "$(nameless)"
let_go

# Answers that nobody takes.
sqlite3 -batch "$DATA/aumbryd.db" "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
	SELECT i + 1 FROM n WHERE i < 100) INSERT INTO record SELECT $number,
	randomblob(16), 1, 0, 1, 1, 0, 0, 0, x'', randomblob(250000) FROM n"
refused=$(limited held)
hold 40 "GET /v1/zones/$zone/changes?since=0 HTTP/1.1\\r\\nHost: x\\r\\n${auth}\\r\\n" 0
answered() { [ "$(limited held)" -ge $((refused + 20)) ]; }
ok '40 answers of 25 MB that nobody takes are refused beyond a few' \
	until_true 60 answered
less '- and take no more of the disk than an account may (MiB)' 170 \
	"$(nameless)"
let_go
ok 'the account goes on' until_true 30 at ana status

# ---- connections ----

stop_server
configure limits connections 64
configure limits connections_per_address 50
configure server trusted_proxy ''
start_server
hold 120 'GET /healthz HTTP/1.1\r\nX: ' 0
# One that is slow to ask, or comes before a thread has closed what was cut,
# asks again as every client does.
equal 'idle connections give way to a newcomer' 200 "$(curl -s -o "$T/got" \
	-w '%{http_code}\n' --max-time 20 --retry 3 --retry-all-errors \
	--retry-delay 1 "$URL/healthz")"
ok '- it is counted' [ "$(limited connections_per_address)" -gt 0 ]
let_go
stop_server
# shellcheck disable=SC3045 # dash has it
(
	ulimit -n 100
	run aumbryd serve --data "$DATA"
	echo $? >"$T/status"
)
equal 'with too few files there is no start' 1 "$(cat "$T/status")"
also '- and the reason is told' 'open files'
configure limits connections 4096
# shellcheck disable=SC2034
SERVE='prlimit --nofile=1024:1024'
start_server
ok 'with fewer connections than wanted that is told' \
	grep -q 'connections_lowered from=4096 to=[0-9]* files=1024' "$T/server.err"
finish
