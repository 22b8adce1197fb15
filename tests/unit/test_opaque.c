/* SPDX-License-Identifier: ISC */
/* test_opaque.c: both halves of OPAQUE: vectors, production, and liars. */
#include "vectors.h"

#include "server/opsrv.h"
#include "vault/opaque_test.h"

#include <sodium.h>

static const struct opaque_ksf ksf = { OPAQUE_MEMORY_KIB_MIN,
	OPAQUE_PASSES_MIN };
static const struct bytes uid = { (const uint8_t *)"0123456789abcdef", 16 };

/* ---- published vectors ---- */

static void
load_keys(const json_t *in, struct opsrv_keys *keys)
{
	uint8_t raw[OPSRV_KEYS];
	HEX(seed, in, "oprf_seed");
	HEX(sk, in, "server_private_key");
	HEX(pk, in, "server_public_key");

	memcpy(raw, seed.p, 64);
	memcpy(raw + 64, sk.p, 32);
	opsrv_keys_load(raw, keys);
	assert_bytes(keys->pk, 32, &pk);
}

static void
load_random(const json_t *in, struct opsrv_random *r)
{
	HEX(masking, in, "masking_nonce");
	HEX(nonce, in, "server_nonce");
	HEX(share, in, "server_keyshare_seed");

	memcpy(r->masking_nonce, masking.p, 32);
	memcpy(r->nonce, nonce.p, 32);
	memcpy(r->share_seed, share.p, 32);
}

/* One published case; hex fields stay while it does. */
struct published {
	struct opsrv_keys keys;
	struct opsrv_random random;
	struct buf context, password, credential, client_id, server_id;
	struct buf blind_reg, blind_log, envelope_nonce, client_nonce, share;
	uint8_t record[OPAQUE_RECORD], ke1[OPAQUE_KE1], ke2[OPAQUE_KE2];
};

static void
published_load(const json_t *v, struct published *p)
{
	const json_t *in = json_object_get(v, "inputs");
	const struct {
		const char *key;
		struct buf *out;
	} fields[] = {
		{ "password", &p->password },
		{ "credential_identifier", &p->credential },
		{ "client_identity", &p->client_id },
		{ "server_identity", &p->server_id },
		{ "blind_registration", &p->blind_reg },
		{ "blind_login", &p->blind_log },
		{ "envelope_nonce", &p->envelope_nonce },
		{ "client_nonce", &p->client_nonce },
		{ "client_keyshare_seed", &p->share },
	};

	memset(p, 0, sizeof *p);
	load_keys(in, &p->keys);
	load_random(in, &p->random);
	vectors_hex(json_object_get(v, "config"), "Context", &p->context);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		vectors_hex(in, fields[i].key, fields[i].out);
}

static void
published_free(struct published *p)
{
	struct buf *all[] = { &p->context, &p->password, &p->credential,
		&p->client_id, &p->server_id, &p->blind_reg, &p->blind_log,
		&p->envelope_nonce, &p->client_nonce, &p->share };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		buf_free(all[i]);
}

static struct opaque_fixed
published_fixed(const struct published *p)
{
	return (struct opaque_fixed){
		.identity_ksf = true,
		.context = buf_bytes(&p->context),
		.client_id = buf_bytes(&p->client_id),
		.server_id = buf_bytes(&p->server_id),
	};
}

static struct opsrv_login
published_login(const struct published *p, const uint8_t *record)
{
	return (struct opsrv_login){
		.credential = buf_bytes(&p->credential),
		.record = record,
		.ke1 = p->ke1,
		.context = buf_bytes(&p->context),
		.client_id = buf_bytes(&p->client_id),
		.server_id = buf_bytes(&p->server_id),
		.fake_key = bytes_str("not used: there is a record"),
	};
}

