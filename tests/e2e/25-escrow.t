#!/bin/sh
# SPDX-License-Identifier: ISC
# 25-escrow.t: aumbry-escrow, asked by a server that is a test: what it hands
# out and what not, who may ask, what it writes down, and what a crash, a flipped
# bit and a clock turned back do to it.
. "$(dirname "$0")/tap.sh"
PATH=$BUILD/tests:$PATH

D=$T/escrow
S=$T/socket
ESCROW=''

escrow_answered() {
	grep -q '^aumbry-escrow: ready ' "$T/escrow.err" ||
		! kill -0 "$ESCROW" 2>/dev/null
}
# start_escrow [FLAGS…]: serve $D at $S; $UNDER stands before the program.
UNDER=''
start_escrow() {
	: >"$T/escrow.err"
	$UNDER aumbry-escrow serve --dir "$D" --socket "$S" "$@" \
		>"$T/escrow.out" 2>"$T/escrow.err" </dev/null &
	ESCROW=$!
	HELPERS=$ESCROW
	until_true 30 escrow_answered
	grep -q '^aumbry-escrow: ready ' "$T/escrow.err" || {
		sed 's/^/# /' "$T/escrow.err"
		echo 'Bail out! aumbry-escrow did not become ready'
		exit 1
	}
}
# stop_escrow [SIGNAL]: the exit status is the escrow's.
stop_escrow() {
	kill -"${1:-TERM}" "$ESCROW" 2>/dev/null
	wait "$ESCROW" 2>/dev/null
}
ana() { escrowask "$S" ana hello "$@"; }
bob() { escrowask "$S" ana/bob hello "$@"; }
serve_fails() { aumbry-escrow serve --dir "$D" --socket "$S"; }
# set_limit KEY VALUE: in escrow.conf.
set_limit() {
	sed "s/^$1 = .*/$1 = $2/" "$D/escrow.conf" >"$T/conf" &&
		cat "$T/conf" >"$D/escrow.conf"
}
same() { [ "$(cat "$1")" = "$(cat "$2")" ]; }
flip() { # FILE OFFSET
	perl -e 'open F, "+<", $ARGV[0] or die; seek F, $ARGV[1], 0; read F, $c, 1;
		seek F, $ARGV[1], 0; print F chr(ord($c) ^ 1)' "$1" "$2"
}

# ---- init ----

says 'init prints a fingerprint' '^[A-Za-z0-9_-]{43}$' \
	aumbry-escrow init --dir "$D" --wait 2s
cp "$T/out" "$T/fingerprint"
says 'which can be had again' "^$(cat "$T/fingerprint")\$" \
	aumbry-escrow fingerprint --dir "$D"
says 'there is one escrow in a folder' 'repository-exists' \
	aumbry-escrow init --dir "$D"
ok 'nobody else may look' test "$(stat -c %a "$D" "$D/root.key" "$D/identity" \
	"$D/tls.key" "$D/escrow.conf" | tr '\n' ' ')" = '700 600 600 600 600 '
exits 'no folder is named' 2 aumbry-escrow init
exits 'an unknown option' 2 aumbry-escrow init --dir "$D" --waits 3d
exits 'a wait that is none' 2 aumbry-escrow init --dir "$D.2" --wait soon
says 'serving what is not there' 'there is no escrow at' \
	aumbry-escrow serve --dir "$T/none" --socket "$S"
chmod 644 "$D/root.key"
says 'a root key that others may read' 'permission-denied' serve_fails
chmod 600 "$D/root.key"
cp "$D/escrow.conf" "$T/conf.good"
echo 'colour = red' >>"$D/escrow.conf"
says 'a setting that is none' 'escrow.conf:[0-9]+: colour: there is no such' \
	serve_fails
cp "$T/conf.good" "$D/escrow.conf"

# ---- one account ----

start_escrow
ok 'the socket is its own' test "$(stat -c %a "$S")" = 600
says 'a second one of the same folder' 'home-busy' serve_fails
says 'no core file, no new rights' '0' \
	awk '/^Max core file size/ { print $5 }' "/proc/$ESCROW/limits"
