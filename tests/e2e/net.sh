#!/bin/sh
# SPDX-License-Identifier: ISC
# net.sh: a network of its own for a test, read before tap.sh: there ports are
# what the test wants, cloud.example.org is this machine, and a client has
# another address than proxies.

CLIENT=192.0.2.7
NAME=cloud.example.org

if [ "$(id -u)" -ne 0 ] || ! unshare --net --mount true 2>/dev/null; then
	echo '1..0 # SKIP networks of their own need root'
	exit 0
fi
if [ -z "${OWN_NET-}" ]; then
	OWN_NET=yes exec unshare --net --mount sh -c '
		ip link set lo up
		ip address add "$1/32" dev lo
		hosts=$(mktemp)
		printf "127.0.0.1 localhost\n%s %s\n" "$1" "$2" >"$hosts"
		mount --bind "$hosts" /etc/hosts
		rm "$hosts"
		shift 2
		exec "$@"' sh "$CLIENT" "$NAME" sh "$0" "$@"
fi

# files_and_proxy: what goes round, and the certificate of a proxy that ends TLS.
files_and_proxy() {
	mkdir "$T/files"
	head -c 3000000 /dev/urandom >"$T/files/a"
	seq 20000 >"$T/files/b"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-days 30 -subj /CN=cloud.example.org -keyout "$T/proxy.key" \
		-out "$T/proxy.crt" 2>"$T/err"
}

# example NAME PLACE WHAT…: that file of docs/examples for this test, as sed
# makes it.
example() {
	from=$ROOT/docs/examples/$1 to=$2
	shift 2
	sed "$@" "$from" >"$to"
}

# shown_url: the address that people use.
shown_url() {
	aumbryd status --data "$DATA" | sed -n 's/^url *//p'
}

# page: as a browser gets it.
page() {
	curl --silent --show-error --insecure --max-time 20 "https://$NAME/" |
		grep -q '<title>Aumbry'
}

# goes_round HOME THROUGH: what people do, at $URL; their files are in $T/files.
goes_round() {
	invited=$(aumbryd invite --data "$DATA" | tail -n 1)
	ok "$2: sign-up" sign_up "$1" "$1" --invite "$invited" --device-name "$1"
	ok "$2: backup" at "$1" backup "$T/files"
	ok "$2: restore" at "$1" restore latest --to "$T/$1-back"
	ok "$2: every byte is back" trees_equal "$T/files" "$T/$1-back$T/files"
	says "$2: the log has the client's address" "$CLIENT" at "$1" log
	ok "$2: the page" page
}

# in_browser NAME: somebody makes an account in a real one.
in_browser() {
	SPKI=$(openssl s_client -connect "$CLIENT:443" -servername "$NAME" \
		</dev/null 2>/dev/null | openssl x509 -noout -pubkey |
		openssl pkey -pubin -outform der | openssl dgst -sha256 -binary |
		base64)
	INVITE=$(aumbryd invite --data "$DATA" | tail -n 1)
	export SPKI INVITE WHO="$1" ORIGIN="https://$NAME"
	page_walk through
}
