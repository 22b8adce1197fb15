#!/bin/sh
# SPDX-License-Identifier: ISC
# manuals.sh [check]: the options of each command in the manuals, from the
# programs' own tables. check: say which manual is old, and change none.
#
# Expects the programs in build/release.
set -eu
cd "$(dirname "$0")/.."
begin='.\" From here on made by tools/manuals.sh'
old=$(mktemp)
trap 'rm -f "$old"' EXIT
bad=0

for manual in aumbry.1 aumbryd.8 aumbry-escrow.8; do
	file=docs/man/$manual
	{
		grep -Fqx "$begin" "$file" || exit 1
		awk '{ print } index($0, "From here on") { exit }' "$file"
		"build/release/${manual%.*}" completion mdoc
		awk 'index($0, "Up to here") { on = 1 } on' "$file"
	} >"$old"
	if [ "${1-}" != check ]; then
		cmp -s "$old" "$file" || cat "$old" >"$file"
	elif ! cmp -s "$old" "$file"; then
		echo "$file is old; run: make docs" >&2
		bad=1
	fi
done
exit $bad
