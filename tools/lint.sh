#!/bin/bash
# SPDX-License-Identifier: ISC
# lint.sh [deep]: every rule of STYLE.md that a tool can check.
#
# deep: clang's analyzer follows each function as far as it goes, not only as
# far as two minutes for all of them let it.
# Expects `make MODE=release all archives` to have run.
set -u
cd "$(dirname "$0")/.." || exit 1
build=build/release
failed=0

# check NAME COMMAND…: run it, show what it says only when it fails.
check() {
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then
		echo "lint: $name: ok" >&2
	else
		printf '%s\n' "$said" >&2
		echo "lint: $name: FAILED" >&2
		failed=1
	fi
}

# The daemon never holds what opens data: no symbol of the vault is in it.
no_vault_in_daemon() {
	[ -f $build/aumbryd ] && [ -f $build/libvault.a ] || return 0
	local both
	both=$(comm -12 \
		<(nm --defined-only -g $build/libvault.a | awk 'NF == 3 {print $3}' | sort -u) \
		<(nm $build/aumbryd | awk '{print $NF}' | sed 's/@.*//' | sort -u))
	[ -z "$both" ] || { echo "aumbryd holds symbols of the vault: $both" && return 1; }
}

errors_fresh() {
	make --no-print-directory MODE=release $build/tools/errors >/dev/null &&
		$build/tools/errors | diff -u docs/ERRORS.md - ||
		{ echo 'docs/ERRORS.md is old; run: make docs' && return 1; }
}

# calls WORDS FOLDER…: where a function of WORDS (a|b) is called, and goto.
# Comments and strings may say what they like.
calls() {
	local words=$1
	shift
	find "$@" -name '*.[ch]' -not -path '*/node_modules/*' | sort | while read -r f; do
		sed -E 's://.*$::; s:"([^"\\]|\\.)*":"":g; s:/\*.*\*/::; s:^[[:space:]]*/?\*([^/].*)?$::' "$f" |
			grep -nE "(^|[^_[:alnum:]])(($words)[[:space:]]*\(|goto[[:space:]])" |
			sed "s|^|$f:|"
	done | { ! grep .; }
}

banned() {
	calls 'v?sprintf|strcpy|strcat|strtok|gets|atoi|alloca|system' src tests tools
}

# What a call changes goes through once_write, so that it can be asked for
# twice: the rows of the table say what does. A GET writes nothing, and of the
# other methods only those read that PROTOCOL.md has as changing nothing.
# Entries, commits and blobs know themselves what came before. By themselves
# write, too: what an escrow has answered, what it gives to an operator, the
# last use of an app-specific password.
changes_once() {
	local table=src/api/table.c free rows name
	free=$(grep '| change nothing | |$' docs/PROTOCOL.md)
	rows=$(sed -nE 's/^\t\{ "([A-Z]+)", "([^"]+)", .*, ([A-Z_]+\([a-z_,& ]+\)) \},$/\1 \2 \3/p' $table)
	while read -r method path does; do
		name=${path##*\{\}/}
		case "$method $does" in
		'GET WRITE'* | 'GET SINK'* | 'GET RELAY(message_post'*)
			echo "$table: $method $path writes" ;;
		GET* | *' HTTP(entries_'* | *' HTTP(zones_commit)' | \
			*' SINK('* | *' HTTP(zones_blob_delete)') ;;
		*' WRITE'* | *' RELAY(message_post,'*)
			! grep -q "\`${name#/v1/}\`" <<<"$free" ||
				echo "docs/PROTOCOL.md: $path changes something" ;;
		*) grep -q "\`${name#/v1/}\`" <<<"$free" ||
			echo "$table: $method $path is not done once" ;;
		esac
	done <<<"$rows" | { ! grep .; } || return 1
	[ "$(wc -l <<<"$rows")" = "$(grep -cE '^[[:space:]]*\{ "' $table)" ] ||
		{ echo "$table: a row does not say what it does" && return 1; }
	find src/api src/factor -name '*.c' | grep -vE \
		'/(entries|zones|apppass|releases|recoveries_order)\.c$' |
		xargs grep -nE '(^|[^_[:alnum:]])db_write\(' | { ! grep .; }
}

