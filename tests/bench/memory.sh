#!/bin/sh
# SPDX-License-Identifier: ISC
# memory.sh: the anonymous memory of a first backup of very many small files.
#
#     FILES=1000000 sh tests/bench/memory.sh
#
# The files are made by a seed, 80 to 120 bytes each, 500 in a folder (FLAT=1:
# all in one); they, the server and its store are in memory. It prints the peak
# of the first backup and of one of the unchanged files, and fails above LIMIT.
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/../e2e/account.sh"
in_memory
FILES=${FILES:-1000000} FLAT=${FLAT:-} LIMIT=${LIMIT:-64}
# shellcheck disable=SC2034
DATA=$FAST/data

mkdir "$FAST/tree"
FLAT=$FLAT perl -e 'srand 42;
	my ($dir, $n) = @ARGV;
	my $at = $dir;
	for my $i (0 .. $n - 1) {
		if (!$ENV{FLAT} && $i % 500 == 0) {
			my $up = sprintf "%s/%03d", $dir, $i / 50000;
			mkdir $up;
			$at = sprintf "%s/%04d", $up, $i / 500;
			mkdir $at;
		}
		open my $f, ">", "$at/file-$i" or die "$!\n";
		print $f map { chr 32 + int rand 95 } 1 .. 80 + int rand 40;
	}' "$FAST/tree" "$FILES" || exit 1
start_server
sign_up ana ana --invite "$INVITE" >"$T/out" 2>"$T/err" || exit 1
for run in first again; do
	aumbry --quiet --home "$T/ana" --password-file "$PW" backup \
		"$FAST/tree" >"$T/out" 2>"$T/err" &
	it=$! peak=0
	while kill -0 $it 2>/dev/null; do
		now=$(awk '/^RssAnon/ { print $2 }' "/proc/$it/status" \
			2>/dev/null)
		[ "${now:-0}" -gt $peak ] && peak=$now
		sleep 0.05
	done
	ok "the $run backup" wait $it
	echo "# $FILES files, $run: $((peak / 1024)) MiB of anonymous memory"
	less 'stays below the limit' $((LIMIT * 1024)) "$peak"
done
finish
