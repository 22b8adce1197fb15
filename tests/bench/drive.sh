#!/bin/sh
# SPDX-License-Identifier: ISC
# drive.sh: the Drive beside Syncthing, rclone and unison.
#
#     make bench-drive
#     BENCH_FILES=500 BENCH_NODES=10000 BENCH_MIB=50 BENCH_IDLE=5 make bench-drive
#
# One machine, one run. All homes, trees and stores lie in $BENCH_DIR, in memory
# where there is room: so nobody waits for a disk, and fsync costs nothing to
# anybody. Peers are those of Debian 12. A and B are two devices, S the server:
#
#     aumbry        A and B of one account, aumbryd; B stays (drive stay)
#     Syncthing     A-S-B: S is untrusted (receive-encrypted); and A-B
#     rclone        serve webdav at S; sync from A, then sync to B
#     unison        A to B through a pipe
#
# BENCH_PARTS (files big nodes link) and BENCH_PEERS (st asb, ab, rclone, unison)
# choose; one step has BENCH_LIMIT seconds, and half of it of rclone, which takes
# 20 ms for a file however small.
# Rows go to $OUT.tsv and, as lines of JSON, to $OUT.jsonl.
FILES=${BENCH_FILES:-50000}
NODES=${BENCH_NODES:-1000000}
MIB=${BENCH_MIB:-1024}
IDLE=${BENCH_IDLE:-60}
SLOW=${BENCH_SLOW:-2000} # files over the slow line
CHANGES=${BENCH_CHANGES:-20}
LIMIT=${BENCH_LIMIT:-120}
PARTS=${BENCH_PARTS-files big nodes link}
PEERS=${BENCH_PEERS-asb ab rclone unison}
NEED_MIB=7000 # three trees of 1 GiB, what they are copied from, a store

# What else was under way when it began.
LOAD=$(cut -d ' ' -f 1 /proc/loadavg)
MACHINE="$(nproc) processors, $(sed -n 's/^model name.*: //p' /proc/cpuinfo |
	head -n 1)"