static void
check_registration(struct published *p, const json_t *out)
{
	struct opaque_fixed fixed = published_fixed(p);
	uint8_t request[OPAQUE_REQUEST], response[OPAQUE_RESPONSE];
	struct err e = { 0 };
	HEX(want_request, out, "registration_request");
	HEX(want_response, out, "registration_response");
	HEX(want_record, out, "registration_upload");
	HEX(want_export, out, "export_key");
	OWN(opaque_free)
	struct opaque *o = opaque_new(buf_bytes(&p->password));
	OWN(secret_free) struct secret *export_key = NULL;

	fixed.blind = p->blind_reg.p;
	fixed.nonce = p->envelope_nonce.p;
	opaque_fix(o, &fixed);
	opaque_register(o, request);
	assert_bytes(request, sizeof request, &want_request);
	assert_int_equal(opsrv_register(&p->keys, buf_bytes(&p->credential),
			     request, response, &e),
	    0);
	assert_bytes(response, sizeof response, &want_response);
	assert_int_equal(opaque_register_finish(
			     o, &ksf, response, p->record, &export_key, &e),
	    0);
	assert_bytes(p->record, sizeof p->record, &want_record);
	assert_int_equal(opsrv_record_check(p->record, &e), 0);
	assert_bytes(secret_bytes(export_key).p, 64, &want_export);
}

static void
check_login(struct published *p, const json_t *out)
{
	struct opaque_fixed fixed = published_fixed(p);
	uint8_t ke3[OPAQUE_KE3], st[OPSRV_STATE], session[64];
	struct err e = { 0 };
	HEX(want_ke1, out, "KE1");
	HEX(want_ke2, out, "KE2");
	HEX(want_ke3, out, "KE3");
	HEX(want_session, out, "session_key");
	HEX(want_export, out, "export_key");
	OWN(opaque_free)
	struct opaque *o = opaque_new(buf_bytes(&p->password));
	OWN(opaque_keys_free) struct opaque_keys keys = { NULL, NULL };

	fixed.blind = p->blind_log.p;
	fixed.nonce = p->client_nonce.p;
	fixed.share_seed = p->share.p;
	opaque_fix(o, &fixed);
	opaque_login(o, p->ke1);
	assert_bytes(p->ke1, sizeof p->ke1, &want_ke1);
	struct opsrv_login ask = published_login(p, p->record);
	assert_int_equal(
	    opsrv_answer(&p->keys, &ask, &p->random, p->ke2, st, &e), 0);
	assert_bytes(p->ke2, sizeof p->ke2, &want_ke2);
	assert_int_equal(
	    opaque_login_finish(o, &ksf, p->ke2, ke3, &keys, &e), 0);
	assert_bytes(ke3, sizeof ke3, &want_ke3);
	assert_bytes(secret_bytes(keys.session_key).p, 64, &want_session);
	assert_bytes(secret_bytes(keys.export_key).p, 64, &want_export);
	assert_int_equal(opsrv_finish(st, ke3, session, &e), 0);
	assert_bytes(session, sizeof session, &want_session);
}

/* What the published password becomes, step by step. */
static void
check_password_steps(const struct published *p, const json_t *mid)
{
	uint8_t seed[32], sk[32], pk[32], element[32], both[128], rp[64];
	uint8_t key[64];
	struct bytes nonce = buf_bytes(&p->envelope_nonce);
	HEX(want_oprf_key, mid, "oprf_key");
	HEX(want_rp, mid, "randomized_password");
	HEX(want_masking, mid, "masking_key");
	HEX(want_auth, mid, "auth_key");
	HEX(want_pk, mid, "client_public_key");
	HEX(want_envelope, mid, "envelope");

	oprf_expand_label(p->keys.seed, buf_bytes(&p->credential), "OprfKey",
	    seed, sizeof seed);
	oprf_derive(seed, bytes_str(OPAQUE_INFO_OPRF), sk, pk);
	assert_bytes(sk, sizeof sk, &want_oprf_key);
	oprf_to_group(buf_bytes(&p->password), element);
	assert_int_equal(oprf_multiply(sk, element, element), 0);
	oprf_finalize(buf_bytes(&p->password), element, both);
	memcpy(both + 64, both, 64);
	oprf_extract(bytes_of(both, sizeof both), rp);
	assert_bytes(rp, sizeof rp, &want_rp);
	oprf_expand_label(rp, bytes_str(""), "MaskingKey", key, sizeof key);
	assert_bytes(key, sizeof key, &want_masking);
	oprf_expand_label(rp, nonce, "AuthKey", key, sizeof key);
	assert_bytes(key, sizeof key, &want_auth);
	assert_bytes(p->record, 32, &want_pk);
	assert_bytes(p->record + OPAQUE_RECORD_ENVELOPE_AT, OPAQUE_ENVELOPE,
	    &want_envelope);
}

