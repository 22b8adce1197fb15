#!/bin/bash
# SPDX-License-Identifier: ISC
# peers.sh: backup and restore beside restic with its own REST server.
#
#     ROUNDS=3 CORPORA='src media vm' make bench-peers
#
# Both sides do the same on the same machine, in turns: a first backup of a
# corpus, one of the unchanged corpus, one after an edit of 1 %, a full restore.
# Both talk to their own server over HTTP on the loopback; corpora, stores and
# restored trees are in memory. The corpora are made of Debian packages and of
# key streams, so they are the same everywhere:
#
#     src    a kernel's source: many small files of text
#     media  200 files that do not compress, 1.08 GB
#     vm     one image of 1.07 GB: programs and libraries at blocks of 4 KiB
#
# Rows go to $OUT. The table shows medians; bars are ratios to restic/REST for
# seconds, and as they stand for MiB.
set -u
export LC_ALL=C

ROUNDS=${ROUNDS:-3}
CORPORA=${CORPORA:-src media vm}
DIR=${BENCH_DIR:-/dev/shm/aumbry-bench}
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$ROOT/tests/bench/restic.sh"
BUILD=${BUILD:-$ROOT/build/release}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac
OUT=${OUT:-$BUILD/peers.tsv}
NEED_MIB=8000 # corpora, one store, one restored tree
NOISE=6 # percent of the machine that others may have used

SRC_PACKAGE=linux-source-6.1
VM_PACKAGES='libllvm14 llvm-14-dev gcc-12 libwebkit2gtk-4.1-0
openjdk-17-jre-headless libreoffice-core'
PASSWORD='correct horse battery'

SERVER=
die() {
	echo "bench: $*" >&2
	exit 1
}
end_server() {
	[ -z "$SERVER" ] && return
	kill "$SERVER" 2>/dev/null
	wait "$SERVER" 2>/dev/null
	SERVER=
}
trap 'end_server; rm -rf "$DIR/run"' EXIT
trap 'exit 130' INT TERM

# ---- corpora ----

