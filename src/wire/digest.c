/* SPDX-License-Identifier: ISC */
/* digest.c: SHA-256, HMAC and HKDF over OpenSSL. */
#include "wire/digest.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 64 /* bytes in a SHA-256 block, FIPS 180-4 */

/* Fetched once: EVP_sha256() would look it up at each use. */
static EVP_MD *sha256;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (sha256 == NULL)
		abort();
}

static void
must(int ok)
{
	if (ok != 1)
		abort();
}

static EVP_MD_CTX *
context(void)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	(void)pthread_once(&once, fetch);
	if (c == NULL)
		abort();
	must(EVP_DigestInit_ex2(c, sha256, NULL));
	return c;
}

struct digest_state {
	EVP_MD_CTX *c;
};

struct digest_state *
digest_new(void)
{
	struct digest_state *s = mem_new(sizeof *s);

	s->c = context();
	return s;
}

void
digest_free(struct digest_state **s)
{
	if (*s != NULL)
		EVP_MD_CTX_free((*s)->c);
	free(*s);
	*s = NULL;
}

void
digest_add(struct digest_state *s, struct bytes x)
{
	if (x.n > 0)
		must(EVP_DigestUpdate(s->c, x.p, x.n));
}

void
digest_add_u32(struct digest_state *s, uint32_t v)
{
	uint8_t b[4];

	be32_put(b, v);
	digest_add(s, bytes_of(b, sizeof b));
}

void
digest_add_u64(struct digest_state *s, uint64_t v)
{
	uint8_t b[8];

	be64_put(b, v);
	digest_add(s, bytes_of(b, sizeof b));
}

void
digest_end(struct digest_state *s, struct digest *out)
{
	must(EVP_DigestFinal_ex(s->c, out->b, NULL));
	must(EVP_DigestInit_ex2(s->c, NULL, NULL));
}

void
digest_of(struct bytes x, struct digest *out)
{
	OWN(digest_free) struct digest_state *s = digest_new();

	digest_add(s, x);
	must(EVP_DigestFinal_ex(s->c, out->b, NULL));
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return CRYPTO_memcmp(a->b, b->b, DIGEST_BYTES) == 0;
}

bool
digest_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_equal(d, &zero);
}

void
digest_put(struct buf *b, const struct digest *d)
{
	buf_put(b, d->b, DIGEST_BYTES);
}

struct digest
digest_take(struct scan *s)
{
	struct digest d;

	scan_copy(s, d.b, DIGEST_BYTES);
	return d;
}

struct mac {
	EVP_MD_CTX *inner, *outer; /* after the key block */
	EVP_MD_CTX *run;
	bool running;
};

struct mac *
mac_new(struct bytes key)
{
	struct mac *m = mem_new(sizeof *m);
	uint8_t pad[BLOCK] = { 0 };

	if (key.n > BLOCK) {
		struct digest d;
		digest_of(key, &d);
		memcpy(pad, d.b, sizeof d.b);
	} else if (key.n > 0) {
		memcpy(pad, key.p, key.n);
	}
	m->inner = context();
	m->outer = context();
	m->run = context();
	for (size_t i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36;
	must(EVP_DigestUpdate(m->inner, pad, BLOCK));
	for (size_t i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	must(EVP_DigestUpdate(m->outer, pad, BLOCK));
	mem_wipe(pad, sizeof pad);
	return m;
}

void
mac_free(struct mac **m)
{
	if (*m != NULL) {
		EVP_MD_CTX_free((*m)->inner);
		EVP_MD_CTX_free((*m)->outer);
		EVP_MD_CTX_free((*m)->run);
	}
	free(*m);
	*m = NULL;
}

void
mac_add(struct mac *m, struct bytes x)
{
	if (!m->running)
		must(EVP_MD_CTX_copy_ex(m->run, m->inner));
	m->running = true;
	if (x.n > 0)
		must(EVP_DigestUpdate(m->run, x.p, x.n));
}

void
mac_end(struct mac *m, struct digest *out)
{
	struct digest in;

	mac_add(m, (struct bytes){ NULL, 0 });
	must(EVP_DigestFinal_ex(m->run, in.b, NULL));
	must(EVP_MD_CTX_copy_ex(m->run, m->outer));
	must(EVP_DigestUpdate(m->run, in.b, sizeof in.b));
	must(EVP_DigestFinal_ex(m->run, out->b, NULL));
	m->running = false;
}

void
mac_of(struct mac *m, struct bytes x, struct digest *out)
{
	mac_add(m, x);
	mac_end(m, out);
}

void
mac_once(struct bytes key, struct bytes x, struct digest *out)
{
	OWN(mac_free) struct mac *m = mac_new(key);

	mac_of(m, x, out);
}

void
hkdf(struct bytes ikm, struct bytes salt, struct bytes info, void *out,
    size_t out_n)
{
	struct digest prk, t;
	uint8_t *p = out;

	assert(out_n <= 255 * DIGEST_BYTES);
	mac_once(salt, ikm, &prk);
	OWN(mac_free) struct mac *m = mac_new(bytes_of(prk.b, sizeof prk.b));
	for (uint8_t i = 1; out_n > 0; i++) {
		size_t n = out_n < DIGEST_BYTES ? out_n : DIGEST_BYTES;
		if (i > 1)
			mac_add(m, bytes_of(t.b, sizeof t.b));
		mac_add(m, info);
		mac_add(m, bytes_of(&i, 1));
		mac_end(m, &t);
		memcpy(p, t.b, n);
		p += n;
		out_n -= n;
	}
	mem_wipe(&prk, sizeof prk);
	mem_wipe(&t, sizeof t);
}
