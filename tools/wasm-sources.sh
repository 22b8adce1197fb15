#!/bin/sh
# SPDX-License-Identifier: ISC
# wasm-sources.sh: the sources of the libraries that the page's core is built
# from, as Debian ships them, into build/wasm/src. Offline when they are there.
#
# They come from the mirrors that this machine already uses, by a list of our
# own: nothing under /etc/apt is touched. apt checks every file against the
# signed index.
set -eu
cd "$(dirname "$0")/.."
dir=$PWD/build/wasm/src
packages='libsodium jansson libzstd'

done=yes
for p in $packages; do
	[ -d "$dir/$p" ] || done=no
done
[ $done = no ] || exit 0
rm -rf "$dir"
mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial"
# The release before its updates: mirrors of those may lack a file.
apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
	'Created-By: Packages' | sort -ru | sort -s -k3,3 |
	sed -n 's/^Debian /deb-src [signed-by=\/usr\/share\/keyrings\/debian-archive-keyring.gpg] /p' \
		>"$dir/apt/list"
apt() {
	tool=$1
	shift
	"$tool" -q -o "Dir::Etc::sourcelist=$dir/apt/list" \
		-o Dir::Etc::sourceparts=/dev/null \
		-o "Dir::State::lists=$dir/apt/lists" \
		-o "Dir::Cache=$dir/apt/cache" \
		-o APT::Sandbox::User=root -o Acquire::Retries=3 "$@" </dev/null
}
apt apt-get update >&2

# A mirror of the updates may know of a file and not have it.
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
for p in $packages; do
	(cd "$dir/apt" && {
		apt apt-get source --download-only "$p" ||
			apt apt-get source --download-only "$p/$release"
	} >&2)
	dpkg-source --no-check -x "$dir/apt/$p"_*.dsc "$dir/$p" >&2
done
rm -rf "$dir/apt" "$dir"/*.tar.*

# What their own configure would have written.
sodium=$dir/libsodium/src/libsodium/include/sodium
sed -e 's/@VERSION@/1.0.18/; s/@SODIUM_LIBRARY_VERSION_MAJOR@/10/' \
	-e 's/@SODIUM_LIBRARY_VERSION_MINOR@/3/; s/@SODIUM_LIBRARY_MINIMAL_DEF@//' \
	"$sodium/version.h.in" >"$sodium/version.h"
sed -e 's|@json_have_localeconv@|0|; s|@json_inline@|inline|' \
	-e 's|@json_have_[a-z_]*@|1|' \
	"$dir/jansson/src/jansson_config.h.in" >"$dir/jansson/src/jansson_config.h"
cat >"$dir/jansson/src/jansson_private_config.h" <<'END'
#define HAVE_STDINT_H 1
#define HAVE_SYS_TYPES_H 1
#define INITIAL_HASHTABLE_ORDER 3
END
mkdir -p "$dir/xxhash"
cp /usr/include/xxhash.h "$dir/xxhash/"
