#!/bin/sh
# SPDX-License-Identifier: ISC
# An upgrade from packages of an older commit that is cut off in the middle, and
# a machine that starts in this state.
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/../e2e/account.sh"
. "$(dirname "$0")/root.sh"

older_server

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
