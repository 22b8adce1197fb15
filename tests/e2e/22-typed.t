#!/bin/sh
# SPDX-License-Identifier: ISC
# 22-typed.t: what people type and paste is read the same way at every place,
# and what is shown is shown as it is.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

start_server
stop_server
configure limits code_tries 100
configure limits prompts_per_hour 100
start_server
nbsp=$(printf '\302\240') ndash=$(printf '\342\200\223')
rlo=$(printf '\342\200\256') bom=$(printf '\357\273\277')

# ---- passwords ----

with() {
	printf '%b' "$1" >"$T/given"
	shift
	aumbry --home "$T/new" --password-file "$T/given" "$@"
}
refused 'a password of one character' 1 bad-request \
	with 'x\n' signup "$URL" ana --invite "$INVITE"
also 'says how long one is' 'shorter than 8 characters'
refused 'of seven, however many bytes' 1 bad-request \
	with 'ééééééé\n' signup "$URL" ana --invite "$INVITE"
refused 'with a NUL' 2 input-missing \
	with 'correct horse\0 battery\n' signup "$URL" ana --invite "$INVITE"
also 'is no text' 'a NUL'
refused 'in Latin-1' 2 input-missing \
	with 'caf\0351 au lait\n' signup "$URL" ana --invite "$INVITE"
also 'neither' 'not UTF-8'
refused 'that has an escape in it' 1 bad-request \
	with 'correct \0033[A horse\n' signup "$URL" ana --invite "$INVITE"
refused 'that is not there' 2 input-missing \
	with '\n' signup "$URL" ana --invite "$INVITE"
equal 'and no key was made' '' "$(find "$T/new" -name 'device.key*' 2>&1 |
	grep -v 'No such')"
# Letters with an accent of their own, as some systems write them.
ok 'an invitation with spaces and capitals, a name with its host' \
	with 'cafe\0314\0201 creme brulee\n' signup " $URL" \
	' Ana@localhost ' --device-name laptop \
	--invite "$(echo "$INVITE" | tr 'a-z-' 'A-Z ')"
says 'the account is ana' '^account +ana@' aumbry --home "$T/new" status
for form in 'caf\0303\0251 creme brulee' 'cafe\0314\0201 creme brulee\r\n' \
	'\0357\0273\0277caf\0303\0251 creme brulee\n' \
	'caf\0303\0251 creme brulee\nsomething else\n'; do
	ok "the same password as $form" with "$form" step-up
done
refused 'spaces belong to it' 1 wrong-password-or-name \
	with 'caf\0303\0251 creme brulee \n' step-up
refused 'a folder is no empty password' 1 io-error \
	aumbry --home "$T/new" --password-file "$T" step-up
echo 'short' >"$T/short"
refused 'a new one is as long' 1 bad-request \
	with 'caf\0303\0251 creme brulee' password change \
	--new-password-file "$T/short"
printf 'caf\303\251 creme brulee\n' >"$PW"

# ---- codes ----

ana() { aumbry --home "$T/new" --password-file "$PW" "$@"; }
# A URL that is pasted with a name in it is no URL.
for url in http://localhost.example.invalid http://127.evil.example.invalid \
	http://127.0.0.1@evil.example.invalid http://localhost@evil.invalid \
	http://example.org "https://bücher.invalid/#${URL#*#}"; do
	refused "no sign-in at $url" 2 bad-usage at x signin "$url" ana
done
ok 'an authenticator' ana authenticator add --secret-file "$SECRET"
now=$(totp now)
spaced=$(echo "$now" | sed 's/^.../& /')
refused 'five digits are none' 2 wrong-code-kind \
	ana authenticator confirm "${now%?}"
refused 'nor are six with a letter' 2 wrong-code-kind \
	ana authenticator confirm "${now}x"
refused 'one of another hour' 1 wrong-code \
	ana authenticator confirm "$(totp 'now - 1 hour')"
# openproject #11978: typed once more it stays wrong.
also 'may be one of a wrong clock' 'here it is [0-9:]{8} UTC'
ok 'its code in two groups' ana authenticator confirm " $spaced "
# No code of an authenticator is taken twice, but this is about their form.
again() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'UPDATE factor SET counter = 0; DELETE FROM throttle;'
}
for shape in 's/^.../&-/' "s/^.../&$nbsp/" "s/^.../&$ndash/" "s/^/$bom/" \
	"s/.*/$rlo&/" 's/./& /g'; do
	again
	ok "a code as $shape" ana step-up --code "$(totp now | sed "$shape")"
done
again
ok 'where one signs in as well, by a name with its host' \
	aumbry --home "$T/look" --password-file "$PW" signin "$URL" \
	' ana@localhost' --with authenticator \
	--code "$(totp now | sed 's/^.../& /')"
again
refused 'a name of another host' 2 bad-name \
	aumbry --home "$T/x" --password-file "$PW" signin "$URL" \
	ana@example.org --with authenticator --code 123456
also 'which is named' 'this one is localhost'
refused 'what a trusted device shows goes to no server' 2 wrong-code-kind \
	aumbry --home "$T/x" --password-file "$PW" signin "$URL" ana \
	--with authenticator \
	--code "$(other_code 12345678 | sed "s/^..../&$nbsp/")"

again
refused 'a step-up without the code' 2 input-missing ana step-up
also 'that names the flag' '^Add: --code CODE$'
also 'and ways for who has lost it' '^If it is lost: .*recover URL NAME'

