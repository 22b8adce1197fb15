#!/bin/sh
# SPDX-License-Identifier: ISC
# aumbry-setup --acme: certbot gets a certificate from an ACME server (pebble),
# renews it with another key, and hands it to the server, as what knows the pin
# goes on.
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/../e2e/account.sh"
. "$(dirname "$0")/root.sh"

TLS=/var/lib/aumbry/tls
# shown FIELD: of the certificate that the server shows.
shown() {
	inside sh -c "openssl s_client -connect 127.0.0.1:443 -servername $HOST \
		</dev/null 2>/dev/null | openssl x509 -noout -$1" | sed 's/.*=//'
}

ok 'a clean root' make_root certbot pebble openssl
ok 'starts' start_root
ok 'with a user' make_ana
ok 'the packages' apt_install new aumbry aumbry-server
ok 'certbot' apt install certbot pebble openssl

# An ACME server, whose own certificate is of nobody.
inside sh -c 'cd / && openssl req -x509 -newkey rsa:2048 -nodes -days 9 \
	-subj /CN=localhost -keyout acme.key -out acme.crt 2>/dev/null
cat >acme.json <<END
{ "pebble": { "listenAddress": "127.0.0.1:14000",
  "managementListenAddress": "127.0.0.1:15000",
  "certificate": "/acme.crt", "privateKey": "/acme.key",
  "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "" } }
END
mkdir -p /etc/letsencrypt
printf "server = https://127.0.0.1:14000/dir\nno-verify-ssl = true\n" \
	>/etc/letsencrypt/cli.ini'

# Nobody answers there yet: nothing is started under a certificate of its own.
exits 'no certificate is to be had' 1 \
	inside aumbry-setup $HOST --acme ana@example.org
also 'it says so' 'Run aumbry-setup again'
equal 'and starts nothing' inactive "$(inside systemctl is-active aumbryd)"

inside systemd-run --quiet -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 \
	pebble -config /acme.json
ok 'an ACME server' until_true 20 inside perl -MIO::Socket::INET -e \
	'exit !IO::Socket::INET->new("127.0.0.1:14000")'
ok 'the same command goes on' inside aumbry-setup $HOST --acme ana@example.org
URL=$(sed -n 1p "$T/out")
also 'and says what is there' 'is there already'
says 'the certificate is of that authority' Pebble shown issuer
equal 'its key is the server'\''s alone' '600 aumbry' \
	"$(inside stat -c '%a %U' $TLS/privkey.pem)"
ok 'ana signs up' sign_up_ana "$URL" \
	"$(inside runuser -u aumbry -- aumbryd invite --data /var/lib/aumbry)"
ok 'and backs up' ana backup /home/ana/files

first=$(shown serial)
key=$(inside sha256sum $TLS/privkey.pem)
pid=$(inside systemctl show -P MainPID aumbryd)
ok 'certbot renews' inside certbot renew --quiet \
	--force-renewal --no-random-sleep-on-renew
shows_another() { [ -n "$(shown serial)" ] && [ "$(shown serial)" != "$first" ]; }
ok 'the server shows the new one' until_true 20 shows_another
not 'with another key' [ "$key" = "$(inside sha256sum $TLS/privkey.pem)" ]
equal 'and without a restart' "$pid" "$(inside systemctl show -P MainPID aumbryd)"
ok 'ana notices nothing' ana backup /home/ana/files
ok 'the timer renews it' inside systemctl is-enabled certbot.timer
ok 'set up again' inside aumbry-setup $HOST --acme ana@example.org
equal 'the same address' "$URL" "$(sed -n 1p "$T/out")"

exits 'a folder without a certificate' 1 \
	inside /usr/lib/aumbry/deploy-hook /etc
also 'is named' '/etc holds no fullchain.pem'
ok 'and changes nothing' ana backup /home/ana/files
stop_root
finish
