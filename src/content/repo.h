/* SPDX-License-Identifier: ISC */
/* repo.h: an opened repository: zones, keys and index by category. */
#pragma once

#include "content/chunkmap.h"
#include "link/zcopy.h"
#include "vault/chunker.h"

/* What a repository has of one category. */
struct repo_part {
	struct zcopy *zone; /* NULL: it is not open */
	struct id base; /* of the zone's copy, which the map follows */
	struct chunkmap *map; /* which pack holds which chunk */
	const struct secret *names; /* N */
	struct chunker *chunker;
	char *map_path;
};

struct repo {
	struct zcopy_self self;
	struct depot *depot; /* borrowed */
	struct repo_part parts[CATEGORY_END]; /* those that are open */
	char *dir, *cache_dir;
	uint64_t lost; /* packs that are recorded and not whole: repo_ask */
	pthread_mutex_t follows; /* held by who brings the indexes up to date */
};

/* What a repository is made of. All is borrowed until it is freed. */
struct repo_from {
	const struct zcopy_self *self;
	struct local *local;
	struct depot *depot;
	const char *dir; /* this device's, for indexes and caches; copied */
	/*
	 * By category; NULL: its keys are not held, or the feature has nothing
	 * of it. What lives there is category-closed.
	 */
	const struct id *zones[CATEGORY_END];
};

/*
 * Open what a feature keeps its contents in: pull its zones and bring the
 * indexes up to date. One that lacks a zone it should have only reads.
 *
 * errors  category-closed; what a pull says.
 */
MUST_CHECK int repo_open(
    const struct repo_from *from, struct repo **out, struct err *e);
void repo_free(struct repo **r);

/* Pull again and take new pack records into the indexes. From any thread. */
MUST_CHECK int repo_refresh(struct repo *r, struct err *e);

/*
 * A pack is not where it should be: another device may have rewritten and
 * deleted it. Refreshes, unless the index knows of no such pack any more.
 * From any thread.
 *
 * *moved  true: it is recorded no more, what it held is elsewhere or needed by
 *         nobody. false: it should be there.
 */
MUST_CHECK int repo_moved(struct repo *r, enum category c,
    const struct id *pack, bool *moved, struct err *e);

/* Make the indexes anew from the pack records. Reads all of them. */
MUST_CHECK int repo_reindex(struct repo *r, struct err *e);

/*
 * Ask for each pack and its length. What is not whole is left out of the
 * indexes as long as they are open: it counts as not stored, and r->lost is
 * how many. The records stay, and so do the indexes on the disk: the packs
 * may come back.
 *
 * errors  blob-missing when many should be there and none is, as where a disk
 *         is not mounted.
 */
MUST_CHECK int repo_ask(struct repo *r, struct err *e);

/* Write the indexes, after packs were stored and recorded. */
MUST_CHECK int repo_save(struct repo *r, struct err *e);

struct ptable;
/* Let a map find what is in a pack. */
void repo_index(
    struct chunkmap *map, const struct id *pack, const struct ptable *t);

/* Is the category open here? */
bool repo_has(const struct repo *r, enum category c);
/* What there is of it: nothing where it is not open. */
struct repo_part *repo_part(struct repo *r, enum category c);

/*
 * A chunk of category c is in no pack that is known here. Can that be because
 * its keys are not held: those of secrets, by who only reads, or of secrets
 * from before the account was reset?
 */
bool repo_closed(const struct repo *r, enum category c);
