/* SPDX-License-Identifier: ISC */
/* cpace.c: CPace over libsodium's ristretto255. */
#include "vault/cpace.h"

#include "wire/oprf.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BLOCK 128 /* s_in_bytes of SHA-512 */

static const char dsi[] = "CPaceRistretto255";
static const char dsi_isk[] = "CPaceRistretto255_ISK";

struct cpace {
	enum cpace_role role;
	struct buf sid, ad;
	struct secret *generator; /* what the code was made into */
	struct secret *scalar; /* NULL until cpace_share */
	uint8_t share[CPACE_SHARE];
};

/* prepend_len: LEB128 length, then the bytes. */
static void
put_lv(struct buf *out, struct bytes x)
{
	buf_put_varint(out, x.n);
	buf_put_bytes(out, x);
}

/* Bytes that put_lv makes of n, as far as the padding cares. */
static size_t
lv_size(size_t n)
{
	return n + (n < 128 ? 1 : 2);
}

/* generator_string, padded so that the code fills one block; its element. */
static void
make_generator(
    struct cpace *c, struct bytes code, struct bytes ci, struct bytes sid)
{
	static const uint8_t zeros[HASH_BLOCK];
	OWN(buf_free) struct buf s = { 0 };
	size_t used = 1 + lv_size(code.n) + lv_size(sizeof dsi - 1);
	size_t pad = used < HASH_BLOCK ? HASH_BLOCK - used : 0;
	uint8_t hash[OPRF_HASH];

	put_lv(&s, bytes_of(dsi, sizeof dsi - 1));
	put_lv(&s, code);
	put_lv(&s, bytes_of(zeros, pad));
	put_lv(&s, ci);
	put_lv(&s, sid);
	oprf_sha512(buf_bytes(&s), hash);
	c->generator = secret_new(OPRF_ELEMENT);
	(void)crypto_core_ristretto255_from_hash(
	    secret_room(c->generator), hash);
	mem_wipe(hash, sizeof hash);
}

struct cpace *
cpace_new(enum cpace_role role, struct bytes code, struct bytes ci,
    struct bytes sid, struct bytes ad)
{
	struct cpace *c = mem_new(sizeof *c);

	c->role = role;
	buf_put_bytes(&c->sid, sid);
	buf_put_bytes(&c->ad, ad);
	make_generator(c, code, ci, sid);
	return c;
}

void
cpace_free(struct cpace **c)
{
	if (*c != NULL) {
		buf_free(&(*c)->sid);
		buf_free(&(*c)->ad);
		secret_free(&(*c)->generator);
		secret_free(&(*c)->scalar);
		mem_wipe(*c, sizeof **c);
	}
	free(*c);
	*c = NULL;
}

void
cpace_share(
    struct cpace *c, const uint8_t *scalar, uint8_t out[static CPACE_SHARE])
{
	assert(c->scalar == NULL);
	c->scalar = secret_new(OPRF_ELEMENT);
	if (scalar != NULL)
		memcpy(secret_room(c->scalar), scalar, OPRF_ELEMENT);
	else
		crypto_core_ristretto255_scalar_random(secret_room(c->scalar));
	if (oprf_multiply(secret_bytes(c->scalar).p,
		secret_bytes(c->generator).p, c->share) < 0)
		abort(); /* nobody has a code that maps to identity */
	memcpy(out, c->share, CPACE_SHARE);
}

int
cpace_finish(struct cpace *c, const uint8_t share[static CPACE_SHARE],
    struct bytes ad, struct secret **isk, struct buf *transcript, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf t = { 0 };
	uint8_t k[OPRF_ELEMENT];
	struct bytes mine = bytes_of(c->share, CPACE_SHARE);
	struct bytes theirs = bytes_of(share, CPACE_SHARE);
	bool first = c->role == CPACE_INITIATOR;

	assert(c->scalar != NULL);
	/* One's own share coming back is no other device's. */
	if (bytes_equal(mine, theirs) ||
	    oprf_multiply(secret_bytes(c->scalar).p, share, k) < 0)
		return err_set(e, ERR_WRONG_CODE,
		    "the other device's part of the pairing is not valid");
	put_lv(&t, first ? mine : theirs);
	put_lv(&t, first ? buf_bytes(&c->ad) : ad);
	put_lv(&t, first ? theirs : mine);
	put_lv(&t, first ? ad : buf_bytes(&c->ad));
	put_lv(&m, bytes_of(dsi_isk, sizeof dsi_isk - 1));
	put_lv(&m, buf_bytes(&c->sid));
	put_lv(&m, bytes_of(k, sizeof k));
	buf_put_bytes(&m, buf_bytes(&t));
	mem_wipe(k, sizeof k);
	*isk = secret_new(CPACE_KEY);
	oprf_sha512(buf_bytes(&m), secret_room(*isk));
	buf_put_bytes(transcript, buf_bytes(&t));
	return 0;
}
