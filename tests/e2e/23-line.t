#!/bin/sh
# SPDX-License-Identifier: ISC
# 23-line.t: the command line itself: options and --, help, a pipe that is
# closed, and a key that ends a wait.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

start_server -v
# Ways to a token and files of any name.
sign_up ana ana --invite "$INVITE" --device-name laptop >"$T/out" 2>&1

# ---- behind -- nothing is an option ----

mkdir "$T/odd"
for name in --json --help -h -l -- --home=x; do
	echo "$name" >"$T/odd/$name"
done
inside() { (cd "$T/odd" && "$@"); }
ok 'files that are named like options' \
	inside at ana backup --tag odd -- --json --help -h -l --home=x
equal 'and words are said as without' '' "$(grep '^{' "$T/out")"
says 'all of them are there' '^5$' \
	sh -c 'aumbry --home "$1" find -- "-*" | wc -l' sh "$T/ana"
says 'a pattern that is named like one' '/--help' at ana find -- --help
refused 'which there is not' 1 not-found at ana find -- --yes
refused 'an ID that is named like one' 1 not-found at ana ls -- -l
says 'options stand before, between and behind' '"path"|"name"' \
	aumbry "--home=$T/ana" ls --json "latest:$T/odd"
ok 'and with = too' aumbry "--home=$T/ana" "--password-file=$PW" step-up \
	--code "$(totp 'now + 30 seconds')"
ok 'of either kind' aumbry status "--home=$T/ana"
also 'and mean the same' '^device +laptop$'
refused 'a value is no option' 2 input-missing \
	aumbry --home "$T/no" signup "$URL" x --device-name --json
equal 'and words are still words' '' "$(grep '^{' "$T/out")"
# As -n of others is: not a file of that name, beside which all else is stored.
refused 'nor is what begins with - a name' 2 bad-usage \
	inside at ana backup -n --tag odd
also 'unless it says so' '^aumbry: there is no option -n; .* behind --$'
ok 'by --' inside at ana backup --tag odd -- -l
refused 'a flag takes no value' 2 bad-usage at ana status --json=1
# A part in brackets does not make the word one that may be left out.
refused 'what must be named is' 2 bad-usage at ana ls
also 'and is named' '^aumbry: ID\[:PATH\] is missing$'
refused 'an unknown one is none' 2 bad-usage at ana --tag x status
for option in --to --tag --exclude --repo --password-file; do
	refused "$option of nothing" 2 bad-usage \
		aumbry --home "$T/ana" backup "$option" ''
done
refused '--to of a variable that is not set' 2 bad-usage \
	aumbry --home "$T/ana" restore latest --to ''
# Of two the last would win, and the first be left out without a word.
refused 'what takes one value takes no other' 2 bad-usage \
	at ana snapshot list --tag a --tag b
also 'which is said' '^aumbry: --tag is given twice'
refused 'neither with =' 2 bad-usage \
	at ana restore latest --to "$T/one" "--to=$T/two"
not 'and nothing is done' test -e "$T/two"
ok 'the same again is no other' at ana snapshot list --tag odd --tag odd
ok 'what takes many takes two' at ana backup --tag odd --tag b "$T/odd"
ok 'and an alias may be overridden' \
	aumbry --home "$T/none" snapshot list --home "$T/ana"

# ---- help ----

says 'help on one' '^usage: aumbry backup ' aumbry help backup
says 'the same' '^usage: aumbry backup ' aumbry backup --help
says 'the same in the middle' '^usage: aumbry restore ' \
	aumbry --json restore x -h --to y
refused 'on none' 2 bad-usage aumbry help no-such
says 'on all' '^  backup ' aumbry help
says 'version' '^aumbry [0-9]' aumbry --version
for program in aumbryd aumbry-escrow; do
	says "$program has one" "^$program [0-9]" $program --version
	equal 'the same' "$(aumbry --version | cut -d ' ' -f 2)" \
		"$(cut -d ' ' -f 2 "$T/out")"
	says "$program names itself in its remedies" "$program" \
		$program no-such
	also 'and not another' "^(Run|usage): $program( |$)"
done

# ---- a pipe that is closed ----

mkdir "$T/many"
i=0
while [ $i -lt 3000 ]; do
	: >"$T/many/a-file-with-a-name-of-some-length-$i"
	i=$((i + 1))
