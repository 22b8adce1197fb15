#!/bin/sh
# SPDX-License-Identifier: ISC
# 65-crash.t: kill -9 of client or server at any instant loses nothing.
#
# KILLS (default 16) instants, drawn at random, during backup, prune and the
# removal of a device. Whatever was reported as stored must restore.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/account.sh"
in_memory
KILLS=${KILLS:-16}

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
	return $status
}

# remember: what a backup reported as stored must come back as it was.
remember() {
	id=$(sed -n 's/.*"snapshot":"\([0-9a-f]*\)".*/\1/p' "$T/got")
	[ -n "$id" ] && manifest "$FAST/tree" >"$T/stored.$id"
}

mkdir "$FAST/tree"
start_server
ok 'signs up, with two-factor' sign_up ana ana --invite "$INVITE"
n=0
change
ok 'a first backup' at ana backup "$FAST/tree"
ok 'a second device' pair ana bea ana --device-name bea
while [ $n -lt "$KILLS" ]; do
	n=$((n + 1))
	who=$([ $((n % 2)) -eq 0 ] && echo server || echo client)
	case $((n % 4)) in
	0) kill_at 60 "$who" prune --grace 0s ;;
	*)
		change
		if kill_at 500 "$who" backup "$FAST/tree"; then remember; fi
		;;
	esac
done
kill_at 80 client device remove bea
kill_at 80 server device remove bea
ok 'the device can still be removed' sh -c "
	aumbry --home '$T/ana' --password-file '$PW' device list | grep -q bea ||
		exit 0
	aumbry --home '$T/ana' --password-file '$PW' device remove bea \
		--code \$(oathtool --totp --base32 \$(cat '$SECRET')) ||
		aumbry --home '$T/ana' device list | grep -qv bea"
change
ok 'a backup after all that' at ana backup "$FAST/tree"
ok 'everything is whole' at ana check --read
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
echo "# $KILLS instants, $stored backups were reported as stored"
equal 'every backup that was reported as stored restores' "$stored" "$same"
finish
