/* SPDX-License-Identifier: ISC */
/* checksum.c: XXH3-128 over libxxhash. */
#include "wire/checksum.h"

#include <stdlib.h>
#include <xxhash.h>

static void
put(XXH128_hash_t hash, struct checksum *out)
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, hash);
	_Static_assert(sizeof c.digest == CHECKSUM_BYTES, "16 bytes");
	for (size_t i = 0; i < CHECKSUM_BYTES; i++)
		out->b[i] = c.digest[i];
}

void
checksum_of(struct bytes x, struct checksum *out)
{
	put(XXH3_128bits(x.p, x.n), out);
}

bool
checksum_equal(const struct checksum *a, const struct checksum *b)
{
	return bytes_equal(
	    bytes_of(a->b, CHECKSUM_BYTES), bytes_of(b->b, CHECKSUM_BYTES));
}

struct checksum_state {
	XXH3_state_t *x;
};

struct checksum_state *
checksum_new(void)
{
	struct checksum_state *s = mem_new(sizeof *s);

	s->x = XXH3_createState();
	if (s->x == NULL)
		abort();
	(void)XXH3_128bits_reset(s->x);
	return s;
}

void
checksum_free(struct checksum_state **s)
{
	if (*s != NULL)
		(void)XXH3_freeState((*s)->x);
	free(*s);
	*s = NULL;
}

void
checksum_add(struct checksum_state *s, struct bytes x)
{
	if (x.n > 0)
		(void)XXH3_128bits_update(s->x, x.p, x.n);
}

void
checksum_end(struct checksum_state *s, struct checksum *out)
{
	put(XXH3_128bits_digest(s->x), out);
}
