#!/bin/sh
# SPDX-License-Identifier: ISC
# 25-escrow-far.t: the escrow on another machine, as docs/INSTALL.md says it;
# wrong pins at either end, and an escrow that is away, silent or slow.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/escrow.sh"

# serve_far PORT PIN: the escrow, for a server of that pin.
serve_far() {
	: >"$T/escrow.err"
	aumbry-escrow serve --dir "$ESCROW_DIR" --listen "127.0.0.1:$1" \
		--client-pin "$2" 2>"$T/escrow.err" </dev/null &
	ESCROW=$!
	HELPERS="$HELPERS $ESCROW"
	until_true 30 escrow_answered
	grep -q '^aumbry-escrow: ready' "$T/escrow.err"
}
pin_of() { printf '%s\n' "$1" | sed 's/.*#pin=\([^&]*\).*/\1/'; }
restart() {
	stop_server
	start_server
}
logged() { grep -Eq "$1" "$T/server.err"; }
# standard_key: ask for a key with the escrow, as a sign-up does, with a request
# that is the generator of ristretto255; what is said.
standard_key() {
	curl -sk --max-time 20 "${URL%%#*}v1/signup/start" -d '{"standard":true,
		"request":"4vKuCmq8TnGohKlhxQBRX1jjC2qlgt2NtqZZReCNLXY="}'
}
alive() { curl -skf --max-time 3 "${URL%%#*}healthz"; }

# ---- set up, in the order of INSTALL.md ----

# shellcheck disable=SC2046 # two numbers
set -- $(free_ports 2)
port=$1 slow=$2
ok 'an escrow, on its machine' \
	aumbry-escrow init --dir "$ESCROW_DIR" --wait 2s
own=$(aumbry-escrow fingerprint --dir "$ESCROW_DIR" --tls)
exits 'an address without a pin is refused' 2 aumbryd init --data "$T/no" \
	--escrow "127.0.0.1:$port"
exits 'and one without a port' 2 aumbryd init --data "$T/no" \
	--escrow "127.0.0.1#pin=$own"
ok 'the server is told its address and pin' aumbryd init --data "$DATA" \
	--listen 127.0.0.1:0 --open --escrow "127.0.0.1:$port#pin=$own"
also '- and says that nobody answers yet' 'does not answer at 127.0.0.1'
URL=$(sed -n 1p "$T/out")
pin=$(pin_of "$URL")
configure limits signups_per_hour 1000
ok "the escrow is told the server's pin" serve_far "$port" "$pin"
says '- and prints the same address' \
	"listening 127.0.0.1:$port#pin=$own\$" cat "$T/escrow.err"
start_server
says 'the address names the escrow now' '&escrow=[A-Za-z0-9_-]{43}$' \
	echo "$URL"

ok 'status says that they meet' aumbryd status --data "$DATA"
also '- and names it, too' "^url +.*&escrow="
also '- with nothing that waits' '^escrow +reachable; 0 wait'

# ---- what it is for ----

mkdir "$T/files"
echo 'holiday pictures' >"$T/files/photo"
ok 'signs up under standard protection' sign_up laptop ana
says '- the escrow can help with backups' '^backup +.*escrow' \
	at laptop protection show
ok '- which it heard' until_true 20 escrow_told
ok 'backs up' at laptop backup "$T/files"
ok 'signs in by a code' at visitor signin "$URL" ana --with authenticator \
	--code "$(totp '30 seconds')"
ok '- and reads by keys of the escrow' \
	at visitor restore "latest:$T/files" --to "$T/back"
ok '- what was stored' cmp "$T/files/photo" "$T/back/photo"
says "it is in the escrow's journal" 'release done' \
	aumbry-escrow journal --dir "$ESCROW_DIR"

# ---- away, and back ----

