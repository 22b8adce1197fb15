/* SPDX-License-Identifier: ISC */
/* pack.c: sealing and opening packs in fixed segments. */
#include "vault/pack.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define NONCE 12
#define PAD_MIN 4096

static const char magic[4] = { 'P', 'P', 'K', '1' };
static const char ad_label[] = "aumbry pack v1";
static EVP_CIPHER *cipher;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
fetch(void)
{
	cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	if (cipher == NULL)
		abort();
}

static void
must(int ok)
{
	if (ok != 1)
		abort();
}

size_t
pack_padded(size_t n)
{
	size_t power = PAD_MIN;

	if (n <= PAD_MIN)
		return PAD_MIN;
	while (power * 2 <= n)
		power *= 2;
	size_t step = power / 32;
	return (n + step - 1) / step * step;
}

/* One AEAD context and the associated data that all segments share. */
struct segment_aead {
	EVP_CIPHER_CTX *c;
	uint8_t ad[sizeof ad_label + PACK_HEADER + ID_BYTES + 1 + ID_BYTES + 5];
};

static void
aead_begin(struct segment_aead *a, const struct secret *key,
    const struct pack_place *place, const uint8_t *header)
{
	OWN(buf_free) struct buf info = { 0 };
	OWN(buf_free) struct buf ad = { 0 };

	(void)pthread_once(&once, fetch);
	id_put(&info, &place->pack);
	buf_put(&info, header + 10, 2 * ID_BYTES);
	OWN(secret_free)
	struct secret *k = secret_derive(key, "pack", buf_bytes(&info));
	a->c = EVP_CIPHER_CTX_new();
	if (a->c == NULL)
		abort();
	must(
	    EVP_CipherInit_ex2(a->c, cipher, secret_bytes(k).p, NULL, 1, NULL));
	buf_put(&ad, ad_label, sizeof ad_label);
	buf_put(&ad, header, PACK_HEADER);
	id_put(&ad, &place->uid);
	buf_put_u8(&ad, place->category);
	id_put(&ad, &place->pack);
	memcpy(a->ad, ad.p, ad.n);
}

static void
aead_end(struct segment_aead *a)
{
	EVP_CIPHER_CTX_free(a->c);
	a->c = NULL;
}

static void
aead_segment(struct segment_aead *a, int seal, uint32_t i, bool last)
{
	uint8_t nonce[NONCE] = { 0 };
	int n;

	be32_put(nonce + 8, i);
	be32_put(a->ad + sizeof a->ad - 5, i);
	a->ad[sizeof a->ad - 1] = last;
	must(EVP_CipherInit_ex2(a->c, NULL, NULL, nonce, seal, NULL));
	must(EVP_CipherUpdate(a->c, NULL, &n, a->ad, sizeof a->ad));
}

/* ---- writing ---- */

#define OUT_BYTES \
	(PACK_HEADER + PACK_FULL + PACK_FULL / PACK_SEGMENT * PACK_TAG)

struct pack_out {
	uint8_t *blob; /* OUT_BYTES; segments stand in their slots */
	size_t plain; /* bytes put so far */
	size_t size; /* of the sealed blob, 0 before */
};

/* Once sealed it holds no secrets. */
static void
wipe(struct pack_out *w)
{
	size_t count = (w->plain + PACK_SEGMENT - 1) / PACK_SEGMENT;

	if (w->size == 0 && count > 0)
		mem_wipe(w->blob, PACK_HEADER + w->plain + count * PACK_TAG);
}

struct pack_out *
pack_out_new(void)
{
	struct pack_out *w = mem_new(sizeof *w);

	w->blob = mem_new(OUT_BYTES);
	return w;
}

void
pack_out_free(struct pack_out **w)
{
	if (*w != NULL) {
		wipe(*w);
		free((*w)->blob);
	}
	free(*w);
	*w = NULL;
}

bool
pack_out_fits(const struct pack_out *w, size_t n)
{
	return n <= PACK_FULL - w->plain;
}

bool
pack_out_empty(const struct pack_out *w)
{
	return w->plain == 0;
}

/* Where plaintext byte `at` stands in the blob, and how much room follows. */
static uint8_t *
slot_at(const struct pack_out *w, size_t at, size_t *room)
{
	*room = PACK_SEGMENT - at % PACK_SEGMENT;
	return w->blob + PACK_HEADER + at / PACK_SEGMENT * PACK_SLOT +
	    at % PACK_SEGMENT;
}

void
pack_out_add(struct pack_out *w, struct bytes stored)
{
	assert(w->size == 0 && pack_out_fits(w, stored.n));
	while (stored.n > 0) {
		size_t room;
		uint8_t *to = slot_at(w, w->plain, &room);
		size_t n = stored.n < room ? stored.n : room;
		memcpy(to, stored.p, n);
		stored.p += n;
		stored.n -= n;
		w->plain += n;
	}
}

static void
pad(struct pack_out *w, size_t to_length)
{
	for (size_t at = w->plain; at < to_length;) {
		size_t room;
		uint8_t *to = slot_at(w, at, &room);
		size_t n = to_length - at < room ? to_length - at : room;
		memset(to, 0, n);
		at += n;
	}
}

static void
put_header(uint8_t *h, uint32_t epoch, const struct id *dev_id)
{
	memcpy(h, magic, sizeof magic);
	h[4] = FORMAT;
	h[5] = PACK_ALG_CHACHA20_POLY1305;
	be32_put(h + 6, epoch);
	randombytes_buf(h + 10, ID_BYTES);
	memcpy(h + 26, dev_id->b, ID_BYTES);
}