[ -n "${BENCH_DIR-}" ] || {
	BENCH_DIR=/tmp
	[ "$(df -m --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt \
		$NEED_MIB ] 2>/dev/null && BENCH_DIR=/dev/shm
}
TMPDIR=$BENCH_DIR
export TMPDIR
HERE=$(dirname "$0")
. "$HERE/../e2e/tap.sh"
. "$HERE/../e2e/account.sh"
OUT=${OUT:-$BUILD/drive}
. "$ROOT/tests/bench/drive_peers.sh"

die() {
	echo "bench: $*" >&2
	cat "$T/out" "$T/err" >&2 2>/dev/null
	[ ! -e "$OUT.tsv" ] || table
	exit 1
}
table() {
	perl "$ROOT/tests/bench/drive_table.pl" "$OUT.tsv" "$OUT.jsonl" \
		"files=$FILES" "mib=$MIB" "nodes=$NODES" "idle=$IDLE" \
		"slow=$SLOW" "dir=$BENCH_DIR" "machine=$MACHINE" "load=$LOAD"
}
must() { run "$@" || die "failed: $*"; }
part() { case " $PARTS " in *" $1 "*) ;; *) return 1 ;; esac; }
peer() { case " $PEERS " in *" $1 "*) ;; *) return 1 ;; esac; }
# put ROW WHOSE VALUE
put() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" | tee -a "$OUT.tsv" >&2; }
now() { date +%s.%N; }
since() { echo "$(now) $1" | awk '{ printf "%.3f", $1 - $2 }'; }
# end PROCESS: in order.
end() {
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# ---- trees ----

# make_files DIR N BYTES: that do not compress, 500 in a folder.
make_files() {
	mkdir -p "$1"
	openssl enc -aes-128-ctr -nosalt -K "$(printf '%032x' "$2")" \
		-iv "$(printf '%032x' "$3")" </dev/zero 2>/dev/null |
		perl -e 'my ($dir, $n, $size) = @ARGV;
			for my $i (0 .. $n - 1) {
				my $to = sprintf "%s/%03d", $dir, $i / 500;
				mkdir $to unless $i % 500;
				read(STDIN, my $all, $size) == $size or die;
				open my $f, ">:raw", "$to/$i" or die "$to: $!";
				print $f $all;
			}' "$@"
}
count() {
	find "$1" \( -name .aumbry-drive -o -name .stfolder \) -prune -o \
		-type f ! -name '.syncthing.*' ! -name '.unison.*' -print \
		2>/dev/null | wc -l
}
same() {
	diff -rq -x .aumbry-drive -x .stfolder -x .stversions "$1" "$2" \
		>"$T/diff" 2>&1
}
# wait_files DIR N: looked at seldom, until most are there.
wait_files() {
	until_s=$(($(date +%s) + LIMIT))
	while have=$(count "$1") && [ "$have" -ne "$2" ]; do
		[ "$(date +%s)" -lt $until_s ] || return 1
		if [ $((have * 10)) -lt $(($2 * 9)) ]; then
			sleep 0.3
		else
			sleep 0.03
		fi
	done
}
# arrive ROW WHOSE START A B: until B is as A.
arrive() {
	if ! wait_files "$5" "$(count "$4")"; then
		put "$1" "$2" ">$LIMIT"
	else
		took=$(since "$3")
		same "$4" "$5" || until_true 10 same "$4" "$5" || took=differs
		put "$1" "$2" "$took"
	fi
}
moved_over() {
	[ -d "$1/moved" ] && [ ! -e "$1/folder" ] &&
		[ "$(count "$1/moved")" -eq "$FILES" ]
}
# renamed WHOSE A B: until a folder with all files is moved there as well.
renamed() {
	start=$(now)
	mv "$2/folder" "$2/moved"
	took=">$LIMIT"
	until_true "$LIMIT" moved_over "$3" && took=$(since "$start")
	put rename "$1" "$took"
}
# small ROW WHOSE A B N: a file that is written again, N times; the median.
small() {
	ms=$(perl -MTime::HiRes=time,sleep -e '
		my ($here, $there, $n, $limit) = @ARGV;
		my @ms;
		sub said {
			open my $f, "<", $_[0] or return "";
			local $/;
			return <$f> // "";
		}
		for my $i (1 .. $n) {
			sleep 0.5 + rand 0.5;
			my $text = "change $i\n" x (10 + $i);
			my $t = time;
			open my $f, ">", "$here/note" or die;
			print $f $text;
			close $f;
			until (said("$there/note") eq $text) {
				die "late\n" if time - $t > $limit;
				sleep 0.002;
			}
			push @ms, 1000 * (time - $t);
		}
		@ms = sort { $a <=> $b } @ms;
		printf "%.0f", ($ms[$#ms / 2] + $ms[($#ms + 1) / 2]) / 2;
		' "$3" "$4" "$5" "$LIMIT" 2>/dev/null) || ms=">${LIMIT}000"
	put "$1" "$2" "$ms"
}
# overwrite FILE: 1 KiB in the middle.
overwrite() {
	head -c 1024 /dev/urandom | dd of="$1" bs=1024 seek=$((MIB * 512)) \
		conv=notrunc 2>/dev/null
}
# middle_is_of A B: wait until the middle of B is that of A, with little ado.
middle_is_of() {
	perl -MTime::HiRes=time,sleep -e '
		my ($a, $b, $at, $limit) = @ARGV;
		sub kib {
			open my $f, "<", $_[0] or return "";
			seek $f, 1024 * $at, 0;
			read $f, my $x, 1024;
			return $x;
		}
		my ($want, $end) = (kib($a), time + $limit);
		until (kib($b) eq $want) {
			exit 1 if time > $end;
			sleep 0.01;
		}' "$1" "$2" $((MIB * 512)) "$LIMIT"
}
# changed WHOSE START A B: until the changed file is there, whole.
changed() {
	took=">$LIMIT"
	middle_is_of "$3/one" "$4/one" && took=$(since "$2")
	cmp -s "$3/one" "$4/one" || took=differs
	put change "$1" "$took"
}
kib_of() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
of_hz() { echo "$1" | awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", $1 / hz }'; }
mib() { echo "$1" | awk '{ printf "%.1f", $1 / 1024 }'; }

# ---- ours ----

# prepare ADDRESS: a server's data at $DATA.
prepare() {
	# shellcheck disable=SC2086 # words that stand before it
	must $SERVE aumbryd init --data "$DATA" --listen "$1:0"
	URL=$(sed -n 1p "$T/out")
	INVITE=$(sed -n 2p "$T/out")
	export URL INVITE
}
invite() { aumbryd invite --data "$DATA"; }
# two_of NAME: an account, its devices NAME1 and NAME2.
two_of() {
	must sign_up "${1}1" "$1" --invite "$(invite)"
	must pair "${1}1" "${1}2" "$1"
}
# stay HOME DIR: $STAYS is its process.
stay() {
	mkdir -p "$2"
	must at "$1" drive enable "$2"
	$AS aumbry --home "$T/$1" --password-file "$PW" drive stay \
		>"$T/$1.stay" 2>&1 </dev/null &
	STAYS=$!
	HELPERS="$HELPERS $STAYS"
	until_true 60 test -S "$T/$1/drive.sock" || die "$1 does not stay"
}
drive_seq() {
	sqlite3 -batch "$DATA/aumbryd.db" "SELECT seq FROM zone
		WHERE category = 3 ORDER BY rowid DESC LIMIT 1"
}

ours_idle() { # A B: with twice as many files
	make_files "$1/more" "$FILES" 4096
	wait_files "$2" "$(count "$1")" || {
		echo 'bench: the second half does not come' >&2
		return
	}
	if peer ab; then
		st_alone "$1"
		st_was=$(ticks "$ST_A")
	fi
	sleep 10
	was=$(ticks "$stay_a") asked=$(metric aumbry_http_requests_total)
	sleep "$IDLE"
	put idle-requests aumbry \
		$(($(metric aumbry_http_requests_total) - asked))
	put idle-cpu aumbry "$(of_hz $(($(ticks "$stay_a") - was)))"
	put idle-mib aumbry "$(mib "$(kib_of "$stay_a")")"
	put idle-b-mib aumbry "$(mib "$(kib_of "$stay_b")")"
	peer ab || return 0
	put idle-cpu ab "$(of_hz $(($(ticks "$ST_A") - st_was)))"
	put idle-mib ab "$(mib "$(kib_of "$ST_A")")"
	st_end
}
# least COMMAND…: seconds of the quickest of three.
least() {
	for _ in 1 2 3; do
		start=$(now)
		must "$@" >/dev/null
		since "$start"
		echo
	done | sort -n | head -n 1
}
# What an account of no file takes is start and end of the program.
ours_scan() { # A
	mkdir "$T/empty"
	must sign_up bare bare --invite "$(invite)"
	must at bare drive sync "$T/empty" --once
	must at files1 drive sync "$1" --once
	whole=$(least at files1 drive sync "$1" --once)
	nothing=$(least at bare drive sync "$T/empty" --once)
	put scan aumbry "$(echo "$whole $nothing" |
		awk '{ printf "%.3f", $1 - $2 }')"
	put scan-start aumbry "$nothing"
	put scan find "$(least find "$1" -printf '%i %T@ %C@ %s\n')"
}
ours_files() {
	a=$T/ours/a b=$T/ours/b
	two_of files
	mkdir -p "$a"
	cp -a "$T/tree/." "$a"
	stay files2 "$b"
	stay_b=$STAYS
	start=$(now)
	must at files1 drive sync "$a" --once
	put first-sent aumbry "$(since "$start")"
	arrive first aumbry "$start" "$a" "$b"
	stay files1 "$a"
	stay_a=$STAYS
	sleep 3
	seq=$(drive_seq)
	renamed aumbry "$a" "$b"
	put rename-commits aumbry $(($(drive_seq) - seq))
	small small aumbry "$a" "$b" "$CHANGES"
	ours_idle "$a" "$b"
	end "$stay_a"
	end "$stay_b"
	ours_scan "$a"
	rm -rf "$T/ours"
}
ours_big() {
	a=$T/ours/a b=$T/ours/b
	two_of big
	mkdir -p "$a"
	cp -a "$T/big/." "$a"
	stay big2 "$b"
	stay_b=$STAYS
	start=$(now)
	must at big1 drive sync "$a" --once
	arrive big aumbry "$start" "$a" "$b"
	cp "$T/one" "$a/one"
	must at big1 drive sync "$a" --once
	until_true "$LIMIT" cmp -s "$a/one" "$b/one"
	sent=$(metric aumbry_http_received_bytes_total)
	overwrite "$a/one"
	start=$(now)
	must at big1 drive sync "$a" --once
	sent=$(($(metric aumbry_http_received_bytes_total) - sent))
	changed aumbry "$start" "$a" "$b"
	put change-mib aumbry "$(mib $((sent / 1024)))"
	end "$stay_b"
	rm -rf "$T/ours"
}
ours_nodes() {
	must sign_up nodes1 nodes --invite "$(invite)"
	start=$(now)
	must "$BUILD/tests/nodes" "$T/nodes1" make "$NODES"
	put nodes-made aumbry "$(since "$start")"
	must pair nodes1 nodes2 nodes
	"$BUILD/tests/nodes" "$T/nodes2" take >"$T/took" 2>"$T/err" &
	it=$! peak=0
	while kill -0 $it 2>/dev/null; do
		kib=$(awk '/^RssAnon/ { print $2 }' "/proc/$it/status" \
			2>/dev/null)
		[ "${kib:-0}" -gt $peak ] && peak=$kib
		sleep 0.05
	done
	wait $it || die 'taking the nodes failed'
	read -r n seconds cpu <"$T/took"
	[ "$n" -ge "$NODES" ] || die "$n nodes came"
	put nodes aumbry "$seconds"
	put nodes-cpu aumbry "$cpu"
	put nodes-mib aumbry "$(mib $peak)"
	rm -rf "$T/nodes1" "$T/nodes2"
}

# ---- a line that is slow ----

NEAR=aumbry-near-$$ FAR=aumbry-far-$$ LINK=''
link_down() {
	[ -z "$LINK" ] || end "$LINK"
	LINK=''
}
leave() {
	ended=$?
	link_down
	ip netns del "$NEAR" 2>/dev/null
	ip netns del "$FAR" 2>/dev/null
	(exit $ended)
	cleanup
}
# link_up DELAY_MS LOSS_PERCENT MBIT: A and B are near, S far.
link_up() {
	"$BUILD/tests/slowlink" "$NEAR" line "$FAR" line "$@" &
	LINK=$!
	until_true 5 ip -n "$FAR" link show line >/dev/null 2>&1 || return 1
	for end in "$NEAR 10.77.0.1" "$FAR 10.77.0.2"; do
		ip -n "${end% *}" addr add "${end#* }/30" dev line &&
			ip -n "${end% *}" link set line up &&
			ip -n "${end% *}" link set lo up || return 1
	done
}
ours_far() {
	DATA=$T/far
	prepare 10.77.0.2
	start_server
	AS="ip netns exec $NEAR"
	two_of far
	a=$T/ours/a b=$T/ours/b
	mkdir -p "$a"
	stay far2 "$b"
	stay_b=$STAYS
	stay far1 "$a"
	stay_a=$STAYS
	small small-far aumbry "$a" "$b" "$CHANGES"
	end "$stay_a"
	link_down
	link_up 25 1 20 || die 'the slow line'
	make_files "$a/slow" "$SLOW" 4096
	start=$(now)
	must at far1 drive sync "$a" --once
	arrive slow aumbry "$start" "$a" "$b"
	end "$stay_b"
	stop_server
	rm -rf "$T/ours"
	link_down
	AS=''
}
links() {
	[ -e /dev/net/tun ] && ip netns add "$NEAR" 2>/dev/null &&
		ip netns add "$FAR" && link_up 25 0 0 || {
		echo 'bench: no line can be made here: root, ip netns, tun' >&2
		return
	}
	SERVE="ip netns exec $FAR"
	ours_far
	for way in asb ab; do
		peer $way && st_far $way
	done
	peer rclone && rclone_far
	SERVE=''
}

rm -f "$OUT.tsv"
for x in openssl oathtool perl sqlite3 curl ip; do
	command -v $x >/dev/null || die "$x is missing: tools/setup.sh bench"
done
trap leave EXIT
: >"$OUT.tsv"
prepare 127.0.0.1
start_metered
if part files; then
	make_files "$T/tree/folder" "$FILES" 4096
	ours_files
	peers_files
	rm -rf "$T/tree"
fi
if part big; then
	make_files "$T/big" 200 $((MIB * 1048576 / 200))
	make_files "$T/ones" 1 $((MIB * 1048576))
	mv "$T/ones/000/0" "$T/one"
	ours_big
	peers_big
	rm -rf "$T/big" "$T/one"
fi
part nodes && ours_nodes
stop_server
part link && links
table
