#!/bin/bash
# SPDX-License-Identifier: ISC
# deb.sh: the source package of this tree and what is built from it, in
# build/deb/. PAGE=no: without the account page.
#
# What is in git is packed, as it is now, committed or not. The build sees the
# source package alone, and so no network.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/build/deb

die() {
	echo "deb: $*" >&2
	exit 1
}
version=$(dpkg-parsechangelog -S Version)
upstream=${version%-*}
grep -q "AUMBRY_VERSION \"$upstream\"" src/base/version.h ||
	die "debian/changelog says $upstream, src/base/version.h does not"
[ "${PAGE-}" = no ] || tools/wasm-sources.sh ||
	die 'the sources of the account page are not to be had (PAGE=no builds without it)'

rm -rf "$out"
tree=$out/aumbry-$upstream
mkdir -p "$tree"
git ls-files --cached --others --exclude-standard --deduplicate -z |
	while IFS= read -r -d '' file; do
		[ ! -e "$file" ] || printf '%s\0' "$file"
	done | tar -c --null -T - | tar -x -C "$tree"

# pack NAME FOLDER WORD…: the same bytes whenever it is packed.
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -S Timestamp)
export SOURCE_DATE_EPOCH
pack() {
	tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 \
		--numeric-owner -C "$2" -cJf "$out/aumbry_$upstream.$1.tar.xz" \
		"${@:3}"
}
pack orig "$out" --exclude="aumbry-$upstream/debian" "aumbry-$upstream"
if [ "${PAGE-}" != no ]; then
	cp -a build/wasm/src "$tree/page"
	pack orig-page "$tree" page
fi

cd "$tree"
dpkg-buildpackage -us -uc -F
cd "$out"
rm -rf "$tree"
# Without the page its licences in debian/copyright are of nothing.
lintian --fail-on error,warning --info --suppress-tags \
	"$([ "${PAGE-}" != no ] || echo superfluous-file-pattern)" \
	"aumbry_${version}"_*.changes
ls -l "$out"/*.deb