says 'nor by a program it runs' 'NoNewPrivs:.1' cat "/proc/$ESCROW/status"
says 'nothing before HELLO' '^create permission-denied$' \
	escrowask "$S" ana create
says 'keys reach who the user asked for' '^release ok$' \
	ana create standard register release
says 'devices can check its journal' '^journal ok lines=3$' ana journal
says 'no other server is served' '^hello permission-denied$' \
	escrowask "$S" another hello
says 'an order begins' '^order:a ok$' ana create standard order:a
says 'and waits' '^collect:a recovery-waiting$' \
	ana create standard collect:a
says 'a cancelled one is dead' '^collect:a release-refused$' \
	ana create standard cancel:a collect:a
collected() { ana create standard collect:b | grep -q '^collect:b ok$'; }
ok 'another one' ana create standard order:b
ok 'is carried out after the wait' until_true 20 collected
stop_escrow
ok 'it ends when told' test $? -eq 0
not 'and takes its socket away' test -e "$S"

# ---- what it writes down ----

says 'the journal, for people' ' ana|order done .*reference="case 17"' \
	aumbry-escrow journal --dir "$D"
says 'the journal, for programs' \
	'"verb":"release","outcome":"done","detail":"request=[0-9a-f]{32} way=authenticator .*categories=backup,photos keys=4"' \
	aumbry-escrow journal --dir "$D" --json
says 'of one account' '^1$' sh -c \
	"aumbry-escrow journal --dir '$D' --account $(escrowask - ana uid) |
		grep -c ' create done'"
says 'of none' '^0$' sh -c "aumbry-escrow journal --dir '$D' --account \
	00000000000000000000000000000000 | wc -l"
exits 'an account that is none' 2 \
	aumbry-escrow journal --dir "$D" --account ana
says 'all of it can be opened' '^[0-9]+ lines, 1 accounts$' \
	aumbry-escrow check --dir "$D"
cp "$D/journal" "$T/journal.good"
size=$(stat -c %s "$D/journal")
flip "$D/journal" 200
exits 'a flipped bit in the journal' 6 serve_fails
exits 'check finds it' 6 aumbry-escrow check --dir "$D"
exits 'and journal' 6 aumbry-escrow journal --dir "$D"
cp "$T/journal.good" "$D/journal"
head -c $((size - 30)) "$T/journal.good" >"$D/journal"
start_escrow
says 'a torn end is cut off, and said' 'journal_torn cut_bytes=' \
	cat "$T/escrow.err"
says 'but the account has seen that line' '^state .*there=0' ana state
stop_escrow
says 'check names the account' 'journal-rolled-back account=' \
	aumbry-escrow check --dir "$D"
cp "$T/journal.good" "$D/journal"
state=$(find "$D/accounts" -type f ! -name '*.*')
flip "$state" 60
exits 'a flipped bit in an account' 6 aumbry-escrow check --dir "$D"
flip "$state" 60
flip "$state.circle" 60
exits 'in its circle' 6 aumbry-escrow check --dir "$D"
flip "$state.circle" 60
flip "$state.key" 60
exits 'in its key' 6 aumbry-escrow check --dir "$D"
flip "$state.key" 60
ok 'and all is well again' aumbry-escrow check --dir "$D"

# ---- limits outlive a restart, and a clock turned back is noticed ----

set_limit releases_per_hour 3
start_escrow
says 'two more' 'release ok' bob create standard register release release
stop_escrow KILL
start_escrow
says 'one more' '^release ok$' bob create standard release
says 'and no fourth, after a crash' '^release too-many-attempts$' \
	bob create standard release
stop_escrow
faketime=$(faketime -f +1h printenv LD_PRELOAD)
UNDER="env FAKETIME=-2h LD_PRELOAD=$faketime"
start_escrow
says 'an hour that is over only for the clock' '^release clock-wrong$' \
	bob create standard release
says 'nor is an order taken' '^order:z clock-wrong$' \
	bob create standard order:z
stop_escrow
UNDER="env FAKETIME=+2h LD_PRELOAD=$faketime"
start_escrow
says 'an hour that is over' '^release ok$' \
	faketime -f +2h escrowask "$S" ana/bob hello create standard release
stop_escrow
UNDER=''

