/* SPDX-License-Identifier: ISC */
/* test_cpace.c: CPace against the draft's vectors, and against liars. */
#include "vectors.h"

#include "vault/cpace.h"
#include "wire/oprf.h"

#include <sodium.h>

/* Ours agree with the figures in between, not only with the results. */
static void
check_between(const json_t *v, const uint8_t *ya, const uint8_t *other,
    const struct buf *transcript)
{
	uint8_t hash[64], g[32], y[32], k[32];
	OWN(buf_free) struct buf m = { 0 };
	HEX(string, v, "generator_string");
	HEX(want_hash, v, "generator_hash");
	HEX(want_g, v, "g");
	HEX(want_k, v, "K");
	HEX(want_ya, v, "Ya");
	HEX(want_sid, v, "sid_output_ir");

	oprf_sha512(buf_bytes(&string), hash);
	assert_bytes(hash, sizeof hash, &want_hash);
	crypto_core_ristretto255_from_hash(g, hash);
	assert_bytes(g, sizeof g, &want_g);
	assert_int_equal(oprf_multiply(ya, g, y), 0);
	assert_bytes(y, sizeof y, &want_ya);
	assert_int_equal(oprf_multiply(ya, other, k), 0);
	assert_bytes(k, sizeof k, &want_k);
	buf_put_str(&m, "CPaceSidOutput");
	buf_put_bytes(&m, buf_bytes(transcript));
	oprf_sha512(buf_bytes(&m), hash);
	assert_bytes(hash, sizeof hash, &want_sid);
}

static void
follows_the_vectors(void **state)
{
	json_t *v = vectors_load("tests/vectors/cpace-ristretto255.json");
	struct err e;
	uint8_t ya[32], yb[32];
	HEX(prs, v, "PRS");
	HEX(ci, v, "CI");
	HEX(sid, v, "sid");
	HEX(ada, v, "ADa");
	HEX(adb, v, "ADb");
	HEX(sa, v, "ya");
	HEX(sb, v, "yb");
	HEX(want_a, v, "Ya");
	HEX(want_b, v, "Yb");
	HEX(want, v, "ISK_IR");

	(void)state;
	OWN(cpace_free)
	struct cpace *a = cpace_new(CPACE_INITIATOR, buf_bytes(&prs),
	    buf_bytes(&ci), buf_bytes(&sid), buf_bytes(&ada));
	OWN(cpace_free)
	struct cpace *b = cpace_new(CPACE_RESPONDER, buf_bytes(&prs),
	    buf_bytes(&ci), buf_bytes(&sid), buf_bytes(&adb));
	cpace_share(a, sa.p, ya);
	cpace_share(b, sb.p, yb);
	assert_bytes(ya, 32, &want_a);
	assert_bytes(yb, 32, &want_b);
	OWN(secret_free) struct secret *ka = NULL;
	OWN(secret_free) struct secret *kb = NULL;
	OWN(buf_free) struct buf ta = { 0 };
	OWN(buf_free) struct buf tb = { 0 };
	assert_int_equal(cpace_finish(a, yb, buf_bytes(&adb), &ka, &ta, &e), 0);
	assert_int_equal(cpace_finish(b, ya, buf_bytes(&ada), &kb, &tb, &e), 0);
	assert_bytes(secret_bytes(ka).p, 64, &want);
	assert_bytes(secret_bytes(kb).p, 64, &want);
	assert_true(bytes_equal(buf_bytes(&ta), buf_bytes(&tb)));
	check_between(v, sa.p, yb, &ta);
	json_decref(v);
}

/* One run; each field of the responder may differ from the initiator's. */
static bool
agree(const char *code, const char *ci, const char *sid, const char *ad)
{
	struct err e;
	uint8_t ya[32], yb[32];
	OWN(cpace_free)
	struct cpace *a = cpace_new(CPACE_INITIATOR, bytes_str("12345674"),
	    bytes_str("ci"), bytes_str("sid"), bytes_str("A"));
	OWN(cpace_free)
	struct cpace *b = cpace_new(CPACE_RESPONDER, bytes_str(code),
	    bytes_str(ci), bytes_str(sid), bytes_str("B"));
	OWN(secret_free) struct secret *ka = NULL;
	OWN(secret_free) struct secret *kb = NULL;
	OWN(buf_free) struct buf ta = { 0 };
	OWN(buf_free) struct buf tb = { 0 };

	cpace_share(a, NULL, ya);
	cpace_share(b, NULL, yb);
	assert_int_equal(cpace_finish(a, yb, bytes_str("B"), &ka, &ta, &e), 0);
	assert_int_equal(cpace_finish(b, ya, bytes_str(ad), &kb, &tb, &e), 0);
	return secret_equal(ka, kb);
}

