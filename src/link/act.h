/* SPDX-License-Identifier: ISC */
/* act.h: what changes something is asked for under a key, again if need be. */
/*
 * A call that changes something has a key of its own, sent again with each
 * try, by which the server knows that it did it before (docs/PROTOCOL.md,
 * "Asking twice"). Where this device remembers it, in "acts" of state.db,
 * until the answer was read, the same command after a kill asks under the
 * same key:
 *
 *   n * (SHA-256 of what is asked[32] | key[16] | u64 time_ms)
 */
#pragma once

#include "link/local.h"
#include "link/remote.h"

struct act {
	struct local *notes; /* NULL: not remembered */
	struct id key; /* zeros: the call changes nothing */
};

/*
 * The key for a call: drawn and written down before it is sent, or the one of
 * the same call whose answer never came.
 *
 * notes   where to; NULL: nowhere. Borrowed.
 * errors  disk-full-here: then nothing may be sent.
 */
MUST_CHECK int act_begin(struct act *a, struct local *notes,
    const struct remote_call *c, struct err *e);

/* Could the server have acted, for all that is known? */
bool act_unknown(const struct err *e);

/* The answer was read: what was noted goes. */
void act_end(struct act *a);
