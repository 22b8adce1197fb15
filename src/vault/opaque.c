/* SPDX-License-Identifier: ISC */
/* opaque.c: registration and login as the client. */
#include "vault/opaque.h"

#include "vault/opaque_test.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define STRETCHED 64 /* bytes out of the key stretching */

enum step { STEP_NEW, STEP_REGISTER, STEP_LOGIN };

struct opaque {
	struct secret *password;
	struct secret *blind;
	struct secret *share_sk; /* NULL unless this is a login */
	uint8_t ke1[OPAQUE_KE1];
	enum step step;
	struct opaque_fixed fixed;
};

struct opaque *
opaque_new(struct bytes password)
{
	struct opaque *o = mem_new(sizeof *o);

	assert(password.n <= UINT16_MAX);
	o->password = secret_of(password);
	return o;
}

void
opaque_free(struct opaque **o)
{
	if (*o != NULL) {
		secret_free(&(*o)->password);
		secret_free(&(*o)->blind);
		secret_free(&(*o)->share_sk);
		mem_wipe(*o, sizeof **o);
	}
	free(*o);
	*o = NULL;
}

void
opaque_fix(struct opaque *o, const struct opaque_fixed *fixed)
{
	o->fixed = *fixed;
}

static void
draw(const uint8_t *fixed, uint8_t out[static 32])
{
	if (fixed != NULL)
		memcpy(out, fixed, 32);
	else
		randombytes_buf(out, 32);
}

static void
blind(struct opaque *o, enum step step, uint8_t out[static OPAQUE_REQUEST])
{
	uint8_t element[OPRF_ELEMENT];

	assert(o->step == STEP_NEW);
	o->step = step;
	o->blind = secret_new(OPRF_ELEMENT);
	if (o->fixed.blind != NULL)
		memcpy(secret_room(o->blind), o->fixed.blind, OPRF_ELEMENT);
	else
		crypto_core_ristretto255_scalar_random(secret_room(o->blind));
	oprf_to_group(secret_bytes(o->password), element);
	if (oprf_multiply(secret_bytes(o->blind).p, element, out) < 0)
		abort(); /* nobody has a password that hashes to identity */
	mem_wipe(element, sizeof element);
}

/* ---- key stretching ---- */

static int
check_ksf(const struct opaque_ksf *ksf, struct err *e)
{
	if (ksf->memory_kib < OPAQUE_MEMORY_KIB_MIN ||
	    ksf->passes < OPAQUE_PASSES_MIN)
		return err_set(e, ERR_COST_LOWERED,
		    "the server asked for Argon2id with %u KiB and %u passes; "
		    "at least %d and %d are needed",
		    (unsigned)ksf->memory_kib, (unsigned)ksf->passes,
		    OPAQUE_MEMORY_KIB_MIN, OPAQUE_PASSES_MIN);
	if (ksf->memory_kib > OPAQUE_MEMORY_KIB_MAX ||
	    ksf->passes > OPAQUE_PASSES_MAX)
		return err_set(e, ERR_TOO_LARGE,
		    "the server asked for Argon2id with %u KiB and %u passes, "
		    "more than %d and %d",
		    (unsigned)ksf->memory_kib, (unsigned)ksf->passes,
		    OPAQUE_MEMORY_KIB_MAX, OPAQUE_PASSES_MAX);
	return 0;
}

/* in: OPRF_HASH bytes; out: STRETCHED bytes. */
static int
stretch(const struct opaque *o, const struct opaque_ksf *ksf, const uint8_t *in,
    uint8_t *out, struct err *e)
{
	static const uint8_t salt[crypto_pwhash_argon2id_SALTBYTES];

	if (o->fixed.identity_ksf) {
		memcpy(out, in, STRETCHED);
		return 0;
	}
	if (crypto_pwhash(out, STRETCHED, (const char *)in, OPRF_HASH, salt,
		ksf->passes, (size_t)ksf->memory_kib * 1024,
		crypto_pwhash_ALG_ARGON2ID13) < 0)
		return err_set(e, ERR_TOO_LARGE,
		    "this machine has no %u KiB of memory for Argon2id",
		    (unsigned)ksf->memory_kib);
	return 0;
}

/*
 * From the evaluated element to the randomized password, OPRF_HASH bytes.
 * *well_formed says whether the element was one; out is set when it was.
 */
static int
randomize(const struct opaque *o, const struct opaque_ksf *ksf,
    const uint8_t evaluated[static OPRF_ELEMENT], bool *well_formed,
    struct secret **out, struct err *e)
{
	OWN(secret_free)
	struct secret *both = secret_new(OPRF_HASH + STRETCHED);
	uint8_t *output = secret_room(both);
	uint8_t inverse[OPRF_ELEMENT], element[OPRF_ELEMENT];

