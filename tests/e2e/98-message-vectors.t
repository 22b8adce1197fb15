#!/bin/sh
# SPDX-License-Identifier: ISC
# 98-message-vectors.t: a second program reads letters as the formats have them.
. "$(dirname "$0")/tap.sh"

VECTORS=$ROOT/tests/vectors/messages.json
JUDGE=$ROOT/tests/tools/message_vectors.mjs
MAKER=$BUILD/tests/test_message_vectors
if ! [ -x "$MAKER" ]; then
	echo "Bail out! $MAKER is missing; run: make tests"
	exit 1
fi

# judge FILE WHOSE: all that is in it.
judge() {
	ok "cards of $2 show the keys that open" node "$JUDGE" "$1" accounts
	ok "the claim of $2 says who he is" node "$JUDGE" "$1" claim
	ok "letters of $2 are signed, of each kind" node "$JUDGE" "$1" letters
	ok "the packet of $2 opens for both" node "$JUDGE" "$1" packet
	ok "and so does the item of one" node "$JUDGE" "$1" item
	ok "a page of $2 holds its letters" node "$JUDGE" "$1" page
	ok "a conversation of $2 is noted" node "$JUDGE" "$1" conversation
}

judge "$VECTORS" 'the vectors'
ok 'no value of the vectors can be another' node "$JUDGE" "$VECTORS" changed
cd "$ROOT" || exit 1
ok 'a packet is sealed now' "$MAKER" write "$T/now.json"
not 'which is another one' cmp "$VECTORS" "$T/now.json"
judge "$T/now.json" 'today'
ok 'nor can a value of today' node "$JUDGE" "$T/now.json" changed
not 'the judge judges: an unknown case fails' \
	node "$JUDGE" "$VECTORS" no-such-case
finish
