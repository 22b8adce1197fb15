/* SPDX-License-Identifier: ISC */
/* extents.h: where the data of a file lies: one list, searched by halving. */
#pragma once

#include "files/entry.h"

struct extent {
	uint64_t at, n; /* in the file */
	uint64_t data; /* where its bytes begin in the chunks, end to end */
};

struct extents {
	struct extent *list;
	size_t n;
	uint64_t data; /* bytes of all extents */
};

/* Of a file without holes: one extent, or none when it is empty. */
void extents_of(const struct entry *x, struct extents *out);
void extents_free(struct extents *x);

/* Bytes of data: what the chunks of x must add up to. Allocates nothing. */
uint64_t extents_bytes(const struct entry *x);

/* The first extent that ends behind this place of the file, or x->n. */
size_t extents_at(const struct extents *x, uint64_t at);

/* The extent that holds this byte of the data, or x->n. */
size_t extents_of_data(const struct extents *x, uint64_t data);
