#!/bin/sh
# SPDX-License-Identifier: ISC
# Certificates by ACME, from a real server of it: certbot with our hook, which
# renews with a new key during a backup, and Caddy, which does it all by itself.
set -u
. "$(dirname "$0")/net.sh"
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

mkdir "$T/files"
head -c 40000000 /dev/urandom >"$T/files/a"
seq 20000 >"$T/files/b"

# ---- the authority ----

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
	-subj /CN=localhost -addext 'subjectAltName=DNS:localhost' \
	-keyout "$T/acme.key" -out "$T/acme.crt" 2>"$T/err"
cat >"$T/pebble.json" <<-END
	{ "pebble": { "listenAddress": "127.0.0.1:14000",
	    "managementListenAddress": "127.0.0.1:15000",
	    "certificate": "$T/acme.crt", "privateKey": "$T/acme.key",
	    "httpPort": 80, "tlsPort": 443 } }
END
pebble-challtestsrv -defaultIPv4 "$CLIENT" -defaultIPv6 '' -http01 '' \
	-https01 '' -tlsalpn01 '' >"$T/names.out" 2>&1 &
HELPERS="$HELPERS $!"
PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 pebble -config "$T/pebble.json" \
	-dnsserver 127.0.0.1:8053 >"$T/pebble.out" 2>&1 &
HELPERS="$HELPERS $!"
until_true 20 answers 14000

# ---- certbot, and aumbryd that shows what it gets ----

start_server
stop_server
mkdir "$T/etc"
export AUMBRY_TLS="$DATA/tls"

bot() {
	REQUESTS_CA_BUNDLE="$T/acme.crt" certbot "$@" --config-dir "$T/etc" \
		--work-dir "$T/work" --logs-dir "$T/logs" --non-interactive \
		--server https://localhost:14000/dir
}
# certbot takes what stands before a space for the program.
cp "$ROOT/system/deploy-hook" "$T/hook"
ok 'certbot gets a certificate' bot certonly --standalone --agree-tos \
	--email ana@example.org -d "$NAME" --deploy-hook "$T/hook"
ok '- the hook gave it to the server' cmp "$T/etc/live/$NAME/fullchain.pem" \
	"$DATA/tls/fullchain.pem"
equal '- with a key that is its own' 600 "$(stat -c %a "$DATA/tls/privkey.pem")"
configure server listen "$CLIENT:443"
configure server url "https://$NAME"
configure server tls_cert "$DATA/tls/fullchain.pem"
configure server tls_key "$DATA/tls/privkey.pem"
start_server
URL=$(shown_url)
export URL
goes_round ana certbot

serial() {
	openssl s_client -connect "$CLIENT:443" </dev/null 2>/dev/null |
		openssl x509 -noout -serial
}
before=$(serial)
cp "$DATA/tls/privkey.pem" "$T/key.before"
head -c 40000000 /dev/urandom >"$T/files/c"
at ana backup "$T/files" >"$T/backup.out" 2>"$T/backup.err" &
backup=$!
# It would sleep for minutes first, where nobody is at a terminal.
ok 'certbot renews during a backup' bot renew --force-renewal \
	--no-random-sleep-on-renew
not '- with another key' cmp -s "$T/key.before" "$DATA/tls/privkey.pem"
renewed() { [ "$(serial)" != "$before" ]; }
ok '- and it is shown, without a restart' until_true 20 renewed
wait $backup
equal '- the backup went through it' 0 $?
rm -rf "$T/ana-back"
ok '- a restore too' at ana restore latest --to "$T/ana-back"
ok '- every byte' trees_equal "$T/files" "$T/ana-back$T/files"
exits 'the hook without a certificate' 1 "$ROOT/system/deploy-hook" "$T"
stop_server

# ---- Caddy ----

rm "$T/files/a" "$T/files/c"
configure server listen 127.0.0.1:8080
configure server tls proxy
configure server tls_cert ''
configure server tls_key ''
configure server proxy_cert "$CLIENT:443"
example Caddyfile "$T/Caddyfile" -e '1i {\
	admin off\
	acme_ca https://localhost:14000/dir\
	acme_ca_root '"$T/acme.crt"'\
	storage file_system '"$T/caddy"'\
}'
HOME=$T XDG_DATA_HOME=$T caddy run --config "$T/Caddyfile" --adapter caddyfile \
	>"$T/caddy.out" 2>&1 &
HELPERS="$HELPERS $!"
start_server
ok 'Caddy gets a certificate by itself' until_true 30 page
ok 'the device of before goes on' at ana status
goes_round bob Caddy
in_browser eve
finish