	if (!o->fixed.identity_ksf && check_ksf(ksf, e) < 0)
		return -1;
	*well_formed = crypto_core_ristretto255_scalar_invert(
			   inverse, secret_bytes(o->blind).p) == 0 &&
	    oprf_multiply(inverse, evaluated, element) == 0;
	if (*well_formed)
		oprf_finalize(secret_bytes(o->password), element, output);
	mem_wipe(inverse, sizeof inverse);
	mem_wipe(element, sizeof element);
	if (!*well_formed)
		return 0;
	if (stretch(o, ksf, output, output + OPRF_HASH, e) < 0)
		return -1;
	*out = secret_new(OPRF_HASH);
	oprf_extract(secret_bytes(both), secret_room(*out));
	return 0;
}

/* ---- the envelope ---- */

/* What the envelope's nonce and the randomized password determine. */
struct envelope {
	uint8_t sk[OPRF_ELEMENT], pk[OPRF_ELEMENT];
	uint8_t tag[OPRF_HASH];
	struct secret *export_key;
};

static void
envelope_free(struct envelope *x)
{
	secret_free(&x->export_key);
	mem_wipe(x, sizeof *x);
}

static struct bytes
or_key(struct bytes id, const uint8_t *pk)
{
	return id.n > 0 ? id : bytes_of(pk, OPRF_ELEMENT);
}

/* Store and Recover compute the same: RFC 9807, sections 4.1.2 and 4.1.3. */
static void
make_envelope(const struct opaque *o, const struct secret *rp,
    const uint8_t nonce[static OPAQUE_NONCE], const uint8_t *server_pk,
    struct envelope *out)
{
	const uint8_t *prk = secret_bytes(rp).p;
	struct bytes n = bytes_of(nonce, OPAQUE_NONCE);
	uint8_t seed[OPRF_SEED], auth[OPRF_HASH];
	OWN(buf_free) struct buf m = { 0 };

	oprf_expand_label(prk, n, "AuthKey", auth, sizeof auth);
	out->export_key = secret_new(OPRF_HASH);
	oprf_expand_label(
	    prk, n, "ExportKey", secret_room(out->export_key), OPRF_HASH);
	oprf_expand_label(prk, n, "PrivateKey", seed, sizeof seed);
	oprf_derive(seed, bytes_str(OPAQUE_INFO_DH), out->sk, out->pk);
	buf_put_bytes(&m, n);
	buf_put(&m, server_pk, OPRF_ELEMENT);
	buf_put_v16(&m, or_key(o->fixed.server_id, server_pk));
	buf_put_v16(&m, or_key(o->fixed.client_id, out->pk));
	oprf_mac(bytes_of(auth, sizeof auth), buf_bytes(&m), out->tag);
	mem_wipe(seed, sizeof seed);
	mem_wipe(auth, sizeof auth);
}

static void
masking_key(const struct secret *rp, uint8_t out[static OPRF_HASH])
{
	oprf_expand_label(
	    secret_bytes(rp).p, bytes_str(""), "MaskingKey", out, OPRF_HASH);
}

/* ---- registration ---- */

void
opaque_register(struct opaque *o, uint8_t request[static OPAQUE_REQUEST])
{
	blind(o, STEP_REGISTER, request);
}

int
opaque_register_finish(struct opaque *o, const struct opaque_ksf *ksf,
    const uint8_t response[static OPAQUE_RESPONSE],
    uint8_t record[static OPAQUE_RECORD], struct secret **export_key,
    struct err *e)
{
	const uint8_t *server_pk = response + OPRF_ELEMENT;
	uint8_t *envelope = record + OPAQUE_RECORD_ENVELOPE_AT;
	OWN(envelope_free) struct envelope x = { .export_key = NULL };
	OWN(secret_free) struct secret *rp = NULL;
	bool well_formed = false;

	assert(o->step == STEP_REGISTER);
	if (randomize(o, ksf, response, &well_formed, &rp, e) < 0)
		return -1;
	if (!well_formed || !oprf_proper(server_pk))
		return err_set(e, ERR_BAD_REQUEST,
		    "the server's answer to the registration is not "
		    "well-formed");
	draw(o->fixed.nonce, envelope);
	make_envelope(o, rp, envelope, server_pk, &x);
	memcpy(envelope + OPAQUE_NONCE, x.tag, OPRF_HASH);
	memcpy(record, x.pk, OPRF_ELEMENT);
	masking_key(rp, record + OPAQUE_RECORD_MASKING_AT);
	*export_key = TAKE(x.export_key);
	return 0;
}

