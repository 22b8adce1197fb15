#!/bin/sh
# SPDX-License-Identifier: ISC
# 30-two-factor.t: no backup without a second factor, and codes that count once.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

mkdir "$T/files"
echo text >"$T/files/a"
ask() {
	sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$1"
}

# The three lines of a refusal, exactly.
refusal() {
	printf '%s\n' \
		"aumbry: Backup needs two-factor authentication, and it is $1 \
for ana@localhost." \
		"Run: aumbry $2" '(two-factor-required)'
}

start_server
ok 'signs up' at ana signup "$URL" ana --invite "$INVITE"
refused 'backup while two-factor is pending' 4 two-factor-required \
	at ana backup "$T/files"
equal 'that says so in three lines' "$(refusal pending 'authenticator add')" "$(cat "$T/err")"
equal 'and stores nothing' '' "$(find "$DATA/blobs" -type f)"
refused 'backup --json then' 4 two-factor-required \
	at ana --json backup "$T/files"
says 'that is an object with the same code' \
	'"code":"two-factor-required"' at ana --json backup "$T/files"
refused 'on without a factor' 4 factor-missing at ana two-factor on
also 'that names the command' '^Run: aumbry authenticator add$'
refused 'to confirm what was not added' 4 factor-missing \
	at ana authenticator confirm 123456

# The server has it by then: it is shown, and can be confirmed.
refused 'its file cannot be written' 1 not-found \
	at ana authenticator add --secret-file "$T/nowhere/secret"
also 'and the secret is shown all the same' '^[A-Z2-7]{32}$'
ok 'adds an authenticator' \
	at ana authenticator add --secret-file "$T/secret"
equal 'its secret is shown, and in the file' \
	"$(cat "$T/out")" "$(cat "$T/secret")"
equal 'that only the owner may read' 600 "$(stat -c %a "$T/secret")"
refused 'on with a factor that is not confirmed' 4 factor-missing \
	at ana two-factor on
used=$(totp now)
wrong=$(printf %06d $(((1$used + 1) % 1000000)))
refused 'a wrong code' 1 wrong-code at ana authenticator confirm "$wrong"
refused 'a code of 8 digits' 2 wrong-code-kind \
	at ana authenticator confirm 1234-5678
refused 'backup still' 4 two-factor-required at ana backup "$T/files"
ok 'a right code' at ana authenticator confirm "$used"
also 'turns it on' 'two-factor is on'
says 'status says so' '^two-factor +on$' at ana status
says 'two-factor status too' '^two-factor is on$' at ana two-factor status
ok 'off while there is nothing to guard' at ana two-factor off
refused 'backup while it is off' 4 two-factor-required \
	at ana backup "$T/files"
equal 'that says so in three lines' "$(refusal off 'two-factor on')" "$(cat "$T/err")"
zones() {
	"$BUILD/tests/zones" "$T/ana" "$@"
}
refused 'a commit to the drive' 4 two-factor-required zones commit drive text
also 'says what wants it' '^zones: The Drive needs two-factor'
ok 'a note wants none' zones commit notes text
ok 'on again' at ana two-factor on
ok 'then the drive takes it' zones commit drive text
# A blob says it as well; off is nothing that a client could do by now.
on=$(ask 'SELECT two_factor FROM account')
ask 'UPDATE account SET two_factor = 0'
refused 'a blob of the drive' 4 two-factor-required zones blob drive
also 'says what wants it' '^zones: The Drive needs two-factor'
ok 'a blob of notes wants none' zones blob notes
ask "UPDATE account SET two_factor = $on"
ok 'backup' at ana backup "$T/files"
refused 'off while a backup is there' 4 permission-denied \
	at ana two-factor off
refused 'to remove the only factor' 4 permission-denied \
	at ana authenticator remove

# As if the step-up that sign-up counts as were long ago.
ask 'UPDATE session SET step_up_ms = 0'
refused 'a guarded command five minutes later' 4 step-up-required \
	aumbry --home "$T/ana" authenticator add
not 'step-up without a code' at ana step-up
also 'names the flag' '--code CODE'
refused 'step-up with a code used before' 1 wrong-code \
	at ana step-up --code "$used"
next=$(totp '+30 seconds')
ok 'step-up with a fresh one' at ana step-up --code "$next"
refused 'step-up with that one again' 1 wrong-code \
	at ana step-up --code "$next"
refused 'a guarded command after it' 4 permission-denied \
	aumbry --home "$T/ana" two-factor off
# shellcheck disable=SC2034 # a counter alone
for i in 1 2 3 4 5; do run at ana step-up --code "$wrong"; done
refused 'too many wrong codes' 4 too-many-attempts \
	at ana step-up --code "$wrong"
says 'the log tells of the wrong codes' ' code_wrong ' at ana log
also 'of the factor' ' factor_confirmed .*authenticator'
also 'of on' ' two_factor_on '
also 'and of off' ' two_factor_off '
refused 'an account that never had it' 4 two-factor-required sh -c '
	aumbry --home "$1" --password-file "$2" signup "$3" bob \
		--invite "$4" --no-two-factor || exit 99
	aumbry --home "$1" backup "$5"' sh "$T/bob" "$PW" "$URL" \
	"$(aumbryd invite --data "$DATA")" "$T/files"
also 'is told that it is off' 'and it is off for bob@'

# On a terminal `on` walks through it. Codes come from what it showed.
ok 'a third account' at cat signup "$URL" cat \
	--invite "$(aumbryd invite --data "$DATA")" --no-two-factor
mkfifo "$T/wrong-code" "$T/right-code"
: >"$T/walk"
(
	until_true 20 grep -Eq '^[A-Z2-7]{32}' "$T/walk"
	grep -Eo '^[A-Z2-7]{32}' "$T/walk" >"$T/app"
	echo 12345 >"$T/wrong-code"
	oathtool --totp --base32 "@$T/app" >"$T/right-code"
) &
perl "$ROOT/tests/e2e/typed.pl" "<$T/wrong-code" "<$T/right-code" -- \
	aumbry --home "$T/cat" two-factor on >"$T/walk" 2>&1
equal 'on walks through what is missing' 0 $?
says 'shows what to scan' '▀|▄|█' cat "$T/walk"
also 'forgives a slip' 'Once more: a code of the authenticator has 6 digits'
also 'and ends on' '^two-factor is on'
says 'which stays' '^two-factor is on$' at cat two-factor status
finish
