#!/bin/bash
# SPDX-License-Identifier: ISC
# package-check.sh: the packages of build/deb, tried in a clean Debian 12.
#
# Makes a minimal system, in which systemd starts (systemd-nspawn), and packages
# of an older commit, which are upgraded there; then runs tests/packages/. Needs
# root. What was made stays in build/package-check for the next run: remove it
# to begin anew. OLD=COMMIT takes another one than that before the packages.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo 'package-check: root is needed' >&2 && exit 1; }
place=$PWD/build/package-check
old=${OLD:-535cc60}
mkdir -p "$place"

[ -n "$(find build/deb -name 'aumbry_*.deb' 2>/dev/null)" ] || make deb

# ---- a clean system ----

if [ ! -e "$place/base/made" ]; then
	rm -rf "$place/base"
	mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
		grep -v security | head -n 1)
	proxy=$(apt-config dump --format '%v%n' Acquire::http::Proxy)
	[ -z "$proxy" ] || export http_proxy="$proxy"
	debootstrap --variant=minbase \
		--include=systemd,systemd-sysv,dbus,ca-certificates \
		bookworm "$place/base" "$mirror" >&2
	# What lets this machine's apt reach its servers.
	for file in /etc/resolv.conf /etc/apt/apt.conf /etc/apt/auth.conf.d \
		/etc/apt/trusted.gpg.d; do
		[ ! -e "$file" ] || cp -aL "$file" "$place/base$(dirname "$file")/"
	done
	touch "$place/base/made"
fi

# ---- older packages ----

# The packaging is of now, the programs are of then: no `upgrade`, and systemd
# is not told when they are ready.
made=$place/old-$old/made
if [ ! -e "$made" ] ||
	[ -n "$(find debian system tools/install.mk -newer "$made")" ]; then
	rm -rf "$place"/old-*
	tree=$place/old-$old
	mkdir -p "$tree"
	git archive "$old" | tar -x -C "$tree"
	rm -rf "$tree/debian" "$tree/system"
	cp -a --parents Makefile debian system tools/install.mk tools/wasm.mk \
		tools/deb.sh docs/man/aumbry-setup.8 "$tree"
	sed -i 's/"0\.1\.0"/"0.0.9"/' "$tree/src/base/version.h"
	sed -i '1s/([^)]*)/(0.0.9-1)/' "$tree/debian/changelog"
	sed -i '/^ExecStartPre=/d; s/^Type=notify/Type=exec/' \
		"$tree/system/aumbryd.service"
	(cd "$tree" && git init -q && git add -A && PAGE=no tools/deb.sh) >&2
	touch "$made"
fi

OLD_DEBS=$place/old-$old/build/deb NEW_DEBS=$PWD/build/deb BASE=$place/base \
	prove --timer --exec '' tests/packages/*.t </dev/null
