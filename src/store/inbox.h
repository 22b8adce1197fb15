/* SPDX-License-Identifier: ISC */
/* inbox.h: what others have sent to an account, until a device has filed it. */
/*
 * An inbox is a list of items by number, each as wire/packet.h has it behind
 * received_ms. Numbers rise by one and are never used again; received_ms rises
 * with them. Everything here runs inside a transaction of the caller.
 */
#pragma once

#include "store/sql.h"

/* Whether one account may write to another. Who is blocked is not told, and is
 * treated as what he was: these are three. */
enum inbox_peer {
	INBOX_STRANGER = 0, /* it has to ask */
	INBOX_ACCEPTED = 1,
	INBOX_BLOCKED = 2, /* what it sends goes nowhere; it was accepted */
	INBOX_ASKS = 3, /* its first letter is there, and no answer yet */
	INBOX_BLOCKED_STRANGER = 4,
	INBOX_BLOCKED_ASKS = 5
};

/* Does what it sends go nowhere? */
bool inbox_is_blocked(enum inbox_peer state);
/* What the other one may see of it: STRANGER, ACCEPTED or ASKS. */
enum inbox_peer inbox_seen_as(enum inbox_peer state);

/*
 * Add an item. The same packet again adds nothing while it waits; a device that
 * has filed it knows the letter.
 *
 * rest    all of the item behind received_ms; from and packet as in it.
 * errors  inbox-full: LIMIT_INBOX_ITEMS, LIMIT_INBOX_BYTES.
 */
struct inbox_add {
	struct id uid; /* whose inbox */
	struct id from, packet;
	struct bytes rest;
	int64_t now_ms;
};
MUST_CHECK int inbox_add(
    struct tx *tx, const struct inbox_add *x, struct err *e);

/* Would an item of so many bytes have room? errors: inbox-full. */
MUST_CHECK int inbox_room(
    struct tx *tx, const struct id *uid, size_t more, struct err *e);

/* Append v32 items after `since`, the oldest first, until `most` bytes are
 * passed; at least one when there is one. */
MUST_CHECK int inbox_read(struct tx *tx, const struct id *uid, uint64_t since,
    size_t most, struct buf *out, struct err *e);
/* The number of the newest item that ever came; 0: none. */
MUST_CHECK int inbox_top(
    struct tx *tx, const struct id *uid, uint64_t *out, struct err *e);
/* Items up to this number were filed: they go. */
MUST_CHECK int inbox_take(
    struct tx *tx, const struct id *uid, uint64_t upto, struct err *e);

/* May `peer` write to `uid`? */
MUST_CHECK int inbox_peer(struct tx *tx, const struct id *uid,
    const struct id *peer, enum inbox_peer *out, struct err *e);
/* state: BLOCKED: whatever he was. */
MUST_CHECK int inbox_set_peer(struct tx *tx, const struct id *uid,
    const struct id *peer, enum inbox_peer state, int64_t now_ms,
    struct err *e);