# ---- a crash between the line and the deed ----

rm -rf "$D"
aumbry-escrow init --dir "$D" --wait 2s >/dev/null
start_escrow
ok 'a new escrow' ana create standard register
stop_escrow
UNDER='strace -f -qq -o /dev/null -e trace=fdatasync -e inject=fdatasync:signal=KILL'
start_escrow
says 'killed when the line is written' '^hung up$' \
	ana create standard to-advanced destroy
wait "$ESCROW" 2>/dev/null
UNDER=''
rm -f "$S"
says 'the line is there' ' destroy done clock=1$' \
	aumbry-escrow journal --dir "$D"
start_escrow
says 'the key still is' '^state there=1 registered=1 circle=2 ' ana state
says 'to be destroyed when asked again' '^destroy ok$' \
	ana create standard to-advanced destroy
says 'and gone then' '^state there=0 registered=0 ' ana state
not 'with its file' sh -c "find '$D/accounts' -name '*.key' | grep ."
says 'a new key is not the old one' '^register release-refused$' \
	ana create standard to-advanced register
stop_escrow

# ---- who takes long, and who sends much ----

start_escrow
silent() { escrowask "$S" ana silent; }
silent >"$T/silent" &
one=$!
escrowask "$S" ana hello slow >"$T/slow" 2>&1 &
two=$!
escrowask "$S" ana hello deaf >"$T/deaf" 2>&1 &
three=$!
HELPERS="$HELPERS $one $two $three"
# Before they have said who they are, those who come would take their places.
until_true 10 grep -q '^hello' "$T/slow"
until_true 10 grep -q '^hello' "$T/deaf"
for word in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	: "$word"
	escrowask "$S" ana silent >/dev/null 2>&1 &
	HELPERS="$HELPERS $!"
done
says 'others are served meanwhile' '^state there=' ana state
says 'a frame of a gigabyte' '^gigabyte too-large$' ana gigabyte
says 'one byte too long' '^too-long too-large$' ana too-long
says 'one of nothing' '^empty too-large$' ana empty
says 'the longest is read' '^longest update-needed$' ana longest
says 'three requests at once' '^pipelined ok$' ana pipelined
most=$(awk '/^VmHWM/ { print $2 }' "/proc/$ESCROW/status")
case $BUILD in
*asan* | *tsan*) limit=1000000 ;;
*) limit=65536 ;;
esac
ok 'none of it took memory' test "$most" -lt $limit
wait $one $two $three
says 'the silent one was cut' '^silent ended$' cat "$T/silent"
says 'the slow one was cut' '^slow ended$' cat "$T/slow"
says 'the deaf one was cut' '^deaf ended$' cat "$T/deaf"
silent >/dev/null &
HELPERS="$HELPERS $!"
stop_escrow
ok 'who is silent does not hold up its end' test $? -eq 0

# ---- who may ask ----

if [ "$(id -u)" -eq 0 ]; then
	mkdir -p "$T/open"
	chmod 711 "$T"
	chmod 755 "$T/open"
	cp "$BUILD/tests/escrowask" "$T/open/"
	own=$S
	S=$T/open/socket
	as_nobody() {
		setpriv --reuid=nobody --regid=nogroup --clear-groups \
			"$T/open/escrowask" "$S" ana hello state
	}
	start_escrow
	says 'nobody else can open the socket' '^not connected$' as_nobody
	stop_escrow
	start_escrow --group nogroup
	ok 'a group can' test "$(stat -c '%a %G' "$S")" = '660 nogroup'
	says 'but is turned away' '^(hello permission-denied|hung up)$' as_nobody
	stop_escrow
	start_escrow --group nogroup --allow-uid nobody
	says 'unless it is named' '^hello ok$' as_nobody
	stop_escrow
	S=$own
fi

# ---- another machine ----

pin=$(escrowask --certificate "$T/client")
other=$(escrowask --certificate "$T/other")
exits 'TLS needs to know who comes' 2 aumbry-escrow serve --dir "$D" \
	--socket "$S" --listen 127.0.0.1:0
