/* SPDX-License-Identifier: ISC */
/* local_in.h: what the two parts of local share. For local*.c only. */
#pragma once

#include "link/local.h"
#include "store/db.h"

struct local {
	struct db *db;
	char *path;
};

/* A zone's head and sum, and the slot of its records; zeros without. */
MUST_CHECK int local_zone_in(struct tx *tx, const struct id *zone,
    struct local_zone *out, uint64_t *slot, struct err *e);

struct local_each {
	local_record_fn fn;
	void *ctx;
};
/* The records of a slot after `since`, or one of them. */
MUST_CHECK int local_each_in(struct tx *tx, uint64_t slot, uint64_t since,
    const struct id *id, const struct local_each *each, struct err *e);
