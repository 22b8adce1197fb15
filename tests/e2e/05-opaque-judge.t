#!/bin/sh
# SPDX-License-Identifier: ISC
# 05-opaque-judge.t: our password protocol meets an implementation of others.
. "$(dirname "$0")/tap.sh"

JUDGE=$ROOT/tests/tools/opaque_judge.mjs
PEER=$BUILD/tests/opaque_peer
if ! [ -x "$PEER" ]; then
	echo "Bail out! $PEER is missing; run: make tests"
	exit 1
fi
if ! [ -d "$ROOT/tests/tools/node_modules/@serenity-kit/opaque" ]; then
	echo 'Bail out! the judge is missing; run: tools/setup.sh check'
	exit 1
fi

judge() {
	ok "$1" node "$JUDGE" "$PEER" "$2"
}

judge 'their client signs up and in at our server' their-client
judge 'their client with a wrong password is refused' their-client-wrong-password
judge 'their client cannot use a name that nobody has' their-client-unknown-name
judge 'our server refuses a changed proof of theirs' their-client-changed-proof
judge 'our client signs up and in at their server' our-client
judge 'our client with a wrong password is refused' our-client-wrong-password
judge 'our client cannot use a name that nobody has' our-client-unknown-name
judge 'our client refuses another server with its record' our-client-other-server
not 'the judge judges: an unknown case fails' \
	node "$JUDGE" "$PEER" no-such-case
finish