# noise NUMBER BYTES: a key stream, always the same for one number.
noise() {
	head -c "$2" /dev/zero | openssl enc -aes-128-ctr -nosalt \
		-K "$(printf '%032x' "$1")" -iv "$(printf '%032x' 0)"
}
package() {
	(cd "$DEBS" && ls "$1"_*.deb >/dev/null 2>&1 ||
		apt-get -qq -o APT::Sandbox::User=root download "$1") ||
		die "the package $1 cannot be had"
	ls "$DEBS/$1"_*.deb | head -n 1
}
# The register tables of one vendor are a quarter of it, and all alike.
make_src() {
	local deb
	deb=$(package $SRC_PACKAGE) || exit 1
	dpkg-deb --fsys-tarfile "$deb" |
		tar -xO --wildcards '*/linux-source-*.tar.xz' | xz -dc |
		tar -x -C "$1" --strip-components=1 --exclude='*/asic_reg/*'
}
make_media() {
	local i
	for i in $(seq 200); do
		noise "$i" $((1200000 + i * 2654435761 % 4294967296 % 8320000)) \
			>"$1/$(printf 'picture-%03d' "$i")"
	done
}
make_vm() {
	local p deb
	mkdir -p "$DIR/vmroot/home"
	for p in $VM_PACKAGES; do
		deb=$(package "$p") || exit 1
		dpkg-deb -x "$deb" "$DIR/vmroot"
	done
	noise 4242 50000000 >"$DIR/vmroot/home/pictures"
	# Each file begins at a block; zeros, not holes, up to 1 GiB.
	(cd "$DIR/vmroot" && find . -type f -print0 | sort -z |
		xargs -0 perl -e 'binmode STDOUT;
			undef $/;
			for (@ARGV) {
				open my $in, "<:raw", $_ or die "$_: $!\n";
				my $all = <$in> // "";
				print $all, "\0" x (-length($all) % 4096);
			}') >"$1/disk.img"
	head -c $((1073741824 - $(stat -c %s "$1/disk.img"))) /dev/zero \
		>>"$1/disk.img"
	rm -rf "$DIR/vmroot"
}
corpus() {
	[ -e "$DIR/$1.made" ] && return
	rm -rf "${DIR:?}/$1"
	mkdir -p "$DIR/$1"
	echo "making the corpus $1" >&2
	"make_$1" "$DIR/$1" || die "the corpus $1 could not be made"
	touch "$DIR/$1.made"
}
# What changed in the last minute is read again, however a backup finds it:
# right for a user, and not what "again" is about.
settle() {
	while [ -n "$(find "$DIR/$1" -newerct '61 seconds ago' -print -quit)" ]
	do
		sleep 2
	done
}

# ---- measuring ----

# Clock ticks that all processors were busy, and those of one process.
busy() {
	awk '/^cpu /{ print $2 + $3 + $4 + $7 + $8 + $9; exit }' /proc/stat
}
server_ticks() {
	awk '{ print $14 + $15 }' "/proc/$SERVER/stat"
}
server_peak() {
	awk '/^VmHWM/{ print $2 }' "/proc/$SERVER/status"
}
# measure OPERATION COMMAND…: one row.
measure() {
	local op=$1 b0 b1 s0 s1
	shift
	sync
	b0=$(busy) s0=$(server_ticks)
	/usr/bin/time -o "$RUN/time" -f '%e %U %S %M' "$@" \
		>"$RUN/out" 2>"$RUN/err" </dev/null || {
		cat "$RUN/err" >&2
		die "$tool $corpus $op failed"
	}
	b1=$(busy) s1=$(server_ticks)
	awk -v "row=$corpus $tool $op $round" -v ticks=$((s1 - s0)) \
		-v busy=$((b1 - b0)) -v peak="$(server_peak)" \
		-v cores="$(nproc)" -v stored="$(du -sb "$RUN/store" | cut -f 1)" '
		{
			others = busy / 100 - $2 - $3 - ticks / 100
			noise = others / $1 / cores * 100
			gsub(" ", "\t", row)
			printf "%s\t%.3f\t%.2f\t%.1f\t%.1f\t%.2f\t%.1f\t%.1f\n",
			    row, $1, $2 + $3, $4 / 1024, stored / 1048576,
			    ticks / 100, peak / 1024, noise < 0 ? 0 : noise
		}' "$RUN/time" | tee -a "$OUT"
}

wait_port() {
	local i
	for i in $(seq 200); do
		(: </dev/tcp/127.0.0.1/"$1") 2>/dev/null && return
		sleep 0.05
	done
	die "no server on port $1"
}

aumbry_begin() {
	local url invite code
	"$BUILD/aumbryd" init --data "$RUN/store" --listen 127.0.0.1:0 --http \
		>"$RUN/init" || die 'aumbryd init'
	url=$(sed -n 1p "$RUN/init") invite=$(sed -n 2p "$RUN/init")
	"$BUILD/aumbryd" serve --data "$RUN/store" 2>"$RUN/server.log" &
	SERVER=$!
	wait_port "${url##*:}"
	echo "$PASSWORD" >"$RUN/password"
	at=("$BUILD/aumbry" --quiet --home "$RUN/home"
		--password-file "$RUN/password")
	"${at[@]}" signup "$url" ana --invite "$invite" &&
		"${at[@]}" authenticator add --secret-file "$RUN/secret" \
			>"$RUN/out" &&
		code=$(oathtool --totp --base32 "@$RUN/secret") &&
		"${at[@]}" authenticator confirm "$code" || die 'signing up'
}
aumbry_backup() { measure "$1" "${at[@]}" backup "$DIR/$corpus"; }
aumbry_restore() {
	measure restore "${at[@]}" restore "latest:$DIR/$corpus" --to "$RUN/back"
	back=$RUN/back
}

restic_begin() {
	local port
	port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(
		Listen => 1, LocalAddr => "127.0.0.1")->sockport')
	mkdir -p "$RUN/store"
	"$REST" --listen "127.0.0.1:$port" --no-auth --path "$RUN/store" \
		>"$RUN/server.log" 2>&1 &
	SERVER=$!
	wait_port "$port"
	at=(env "RESTIC_PASSWORD=$PASSWORD" "RESTIC_CACHE_DIR=$RUN/home"
		"$RESTIC" -q -r "rest:http://127.0.0.1:$port/r/")
	"${at[@]}" init >"$RUN/out" || die 'restic init'
}
restic_backup() { measure "$1" "${at[@]}" backup "$DIR/$corpus"; }
restic_restore() {
	measure restore "${at[@]}" restore latest --target "$RUN/back"
	back=$RUN/back$DIR/$corpus
}

one_round() {
	tool=$1
	RUN=$DIR/run
	rm -rf "$RUN"
	mkdir -p "$RUN"
	"${tool}_begin"
	"${tool}_backup" first
	"${tool}_backup" again
	perl "$ROOT/tests/bench/edit.pl" 'do' "$DIR/$corpus" \
		"$DIR/$corpus.kept" || die 'the edit'
	"${tool}_backup" edited
	"${tool}_restore"
	[ "$round" -gt 1 ] || diff -r --no-dereference "$DIR/$corpus" "$back" ||
		die "$tool gave back something else"
	end_server
	perl "$ROOT/tests/bench/edit.pl" undo "$DIR/$corpus" \
		"$DIR/$corpus.kept" || die 'undoing the edit'
	rm -rf "$RUN"
}

# ---- the table ----

table() {
	echo
	echo "$("$RESTIC" version); $("$REST" --version)"
	echo "$(nproc) processors, $(awk '/^model name/{
		sub(".*: ", ""); print; exit }' /proc/cpuinfo)"
	awk -F '\t' -v "noise=$NOISE" '
	function median(key, column,   n, i, j, v, t) {
		n = 0
		for (i = 1; i <= rows[key]; i++)
			v[++n] = cell[key, i, column]
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && v[j] < v[j - 1]; j--) {
				t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
			}
		return n == 0 ? 0 : n % 2 ? v[(n + 1) / 2] \
		    : (v[n / 2] + v[n / 2 + 1]) / 2
	}
	function line(what, peer, ours, bar, value) {
		printf "%-22s %9.2f %9.2f %7s", what, peer, ours,
		    (peer > 0 ? sprintf("%.2f", ours / peer) : "-")
		if (bar != "")
			printf " %7.2f  %s", bar, (value <= bar ? "yes" : "no")
		print ""
	}
	# What the server took for all four.
	function cpu(key) {
		return median(key "first", 9) + median(key "again", 9) + \
		    median(key "edited", 9) + median(key "restore", 9)
	}
	function seconds(what, peer, ours) {
		line(what, peer, ours, bar[what], (peer > 0 ? ours / peer : 0))
	}
	function mib(what, peer, ours) {
		line(what, peer, ours, bar[what], ours)
	}
	{
		key = $1 " " $2 " " $3
		n = ++rows[key]
		for (i = 5; i <= 11; i++)
			cell[key, n, i] = $i
		if ($11 > noise)
			noisy++
		all++
		seen[$1] = 1
	}
	END {
		# Bars: seconds against what restic/REST took on the machine
		# where they were set.
		bar["src first"] = 2.6 / 10.5; bar["src again"] = 0.4 / 3.3
		bar["src edited"] = 0.6 / 3.4; bar["src restore"] = 2.3 / 7.8
		bar["media first"] = 1.7 / 6.6; bar["media again"] = 0.1 / 0.7
		bar["media restore"] = 1.2 / 2.7; bar["vm first"] = 2.1 / 6.8
		bar["vm edited"] = 0.8 / 3.0; bar["vm restore"] = 1.1 / 2.5
		bar["src stored"] = 205; bar["vm edit adds"] = 40
		split("src media vm", corpora, " ")
		for (c = 1; c <= 3; c++) {
			bar[corpora[c] " client, first"] = 48
			bar[corpora[c] " client, restore"] = 48
		}
		split("first again edited restore", ops, " ")
		printf "\n%-22s %9s %9s %7s %7s  %s\n", "seconds", "restic",
		    "aumbry", "ratio", "bar", "met"
		for (c = 1; c <= 3; c++) {
			if (!(corpora[c] in seen))
				continue
			for (o = 1; o <= 4; o++) {
				w = corpora[c] " " ops[o]
				# Its one file was written a moment ago: both
				# read it again.
				if (w == "vm again")
					continue
				seconds(w,
				    median(corpora[c] " restic " ops[o], 5),
				    median(corpora[c] " aumbry " ops[o], 5))
			}
			line(corpora[c] " server CPU",
			    cpu(corpora[c] " restic "),
			    cpu(corpora[c] " aumbry "), "")
		}
		printf "\n%-22s %9s %9s %7s %7s  %s\n", "MiB", "restic",
		    "aumbry", "ratio", "bar", "met"
		for (c = 1; c <= 3; c++) {
			k = corpora[c]
			if (!(k in seen))
				continue
			r = k " restic "; a = k " aumbry "
			mib(k " stored", median(r "first", 8),
			    median(a "first", 8))
			mib(k " edit adds",
			    median(r "edited", 8) - median(r "again", 8),
			    median(a "edited", 8) - median(a "again", 8))
			mib(k " client, first", median(r "first", 7),
			    median(a "first", 7))
			mib(k " client, restore", median(r "restore", 7),
			    median(a "restore", 7))
			mib(k " server peak", median(r "restore", 10),
			    median(a "restore", 10))
		}
		printf "\n%d of %d rows had more than %d %% of the machine " \
		    "used by others.\n", noisy, all, noise
	}' "$OUT"
}

for x in openssl oathtool perl xz dpkg-deb /usr/bin/time; do
	command -v "$x" >/dev/null || die "$x is missing: tools/setup.sh bench"
done
mkdir -p "$DIR" "$DEBS" || die "$DIR cannot be made"
[ "$(df -m --output=avail "$DIR" | tail -n 1)" -gt $NEED_MIB ] ||
	die "$DIR has less than $NEED_MIB MiB: set BENCH_DIR"
find_restic || die 'restic and restic-rest-server cannot be had'
for kept in "$DIR"/*.kept; do # an edit that was not undone
	rm -rf "$kept" "${kept%.kept}.made"
done
for corpus in $CORPORA; do corpus "$corpus"; done
: >"$OUT"
for corpus in $CORPORA; do
	settle "$corpus"
	for round in $(seq "$ROUNDS"); do
		if [ $((round % 2)) = 1 ]; then
			one_round restic && one_round aumbry
		else
			one_round aumbry && one_round restic
		fi
	done
done
table
