/* SPDX-License-Identifier: ISC */
/* digest_sodium.c: digest.h over libsodium, for where there is no OpenSSL. */
/* Not in libwire: digest.c is, and has the machine's own SHA instructions. */
#include "wire/digest_in.h"

#include <sodium.h>
#include <stdlib.h>

struct digest_state {
	crypto_hash_sha256_state c;
};

struct digest_state *
digest_new(void)
{
	struct digest_state *s = mem_new(sizeof *s);

	(void)crypto_hash_sha256_init(&s->c);
	return s;
}

void
digest_free(struct digest_state **s)
{
	if (*s != NULL)
		mem_wipe(*s, sizeof **s);
	free(*s);
	*s = NULL;
}

void
digest_add(struct digest_state *s, struct bytes x)
{
	if (x.n > 0)
		(void)crypto_hash_sha256_update(&s->c, x.p, x.n);
}

void
digest_end(struct digest_state *s, struct digest *out)
{
	(void)crypto_hash_sha256_final(&s->c, out->b);
	(void)crypto_hash_sha256_init(&s->c);
}

void
digest_of(struct bytes x, struct digest *out)
{
	(void)crypto_hash_sha256(out->b, x.p, x.n);
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return sodium_memcmp(a->b, b->b, DIGEST_BYTES) == 0;
}

bool
digest_zero(const struct digest *d)
{
	return sodium_is_zero(d->b, DIGEST_BYTES) == 1;
}

struct mac {
	crypto_hash_sha256_state inner, outer; /* after the key block */
	crypto_hash_sha256_state run;
	bool running;
};

struct mac *
mac_new(struct bytes key)
{
	struct mac *m = mem_new(sizeof *m);
	uint8_t inner[DIGEST_BLOCK], outer[DIGEST_BLOCK];

	digest_pads(key, inner, outer);
	(void)crypto_hash_sha256_init(&m->inner);
	(void)crypto_hash_sha256_update(&m->inner, inner, sizeof inner);
	(void)crypto_hash_sha256_init(&m->outer);
	(void)crypto_hash_sha256_update(&m->outer, outer, sizeof outer);
	mem_wipe(inner, sizeof inner);
	mem_wipe(outer, sizeof outer);
	return m;
}

void
mac_free(struct mac **m)
{
	if (*m != NULL)
		mem_wipe(*m, sizeof **m);
	free(*m);
	*m = NULL;
}

void
mac_add(struct mac *m, struct bytes x)
{
	if (!m->running)
		m->run = m->inner;
	m->running = true;
	if (x.n > 0)
		(void)crypto_hash_sha256_update(&m->run, x.p, x.n);
}

void
mac_end(struct mac *m, struct digest *out)
{
	struct digest in;

	mac_add(m, (struct bytes){ NULL, 0 });
	(void)crypto_hash_sha256_final(&m->run, in.b);
	m->run = m->outer;
	(void)crypto_hash_sha256_update(&m->run, in.b, sizeof in.b);
	(void)crypto_hash_sha256_final(&m->run, out->b);
	m->running = false;
}
