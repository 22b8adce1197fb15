/* SPDX-License-Identifier: ISC */
/* usage.h: what an account stores against what it may store. */
/*
 * Charged are blobs, from the first byte of their upload until they have left
 * the trash, with USAGE_BLOB bytes at least; records with USAGE_RECORD bytes
 * each for their row, and heads. Who has no row has no quota: a folder of the
 * user's own.
 */
#pragma once

#include "store/db.h"
#include "wire/id.h"

#define USAGE_RECORD 64 /* bytes a record's row costs beside its content */
#define USAGE_BLOB 4096 /* a file has a block and an inode, if nothing else */
/* Records may go beyond the quota by this: forgetting and pruning write
 * some before they give anything back. */
#define USAGE_RESERVE (1024 * 1024)
#define USAGE_NO_QUOTA INT64_MAX

struct usage {
	uint64_t bytes;
	uint64_t quota;
	uint64_t trash; /* bytes that have been removed and still lie there */
	uint64_t blobs; /* files, those in the trash too */
};

/* errors  none beside the database's; zeros and no quota when unknown. */
MUST_CHECK int usage_get(
    struct tx *tx, const struct id *uid, struct usage *out, struct err *e);
MUST_CHECK int usage_set_quota(
    struct tx *tx, const struct id *uid, uint64_t quota, struct err *e);

struct usage_change {
	int64_t bytes, trash, blobs; /* each may be negative */
	uint64_t beyond; /* so much may go beyond the quota */
};

/*
 * Apply a change.
 *
 * errors  quota-exceeded when it adds up to more bytes than are left;
 *         too-large beyond LIMIT_ACCOUNT_BLOBS.
 */
MUST_CHECK int usage_change(struct tx *tx, const struct id *uid,
    const struct usage_change *c, struct err *e);

/* What a blob of that size is charged. */
uint64_t usage_of_blob(uint64_t size);
