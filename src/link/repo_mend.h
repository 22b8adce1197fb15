/* SPDX-License-Identifier: ISC */
/* repo_mend.h: repo.db, checked, and made anew from the log and the blobs. */
#pragma once

#include "base/err.h"

#include <stdint.h>

/* One damage of the database. */
typedef void (*repo_mend_fn)(void *ctx, const struct err *why);

/*
 * Is the database of this folder what it was?
 *
 * *n      damages.
 * errors  only what makes looking impossible.
 * cost    reads all of it.
 */
MUST_CHECK int repo_mend_look(
    const char *dir, repo_mend_fn found, void *ctx, uint64_t *n, struct err *e);

/*
 * Is the log beside it whole? What only appends to it does not notice.
 *
 * cost  reads all of it.
 */
MUST_CHECK int repo_mend_look_log(
    const char *dir, repo_mend_fn found, void *ctx, uint64_t *n, struct err *e);

/*
 * Write the log anew, from the database.
 *
 * errors  those of the database; the disk's: what is there stays.
 */
MUST_CHECK int repo_mend_log(const char *dir, struct err *e);

struct repo_mend_result {
	uint64_t blobs; /* that have a row again */
	uint64_t bad; /* places of the log that are damaged */
};

/*
 * Make the database anew; the damaged one stays as repo.db.damaged. Nobody
 * else may work in the folder meanwhile.
 *
 * errors  state-damaged when neither the log nor the database has a zone;
 *         disk-full-here; io-error: the old one stays in its place.
 * cost    reads all blobs.
 */
MUST_CHECK int repo_mend(
    const char *dir, struct repo_mend_result *out, struct err *e);
