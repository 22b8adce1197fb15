#!/bin/sh
# SPDX-License-Identifier: ISC
# tap.sh: what every end-to-end test begins with:
#
#     . "$(dirname "$0")/tap.sh"
#     start_server
#     ok 'signs up' aumbry signup "$URL" ana --invite "$INVITE" …
#     says 'names the account' 'ana' aumbry status
#     not 'refuses a second one' aumbry signup "$URL" ana …
#     finish
#
# $T is a fresh folder, removed at exit, unless KEEP=1 says otherwise; every
# process started here ends then.
set -u

# Signals mean what they do, also where this is run under nohup or in the
# background of a script, whose ignored ones a shell can not take back.
[ -n "${TAP_SIGNALS-}" ] ||
	exec env --default-signal TAP_SIGNALS=default sh "$0" "$@"

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-build/release}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac
PATH=$BUILD:$PATH
export PATH LC_ALL=C.UTF-8
unset AUMBRY_HOME AUMBRY_PASSWORD_FILE

T=$(mktemp -d "${TMPDIR:-/tmp}/aumbry-test.XXXXXX") || exit 1
# What moves the clock is loaded before the sanitizers' runtime. What they
# find goes to files, which finish looks for.
reports=log_path=$T/sanitizer
export ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0:$reports" \
	UBSAN_OPTIONS="${UBSAN_OPTIONS-}:print_stacktrace=1:$reports" \
	TSAN_OPTIONS="${TSAN_OPTIONS-}:$reports"
FAST=$T # in_memory gives another, for very many files
DATA=$T/data
URL='' INVITE='' SERVER=''
SERVE='' # what stands before aumbryd serve
MOUNTS=''
HELPERS='' # processes that end with the test
tests=0 failures=0

cleanup() {
	status=$?
	trap - EXIT
	stop_server
	# shellcheck disable=SC2086 # a list of numbers
	[ -z "$HELPERS" ] || kill $HELPERS 2>/dev/null
	for m in $MOUNTS; do umount -l "$m"; done 2>/dev/null
	if [ -n "${KEEP-}" ]; then
		echo "# kept: $T" >&2
	else
		chmod -R u+rwX "$T" 2>/dev/null
		rm -rf "$T" "$FAST"
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# in_memory: $FAST becomes a folder in memory, where there is one.
in_memory() {
	[ "$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt \
		2000000 ] 2>/dev/null &&
		FAST=$(mktemp -d /dev/shm/aumbry-test.XXXXXX) || FAST=$T
}

# small_disk DIR SIZE: a file system of that size there; needs the right to
# mount, and fails without. resize_disk DIR SIZE gives it another.
small_disk() {
	mkdir -p "$1" &&
		mount -t tmpfs -o "size=$2,mode=755" tmpfs "$1" 2>/dev/null ||
		return 1
	MOUNTS="$MOUNTS $1"
}
resize_disk() { mount -o "remount,size=$2" "$1"; }

# pass NAME, fail NAME: one TAP line; a failure shows the last command's words.
pass() {
	tests=$((tests + 1))
	echo "ok $tests - $1"
}
fail() {
	tests=$((tests + 1)) failures=$((failures + 1))
	echo "not ok $tests - $1"
	awk '{ print "# " $0 }' "$T/out" "$T/err" 2>/dev/null
}

# run COMMAND…: its output in $T/out and $T/err, its exit status returned. Both
# files change when it has ended, so the command can read what the last one
# said. What is run within another's run is heard by both.
RUNS=''
run() {
	RUNS=x$RUNS
	"$@" >"$T/out.$RUNS" 2>"$T/err.$RUNS" </dev/null
	set -- $?
	mv "$T/out.$RUNS" "$T/out"
	mv "$T/err.$RUNS" "$T/err"
	RUNS=${RUNS#x}
	[ -z "$RUNS" ] || {
		cat "$T/out"
		cat "$T/err" >&2
	}
	return "$1"
}

# ok NAME COMMAND…: it must succeed.
ok() {
	name=$1
	shift
	if run "$@"; then pass "$name"; else fail "$name (exit $?)"; fi
}

# not NAME COMMAND…: it must fail, by an exit and not by a signal.
not() {
	name=$1
	shift
	run "$@"
	status=$?
	if [ $status -gt 0 ] && [ $status -lt 126 ]; then
		pass "$name"
	else
		fail "$name (exit $status)"
	fi
}

# exits NAME STATUS COMMAND…: it must end with that exit status.
exits() {
	name=$1 wanted=$2
	shift 2
	run "$@"
	status=$?
	if [ $status -eq "$wanted" ]; then
		pass "$name"
	else
		fail "$name (exit $status, not $wanted)"
	fi
}

# says NAME PATTERN COMMAND…: output or words hold PATTERN (grep -E),
# whatever the exit status, but not of a signal or of no command.
says() {
	name=$1 pattern=$2
	shift 2
	run "$@"
	status=$?
	if [ $status -ge 126 ]; then
		fail "$name (exit $status)"
	elif output_holds "$pattern"; then
		pass "$name"
	else
		fail "$name (does not say: $pattern)"
	fi
}

# output_holds PATTERN: the last command's output or words hold it.
output_holds() {
	cat "$T/out" "$T/err" | grep -Eq -e "$1"
}

# also NAME PATTERN, lacks NAME PATTERN: the last command's output or words
# hold PATTERN as well; they do not hold it.
also() {
	if output_holds "$2"; then pass "$1"; else fail "$1 (does not say: $2)"; fi
}
lacks() {
	if output_holds "$2"; then fail "$1 (says: $2)"; else pass "$1"; fi
}

# faketime -f SPAN COMMAND…: as the program of that name, which gives a name by
# its process ID to memory that it shares. One that was killed leaves it there,
# and the next of that ID fails ("sem_open: File exists"): seen on a machine on
# which IDs come round. Nothing here needs that memory.
faketime() {
	span=$2
	shift 2
	env FAKETIME="$span" \
		LD_PRELOAD="/usr/\$LIB/faketime/libfaketime.so.1" "$@"
}

# serve_at SPAN: from its next start on the server's clock is that far off.
serve_at() {
	SERVE="env FAKETIME=$1 LD_PRELOAD=$(faketime -f +0 printenv LD_PRELOAD)"
}

# until_true SECONDS COMMAND…: try again until it succeeds or time is up.
until_true() {
	end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# free_ports N: that many numbers of ports that nobody listens on.
free_ports() {
	perl -MIO::Socket::INET -e '
		my @s = map { IO::Socket::INET->new(Listen => 1,
		    LocalAddr => "127.0.0.1") } 1 .. shift;
		print join(" ", map { $_->sockport } @s), "\n"' "$1"
}

# answers PORT: somebody listens there.
answers() {
	perl -MIO::Socket::INET -e 'exit(IO::Socket::INET->new(
		PeerAddr => "127.0.0.1", PeerPort => shift) ? 0 : 1)' "$1"
}

server_answered() {
	grep -q '^aumbryd: ready ' "$T/server.err" ||
		! kill -0 "$SERVER" 2>/dev/null
}

# configure SECTION KEY VALUE: in aumbryd.conf, for the next start.
configure() {
	SECTION=$1 KEY=$2 VALUE=$3 awk '
		/^\[/ { here = $0 == "[" ENVIRON["SECTION"] "]" }
		here && index($0, ENVIRON["KEY"] " =") == 1 {
			$0 = ENVIRON["KEY"] " = " ENVIRON["VALUE"]
			found = 1
		}
		{ print }
		END { exit !found }' "$DATA/aumbryd.conf" >"$T/configured" &&
		cat "$T/configured" >"$DATA/aumbryd.conf" && return
	echo "Bail out! [$1] has no $2"
	exit 1
}

# init_server [FLAGS…]: data that is still to be configured. Sets URL and INVITE.
# shellcheck disable=SC2120 # tests give the flags
init_server() {
	aumbryd init --data "$DATA" --listen 127.0.0.1:0 "$@" \
		>"$T/init.out" 2>"$T/init.err" </dev/null || {
		sed 's/^/# /' "$T/init.err"
		echo 'Bail out! aumbryd init failed'
		exit 1
	}
	URL=$(sed -n 1p "$T/init.out")
	INVITE=$(sed -n 2p "$T/init.out")
	export URL INVITE
}

# start_server [FLAGS…]: init at the first call, serve, wait until it accepts.
# Sets URL, INVITE (first call) and SERVER.
# shellcheck disable=SC2120 # tests give the flags
start_server() {
	[ -d "$DATA" ] || init_server
	: >"$T/server.err"
	$SERVE aumbryd serve --data "$DATA" "$@" >"$T/server.out" \
		2>"$T/server.err" </dev/null &
	SERVER=$!
	until_true 30 server_answered
	ready=$(sed -n 's/^aumbryd: ready //p' "$T/server.err" | head -n 1)
	if [ -z "$ready" ]; then
		sed 's/^/# /' "$T/server.err"
		echo 'Bail out! aumbryd did not become ready'
		exit 1
	fi
	# The port is chosen at start; the pin stays what init printed.
	case $ready in
	*'#'*) URL=$ready ;;
	*) case $URL in
		*'#'*) URL=$ready#${URL#*#} ;;
		*) URL=$ready ;;
		esac ;;
	esac
	export URL INVITE
}