# Elsewhere it is bytes_equal, or what takes constant time.
memcmp_at_home() {
	local folders
	mapfile -t folders < <(printf '%s\n' src/* | grep -v '^src/base$')
	calls memcmp "${folders[@]}"
}

# cmocka speaks TAP when it is told to. A test may be another one's file.
tap() {
	grep -LE 'CM_OUTPUT_TAP|#include "test_' tests/unit/test_*.c | { ! grep .; }
}

# Shell without a name that says so.
scripts_of_packages() {
	ls system/aumbry-setup system/deploy-hook debian/*.prerm debian/*.postrm
}

spdx() {
	find src tests tools .ci system -type f \( -name '*.[ch]' -o -name '*.sh' \
		-o -name '*.t' -o -path '.ci/run' -o -path 'system/*-*' \
		-not -name '*.service' -not -name '*.sysusers' \) \
		-not -path '*/node_modules/*' | sort | while read -r f; do
		head -n 3 "$f" | grep -q 'SPDX-License-Identifier: ISC' ||
			echo "$f: no SPDX line"
	done | { ! grep .; }
}

c_files() {
	find src tests tools -name "$1" -not -path '*/node_modules/*' | sort
}

formatted() {
	c_files '*.[ch]' | tr '\n' '\0' |
		xargs -0 clang-format-14 --dry-run -Werror
}

headers_alone() {
	local flags
	flags=$(pkg-config --cflags libsodium libcrypto libmicrohttpd libcurl \
		sqlite3 libzstd libxxhash jansson fuse3 p11-kit-1)
	c_files '*.h' | grep '^src/' | while read -r h; do
		# shellcheck disable=SC2086 # a list of flags
		gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Isrc $flags \
			-fsyntax-only -x c -include "$h" /dev/null || exit 1
	done
}

# One file per process: several at once give false findings.
tidy() {
	local flags
	flags=$(pkg-config --cflags libsodium libcrypto libmicrohttpd libcurl \
		sqlite3 libzstd libxxhash jansson fuse3 liboath libqrencode libfido2 p11-kit-1)
	# Nodes of the graph of a function that the analyzer looks at.
	[ "$deep" = yes ] || flags="$flags -Xclang -analyzer-config -Xclang max-nodes=20000"
	export flags
	# err.c defines what tidy.h dresses.
	# shellcheck disable=SC2016 # the inner shell expands
	c_files '*.c' | grep -E '^(src|tools)/' | tr '\n' '\0' |
		xargs -0 -P 2 -I {} sh -c 'case $1 in
			src/base/err.c) known= ;;
			*) known="-include tools/tidy.h" ;;
			esac
			clang-tidy-14 --quiet "$1" -- -std=c11 -D_GNU_SOURCE \
				-Isrc $known $flags 2>/dev/null' sh {} |
		{ ! grep -E 'warning:|error:' -A3; }
}

shells() {
	find tools tests .ci -type f \( -name '*.sh' -o -name '*.t' \
		-o -path '.ci/run' \) -not -path '*/node_modules/*' -print0 |
		xargs -0 shellcheck -S warning -x -e SC1091 || return 1
	scripts_of_packages | xargs shellcheck -S warning
}

# The page's modules, and those of the tests. Each parses as what it is.
scripts() {
	local f
	for f in web/*.js; do
		case $f in
		web/early.js) node --check "$f" ;;
		*) node --check --input-type=module <"$f" ;;
		esac || echo "$f: does not parse"
	done 2>&1 | { ! grep .; } || return 1
	tests/tools/node_modules/.bin/eslint -c tools/eslint.config.mjs \
		web 'tests/**/*.mjs' 'tools/*.mjs'
}

deep=no
[ "${1-}" != deep ] || deep=yes
check layers tools/layers.sh
check 'names, sizes, contracts, circles' perl tools/figures.pl
check 'nothing unused' perl tools/unused.pl
check 'no vault in aumbryd' no_vault_in_daemon
check docs/ERRORS.md errors_fresh
check 'docs and commands' sh tools/docs-check.sh
check 'banned functions' banned
check 'changes are made once' changes_once
check 'tests speak TAP' tap
check 'license lines' spdx
check 'memcmp in base alone' memcmp_at_home
check clang-format formatted
check 'headers alone' headers_alone
check shellcheck shells
check JavaScript scripts
check clang-tidy tidy
exit $failed
