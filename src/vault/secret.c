/* SPDX-License-Identifier: ISC */
/* secret.c: key memory over libsodium's guarded heap. */
#include "vault/secret.h"

#include "wire/digest.h"

#include <sodium.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct secret {
	uint8_t *p;
	size_t n;
	bool part; /* of another, whose pages they are */
};

struct secret *
secret_new(size_t n)
{
	struct secret *s = mem_new(sizeof *s);

	if (sodium_init() < 0)
		abort();
	s->p = sodium_malloc(n > 0 ? n : 1);
	if (s->p == NULL)
		abort();
	memset(s->p, 0, n);
	s->n = n;
	return s;
}

struct secret *
secret_of(struct bytes x)
{
	struct secret *s = secret_new(x.n);

	if (x.n > 0)
		memcpy(s->p, x.p, x.n);
	return s;
}

struct secret *
secret_random(size_t n)
{
	struct secret *s = secret_new(n);

	randombytes_buf(s->p, n);
	return s;
}

struct secret *
secret_copy(const struct secret *s)
{
	return secret_of(secret_bytes(s));
}

struct secret *
secret_part(struct secret *s, size_t at, size_t n)
{
	struct secret *part = mem_new(sizeof *part);

	assert(at <= s->n && n <= s->n - at);
	*part = (struct secret){ s->p + at, n, true };
	return part;
}

void
secret_free(struct secret **s)
{
	if (*s != NULL && (*s)->part)
		sodium_memzero((*s)->p, (*s)->n);
	else if (*s != NULL)
		sodium_free((*s)->p);
	free(*s);
	*s = NULL;
}

struct bytes
secret_bytes(const struct secret *s)
{
	return bytes_of(s->p, s->n);
}

uint8_t *
secret_room(struct secret *s)
{
	return s->p;
}

uint32_t
secret_number(uint32_t limit)
{
	return randombytes_uniform(limit);
}

bool
secret_equal(const struct secret *a, const struct secret *b)
{
	return a->n == b->n && sodium_memcmp(a->p, b->p, a->n) == 0;
}

void
secret_derive_to(struct secret *out, const struct secret *s, const char *label,
    struct bytes context)
{
	OWN(buf_free) struct buf info = { 0 };

	assert(out->n == SECRET_KEY);
	buf_put(&info, label, strlen(label) + 1);
	buf_put_bytes(&info, context);
	hkdf(secret_bytes(s), (struct bytes){ NULL, 0 }, buf_bytes(&info),
	    out->p, out->n);
}

struct secret *
secret_derive(const struct secret *s, const char *label, struct bytes context)
{
	struct secret *out = secret_new(SECRET_KEY);

	secret_derive_to(out, s, label, context);
	return out;
}

int
secret_stretch(struct bytes password, const uint8_t salt[static 16],
    uint32_t memory_kib, uint32_t passes, struct secret **out, struct err *e)
{
	OWN(secret_free) struct secret *key = secret_new(SECRET_KEY);

	if (crypto_pwhash(key->p, key->n, (const char *)password.p, password.n,
		salt, passes, (size_t)memory_kib * 1024,
		crypto_pwhash_ALG_ARGON2ID13) < 0)
		return err_set(e, ERR_TOO_LARGE,
		    "there are no %u KiB of memory to stretch the password",
		    (unsigned)memory_kib);
	*out = TAKE(key);
	return 0;
}
