#!/bin/sh
# SPDX-License-Identifier: ISC
# liar.sh: what tests with tests/tools/liar.mjs read after tap.sh.

LIAR=''

stop_liar() {
	ended=$?
	[ -z "$LIAR" ] || kill "$LIAR" 2>/dev/null
	(exit $ended)
	cleanup
}
trap stop_liar EXIT

# start_liar [RECORD]: a plain server, and who stands before it: $URL.
start_liar() {
	init_server --http --mature-hours 0
	# Devices join all the time here.
	configure limits prompts_per_hour 1000
	start_server
	: >"$T/lie"
	: >"$T/lies"
	node "$ROOT/tests/tools/liar.mjs" "$URL" "$T/lie" "$T/lies" "$@" \
		>"$T/liar.out" 2>"$T/liar.err" </dev/null &
	LIAR=$!
	until_true 20 [ -s "$T/liar.out" ] || {
		sed 's/^/# /' "$T/liar.err"
		echo 'Bail out! the liar did not start'
		exit 1
	}
	URL=$(cat "$T/liar.out")
	export URL INVITE
}

# lie WORDS, truth: what is told from now on.
lie() {
	: >"$T/lies"
	echo "$1" >"$T/lie"
}
truth() {
	: >"$T/lie"
}
lies_told() {
	wc -l <"$T/lies"
}
# told NAME: the last lie was told at least once.
told() {
	if [ "$(lies_told)" -gt 0 ]; then
		pass "- it was told: $1"
	else
		fail "- it was told: $1"
	fi
}

