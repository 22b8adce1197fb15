/* SPDX-License-Identifier: ISC */
/* bench_chunker.c: cutting random data, a repeated byte and text. */
#include "vault/chunker_test.h"

#include "base/now.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define DATA_BYTES ((size_t)64 << 20)
#define ROUNDS 5

/* The best of ROUNDS, for each variant that this CPU runs. */
static void
measure(const char *name, struct chunker *c, const uint8_t *p)
{
	for (int v = 0; v < CHUNKER_VARIANTS; v++) {
		int64_t best = INT64_MAX;
		if (!chunker_choose(c, (enum chunker_variant)v))
			continue;
		for (int round = 0; round < ROUNDS; round++) {
			int64_t start = now_mono_ns();
			for (size_t at = 0; at < DATA_BYTES;)
				at += chunker_cut(
				    c, p + at, DATA_BYTES - at, true);
			int64_t took = now_mono_ns() - start + 1;
			best = took < best ? took : best;
		}
		printf("chunker_%s_%s\t%.0f\n", name,
		    chunker_name((enum chunker_variant)v),
		    (double)DATA_BYTES * 1e9 / (double)best);
	}
}

int
main(void)
{
	static const char text[] = "The quick brown fox jumps over 13 dogs.\n";
	OWN(secret_free) struct secret *seed = secret_new(SECRET_KEY);
	OWN(chunker_free) struct chunker *c = chunker_new(seed);
	OWN(buf_free) struct buf data = { 0 };
	uint8_t *p = buf_grow(&data, DATA_BYTES);

	randombytes_buf_deterministic(p, DATA_BYTES, secret_bytes(seed).p);
	measure("random", c, p);
	memset(p, 'x', DATA_BYTES);
	measure("constant", c, p);
	for (size_t i = 0; i < DATA_BYTES; i++)
		p[i] = (uint8_t)text[i % (sizeof text - 1)];
	measure("text", c, p);
	return 0;
}
