/* SPDX-License-Identifier: ISC */
/* test_seckey.c: who may ask for a key, and what its secret becomes. */
#include "client/circlepin.h"
#include "client/seckey.h"

#include "vectors.h"

static void
takes_only_the_server_it_reached(void **state)
{
	static const struct {
		const char *url, *rp_id, *origin;
		bool ok;
	} cases[] = {
		{ "https://c.example/#pin=x", "c.example", "https://c.example",
		    true },
		{ "https://c.example:443/#pin=x", "c.example",
		    "https://c.example", true },
		{ "https://C.Example:8443/#pin=x", "c.example",
		    "https://c.example:8443", true },
		{ "https://a.c.example:8443", "c.example",
		    "https://a.c.example:8443", true },
		{ "https://127.0.0.1:8443/#pin=x", "localhost",
		    "https://localhost:8443", true },
		{ "http://[::1]:8080", "localhost", "http://localhost:8080",
		    true },
		{ "https://evil.example/#pin=x", "c.example",
		    "https://c.example", false },
		{ "https://c.example:8443/#pin=x", "c.example",
		    "https://c.example", false },
		{ "https://evil.example/#pin=x", "c.example",
		    "https://evil.example", false },
		{ "https://evilc.example/#pin=x", "c.example",
		    "https://evilc.example", false },
		{ "https://6.6.6.6/#pin=x", "c.example", "https://c.example",
		    false },
		{ "https://127.0.0.1.evil.example/", "c.example",
		    "https://c.example", false },
		{ "https://c.example", "", "https://c.example", false },
		{ "https://c.example", "c.example", "", false },
		{ "https://c.example", "c.example", "http://c.example", false },
		{ "https://[::1", "c.example", "https://[", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = { 0 };
		int rc = seckey_check_site(
		    cases[i].url, cases[i].rp_id, cases[i].origin, &e);
		if ((rc == 0) != cases[i].ok)
			fail_msg("%s asks for %s as %s: %s", cases[i].url,
			    cases[i].rp_id, cases[i].origin, e.msg);
		if (rc < 0)
			assert_int_equal(e.code, ERR_KEY_ORIGIN);
	}
}

static void
makes_the_same_keys_of_a_secret(void **state)
{
	uint8_t prf[32];
	struct device a = { .class = 0 }, b = { .class = 0 };
	struct digest salt;
	struct id uid;

	(void)state;
	memset(prf, 7, sizeof prf);
	memset(uid.b, 9, sizeof uid.b);
	OWN(secret_free)
	struct secret *s = secret_of(bytes_of(prf, sizeof prf));
	OWN(devkey_free) struct devkey *one = devkey_from_prf(s);
	OWN(devkey_free) struct devkey *two = devkey_from_prf(s);
	devkey_publish(one, &a);
	devkey_publish(two, &b);
	assert_memory_equal(a.sign_pk, b.sign_pk, SIG_PK_BYTES);
	assert_memory_equal(a.kem_pk, b.kem_pk, KEM_PK_BYTES);
	json_t *v = vectors_load("tests/vectors/key-member.json");
	HEX(sign_pk, v, "sign_pk");
	HEX(kem_pk, v, "kem_pk");
	HEX(want, v, "salt");
	assert_bytes(a.sign_pk, SIG_PK_BYTES, &sign_pk);
	assert_bytes(a.kem_pk, KEM_PK_BYTES, &kem_pk);
	seckey_hmac_salt(&uid, &salt);
	assert_bytes(salt.b, DIGEST_BYTES, &want);
	json_decref(v);
}

static void
knows_a_circle_by_its_pin(void **state)
{
	struct digest hashes[3] = { { { 1 } }, { { 2 } }, { { 3 } } };
	struct circle c = { .circle_id = { { 1 } },
		.seq = 2,
		.head = { { 2 } },
		.hashes = hashes,
		.n_hashes = 2 };
	OWN(secret_free) struct secret *s = secret_random(32);
	OWN(secret_free) struct secret *other = secret_random(32);
	OWN(buf_free) struct buf pin = { 0 };
	struct err e = { 0 };

	(void)state;
	circlepin_put(s, &c, &pin);
	assert_int_equal(pin.n, CIRCLEPIN_BYTES);
	assert_int_equal(circlepin_check(s, &c, buf_bytes(&pin), &e), 0);
	/* It has grown since. */
	c.seq = 3;
	c.head = hashes[2];
	c.n_hashes = 3;
	assert_int_equal(circlepin_check(s, &c, buf_bytes(&pin), &e), 0);
	assert_int_equal(circlepin_check(other, &c, buf_bytes(&pin), &e), -1);
	assert_int_equal(e.code, ERR_CIRCLE_NOT_YOURS);
	hashes[1].b[5] ^= 1;
	assert_int_equal(circlepin_check(s, &c, buf_bytes(&pin), &e), -1);
	assert_int_equal(e.code, ERR_CIRCLE_NOT_YOURS);
	hashes[1].b[5] ^= 1;
	c.n_hashes = 1;
	assert_int_equal(circlepin_check(s, &c, buf_bytes(&pin), &e), -1);
	c.n_hashes = 3;
	c.circle_id.b[0] ^= 1;
	assert_int_equal(circlepin_check(s, &c, buf_bytes(&pin), &e), -1);
	c.circle_id.b[0] ^= 1;
	c.uid.b[0] ^= 1;
	assert_int_equal(circlepin_check(s, &c, buf_bytes(&pin), &e), -1);
	c.uid.b[0] ^= 1;
	for (size_t i = 0; i < pin.n; i++) {
		pin.p[i] ^= 1;
		assert_int_equal(
		    circlepin_check(s, &c, buf_bytes(&pin), &e), -1);
		pin.p[i] ^= 1;
	}
	pin.n--;
	assert_int_equal(circlepin_check(s, &c, buf_bytes(&pin), &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_only_the_server_it_reached),
		cmocka_unit_test(makes_the_same_keys_of_a_secret),
		cmocka_unit_test(knows_a_circle_by_its_pin),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
