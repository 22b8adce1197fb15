#!/bin/sh
# SPDX-License-Identifier: ISC
# Packages of an older commit, with data, become those of now while a client
# backs up all the while; and one upgrade is cut off in the middle.
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/../e2e/account.sh"
. "$(dirname "$0")/root.sh"

# tables: how many of their scripts have run.
tables() {
	sqlite3 "file:$ROOT_DIR/var/lib/aumbry/aumbryd.db?mode=ro" \
		'SELECT SUM(version) FROM schema_version'
}
# version PACKAGE, state PACKAGE
version() { inside dpkg-query -W -f '${Version}' "$1"; }
state() { inside dpkg-query -W -f '${db:Status-Status}' "$1"; }
# serving: which program runs; one whose file is gone is "(deleted)".
serving() {
	pid=$(inside systemctl show -P MainPID aumbryd)
	inside readlink "/proc/$pid/exe"
}

ok 'a clean root' make_root
ok 'starts' start_root
ok 'with a user' make_ana
ok 'the older packages' apt_install old aumbry aumbry-server
equal 'are those' 0.0.9-1 "$(version aumbry-server)"
ok 'set up' inside aumbry-setup $HOST --port 8443
URL=$(sed -n 1p "$T/out") INVITE=$(sed -n 2p "$T/out")
ok 'it answers' until_true 20 inside perl -MIO::Socket::INET -e \
	'exit !IO::Socket::INET->new("127.0.0.1:8443")'
ok 'ana signs up' sign_up_ana "$URL" "$INVITE"
ok 'and backs up' ana backup /home/ana/files
before=$(tables)

# ---- the upgrade, while she backs up ----

# In a loop: a file changes, and is backed up; each end is written down.
cat >"$ROOT_DIR/home/ana/loop" <<'END'
n=0
until [ -e /stop ]; do
	n=$((n + 1))
	head -c 3000000 /dev/urandom >/home/ana/files/changing
	echo $n >/home/ana/files/count
	aumbry --password-file /home/ana/pw backup /home/ana/files \
		>/dev/null 2>>/home/ana/loop.err
	echo "$n $?" >>/home/ana/loop.log
done
END
by ana sh /home/ana/loop &
loop=$!
rounds() { [ "$(wc -l <"$ROOT_DIR/home/ana/loop.log")" -ge "$1" ]; }
ok 'a client backs up' until_true 30 rounds 3
ok 'the upgrade' apt_install new aumbry aumbry-server
equal 'the packages are of now' '0.1.0-1 0.1.0-1' \
	"$(version aumbry) $(version aumbry-server)"
now=$(wc -l <"$ROOT_DIR/home/ana/loop.log")
ok 'the client goes on' until_true 60 rounds $((now + 3))
touch "$ROOT_DIR/stop"
wait $loop
ok 'the server runs' active aumbryd
equal 'as the new program' /usr/bin/aumbryd "$(serving)"
echo "# $(wc -l <"$ROOT_DIR/home/ana/loop.log") backups, of which did not end well:" \
	"$(grep -vc ' 0$' "$ROOT_DIR/home/ana/loop.log")"
echo "# tables of version $before, now $(tables)"
[ "$before" = "$(tables)" ] ||
	ok 'the older tables are kept' \
		test -s "$ROOT_DIR/var/lib/aumbry/aumbryd.db.before-$before"
equal 'what did not was told that the server stops, or is not there' '' \
	"$(grep '^(' "$ROOT_DIR/home/ana/loop.err" 2>/dev/null | sort -u |
		grep -vx -e '(server-unreachable)' -e '(server-busy)')"
# Each backup that ended well is there.
good=$(grep -c ' 0$' "$ROOT_DIR/home/ana/loop.log")
ok 'her snapshots' ana snapshot list
equal 'all that were acknowledged' $((good + 1)) \
	"$(grep -c '/home/ana/files' "$T/out")"
ok 'one more backup' ana backup /home/ana/files
gives_back 'gives all back'
sound 'the server holds all of it'

# ---- half an upgrade ----

inside systemctl stop aumbryd
ok 'the older ones once more' inside sh -c \
	'dpkg -i --force-downgrade /debs/old/aumbry_*.deb /debs/old/aumbry-server_*.deb'
inside systemctl start aumbryd
# dpkg is killed when the new files are there and before they are configured.
inside sh -c 'mkfifo /status
	dpkg --status-fd 3 -i /debs/new/aumbry_*.deb \
		/debs/new/aumbry-server_*.deb 3>/status >/dev/null 2>&1 &
	while read -r line; do
		case $line in
		"processing: configure: "*) kill -9 $! && break ;;
		esac
	done </status'
equal 'half an upgrade' unpacked "$(state aumbry-server)"
ok 'the server serves' active aumbryd
ok 'the client backs up' ana backup /home/ana/files
stop_root
ok 'the machine starts anew' start_root
ok 'the server, too' active aumbryd
equal 'as the new program' /usr/bin/aumbryd "$(serving)"
ok 'the client backs up' ana backup /home/ana/files
ok 'the rest of the upgrade' inside dpkg --configure -a
equal 'is done' 'installed installed' "$(state aumbry) $(state aumbry-server)"
ok 'the server serves' active aumbryd
ok 'the client backs up' ana backup /home/ana/files
gives_back 'and gets all back'
sound 'the server holds all of it'
stop_root
finish
