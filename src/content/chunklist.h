/* SPDX-License-Identifier: ISC */
/* chunklist.h: the chunks of a file or a stream, in order. */
/*
 *   list = n * (name[32] | varint chunk length)
 *
 * A name is written by a worker of the sink while the list grows on, so its
 * place never moves.
 */
#pragma once

#include "wire/digest.h"

struct chunklist_part;

/* Zero-initialize. */
struct chunklist {
	struct chunklist_part *first, *last;
	uint64_t n;
};

/* For OWN. No worker may be about to write a name of it. */
void chunklist_free(struct chunklist *l);

/* One more chunk, of that length; returns where its name goes. */
struct digest *chunklist_add(struct chunklist *l, uint32_t length);

/* Append the list in stored form: all names are there. */
void chunklist_put(struct buf *out, const struct chunklist *l);

/* Append one chunk of a list in stored form. */
void chunklist_put_one(
    struct buf *out, const struct digest *name, uint32_t length);

/*
 * Take one chunk of a list in stored form.
 *
 * *length  1..PACK_BLOCK.
 * errors   record-corrupt.
 */
MUST_CHECK int chunklist_take(
    struct scan *s, struct digest *name, uint32_t *length, struct err *e);
