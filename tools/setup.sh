#!/bin/sh
# SPDX-License-Identifier: ISC
# setup.sh demo|check|fuzz|bench|deb: install what is missing, and nothing else.
#
# Offline and silent when all is there. As root, or by sudo.
set -eu
cd "$(dirname "$0")/.."

usage() {
	echo 'usage: tools/setup.sh demo|check|fuzz|bench|deb' >&2
	exit 2
}

# package                  why
packages_demo='
gcc                        # compiles everything
libc6-dev                  # the headers of libc
make                       # runs the Makefile
pkg-config                 # finds the libraries below
ca-certificates            # lets a client check public certificates
libsodium-dev              # signatures, sealed boxes, locked memory
libssl-dev                 # SHA-256 and AES-GCM in bulk, certificates
libmicrohttpd-dev          # the HTTP server
libgnutls28-dev            # the TLS of it
libcurl4-openssl-dev       # the HTTP client
libsqlite3-dev             # the database
libzstd-dev                # compression
libxxhash-dev              # checksums of what lies on the disk
libjansson-dev             # JSON of control calls
libinih-dev                # aumbryd.conf
libfuse3-dev               # aumbry mount, compiled
fuse3                      # aumbry mount, run
liboath-dev                # one-time codes
oathtool                   # the codes an app on a phone would show
libqrencode-dev            # QR codes on the terminal
clang-14                   # the core of the account page, as WebAssembly
lld-14                     # its linker
libclang-rt-14-dev-wasm32  # its runtime
wasi-libc                  # its libc
binaryen                   # makes it smaller
dpkg-dev                   # unpacks the sources of its libraries
zopfli                     # what browsers load, as small as gzip gets
brotli                     # and smaller, for those that take it
libsystemd-dev             # speaks to the desktop
libfido2-dev               # security keys, on both sides
libmaxminddb-dev           # about where an address is
libunistring-dev           # one form (NFC) for what is typed; curl loads it anyway
libcbor-dev                # what security keys speak; libfido2 stands on it
libp11-kit-dev             # the headers of PKCS#11, for a root key on a token
'
packages_check='
git                        # lists the files that lint looks at
libcmocka-dev              # unit tests
perl                       # prove
rsync                      # compares trees
cyrus-imapd                # a mail server that asks about passwords
cyrus-caldav               # and one for calendars
postfix                    # and one that sends
libsasl2-modules           # how they ask
kannel                     # a gateway for text messages
kannel-extras              # its fake centre: the phones of the world
baresip-core               # a phone, and what calls it
espeak-ng                  # what a call says
sox                        # and how it sounds over a line
curl                       # speaks to the server by hand
openssl                    # an independent opinion on certificates
strace                     # makes system calls fail
dbus                       # a desktop session
dconf-cli                  # and its settings
cron                       # jobs of a person
fontconfig                 # lists fonts
systemd                    # starts backups by themselves
libnet-dbus-perl           # and who shows its notifications
dunst                      # a program that really does
xvfb                       # the screen that it does it on
faketime                   # moves the clock
sqlite3                    # looks into databases
chromium                   # the account page is walked through in it
firefox-esr                # and in this one
zbar-tools                 # reads its QR codes
libmaxmind-db-writer-perl  # a map of addresses to look into
clang-format-14            # the layout of code
clang-tidy-14              # what compilers do not say
shellcheck                 # the same for shell
softhsm2                   # a token made of files
zsh                        # completes words
fish                       # and so does this
iproute2                   # networks for tests
nginx-light                # a proxy that ends TLS
haproxy                    # one that passes it on
caddy                      # one that gets its certificate itself
certbot                    # gets certificates
pebble                     # and who gives them
attr                       # extended attributes
acl                        # access lists
'
packages_fuzz='
clang-14                   # libFuzzer and its sanitizers
libclang-rt-14-dev         # their runtime
'

packages_bench='
time                       # seconds and memory of a command
openssl                    # key streams: files that do not compress
xz-utils                   # unpacks a kernel
oathtool                   # the codes an app on a phone would show
syncthing                  # peers of the Drive
rclone
unison
sqlite3                    # looks into databases
curl                       # asks servers what they count
iproute2                   # networks that are slow
'

packages_deb='
git                        # lists the files of the source
debhelper                  # makes packages
lintian                    # looks at them
debootstrap                # a system to try them in
systemd-container          # and to start it
oathtool                   # the codes an app on a phone would show
'

case ${1-} in
demo) wanted=$packages_demo ;;
check) wanted=$packages_demo$packages_check ;;
fuzz) wanted=$packages_demo$packages_check$packages_fuzz ;;
bench) wanted=$packages_demo$packages_bench ;;
deb) wanted=$packages_demo$packages_deb ;;
*) usage ;;
esac
wanted=$(printf '%s\n' "$wanted" | sed 's/#.*//')
# Node may have come from elsewhere; then Debian's would be in its way.
if [ "$1" != demo ] && [ "$1" != deb ] && [ -f tests/tools/package.json ]; then
	command -v node >/dev/null && command -v npm >/dev/null ||
		wanted="$wanted nodejs npm"
fi

missing() {
	# shellcheck disable=SC2086 # a list of words
	for package in $wanted; do
		case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		*' installed') ;;
		*) printf '%s ' "$package" ;;
		esac
	done
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	elif command -v sudo >/dev/null; then
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	else
		echo "setup: root or sudo is needed to install: $todo" >&2
		exit 1
	fi
}

apt() {
	as_root apt-get -q -y -o DPkg::Lock::Timeout=900 \
		-o Acquire::Retries=3 "$@" </dev/null >&2
}

if ! command -v dpkg-query >/dev/null; then
	echo 'setup: not a Debian system; install these by hand:' >&2
	printf '%s\n' "$wanted" >&2
	exit 0
fi
todo=$(missing)
if [ -n "$todo" ]; then
	echo "setup: installing $todo" >&2
	# The lists may be old or absent: refresh them only when they fail us.
	# shellcheck disable=SC2086 # a list of words
	apt install --no-install-recommends $todo || {
		apt update
		apt install --no-install-recommends $todo
	}
fi

# Without them the programs are built with no account page.
case $1 in
demo | check | bench) tools/wasm-sources.sh || echo 'setup: no account page' >&2 ;;
esac

# npm's folder is as new as what was asked of it, or it is asked again.
npm_is_stale() {
	[ ! -d node_modules ] ||
		[ -n "$(find package.json -newer node_modules)" ]
}
if [ "$1" = check ] && [ -f tests/tools/package.json ]; then
	cd tests/tools
	if npm_is_stale; then
		npm install --no-audit --no-fund --no-package-lock \
			</dev/null >&2
		touch node_modules
	fi
fi
