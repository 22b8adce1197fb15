/* SPDX-License-Identifier: ISC */
/* chunkmap_in.h: what the files of the map share. For chunkmap*.c only. */
/*
 *   chunkmap.c       what callers see, under the lock
 *   chunkmap_table.c entries and packs in memory
 *   chunkmap_file.c  the file: read, written, gone over to
 */
#pragma once

#include "content/chunkmap.h"

#include <pthread.h>

#define CHUNKMAP_ENTRY_BYTES (CHUNKMAP_KEY + 8) /* in the file */
#define CHUNKMAP_NO_PACK UINT32_MAX
/* New entries that memory holds: 12 MiB of slots, three quarters full. */
#define CHUNKMAP_ADDED_MAX (((size_t)3 << 17) - CHUNKMAP_PACK_MAX)

struct chunkmap_key {
	uint64_t hi, lo;
};

struct chunkmap_entry {
	struct chunkmap_key name;
	uint32_t pack; /* CHUNKMAP_NO_PACK in an empty slot */
	uint32_t number;
};

struct chunkmap_pack {
	struct id id;
	uint32_t n; /* entries */
	bool dropped;
};

struct chunkmap {
	pthread_rwlock_t lock;
	char *path;
	struct id zone;
	uint64_t seq;
	bool changed;

	struct chunkmap_pack *packs; /* those of the file first */
	uint32_t n_packs, cap_packs;
	uint32_t
	    *by_id; /* numbers of packs, or CHUNKMAP_NO_PACK: linear probing */
	size_t cap_by_id; /* power of two, or 0 */
	size_t live; /* entries of packs that are not dropped */

	uint8_t *map; /* the file, or its nameless successor, or NULL */
	size_t map_n;
	const uint8_t *sorted; /* its entries */
	size_t n_sorted;

	struct chunkmap_entry *slots; /* what was added since: linear probing */
	size_t cap_slots; /* power of two, or 0 */
	size_t n_slots;
	size_t max_slots; /* what makes the next spill */
};

static inline struct chunkmap_key
chunkmap_name_of(const uint8_t *p)
{
	return (struct chunkmap_key){ be64(p), be64(p + 8) };
}

static inline struct chunkmap_entry
chunkmap_sorted_at(const struct chunkmap *m, size_t i)
{
	const uint8_t *p = m->sorted + i * CHUNKMAP_ENTRY_BYTES;

	return (struct chunkmap_entry){ chunkmap_name_of(p),
		be32(p + CHUNKMAP_KEY), be32(p + CHUNKMAP_KEY + 4) };
}

/* Not of a dropped pack; and the file's bytes may say anything. */
static inline bool
chunkmap_entry_live(const struct chunkmap *m, const struct chunkmap_entry *x)
{
	return x->pack < m->n_packs && !m->packs[x->pack].dropped &&
	    x->number < m->packs[x->pack].n;
}

/* ---- chunkmap_table.c; the lock is held ---- */

/* By name, then pack, then number. */
int chunkmap_entry_cmp(const void *a, const void *b);

/*
 * A live entry of this name, in the file or among what was added since. Not in
 * pack number `but`, which may be CHUNKMAP_NO_PACK.
 */
bool chunkmap_find_sorted(const struct chunkmap *m, struct chunkmap_key name,
    uint32_t but, struct chunkmap_entry *out);
bool chunkmap_find_added(const struct chunkmap *m, struct chunkmap_key name,
    uint32_t but, struct chunkmap_entry *out);

/* Room for `more` entries, three quarters full at most. */
void chunkmap_slots_room(struct chunkmap *m, size_t more);
/* Put one more where there is room; the caller counts it. */
void chunkmap_slot_put(
    struct chunkmap_entry *slots, size_t cap, const struct chunkmap_entry *x);

/*
 * Move the live entries of the hash table to its start, sorted, and return how
 * many there are. It is no hash table then: chunkmap_slots_again makes it one.
 */
size_t chunkmap_slots_sort(struct chunkmap *m);
/* After that, when the table stays: the first n are its entries. */
void chunkmap_slots_again(struct chunkmap *m, size_t n);

/* The slot of this id, or the empty one where it would go. */
size_t chunkmap_id_slot(const struct chunkmap *m, const struct id *id);
/* The number of a pack that is not dropped, or CHUNKMAP_NO_PACK. */
uint32_t chunkmap_pack_find(const struct chunkmap *m, const struct id *id);
/* Add a pack of n entries, which follow; returns its number. */
uint32_t chunkmap_pack_add(struct chunkmap *m, const struct id *id, uint32_t n);

/* Empty, as if it had just been made; path and zone stay. */
void chunkmap_forget_all(struct chunkmap *m);

/* ---- chunkmap_file.c; the lock is held ---- */

/* Map and check what fd names; a file that is not right leaves m empty. */
MUST_CHECK int chunkmap_take_fd(struct chunkmap *m, int fd, struct err *e);

/* Replace the file by what m holds, and go over to it. */
MUST_CHECK int chunkmap_write(struct chunkmap *m, struct err *e);

/*
 * Merge what is new into a file without a name, so that it takes no more of
 * the memory than the file does. Where the disk has no room it stays, and the
 * next attempt comes when there is twice as much.
 */
void chunkmap_spill(struct chunkmap *m);
