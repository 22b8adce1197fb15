/* SPDX-License-Identifier: ISC */
/* idset.h: a set of 16-byte values that are uniformly random. */
/*
 * Open addressing on the value itself: never for values an outsider chooses.
 * Not thread-safe.
 */
#pragma once

#include "base/buf.h"

#define IDSET_BYTES 16

struct idset {
	uint8_t (*slots)[IDSET_BYTES];
	size_t cap; /* power of two, or 0 */
	size_t n;
	bool zero; /* the all-zero value is in */
};

/* For OWN; the set is empty, and can be filled again. */
void idset_free(struct idset *s);
/* true when it is new. */
bool idset_add(struct idset *s, const uint8_t *value);
bool idset_has(const struct idset *s, const uint8_t *value);
void idset_remove(struct idset *s, const uint8_t *value);
/* Append all values, sorted. */
void idset_put_sorted(const struct idset *s, struct buf *out);
