#!/bin/sh
# SPDX-License-Identifier: ISC
# 21-home.t: a home whose machine, user or mode is another than it was; no
# remedy takes what may be the last key.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

start_server
sign_up ana ana --invite "$INVITE" --device-name laptop >"$T/out" 2>&1
mkdir "$T/files"
echo kept >"$T/files/one"
ok 'a backup there' at ana backup "$T/files"

# ---- which folder ----

mkdir "$T/stand"
here() { (cd "$T/stand" && "$@"); }
usual=$(getent passwd "$(id -u)" | cut -d : -f 6)
for HOME_IS in 'HOME=' '-uHOME' 'HOME=.'; do
	says "with $HOME_IS the folder is the one of the machine's user" \
		"at $usual/.local/share/aumbry" \
		here env "$HOME_IS" aumbry status
done
equal 'and nothing is made where one stands' '' "$(ls -A "$T/stand")"
refused 'an empty --home' 2 bad-usage aumbry --home '' status

# ---- whose folder ----

if [ "$(id -u)" -eq 0 ]; then
	mkdir "$T/theirs"
	cp -a "$T/ana/." "$T/theirs"
	cp "$(command -v aumbry)" "$T/aumbry"
	chmod 755 "$T"
	theirs() {
		setpriv --reuid 65534 --regid 65534 --clear-groups \
			"$T/aumbry" --home "$T/theirs" "$@"
	}
	chmod 700 "$T/theirs"
	refused "another user's home is said to be one" 4 permission-denied \
		theirs status
	also 'and whose' 'belongs to root$'
	chown 65534 "$T/theirs"
	refused 'the same where only what is in it is theirs' 4 \
		permission-denied theirs status
	chown -R 65534 "$T/theirs"
	ok 'once it is given over it opens' theirs status
fi

# ---- who else can read ----

chmod 644 "$T/ana/device.key"
chmod 755 "$T/ana"
says 'keys that others can read are told of' 'could read the device' \
	at ana status
equal 'and closed' '600 700' \
	"$(stat -c %a "$T/ana/device.key") $(stat -c %a "$T/ana")"
ok 'told once' at ana status
equal 'and not again' '' "$(cat "$T/err")"
# As one that mkdir made: no key was open, so nobody need be let in anew.
chmod 755 "$T/ana"
ok 'a folder that is open' at ana status
equal 'is no open key' '' "$(cat "$T/err")"
equal 'but closed' 700 "$(stat -c %a "$T/ana")"

# ---- another machine ----

machine=$(printf '%032d' 0)
echo "$machine" | cmp -s - /etc/machine-id && machine=$(printf '%032d' 1)
echo "$machine" >"$T/machine-id"
if unshare --mount true 2>/dev/null; then
	anew() {
		unshare --mount sh -c 'id=$1 && shift &&
			mount --bind "$id" /etc/machine-id && exec "$@"' \
			sh "$T/machine-id" aumbry --home "$T/ana" "$@"
	}
	refused 'a system that was set up anew' 1 device-copied anew status
	also 'and the way on' 'aumbry device adopt'
	refused 'what may be the last key is not taken unasked' 2 \
		input-missing anew signout --erase
	also 'in plain words' "may be the account's only device"
	also 'with the way on' 'aumbry device adopt'
	ok 'the key is there' test -s "$T/ana/device.key"
	echo 'a wrong one' >"$T/wrong"
	refused 'a thief of the disk does not take it over' 1 \
		wrong-password-or-name \
		anew --password-file "$T/wrong" device adopt
	refused 'and it stays as it was' 1 device-copied anew status
	ok 'its owner does' anew --password-file "$PW" device adopt
	ok 'and goes on' anew status
	says 'with all that was there' '^kept$' \
		anew cat "latest:$T/files/one"
	refused 'the machine of before has a copy now' 1 device-copied \
		at ana status
	ok 'which is taken back the same way' at ana device adopt
	ok 'a home that is here already' at ana device adopt
	also 'says so' "this machine's already"
fi

# ---- what cannot be read ----

mkdir "$T/torn"
cp -a "$T/ana/." "$T/torn"
printf x >>"$T/torn/device.key"
refused 'a damaged key may be the last' 2 input-missing at torn signout --erase
also 'in plain words' "may be the account's only device"
ok 'and goes when that is meant' at torn --yes signout --erase
equal 'with all keys' '' "$(find "$T/torn" -name 'device.key*')"
ok 'the other home is not touched' at ana status

# ---- one of two ----

ok 'a second device' pair ana phone ana --device-name phone
if unshare --mount true 2>/dev/null; then
	ok 'a copy of a device that is not the only one goes unasked' \
		unshare --mount sh -c 'mount --bind "$1" /etc/machine-id &&
		aumbry --home "$2" signout --erase' \
		sh "$T/machine-id" "$T/phone"
	also 'and says what is left to do' 'aumbry device remove'
	says 'the account lists it' ' phone ' at ana device list
fi
finish