static void
check_schedule(const struct published *p, const json_t *mid, const json_t *out)
{
	struct opaque3dh_exchange x = { .context = buf_bytes(&p->context),
		.client_id = buf_bytes(&p->client_id),
		.server_id = buf_bytes(&p->server_id),
		.ke1 = p->ke1,
		.ke2 = p->ke2 };
	const uint8_t *share = p->ke1 + OPAQUE_KE1_SHARE_AT;
	uint8_t sk[32], pk[32];
	struct opaque3dh_keys keys;
	OWN(buf_free) struct buf preamble = { 0 };
	HEX(want_handshake, mid, "handshake_secret");
	HEX(want_km2, mid, "server_mac_key");
	HEX(want_km3, mid, "client_mac_key");
	HEX(want_session, out, "session_key");

	if (x.client_id.n == 0)
		x.client_id = bytes_of(p->record, 32);
	if (x.server_id.n == 0)
		x.server_id = bytes_of(p->keys.pk, 32);
	oprf_derive(p->random.share_seed, bytes_str(OPAQUE_INFO_DH), sk, pk);
	assert_int_equal(oprf_multiply(sk, share, x.dh), 0);
	assert_int_equal(oprf_multiply(p->keys.sk, share, x.dh + 32), 0);
	assert_int_equal(oprf_multiply(sk, p->record, x.dh + 64), 0);
	opaque3dh_preamble(&x, &preamble);
	opaque3dh_schedule(x.dh, buf_bytes(&preamble), &keys);
	assert_bytes(keys.handshake, 64, &want_handshake);
	assert_bytes(keys.km2, 64, &want_km2);
	assert_bytes(keys.km3, 64, &want_km3);
	assert_bytes(keys.session, 64, &want_session);
}

static void
check_fake(struct published *p, const json_t *v)
{
	const json_t *in = json_object_get(v, "inputs");
	uint8_t st[OPSRV_STATE];
	struct err e = { 0 };
	HEX(client_pk, in, "client_public_key");
	HEX(masking, in, "masking_key");
	HEX(ke1, in, "KE1");
	HEX(want_ke2, json_object_get(v, "outputs"), "KE2");

	memcpy(p->record, client_pk.p, 32);
	memcpy(p->record + OPAQUE_RECORD_MASKING_AT, masking.p, 64);
	memcpy(p->ke1, ke1.p, sizeof p->ke1);
	struct opsrv_login ask = published_login(p, p->record);
	assert_int_equal(
	    opsrv_answer(&p->keys, &ask, &p->random, p->ke2, st, &e), 0);
	assert_bytes(p->ke2, sizeof p->ke2, &want_ke2);
}

static void
follows_the_vectors(void **state)
{
	json_t *all = vectors_load("tests/vectors/opaque-ristretto255.json");
	const json_t *v;
	size_t i, real = 0, fake = 0;

	(void)state;
	json_array_foreach(json_object_get(all, "vectors"), i, v)
	{
		const json_t *config = json_object_get(v, "config");
		const json_t *mid = json_object_get(v, "intermediates");
		const json_t *out = json_object_get(v, "outputs");
		OWN(published_free) struct published p;
		published_load(v, &p);
		if (strcmp(json_string_value(json_object_get(config, "Fake")),
			"True") == 0) {
			check_fake(&p, v);
			fake++;
			continue;
		}
		check_registration(&p, out);
		check_login(&p, out);
		check_password_steps(&p, mid);
		check_schedule(&p, mid, out);
		real++;
	}
	assert_int_equal(real + fake, 3);
	assert_int_equal(fake, 1);
	json_decref(all);
}

/* ---- one account, honest or not ---- */

struct account {
	struct opsrv_keys keys;
	bool stretched; /* real Argon2id; else none, for speed */
	uint8_t record[OPAQUE_RECORD];
	struct secret *export_key;
};

static void
account_free(struct account *a)
{
	opsrv_keys_wipe(&a->keys);
	secret_free(&a->export_key);
}

