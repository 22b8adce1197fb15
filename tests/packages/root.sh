#!/bin/sh
# SPDX-License-Identifier: ISC
# root.sh: what tests of packages read after tap.sh and account.sh: a clean
# Debian that is started by systemd, with a network of its own.
#
# $ROOT_DIR is its folder, $BASE what it is copied from, $OLD_DEBS and $NEW_DEBS
# the folders of packages (tools/package-check.sh).

: "${BASE:?is set by tools/package-check.sh}" "${OLD_DEBS:?}" "${NEW_DEBS:?}"
ROOT_DIR=$T/root
HOST=cloud.example.org
LEADER='' NSPAWN=''

# fetch FROM TO: all packages there, but for what debuggers read.
fetch() {
	mkdir -p "$2" && cp "$1"/aumbry_*.deb "$1"/aumbry-server_*.deb \
		"$1"/aumbry-escrow_*.deb "$2/"
}

# make_root [PACKAGE…]: a copy of the clean one; our packages, and Debian's of
# those names, are fetched and not installed.
make_root() {
	cp -a "$BASE" "$ROOT_DIR" &&
		echo "127.0.0.1 $HOST" >>"$ROOT_DIR/etc/hosts" &&
		fetch "$OLD_DEBS" "$ROOT_DIR/debs/old" &&
		fetch "$NEW_DEBS" "$ROOT_DIR/debs/new" &&
		chroot "$ROOT_DIR" env DEBIAN_FRONTEND=noninteractive sh -c '
			apt-get -q update &&
			apt-get -q -y --download-only install /debs/new/*.deb "$@"' \
			sh "$@"
}

# start_root: systemd runs in it, and is done with starting.
start_root() {
	systemd-nspawn --quiet --boot -D "$ROOT_DIR" --private-network \
		--machine="aumbry-check-$$" --register=no --keep-unit \
		>"$T/console" 2>&1 </dev/null &
	NSPAWN=$!
	until_true 60 started
}
started() {
	LEADER=$(cat "/proc/$NSPAWN/task/$NSPAWN/children" 2>/dev/null)
	LEADER=${LEADER%% *}
	[ -n "$LEADER" ] || return 1
	case $(inside systemctl is-system-running 2>/dev/null) in
	running | degraded) ;;
	*) return 1 ;;
	esac
}
stop_root() {
	[ -n "$NSPAWN" ] || return 0
	kill "$NSPAWN" 2>/dev/null
	wait "$NSPAWN" 2>/dev/null
	NSPAWN=''
}
trap 'stop_root; cleanup' EXIT

# inside COMMAND…: as root; by USER COMMAND…: as that user.
inside() {
	nsenter -t "$LEADER" --all env -i \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive "$@"
}
by() {
	user=$1
	shift
	inside runuser -u "$user" -- env HOME="/home/$user" "$@"
}
apt() { inside apt-get -q -y "$@"; }
# apt_install old|new PACKAGE…: from what was fetched.
apt_install() {
	folder=$1
	shift
	# shellcheck disable=SC2046 # names without spaces
	apt install $(cd "$ROOT_DIR" &&
		for package in "$@"; do ls "debs/$folder/${package}"_*.deb; done |
		sed 's|^|/|')
}
# ana COMMAND…: her client.
ana() { by ana aumbry --password-file /home/ana/pw "$@"; }

# make_ana: a user with files.
make_ana() {
	inside useradd --create-home ana &&
		by ana sh -c 'cd && echo "correct horse battery" >pw &&
			mkdir -p files/many && for i in $(seq 300); do
				echo "$i $(date)" >"files/many/$i"; done &&
			head -c 20000000 /dev/urandom >files/large'
}
# sign_up_ana URL INVITATION: with an authenticator.
sign_up_ana() {
	ana signup "$1" ana --invite "$2" &&
		ana authenticator add --secret-file /home/ana/secret &&
		ana authenticator confirm "$(oathtool --totp --base32 \
			"@$ROOT_DIR/home/ana/secret")"
}
# gives_back NAME: the newest backup is what ana's files are.
gives_back() {
	by ana rm -rf /home/ana/back
	ok "$1" ana restore latest:/home/ana/files --to /home/ana/back
	ok '- the same files' inside diff -r /home/ana/files /home/ana/back
}
# sound NAME: the server holds what its tables name.
sound() {
	ok "$1" inside runuser -u aumbry -- \
		aumbryd check --read --data /var/lib/aumbry
}
active() { [ "$(inside systemctl is-active "$1")" = active ]; }

# ---- what an upgrade begins with ----

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
# older_server: the older packages, set up, with a backup of ana's.
older_server() {
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
}