# by_code SHAPE HOME: let a device in, its code typed so.
by_code() {
	rm -f "$T/pipe"
	mkfifo "$T/pipe"
	aumbry --home "$T/$2" --password-file "$PW" signin "$URL" Ana@localhost \
		--device-name "$2" <"$T/pipe" &
	joining=$!
	ana device approve --print-code | sed -u "$1" >"$T/pipe"
	wait $joining
}
ok "a device's code with a dash of print" by_code "s/-/ $ndash /" phone
ok 'and in pieces' by_code "s/-//; s/./&$nbsp/g" tablet
ok 'a recovery key' ana recovery key create --out "$T/key"
{
	printf %s "$bom"
	sed 's/$/\r/' "$T/key"
} >"$T/key2"
ok 'which is the way for who has lost the authenticator' \
	aumbry --home "$T/found" recover "$URL" ana@localhost \
	--key-file "$T/key" --new-password-file "$PW" --keep-devices
ok 'as it is said' aumbry --home "$T/found" authenticator add \
	--secret-file "$T/secret2"
ok 'saved by another editor' ana recovery drill --key-file "$T/key2"
tail -n 1 "$T/key" | sed "s/-/$ndash/g" | tr 'A-Z' 'a-z' >"$T/key2"
ok 'typed otherwise' ana recovery drill --key-file "$T/key2"

# ---- names ----

for name in '   ' "lap${rlo}top" "$(printf 'lap\033[2Jtop')" \
	"$(printf '\342\200\213')" "$(printf '\343\205\244')" ''; do
	shown=$(printf %s "$name" | od -An -c | tr -d '\n')
	refused "no device is called$shown" 2 bad-name ana device rename "$name"
done
ok 'one with an accent of its own' \
	ana device rename "$(printf 'cafe\314\201')"
says 'is called what it looks like' "$(printf 'caf\303\251')" \
	ana device list
refused 'no label of 65 bytes' 1 bad-request ana app-password create \
	"$(printf '%065d' 0)" --scope mail
also 'says what to do' '^Choose another label'
lacks_update() { ! grep -q 'Update this program' "$T/err"; }
ok 'and not what does not help' lacks_update
refused 'no label of spaces' 1 bad-request ana app-password create '  ' \
	--scope mail
again
ana step-up --code "$(totp now)" 2>"$T/err"
ok 'an app-specific password' ana app-password create Mail --scope mail
sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
	"UPDATE app_password SET label = 'Ma' || char(0x202e) || 'il'"
says 'what turns the text is shown as it is' \
	'Ma\\xe2\\x80\\xaeil' ana app-password list
says 'and exactly to programs' "Ma${rlo}il" ana --json app-password list
refused 'no mail address of other letters' 1 bad-request \
	ana mail add ána@example.org
ok 'and not what does not help' lacks_update

# ---- IDs ----

mkfifo "$T/hold"
exec 9<>"$T/hold"
for n in 1 2; do
	aumbry --home "$T/j$n" --password-file "$PW" signin "$URL" ana \
		<&9 >/dev/null 2>&1 &
	HELPERS="$HELPERS $!"
done
two() { [ "$(ana device requests | wc -l)" -eq 2 ]; }
ok 'two devices ask' until_true 30 two
refused 'none of them is meant by nothing' 1 not-found ana device approve ''
refused 'nor refused by it' 1 not-found ana device refuse ''
refused 'nor by spaces' 1 not-found ana device refuse ' '
refused 'without a word it is not clear which' 2 ambiguous-request \
	ana device refuse
ok 'both still ask' two
id=$(ana device requests | sed -n '1s/ .*//p' | tr 'a-f' 'A-F')
ok 'by the start of its ID, as it was pasted' ana device refuse " $id "
for words in 'session end' 'device remove' 'app-password revoke' \
	'recovery stop' 'visit approve' 'security-key remove' 'ls' 'restore'; do
	# shellcheck disable=SC2086 # two words
	set -- $words
	[ "$1" != restore ] || set -- restore --to "$T/none"
	refused "$words of nothing" 1 not-found ana "$@" ''
done

# ---- a proxy ----

"$ROOT/tests/tools/proxy.pl" >"$T/proxy" &
HELPERS="$HELPERS $!"
until_true 20 test -s "$T/proxy"
port=${URL##*:} port=${port%%/*}
away="https://cloud.example.invalid:$port/#${URL#*#}"
by_proxy() {
	env HTTPS_PROXY="http://127.0.0.1:$(head -n 1 "$T/proxy")" "$@"
}
refused 'a name that is known to a proxy alone' 5 server-unreachable \
	aumbry --home "$T/p" --password-file "$PW" signin "$away" ana \
	--with authenticator --code 123456
again
ok 'is reached through it' by_proxy \
	aumbry --home "$T/p" --password-file "$PW" signin "$away" ana \
	--with authenticator --code "$(totp now)"
equal 'and the proxy was asked for it' cloud.example.invalid \
	"$(sed -n 2p "$T/proxy")"
refused 'whose server must show its key' 6 certificate-changed by_proxy \
	aumbry --home "$T/p2" --password-file "$PW" signin \
	"https://cloud.example.invalid:$port/#pin=$(printf 'A%.0s' $(seq 43))" \
	ana --with authenticator --code 123456
refused 'NO_PROXY keeps a name from it' 5 server-unreachable \
	by_proxy env NO_PROXY=example.invalid aumbry --home "$T/p" status
asked=$(wc -l <"$T/proxy")
ok 'this machine is never asked for there' by_proxy \
	aumbry --home "$T/new" status
equal 'as the proxy says' "$asked" "$(wc -l <"$T/proxy")"
finish
