/* SPDX-License-Identifier: ISC */
/* chunkmap.h: which pack holds the chunk of this name; a local cache. */
/*
 * One file per zone, named by the base of the zone's copy (zcopy_base). It can
 * always be made again from the pack records, so a file that is missing,
 * damaged or of another base counts as empty. Entries
 * know 16 of a name's 32 bytes: who reads the pack compares the whole name.
 * Names and pack ids are uniformly random, never chosen by an outsider.
 *
 *   "AUMBRYCM" | u32 version 1 | u32 packs | u64 entries | u64 seq
 *   | base[16] | u64 sum of the entries
 *   | SHA-256 of the 56 bytes above and the pack table
 *   | packs * (id[16] | u32 entries)
 *   | entries * (first 16 bytes of the name | u32 pack | u32 entry), sorted
 *
 * Sum: eight 64-bit lanes that begin as 1..8; of each 64 bytes (the last ones
 * filled up with zeros) lane k takes word k, in the byte order of this
 * machine: lane = (lane ^ word) * 0x9e3779b97f4a7c15, then rotated left by 29.
 * At the end the lanes go into one that begins as the number of bytes.
 *
 * Any thread may call anything here but open and free, beside any other.
 */
#pragma once

#include "wire/id.h"

#define CHUNKMAP_NAME 32 /* bytes of a name */
#define CHUNKMAP_KEY 16 /* of them the map knows the first ones */
#define CHUNKMAP_PACK_MAX 4096 /* entries of one pack */

struct chunkmap;

/*
 * Open the map of a zone. What cannot be used makes an empty map with seq 0.
 *
 * errors  io-error when a file is there and cannot be opened or mapped.
 * cost    reads the file once, to check its sum.
 */
MUST_CHECK int chunkmap_open(const char *path, const struct id *zone,
    struct chunkmap **out, struct err *e);
void chunkmap_free(struct chunkmap **m); /* what is not saved is lost */

/* Begin again, empty, with seq 0, as the map of `zone`. */
void chunkmap_reset(struct chunkmap *m, const struct id *zone);

/* How far in the zone the map has followed. */
uint64_t chunkmap_seq(struct chunkmap *m);
void chunkmap_set_seq(struct chunkmap *m, uint64_t seq);

/*
 * Add all entries of one pack, which get the numbers 0..n-1. A pack that the
 * map has stays as it is.
 *
 * n       0..CHUNKMAP_PACK_MAX.
 * cost    every 389,120 new entries are merged with the file into one without
 *         a name beside it, which holds up all other calls meanwhile: 30 MiB
 *         of memory are enough, however much is added.
 */
void chunkmap_add(struct chunkmap *m, const struct id *pack,
    const uint8_t (*names)[CHUNKMAP_NAME], size_t n);

/*
 * Where the chunk is; false, and nothing written, when it is in no pack. Only
 * the first 16 bytes of the name are compared: the caller compares the whole
 * name with the pack's own list before relying on it.
 */
bool chunkmap_find(
    struct chunkmap *m, const uint8_t *name, struct id *pack, uint32_t *entry);

/* The same, in another pack than `but`. */
bool chunkmap_find_but(struct chunkmap *m, const uint8_t *name,
    const struct id *but, struct id *pack, uint32_t *entry);

/* Append the ids of all packs. */
void chunkmap_packs(struct chunkmap *m, struct buf *ids);

/* Is it recorded, and not dropped? */
bool chunkmap_has_pack(struct chunkmap *m, const struct id *pack);

/* Forget a pack. Names that another pack holds too are found there. */
void chunkmap_drop_pack(struct chunkmap *m, const struct id *pack);

/*
 * What the map knows of the names of a pack's entries: 16 bytes of each, zeros
 * behind them. Also of a pack that was dropped and not merged away since.
 *
 * names   room for CHUNKMAP_PACK_MAX.
 * cost    reads all entries of all packs.
 *
 * Returns how many entries the pack has; 0 when the map never had it.
 */
size_t chunkmap_names(
    struct chunkmap *m, const struct id *pack, uint8_t (*names)[CHUNKMAP_NAME]);

/* Entries of all packs that are not dropped. */
size_t chunkmap_size(struct chunkmap *m);

/*
 * Replace the file, if anything changed since it was opened or saved.
 *
 * errors  io-error, disk-full-here; the old file stays then.
 * cost    holds up all other calls meanwhile.
 */
MUST_CHECK int chunkmap_save(struct chunkmap *m, struct err *e);
