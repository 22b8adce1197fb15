/* SPDX-License-Identifier: ISC */
/* kem.c: is a point one that a secret can be sealed to? */
#include "wire/kem.h"

#include <sodium.h>

bool
kem_usable(const uint8_t pk[static KEM_PK_BYTES])
{
	static const uint8_t any[crypto_scalarmult_SCALARBYTES] = { 1 };
	uint8_t shared[crypto_scalarmult_BYTES];

	return crypto_scalarmult(shared, any, pk) == 0;
}
