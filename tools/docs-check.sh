#!/bin/sh
# SPDX-License-Identifier: ISC
# docs-check.sh: every route, command, option and relative link is where it
# should be, and no remedy names a command that is not there. Expects the
# programs in build/release.
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

# The manuals: what is made from the tables is fresh, each set of commands is
# told of, and so is each option of all commands.
tools/manuals.sh check 2>>"$bad" || true
# rows PROGRAM: its commands, as "device approve".
rows() { "build/release/$1" completion mdoc | sed -n 's/^\.Ss //p'; }
for manual in aumbry.1 aumbryd.8 aumbry-escrow.8; do
	program=${manual%.*}
	for name in $(rows "$program" | sed 's/ .*//' | sort -u); do
		case $name in help | completion) continue ;; esac
		grep -q "^\.It Cm $name\( \|\$\)" "docs/man/$manual" ||
			echo "docs/man/$manual: no .It Cm $name tells of it" >>"$bad"
	done
done
# The map has each folder, and the list of parsers each fuzzer.
for folder in src/*/; do
	folder=${folder#src/}
	grep -q "^| \`${folder%/}\` |" ARCHITECTURE.md ||
		echo "ARCHITECTURE.md: no row of layers has ${folder%/}" >>"$bad"
done
for fuzzer in tests/fuzz/fuzz_*.c; do
	fuzzer=${fuzzer##*/fuzz_}
	grep -q "| .*\<${fuzzer%.c}\> *|\|, *${fuzzer%.c} |\|${fuzzer%.c}," tests/fuzz/README.md ||
		echo "tests/fuzz/README.md: no row has ${fuzzer%.c}" >>"$bad"
done
sed -n '/^static const struct cmd_option globals/,/^};/s/^[[:space:]]*{ "\([a-z-]*\)".*/\1/p' \
	src/cli/cli.c >"$bad.globals"
[ -s "$bad.globals" ] || echo 'src/cli/cli.c: no option found' >>"$bad"
while read -r option; do
	grep -q "^\.It Fl Fl $option\>" docs/man/aumbry.1 ||
		echo "docs/man/aumbry.1: --$option is missing" >>"$bad"
done <"$bad.globals"
rm -f "$bad.globals"

# A remedy names commands that are there, and verbs that these have; a word with a
# slash is a path.
{
	sed -n 's/^X(.*"\([^"]*\)") \\$/\1/p' src/base/err_table.h
	grep -ho '"[^"]*: aumbry [^"]*"' src/*/*.c
} | sed 's| [^ ]*/[^ ]*||g' | grep -o 'aumbryd\{0,1\} [a-z][a-z-]*\( [a-z][a-z-]*\)\{0,1\}' |
	sort -u >"$bad.remedies"
[ -s "$bad.remedies" ] || echo 'src/base/err_table.h: no remedy found' >>"$bad"
while read -r program name verb; do
	rows "$program" >"$bad.rows"
	if grep -q "^$name [a-z]" "$bad.rows"; then
		grep -q "^$name ${verb:-}" "$bad.rows"
	else
		grep -qx "$name" "$bad.rows"
	fi || echo "a remedy names: $program $name $verb" >>"$bad"
done <"$bad.remedies"
rm -f "$bad.remedies" "$bad.rows"

# Files and functions that the documents name are there.
git ls-files --cached --others --exclude-standard >"$bad.files" 2>/dev/null || find . -type f >"$bad.files"
quoted() { grep -o '`[^` ]*`' "$1" | tr -d '`' | sort -u; }
for file in *.md docs/*.md tests/fuzz/README.md; do
	quoted "$file" | grep -E '^[a-z0-9_./-]+\.(c|h|t|sh|pl|js|mjs|mk)$' |
		while read -r name; do
			grep -qE "(^|/)$(printf '%s' "$name" | sed 's/[.]/[.]/g')\$" "$bad.files" ||
				echo "$file: there is no $name"
		done >>"$bad"
done
quoted ARCHITECTURE.md | grep -E '^[a-z][a-z0-9]*(_[a-z0-9]+)+$' |
	while read -r name; do
		grep -rqw "$name" src || echo "ARCHITECTURE.md: there is no $name"
	done >>"$bad"
rm -f "$bad.files"

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
