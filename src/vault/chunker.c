/* SPDX-License-Identifier: ISC */
/* chunker.c: the gear hash from one allowed offset to the next. */
#include "vault/chunker.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

#define WINDOW 64 /* bytes that a 64-bit hash remembers */
#define SYMBOLS 256

struct chunker {
	struct secret
	    *table; /* SYMBOLS numbers, in the order of this machine */
};

struct chunker *
chunker_new(const struct secret *seed)
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
	struct chunker *c = mem_new(sizeof *c);
	struct bytes key = secret_bytes(seed);

	assert(key.n == crypto_stream_chacha20_ietf_KEYBYTES);
	c->table = secret_new(SYMBOLS * sizeof(uint64_t));
	uint8_t *room = secret_room(c->table);
	uint64_t *table = (void *)room;
	(void)crypto_stream_chacha20_ietf(
	    room, SYMBOLS * sizeof *table, nonce, key.p);
	for (size_t i = 0; i < SYMBOLS; i++)
		table[i] = be64(room + i * sizeof *table);
	return c;
}

void
chunker_free(struct chunker **c)
{
	if (*c != NULL)
		secret_free(&(*c)->table);
	free(*c);
	*c = NULL;
}

/* The hash of the WINDOW bytes before p. */
static inline uint64_t
hash_before(const uint64_t *table, const uint8_t *p)
{
	uint64_t h = 0;

	for (const uint8_t *q = p - WINDOW; q < p; q++)
		h = (h << 1) + table[*q];
	return h;
}

/*
 * The first offset in from..to-1 whose hash is below `limit`, or `to`. Stripes
 * side by side, or two bytes a step, were measured and are no faster.
 */
static size_t
first_cut(const uint64_t *table, const uint8_t *p, size_t from, size_t to,
    uint64_t limit)
{
	uint64_t h = hash_before(table, p + from);

	for (size_t i = from; i < to; i++) {
		h = (h << 1) + table[p[i]];
		if (h < limit)
			return i;
	}
	return to;
}

size_t
chunker_cut(const struct chunker *c, const uint8_t *p, size_t n, bool last)
{
	const uint64_t *table = (const void *)secret_bytes(c->table).p;
	size_t end = n < CHUNKER_MAX ? n : CHUNKER_MAX;
	size_t middle = end < CHUNKER_AVG ? end : CHUNKER_AVG;
	size_t at = end;

	if (end > CHUNKER_MIN) {
		at = first_cut(table, p, CHUNKER_MIN, middle,
		    UINT64_C(1) << (64 - CHUNKER_BITS_BEFORE));
		if (at == middle)
			at = first_cut(table, p, middle, end,
			    UINT64_C(1) << (64 - CHUNKER_BITS_BEHIND));
	}
	if (at < end)
		return at + 1;
	return last || end == CHUNKER_MAX ? end : 0;
}
