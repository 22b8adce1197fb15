/* SPDX-License-Identifier: ISC */
/* source.h: the fetching half: from a chunk's name to its verified bytes. */
/*
 * A source belongs to one thread; several may read one repository at once.
 * Every chunk's name is computed again before a byte is handed out.
 */
#pragma once

#include "apps/repo.h"
#include "vault/ptable.h"

struct source;

struct source *source_new(struct repo *repo);
void source_free(struct source **s);

/*
 * Append the chunk of that name.
 *
 * errors  snapshot-damaged when no pack holds it; blob-missing, blob-corrupt,
 *         blob-truncated with the pack; category-closed.
 */
MUST_CHECK int source_chunk(struct source *s, enum category c,
    const struct digest *name, uint32_t length, struct buf *out, struct err *e);

/* The table of a pack; borrowed until the next call. errors: not-found. */
MUST_CHECK int source_table(struct source *s, enum category c,
    const struct id *pack, const struct ptable **out, struct err *e);

/* A chunk in an opened run; -1 stops. */
typedef int (*source_fn)(
    void *ctx, uint32_t entry, struct bytes plain, struct err *e);

/*
 * Fetch blocks first..last of a pack with one request, and give fn the wanted
 * entries in order, each verified.
 *
 * wanted  ascending entry numbers, all in those blocks.
 */
MUST_CHECK int source_run(struct source *s, enum category c,
    const struct ptable *t, uint32_t first, uint32_t last,
    const uint32_t *wanted, size_t n, source_fn fn, void *ctx, struct err *e);
