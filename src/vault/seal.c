/* SPDX-License-Identifier: ISC */
/* seal.c: small ciphertext over libsodium. */
#include "vault/seal.h"

#include <sodium.h>
#include <stdlib.h>

#define FORMAT 1

void
seal_make(const struct secret *key, struct bytes ad, struct bytes plain,
    struct buf *out)
{
	uint8_t *p = buf_grow(out, plain.n + SEAL_OVERHEAD);

	randombytes_buf(p, SEAL_NONCE);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(p + SEAL_NONCE, NULL,
	    plain.p, plain.n, ad.p, ad.n, NULL, p, secret_bytes(key).p);
}

static int
open_into(const struct secret *key, struct bytes ad, struct bytes sealed,
    uint8_t *to, struct err *e)
{
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(to, NULL, NULL,
		sealed.p + SEAL_NONCE, sealed.n - SEAL_NONCE, ad.p, ad.n,
		sealed.p, secret_bytes(key).p) < 0)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a sealed value does not open");
	return 0;
}

static int
check_length(struct bytes sealed, struct err *e)
{
	if (sealed.n < SEAL_OVERHEAD)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a sealed value is too short");
	return 0;
}

int
seal_open(const struct secret *key, struct bytes ad, struct bytes sealed,
    struct buf *out, struct err *e)
{
	if (check_length(sealed, e) < 0)
		return -1;
	size_t before = out->n;
	uint8_t *to = buf_grow(out, sealed.n - SEAL_OVERHEAD);
	if (open_into(key, ad, sealed, to, e) < 0) {
		out->n = before;
		return -1;
	}
	return 0;
}

int
seal_open_secret(const struct secret *key, struct bytes ad, struct bytes sealed,
    struct secret **out, struct err *e)
{
	if (check_length(sealed, e) < 0)
		return -1;
	OWN(secret_free)
	struct secret *s = secret_new(sealed.n - SEAL_OVERHEAD);
	if (open_into(key, ad, sealed, secret_room(s), e) < 0)
		return -1;
	*out = TAKE(s);
	return 0;
}

static void
record_ad(struct buf *ad, struct bytes header, const struct seal_place *p)
{
	static const char label[] = "aumbry record v1";

	buf_put(ad, label, sizeof label);
	buf_put_bytes(ad, header);
	id_put(ad, &p->uid);
	buf_put_u8(ad, p->category);
	id_put(ad, &p->zone);
	id_put(ad, &p->id);
	buf_put_u64(ad, p->version);
}

void
seal_record(const struct secret *key, uint32_t epoch,
    const struct seal_place *place, struct bytes plain, struct buf *out)
{
	OWN(buf_free) struct buf ad = { 0 };
	OWN(buf_free) struct buf header = { 0 };

	buf_put_u8(&header, FORMAT);
	buf_put_u8(&header, SEAL_ALG_XCHACHA20_POLY1305);
	buf_put_u32(&header, epoch);
	record_ad(&ad, buf_bytes(&header), place);
	buf_put_bytes(out, buf_bytes(&header));
	seal_make(key, buf_bytes(&ad), plain, out);
}

int
seal_record_epoch(struct bytes sealed, uint32_t *epoch, struct err *e)
{
	struct scan s = scan_of(sealed);
	uint8_t format = scan_u8(&s), alg = scan_u8(&s);

	*epoch = scan_u32(&s);
	if (!scan_ok(&s))
		return err_set(e, ERR_RECORD_CORRUPT, "a record is too short");
	if (format > FORMAT)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a record has format %u, newer than this version knows",
		    (unsigned)format);
	if (format != FORMAT || alg != SEAL_ALG_XCHACHA20_POLY1305)
		return err_set(e, ERR_RECORD_CORRUPT,
		    "a record names format %u and algorithm %u",
		    (unsigned)format, (unsigned)alg);
	return 0;
}

int
seal_record_open(const struct secret *key, const struct seal_place *place,
    struct bytes sealed, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf ad = { 0 };
	uint32_t epoch;

	if (seal_record_epoch(sealed, &epoch, e) < 0)
		return -1;
	record_ad(&ad, bytes_of(sealed.p, SEAL_RECORD_HEADER), place);
	return seal_open(key, buf_bytes(&ad),
	    bytes_of(
		sealed.p + SEAL_RECORD_HEADER, sealed.n - SEAL_RECORD_HEADER),
	    out, e);
}
