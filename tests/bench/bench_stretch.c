/* SPDX-License-Identifier: ISC */
/* bench_stretch.c: Argon2id as at sign-in (64 MiB, 3 passes), native and, by
 * page.mjs, as the page runs it. */
#include "vault/secret.h"

#include "base/now.h"

#include <stdio.h>

#define TIMES 5

/* Milliseconds of the fastest of some. */
static double
fastest(void)
{
	static const uint8_t salt[16];
	int64_t best = INT64_MAX;

	for (int i = 0; i < TIMES; i++) {
		OWN(secret_free) struct secret *key = NULL;
		struct err e;
		int64_t from = now_mono_ns();
		if (secret_stretch(bytes_str("correct horse"), salt, 65536, 3,
			&key, &e) < 0)
			return -1;
		if (now_mono_ns() - from < best)
			best = now_mono_ns() - from;
	}
	return (double)best / 1e6;
}

#ifdef __wasm__
double stretch_ms(void);

__attribute__((export_name("stretch_ms"))) double
stretch_ms(void)
{
	return fastest();
}
#else
int
main(void)
{
	(void)printf("stretch   argon2id 64 MiB, 3 passes, native   %6.1f ms\n",
	    fastest());
	return 0;
}
#endif
