#!/bin/sh
# SPDX-License-Identifier: ISC
# page.sh OUT [CORE]: the files of the account page in OUT, each plain and
# compressed twice, and OUT/data.c, which holds them. Without CORE (core.wasm)
# there is one page, which says so.
set -eu
cd "$(dirname "$0")/.."
out=$1 core=${2-}
mkdir -p "$out"

# One scope for all modules, as for files of C: no name is exported twice.
bundle() {
	for name in words dom store core needs qr keys ways signin account security \
		protection recovery devices passwords activity people \
		messages app; do
		sed '/^import /d; s/^export //; s/^[[:space:]]*//; /^\/\/ /d; /^$/d' \
			"web/$name.js"
	done
}
# Without brotli nothing is there that is smaller than gzip.
squeeze() {
	if command -v zopfli >/dev/null; then
		zopfli "$1"
	else
		gzip -9nk -f "$1"
	fi
	if command -v brotli >/dev/null; then
		brotli -f -q 11 -w 22 -o "$1.br" "$1"
	else
		: >"$1.br"
	fi
}

if [ -n "$core" ]; then
	bundle >"$out/app.js"
	for name in early worker; do
		sed '/^\/\/ /d' "web/$name.js" >"$out/$name.js"
	done
	cp web/index.html web/app.css web/icon.svg "$out/"
	cp "$core" "$out/core.wasm"
	files='index.html app.css early.js app.js worker.js core.wasm icon.svg'
else
	cp web/none.html "$out/index.html"
	files=index.html
fi

{
	echo '/* Made by tools/page.sh. */'
	echo '#include "api/page.h"'
	n=0
	for f in $files; do
		squeeze "$out/$f"
		for x in "$out/$f" "$out/$f.gz" "$out/$f.br"; do
			n=$((n + 1))
			printf '__asm__(".section .rodata\\npage_%d:\\n.incbin \\"%s\\"\\n' \
				$n "$x"
			printf 'page_%d_end:\\n.previous");\n' $n
			printf 'extern const uint8_t page_%d[], page_%d_end[];\n' $n $n
		done
	done
	echo 'const struct page_file page_files[] = {'
	n=0
	for f in $files; do
		case $f in
		*.html) type='text/html; charset=utf-8' ;;
		*.css) type='text/css; charset=utf-8' ;;
		*.js) type='text/javascript; charset=utf-8' ;;
		*.wasm) type=application/wasm ;;
		*.svg) type=image/svg+xml ;;
		esac
		path=/$f
		[ "$f" != index.html ] || path=/
		printf '\t{ "%s", "%s", "\\"%.32s\\"",\n' \
			"$path" "$type" "$(sha256sum "$out/$f")"
		for x in 1 2 3; do
			n=$((n + 1))
			printf '\t    page_%d, page_%d_end,\n' $n $n
		done
		printf '\t},\n'
	done
	echo '};'
	echo 'const size_t page_n_files = sizeof page_files / sizeof page_files[0];'
} >"$out/data.c.new"
mv "$out/data.c.new" "$out/data.c"
