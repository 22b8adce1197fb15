/* SPDX-License-Identifier: ISC */
/* escrowlink.h: the way to the escrow, and what is still to be told to it. */
/*
 * The escrow is another program, of another user, often on another machine:
 * it may be away or slow. It is asked outside of transactions, by one call at a
 * time, each with a short limit. What must reach it in the end (a release key,
 * the end of an account's key) is a row, written in the transaction of what it
 * belongs to, and told by a thread of its own until it is done.
 *
 * Its key is pinned in keys/escrow.pub at the first answer; another one is
 * escrow-changed from then on.
 */
#pragma once

#include "server/server.h"
#include "wire/escrow.h"

#define ESCROWLINK_WAIT_MS 5000 /* for one answer, with the wait for a turn */
/* Who let us wait so long for nothing is not waited for again so soon: */
#define ESCROWLINK_SLOW_MS 1000 /* at first, then doubling */
#define ESCROWLINK_PAUSE_MAX_MS (30 * 1000)
#define ESCROWLINK_RETRY_MS 2000 /* then doubling */
#define ESCROWLINK_RETRY_MAX_MS (10 * 60 * 1000)

struct escrowlink;

/*
 * keys   the folder of the server's keys.
 * tells  also tell what waits.
 * errors  bad-usage for a path that is too long; state-damaged.
 */
MUST_CHECK int escrowlink_start(struct server *s, const char *keys, bool tells,
    struct escrowlink **out, struct err *e);
void escrowlink_stop(struct escrowlink **l);

/* How it was found when it was last asked. errors: as of escrowlink_ask. */
MUST_CHECK int escrowlink_state(struct escrowlink *l, struct err *e);

/* The escrow's own key; false while it was never reached. */
bool escrowlink_key(struct escrowlink *l, uint8_t sign_pk[static SIG_PK_BYTES]);

/*
 * Ask, and append the body of the answer.
 *
 * errors  escrow-unreachable, also when l is NULL; escrow-changed; those that
 *         the escrow names.
 */
MUST_CHECK int escrowlink_ask(struct escrowlink *l, enum escrow_verb verb,
    struct bytes body, struct buf *out, struct err *e);

/* Sign a statement as this server. */
void escrowlink_sign(const struct server *s, struct bytes message,
    uint8_t sig[static SIG_BYTES]);

/*
 * To be told. REGISTER: a registration; CANCEL: an order and why; DESTROY,
 * DROP: nothing. The circle is added where it belongs when it is told, as it is
 * then. An older one of the same kind goes.
 */
MUST_CHECK int escrowlink_later(struct tx *tx, struct call *c,
    const struct id *uid, enum escrow_verb verb, struct bytes body,
    struct err *e);
/* What waits of an account. */
MUST_CHECK int escrowlink_waits(
    struct tx *tx, const struct id *uid, uint64_t *n, struct err *e);
void escrowlink_wake(struct escrowlink *l); /* NULL: nothing */

/* The circle from the entry after what the escrow knows of it: v32. */
MUST_CHECK int escrowlink_put_circle(struct escrowlink *l, struct db *db,
    const struct id *uid, struct buf *out, struct err *e);
