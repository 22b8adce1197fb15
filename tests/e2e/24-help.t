#!/bin/sh
# SPDX-License-Identifier: ISC
# 24-help.t: what the programs say of themselves: help, hints, completion.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"

# rows PROGRAM: its commands, as "device approve".
rows() { "$1" completion mdoc | sed -n 's/^\.Ss //p'; }
# wide FILE: lines of more than 80 columns.
wide() { awk 'length($0) > 80' "$1"; }
# unexplained PROGRAM: options of a usage that have no line in its help.
unexplained() {
	rows "$1" | while read -r words; do
		# shellcheck disable=SC2086 # words
		"$1" help $words >"$T/help" || echo "$words: $?"
		wide "$T/help"
		sed -n '/^usage/,/^$/p' "$T/help" | grep -oe '--[a-z-]*' |
			while read -r option; do
				grep -q "^  \(-., \)\{0,1\}$option" "$T/help" ||
					echo "$words $option"
			done
	done
}

for program in aumbry aumbryd aumbry-escrow; do
	ok "$program has help" "$program" help
	equal 'in 80 columns' '' "$(wide "$T/out")"
	equal 'each option of each command is explained' '' \
		"$(unexplained $program)"
	for set in $(rows $program | sed 's/ .*//' | sort -u); do
		"$program" "$set" --help >"$T/help" 2>&1 || echo "$set: $?"
		wide "$T/help"
	done >"$T/bad"
	equal 'each set of commands is, too' '' "$(cat "$T/bad")"
	exits 'without a word it explains itself' 2 "$program"
done
says 'help on the commands of a kind' '^  key rotate +make another' \
	aumbry help recovery key
equal 'and no other' '' "$(grep '^  kit' "$T/out")"
refused 'help on what is none of a kind' 2 bad-usage aumbry help recovery keys
also 'which is named' 'no command "keys"'
says 'of a line that is nearly whole' '^usage: aumbry restore ' \
	aumbry restore latest:/x --to y --help

# ---- what was meant ----

meant() {
	refused "aumbry $1" 2 bad-usage aumbry $1
	also "means $2" "^Did you mean (--)?$2[?]"
}
meant 'bakcup' backup
meant 'snapshots' snapshot
meant 'divice list' device
meant 'device aprove' approve
meant 'backup --dryrun' dry-run
meant 'backup --exlude x' exclude
meant 'status --jsno' json
refused 'what is like nothing means nothing' 2 bad-usage aumbry xyzzy
equal 'and nothing is guessed' '' "$(grep 'Did you mean' "$T/err")"
also 'but where to look is said' '^Run: aumbry help$'
refused 'a set alone' 2 bad-usage aumbry device
also 'names its commands' 'list, requests, approve'
refused 'an option of a neighbor' 2 bad-usage aumbry device list --timeout 5min
also 'is said to be none' 'aumbry device list does not take --timeout'
refused 'of aumbryd, too' 2 bad-usage aumbryd serve --data "$T" --uses 3
refused 'what must be given' 2 bad-usage aumbryd backup --data "$T"
also 'is named' '^aumbryd: --to OUT is missing$'
also 'with how it is used' '^usage: aumbryd backup --data DIR --to OUT'

# ---- -v ----

start_server
sign_up ana ana --invite "$INVITE" >"$T/out" 2>&1
equal 'calls are no news' 0 "$(grep -c ' debug call ' "$T/err")"
ok '-v tells of them' at ana -v status
also 'with what became of each' \
	' debug call method=GET path=/v1/account status=200 '
equal 'and not of what opens anything' '' \
	"$(grep -e "$(cat "$PW")" -e Bearer "$T/err")"

# ---- completion ----

refused 'no such shell' 2 bad-usage aumbry completion tcsh
cat >"$T/bash" <<'END'
source <("$1" completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"_$1"
echo "${COMPREPLY[@]}"
END
cat >"$T/zsh" <<'END'
_describe() { print -l -- "${(@P)4}" | cut -d : -f 1; }
_files() { print FILES; }
compadd() { shift; print -l -- "$@"; }
compdef() { : }
source <("$1" completion zsh)
words=("$@") CURRENT=$#
"_$1"
END
cat >"$T/fish" <<'END'
$argv[1] completion fish | source
complete -C (string join ' ' -- $argv) | cut -f 1
END
ok 'zsh says what must come first' zsh -f -c \
	'source <(aumbry completion zsh)'
also 'before completion' '^First: autoload -U compinit'
# completed SHELL WORD…: what may stand in the place of the last word.
completed() {
	shell=$1
	shift
	case $shell in
	zsh) set -- -f "$T/$shell" "$@" ;;
	fish) set -- --no-config "$T/$shell" "$@" ;;
	*) set -- "$T/$shell" "$@" ;;
	esac
	HOME=$T "$shell" "$@" 2>&1 | tr -s ' \n' '\n\n' | sort | tr '\n' ' '
}
for shell in bash zsh fish; do
	equal "$shell: a kind's commands" 'create remove rotate ' \
		"$(completed $shell aumbry recovery key '')"
	equal "$shell: the values of an option" \
		'authenticator call device key text ' \
		"$(completed $shell aumbry signin --with '')"
	case " $(completed $shell aumbry --home /x device '') " in
	*' adopt '*'approve '*) seen=yes ;;
	*) seen=no ;;
	esac
	equal "$shell: behind an option of all, and its value" yes $seen
	case " $(completed $shell aumbry backup --) " in
	*' --exclude '*' --json '*) seen=yes ;;
	*) seen=no ;;
	esac
	equal "$shell: a command's options, and those of all" yes $seen
	case " $(completed $shell aumbryd account '') " in
	*' quota '*' suspend '*) seen=yes ;;
	*) seen=no ;;
	esac
	equal "$shell: of aumbryd, too" yes $seen
done
finish