static struct opaque *
client(const struct account *a, const char *password)
{
	struct opaque *o = opaque_new(bytes_str(password));
	struct opaque_fixed fixed = { .identity_ksf = true };

	if (!a->stretched)
		opaque_fix(o, &fixed);
	return o;
}

/* Which message has a byte changed on its way, and which byte. */
struct lie {
	enum { NOTHING, REQUEST, RESPONSE, RECORD, KE1, KE2, KE3 } in;
	size_t at;
};

static void
tell(const struct lie *lie, int in, uint8_t *message)
{
	if ((int)lie->in == in)
		message[lie->at] ^= 1;
}

static enum err_code
sign_up(struct account *a, const char *password, struct lie lie)
{
	uint8_t request[OPAQUE_REQUEST], response[OPAQUE_RESPONSE];
	struct err e = { 0 };
	OWN(opaque_free) struct opaque *o = client(a, password);

	opaque_register(o, request);
	tell(&lie, REQUEST, request);
	if (opsrv_register(&a->keys, uid, request, response, &e) < 0)
		return e.code;
	tell(&lie, RESPONSE, response);
	secret_free(&a->export_key);
	if (opaque_register_finish(
		o, &ksf, response, a->record, &a->export_key, &e) < 0)
		return e.code;
	tell(&lie, RECORD, a->record);
	return opsrv_record_check(a->record, &e) < 0 ? e.code : ERR_NONE;
}

static enum err_code
sign_in(const struct account *a, const char *password, struct lie lie)
{
	uint8_t ke1[OPAQUE_KE1], ke2[OPAQUE_KE2], ke3[OPAQUE_KE3];
	uint8_t st[OPSRV_STATE], session[64];
	struct opsrv_random r;
	struct err e = { 0 };
	OWN(opaque_free) struct opaque *o = client(a, password);
	OWN(opaque_keys_free) struct opaque_keys keys = { NULL, NULL };

	opaque_login(o, ke1);
	tell(&lie, KE1, ke1);
	opsrv_draw(&r);
	struct opsrv_login ask = { .credential = uid,
		.record = a->record,
		.ke1 = ke1,
		.fake_key = bytes_str("fake") };
	if (opsrv_answer(&a->keys, &ask, &r, ke2, st, &e) < 0)
		return e.code;
	tell(&lie, KE2, ke2);
	if (opaque_login_finish(o, &ksf, ke2, ke3, &keys, &e) < 0) {
		assert_null(keys.session_key);
		assert_null(keys.export_key);
		return e.code;
	}
	tell(&lie, KE3, ke3);
	if (opsrv_finish(st, ke3, session, &e) < 0)
		return e.code;
	assert_memory_equal(session, secret_bytes(keys.session_key).p, 64);
	assert_true(secret_equal(keys.export_key, a->export_key));
	return ERR_NONE;
}

static void
account_make(struct account *a, bool stretched)
{
	uint8_t raw[OPSRV_KEYS];

	memset(a, 0, sizeof *a);
	opsrv_keys_make(raw);
	opsrv_keys_load(raw, &a->keys);
	a->stretched = stretched;
	assert_int_equal(
	    sign_up(a, "correct horse", (struct lie){ NOTHING, 0 }), ERR_NONE);
}

static void
signs_in_with_the_right_password_only(void **state)
{
	const struct lie none = { NOTHING, 0 };
	OWN(account_free) struct account a;

	(void)state;
	account_make(&a, true);
	assert_int_equal(sign_in(&a, "correct horse", none), ERR_NONE);
	assert_int_equal(
	    sign_in(&a, "correct horsf", none), ERR_WRONG_PASSWORD);
	/* The stretching is part of it. */
	a.stretched = false;
	assert_int_equal(
	    sign_in(&a, "correct horse", none), ERR_WRONG_PASSWORD);
}

static void
tells_passwords_apart(void **state)
{
	static const char *const wrong[] = { "", "correct hors",
		"correct horse ", "Correct horse", "correct horse\n" };
	OWN(account_free) struct account a;

	(void)state;
	account_make(&a, false);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(
		    sign_in(&a, wrong[i], (struct lie){ NOTHING, 0 }),
		    ERR_WRONG_PASSWORD);
}

