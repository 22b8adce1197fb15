/* SPDX-License-Identifier: ISC */
/* opaque3dh.h: OPAQUE's messages, and what both halves compute of them. */
/*
 * OPAQUE-3DH (RFC 9807) over ristretto255-SHA512, with HKDF-SHA-512 and
 * HMAC-SHA-512; on wire/oprf.h. Mathematics only: no policy, no randomness, no
 * state; any thread. Nothing secret stays behind on stack or heap; outputs are
 * the caller's to wipe.
 */
#pragma once

#include "wire/oprf.h"

/* Messages of OPAQUE, bytes. */
#define OPAQUE_NONCE 32
#define OPAQUE_ENVELOPE 96 /* nonce[32] | tag[64] */
#define OPAQUE_REQUEST 32 /* blinded element */
#define OPAQUE_RESPONSE 64 /* evaluated[32] | server public key[32] */
#define OPAQUE_RECORD \
	192 /* client public key[32] | masking key[64]
			     | envelope[96] */
#define OPAQUE_KE1 96 /* request[32] | nonce[32] | key share[32] */
#define OPAQUE_KE2 \
	320 /* evaluated[32] | masking nonce[32] | masked[128]
			  | nonce[32] | key share[32] | mac[64] */
#define OPAQUE_KE3 64 /* mac */
#define OPAQUE_MASKED 128 /* server public key[32] | envelope[96] */

/* Where the parts begin. */
#define OPAQUE_RECORD_MASKING_AT 32
#define OPAQUE_RECORD_ENVELOPE_AT 96
#define OPAQUE_KE1_NONCE_AT 32
#define OPAQUE_KE1_SHARE_AT 64
#define OPAQUE_KE2_MASKING_AT 32
#define OPAQUE_KE2_MASKED_AT 64
#define OPAQUE_KE2_NONCE_AT 192
#define OPAQUE_KE2_SHARE_AT 224
#define OPAQUE_KE2_MAC_AT 256

/* What OPAQUE derives its key pairs for: info of oprf_derive. */
#define OPAQUE_INFO_OPRF "OPAQUE-DeriveKeyPair"
#define OPAQUE_INFO_DH "OPAQUE-DeriveDiffieHellmanKeyPair"

/* in XOR CredentialResponsePad: masks and unmasks. */
void opaque3dh_mask(const uint8_t masking_key[static OPRF_HASH],
    const uint8_t nonce[static OPAQUE_NONCE],
    const uint8_t in[static OPAQUE_MASKED], uint8_t out[static OPAQUE_MASKED]);

struct opaque3dh_keys {
	uint8_t session[OPRF_HASH];
	uint8_t handshake[OPRF_HASH];
	uint8_t km2[OPRF_HASH]; /* key of the server's MAC */
	uint8_t km3[OPRF_HASH]; /* key of the client's MAC */
};

/*
 * Derive the keys of one exchange.
 *
 * dh      the three products, in the order of section 6.4.
 * source  RFC 9807, section 6.4.2.2.
 */
void opaque3dh_schedule(const uint8_t dh[static 3 * OPRF_ELEMENT],
    struct bytes preamble, struct opaque3dh_keys *out);

struct opaque3dh_exchange {
	struct bytes context, client_id, server_id; /* 65,535 bytes each */
	const uint8_t *ke1; /* OPAQUE_KE1 */
	const uint8_t *ke2; /* OPAQUE_KE2, its mac not looked at */
	uint8_t dh[3 * OPRF_ELEMENT];
};

struct opaque3dh_proof {
	uint8_t session[OPRF_HASH];
	uint8_t server_mac[OPRF_HASH];
	uint8_t client_mac[OPRF_HASH];
};

/* Append the preamble: what both sides have seen up to the server's MAC. */
void opaque3dh_preamble(const struct opaque3dh_exchange *x, struct buf *out);

/* The session key and both MACs of an exchange. */
void opaque3dh_prove(
    const struct opaque3dh_exchange *x, struct opaque3dh_proof *out);
