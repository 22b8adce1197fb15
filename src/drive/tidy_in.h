/* SPDX-License-Identifier: ISC */
/* tidy_in.h: what the parts of tidy share. For tidy*.c only. */
#pragma once

#include "drive/census.h"
#include "drive/edit_in.h"
#include "drive/retention.h"
#include "drive/tidy.h"

#define TIDY_BATCH 400 /* records of one commit, or packs with their marks */
#define TIDY_TRIES 4 /* others commit meanwhile */

struct tidy {
	struct edit *d;
	struct repo *repo;
	struct zcopy *zone;
	struct hist_policy policy;
	uint64_t now_ms;
	uint32_t before_epoch; /* what is under older keys goes at once, or 0 */
	bool dry;
	struct tidy_result *out;
};

/* Thin histories: tidy_hist.c. */
MUST_CHECK int tidy_hist(struct tidy *t, struct err *e);
/* Condemn, pardon, delete, merge and rewrite packs: tidy.c. */
MUST_CHECK int tidy_packs(struct tidy *t, struct err *e);
/* Merge packs, and rewrite them: tidy_copy.c. */
MUST_CHECK int tidy_copy(struct tidy *t, struct census *c, struct err *e);

/* ---- tidy_packs.c ---- */

/* Condemn those that are new to it, pardon those that are used again, and drop
 * marks of nothing. */
MUST_CHECK int tidy_mark(struct tidy *t, struct census *c, struct err *e);
/* Delete what was condemned for its time and nobody uses. errors: conflict. */
MUST_CHECK int tidy_delete(struct tidy *t, struct census *c, struct err *e);

/* For a commit: nobody uses what is doomed, at this head. */
struct tidy_check {
	struct tidy *t;
	struct census *c;
};
int tidy_unused(void *check, struct err *e);

/* Is it under keys that are to be of no use? */
bool tidy_old(const struct tidy *t, const struct census_pack *p);
/* Has it been condemned for so long that what nobody uses may go? */
bool tidy_ripe(const struct tidy *t, const struct census_pack *p);

/* The deletion of a pack's record, and of what condemned it: 1 or 2 edits. */
size_t tidy_drop(const struct census_pack *p, struct zcopy_edit *edits);
/* Its record is gone: so goes the blob. errors: server-unreachable. */
MUST_CHECK int tidy_drop_blob(
    struct tidy *t, struct census_pack *p, struct err *e);