static void
refuses_another_servers_record(void **state)
{
	OWN(account_free) struct account a;
	OWN(account_free) struct account b;

	(void)state;
	account_make(&a, false);
	account_make(&b, false);
	memcpy(a.record, b.record, sizeof a.record);
	assert_int_equal(
	    sign_in(&a, "correct horse", (struct lie){ NOTHING, 0 }),
	    ERR_WRONG_PASSWORD);
	/* Right seed, wrong private key. */
	memcpy(a.keys.seed, b.keys.seed, sizeof a.keys.seed);
	assert_int_equal(
	    sign_in(&a, "correct horse", (struct lie){ NOTHING, 0 }),
	    ERR_WRONG_PASSWORD);
}

static void
refuses_a_changed_byte_of_a_login(void **state)
{
	static const struct {
		int in;
		size_t n;
	} messages[] = { { KE1, OPAQUE_KE1 }, { KE2, OPAQUE_KE2 },
		{ KE3, OPAQUE_KE3 } };
	OWN(account_free) struct account a;

	(void)state;
	account_make(&a, false);
	for (size_t m = 0; m < ARRAY_SIZE(messages); m++)
		for (size_t at = 0; at < messages[m].n; at++) {
			struct lie lie = { messages[m].in, at };
			enum err_code code = sign_in(&a, "correct horse", lie);
			if (code != ERR_WRONG_PASSWORD &&
			    !(lie.in == KE1 && code == ERR_BAD_REQUEST))
				fail_msg("message %d, byte %zu: %s", lie.in, at,
				    err_name(code));
		}
}

/* A registration changed on its way is refused, or opens for nobody. */
static void
refuses_a_changed_byte_of_a_registration(void **state)
{
	static const struct {
		int in;
		size_t n;
	} messages[] = { { REQUEST, OPAQUE_REQUEST },
		{ RESPONSE, OPAQUE_RESPONSE }, { RECORD, OPAQUE_RECORD } };
	OWN(account_free) struct account a;
	size_t at_once = 0;

	(void)state;
	account_make(&a, false);
	for (size_t m = 0; m < ARRAY_SIZE(messages); m++)
		for (size_t at = 0; at < messages[m].n; at++) {
			struct lie lie = { messages[m].in, at };
			enum err_code code = sign_up(&a, "correct horse", lie);
			if (code != ERR_NONE) {
				assert_int_equal(code, ERR_BAD_REQUEST);
				at_once++;
				continue;
			}
			assert_int_equal(sign_in(&a, "correct horse",
					     (struct lie){ NOTHING, 0 }),
			    ERR_WRONG_PASSWORD);
		}
	assert_true(at_once > 0);
}

static void
never_leaves_its_bounds_of_cost(void **state)
{
	static const struct {
		struct opaque_ksf ksf;
		enum err_code code;
	} cases[] = {
		{ { OPAQUE_MEMORY_KIB_MIN - 1, 3 }, ERR_COST_LOWERED },
		{ { OPAQUE_MEMORY_KIB_MIN, 2 }, ERR_COST_LOWERED },
		{ { 8, 1 }, ERR_COST_LOWERED },
		{ { 0, 0 }, ERR_COST_LOWERED },
		{ { OPAQUE_MEMORY_KIB_MAX, 2 }, ERR_COST_LOWERED },
		{ { OPAQUE_MEMORY_KIB_MAX + 1, 3 }, ERR_TOO_LARGE },
		{ { UINT32_MAX, 3 }, ERR_TOO_LARGE },
		{ { OPAQUE_MEMORY_KIB_MIN, 11 }, ERR_TOO_LARGE },
	};
	uint8_t request[OPAQUE_REQUEST], response[OPAQUE_RESPONSE] = { 0 };
	uint8_t record[OPAQUE_RECORD], ke1[OPAQUE_KE1];
	uint8_t ke2[OPAQUE_KE2] = { 0 }, ke3[OPAQUE_KE3];
	OWN(opaque_free) struct opaque *reg = opaque_new(bytes_str("x"));
	OWN(opaque_free) struct opaque *login = opaque_new(bytes_str("x"));

	(void)state;
	opaque_register(reg, request);
	opaque_login(login, ke1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct opaque_keys k = { NULL, NULL };
		struct secret *x = NULL;
		struct err e = { 0 };
		assert_int_equal(opaque_register_finish(reg, &cases[i].ksf,
				     response, record, &x, &e),
		    -1);
		assert_int_equal(e.code, cases[i].code);
		assert_int_equal(
		    opaque_login_finish(login, &cases[i].ksf, ke2, ke3, &k, &e),
		    -1);
		assert_int_equal(e.code, cases[i].code);
		assert_null(k.session_key);
		assert_null(k.export_key);
		assert_null(x);
	}
}

