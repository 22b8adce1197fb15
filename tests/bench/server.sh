#!/bin/sh
# SPDX-License-Identifier: ISC
# server.sh: what strangers and sleeping devices cost a server.
#
#     make bench-server
#
# CPU seconds are of the server's process; bars are ratios, or hold on any
# machine. POLLS and STARTS make it smaller.
. "$(dirname "$0")/../e2e/tap.sh"
. "$(dirname "$0")/../e2e/account.sh"

POLLS=${POLLS:-10000}
STARTS=${STARTS:-100000}
SPAN=${SPAN:-10} # seconds that are compared

# spent: milliseconds of CPU so far.
spent() {
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, "")
		print int(($12 + $13) * 1000 / hz) }' "/proc/$SERVER/stat"
}
# within SECONDS: milliseconds of CPU in that time.
within() {
	was=$(spent)
	sleep "$1"
	echo $(($(spent) - was))
}
# mib NAME: VmHWM, VmRSS, RssAnon.
mib() { awk -v n="$1:" '$1 == n { print int($2 / 1024) }' "/proc/$SERVER/status"; }
# load VERB ARG…: $T/go is its standard input, $T/said what it says.
load() {
	rm -f "$T/go"
	mkfifo "$T/go"
	"$BUILD/tests/load" "$1" "$port" "$2" ${3:+"$3" "$4"} <"$T/go" \
		>"$T/said" &
	LOADER=$!
	HELPERS="$HELPERS $LOADER"
	exec 9>"$T/go"
	until_true 300 grep -q ready "$T/said" || exit 1
}
let_go() {
	exec 9>&-
	wait "$LOADER" 2>/dev/null
}
row() { printf '%-52s %10s  %s\n' "$1" "$2" "$3"; }

# shellcheck disable=SC3045
ulimit -n "$(ulimit -Hn)"
init_server
configure limits connections 12000
configure limits connections_per_address 12000
configure limits idle 120s
configure server threads 10
start_server
run sign_up ana ana --invite "$INVITE" || exit 1
mkdir "$T/files"
run at ana backup "$T/files"
token=$(sqlite3 -batch "$T/ana/state.db" \
	"SELECT hex(value) FROM pair WHERE name = 'token'" |
	cut -c 17- | perl -ne 'chomp; print pack("H*", $_)')
zone=$(sqlite3 -batch "$DATA/aumbryd.db" \
	"SELECT lower(hex(zone)) || ' ' || seq FROM zone WHERE category = 2")
port=${URL##*:}
port=${port%%/*}

# beside: commits of ana in SPAN seconds, while bob commits as well.
beside() {
	"$BUILD/tests/committer" "$T/bob" "$SPAN" >"$T/bob.n" &
	other=$!
	"$BUILD/tests/committer" "$T/ana" "$SPAN"
	wait $other
}
run sign_up bob bob --invite "$(aumbryd invite --data "$DATA")" || exit 1
beside >/dev/null # warm
short=$(beside)
stop_server
"$BUILD/tests/committer" "$T/bob" grow 1000 "$DATA/aumbryd.db" || exit 1
start_server
port=${URL##*:}
port=${port%%/*}
row 'commits beside one whose circle is short' "$short" "in $SPAN s"
beside >/dev/null # the server is new as well
long=$(beside)
row '  and beside one with 1,000 entries' "$long" \
	"$(awk -v a="$long" -v b="$short" \
		'BEGIN { printf "%.0f %% (bar 80 %%)", 100 * a / b }')"

idle=$(within "$SPAN")
load half 200
busy=$(within "$SPAN")
let_go
row '200 handshakes that stop after a byte, of one core' \
	"$(awk -v b="$busy" -v i="$idle" -v s="$SPAN" \
		'BEGIN { printf "%.1f %%", (b - i) / s / 10 }')" 'bar 5 %'

before=$(mib VmRSS)
echo 5 >"/proc/$SERVER/clear_refs" # the peak counts from here
load polls "$POLLS" "{\"zones\":[{\"zone\":\"${zone% *}\",\"seq\":${zone#* }}],\"wait\":55}" \
	"$token"
waiting=$(mib VmRSS)
run at ana backup "$T/files" # wakes them all
echo >&9
until_true 120 grep -q answered "$T/said"
row "$POLLS TLS polls, before" "$before MiB" ''
row '  while they wait' "$waiting MiB" ''
row '  at most, through their answers' "$(mib VmHWM) MiB" 'bar 400 MiB'
let_go
sleep 60
row '  a minute after all have closed' "$(mib VmRSS) MiB" 'bar 100 MiB'

"$BUILD/tests/load" starts "$port" "$STARTS" >"$T/said"
row "$STARTS sign-ins begun by one address" "$(cat "$T/said")" ''
row '  rows of them that are left' "$(sqlite3 -batch "$DATA/aumbryd.db" \
	"SELECT (SELECT COUNT(*) FROM login) + (SELECT COUNT(*) FROM throttle)")" \
	'bar 1000'
stop_server
