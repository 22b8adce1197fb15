/* SPDX-License-Identifier: ISC */
/* census.h: which chunks of the drive's zone are used, and what packs hold. */
/*
 * Users are nodes, in the trash or not, and histories: by the names of their
 * chunks, those of the lists of long files among them. Hints say nothing. A
 * name that was used once counts as used as long as the census lasts, so that
 * following the zone makes it only more careful.
 *
 * Memory: 16 bytes for each chunk that is used, twice as many while it grows.
 */
#pragma once

#include "base/idset.h"
#include "content/source.h"

struct census_pack {
	struct id id;
	uint64_t version;
	uint32_t epoch; /* of the keys of its record, and its own */
	uint8_t stream; /* enum ptable_stream */
	bool whole; /* its record can be read */
	bool gone; /* not there any more */
	bool open; /* the keys of its part are held */
	uint32_t blob_bytes, n_entries, n_live;
	uint64_t plain, live; /* bytes of entries; of those that are used */
	uint64_t marked_ms; /* since when little of it is used, or 0 */
	uint64_t mark_version;
};

struct census_mark {
	struct id id, pack;
	uint64_t time_ms, version;
	bool idle; /* there is no such pack */
};

struct census {
	struct repo *repo;
	struct zcopy *zone;
	struct source *src;
	struct zcopy_point at;
	struct idset used; /* names, their first 16 bytes */
	struct census_pack *packs; /* by id */
	size_t n_packs;
	struct census_mark *marks; /* by pack */
	size_t n_marks;
	bool begun;
	/* Why it cannot be told what is used, or code 0: nothing may go. */
	struct err unknown;
	/* Names that are about to go, and whether one of them came into use. */
	struct idset doomed;
	bool hit;
};

/* For OWN. */
void census_free(struct census *c);

/*
 * Count, on top of what the zone's copy holds; c has repo and zone, and zeros.
 *
 * errors  update-needed: there are records of a kind that is not known;
 *         conflict: the copy was replaced meanwhile. What cannot be read is in
 *         c->unknown.
 * cost    opens every record, and reads the lists of long files.
 */
MUST_CHECK int census_count(struct census *c, struct err *e);

/* Follow the copy: what came into use since. errors: as of census_count. */
MUST_CHECK int census_follow(struct census *c, struct err *e);

/* The table of a pack that is there. errors: conflict when it is not. */
MUST_CHECK int census_table(struct census *c, const struct census_pack *p,
    struct ptable *out, struct err *e);

/* Begin to watch for users of names that are about to go; then each of them. */
void census_doom_begin(struct census *c);
void census_doom(struct census *c, const struct digest *name);

/* errors: update-needed: a record of a kind that is not known. */
MUST_CHECK int census_known(uint8_t kind, struct err *e);