/* ---- what is no element ---- */

static void
server_refuses_what_is_no_element(void **state)
{
	static const uint8_t fill[] = { 0, 0xff, 0x01 };
	static const size_t at[] = { 0, OPAQUE_KE1_SHARE_AT };
	OWN(account_free) struct account a;
	struct opsrv_random r;

	(void)state;
	account_make(&a, false);
	opsrv_draw(&r);
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++) {
		uint8_t bad[32], out[OPAQUE_RESPONSE];
		struct err e = { 0 };
		memset(bad, fill[i], sizeof bad);
		assert_int_equal(
		    opsrv_register(&a.keys, uid, bad, out, &e), -1);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		for (size_t j = 0; j < ARRAY_SIZE(at); j++) {
			uint8_t ke1[OPAQUE_KE1], st[OPSRV_STATE];
			uint8_t ke2[OPAQUE_KE2], before[OPAQUE_KE2];
			OWN(opaque_free) struct opaque *o = client(&a, "x");
			opaque_login(o, ke1);
			memcpy(ke1 + at[j], bad, sizeof bad);
			memset(before, 0x5a, sizeof before);
			memcpy(ke2, before, sizeof ke2);
			struct opsrv_login ask = { .credential = uid,
				.record = a.record,
				.ke1 = ke1 };
			e.code = ERR_NONE;
			assert_int_equal(
			    opsrv_answer(&a.keys, &ask, &r, ke2, st, &e), -1);
			assert_int_equal(e.code, ERR_BAD_REQUEST);
			assert_memory_equal(ke2, before, sizeof ke2);
		}
	}
}

static void
server_refuses_a_damaged_record(void **state)
{
	static const uint8_t fill[] = { 0, 0xff, 0x01 };
	OWN(account_free) struct account a;

	(void)state;
	account_make(&a, false);
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++) {
		struct err e = { 0 };
		memset(a.record, fill[i], 32);
		assert_int_equal(opsrv_record_check(a.record, &e), -1);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		assert_int_equal(
		    sign_in(&a, "correct horse", (struct lie){ NOTHING, 0 }),
		    ERR_RECORD_CORRUPT);
	}
}

static void
client_refuses_what_is_no_element(void **state)
{
	static const uint8_t fill[] = { 0, 0xff, 0x01 };
	static const size_t reg_at[] = { 0, 32 };
	static const size_t login_at[] = { 0, OPAQUE_KE2_SHARE_AT };
	OWN(account_free) struct account a;

	(void)state;
	account_make(&a, false);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(fill); i++) {
		OWN(opaque_free) struct opaque *reg = client(&a, "x");
		OWN(opaque_free) struct opaque *login = client(&a, "x");
		OWN(opaque_keys_free) struct opaque_keys k = { NULL, NULL };
		OWN(secret_free) struct secret *x = NULL;
		uint8_t request[OPAQUE_REQUEST], response[OPAQUE_RESPONSE];
		uint8_t ke1[OPAQUE_KE1], ke2[OPAQUE_KE2], st[OPSRV_STATE];
		uint8_t record[OPAQUE_RECORD], ke3[OPAQUE_KE3];
		struct opsrv_random r;
		struct err e = { 0 };

		opaque_register(reg, request);
		assert_int_equal(
		    opsrv_register(&a.keys, uid, request, response, &e), 0);
		memset(response + reg_at[i % 2], fill[i / 2], 32);
		assert_int_equal(
		    opaque_register_finish(reg, &ksf, response, record, &x, &e),
		    -1);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		opaque_login(login, ke1);
		opsrv_draw(&r);
		struct opsrv_login ask = {
			.credential = uid, .record = a.record, .ke1 = ke1
		};
		assert_int_equal(
		    opsrv_answer(&a.keys, &ask, &r, ke2, st, &e), 0);
		memset(ke2 + login_at[i % 2], fill[i / 2], 32);
		assert_int_equal(
		    opaque_login_finish(login, &ksf, ke2, ke3, &k, &e), -1);
		assert_int_equal(e.code, ERR_WRONG_PASSWORD);
		assert_null(k.session_key);
		assert_null(k.export_key);
		assert_null(x);
	}
}

