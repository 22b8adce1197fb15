/* SPDX-License-Identifier: ISC */
/* digest.c: SHA-256, HMAC and HKDF over OpenSSL. */
#include "wire/digest_in.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

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

struct mac {
	EVP_MD_CTX *inner, *outer; /* after the key block */
	EVP_MD_CTX *run;
	bool running;
};

struct mac *
mac_new(struct bytes key)
{
	struct mac *m = mem_new(sizeof *m);
	uint8_t inner[DIGEST_BLOCK], outer[DIGEST_BLOCK];

	digest_pads(key, inner, outer);
	m->inner = context();
	m->outer = context();
	m->run = context();
	must(EVP_DigestUpdate(m->inner, inner, sizeof inner));
	must(EVP_DigestUpdate(m->outer, outer, sizeof outer));
	mem_wipe(inner, sizeof inner);
	mem_wipe(outer, sizeof outer);
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