static void
agrees_only_when_all_is_equal(void **state)
{
	(void)state;
	assert_true(agree("12345674", "ci", "sid", "A"));
	assert_false(agree("12345675", "ci", "sid", "A"));
	assert_false(agree("12345674", "cj", "sid", "A"));
	assert_false(agree("12345674", "ci", "sie", "A"));
	assert_false(agree("12345674", "ci", "sid", "a"));
	/* The fields cannot slide into one another. */
	assert_false(agree("12345674", "cis", "id", "A"));
	assert_false(agree("12345674c", "i", "sid", "A"));
	assert_false(agree("", "ci", "sid", "A"));
}

/* A share changed on its way is refused or gives another key. */
static void
a_changed_share_gives_no_key(void **state)
{
	OWN(cpace_free)
	struct cpace *a = cpace_new(CPACE_INITIATOR, bytes_str("12345674"),
	    bytes_str("ci"), bytes_str("sid"), bytes_str("A"));
	OWN(cpace_free)
	struct cpace *b = cpace_new(CPACE_RESPONDER, bytes_str("12345674"),
	    bytes_str("ci"), bytes_str("sid"), bytes_str("B"));
	OWN(secret_free) struct secret *right = NULL;
	uint8_t ya[CPACE_SHARE], yb[CPACE_SHARE];
	OWN(buf_free) struct buf t = { 0 };
	struct err e = { 0 };
	size_t refused = 0;

	(void)state;
	cpace_share(a, NULL, ya);
	cpace_share(b, NULL, yb);
	assert_int_equal(
	    cpace_finish(a, yb, bytes_str("B"), &right, &t, &e), 0);
	for (size_t bit = 0; bit < 8 * sizeof ya; bit++) {
		OWN(secret_free) struct secret *k = NULL;
		ya[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (cpace_finish(b, ya, bytes_str("A"), &k, &t, &e) < 0) {
			assert_int_equal(e.code, ERR_WRONG_CODE);
			assert_null(k);
			refused++;
		} else {
			assert_false(secret_equal(k, right));
		}
		ya[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(refused > 0);
	OWN(secret_free) struct secret *k = NULL;
	assert_int_equal(cpace_finish(b, ya, bytes_str("A"), &k, &t, &e), 0);
	assert_true(secret_equal(k, right));
}

static void
both_need_their_role(void **state)
{
	OWN(cpace_free)
	struct cpace *a = cpace_new(CPACE_INITIATOR, bytes_str("1"),
	    bytes_str("ci"), bytes_str("sid"), bytes_str("A"));
	OWN(cpace_free)
	struct cpace *b = cpace_new(CPACE_INITIATOR, bytes_str("1"),
	    bytes_str("ci"), bytes_str("sid"), bytes_str("B"));
	OWN(secret_free) struct secret *ka = NULL;
	OWN(secret_free) struct secret *kb = NULL;
	uint8_t ya[CPACE_SHARE], yb[CPACE_SHARE];
	OWN(buf_free) struct buf t = { 0 };
	struct err e = { 0 };

	(void)state;
	cpace_share(a, NULL, ya);
	cpace_share(b, NULL, yb);
	assert_int_equal(cpace_finish(a, yb, bytes_str("B"), &ka, &t, &e), 0);
	assert_int_equal(cpace_finish(b, ya, bytes_str("A"), &kb, &t, &e), 0);
	assert_false(secret_equal(ka, kb));
}

static void
refuses_improper_shares(void **state)
{
	static const uint8_t fill[] = { 0x00, 0x01, 0xfe, 0xff };
	OWN(cpace_free)
	struct cpace *a = cpace_new(CPACE_INITIATOR, bytes_str("1"),
	    bytes_str("ci"), bytes_str("sid"), bytes_str("A"));
	OWN(secret_free) struct secret *k = NULL;
	OWN(buf_free) struct buf t = { 0 };
	uint8_t own[CPACE_SHARE], bad[CPACE_SHARE];

	(void)state;
	cpace_share(a, NULL, own);
	for (size_t i = 0; i <= ARRAY_SIZE(fill); i++) {
		struct err e = { 0 };
		if (i < ARRAY_SIZE(fill))
			memset(bad, fill[i], sizeof bad);
		else
			memcpy(bad, own, sizeof bad); /* reflected */
		assert_int_equal(
		    cpace_finish(a, bad, bytes_str("B"), &k, &t, &e), -1);
		assert_int_equal(e.code, ERR_WRONG_CODE);
		assert_null(k);
		assert_int_equal(t.n, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_vectors),
		cmocka_unit_test(agrees_only_when_all_is_equal),
		cmocka_unit_test(a_changed_share_gives_no_key),
		cmocka_unit_test(both_need_their_role),
		cmocka_unit_test(refuses_improper_shares),
	};

	if (sodium_init() < 0)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
