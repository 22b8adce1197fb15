#!/bin/sh
# SPDX-License-Identifier: ISC
# 65-crash.t: kill -9 of client or server at any instant loses nothing.
#
# KILLS (default 15) instants, drawn at random: a third each during backup,
# prune and the removal of a device, in turns of client and server. Whatever
# was reported as stored must restore, and whoever was removed must be out.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
in_memory
KILLS=${KILLS:-15}

# pause MOST_MS: a random time up to that.
pause() { perl -e 'select(undef, undef, undef, rand($ARGV[0]) / 1000)' "$1"; }
change() {
	head -c 12000000 /dev/urandom >"$FAST/tree/f$((n % 5))"
	date +%N >"$FAST/tree/small$n"
}
manifest() { (cd "$1" && find . -type f -exec sha256sum {} + | sort); }

# kill_at MOST_MS WHO COMMAND…: run it, kill -9 one side on the way.
kill_at() {
	most=$1 who=$2
	shift 2
	aumbry --home "$T/ana" --password-file "$PW" --json "$@" \
		>"$T/got" 2>"$T/words" </dev/null &
	client=$!
	pause "$most"
	if [ "$who" = server ]; then
		stop_server KILL
		wait "$client"
		status=$?
		start_server
	else
		kill -9 "$client" 2>/dev/null
		wait "$client"
		status=$?
	fi
	[ $status -ne 0 ] && echo "$1" >>"$T/cut"
	return $status
}

# remember: what a backup reported as stored must come back as it was.
remember() {
	id=$(sed -n 's/.*"snapshot":"\([0-9a-f]*\)".*/\1/p' "$T/got")
	[ -n "$id" ] && manifest "$FAST/tree" >"$T/stored.$id"
}

# ---- removal ----

sql() { sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' "$@"; }
# let_in: a guest, whose name is in $guest. Sign-ins are not what is tried here.
let_in() {
	guests=$((guests + 1)) guest=guest$guests
	sql 'DELETE FROM throttle;'
	pair ana $guest ana --device-name $guest >"$T/out" 2>"$T/err" ||
		fail "$guest is let in"
}
# prove: as if the password and a code had been given just now. A code is good
# once in 30 seconds, and that is too slow for this.
prove() { sql "UPDATE session SET step_up_ms = $(date +%s)000;"; }
remove() { aumbry --home "$T/ana" device remove "$1" >"$T/got" 2>"$T/words"; }
listed() { aumbry --home "$T/ana" device list | grep -q "  $1 "; }
# put_out WHO: remove the guest, killed on the way, until it is done.
put_out() {
	let_in
	prove
	kill_at "$most_remove" "$1" device remove $guest
	whole=yes
	listed $guest || whole=no through=$((through + 1))
	for _ in 1 2 3; do
		# A session that the killed command began has no proof.
		aumbry --home "$T/ana" status >"$T/out" 2>"$T/err"
		prove
		begun=$(now)
		remove $guest && break
		# Or all was done, and only the last word was lost.
		grep -q '(not-found)' "$T/words" && ! listed $guest &&
			last=$((last + 1)) && break
	done
	# Each epoch of keys makes the next removal a little longer.
	[ $whole = no ] || most_remove=$(($(now) - begun))
	if listed $guest; then
		cp "$T/words" "$T/err"
		fail "$guest is removed in the end"
		return
	fi
	for command in status 'backup /etc/hostname' 'device list'; do
		# shellcheck disable=SC2086 # words of a command
		run at $guest $command
		[ $? -eq 4 ] && [ "$(tail -n 1 "$T/err")" = '(device-removed)' ] ||
			fail "$guest can do nothing any more: $command"
	done
	rm -rf "${T:?}/$guest"
	out=$((out + 1))
}
# epochs: the newest epoch of keys, and those that the newest heads are under.
epochs() {
	sql "SELECT printf('%08X', MAX(epoch)) FROM envelope;
		SELECT DISTINCT hex(substr(bytes, 117, 4)) FROM head AS h
		WHERE seq = (SELECT MAX(seq) FROM head WHERE zone = h.zone);"
}
now() { date +%s%3N; }

mkdir "$FAST/tree"
start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
n=0 guests=0 out=0 last=0 through=0
: >"$T/cut"
change
ok 'a first backup' at ana backup "$FAST/tree"
ok 'a second device' pair ana bea ana --device-name bea
let_in
prove
begun=$(now)
ok 'a guest is removed, and nobody is killed' remove $guest
most_remove=$(($(now) - begun))
while [ $n -lt "$KILLS" ]; do
	n=$((n + 1))
	who=$([ $((n % 2)) -eq 0 ] && echo server || echo client)
	case $((n % 3)) in
	0) kill_at 60 "$who" prune --grace 0s ;;
	1)
		change
		if kill_at 500 "$who" backup "$FAST/tree"; then remember; fi
		;;
	2) put_out "$who" ;;
	esac
done
equal 'who was removed is out' $((guests - 1)) $out
change
ok 'a backup after all that' at ana backup "$FAST/tree"
ok 'the other device backs up as well' at bea backup "$FAST/tree"
rm -rf "$FAST/back"
ok 'and restores' at bea restore "latest:$FAST/tree" --to "$FAST/back"
ok 'the same' trees_equal "$FAST/tree" "$FAST/back"
equal 'all heads are under the newest keys' \
	"$(printf '%08X\n%08X' $((guests + 1)) $((guests + 1)))" "$(epochs)"
ok 'everything is whole' at ana check --read
ok 'seen from the other device too' at bea check --read
ok 'the server is whole' aumbryd check --data "$DATA" --read
stored=0 same=0
for m in "$T"/stored.*; do
	[ -e "$m" ] || continue
	stored=$((stored + 1))
	rm -rf "$FAST/back"
	run at ana restore "${m##*.}:$FAST/tree" --to "$FAST/back"
	manifest "$FAST/back" >"$T/back.list" 2>/dev/null
	cmp -s "$m" "$T/back.list" && same=$((same + 1))
done
in_time() { echo "$(grep -c "$1" "$T/cut") $2"; }
echo "# $KILLS instants; cut off: $(in_time backup backups)," \
	"$(in_time prune prunes), $(in_time device removals)"
echo "# $stored backups were reported as stored; of $out removals" \
	"$through had got through, $last but for the last word"
equal 'every backup that was reported as stored restores' "$stored" "$same"
finish
