/* SPDX-License-Identifier: ISC */
/* identity.c: statements of a server's identity, and their signatures. */
#include "wire/identity.h"

#include "base/scan.h"

#include <assert.h>
#include <limits.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#define FORMAT 1
#define STATEMENT "aumbry identity v1" /* each with its NUL */
#define HANDOVER "aumbry identity next v1"

static void
key_drop(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
	*k = NULL;
}

static void
context_drop(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
	*c = NULL;
}

/* The whole of `spki` is a public key, and sig is its over `message`. */
static bool
signed_by(struct bytes spki, struct bytes message, struct bytes sig)
{
	const unsigned char *at = spki.p;

	if (spki.n == 0 || spki.n > LONG_MAX)
		return false;
	OWN(key_drop) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.n);
	OWN(context_drop) EVP_MD_CTX *c = EVP_MD_CTX_new();
	return key != NULL && c != NULL && at == spki.p + spki.n &&
	    EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestVerify(c, sig.p, sig.n, message.p, message.n) == 1;
}

static void
put_keys(
    struct bytes nonce, const struct digest *keys, size_t n, struct buf *out)
{
	assert(nonce.n == IDENTITY_NONCE && n <= IDENTITY_KEYS);
	buf_put_bytes(out, nonce);
	buf_put_u8(out, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		digest_put(out, &keys[i]);
}

void
identity_statement(
    struct bytes nonce, const struct digest *keys, size_t n, struct buf *out)
{
	buf_put(out, STATEMENT, sizeof STATEMENT);
	put_keys(nonce, keys, n, out);
}

void
identity_handover(
    const struct digest *from, const struct digest *to, struct buf *out)
{
	buf_put(out, HANDOVER, sizeof HANDOVER);
	digest_put(out, from);
	digest_put(out, to);
}

/* One of those before: its key, and what it signed of the next. */
struct step {
	struct bytes key, sig;
	struct digest id;
};

static void
take_step(struct scan *s, struct step *out)
{
	out->key = scan_v16(s);
	out->sig = scan_v8(s);
	digest_of(out->key, &out->id);
}

/* Each signed the id that follows it; the last one `to`. */
static bool
handed_over(const struct step *steps, size_t n, const struct digest *to)
{
	for (size_t i = 0; i < n; i++) {
		OWN(buf_free) struct buf m = { 0 };
		identity_handover(
		    &steps[i].id, i + 1 < n ? &steps[i + 1].id : to, &m);
		if (!signed_by(steps[i].key, buf_bytes(&m), steps[i].sig))
			return false;
	}
	return true;
}

int
identity_past(
    struct bytes past, const struct digest *to, size_t *n, struct err *e)
{
	struct step steps[IDENTITY_PAST];
	struct scan s = scan_of(past);

	for (*n = 0; scan_ok(&s) && !scan_done(&s) && *n < IDENTITY_PAST; ++*n)
		take_step(&s, &steps[*n]);
	return scan_done(&s) && handed_over(steps, *n, to)
	    ? 0
	    : err_set(e, ERR_BAD_REQUEST,
		  "what says who this server was before does not hold");
}

void
identity_put(const struct identity_parts *p, struct buf *out)
{
	struct scan s = scan_of(p->past);
	struct step step;
	uint8_t n = 0;

	for (; scan_ok(&s) && !scan_done(&s); n++)
		take_step(&s, &step);
	buf_put_u8(out, FORMAT);
	buf_put_v16(out, p->key);
	buf_put_u8(out, n);
	buf_put_bytes(out, p->past);
	put_keys(p->nonce, p->keys, p->n, out);
	buf_put_v8(out, p->sig);
}

struct answer {
	struct bytes key, nonce, sig;
	struct step past[IDENTITY_PAST];
	size_t n_past;
};

static int
parse(struct bytes x, struct answer *a, struct identity *out, struct err *e)
{
	struct scan s = scan_of(x);
	uint8_t format = scan_u8(&s);

	a->key = scan_v16(&s);
	a->n_past = scan_u8(&s);
	for (size_t i = 0; i < a->n_past && i < IDENTITY_PAST; i++)
		take_step(&s, &a->past[i]);
	a->nonce = scan_take(&s, IDENTITY_NONCE);
	out->n = scan_u8(&s);
	for (size_t i = 0; i < out->n && i < IDENTITY_KEYS; i++)
		out->keys[i] = digest_take(&s);
	a->sig = scan_v8(&s);
	digest_of(a->key, &out->id);
	return scan_done(&s) && format == FORMAT && out->n <= IDENTITY_KEYS &&
		a->n_past <= IDENTITY_PAST
	    ? 0
	    : err_set(e, ERR_BAD_REQUEST,
		  "what the server says of its identity is not well-formed");
}

/* Is it who is known, or in a line that begins with who is known? */
static bool
is_known(
    const struct answer *a, const struct digest *id, const struct digest *pin)
{
	size_t i = 0;

	if (pin == NULL || digest_equal(id, pin))
		return true;
	while (i < a->n_past && !digest_equal(&a->past[i].id, pin))
		i++;
	return i < a->n_past && handed_over(a->past + i, a->n_past - i, id);
}

int
identity_check(struct bytes answer, const struct digest *pin,
    struct bytes nonce, struct identity *out, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	struct answer a;

	if (parse(answer, &a, out, e) < 0)
		return -1;
	identity_statement(a.nonce, out->keys, out->n, &m);
	if (!bytes_equal(a.nonce, nonce) ||
	    !signed_by(a.key, buf_bytes(&m), a.sig))
		return err_set(e, ERR_CERTIFICATE_CHANGED,
		    "what the server says of its identity is signed by nobody");
	return is_known(&a, &out->id, pin)
	    ? 0
	    : err_set(e, ERR_CERTIFICATE_CHANGED,
		  "the server has another identity than the one that was "
		  "pinned");
}

bool
identity_has(const struct identity *i, const struct digest *spki)
{
	for (size_t k = 0; k < i->n; k++)
		if (digest_equal(&i->keys[k], spki))
			return true;
	return false;
}
