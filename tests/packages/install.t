#!/bin/sh
# SPDX-License-Identifier: ISC
# The packages in a clean Debian: installed, set up, used, removed, purged, and
# installed again.
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/../e2e/account.sh"
. "$(dirname "$0")/root.sh"

ok 'a clean root' make_root
ok 'starts' start_root
ok 'with a user' make_ana
begun=$(date +%s)
ok 'apt installs all three' apt_install new aumbry aumbry-server aumbry-escrow
equal 'nothing serves before it is set up' inactive \
	"$(inside systemctl is-active aumbryd)"

# ---- aumbry-setup ----

wrong() {
	name=$1 said=$2
	shift 2
	exits "$name" 2 inside aumbry-setup "$@"
	also '- and says so' "$said"
}
wrong 'no name' 'which name'
wrong 'a path' 'not a path' /srv/aumbry
wrong 'an address of the Web' 'not an address' https://cloud.example.org
wrong 'a port in the name' 'gives: cloud' cloud.example.org:443
wrong 'capitals' 'lower-case' Cloud.example.org
wrong 'two names' 'one name' cloud.example.org other.example.org
wrong 'a port that is none' '1 to 65535' cloud.example.org --port 65536
wrong 'an unknown option' 'no option' cloud.example.org --prot 443
exits 'not root' 1 by ana /usr/sbin/aumbry-setup $HOST
also 'says so' 'root makes'
exits 'no certbot' 1 inside aumbry-setup $HOST --acme ana@example.org
also 'says how to get it' 'apt install certbot'
inside perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 1,
	LocalPort => 443); select undef, undef, undef, 0.1 until -e "/stop"' &
holder=$!
until_true 10 inside perl -MIO::Socket::INET -e \
	'exit !IO::Socket::INET->new("127.0.0.1:443")'
exits 'a port that is taken' 1 inside aumbry-setup $HOST
also 'says so' 'port 443 is taken'
touch "$ROOT_DIR/stop"
wait $holder
equal 'none of them made anything' '' "$(ls "$ROOT_DIR/var/lib/aumbry" 2>/dev/null)"

ok 'aumbry-setup' inside aumbry-setup $HOST --escrow
URL=$(sed -n 1p "$T/out") INVITE=$(sed -n 2p "$T/out")
says 'prints the address, the escrow in it' \
	"^https://$HOST/#pin=.*&escrow=" echo "$URL"
ok 'the server runs' active aumbryd
ok 'and the escrow' active aumbry-escrow
ok 'ana signs up' sign_up_ana "$URL" "$INVITE"
ok 'and backs up' ana backup /home/ana/files
seconds=$(($(date +%s) - begun))
says 'under standard protection' '^protection +standard' ana protection
echo "# $seconds s from the installation to the first backup"
less 'within two minutes, with what is wrongly typed' 120 "$seconds"
gives_back 'and gets it back'
says 'under standard protection' standard ana protection

# address: what it printed, the escrow aside.
address() { sed -n '1s/&escrow=.*//p;1p' "$T/out" | head -n 1; }
ok 'aumbry-setup again' inside aumbry-setup $HOST
equal 'the same address' "${URL%&*}" "$(address)"
says 'says what is there' 'is there already' inside aumbry-setup $HOST
exits 'another name' 1 inside aumbry-setup other.example.org
also 'is refused' "serves $HOST already"
exits 'another port' 1 inside aumbry-setup $HOST --port 8443
also 'is refused, too' 'answers on port 443'
ok 'the server still runs' active aumbryd

# ---- the services ----

for unit in aumbryd aumbry-escrow; do
	ok "$unit may do little" inside systemd-analyze security \
		--threshold=25 --no-pager $unit.service
	says "$unit logs to the journal" "$unit: ready" \
		inside journalctl --no-pager -u $unit
done
equal 'the data is the server'\''s alone' '700 aumbry' \
	"$(inside stat -c '%a %U' /var/lib/aumbry)"
equal 'the keys of the escrow, too' '700 aumbry-escrow' \
	"$(inside stat -c '%a %U' /var/lib/aumbry-escrow)"
ok 'the settings are found in /etc' \
	inside grep -q "^host = $HOST" /etc/aumbry/aumbryd.conf
ok 'it starts again' inside systemctl restart aumbry-escrow aumbryd
ok 'and serves' ana backup /home/ana/files
ok 'the page is there' grep -aq 'core.wasm' "$ROOT_DIR/usr/bin/aumbryd"
for word in bash-completion/completions/aumbry zsh/vendor-completions/_aumbry \
	fish/vendor_completions.d/aumbry.fish man/man1/aumbry.1.gz; do
	ok "$word" test -s "$ROOT_DIR/usr/share/$word"
done

# ---- removed, purged, installed again ----

ok 'removed' apt remove aumbry-server aumbry-escrow
equal 'it serves no more' inactive "$(inside systemctl is-active aumbryd)"
says 'purged' '/var/lib/aumbry, with the data' apt purge aumbry-server aumbry-escrow
also 'the escrow says so, too' '/var/lib/aumbry-escrow, with the keys'
ok 'the data is there' test -s "$ROOT_DIR/var/lib/aumbry/aumbryd.db"
ok 'and the keys' test -s "$ROOT_DIR/var/lib/aumbry-escrow/root.key"
equal 'nothing else' '' "$(ls -d "$ROOT_DIR"/etc/aumbry \
	"$ROOT_DIR"/etc/systemd/system/aumbry* 2>/dev/null)"
ok 'installed again' apt_install new aumbry-server aumbry-escrow
ok 'the escrow is started' inside systemctl enable --now aumbry-escrow
ok 'aumbry-setup finds the data' inside aumbry-setup $HOST
equal 'under the same address' "${URL%&*}" "$(address)"
ok 'whose settings are found in /etc again' \
	inside grep -q "^host = $HOST" /etc/aumbry/aumbryd.conf
ok 'ana backs up' ana backup /home/ana/files
gives_back 'and gets it back'
sound 'the server holds all of it'
stop_root
finish
