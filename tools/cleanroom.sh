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

if [ $# -ne 1 ] || [ -e "$1" ]; then
	echo 'usage: tools/cleanroom.sh DIR     (a folder that does not exist)' >&2
	exit 2
fi
[ "$(id -u)" -eq 0 ] || { echo 'cleanroom: root is needed' >&2 && exit 1; }
# Mounts of a namespace of our own are gone when we are, however we end.
if [ -z "${CLEANROOM_APART-}" ]; then
	CLEANROOM_APART=1 exec unshare --mount --propagation private -- "$0" "$1"
fi
mkdir -p "$1"
root=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

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
		cp -aL "$1" "$root$(dirname "$1")/"
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

# A path as most people have it, and one with spaces.
places=(/root/aumbry '/root/a u m b r y')
for place in "${places[@]}"; do
	git clone --quiet --no-hardlinks . "$root$place"
done

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sys "$root/sys"
mount --rbind /dev "$root/dev"

# Proxy settings that npm or others take from the environment go along.
settings=()
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY \
	npm_config_registry NODE_EXTRA_CA_CERTS; do
	[ -z "${!name-}" ] || settings+=("$name=${!name}")
done
inside() {
	echo "cleanroom: $1: ${*:2}" >&2
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CI=true \
		"${settings[@]}" chroot "$root" \
		/bin/sh -c 'cd "$1" && shift && "$@"' sh "$@" </dev/null
}
for place in "${places[0]}" "${places[@]}"; do
	inside "$place" make demo
	inside "$place" make check
done
echo 'cleanroom: passed' >&2
