#!/bin/sh
# SPDX-License-Identifier: ISC
# docs-check.sh: every route, command, option and relative link is where it
# should be, and no remedy names a command that is not there.
set -eu
cd "$(dirname "$0")/.."
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

# Routes of the server, with {} for whatever name the document gives a part.
protocol=$(sed 's/{[a-z]*}/{}/g' docs/PROTOCOL.md)
sed -n 's/^[[:space:]]*{ "\([A-Z]*\)", "\([^"]*\)".*/\1 \2/p' \
	src/api/table.c >"$bad.routes"
[ -s "$bad.routes" ] || echo 'src/api/table.c: no route found' >>"$bad"
while read -r method path; do
	# The path ends there: by a backquote, a query, or a space.
	pattern=$(printf '%s' "$path" | sed 's/[.{}]/[&]/g')
	printf '%s\n' "$protocol" | grep -q "\`$method ${pattern}[\`? ]" ||
		echo "docs/PROTOCOL.md: $method $path is missing" >>"$bad"
done <"$bad.routes"
rm -f "$bad.routes"

# Commands, each with its usage, in the manuals.
commands() {
	sed -n '/^} commands\[\] = {/,/^};/s/^[[:space:]]*{ "\([a-z-]*\)".*/\1/p' \
		"$1"
}
in_manual() {
	list=$(commands "$1")
	[ -n "$list" ] || echo "$1: no command found" >>"$bad"
	for name in $list; do
		grep -q "^\.It Cm $name\( \|\$\)" "$2" ||
			echo "$2: $name is missing" >>"$bad"
	done
}
in_manual src/cli/cli.c docs/man/aumbry.1
in_manual src/aumbryd/daemon.c docs/man/aumbryd.8
in_manual src/aumbry-escrow/escrow.c docs/man/aumbry-escrow.8

# Options that are parsed stand in a usage, and those of a usage are parsed.
# --keep-… is one word there; -l is the short form of --long.
usages=$(sed -n '/^} commands\[\] = {/,/^};/p; /^help(FILE/,/^}/p' \
	src/cli/cli.c)
parsed=$(grep -ho '{ "[a-z-]*", CLI_' src/cli/cli*.[ch] |
	sed 's/^{ "//; s/".*//' | sort -u)
[ -n "$parsed" ] || echo 'src/cli: no option found' >>"$bad"
for option in $parsed; do
	case $option in keep-*ly | ?) continue ;; esac
	printf '%s\n' "$usages" | grep -q -e "--${option}[^a-z-]" ||
		echo "src/cli/cli.c: no usage has --$option" >>"$bad"
done
for option in $(printf '%s\n' "$usages" | grep -o -e '--[a-z][a-z-]*' |
	sed 's/--//' | sort -u); do
	grep -q "\"\(--\)\{0,1\}$option\"" src/cli/cli*.[ch] ||
		echo "src/cli/cli.c: nothing parses --$option" >>"$bad"
	grep -q -e "\(--\|Fl Fl \)$option\>" docs/man/aumbry.1 ||
		echo "docs/man/aumbry.1: --$option is missing" >>"$bad"
done

# A remedy names commands that are there, and verbs that these have.
{
	sed -n 's/^X(.*"\([^"]*\)") \\$/\1/p' src/base/err_table.h
	grep -ho '"[^"]*: aumbry [^"]*"' src/*/*.c
} | grep -o 'aumbryd\{0,1\} [a-z][a-z-]*\( [a-z][a-z-]*\)\{0,1\}' |
	sort -u >"$bad.remedies"
[ -s "$bad.remedies" ] || echo 'src/base/err_table.h: no remedy found' >>"$bad"
while read -r program name verb; do
	case $program in
	aumbry) table=src/cli/cli.c ;;
	*) table=src/aumbryd/daemon.c ;;
	esac
	[ "$name" = help ] || commands "$table" | grep -qx -e "$name" ||
		echo "a remedy names: $program $name" >>"$bad"
	[ -z "$verb" ] || sed -n "/^[[:space:]]*{ \"$name\"/,/}/p" "$table" |
		grep -q "[\" ]${verb}[\" ]" ||
		echo "a remedy names: $program $name $verb" >>"$bad"
done <"$bad.remedies"
rm -f "$bad.remedies"

# Relative links.
for file in *.md docs/*.md; do
	dir=$(dirname "$file")
	grep -o ']([^)]*)' "$file" | sed 's/^](//; s/)$//; s/#.*//' |
		while read -r to; do
			case $to in '' | http:* | https:* | mailto:*) continue ;; esac
			[ -e "$dir/$to" ] ||
				echo "$file: link to $to, which is not there"
		done >>"$bad"
done

if [ -s "$bad" ]; then
	cat "$bad" >&2
	exit 1
fi
