/* SPDX-License-Identifier: ISC */
/* opsrv.c: answering registrations and logins. */
#include "server/opsrv.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define FAKE_LABEL "aumbry fake record v1" /* its NUL ends it */

void
opsrv_keys_make(uint8_t out[static OPSRV_KEYS])
{
	randombytes_buf(out, 64);
	crypto_core_ristretto255_scalar_random(out + 64);
}

void
opsrv_keys_load(const uint8_t raw[static OPSRV_KEYS], struct opsrv_keys *out)
{
	memcpy(out->seed, raw, sizeof out->seed);
	memcpy(out->sk, raw + sizeof out->seed, sizeof out->sk);
	(void)crypto_scalarmult_ristretto255_base(out->pk, out->sk);
}

void
opsrv_keys_wipe(struct opsrv_keys *k)
{
	sodium_memzero(k, sizeof *k);
}

static int
malformed(struct err *e)
{
	return err_set(
	    e, ERR_BAD_REQUEST, "the password proof is not well-formed");
}

/* The OPRF under the credential's own key: RFC 9807, section 5.2.2. */
static int
evaluate(const struct opsrv_keys *k, struct bytes credential,
    const uint8_t in[static OPRF_ELEMENT], uint8_t out[static OPRF_ELEMENT])
{
	uint8_t seed[OPRF_SEED], sk[OPRF_ELEMENT], pk[OPRF_ELEMENT];

	oprf_expand_label(k->seed, credential, "OprfKey", seed, sizeof seed);
	oprf_derive(seed, bytes_str(OPAQUE_INFO_OPRF), sk, pk);
	int rc = oprf_multiply(sk, in, out);
	sodium_memzero(seed, sizeof seed);
	sodium_memzero(sk, sizeof sk);
	return rc;
}

int
opsrv_register(const struct opsrv_keys *k, struct bytes credential,
    const uint8_t request[static OPAQUE_REQUEST],
    uint8_t response[static OPAQUE_RESPONSE], struct err *e)
{
	if (evaluate(k, credential, request, response) < 0)
		return malformed(e);
	memcpy(response + OPRF_ELEMENT, k->pk, OPRF_ELEMENT);
	return 0;
}

int
opsrv_record_check(const uint8_t record[static OPAQUE_RECORD], struct err *e)
{
	if (!oprf_proper(record))
		return err_set(e, ERR_BAD_REQUEST,
		    "the registration holds no proper public key");
	return 0;
}

void
opsrv_fake_record(struct bytes fake_key, struct bytes name,
    uint8_t record[static OPAQUE_RECORD])
{
	OWN(buf_free) struct buf m = { 0 };
	uint8_t prk[OPRF_HASH], seed[OPRF_SEED], sk[OPRF_ELEMENT];

	buf_put(&m, FAKE_LABEL, sizeof FAKE_LABEL);
	buf_put_bytes(&m, name);
	oprf_mac(fake_key, buf_bytes(&m), prk);
	oprf_expand_label(prk, bytes_str(""), "key", seed, sizeof seed);
	oprf_derive(seed, bytes_str(OPAQUE_INFO_DH), sk, record);
	oprf_expand_label(prk, bytes_str(""), "masking key",
	    record + OPAQUE_RECORD_MASKING_AT, OPRF_HASH);
	memset(record + OPAQUE_RECORD_ENVELOPE_AT, 0, OPAQUE_ENVELOPE);
	sodium_memzero(prk, sizeof prk);
	sodium_memzero(seed, sizeof seed);
	sodium_memzero(sk, sizeof sk);
}

void
opsrv_draw(struct opsrv_random *r)
{
	randombytes_buf(r, sizeof *r);
}

static struct bytes
or_key(struct bytes id, const uint8_t *pk)
{
	return id.n > 0 ? id : bytes_of(pk, OPRF_ELEMENT);
}

