#!/bin/sh
# SPDX-License-Identifier: ISC
# layers.sh [list]: includes only point down, and each library has one home.
#
# list: print what each file may use, "src/x/y.c: base wire …", and look at
# nothing.
set -eu
cd "$(dirname "$0")/.."
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

# What a layer may include besides itself.
may_use() {
	case $1 in
	base) echo '' ;;
	wire) echo 'base' ;;
	store | vault) echo 'base wire' ;;
	link) echo 'base wire store vault' ;;
	# Who this device is: no code of it sees a store.
	client) echo 'base wire vault link' ;;
	join) echo 'base wire vault link client' ;;
	# A feature, and what features stand on: none of them can touch who the
	# device is, and none uses another feature.
	files) echo 'base wire' ;;
	content) echo 'base wire vault link' ;;
	backup) echo 'base wire vault link files content' ;;
	profile) echo 'base wire' ;;
	# Stands on a feature: it restores what that one stored.
	export) echo 'base wire vault link files content backup' ;;
	schedule) echo 'base wire' ;;
	# What the Drive has: records, which trees are valid, what two make of one;
	# of the store its database alone: drive.db.
	tree) echo 'base wire store vault link' ;;
	drive) echo 'base wire store vault link files content tree' ;;
	mail) echo 'base wire vault link client' ;;
	web) echo 'base wire vault link client join mail' ;;
	http) echo 'base wire' ;;
	server) echo 'base wire store http' ;;
	factor) echo 'base wire store http server' ;;
	api) echo 'base wire store http server factor' ;;
	escrow) echo 'base wire vault' ;;
	disclose) echo 'base wire store vault link client files content backup tree drive escrow' ;;
	# A command line, for the three programs below.
	cmd) echo 'base wire' ;;
	cli) echo 'base wire vault link client join mail files content backup profile export schedule tree drive cmd' ;;
	aumbryd) echo 'base wire store http server factor api cmd' ;;
	aumbry-escrow) echo 'base wire vault escrow disclose cmd' ;;
	*) return 1 ;;
	esac
}

# Where a library's header may stand; anything else is free.
at_home() {
	case $1 in
	sqlite3.h) homes='src/store/db*.c' ;;
	ini.h) homes='src/base/ini.c' ;;
	curl/*) homes='src/link/remote*.[ch] src/server/postman.c
		    src/server/gateway*.c src/server/shown.c' ;;
	p11-kit/*) homes='src/escrow/token.c' ;;
	microhttpd.h | gnutls/*) homes='src/http/http*.[ch]' ;;
	systemd/*) homes='src/cli/desktop.c src/schedule/conditions.c' ;;
	fuse3/* | fuse*.h) homes='src/backup/mount*.c' ;;
	fido.h | fido/*) homes='src/client/fido_in.h src/factor/webauthn.c' ;;
	maxminddb.h) homes='src/server/geoip.c' ;;
	uninorm.h | unicase.h) homes='src/cli/cli_typed.c src/tree/planner_fold.c' ;;
	cbor.h) homes='' ;;
	sodium.h | sodium/* | openssl/*)
		homes='src/vault/*.c src/wire/digest*.c src/wire/id.c
		    src/wire/sig.c src/wire/kem.c src/wire/oprf.c src/wire/identity.c
		    src/http/tlscert.c
		    src/server/*.c src/factor/*.c src/api/*.c
		    src/cli/*.c src/aumbryd/*.c
		    src/aumbry-escrow/*.c
		    src/escrow/gate.c'
		;;
	*) return 0 ;;
	esac
	set -f
	for home in $homes; do
		# shellcheck disable=SC2254 # a pattern on purpose
		case $2 in $home) set +f && return 0 ;; esac
	done
	set +f
	return 1
}

for file in src/*/*.[ch]; do
	[ -f "$file" ] || continue
	layer=${file#src/} layer=${layer%%/*}
	if ! allowed=$(may_use "$layer"); then
		echo "$file: $layer has no line in may_use of tools/layers.sh" >>"$bad"
		continue
	fi
	case $file in
	# It makes a certificate as the server does, and that is all of http.
	src/escrow/gate.c) allowed="$allowed http/tlscert.h" ;;
	# Where a server has its database and blobs stands in aumbryd.conf.
	src/disclose/holding.c) allowed="$allowed server/config.h" ;;
	esac
	if [ "${1-}" = list ]; then
		echo "$file: $layer $allowed"
		continue
	fi
	sed -n 's/^#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$file" |
		while read -r header; do
			to=${header%%/*}
			case " $layer $allowed " in
			*" $to "* | *" $header "*) ;;
			*) echo "$file: $layer may not include $header" ;;
			esac
			[ -f "src/$header" ] ||
				echo "$file: there is no src/$header"
		done >>"$bad"
	sed -n 's/^#[[:space:]]*include[[:space:]]*<\([^>]*\)>.*/\1/p' "$file" |
		while read -r header; do
			at_home "$header" "$file" ||
				echo "$file: <$header> is at home elsewhere"
			[ ! -f "src/$header" ] ||
				echo "$file: <$header> is ours: \"$header\""
		done >>"$bad"
done

# What no archive is made of is in no program.
for layer in src/*/; do
	layer=${layer#src/} layer=${layer%/}
	grep -q "^[A-Z_]*LAYERS := .*\<$layer\>" Makefile ||
		grep -q "src/$layer/" Makefile tools/wasm.mk ||
		echo "src/$layer: no ..._LAYERS of the Makefile has it" >>"$bad"
done

if [ -s "$bad" ]; then
	cat "$bad" >&2
	exit 1
fi
