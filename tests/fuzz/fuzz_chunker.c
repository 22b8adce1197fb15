/* SPDX-License-Identifier: ISC */
/* fuzz_chunker.c: content of any pattern is cut where the rule says. */
/*
 * The first two bytes say how the rest repeats: its length in units of 16
 * bytes, and by how much each repetition differs from the one before.
 */
#include "vault/chunker_test.h"

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
		unsigned top = i < CHUNKER_AVG ? 7 : 2;
		h = (h << 1) + table[p[i]];
		if (i >= CHUNKER_MIN && (h & 0xffe0) == 0 &&
		    h >> (64 - top) == 0)
			return i + 1;
	}
	return end;
}

/* Every variant that this CPU runs gives `want`. */
static void
must_cut(struct chunker *c, const uint8_t *p, size_t n, bool last, size_t want)
{
	for (int v = 0; v < CHUNKER_VARIANTS; v++)
		if (chunker_choose(c, (enum chunker_variant)v) &&
		    chunker_cut(c, p, n, last) != want)
			abort();
}

static struct chunker *
make(uint64_t *table)
{
	static const uint8_t nonce[12];
	OWN(secret_free) struct secret *seed = secret_new(SECRET_KEY);
	uint8_t stream[256];

	(void)crypto_stream_chacha20_ietf(
	    stream, sizeof stream, nonce, secret_bytes(seed).p);
	for (size_t i = 0; i < 256; i++)
		table[i] = be64(stream + 8 * (i >> 4)) +
		    be64(stream + 128 + 8 * (i & 15));
	return chunker_new(seed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t content[CONTENT];
	static uint64_t table[256];
	static struct chunker *c;

	if (c == NULL)
		c = make(table);
	if (size < 3)
		return 0;
	size_t period = ((size_t)data[0] + 1) * 16;
	uint8_t step = data[1];
	data += 2;
	size -= 2;
	for (size_t i = 0; i < CONTENT; i++)
		content[i] =
		    (uint8_t)(data[i % period % size] + step * (i / period));
	size_t n = CONTENT - period / 16 * 997, at = 0;
	while (at < n) {
		const uint8_t *p = content + at;
		size_t want = cut_by_rule(table, p, n - at);
		if (want == 0 || want > CHUNKER_MAX)
			abort();
		must_cut(c, p, n - at, true, want);
		/* Without `last`, the end alone is no reason to cut. */
		bool ends = want == n - at && want < CHUNKER_MAX &&
		    cut_by_rule(table, p, n - at + 1) != want;
		must_cut(c, p, n - at, false, ends ? 0 : want);
		at += want;
	}
	if (at != n)
		abort();
	return 0;
}
