#!/bin/sh
# SPDX-License-Identifier: ISC
# Packages of an older commit, with data, become those of now while a client
# backs up all the while; then the older ones are put over them.
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/../e2e/account.sh"
. "$(dirname "$0")/root.sh"

older_server
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

# ---- the older ones again ----

# As long as the tables are those of both it serves; else it says that it is
# too old, and nothing is lost by it.
ok 'the older packages' inside sh -c \
	'dpkg -i --force-downgrade /debs/old/aumbry-server_*.deb'
too_old() {
	inside journalctl --no-pager -u aumbryd | grep -q '(update-needed)'
}
[ "$before" = "$(tables)" ] || ok 'refuse newer tables' until_true 20 too_old
ok 'the newer ones' inside sh -c 'dpkg -i /debs/new/aumbry-server_*.deb'
inside systemctl restart aumbryd
ok 'the client backs up' ana backup /home/ana/files
gives_back 'and gets all back'
stop_root
finish
