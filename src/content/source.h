/* SPDX-License-Identifier: ISC */
/* source.h: the fetching half: from a chunk's name to its verified bytes. */
/*
 * A source belongs to one thread; several may read one repository at once.
 * Every chunk's name is computed again before a byte is handed out. Where a
 * pack is gone because another device rewrote and deleted it, the index is
 * refreshed once, and its chunks are read where they are now. What a pack that
 * is lost or damaged should hold is read from another that holds it too. Only
 * what is nowhere is an error.
 */
#pragma once

#include "content/repo.h"
#include "vault/ptable.h"

struct source;

/* Heap. A source has the keys and the indexes of its repository. */
struct source *source_new(struct repo *repo);
void source_free(struct source **s);
/* From now on source_run reads the pack it is told to, and no other. */
void source_strict(struct source *s);

/*
 * Where the chunk of that name is.
 *
 * errors  snapshot-damaged when no pack holds it; what a pull says.
 */
MUST_CHECK int source_find(struct source *s, enum category c,
    const struct digest *name, struct id *pack, uint32_t *entry, struct err *e);

/*
 * Append the chunk of that name.
 *
 * errors  snapshot-damaged when no pack holds it; blob-missing, blob-corrupt,
 *         blob-truncated with the pack; category-closed; what a pull says.
 */
MUST_CHECK int source_chunk(struct source *s, enum category c,
    const struct digest *name, uint32_t length, struct buf *out, struct err *e);

/* Is this the content of that name? Of a closed category nothing is. */
bool source_named(struct source *s, enum category c, const struct digest *name,
    struct bytes plain);

/*
 * The table of a pack; borrowed until the next call of this.
 *
 * errors  not-found: the pack was deleted, see source_moved.
 */
MUST_CHECK int source_table(struct source *s, enum category c,
    const struct id *pack, const struct ptable **out, struct err *e);

/* A chunk in an opened run; -1 stops. */
typedef int (*source_fn)(
    void *ctx, uint32_t entry, struct bytes plain, struct err *e);

/* Entries of one pack, and who gets them. */
struct source_want {
	const uint32_t *entries; /* their numbers, ascending */
	size_t n;
	source_fn fn;
	void *ctx;
};

/*
 * Fetch the blocks from the first wanted entry to the last with one request,
 * and give out the entries in order, each verified. Does not touch what
 * source_table lent.
 *
 * errors  as of source_chunk, and fn's.
 */
MUST_CHECK int source_run(struct source *s, enum category c,
    const struct ptable *t, const struct source_want *w, struct err *e);

/*
 * Give out the wanted entries of a pack that was deleted, read from where they
 * are now, each verified.
 *
 * cost    reads the whole index, then a request for each block.
 * errors  as of source_chunk.
 */
MUST_CHECK int source_moved(struct source *s, enum category c,
    const struct id *pack, const struct source_want *w, struct err *e);
