/* SPDX-License-Identifier: ISC */
/* digest_in.h: what both back ends of digest.h do alike. For digest*.c only. */
#pragma once

#include "wire/digest.h"

#include <string.h>

#define DIGEST_BLOCK 64 /* bytes in a SHA-256 block, FIPS 180-4 */

/* What HMAC hashes first, inside and outside; the caller wipes both. */
static inline void
digest_pads(struct bytes key, uint8_t inner[static DIGEST_BLOCK],
    uint8_t outer[static DIGEST_BLOCK])
{
	memset(inner, 0, DIGEST_BLOCK);
	if (key.n > DIGEST_BLOCK) {
		struct digest d;
		digest_of(key, &d);
		memcpy(inner, d.b, sizeof d.b);
	} else if (key.n > 0) {
		memcpy(inner, key.p, key.n);
	}
	for (size_t i = 0; i < DIGEST_BLOCK; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
}