stop_escrow
exits 'status sees one that is down' 3 aumbryd status --data "$DATA"
also '- and says what to do' 'See that aumbry-escrow runs'
says 'an escrow that is down' '"escrow-unreachable"' standard_key
ok '- the log says so' logged 'escrow_away code=escrow-unreachable'
serve_far "$port" "$pin"
says 'is asked again once it is up' '"kem_pk"|"ticket"' standard_key
ok '- the log says so' logged 'escrow_back'

# ---- the wrong key at either end ----

stop_escrow
serve_far "$port" "$own"
says 'an escrow that was told another pin' '"escrow-unreachable"' standard_key
also '- and why' "saw this server's key"
exits 'status says it, too' 3 aumbryd status --data "$DATA"
also '- and how it comes right' "this server's key.*.escrow-unreachable"
also '- in words' 'client-pin is what stands after #pin='
stop_escrow
serve_far "$port" "$pin"
configure escrow address "127.0.0.1:$port#pin=$pin"
restart
ok 'a server that was told another pin still serves' alive
ok '- and says what is wrong' logged 'escrow_away code=escrow-changed'
says '- and asks nothing' '"escrow-changed"' standard_key
exits '- status says it, too' 3 aumbryd status --data "$DATA"
also '- by its code' '^escrow +the escrow shows another key.*escrow-changed'
lacks_lines() { ! grep -q . "$T/escrow.err.new"; }
sed 1,2d "$T/escrow.err" >"$T/escrow.err.new"
ok '- of which the escrow heard nothing' lacks_lines
perl -MIO::Socket::INET -e '
	my $l = IO::Socket::INET->new(Listen => 5, ReuseAddr => 1,
	    LocalAddr => "127.0.0.1:" . shift) or die;
	while (my $c = $l->accept) { print $c "220 mail.example.org\r\n" }' \
	"$slow" &
talker=$!
HELPERS="$HELPERS $talker"
until_true 10 answers "$slow"
configure escrow address "127.0.0.1:$slow#pin=$own"
restart
says 'something else that listens there' 'is no escrow' standard_key
kill $talker
wait $talker 2>/dev/null
configure escrow socket "$T/socket"
exits 'a socket and an address' 2 \
	aumbryd serve --data "$DATA" --check-config
configure escrow socket ''

# ---- who lets others wait ----

# Its machine is gone, and nothing says so: connections open, and stay silent.
configure escrow address "127.0.0.1:$port#pin=$own"
restart
says 'all is well again' '"ticket"' standard_key
kill -STOP "$ESCROW"
standard_key >"$T/first" &
first=$!
# Connected, as the kernel has it: remote address, state.
asked() { grep -q ":$(printf '%04X' "$port") 01 " /proc/net/tcp; }
until_true 5 asked
ok 'while a silent one is waited for, others are served' alive
wait $first
says 'it is given up' 'does not answer' cat "$T/first"
says 'and not waited for by the next' 'a moment ago' standard_key
kill -CONT "$ESCROW"
goes_on() { standard_key | grep -q '"ticket"'; }
ok 'it goes on by itself' until_true 20 goes_on

# A byte at a time makes progress, and no answer.
perl -MIO::Socket::INET -MIO::Select -e '
	my ($at, $to) = @ARGV;
	my $l = IO::Socket::INET->new(Listen => 5, ReuseAddr => 1,
	    LocalAddr => "127.0.0.1:$at") or die;
	while (my $c = $l->accept) {
		next if fork;
		my $e = IO::Socket::INET->new("127.0.0.1:$to") or die;
		my $s = IO::Select->new($c, $e);
		while (my @r = $s->can_read) {
			for my $from (@r) {
				my $n = $from == $e ? 1 : 65536;
				sysread($from, my $x, $n) or exit;
				syswrite($from == $e ? $c : $e, $x);
				select undef, undef, undef, 0.02 if $n == 1;
			}
		}
	}' "$slow" "$port" &
HELPERS="$HELPERS $!"
until_true 10 answers "$slow"
configure escrow address "127.0.0.1:$slow#pin=$own"
restart
ok 'one that answers a byte at a time is given up, too' \
	logged 'escrow_away code=escrow-unreachable .*does not answer'
finish
