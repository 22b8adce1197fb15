#!/bin/sh
# SPDX-License-Identifier: ISC
# 98-message-ways.t: whichever way somebody comes back who has lost all devices,
# every message is there, and nobody is alarmed.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/key.sh"

init_server --mature-hours 0
configure limits recovery_wait 0s
start_server
people ben ana cleo
# A second way back waits three days, so two people lose everything.
for who in ana cleo; do
	contacts $who ben
	ok 'Ben has compared' \
		sh -c "echo yes | aumbry --home '$T/b' verify $who --number"
	ok 'they write' at "$(initial $who)" message send ben "$who, before all is lost"
	ok 'to each other' at b message send $who "I keep it for $who"
done
soft one
soft two
ok 'Ana has a security key' keyed one a security-key add --name one
ok 'and another' keyed two a security-key add --name two
ok 'half a key of hers for Ben' at a recovery contact add ben --out "$T/half"
ok 'who keeps it' at b recovery contact accept ana --key-file "$T/half"
ok 'Cleo has a kit of paper' at c recovery kit create --out "$T/kit"

# all HOME: what is said there, and by whom.
all() { at "$1" --json message show ben | sed 's/.*"from":"\([^"]*\)".*"text":"\([^"]*\)".*/\1 \2/'; }
calm() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' 'DELETE FROM throttle'; }
# back HOW HOME WHO: she is there again, and all of it with her.
back() {
	equal "$1: every message is there" "$N" "$(all "$2" | grep -c .)"
	says 'the first one, too' "$3, before all is lost" at "$2" message show ben
	ok 'she writes' at "$2" message send ben "by $1"
	run at b message read "$3"
	lacks 'he is told of no alarm' 'aumbry:'
	says 'and reads it' "by $1\$" at b message show "$3"
	says 'she is verified still' "^$3@.* verified " at b contact list
	N=$((N + 1))
	rm -rf "${T:?}/$2"
}
rm -rf "${T:?}/a" "${T:?}/c"

N=2
calm
ok 'a key and the password open a new home' keyed one key signin "$URL" ana \
	--with key
back 'security key' key ana

rm -f "$T/typed"
mkfifo "$T/typed"
aumbry --home "$T/contact" recover "$URL" ana --contact --keep-devices \
	--new-password-file "$PW" <"$T/typed" >"$T/in.out" 2>"$T/in.err" &
asking=$!
exec 4>"$T/typed"
until_true 20 grep -q '^Tell them' "$T/in.err"
at b recovery assist ana --print-code >"$T/codes" 2>"$T/help.err" </dev/null &
helping=$!
until_true 20 [ -s "$T/codes" ]
tail -n 1 "$T/codes" >&4
exec 4>&-
wait $asking
wait $helping
equal 'Ben helps' 0 $?
[ -f "$T/contact/device.key" ] || ok 'she goes on' aumbry --home "$T/contact" \
	recover --continue --new-password-file "$PW" --keep-devices
back 'contact' contact ana

calm
N=2
exits 'two sheets of three open it' 0 aumbry --home "$T/kit.home" recover "$URL" cleo \
	--kit-file "$T/kit/sheet-1.txt" --kit-file "$T/kit/sheet-3.txt" \
	--new-password-file "$PW"
back 'kit' kit.home cleo
unplug_all
finish
