/* SPDX-License-Identifier: ISC */
/* repo.h: an opened repository: zones, keys and indexes, by part. */
/*
 * A part is what is sealed and named with the keys of one category, and is
 * known by it. It lies in that category's zone, or lodges in another part's: as
 * do a drive's secrets, which lie in its zone with the keys of the keychain. So
 * the records of a zone are of one part, but pack records of stream 2, which
 * are of the one that lodges there.
 */
#pragma once

#include "content/chunkmap.h"
#include "link/zcopy.h"
#include "vault/chunker.h"
#include "vault/pack.h"
#include "vault/ptable.h"

/* What a repository has under the keys of one category. */
struct repo_part {
	enum category keys;
	bool lodges; /* in the zone of another part, whose copy it borrows */
	struct zcopy *zone; /* NULL: it is not open */
	struct id base; /* of the zone's copy, which the map follows */
	struct chunkmap *map; /* which pack holds which chunk */
	const struct secret *names; /* N */
	struct chunker *chunker;
	char *map_path;
	uint64_t news; /* records seen since the map's file was written */
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
	 * By the category of the keys; NULL: they are not held, or the feature
	 * has nothing of it. What lives there is category-closed. A zone that
	 * stands twice is of the first one's category; the second lodges there.
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
 * Take into the indexes what the copies of the zones have by now: after a pull
 * or a commit by who holds the repository. Asks nobody. From any thread.
 */
MUST_CHECK int repo_follow(struct repo *r, struct err *e);

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
/* The same, once so much has come that the next to open it would read long. */
MUST_CHECK int repo_save_late(struct repo *r, struct err *e);

/* Let a map find what is in a pack. */
void repo_index(
    struct chunkmap *map, const struct id *pack, const struct ptable *t);

/* Is the category open here? */
bool repo_has(const struct repo *r, enum category c);
/* What there is of it: nothing where it is not open. */
struct repo_part *repo_part(struct repo *r, enum category c);
/* Do packs of that stream belong to the part? */
bool repo_holds(const struct repo_part *p, unsigned stream);

/*
 * What binds a pack to the part: the pack's id is the caller's. The category
 * is the zone's: with the key it tells the packs of any two parts apart.
 */
struct pack_place repo_place(const struct repo *r, const struct repo_part *p);
/*
 * The newest key for packs of the part, or one of an epoch. Borrowed as long as
 * the keyring; NULL with category-closed.
 */
const struct secret *repo_write_key(const struct repo *r,
    const struct repo_part *p, uint32_t *epoch, struct err *e);
const struct secret *repo_read_key(const struct repo *r,
    const struct repo_part *p, uint32_t epoch, struct err *e);

/*
 * A chunk of category c is in no pack that is known here. Can that be because
 * its keys are not held: those of secrets, by who only reads, or of secrets
 * from before the account was reset?
 */
bool repo_closed(const struct repo *r, enum category c);

/* A pack that nothing used then: the id of the record that says so. */
#define REPO_CONDEMNED_KIND 5
struct id repo_condemned_id(const struct id *pack);