start_escrow --listen 127.0.0.1:0 --client-pin "$pin"
far=$(sed -n 's/^aumbry-escrow: listening //p' "$T/escrow.err")
says 'it says where' "#pin=$(aumbry-escrow fingerprint --dir "$D" --tls)\$" \
	echo "$far"
far() {
	ESCROWASK_CLIENT=$T/$1
	shift
	export ESCROWASK_CLIENT
	escrowask "$far" ana "$@"
}
says 'the right certificate' '^state there=1' far client hello state
says 'a long request' '^longest update-needed$' far client hello longest
says 'three at once' '^pipelined ok$' far client hello pipelined
says 'the pin does not stand for HELLO' '^state .*there=0' far client state
says 'another certificate' '^(no handshake|hung up)$' far other hello state
says 'none' '^(no handshake|hung up)$' \
	env -u ESCROWASK_CLIENT escrowask "$far" ana hello
says 'an older TLS' '^no handshake$' env ESCROWASK_OLD=1 \
	ESCROWASK_CLIENT="$T/client" escrowask "$far" ana hello
says 'no TLS at all' 'closed' perl -MIO::Socket::INET -e '
	my ($to) = $ARGV[0] =~ /^([^#]*)/;
	my $s = IO::Socket::INET->new($to) or die;
	print $s "\0\0\0\2\1\1"; shutdown($s, 1);
	read($s, my $x, 100); print "closed\n"' "$far"
says 'another server under the same pin' '^hello permission-denied$' \
	env ESCROWASK_CLIENT="$T/client" escrowask "$far" another hello
says 'here it is served as well' '^state there=1' ana state
stop_escrow
start_escrow --listen 127.0.0.1:0 --client-pin "$other"
far=$(sed -n 's/^aumbry-escrow: listening //p' "$T/escrow.err")
says 'the other pin' '^state there=1' far other hello state
says 'and not the first any more' '^(no handshake|hung up)$' \
	far client hello state
stop_escrow

# ---- a token ----

export SOFTHSM2_CONF="$T/softhsm.conf"
mkdir "$T/tokens"
echo "directories.tokendir = $T/tokens" >"$SOFTHSM2_CONF"
module=/usr/lib/softhsm/libsofthsm2.so
softhsm2-util --init-token --free --label escrow --pin 4711 \
	--so-pin 4712 >/dev/null
printf '4711\n' >"$T/pin"
chmod 600 "$T/pin"
D=$T/token
exits 'a token, a library and a PIN come together' 2 \
	aumbry-escrow init --dir "$D" --pkcs11 $module
says 'a token that is not there' 'no token with the label .nope.' \
	aumbry-escrow init --dir "$D" --pkcs11 $module --token nope \
	--pin-file "$T/pin"
says 'a library that is not there' 'not-found' \
	aumbry-escrow init --dir "$D" --pkcs11 /usr/lib/nope.so \
	--token escrow --pin-file "$T/pin"
says 'one that is none' 'is no PKCS#11 library' \
	aumbry-escrow init --dir "$D" --token escrow --pin-file "$T/pin" \
	--pkcs11 "$(ls /usr/lib/*/libzstd.so.1 | head -n 1)"
ok 'init' aumbry-escrow init --dir "$D" --pkcs11 $module --token escrow \
	--pin-file "$T/pin" --wait 2s
not 'no root key in a file' test -e "$D/root.key"
start_escrow
says 'a release' '^release ok$' ana create standard register release
stop_escrow
ok 'check' aumbry-escrow check --dir "$D"
printf '4713\n' >"$T/pin"
says 'a wrong PIN' 'does not accept the PIN' serve_fails
chmod 644 "$T/pin"
says "a PIN that others may read" 'may read or write' serve_fails
printf '4711\n' >"$T/pin"
chmod 600 "$T/pin"
start_escrow
says 'the right one again' '^release ok$' ana create standard release
stop_escrow
flip "$D/root.p11" 60
says 'a root key that was changed' 'does not open the root key' serve_fails
flip "$D/root.p11" 60
mv "$T/tokens" "$T/away"
mkdir "$T/tokens"
says 'a token that was pulled out' 'no token with the label' serve_fails
ok 'the journal can be read without it' aumbry-escrow journal --dir "$D"
finish
