/* SPDX-License-Identifier: ISC */
/* oprf.c: group, hashes and OPRF over libsodium. */
#include "wire/oprf.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define BLOCK 128 /* bytes in a SHA-512 block */

/* "OPRFV1-" | mode 0 | "-ristretto255-SHA512" (RFC 9497, section 3.1) */
static const char context_string[] = "OPRFV1-\0-ristretto255-SHA512";

/* libsodium wants a pointer even to no bytes. */
static struct bytes
pointed(struct bytes x)
{
	return x.n > 0 ? x : bytes_str("");
}

void
oprf_sha512(struct bytes x, uint8_t out[static OPRF_HASH])
{
	(void)crypto_hash_sha512(out, pointed(x).p, x.n);
}

void
oprf_mac(struct bytes key, struct bytes x, uint8_t out[static OPRF_HASH])
{
	crypto_auth_hmacsha512_state s;

	(void)crypto_auth_hmacsha512_init(&s, pointed(key).p, key.n);
	(void)crypto_auth_hmacsha512_update(&s, pointed(x).p, x.n);
	(void)crypto_auth_hmacsha512_final(&s, out);
	mem_wipe(&s, sizeof s);
}

bool
oprf_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void
oprf_extract(struct bytes ikm, uint8_t prk[static OPRF_HASH])
{
	static const uint8_t salt[OPRF_HASH];

	oprf_mac(bytes_of(salt, sizeof salt), ikm, prk);
}

void
oprf_expand(const uint8_t prk[static OPRF_HASH], struct bytes info,
    uint8_t *out, size_t n)
{
	uint8_t t[OPRF_HASH];
	size_t have = 0;

	assert(n <= 255 * OPRF_HASH);
	for (uint8_t i = 1; n > 0; i++) {
		OWN(buf_free) struct buf m = { 0 };
		size_t some = n < OPRF_HASH ? n : OPRF_HASH;
		buf_put(&m, t, have);
		buf_put_bytes(&m, info);
		buf_put_u8(&m, i);
		oprf_mac(bytes_of(prk, OPRF_HASH), buf_bytes(&m), t);
		have = OPRF_HASH;
		memcpy(out, t, some);
		out += some;
		n -= some;
	}
	mem_wipe(t, sizeof t);
}

void
oprf_expand_label(const uint8_t prk[static OPRF_HASH], struct bytes prefix,
    const char *label, uint8_t *out, size_t n)
{
	OWN(buf_free) struct buf info = { 0 };

	buf_put_bytes(&info, prefix);
	buf_put_str(&info, label);
	oprf_expand(prk, buf_bytes(&info), out, n);
}

/* 64 bytes of expand_message_xmd with SHA-512 (RFC 9380, section 5.3.1). */
static void
expand_message(
    struct bytes x, const char *dst_prefix, uint8_t out[static OPRF_HASH])
{
	static const uint8_t zeros[BLOCK];
	OWN(buf_free) struct buf dst = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	uint8_t b0[OPRF_HASH];

	/* DST' = DST | its length */
	buf_put_str(&dst, dst_prefix);
	buf_put(&dst, context_string, sizeof context_string - 1);
	buf_put_u8(&dst, (uint8_t)dst.n);
	buf_put(&m, zeros, sizeof zeros);
	buf_put_bytes(&m, x);
	buf_put_u16(&m, OPRF_HASH);
	buf_put_u8(&m, 0);
	buf_put_bytes(&m, buf_bytes(&dst));
	oprf_sha512(buf_bytes(&m), b0);
	/* One block is all that is wanted: b1 = H(b0 | 1 | DST'). */
	buf_clear(&m);
	buf_put(&m, b0, sizeof b0);
	buf_put_u8(&m, 1);
	buf_put_bytes(&m, buf_bytes(&dst));
	oprf_sha512(buf_bytes(&m), out);
	mem_wipe(b0, sizeof b0);
}

void
oprf_to_group(struct bytes x, uint8_t out[static OPRF_ELEMENT])
{
	uint8_t wide[OPRF_HASH];

	expand_message(x, "HashToGroup-", wide);
	(void)crypto_core_ristretto255_from_hash(out, wide);
	mem_wipe(wide, sizeof wide);
}

void
oprf_derive(const uint8_t seed[static OPRF_SEED], struct bytes info,
    uint8_t sk[static OPRF_ELEMENT], uint8_t pk[static OPRF_ELEMENT])
{
	OWN(buf_free) struct buf m = { 0 };
	uint8_t wide[OPRF_HASH];
	unsigned counter = 0;

	buf_put(&m, seed, OPRF_SEED);
	buf_put_v16(&m, info);
	buf_put_u8(&m, 0);
	do {
		/* Each turn goes on with a chance of 1 in 2^252. */
		assert(counter <= UINT8_MAX);
		m.p[m.n - 1] = (uint8_t)counter++;
		expand_message(buf_bytes(&m), "DeriveKeyPair", wide);
		crypto_core_ristretto255_scalar_reduce(sk, wide);
	} while (sodium_is_zero(sk, OPRF_ELEMENT));
	mem_wipe(wide, sizeof wide);
	(void)crypto_scalarmult_ristretto255_base(pk, sk);
}

/* libsodium 1.0.18 looks past the top bit, which RFC 9496 4.3.1 refuses. */
static bool
top_bit(const uint8_t element[static OPRF_ELEMENT])
{
	return (element[OPRF_ELEMENT - 1] & 0x80) != 0;
}

bool
oprf_proper(const uint8_t element[static OPRF_ELEMENT])
{
	return !top_bit(element) && !sodium_is_zero(element, OPRF_ELEMENT) &&
	    crypto_core_ristretto255_is_valid_point(element);
}

int
oprf_multiply(const uint8_t scalar[static OPRF_ELEMENT],
    const uint8_t element[static OPRF_ELEMENT],
    uint8_t out[static OPRF_ELEMENT])
{
	uint8_t product[OPRF_ELEMENT];

	if (top_bit(element))
		return -1;
	int rc = crypto_scalarmult_ristretto255(product, scalar, element);

	if (rc == 0)
		memcpy(out, product, sizeof product);
	mem_wipe(product, sizeof product);
	return rc == 0 ? 0 : -1;
}

void
oprf_finalize(struct bytes input, const uint8_t element[static OPRF_ELEMENT],
    uint8_t out[static OPRF_HASH])
{
	OWN(buf_free) struct buf m = { 0 };

	buf_put_v16(&m, input);
	buf_put_v16(&m, bytes_of(element, OPRF_ELEMENT));
	buf_put_str(&m, "Finalize");
	oprf_sha512(buf_bytes(&m), out);
}
