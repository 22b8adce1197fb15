/* SPDX-License-Identifier: ISC */
/* digest.h: SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104). */
/*
 * A state belongs to one thread. Nothing here fails: OpenSSL's own failures
 * are out of memory or a broken library, and abort.
 */
#pragma once

#include "wire/id.h"

#define DIGEST_BYTES 32

struct digest {
	uint8_t b[DIGEST_BYTES];
};

/* One SHA-256; comparing takes constant time. */
void digest_of(struct bytes x, struct digest *out);
/* Its first 16 bytes: the id of what follows from other things. */
struct id digest_id(struct bytes x);
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_zero(const struct digest *d);
void digest_put(struct buf *b, const struct digest *d);
struct digest digest_take(struct scan *s);

/* Streaming SHA-256, reusable after digest_end. */
struct digest_state;
struct digest_state *digest_new(void);
void digest_free(struct digest_state **s);
void digest_add(struct digest_state *s, struct bytes x);
void digest_add_u32(struct digest_state *s, uint32_t v);
void digest_add_u64(struct digest_state *s, uint64_t v);
void digest_end(struct digest_state *s, struct digest *out);

/* HMAC-SHA-256 under one key, many messages; the key schedule is done once. */
struct mac;
struct mac *mac_new(struct bytes key);
void mac_free(struct mac **m); /* wipes */
void mac_of(struct mac *m, struct bytes x, struct digest *out);
void mac_add(struct mac *m, struct bytes x);
void mac_end(struct mac *m, struct digest *out);
/* One message under one key. */
void mac_once(struct bytes key, struct bytes x, struct digest *out);

/*
 * HKDF-SHA-256, extract then expand (RFC 5869).
 *
 * salt  may be empty.
 * out   out_n bytes, at most 255 * 32.
 */
void hkdf(struct bytes ikm, struct bytes salt, struct bytes info, void *out,
    size_t out_n);
