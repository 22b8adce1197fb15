#!/bin/sh
# SPDX-License-Identifier: ISC
# docs-check.sh: every route, command and relative link is where it should be.
set -eu
cd "$(dirname "$0")/.."
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

# Routes of the server, with {} for whatever name the document gives a part.
protocol=$(sed 's/{[a-z]*}/{}/g' docs/PROTOCOL.md)
sed -n 's/^[[:space:]]*{ "\([A-Z]*\)", "\([^"]*\)".*/\1 \2/p' \
	src/server/table.c >"$bad.routes"
[ -s "$bad.routes" ] || echo 'src/server/table.c: no route found' >>"$bad"
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
in_manual src/cmd/cli.c docs/man/aumbry.1
in_manual src/cmd/daemon.c docs/man/aumbryd.8

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
