/* SPDX-License-Identifier: ISC */
/* webauthn.h: is what a security key answered what was asked of it? */
/*
 * Pure: bytes in, verdict out, no database. Verified are the challenge, the
 * origin, the hash of the RP id, that the key was touched (UP) and knew its
 * owner (UV), and the signature. Attestation is `none` or `packed` and is
 * checked where there is one; nothing is trusted for its sake.
 *
 * All CBOR from outside is walked first: definite lengths in their shortest
 * form, no tags, at most 4 deep, every byte used. libfido2 then sees only
 * what passed.
 * source  W3C Web Authentication, level 2, sections 6.1, 7.1, 7.2, 8.2.
 */
#pragma once

#include "base/buf.h"

#define WEBAUTHN_CHALLENGE 32 /* bytes drawn by the server */
#define WEBAUTHN_ID 1023 /* longest id of a credential */
#define WEBAUTHN_PK 64 /* ES256: x | y; EdDSA: 32 bytes */
#define WEBAUTHN_CLIENT_DATA 4096 /* longest client data */
#define WEBAUTHN_ATTESTATION (16 * 1024) /* longest attestation object */

#define WEBAUTHN_ES256 (-7) /* COSE algorithms */
#define WEBAUTHN_EDDSA (-8)

/* What an answer must have been made for. */
struct webauthn_ask {
	const char *rp_id; /* "cloud.example" */
	const char *origin; /* "https://cloud.example:8443" */
	struct bytes challenge; /* WEBAUTHN_CHALLENGE bytes */
};

/* A credential: one key's key pair for this server. */
struct webauthn_key {
	uint8_t id[WEBAUTHN_ID];
	size_t id_n;
	int alg; /* WEBAUTHN_ES256, WEBAUTHN_EDDSA */
	uint8_t pk[WEBAUTHN_PK];
	size_t pk_n;
	uint32_t counter; /* of signatures; 0 for keys that do not count */
	bool prf; /* it can keep a secret for its owner (hmac-secret) */
};

struct webauthn_answer {
	struct bytes client_data; /* JSON */
	struct bytes authenticator_data;
	struct bytes signature;
};

/*
 * A new credential from navigator.credentials.create or its like.
 *
 * errors  security-key-invalid, saying which check failed.
 */
MUST_CHECK int webauthn_register(const struct webauthn_ask *ask,
    struct bytes client_data, struct bytes attestation,
    struct webauthn_key *out, struct err *e);

/*
 * An assertion of `key`. Its counter is not judged here.
 *
 * counter  what the key counts now.
 * errors   security-key-invalid, saying which check failed.
 */
MUST_CHECK int webauthn_assert(const struct webauthn_ask *ask,
    const struct webauthn_key *key, const struct webauthn_answer *answer,
    uint32_t *counter, struct err *e);

/* A counter that did not grow, and is used: the key may have been copied. */
bool webauthn_is_clone(uint32_t before, uint32_t now);
