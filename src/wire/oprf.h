/* SPDX-License-Identifier: ISC */
/* oprf.h: what both halves of OPAQUE compute: group, hashes, key schedule. */
/*
 * ristretto255-SHA512, OPRF mode 0 (RFC 9497); OPAQUE-3DH with HKDF-SHA-512 and
 * HMAC-SHA-512 (RFC 9807). Mathematics only: no policy, no randomness, no
 * state; any thread. Nothing secret stays behind on stack or heap; outputs are
 * the caller's to wipe.
 */
#pragma once

#include "base/buf.h"

#define OPRF_ELEMENT 32 /* bytes of a group element or scalar */
#define OPRF_HASH 64 /* bytes of SHA-512, of a MAC, of an HKDF output */
#define OPRF_SEED 32 /* bytes a key pair is derived from */

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

void oprf_sha512(struct bytes x, uint8_t out[static OPRF_HASH]);
void oprf_mac(struct bytes key, struct bytes x, uint8_t out[static OPRF_HASH]);
bool oprf_equal(const uint8_t *a, const uint8_t *b, size_t n); /* const time */

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

/* ---- key exchange, RFC 9807, section 6 ---- */

/* in XOR CredentialResponsePad: masks and unmasks. */
void oprf_mask(const uint8_t masking_key[static OPRF_HASH],
    const uint8_t nonce[static OPAQUE_NONCE],
    const uint8_t in[static OPAQUE_MASKED], uint8_t out[static OPAQUE_MASKED]);

struct oprf_keys {
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
void oprf_schedule(const uint8_t dh[static 3 * OPRF_ELEMENT],
    struct bytes preamble, struct oprf_keys *out);

struct oprf_exchange {
	struct bytes context, client_id, server_id; /* 65,535 bytes each */
	const uint8_t *ke1; /* OPAQUE_KE1 */
	const uint8_t *ke2; /* OPAQUE_KE2, its mac not looked at */
	uint8_t dh[3 * OPRF_ELEMENT];
};

struct oprf_proof {
	uint8_t session[OPRF_HASH];
	uint8_t server_mac[OPRF_HASH];
	uint8_t client_mac[OPRF_HASH];
};

/* Append the preamble: what both sides have seen up to the server's MAC. */
void oprf_preamble(const struct oprf_exchange *x, struct buf *out);

/* The session key and both MACs of an exchange. */
void oprf_prove(const struct oprf_exchange *x, struct oprf_proof *out);
