/* SPDX-License-Identifier: ISC */
/* checksum.h: XXH3-128, to find bytes that a disk or a cable has changed. */
/*
 * It proves nothing against somebody who wants to deceive: what must not be
 * forged is under a key or a digest. Canonical form: big-endian.
 *
 * source  the xxHash specification; libxxhash.
 */
#pragma once

#include "base/buf.h"

#define CHECKSUM_BYTES 16

struct checksum {
	uint8_t b[CHECKSUM_BYTES];
};

/* Of all of x; compared in whatever time: it is no secret. */
void checksum_of(struct bytes x, struct checksum *out);
bool checksum_equal(const struct checksum *a, const struct checksum *b);

/* Streaming; a state belongs to one thread and ends once. */
struct checksum_state;
struct checksum_state *checksum_new(void);
void checksum_free(struct checksum_state **s);
void checksum_add(struct checksum_state *s, struct bytes x);
void checksum_end(struct checksum_state *s, struct checksum *out);
