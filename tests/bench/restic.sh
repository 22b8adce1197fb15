#!/bin/sh
# SPDX-License-Identifier: ISC
# restic.sh: the nearest peer, for who measures beside it. Sourced.
#
# $RESTIC and $REST: those of this machine, or of Debian's next release, kept in
# $DEBS: restic 0.14 of Debian 12 has no REST server beside it.
DEBS=${DEBS:-${XDG_CACHE_HOME:-$HOME/.cache}/aumbry-bench}

sid_apt() {
	apt-get -qq -o APT::Sandbox::User=root \
		-o "Dir::Etc::sourcelist=$DEBS/sid/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null \
		-o "Dir::State::lists=$DEBS/sid/lists" \
		-o "Dir::Cache=$DEBS/sid" -o Acquire::Check-Valid-Until=false "$@"
}

# find_restic: fails when they cannot be had.
find_restic() {
	RESTIC=$(command -v restic) REST=$(command -v restic-rest-server ||
		command -v rest-server)
	[ -n "$RESTIC" ] && [ -n "$REST" ] && return
	RESTIC=$DEBS/root/usr/bin/restic
	REST=$DEBS/root/usr/bin/restic-rest-server
	[ -x "$RESTIC" ] && [ -x "$REST" ] && return
	mkdir -p "$DEBS/sid/lists/partial" "$DEBS/sid/archives/partial"
	echo "deb $(apt-get indextargets --format '$(REPO_URI)' |
		grep -v security | head -n 1) sid main" >"$DEBS/sid/sources.list"
	(cd "$DEBS/sid" && sid_apt update &&
		sid_apt download restic restic-rest-server &&
		for deb in *.deb; do dpkg-deb -x "$deb" "$DEBS/root"; done)
}
