#!/bin/sh
# SPDX-License-Identifier: ISC
# escrow.sh: what tests with an escrow read after tap.sh.

ESCROW_DIR=$T/escrow
ESCROW_SOCKET=$T/escrow.sock
ESCROW=''

escrow_answered() {
	grep -q '^aumbry-escrow: ready' "$T/escrow.err" ||
		! kill -0 "$ESCROW" 2>/dev/null
}

# start_escrow [WAIT]: make it at the first call, with that wait for orders.
start_escrow() {
	[ -d "$ESCROW_DIR" ] || aumbry-escrow init --dir "$ESCROW_DIR" \
		--wait "${1:-3d}" >"$T/escrow.pin" || exit 1
	: >"$T/escrow.err"
	${ESCROW_AS-} aumbry-escrow serve --dir "$ESCROW_DIR" \
		--socket "$ESCROW_SOCKET" 2>"$T/escrow.err" </dev/null &
	ESCROW=$!
	HELPERS="$HELPERS $ESCROW"
	until_true 30 escrow_answered
	grep -q '^aumbry-escrow: ready' "$T/escrow.err" || {
		sed 's/^/# /' "$T/escrow.err"
		echo 'Bail out! aumbry-escrow did not become ready'
		exit 1
	}
}

stop_escrow() {
	[ -n "$ESCROW" ] || return 0
	kill -"${1:-TERM}" "$ESCROW" 2>/dev/null
	wait "$ESCROW" 2>/dev/null
	ESCROW=''
}

# start_with_escrow [WAIT]: both, and the server's address names the escrow.
start_with_escrow() {
	start_escrow "$@"
	init_server --escrow "$ESCROW_SOCKET"
	start_server
}

# escrow_told: the server has nothing more to tell it.
escrow_told() {
	[ "$(sqlite3 -batch "$DATA/aumbryd.db" '.timeout 5000' \
		'SELECT COUNT(*) FROM escrow_job')" = 0 ]
}
