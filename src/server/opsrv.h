/* SPDX-License-Identifier: ISC */
/* opsrv.h: the server half of OPAQUE (RFC 9807). */
/*
 * The context is empty and identities are the public keys, so that renaming an
 * account breaks nothing. A name nobody has gets a record made from a key of
 * the server: its answers look like all others, stay the same, and cost the
 * same. Nothing here holds state; any thread.
 */
#pragma once

#include "wire/opaque3dh.h"

#define OPSRV_KEYS 96 /* OPRF seed[64] | AKE private key[32] */
#define OPSRV_STATE 128 /* expected client MAC[64] | session key[64] */

struct opsrv_keys {
	uint8_t seed[64];
	uint8_t sk[OPRF_ELEMENT], pk[OPRF_ELEMENT];
};

/* Fresh keys, to be stored as OPSRV_KEYS bytes. */
void opsrv_keys_make(uint8_t out[static OPSRV_KEYS]);
/* raw: what opsrv_keys_make drew. */
void opsrv_keys_load(
    const uint8_t raw[static OPSRV_KEYS], struct opsrv_keys *out);
void opsrv_keys_wipe(struct opsrv_keys *k);

/*
 * Answer a registration request.
 *
 * credential  identifier: the account's uid, 16 bytes.
 * errors      bad-request for a request that is no group element.
 */
MUST_CHECK int opsrv_register(const struct opsrv_keys *k,
    struct bytes credential, const uint8_t request[static OPAQUE_REQUEST],
    uint8_t response[static OPAQUE_RESPONSE], struct err *e);

/*
 * Look at a record before it is stored.
 *
 * errors  bad-request when nobody could ever log in with it.
 */
MUST_CHECK int opsrv_record_check(
    const uint8_t record[static OPAQUE_RECORD], struct err *e);

/*
 * A record for a name nobody has; the same for the same key and name.
 *
 * source  RFC 9807, sections 6.3.2.2 and 10.9.
 */
void opsrv_fake_record(struct bytes fake_key, struct bytes name,
    uint8_t record[static OPAQUE_RECORD]);

/* Random values of one login; drawn by opsrv_draw, fixed in tests. */
struct opsrv_random {
	uint8_t masking_nonce[OPAQUE_NONCE], nonce[OPAQUE_NONCE];
	uint8_t share_seed[OPRF_SEED];
};
void opsrv_draw(struct opsrv_random *r);

struct opsrv_login {
	/* The account's uid; for a name nobody has, 16 bytes made of it. */
	struct bytes credential;
	const uint8_t *record; /* OPAQUE_RECORD bytes; NULL: nobody has it */
	const uint8_t *ke1; /* OPAQUE_KE1 bytes */
	/* Empty in production: then identities are the public keys. */
	struct bytes context, client_id, server_id;
	/*
	 * What records of nobody are made from, given at every call, so that
	 * all names cost the same. Empty: the caller always has a record.
	 */
	struct bytes fake_key;
};

/*
 * Answer KE1.
 *
 * r       used once; the caller wipes it.
 * state   what opsrv_finish needs; secret, the caller wipes it.
 * errors  bad-request for a KE1 that holds no group elements;
 *         record-corrupt for a record that opsrv_record_check would refuse.
 */
MUST_CHECK int opsrv_answer(const struct opsrv_keys *k,
    const struct opsrv_login *in, const struct opsrv_random *r,
    uint8_t ke2[static OPAQUE_KE2], uint8_t state[static OPSRV_STATE],
    struct err *e);

/*
 * Check KE3.
 *
 * session  the session key, when the result is 0; the caller wipes it.
 * errors   wrong-password-or-name.
 */
MUST_CHECK int opsrv_finish(const uint8_t state[static OPSRV_STATE],
    const uint8_t ke3[static OPAQUE_KE3], uint8_t session[static OPRF_HASH],
    struct err *e);
