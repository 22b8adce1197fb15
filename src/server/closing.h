/* SPDX-License-Identifier: ISC */
/* closing.h: the end of an account: asked for, waited for, done. */
/*
 * Whoever ends an account, a device of it or the operator, it goes on as before
 * for [limits] closing_wait, and can be kept. Then the sweep takes away all
 * that the server has of it, blobs and rows, in steps that a crash leaves to
 * the next sweep. What stays is the name with the uid: pastname.h.
 */
#pragma once

#include "server/server.h"

struct closing {
	bool there;
	int64_t asked_ms, ends_ms; /* ends_ms 0: it is going */
	struct id dev_id; /* who asked; zeros: the operator */
};

/* Does it end? There is none for most. */
MUST_CHECK int closing_get(
    struct tx *tx, const struct id *uid, struct closing *out, struct err *e);

/*
 * Begin to wait, and tell the account's owner. One that is there already stays,
 * with the newer entry of a device. The operator's takes its place, at the
 * sooner of both times: then no device keeps the account.
 *
 * x      asked_ms, ends_ms and dev_id.
 * entry  a CLOSE of the account's circle as it is now, for the escrow; or
 *        empty.
 */
MUST_CHECK int closing_begin(struct tx *tx, struct call *c,
    const struct id *uid, const struct closing *x, struct bytes entry,
    struct err *e);

/* It is kept. errors: not-found; conflict when it has begun to go. */
MUST_CHECK int closing_stop(struct tx *tx, struct call *c, const struct id *uid,
    const struct id *dev_id, struct err *e);

/* Take away what is over. errors: the first that failed; the others went on. */
MUST_CHECK int closing_sweep(struct server *s, int64_t now_ms, struct err *e);