/* ---- login ---- */

void
opaque_login(struct opaque *o, uint8_t ke1[static OPAQUE_KE1])
{
	uint8_t seed[OPRF_SEED];

	blind(o, STEP_LOGIN, ke1);
	draw(o->fixed.nonce, ke1 + OPAQUE_KE1_NONCE_AT);
	draw(o->fixed.share_seed, seed);
	o->share_sk = secret_new(OPRF_ELEMENT);
	oprf_derive(seed, bytes_str(OPAQUE_INFO_DH), secret_room(o->share_sk),
	    ke1 + OPAQUE_KE1_SHARE_AT);
	mem_wipe(seed, sizeof seed);
	memcpy(o->ke1, ke1, OPAQUE_KE1);
}

/* Unmask and open: the server's public key and ours. False: not ours. */
static bool
recover(const struct opaque *o, const struct secret *rp,
    const uint8_t ke2[static OPAQUE_KE2],
    uint8_t server_pk[static OPRF_ELEMENT], struct envelope *out)
{
	uint8_t key[OPRF_HASH], clear[OPAQUE_MASKED];
	const uint8_t *nonce = clear + OPRF_ELEMENT;

	masking_key(rp, key);
	opaque3dh_mask(key, ke2 + OPAQUE_KE2_MASKING_AT,
	    ke2 + OPAQUE_KE2_MASKED_AT, clear);
	make_envelope(o, rp, nonce, clear, out);
	memcpy(server_pk, clear, OPRF_ELEMENT);
	bool ours = oprf_equal(out->tag, nonce + OPAQUE_NONCE, OPRF_HASH);
	mem_wipe(key, sizeof key);
	mem_wipe(clear, sizeof clear);
	return ours;
}

/* The three products and what follows. False: ke2 is not the server's. */
static bool
prove(const struct opaque *o, const struct envelope *own,
    const uint8_t *server_pk, const uint8_t *ke2, struct opaque3dh_proof *out)
{
	const uint8_t *share = ke2 + OPAQUE_KE2_SHARE_AT;
	const uint8_t *share_sk = secret_bytes(o->share_sk).p;
	struct opaque3dh_exchange x = { .context = o->fixed.context,
		.client_id = or_key(o->fixed.client_id, own->pk),
		.server_id = or_key(o->fixed.server_id, server_pk),
		.ke1 = o->ke1,
		.ke2 = ke2 };
	bool right = oprf_multiply(share_sk, share, x.dh) == 0 &&
	    oprf_multiply(share_sk, server_pk, x.dh + OPRF_ELEMENT) == 0 &&
	    oprf_multiply(own->sk, share, x.dh + 2 * OPRF_ELEMENT) == 0;

	if (right) {
		opaque3dh_prove(&x, out);
		right = oprf_equal(
		    out->server_mac, ke2 + OPAQUE_KE2_MAC_AT, OPRF_HASH);
	}
	mem_wipe(x.dh, sizeof x.dh);
	return right;
}

void
opaque_keys_free(struct opaque_keys *k)
{
	secret_free(&k->session_key);
	secret_free(&k->export_key);
}

int
opaque_login_finish(struct opaque *o, const struct opaque_ksf *ksf,
    const uint8_t ke2[static OPAQUE_KE2], uint8_t ke3[static OPAQUE_KE3],
    struct opaque_keys *keys, struct err *e)
{
	OWN(envelope_free) struct envelope x = { .export_key = NULL };
	OWN(secret_free) struct secret *rp = NULL;
	uint8_t server_pk[OPRF_ELEMENT];
	struct opaque3dh_proof proof;
	bool well_formed = false;

	assert(o->step == STEP_LOGIN);
	if (randomize(o, ksf, ke2, &well_formed, &rp, e) < 0)
		return -1;
	bool right = well_formed && recover(o, rp, ke2, server_pk, &x) &&
	    prove(o, &x, server_pk, ke2, &proof);
	if (right) {
		memcpy(ke3, proof.client_mac, OPAQUE_KE3);
		keys->session_key =
		    secret_of(bytes_of(proof.session, OPRF_HASH));
		keys->export_key = TAKE(x.export_key);
	}
	mem_wipe(&proof, sizeof proof);
	if (!right)
		return err_set(
		    e, ERR_WRONG_PASSWORD, "the name or the password is wrong");
	return 0;
}
