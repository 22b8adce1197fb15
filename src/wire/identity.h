/* SPDX-License-Identifier: ISC */
/* identity.h: how a server's identity vouches for the keys that TLS shows. */
/*
 * A server is known by one key, its identity; #pin= in its address is the
 * SHA-256 of that key's SubjectPublicKeyInfo. The certificate of a connection
 * may have another key: one of an authority that is renewed, or a proxy's. Who
 * meets such a key asks GET /v1/identity with a nonce, and gets
 *
 *   u8 1 | v16 key | u8 p | p × (v16 key | v8 sig) | nonce[32]
 *   | u8 n | n × SHA-256(SPKI)[32] | v8 sig
 *
 * key: the SubjectPublicKeyInfo of the identity; before it stood p others, the
 * oldest first, and each signed who came after it. The last sig is the
 * identity's, over what stands from nonce on. Nobody gains by passing the
 * answer on: the next connection must show one of the n keys.
 *
 * source  docs/FORMAT.md "Identity of a server"; signatures: ECDSA with SHA-256
 *         (SEC 1, 4.1), in DER.
 */
#pragma once

#include "wire/digest.h"

#include <stdbool.h>

#define IDENTITY_NONCE 32
#define IDENTITY_KEYS 32 /* vouched for at once */
#define IDENTITY_PAST 16 /* identities before this one */

/* What an answer says, once it was checked. */
struct identity {
	struct digest id; /* SHA-256 of the identity's SPKI */
	struct digest keys[IDENTITY_KEYS];
	size_t n;
};

/* What the identity signs: label | nonce | u8 n | keys. n <= IDENTITY_KEYS. */
void identity_statement(
    struct bytes nonce, const struct digest *keys, size_t n, struct buf *out);
/* What a key signs that another takes its place. */
void identity_handover(
    const struct digest *from, const struct digest *to, struct buf *out);

/*
 * Append the answer.
 *
 * key   the identity's SPKI.
 * past  p × (v16 key | v8 sig), as identity_past checks it.
 * sig   over identity_statement.
 */
struct identity_parts {
	struct bytes key, past, nonce, sig;
	const struct digest *keys;
	size_t n;
};
void identity_put(const struct identity_parts *p, struct buf *out);

/*
 * Are these the identities before `to`, each handing over to the next? Counts
 * them.
 *
 * errors  bad-request.
 */
MUST_CHECK int identity_past(
    struct bytes past, const struct digest *to, size_t *n, struct err *e);

/*
 * Read and check an answer.
 *
 * pin     whom one knows: the identity, or one before it; NULL: nobody yet.
 * nonce   that was asked with.
 * errors  bad-request: it is none; certificate-changed: it is another's.
 */
MUST_CHECK int identity_check(struct bytes answer, const struct digest *pin,
    struct bytes nonce, struct identity *out, struct err *e);

/* Whether the answer vouches for this key. */
bool identity_has(const struct identity *i, const struct digest *spki);
