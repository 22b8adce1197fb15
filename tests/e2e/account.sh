#!/bin/sh
# SPDX-License-Identifier: ISC
# account.sh: what tests with accounts and files read after tap.sh.

PW=$T/pw
echo 'correct horse battery' >"$PW"

SECRET=$T/secret # of the authenticator
AS='' # what stands before aumbry, to run it as another user

# at HOME COMMAND…: aumbry on the device that lives at $T/HOME.
at() {
	device=$1
	shift
	$AS aumbry --home "$T/$device" --password-file "$PW" "$@"
}

# refused NAME STATUS CODE COMMAND…: it must end with that exit status, and
# the last of its words must be that error code.
refused() {
	name=$1 wanted=$2 code=$3
	shift 3
	run "$@"
	status=$?
	if [ $status -eq "$wanted" ] &&
		[ "$(tail -n 1 "$T/err")" = "($code)" ]; then
		pass "$name"
	else
		fail "$name (exit $status, wanted $wanted and $code)"
	fi
}

# equal NAME WANTED GOT: two texts must be the same.
equal() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		printf 'wanted: %s\ngot:    %s\n' "$2" "$3" >"$T/err"
		fail "$1"
	fi
}

# less NAME LIMIT NUMBER: a number must be below a limit.
less() {
	if [ "${3:-none}" -lt "$2" ] 2>/dev/null; then
		pass "$1"
	else
		fail "$1 (not below $2: $3)"
	fi
}

# totp NOW: what an authenticator app shows now, or at another time.
totp() {
	oathtool --totp --base32 --now "$1" "@$SECRET"
}

# json FIELD FILE: that field of the last line of a file; - for all names.
json() {
	tail -n 1 "$2" | node -e '
		const o = JSON.parse(require("fs").readFileSync(0, "utf8"));
		const f = process.argv[1];
		const v = f === "-" ? Object.keys(o).sort().join(" ") : o[f];
		console.log(typeof v === "string" ? v : JSON.stringify(v));
	' -- "$1"
}

# sign_up HOME NAME [FLAGS…]: an account, and its two-factor on.
sign_up() {
	home=$1 user=$2
	shift 2
	at "$home" signup "$URL" "$user" "$@" &&
		at "$home" authenticator add --secret-file "$SECRET" &&
		at "$home" authenticator confirm "$(totp now)"
}

# initial NAME: its first letter, the home of whom people made.
initial() { printf %.1s "$1"; }

# people NAME…: each has an account. $SECRET is of the last, $INVITE of nobody.
people() {
	for person in "$@"; do
		ok "$person has an account" sign_up "$(initial "$person")" "$person" \
			--invite "$INVITE"
		INVITE=$(aumbryd invite --data "$DATA")
	done
}

# contacts ONE OTHER: people who have each other as contacts.
contacts() {
	ok "$1 has $2 as a contact" at "$(initial "$1")" contact add "$2"
	ok "and $2 has $1" at "$(initial "$2")" contact add "$1"
}

# pair OLD NEW NAME [FLAGS…]: let $T/NEW into the account of $T/OLD by a code.
pair() {
	old=$1 new=$2 user=$3
	shift 3
	rm -f "$T/pipe"
	mkfifo "$T/pipe"
	at "$new" signin "$URL" "$user" "$@" <"$T/pipe" &
	joining=$!
	at "$old" device approve --print-code >"$T/pipe"
	approved=$?
	wait $joining && [ $approved -eq 0 ]
}

# other_code CODE: a well-formed code of pairing that is not this one.
other_code() {
	echo "$1" | tr -dc '0-9\n' | awk '{
		code = (substr($0, 1, 1) + 1) % 10 substr($0, 2, 6)
		for (i = 1; i <= 7; i++) {
			d = substr(code, i, 1) * (i % 2 + 1)
			sum += d > 9 ? d - 9 : d
		}
		print code (10 - sum % 10) % 10
	}'
}

# trees_equal A B: nothing that rsync can see differs, either way.
trees_equal() {
	rsync -aHAXn --checksum --itemize-changes --delete "$1/" "$2/" \
		>"$T/rsync.out" 2>&1 && ! grep '' "$T/rsync.out"
}

# page_walk WALK: tests/tools/WALK.mjs, each of whose lines (+ or -, a name) is a
# test, and so is its end.
page_walk() {
	export T DATA
	node "$ROOT/tests/tools/$1.mjs" >"$T/page.out" 2>"$T/page.err" </dev/null
	ended=$?
	: >"$T/out"
	: >"$T/err"
	while read -r sign what; do
		case $sign in
		+) pass "$what" ;;
		*) fail "$what" ;;
		esac
	done <"$T/page.out"
	sed 's/^/# /' "$T/page.err"
	equal 'all was tried' 0 $ended
}

# guesses ADDRESS TOKEN METHOD CODE: 200 proofs at once; of the answers, in
# $T/guesses, five may have been looked at.
guesses() {
	for i in $(seq 200); do
		[ "$i" -eq 1 ] || echo next
		printf '%s\n' "url = $1/v1/factors/prove" insecure \
			"header = \"Authorization: Bearer $2\"" \
			"data = \"{\\\"method\\\":\\\"$3\\\",\\\"code\\\":\\\"$4\\\"}\""
	done >"$T/curl.cfg"
	curl -s -Z --parallel-max 50 -K "$T/curl.cfg" >"$T/guesses" 2>&1
	equal 'of 200 codes at once' 200 \
		"$(grep -o '"code":"[a-z-]*"' "$T/guesses" | wc -l)"
	equal 'five are looked at' 5 "$(grep -o wrong-code "$T/guesses" | wc -l)"
}
