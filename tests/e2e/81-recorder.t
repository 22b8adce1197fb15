#!/bin/sh
# SPDX-License-Identifier: ISC
# 81-recorder.t: whatever is interrupted and tried again, no blob is ever put
# with one id and one header, and two bodies: a keystream serves once.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
. "$(dirname "$0")/liar.sh"

S=$T/files
PUT=$T/put
: >"$PUT"
mkdir "$S"

puts() {
	wc -l <"$PUT"
}
# put_again: how many ids and headers were put more than once.
put_again() {
	cut -d' ' -f1,2 "$PUT" | sort | uniq -d | wc -l
}
# two_bodies FILE: ids, and headers, that came with two bodies.
two_bodies() {
	for field in 1 2 1,2; do
		cut -d' ' -f$field,3 "$1" | sort -u | sed 's/ [^ ]*$//' |
			uniq -d
	done
}
held() {
	[ "$(lies_told)" -gt 0 ]
}
# fill NAME: 20 MB that no other file shares: two packs.
fill() {
	head -c 20000000 /dev/urandom >"$S/$1"
}
# interrupted HOME: a backup that is killed when a blob has been put, and
# before its answer.
interrupted() {
	lie hold-answer
	aumbry --home "$T/$1" --password-file "$PW" backup "$S" \
		>"$T/killed.out" 2>&1 </dev/null &
	killed=$!
	until_true 30 held
	kill -9 $killed
	wait $killed 2>/dev/null
	equal 'a backup is killed while it puts' 137 $?
	told hold-answer
	truth
}

start_liar "$PUT"
ok 'signs up, with two-factor' sign_up laptop ana --invite "$INVITE" \
	--device-name laptop
ok 'a second device is let in' pair laptop phone ana --device-name phone

fill one
ok 'backs up' at laptop backup "$S"
not 'puts are written down' [ "$(puts)" -lt 2 ]
equal 'each was put once' 0 "$(put_again)"
for i in 1 2 3; do
	fill "killed$i"
	interrupted laptop
	[ $i -eq 2 ] || ok '- it goes on' at laptop backup "$S"
done
fill killed4
interrupted phone
ok '- it goes on' at phone backup "$S"

fill lost
lie lose-answer
ok 'answers get lost: it puts again' at laptop backup "$S"
told lose-answer
truth
not 'it really did' [ "$(put_again)" -eq 0 ]

lie 'html 502'
fill failed
not 'the server fails' at laptop backup "$S"
truth
ok 'and is there again' at laptop backup "$S"
ok 'both devices at once' sh -c '
	aumbry --home "$1/laptop" backup "$1/files" & one=$!
	aumbry --home "$1/phone" backup "$1/files"
	two=$?
	wait $one && [ $two -eq 0 ]' sh "$T"

ok 'restores' at phone restore "latest:$S" --to "$T/back"
ok 'the same' trees_equal "$S" "$T/back"
echo "# $(puts) puts, $(put_again) of them again"
equal 'no id and header with two bodies' '' "$(two_bodies "$PUT")"
{
	cat "$PUT"
	sed -n '1s/[^ ]*$/another/p' "$PUT"
} >"$T/planted"
not 'one would be seen' [ -z "$(two_bodies "$T/planted")" ]
equal 'the recorder did not stumble' '' \
	"$(grep -v 'aborted\|hang up' "$T/liar.err")"
finish
