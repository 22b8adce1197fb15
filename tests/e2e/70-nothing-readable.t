#!/bin/sh
# SPDX-License-Identifier: ISC
# 70-nothing-readable.t: what a server stores tells nothing of what it holds.
#
# Markers are planted in every place that has text; none may be found below
# the server's folder, raw, in hex or in base64. Nor may any 16 bytes in a row
# of the files, from any byte on, unless they are in our programs as well.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

MARKERS=$ROOT/tests/e2e/markers.pl
: >"$T/markers"
# marker: a word that is nowhere else; also in $T/markers.
marker() {
	tr -dc 'a-z' </dev/urandom | head -c 24 >"$T/m"
	cat "$T/m"
	echo >>"$T/m"
	cat "$T/m" >>"$T/markers"
}

F=$T/$(marker)
mkdir "$F" "$F/$(marker)"
secret=$(marker)
echo "a small file: $secret" >"$F/small"
{
	seq 1 20000
	marker
	seq 1 20000
} >"$F/text"
head -c 3000000 /dev/urandom >"$F/noise"
marker >>"$F/noise"
echo content >"$F/$(marker).txt"
ln -s "/$(marker)/$(marker)" "$F/link"
setfattr -n "user.$(marker)" -v "$(marker)" "$F/small"
mkdir "$F/.ssh"
marker >"$F/.ssh/id_rsa"
echo "AGE-SECRET-KEY-1$(marker)" >"$F/key"
echo "my password is $(marker)" >"$PW"

start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE" \
	--device-name "$(marker)"
ok 'backs up, with a tag' at ana backup "$F" --tag "$(marker)"
ok 'lets in a second device' pair ana bea ana --device-name "$(marker)"
ok 'gives itself another name' at bea device rename "$(marker)"
INVITE=$(aumbryd invite --data "$DATA")
ok 'somebody else has an account' sign_up dan dan --invite "$INVITE"
ok 'is a contact' at ana contact add dan
ok 'by another name' at ana contact rename dan "$(marker)"
ok 'writes to him' at ana message send dan "$(marker)"
ok 'is answered' at dan contact accept ana
ok 'at once' at dan message send ana "$(marker)"
id=$(at ana --json message send dan 'will be another' | json id /dev/stdin)
ok 'says it otherwise' at ana message edit "$id" "$(marker)"
age_inbox() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'UPDATE inbox_item SET received_ms = received_ms - 3700000'
}
age_inbox
ok 'files that' at ana message list
ok 'and leaves some in the inbox' at dan message send ana "$(marker)"
echo "changed: $(marker)" >>"$F/text"
ok 'backs up from there' at bea backup "$F"
ok 'all of it can be restored' at ana restore "latest:$F" --to "$T/back"
ok 'the same' trees_equal "$F" "$T/back"

# The same in the Drive: what is inline, in a pack, a name, a link, a secret, a
# former version, the trash, a conflict copy.
cp -a "$F" "$T/drive"
mkdir "$T/other"
echo "inline: $(marker)" >"$T/drive/$(marker)"
ln -s "$(marker)" "$T/drive/$(marker)"
ok 'puts it into the Drive' at ana drive sync "$T/drive" --once
echo "a later version: $(marker)" >"$T/drive/small"
marker >"$T/drive/thrown"
ok 'with former versions' at ana drive sync "$T/drive" --once
rm "$T/drive/thrown"
ok 'and a trash' at ana drive sync "$T/drive" --once
ok 'gets it from there' at bea drive sync "$T/other" --once
ok 'and it is the same' diff -r --no-dereference -x .aumbry-drive \
	"$T/drive" "$T/other"
echo "one: $(marker)" >"$T/drive/key"
echo "other: $(marker)" >"$T/other/key"
ok 'one of two changes' at ana drive sync "$T/drive" --once
ok 'and the other' at bea drive sync "$T/other" --once
cp "$T/server.err" "$DATA/log"
stop_server
equal 'markers were planted' 31 "$(wc -l <"$T/markers")"
head -n 1 "$SECRET" >"$T/totp"

ok 'no marker is stored' perl "$MARKERS" "$DATA" "$T/markers"
ok 'nor the secret of the authenticator' perl "$MARKERS" "$DATA" "$T/totp"
windows() {
	"$BUILD/tests/windows" "$DATA" "$F" "$BUILD/aumbry" "$BUILD/aumbryd" \
		"$ROOT/docs" "$ROOT/src"
}
ok 'nor 16 bytes of any file' windows
also 'and the search looked at much' \
	'^searched [3-9][0-9]{6,7} bytes for 3[0-9]{6} windows'

# The searches find what is there, in each form.
search() {
	perl "$MARKERS" "$DATA" "$T/markers" && windows
}
planted() { # NAME COMMAND…: what the command says is put among the data
	name=$1
	shift
	"$@" >"$DATA/planted"
	not "they would find $name" search
	rm "$DATA/planted"
}
planted 'a marker' printf 'xx%syy' "$secret"
planted 'its hex' sh -c 'printf %s "$1" | od -An -tx1 | tr -d " \n"' sh "$secret"
planted 'its base64' sh -c 'printf "x%s" "$1" | base64 -w0' sh "$secret"
planted '16 bytes of a file' sh -c \
	'printf odd; head -c 1234567 "$1" | tail -c 16' sh "$F/noise"
ok 'and nothing when it is gone' search
finish