void
pack_out_seal(struct pack_out *w, const struct secret *key, uint32_t epoch,
    const struct id *dev_id, struct pack_place *place)
{
	size_t padded = pack_padded(w->plain);
	size_t count = (padded + PACK_SEGMENT - 1) / PACK_SEGMENT;
	struct segment_aead a;

	assert(w->size == 0 && padded <= PACK_FULL);
	pad(w, padded);
	id_random(&place->pack);
	put_header(w->blob, epoch, dev_id);
	aead_begin(&a, key, place, w->blob);
	for (size_t i = 0; i < count; i++) {
		uint8_t *p = w->blob + PACK_HEADER + i * PACK_SLOT;
		size_t n =
		    i + 1 < count ? PACK_SEGMENT : padded - i * PACK_SEGMENT;
		int out_n;
		aead_segment(&a, 1, (uint32_t)i, i + 1 == count);
		must(EVP_CipherUpdate(a.c, p, &out_n, p, (int)n));
		must(EVP_CipherFinal_ex(a.c, p + n, &out_n));
		must(EVP_CIPHER_CTX_ctrl(
		    a.c, EVP_CTRL_AEAD_GET_TAG, PACK_TAG, p + n));
	}
	aead_end(&a);
	w->size = PACK_HEADER + padded + count * PACK_TAG;
}

struct bytes
pack_out_blob(const struct pack_out *w)
{
	return bytes_of(w->blob, w->size);
}

void
pack_out_reset(struct pack_out *w)
{
	wipe(w);
	w->plain = 0;
	w->size = 0;
}

/* ---- reading ---- */

struct pack_in {
	struct segment_aead aead;
	uint32_t count;
	uint64_t size;
};

int
pack_header_epoch(struct bytes header, uint32_t *epoch, struct err *e)
{
	if (header.n < PACK_HEADER)
		return err_set(
		    e, ERR_BLOB_TRUNCATED, "a pack is shorter than its header");
	if (!bytes_equal(bytes_of(header.p, sizeof magic),
		bytes_of(magic, sizeof magic)))
		return err_set(e, ERR_BLOB_CORRUPT, "a blob is not a pack");
	if (header.p[4] > FORMAT || header.p[5] != PACK_ALG_CHACHA20_POLY1305)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a pack has format %u and algorithm %u, which this "
		    "version does not know",
		    (unsigned)header.p[4], (unsigned)header.p[5]);
	*epoch = be32(header.p + 6);
	return 0;
}

int
pack_in_open(const struct secret *key, const struct pack_place *place,
    struct bytes header, uint64_t blob_size, struct pack_in **out,
    struct err *e)
{
	uint32_t epoch;

	if (pack_header_epoch(header, &epoch, e) < 0)
		return -1;
	if (blob_size <= PACK_HEADER + PACK_TAG || blob_size > PACK_BLOB_MAX)
		return err_set(e, ERR_BLOB_TRUNCATED,
		    "a pack has an impossible length of %llu bytes",
		    (unsigned long long)blob_size);
	uint64_t body = blob_size - PACK_HEADER;
	uint64_t count = (body + PACK_SLOT - 1) / PACK_SLOT;
	if (body - (count - 1) * PACK_SLOT <= PACK_TAG)
		return err_set(
		    e, ERR_BLOB_TRUNCATED, "a pack ends inside a segment");
	struct pack_in *r = mem_new(sizeof *r);
	r->count = (uint32_t)count;
	r->size = blob_size;
	aead_begin(&r->aead, key, place, header.p);
	*out = r;
	return 0;
}

void
pack_in_free(struct pack_in **r)
{
	if (*r != NULL)
		aead_end(&(*r)->aead);
	free(*r);
	*r = NULL;
}

uint32_t
pack_in_segments(const struct pack_in *r)
{
	return r->count;
}

void
pack_in_where(
    const struct pack_in *r, uint32_t i, uint64_t *offset, size_t *length)
{
	*offset = PACK_HEADER + (uint64_t)i * PACK_SLOT;
	*length = i + 1 < r->count ? PACK_SLOT : (size_t)(r->size - *offset);
}

int
pack_in_segment(struct pack_in *r, uint32_t i, struct bytes sealed,
    struct buf *out, struct err *e)
{
	uint64_t offset;
	size_t length, before = out->n;
	uint8_t tag[PACK_TAG];
	int n;

	assert(i < r->count);
	pack_in_where(r, i, &offset, &length);
	if (sealed.n != length)
		return err_set(e, ERR_BLOB_TRUNCATED,
		    "segment %u of a pack has %zu bytes instead of %zu",
		    (unsigned)i, sealed.n, length);
	uint8_t *to = buf_grow(out, length - PACK_TAG);
	memcpy(tag, sealed.p + length - PACK_TAG, PACK_TAG);
	aead_segment(&r->aead, 0, i, i + 1 == r->count);
	must(EVP_CIPHER_CTX_ctrl(
	    r->aead.c, EVP_CTRL_AEAD_SET_TAG, PACK_TAG, tag));
	if (EVP_CipherUpdate(
		r->aead.c, to, &n, sealed.p, (int)(length - PACK_TAG)) != 1 ||
	    EVP_CipherFinal_ex(r->aead.c, to, &n) != 1) {
		mem_wipe(to, length - PACK_TAG);
		out->n = before;
		return err_set(e, ERR_BLOB_CORRUPT,
		    "segment %u of a pack does not open", (unsigned)i);
	}
	return 0;
}
