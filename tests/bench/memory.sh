#!/bin/sh
# SPDX-License-Identifier: ISC
# memory.sh: the anonymous memory of a backup of very many small files.
#
#     FILES=1000000 sh tests/bench/memory.sh
#
# The files are made by a seed, 80 to 120 bytes each, 500 in a folder (FLAT=1:
# all in one); they, the server and its store are in memory. It prints the peaks
# of a first backup, of one of the unchanged files and of a restore, beside those
# of restic with its own server, and fails where ours is above LIMIT.
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/../e2e/account.sh"
. "$(dirname "$0")/restic.sh"
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

# peak NAME COMMAND…: its peak, in KiB, in $peak.
peak() {
	name=$1 peak=0
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null &
	it=$!
	while kill -0 $it 2>/dev/null; do
		now=$(awk '/^RssAnon/ { print $2 }' "/proc/$it/status" \
			2>/dev/null)
		[ "${now:-0}" -gt $peak ] && peak=$now
		sleep 0.05
	done
	ok "$name" wait $it
	echo "# $FILES files, $name: $((peak / 1024)) MiB of anonymous memory"
}
ours() {
	name=$1
	shift
	peak "$name" aumbry --quiet --home "$T/ana" --password-file "$PW" "$@"
	less 'stays below the limit' $((LIMIT * 1024)) "$peak"
}
ours 'the first backup' backup "$FAST/tree"
ours 'the unchanged files' backup "$FAST/tree"
ours 'the restore' restore "latest:$FAST/tree" --to "$FAST/back"
equal 'of all files' "$FILES" "$(find "$FAST/back" -type f | wc -l)"
stop_server
rm -rf "$FAST/back" "$DATA"

if ! find_restic; then
	echo '# restic cannot be had here: nothing of it'
	finish
	exit
fi
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(
	Listen => 1, LocalAddr => "127.0.0.1")->sockport')
"$REST" --listen "127.0.0.1:$port" --no-auth --path "$FAST/rest" \
	>"$T/rest.out" 2>&1 &
HELPERS="$HELPERS $!"
export RESTIC_PASSWORD=x RESTIC_CACHE_DIR="$T/restic" \
	RESTIC_REPOSITORY="rest:http://127.0.0.1:$port/r/"
ok 'restic has a repository' until_true 10 "$RESTIC" -q init
peak 'the first backup by restic' "$RESTIC" -q backup "$FAST/tree"
peak 'the unchanged files by restic' "$RESTIC" -q backup "$FAST/tree"
peak 'the restore by restic' "$RESTIC" -q restore latest --target "$FAST/back"
finish