# start_metered: the same, and it counts.
start_metered() {
	[ -d "$DATA" ] || init_server
	metrics=$(free_ports 1)
	configure server metrics_listen "127.0.0.1:$metrics"
	start_server
}
# metric NAME: what it counts, over all labels unless NAME has them.
metric() {
	curl -sf "http://127.0.0.1:$metrics/metrics" | NAME=$1 awk '
		{ n = $NF; sub(/ [^ ]*$/, "") }
		$0 == ENVIRON["NAME"] || index($0, ENVIRON["NAME"] "{") == 1 {
			sum += n
		}
		END { printf "%.0f\n", sum; exit NR == 0 }'
}

# stop_server [SIGNAL]: TERM unless said otherwise; waits for its end, which
# finish looks at.
ENDED=0
# shellcheck disable=SC2120 # tests give the signal
stop_server() {
	[ -n "$SERVER" ] || return 0
	kill -"${1:-TERM}" "$SERVER" 2>/dev/null
	wait "$SERVER" 2>/dev/null
	stopped=$?
	SERVER=''
	[ "${1:-TERM}" = KILL ] || [ $stopped -eq 0 ] || ENDED=$stopped
	return $stopped
}

# finish: the plan; the exit status says whether all passed, every server that
# was asked to end did so with 0, and no sanitizer had anything to say of any
# program, whatever became of its exit status.
finish() {
	stop_server
	[ "$ENDED" -eq 0 ] || {
		cp "$T/server.err" "$T/out"
		: >"$T/err"
		fail "a server ended badly (exit $ENDED)"
	}
	for report in "$T"/sanitizer.*; do
		[ -e "$report" ] || continue
		cp "$report" "$T/out"
		: >"$T/err"
		fail 'a sanitizer found something'
	done
	echo "1..$tests"
	[ $failures -eq 0 ]
	exit
}
