/* SPDX-License-Identifier: ISC */
/* repack_in.h: what the files of repack share. For repack*.c only. */
/*
 *   repack.c        choosing, and one run from its record to its end
 *   repack_live.c   what lives where
 *   repack_copy.c   what lives in the chosen packs goes into new ones
 *   repack_rename.c snapshots name the new ones
 */
#pragma once

#include "backup/repack.h"
#include "backup/tree.h"

struct repack_pack {
	struct id id;
	uint8_t category, stream;
	uint32_t epoch; /* of its record */
	uint32_t blob_bytes, n;
	uint64_t plain, live;
	uint8_t *bits; /* one for each entry that is needed */
	bool named, chosen; /* by a snapshot; to be rewritten */
	struct buf moved; /* ids of new packs that hold what lived here */
};

struct repack_refs {
	struct buf old; /* refs of its records, as they are */
	uint8_t *needs; /* a bit for each pack */
};

struct repack {
	struct repo *repo;
	struct repack_pack *packs; /* by id */
	size_t n, cap;
	struct snapshot_list list;
	struct repack_refs *refs; /* of each snapshot */
	size_t at; /* the one being walked */
	struct source *src;
	struct sink *sink;
	struct chunkmap *fresh[CATEGORY_END]; /* of the new packs */
	struct chunkmap *left[CATEGORY_END]; /* of those no snapshot names */
	uint64_t seq[CATEGORY_END]; /* of the zones, as they were looked at */
	uint8_t category; /* of the zone being read */
	struct id run;
	struct buf run_plain;
	struct repack_result *out;
};

static inline bool
repack_bit(const uint8_t *bits, size_t i)
{
	return (bits[i / 8] >> i % 8 & 1) != 0;
}

static inline void
repack_set_bit(uint8_t *bits, size_t i)
{
	bits[i / 8] = (uint8_t)(bits[i / 8] | 1U << i % 8);
}

/* ---- repack_live.c ---- */

/*
 * Read what is there, and find what lives in each pack.
 *
 * errors  snapshot-damaged when that cannot be told.
 */
MUST_CHECK int repack_look(struct repack *k, struct err *e);

/*
 * The table of a pack that is still needed; borrowed until the next call.
 *
 * errors  conflict when somebody deleted it meanwhile.
 */
MUST_CHECK int repack_table(struct repack *k, enum category c,
    const struct id *pack, const struct ptable **out, struct err *e);

/* Make a map of these packs alone. errors: as of repack_table. */
MUST_CHECK int repack_index(struct repack *k, enum category c,
    const struct buf *ids, struct chunkmap **out, struct err *e);

/* ---- repack_copy.c ---- */

/*
 * Copy what lives in the chosen packs, and note where each went.
 *
 * errors  the sink's; conflict; blob-missing when it is not all there.
 */
MUST_CHECK int repack_copy(struct repack *k, struct err *e);

/* ---- repack_rename.c ---- */

/*
 * Let the snapshots name the new packs instead of the chosen ones.
 *
 * errors  conflict when the run, a pack or a snapshot is not as it was.
 */
MUST_CHECK int repack_rename(struct repack *k, struct err *e);