/* CredentialResponse, the first half of KE2: RFC 9807, section 6.3.2.2. */
static int
credentials(const struct opsrv_keys *k, const struct opsrv_login *in,
    const uint8_t *record, const uint8_t *nonce, uint8_t *ke2)
{
	uint8_t clear[OPAQUE_MASKED];

	if (evaluate(k, in->credential, in->ke1, ke2) < 0)
		return -1;
	memcpy(ke2 + OPAQUE_KE2_MASKING_AT, nonce, OPAQUE_NONCE);
	memcpy(clear, k->pk, OPRF_ELEMENT);
	memcpy(clear + OPRF_ELEMENT, record + OPAQUE_RECORD_ENVELOPE_AT,
	    OPAQUE_ENVELOPE);
	opaque3dh_mask(record + OPAQUE_RECORD_MASKING_AT, nonce, clear,
	    ke2 + OPAQUE_KE2_MASKED_AT);
	return 0;
}

/* Key exchange, the second half: RFC 9807, section 6.4.4. */
static int
exchange(const struct opsrv_keys *k, const struct opsrv_login *in,
    const uint8_t *record, const struct opsrv_random *r, uint8_t *ke2,
    struct opaque3dh_proof *out)
{
	const uint8_t *share = in->ke1 + OPAQUE_KE1_SHARE_AT;
	struct opaque3dh_exchange x = { .context = in->context,
		.client_id = or_key(in->client_id, record),
		.server_id = or_key(in->server_id, k->pk),
		.ke1 = in->ke1,
		.ke2 = ke2 };
	uint8_t sk[OPRF_ELEMENT];

	memcpy(ke2 + OPAQUE_KE2_NONCE_AT, r->nonce, OPAQUE_NONCE);
	oprf_derive(r->share_seed, bytes_str(OPAQUE_INFO_DH), sk,
	    ke2 + OPAQUE_KE2_SHARE_AT);
	int rc = oprf_multiply(sk, share, x.dh) < 0 ||
		oprf_multiply(k->sk, share, x.dh + OPRF_ELEMENT) < 0 ||
		oprf_multiply(sk, record, x.dh + 2 * OPRF_ELEMENT) < 0
	    ? -1
	    : 0;
	if (rc == 0) {
		opaque3dh_prove(&x, out);
		memcpy(ke2 + OPAQUE_KE2_MAC_AT, out->server_mac, OPRF_HASH);
	}
	sodium_memzero(sk, sizeof sk);
	sodium_memzero(x.dh, sizeof x.dh);
	return rc;
}

int
opsrv_answer(const struct opsrv_keys *k, const struct opsrv_login *in,
    const struct opsrv_random *r, uint8_t ke2[static OPAQUE_KE2],
    uint8_t state[static OPSRV_STATE], struct err *e)
{
	uint8_t fake[OPAQUE_RECORD], answer[OPAQUE_KE2];
	struct opaque3dh_proof proof;

	assert(in->record != NULL || in->fake_key.n > 0);
	/* For known names too, so that all take the same time. */
	if (in->fake_key.n > 0)
		opsrv_fake_record(in->fake_key, in->credential, fake);
	const uint8_t *record = in->record != NULL ? in->record : fake;
	int rc = opsrv_record_check(record, e) < 0
	    ? err_set(
		  e, ERR_RECORD_CORRUPT, "the stored registration is damaged")
	    : 0;
	if (rc == 0 &&
	    (credentials(k, in, record, r->masking_nonce, answer) < 0 ||
		exchange(k, in, record, r, answer, &proof) < 0))
		rc = malformed(e);
	if (rc == 0) {
		memcpy(ke2, answer, OPAQUE_KE2);
		memcpy(state, proof.client_mac, OPRF_HASH);
		memcpy(state + OPRF_HASH, proof.session, OPRF_HASH);
	}
	sodium_memzero(fake, sizeof fake);
	sodium_memzero(&proof, sizeof proof);
	return rc;
}

int
opsrv_finish(const uint8_t state[static OPSRV_STATE],
    const uint8_t ke3[static OPAQUE_KE3], uint8_t session[static OPRF_HASH],
    struct err *e)
{
	if (!oprf_equal(state, ke3, OPRF_HASH))
		return err_set(
		    e, ERR_WRONG_PASSWORD, "the name or the password is wrong");
	memcpy(session, state + OPRF_HASH, OPRF_HASH);
	return 0;
}
