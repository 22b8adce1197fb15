#!/bin/bash
# SPDX-License-Identifier: ISC
# cleanroom.sh DIR: does a fresh Debian 12 build and pass?
#
# Makes a minimal system in DIR (git and make added), clones this repository's
# HEAD into it and runs `make demo` and `make check` there, twice, and once more
# where the path has spaces. Needs root and debootstrap. Mirror and proxy are
# those this machine's apt and npm are set up for. DIR must not exist, and stays
# afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -ne 1 ] || [ -e "$1" ]; then
	echo 'usage: tools/cleanroom.sh DIR     (a folder that does not exist)' >&2
	exit 2
fi
[ "$(id -u)" -eq 0 ] || { echo 'cleanroom: root is needed' >&2 && exit 1; }
mkdir -p "$1"
root=$(cd "$1" && pwd)

# The first address that apt takes packages from.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
	grep -v security | head -n 1)
[ -n "$mirror" ] || { echo 'cleanroom: apt names no mirror' >&2 && exit 1; }
proxy=$(apt-config dump --format '%v%n' Acquire::http::Proxy)
[ -z "$proxy" ] || export http_proxy="$proxy"

debootstrap --variant=minbase --include=git,make,ca-certificates \
	bookworm "$root" "$mirror"

# What lets this machine's apt, npm and git reach their servers. A copy of a
# missing file is no mistake: then there is nothing to be said.
keep() {
	if [ -e "$1" ]; then
		mkdir -p "$root$(dirname "$1")"
		cp -aL "$1" "$root$1"
	fi
}
for file in /etc/resolv.conf /etc/hosts /etc/npmrc /root/.npmrc \
	/etc/ssl/certs/ca-certificates.crt; do
	keep "$file"
done
rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"
for file in /etc/apt/sources.list /etc/apt/sources.list.d \
	/etc/apt/apt.conf /etc/apt/apt.conf.d /etc/apt/auth.conf.d \
	/etc/apt/trusted.gpg.d /etc/apt/keyrings; do
	keep "$file"
done
rm -f "$root"/etc/apt/apt.conf.d/*docker* # hooks of another kind of image
mkdir -p "$root/usr/local/share/ca-certificates"
if [ -d /usr/local/share/ca-certificates ]; then
	cp -a /usr/local/share/ca-certificates/. \
		"$root/usr/local/share/ca-certificates/"
fi

git clone --quiet --no-hardlinks . "$root/root/a u m b r y"

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
leave() {
	umount -R "$root/dev" || true
	umount "$root/proc" || true
}
trap leave EXIT

# Proxy settings that npm or others take from the environment go along.
settings=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY \
	npm_config_registry NODE_EXTRA_CA_CERTS; do
	[ -z "${!name-}" ] || settings+=("$name=${!name}")
done
inside() {
	echo "cleanroom: $*" >&2
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CI=true \
		"${settings[@]}" chroot "$root" /bin/sh -c \
		"cd '/root/a u m b r y' && $*" </dev/null
}
inside apt-get -q update
for round in first second; do
	inside make demo
	inside make check
	echo "cleanroom: $round round passed" >&2
done