/* ---- names nobody has ---- */

static void
answers_for_nobody(const struct account *a, struct bytes credential,
    const struct opsrv_random *r, uint8_t ke2[OPAQUE_KE2], enum err_code *code)
{
	uint8_t ke1[OPAQUE_KE1], ke3[OPAQUE_KE3], st[OPSRV_STATE];
	struct opaque_fixed fixed = { .identity_ksf = true,
		.blind = (const uint8_t *)"0123456789abcdef0123456789abcd\0\0",
		.nonce = r->nonce,
		.share_seed = r->share_seed };
	struct err e = { 0 };
	OWN(opaque_free) struct opaque *o = opaque_new(bytes_str("guess"));
	OWN(opaque_keys_free) struct opaque_keys k = { NULL, NULL };

	opaque_fix(o, &fixed);
	opaque_login(o, ke1);
	struct opsrv_login ask = { .credential = credential,
		.ke1 = ke1,
		.fake_key = bytes_str("fake") };
	assert_int_equal(opsrv_answer(&a->keys, &ask, r, ke2, st, &e), 0);
	*code = opaque_login_finish(o, &ksf, ke2, ke3, &k, &e) < 0 ? e.code
								   : ERR_NONE;
}

static void
answers_alike_for_one_unknown_name(void **state)
{
	OWN(account_free) struct account a;
	struct opsrv_random r;
	uint8_t one[OPAQUE_KE2], two[OPAQUE_KE2], other[OPAQUE_KE2];
	enum err_code code;

	(void)state;
	account_make(&a, false);
	opsrv_draw(&r);
	answers_for_nobody(&a, bytes_str("ana"), &r, one, &code);
	assert_int_equal(code, ERR_WRONG_PASSWORD);
	answers_for_nobody(&a, bytes_str("ana"), &r, two, &code);
	answers_for_nobody(&a, bytes_str("ben"), &r, other, &code);
	assert_memory_equal(one, two, sizeof one);
	/* Another key for the password, another masking key, another client. */
	assert_memory_not_equal(one, other, 32);
	assert_memory_not_equal(one + OPAQUE_KE2_MASKED_AT,
	    other + OPAQUE_KE2_MASKED_AT, OPAQUE_MASKED);
}

static void
fakes_the_same_record_for_the_same_name(void **state)
{
	uint8_t a[OPAQUE_RECORD], b[OPAQUE_RECORD];
	static const struct {
		const char *key, *name;
	} others[] = { { "key", "ben" }, { "kez", "ana" }, { "key", "" } };
	struct err e = { 0 };

	(void)state;
	opsrv_fake_record(bytes_str("key"), bytes_str("ana"), a);
	opsrv_fake_record(bytes_str("key"), bytes_str("ana"), b);
	assert_memory_equal(a, b, sizeof a);
	assert_int_equal(opsrv_record_check(a, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		opsrv_fake_record(
		    bytes_str(others[i].key), bytes_str(others[i].name), b);
		assert_memory_not_equal(a, b, 32);
		assert_memory_not_equal(a + 32, b + 32, 64);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_vectors),
		cmocka_unit_test(signs_in_with_the_right_password_only),
		cmocka_unit_test(tells_passwords_apart),
		cmocka_unit_test(refuses_another_servers_record),
		cmocka_unit_test(refuses_a_changed_byte_of_a_login),
		cmocka_unit_test(refuses_a_changed_byte_of_a_registration),
		cmocka_unit_test(never_leaves_its_bounds_of_cost),
		cmocka_unit_test(server_refuses_what_is_no_element),
		cmocka_unit_test(server_refuses_a_damaged_record),
		cmocka_unit_test(client_refuses_what_is_no_element),
		cmocka_unit_test(answers_alike_for_one_unknown_name),
		cmocka_unit_test(fakes_the_same_record_for_the_same_name),
	};

	if (sodium_init() < 0)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
