/* SPDX-License-Identifier: ISC */
/* usage.h: what an account stores against what it may store. */
/*
 * Charged are blobs, from the first byte of their upload, records with
 * USAGE_RECORD bytes each for their row, and heads. Who has no row has no
 * quota: a folder of the user's own.
 */
#pragma once

#include "store/db.h"
#include "wire/id.h"

#define USAGE_RECORD 64 /* bytes a record's row costs beside its content */
#define USAGE_NO_QUOTA INT64_MAX

struct usage {
	uint64_t bytes;
	uint64_t quota;
};

extern const char usage_schema[]; /* part of the zone module's version 1 */

/* errors  none beside the database's; zeros and no quota when unknown. */
MUST_CHECK int usage_get(
    struct tx *tx, const struct id *uid, struct usage *out, struct err *e);
MUST_CHECK int usage_set_quota(
    struct tx *tx, const struct id *uid, uint64_t quota, struct err *e);

/*
 * Add delta, which may be negative, then `free` bytes whatever the quota is.
 *
 * errors  quota-exceeded when delta is positive and more than is left.
 */
MUST_CHECK int usage_add(struct tx *tx, const struct id *uid, int64_t delta,
    int64_t free, struct err *e);
