#!/bin/sh
# SPDX-License-Identifier: ISC
# 13-operator.t: what an operator of aumbryd gets wrong before it serves.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

other=$T/other
start_server
ok 'an account is made' at a signup "$URL" ana --invite "$INVITE"

daemon() {
	verb=$1
	shift
	aumbryd "$verb" --data "$DATA" "$@"
}

# ---- what a check of the configuration passes is served (jackal #33) ----

stop_server
cp "$DATA/aumbryd.conf" "$T/conf"
wrong() {
	name=$1
	shift
	cp "$T/conf" "$DATA/aumbryd.conf"
	while [ $# -gt 0 ]; do
		configure "$1" "$2" "$3"
		shift 3
	done
	exits "$name" 2 daemon serve --check-config
}
aumbryd init --data "$other" --listen 127.0.0.1:0 >"$T/init2" 2>&1 ||
	echo "Bail out! no other server"
wrong 'a key of another certificate' \
	server tls_cert "$other/keys/tls.crt" server tls_key "$DATA/keys/tls.key"
also 'which key' 'tls.key: it is not the key of the certificate'
openssl rsa -aes128 -passout pass:x -in "$DATA/keys/tls.key" \
	-out "$T/locked.key" 2>"$T/openssl" ||
	openssl pkey -aes128 -passout pass:x -in "$DATA/keys/tls.key" \
		-out "$T/locked.key"
chmod 600 "$T/locked.key"
wrong 'a key with a passphrase' \
	server tls_cert "$DATA/keys/tls.crt" server tls_key "$T/locked.key"
wrong 'mail without a sender' mail smtp_url smtp://localhost:25
wrong 'a relay without smtp://' mail smtp_url localhost:25 \
	mail from aumbry@example.org
wrong 'an address without https://' server url cloud.example.org
wrong 'an address with more behind it' server url https://cloud.example.org/
cp "$T/conf" "$DATA/aumbryd.conf"
configure server user no-such-user
[ "$(id -u)" -ne 0 ] ||
	refused 'a user that is none' 1 not-found daemon serve --check-config
cp "$T/conf" "$DATA/aumbryd.conf"
ok 'the whole one passes' daemon serve --check-config

# ---- what cannot be made leaves nothing (Octopus #185) ----

refused 'a host with a port' 2 bad-usage \
	aumbryd init --data "$T/new" --host cloud.example.org:8443
ok 'without it the same folder is taken' \
	aumbryd init --data "$T/new" --host cloud.example.org
mkdir "$T/half"
: >"$T/half/keys"
not 'keys that cannot be made' aumbryd init --data "$T/half"
rm "$T/half/keys"
ok 'are made once they can be' aumbryd init --data "$T/half"

# ---- copies ----

ok 'a copy' daemon backup --to "$T/copy"
sum=$(sha256sum "$T/copy/keys/opaque.key" "$T/copy/aumbryd.db")
refused 'is not replaced by that of another server' 2 bad-usage \
	aumbryd backup --data "$other" --to "$T/copy"
equal 'not a byte of it' "$sum" \
	"$(sha256sum "$T/copy/keys/opaque.key" "$T/copy/aumbryd.db")"
ok 'and goes on with its own' daemon backup --to "$T/copy"

start_server
ok 'it serves as before' at a status
finish
