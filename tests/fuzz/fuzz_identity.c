/* SPDX-License-Identifier: ISC */
/* fuzz_identity.c: what a server says of its identity. */
#include "wire/identity.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nonce[IDENTITY_NONCE] =
	    "a nonce that nobody asked for";
	static const struct digest pin;
	struct bytes x = bytes_of(data, size);
	struct identity i;
	struct err e = { 0 };
	size_t n;

	if (identity_check(x, NULL, bytes_of(nonce, IDENTITY_NONCE), &i, &e) ==
		0 &&
	    i.n > IDENTITY_KEYS)
		abort();
	/* Nobody's hash is zeros. */
	if (identity_check(x, &pin, bytes_of(nonce, IDENTITY_NONCE), &i, &e) ==
		0 ||
	    (identity_past(x, &pin, &n, &e) == 0 && n > IDENTITY_PAST))
		abort();
	return 0;
}
