/* SPDX-License-Identifier: ISC */
/* prune_in.h: what the files of prune share. For prune*.c only. */
#pragma once

#include "backup/prune.h"
#include "backup/snapshot.h"
#include "base/idset.h"

#define PRUNE_FORMAT 1 /* of marks and run records */
#define PRUNE_BATCH 500 /* records in one commit: half of what is allowed */

struct prune_ids {
	struct id *list;
	size_t n;
};

/* For OWN. */
void prune_ids_free(struct prune_ids *l);
/* Add one more; a list may hold an id twice. */
void prune_ids_add(struct prune_ids *l, const struct id *id);

/* ---- prune_census.c: what the zones say ---- */

struct prune_pack {
	struct id id;
	uint8_t category;
	uint64_t bytes;
};

struct prune_mark {
	struct id pack;
	uint8_t category;
	uint64_t time_ms;
};

struct prune_census {
	struct idset used[CATEGORY_END];
	struct prune_pack *packs;
	size_t n_packs;
	struct prune_mark *marks;
	size_t n_marks;
	struct repo *repo;
	uint64_t runs; /* live ones */
	struct prune_hold hold; /* the last of them */
	struct prune_ids dead; /* runs that are not */
	bool idle; /* no backup of this home goes on */
	bool end_runs;
	uint64_t now_ms;
	bool secrets_unknown; /* a snapshot does not say which it needs */
	uint8_t category; /* of the zone being read */
};

/*
 * Count packs, what snapshots use, marks and runs; c->end_runs is given.
 *
 * errors  update-needed: there are records of a kind that is not known.
 */
MUST_CHECK int prune_count(
    struct repo *r, struct prune_census *c, struct err *e);
/* For OWN. */
void prune_census_free(struct prune_census *c);

/* May a snapshot need the pack? */
bool prune_in_use(
    const struct prune_census *c, uint8_t category, const struct id *pack);

/* The mark that condemns the pack, or NULL. */
const struct prune_mark *prune_mark_of(
    const struct prune_census *c, const struct id *pack);
