#!/bin/sh
# SPDX-License-Identifier: ISC
# 92-household.t: one command serves a household, the escrow with it.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

mkdir "$T/files"
echo 'holiday pictures' >"$T/files/photo"

# the_escrow: the process that is one, of this test.
the_escrow() {
	pgrep -f "aumbry-escrow serve --dir $1 "
}
gone() {
	! the_escrow "$1" >/dev/null
}

aumbryd init --data "$DATA" --listen 127.0.0.1:0 --with-escrow \
	>"$T/init.out" 2>"$T/init.err" || {
	sed 's/^/# /' "$T/init.err"
	echo 'Bail out! init failed'
	exit 1
}
URL=$(sed -n 1p "$T/init.out")
INVITE=$(sed -n 2p "$T/init.out")
says 'the address names the escrow' '&escrow=[A-Za-z0-9_-]{43}$' echo "$URL"
ok '- which init has left to nobody' gone "$DATA/escrow"
start_server --with-escrow
not '- and was met without a complaint' grep -q escrow_away "$T/server.err"
pid=$(the_escrow "$DATA/escrow")
equal 'one escrow runs' 1 "$(echo "$pid" | grep -c .)"
says '- the address is the same' "${URL##*escrow=}" cat "$T/server.err"
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE"
says '- under standard protection' '^protection +standard' \
	at laptop protection show
ok 'backs up' at laptop backup "$T/files"
ok 'a code reads' at visitor signin "$URL" ana --with authenticator \
	--code "$(totp '30 seconds')"
also '- to read' 'to read'
ok '- and restores' at visitor restore "latest:$T/files" --to "$T/back"
ok '- the same' trees_equal "$T/files" "$T/back"

# Whatever ends it, it comes again; and it ends with the server.
another() {
	now=$(the_escrow "$DATA/escrow") && [ "$now" != "$pid" ]
}
kill -9 "$pid"
ok 'one that died is started again' until_true 20 another
ok '- and answers' until_true 20 at laptop log
stop_server
ok 'it ends with the server' until_true 20 gone "$DATA/escrow"
start_server --with-escrow
the_escrow "$DATA/escrow" >/dev/null || fail 'it is there again'
stop_server KILL
ok '- also when that was killed' until_true 20 gone "$DATA/escrow"

# As a user of its own, where that can be.
if [ "$(id -u)" -eq 0 ]; then
	chmod 711 "$T"
	mkdir -m 711 "$T/apart"
	mkdir -m 711 "$T/apart/socket"
	chown nobody "$T/apart/socket"
	configure escrow user nobody
	configure escrow dir "$T/apart/escrow"
	cp -r "$DATA/escrow" "$T/apart/escrow"
	chown -R nobody "$T/apart/escrow"
	configure escrow socket "$T/apart/socket/s"
	refused 'beside a server that stays root it keeps nothing apart' 2 \
		bad-usage aumbryd serve --data "$DATA" --with-escrow
	chown -R daemon "$DATA"
	start_server --with-escrow
	pid=$(the_escrow "$T/apart/escrow")
	equal 'it runs as a user of its own' nobody \
		"$(ps -o user= -p "$pid")"
	equal '- and the server as whom its folder belongs to' daemon \
		"$(ps -o user= -p "$SERVER")"
	equal '- for good' 'daemon daemon daemon' "$(ps \
		-o ruser=,suser=,fuser= -p "$SERVER" | xargs)"
	ok '- and answers the server' at laptop log
	kill -9 "$pid"
	another() {
		now=$(the_escrow "$T/apart/escrow") && [ "$now" != "$pid" ]
	}
	ok '- one that died is started again, by root' until_true 20 another
	ok '- and answers' until_true 20 at laptop log
	# The server, and root beside it, are not its owner: no keys at once.
	cat >"$T/ask.pl" <<-'END'
	use IO::Socket::UNIX;
	my $s = IO::Socket::UNIX->new(Peer => shift) or exit 9;
	local $/;
	print <$s>;
	END
	ok '- root is not its owner unasked' sh -c '
		perl "$1" "$2" | grep -aq permission-denied' sh "$T/ask.pl" \
		"$T/apart/socket/s"
	ok '- but discloses by becoming it' aumbry-escrow disclose ana \
		--data "$DATA" --socket "$T/apart/socket/s" --reference r \
		--to "$T/disclosed"
	stop_server
	ok '- it ends with the server' until_true 20 gone "$T/apart/escrow"
	start_server --with-escrow
	stop_server KILL
	ok '- also when that was killed' until_true 20 gone "$T/apart/escrow"
	configure server user nobody
	refused '- the same user keeps nothing apart' 2 bad-usage \
		aumbryd serve --data "$DATA" --with-escrow
	configure server user ''
	configure escrow dir escrow
	stop_server
	refused 'which needs a place of its own' 2 bad-usage \
		aumbryd serve --data "$DATA" --with-escrow
else
	pass 'not root: no user of its own'
fi
finish
