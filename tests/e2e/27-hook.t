#!/bin/sh
# SPDX-License-Identifier: ISC
# What certbot's hook does as root, in a folder of the server's user: nothing
# that this user could not do.
set -u
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

if [ "$(id -u)" -ne 0 ]; then
	echo '1..0 # SKIP the hook is for root'
	exit 0
fi
chmod 755 "$T"
mkdir -m 700 "$T/live"
mkdir -m 755 "$T/home" "$T/roots"
echo chain >"$T/live/fullchain.pem"
echo key >"$T/live/privkey.pem"
echo own >"$T/roots/privkey.pem"
chown nobody "$T/home"
export AUMBRY_TLS="$T/home/tls"

hook() { "$ROOT/system/deploy-hook" "$T/live"; }
about() { stat -c '%U %a' "$@"; }

ok 'a certificate is handed over' hook
equal '- to the owner of the folder above' 'nobody 700' "$(about "$T/home/tls")"
equal '- the key for it alone' 'nobody 600' "$(about "$T/home/tls/privkey.pem")"
ok '- as it is' cmp "$T/live/privkey.pem" "$T/home/tls/privkey.pem"
echo renewed >"$T/live/privkey.pem"
ok 'and again' hook
ok '- the new one' cmp "$T/live/privkey.pem" "$T/home/tls/privkey.pem"

# What a server that was taken over would put there.
rm -r "$T/home/tls"
ln -s "$T/roots" "$T/home/tls"
not 'a link to a folder of root is not written to' hook
equal '- nor given away' 'root 755' "$(about "$T/roots")"
ok '- what is in it stays' grep -q own "$T/roots/privkey.pem"
rm "$T/home/tls"
mkdir "$T/home/tls"
chown nobody "$T/home/tls"
ln -s "$T/roots/privkey.pem" "$T/home/tls/privkey.pem.new"
ln -s "$T/roots/privkey.pem" "$T/home/tls/privkey.pem"
ok 'links in the place of files are replaced' hook
ok '- and not followed' grep -q own "$T/roots/privkey.pem"
ok '- the key is there' cmp "$T/live/privkey.pem" "$T/home/tls/privkey.pem"
finish
