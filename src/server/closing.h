/* SPDX-License-Identifier: ISC */
/* closing.h: the end of an account: asked for, waited for, done. */
/*
 * Whoever ends an account, a device of it or the operator, it goes on as before
 * for [limits] closing_wait, and can be kept. Then the sweep takes away all
 * that the server has of it, blobs and rows, in steps that a crash leaves to
 * the next sweep. What stays is the name with the uid, so that nobody else
 * gets it unless the operator says so: mail and other people's contacts go by
 * the name.
 */
#pragma once

#include "server/server.h"

struct closing {
	bool there;
	int64_t asked_ms, ends_ms;
	struct id dev_id; /* who asked; zeros: the operator */
};

MUST_CHECK int closing_get(
    struct tx *tx, const struct id *uid, struct closing *out, struct err *e);

/*
 * Begin to wait, and tell the account's owner. One that is there already stays
 * as it is, but for the operator's who wants it sooner.
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

/* When the account of that uid, or of that name, was taken away; 0: never. */
MUST_CHECK int closing_gone(
    struct tx *tx, const struct id *uid, int64_t *time_ms, struct err *e);
MUST_CHECK int closing_name_gone(
    struct tx *tx, const char *name, int64_t *time_ms, struct err *e);
/* Let somebody else have it. errors: not-found. */
MUST_CHECK int closing_free_name(
    struct tx *tx, const char *name, struct err *e);

/* The tables that have rows of an account, by their column uid. */
const char *const *closing_tables(size_t *n);
