#!/bin/sh
# SPDX-License-Identifier: ISC
# Backups by themselves on an installed system: three nights, one that was
# missed, and what is kept of them. The clock is moved on for server and client.
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/../e2e/account.sh"
. "$(dirname "$0")/root.sh"

FAKE=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1

# clock FILE DAYS: a drop-in for a unit whose clock is that much ahead.
clock() {
	mkdir -p "$(dirname "$1")"
	printf '[Service]\nEnvironment=LD_PRELOAD=%s FAKETIME=+%sd\n' \
		"$FAKE" "$2" >"$1"
}
# manager VERB…: ana's own systemd.
manager() {
	by ana env XDG_RUNTIME_DIR="/run/user/$UID_ANA" systemctl --user "$@"
}
# late DAYS COMMAND…: ana's client on that day.
late() {
	days=$1
	shift
	by ana env LD_PRELOAD=$FAKE FAKETIME="+${days}d" \
		XDG_RUNTIME_DIR="/run/user/$UID_ANA" \
		aumbry --password-file /home/ana/pw "$@"
}
# night DAYS: what the timer does then, on a machine that is on.
night() {
	clock "$ROOT_DIR/etc/systemd/system/aumbryd.service.d/clock.conf" "$1"
	clock "$ROOT_DIR/home/ana/.config/systemd/user/aumbry-backup.service.d/clock.conf" "$1"
	inside systemctl daemon-reload && inside systemctl restart aumbryd &&
		by ana sh -c "echo $1 >/home/ana/files/night-$1" &&
		manager daemon-reload && manager start aumbry-backup.service
}
# snapshots DAYS: how many there are.
snapshots() { late "$1" snapshot list --json | grep -c '"id"'; }

ok 'a clean root' make_root faketime libpam-systemd
ok 'starts' start_root
ok 'with a user' make_ana
UID_ANA=$(inside id -u ana)
begun=$(date +%s)
ok 'the packages' apt_install new aumbry aumbry-server
ok 'aumbry-setup' inside aumbry-setup $HOST
URL=$(sed -n 1p "$T/out") INVITE=$(sed -n 2p "$T/out")
ok 'ana signs up' sign_up_ana "$URL" "$INVITE"
ok 'a manager of her own, with nobody signed in' \
	apt install faketime libpam-systemd
inside systemctl restart systemd-logind
ok '- lingers' inside loginctl enable-linger ana
ok '- runs' until_true 20 manager list-units
ok 'a backup by hand' ana backup /home/ana/files
ok 'backup enable' late 0 backup enable /home/ana/files --at 00:00 --keep-last 3
done_once() { late 0 backup status --json | grep -q '"last":[1-9]'; }
ok 'the first one is made at once' until_true 60 done_once
echo "# $(($(date +%s) - begun)) s from the installation to it"
ok 'the timer is on' manager is-active aumbry-backup.timer
equal 'the one by hand, and that' 2 "$(snapshots 0)"

ok 'the second night' night 1
ok 'the third night' night 2
equal 'each has its snapshot' 4 "$(snapshots 2)"
ok 'the same night again' night 2
equal '- is not due' 4 "$(snapshots 2)"
# Off for two nights.
ok 'after nights that were missed' night 5
equal '- one is made, and the oldest of its own forgotten' 4 "$(snapshots 5)"
says '- all is well' 'last' late 5 backup status
by ana rm -rf /home/ana/back
ok 'the newest comes back' late 5 restore latest:/home/ana/files \
	--to /home/ana/back
ok '- with what each night brought' \
	inside diff -r /home/ana/files /home/ana/back
ok 'disabled' late 5 backup disable
not '- the timer is gone' manager is-active aumbry-backup.timer
equal '- the snapshots are not' 4 "$(snapshots 5)"
stop_root
finish
