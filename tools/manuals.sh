#!/bin/sh
# SPDX-License-Identifier: ISC
# manuals.sh [check]: the options of each command in the manuals, from the
# programs' own tables, and the keys of aumbryd.conf as init writes them. check:
# say which manual is old, and change none.
#
# Expects the programs in build/release.
set -eu
cd "$(dirname "$0")/.."
begin='.\" From here on made by tools/manuals.sh'
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
old=$scratch/old
bad=0

# Sections, keys with their defaults, and what the comments above them say.
conf() {
	build/release/aumbryd init --data "$scratch/data" --host cloud.example.org >/dev/null
	awk '/^\[/ { gsub(/[][]/, ""); if (n++) print ".El"
		print ".Ss " $0 "\n.Bl -tag -width Ds"; on = 1; text = ""; next }
	    !on { next }
	    /^#/ { sub(/^# ?/, ""); sub(/^\047/, "\\&"); text = text $0 "\n"; next }
	    / = / { sub(/ = $/, " ="); print ".It Li " $0 "\n" text ; text = "" }
	    END { print ".El" }' "$scratch/data/aumbryd.conf" | sed '/^$/d'
}

# What backups leave out by themselves, and what they take for secrets.
lists() {
	for rule in default secret; do
		case $rule in
		default) printf '%s\n' '.Sh WHAT IS LEFT OUT BY ITSELF' \
			'Unless a pattern as' '.Ql \&!.cache/' 'takes it back:' ;;
		secret) printf '%s\n' '.Sh SECRETS BY NATURE' \
			'Wherever they stand, with what is in the folders among them; and' \
			'files below 64 KiB that hold a private key, whatever their name:' ;;
		esac
		echo '.Bd -literal -offset indent'
		build/release/aumbry --home "$scratch/home" backup --explain |
			sed -n "s/^$rule: //p" | sed "s/^[.']/\\\\\\&&/"
		echo .Ed
	done
}

for manual in aumbry.1 aumbryd.8 aumbry-escrow.8 aumbryd.conf.5; do
	file=docs/man/$manual
	{
		grep -Fqx "$begin" "$file" || exit 1
		awk '{ print } index($0, "From here on") { exit }' "$file"
		case $manual in
		*.conf.5) conf ;;
		*) "build/release/${manual%.*}" completion mdoc ;;
		esac
		[ "$manual" != aumbry.1 ] || lists
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
