#!/bin/sh
# SPDX-License-Identifier: ISC
# What certbot's hook and aumbry-setup do as root, in a folder of the server's
# user: nothing that this user could not do. And what root installs.
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

# The settings that aumbry-setup changes once there is a certificate.
eval "$(sed -n '/^conf_get()/,/^}/p; /^conf_set()/,/^}/p' \
	"$ROOT/system/aumbry-setup")"
# shellcheck disable=SC2317 # what was read above calls it
as_aumbry() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
conf=$T/home/aumbryd.conf
printf '[server]\ntls_cert = a\n[mail]\ntls_cert = b\n' >"$conf"
ln -s "$T/roots/privkey.pem" "$conf.new"
chown -h nobody "$conf" "$conf.new"
ok 'a setting is changed' conf_set tls_cert '/c d&\n'
equal '- and read' '/c d&\n' "$(conf_get tls_cert)"
equal '- in its section alone' '[server] tls_cert = /c d&\n [mail] tls_cert = b' \
	"$(paste -sd ' ' "$conf")"
equal '- and is for the server alone' 'nobody 600' "$(about "$conf")"
equal '- a link there gives nothing of root away' 'root 644' \
	"$(about "$T/roots/privkey.pem")"
ok '- nor is it followed' grep -q own "$T/roots/privkey.pem"
rm "$conf"
ln -s "$T/live/privkey.pem" "$conf"
equal 'what that user may not read is not read for it' '' \
	"$(conf_get renewed 2>"$T/denied")"
ok '- but refused' grep -q 'ermission denied' "$T/denied"

# Root's umask is no reason why a user's systemd could not read its unit.
installs() { (umask 077 && make -C "$ROOT" install-system DESTDIR="$T/dest") \
	>"$T/make" 2>&1; }
ok 'what is installed under a strict umask' installs
equal '- is for all to read' '' "$(find "$T/dest" -mindepth 1 ! -perm -444)"
finish
