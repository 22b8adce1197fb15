/* SPDX-License-Identifier: ISC */
/* oprf.h: group, hashes and the oblivious function that OPAQUE stands on. */
/*
 * ristretto255-SHA512, OPRF mode 0 (RFC 9497), with HKDF-SHA-512 and
 * HMAC-SHA-512. Mathematics only: no policy, no randomness, no state; any
 * thread. Nothing secret stays behind on stack or heap; outputs are the
 * caller's to wipe.
 */
#pragma once

#include "base/buf.h"

#define OPRF_ELEMENT 32 /* bytes of a group element or scalar */
#define OPRF_HASH 64 /* bytes of SHA-512, of a MAC, of an HKDF output */
#define OPRF_SEED 32 /* bytes a key pair is derived from */

/* SHA-512, HMAC-SHA-512, and comparing in constant time. */
void oprf_sha512(struct bytes x, uint8_t out[static OPRF_HASH]);
void oprf_mac(struct bytes key, struct bytes x, uint8_t out[static OPRF_HASH]);
bool oprf_equal(const uint8_t *a, const uint8_t *b, size_t n);

/* HKDF-SHA-512 (RFC 5869): extract with an empty salt; expand. */
void oprf_extract(struct bytes ikm, uint8_t prk[static OPRF_HASH]);
/* n is at most 255 * 64. */
void oprf_expand(const uint8_t prk[static OPRF_HASH], struct bytes info,
    uint8_t *out, size_t n);
/* info = prefix | label. */
void oprf_expand_label(const uint8_t prk[static OPRF_HASH], struct bytes prefix,
    const char *label, uint8_t *out, size_t n);

/*
 * Hash to a group element.
 *
 * source  RFC 9497, sections 2.1 and 4.1; RFC 9380, section 5.3.1.
 */
void oprf_to_group(struct bytes x, uint8_t out[static OPRF_ELEMENT]);

/*
 * Derive a key pair from a seed.
 *
 * info    at most 65,535 bytes.
 * source  RFC 9497, section 3.2.1.
 */
void oprf_derive(const uint8_t seed[static OPRF_SEED], struct bytes info,
    uint8_t sk[static OPRF_ELEMENT], uint8_t pk[static OPRF_ELEMENT]);

/* An element's only encoding (RFC 9496, section 4.3.1), and not the identity. */
bool oprf_proper(const uint8_t element[static OPRF_ELEMENT]);

/*
 * Multiply: blinding, BlindEvaluate and Diffie-Hellman alike.
 *
 * out     untouched on failure; may be `element`.
 * return  -1 when element is none or the identity, or the product is the
 *         identity.
 */
MUST_CHECK int oprf_multiply(const uint8_t scalar[static OPRF_ELEMENT],
    const uint8_t element[static OPRF_ELEMENT],
    uint8_t out[static OPRF_ELEMENT]);

/* The function's output, from its input and the unblinded element. */
void oprf_finalize(struct bytes input,
    const uint8_t element[static OPRF_ELEMENT], uint8_t out[static OPRF_HASH]);
