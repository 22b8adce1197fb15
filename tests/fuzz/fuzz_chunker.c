/* SPDX-License-Identifier: ISC */
/* fuzz_chunker.c: content of any pattern is cut where the rule says. */
/*
 * The first two bytes say how the rest repeats: its length in units of 16
 * bytes, and by how much each repetition differs from the one before.
 */
#include "vault/chunker.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONTENT (2 * CHUNKER_MAX)

static size_t
cut_by_rule(const uint64_t *table, const uint8_t *p, size_t n)
{
	size_t end = n < CHUNKER_MAX ? n : CHUNKER_MAX;
	uint64_t h = 0;

	for (size_t i = CHUNKER_MIN - 64; i < end; i++) {
		unsigned bits =
		    i < CHUNKER_AVG ? CHUNKER_BITS_BEFORE : CHUNKER_BITS_BEHIND;
		h = (h << 1) + table[p[i]];
		if (i >= CHUNKER_MIN && h >> (64 - bits) == 0)
			return i + 1;
	}
	return end;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nonce[12];
	static uint8_t content[CONTENT];
	static uint64_t table[256];
	static struct chunker *c;

	if (c == NULL) {
		OWN(secret_free) struct secret *seed = secret_new(SECRET_KEY);
		uint8_t stream[2048];
		(void)crypto_stream_chacha20_ietf(
		    stream, sizeof stream, nonce, secret_bytes(seed).p);
		for (size_t i = 0; i < 256; i++)
			table[i] = be64(stream + 8 * i);
		c = chunker_new(seed);
	}
	if (size < 3)
		return 0;
	size_t period = ((size_t)data[0] + 1) * 16;
	uint8_t step = data[1];
	data += 2;
	size -= 2;
	for (size_t i = 0; i < CONTENT; i++)
		content[i] =
		    (uint8_t)(data[i % period % size] + step * (i / period));
	size_t n = CONTENT - data[0] * (size_t)997;
	for (size_t at = 0; at < n;) {
		size_t want = cut_by_rule(table, content + at, n - at);
		if (chunker_cut(c, content + at, n - at, true) != want)
			abort();
		/* Without `last`, only what the end alone cut may be missing. */
		size_t open = chunker_cut(c, content + at, n - at, false);
		if (open != want && (open != 0 || want != n - at))
			abort();
		at += want;
	}
	return 0;
}