done
ok 'many files' at ana backup "$T/many"
closed() {
	rm -f "$T/pipe"
	mkfifo "$T/pipe"
	head -n 1 <"$T/pipe" >"$T/first" &
	"$@" >"$T/pipe" 2>"$T/err" </dev/null
}
for command in "find a-*" "ls latest:$T/many" "--json find a-*" \
	"--json ls latest:$T/many"; do
	set -f
	# shellcheck disable=SC2086 # words
	closed at ana $command
	equal "the reader of \"${command%% *}\" has enough" '141 ' \
		"$? $(cat "$T/err")"
	set +f
done
# onto COMMAND…: its output goes to a disk that is full.
onto() { "$@" >/dev/full; }
for command in "find a-*" "ls latest" "cat latest:$T/odd/-l" --version \
	help 'backup --help'; do
	set -f
	# shellcheck disable=SC2086 # words
	exits "a disk that is full is an error of ${command%% *}" 1 \
		onto at ana $command
	set +f
	also 'which is said' 'standard output'
	equal 'once' 1 "$(grep -c '^(' "$T/err")"
done
for program in aumbryd aumbry-escrow; do
	refused "and of $program" 1 disk-full-here onto $program --version
done
refused 'as for an invitation that nobody sees' 1 disk-full-here \
	onto aumbryd invite --data "$DATA"

# ---- keys that end ----

typed() { perl "$ROOT/tests/e2e/typed.pl" "$@"; }
exits 'Ctrl-C at the password' 130 typed '^C' -- \
	aumbry --home "$T/ana" step-up
equal 'leaves a terminal that shows what is typed' '' \
	"$(grep mute "$T/out")"
equal 'and no words of an error' '' "$(grep '^aumbry:' "$T/out")"
exits 'at its repetition' 130 typed 'a good password' '^C' -- \
	aumbry --home "$T/no" signup "$URL" x --invite x
equal 'the same' '' "$(grep mute "$T/out")"

asks() { at ana device requests | grep -q .; }
nobody() { ! asks; }
# aside FILES COMMAND…: in the background, where a shell ignores SIGINT: perl
# gives it back. $! is the program itself, and not a shell around it.
aside() {
	files=$1
	shift
	rm -f "$T/$files.out"
	perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$@" \
		<&9 >"$T/$files.out" 2>"$T/$files.err" &
}
# begin HOME: somebody asks to join from there, and types nothing yet.
mkfifo "$T/hold"
exec 9<>"$T/hold"
begin() {
	aside new aumbry --home "$T/$1" --password-file "$PW" \
		signin "$URL" ana --timeout 5min
	joining=$!
	until_true 30 asks
}
# Of an address three may ask in an hour; who withdraws has not asked.
for signal in INT TERM; do
	ok 'somebody asks' begin new
	kill -$signal $joining
	wait $joining
	equal "and dies of SIG$signal" $signal "$(kill -l $?)"
	ok 'nobody asks any more' nobody
	equal 'without a word of error' '' "$(grep '^(' "$T/new.err")"
done
ok 'who asks again is heard' pair ana new ana --device-name new

# On the other side: who is let in is told, and does not wait.
for signal in INT TERM; do
	ok 'somebody asks' begin third
	aside code aumbry --home "$T/ana" --password-file "$PW" \
		device approve --print-code --timeout 5min
	approving=$!
	ok 'a code is shown' until_true 30 test -s "$T/code.out"
	kill -$signal $approving
	wait $approving
	equal "which is left by SIG$signal" $signal "$(kill -l $?)"
	ok 'nobody asks any more' nobody
	kill -KILL $joining
	wait $joining 2>/dev/null
done

# It is no way to ring for ever.
ok 'what was asked is forgiven' at ana device allow-again
for n in 1 2 3 4 5 6; do
	ok "asked and withdrawn: $n" begin fourth
	kill -TERM $joining
	wait $joining 2>/dev/null
	until_true 30 nobody
done
refused 'three that are withdrawn are given back in an hour' 4 \
	too-many-attempts at fourth signin "$URL" ana
says 'a server with -v tells of each request' \
	' debug request .*route="POST /v1/signup/finish" status=200' \
	cat "$T/server.err"

# A word that is passed over misleads: a file that was named was not tried.
for words in 'device list' 'device requests' 'device allow-again' \
	'recovery status' 'recovery drill' 'recovery veto' 'recovery stop x'; do
	# shellcheck disable=SC2086 # two words
	refused "$words takes no more" 2 bad-usage at ana $words "$T/key"
done
ok 'longer ago than there was time' at ana log --since 100000y
also 'is all' ' signup '
refused 'a password file of an empty variable is none' 2 input-missing \
	env AUMBRY_PASSWORD_FILE= aumbry --home "$T/ana" step-up
finish
