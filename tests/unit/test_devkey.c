/* SPDX-License-Identifier: ISC */
/* test_devkey.c: a device signs, and opens what is sealed to it. */
#include "vault/devkey.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
a_key_comes_back_from_its_bytes(void **state)
{
	struct device d = { 0 };
	OWN(devkey_free) struct devkey *k = devkey_new(&d);
	OWN(secret_free) struct secret *raw = devkey_secret(k);
	OWN(devkey_free) struct devkey *again = devkey_of(secret_bytes(raw));
	uint8_t pk[SIG_PK_BYTES];

	(void)state;
	assert_int_equal(secret_bytes(raw).n, DEVKEY_BYTES);
	devkey_sign_pk(again, pk);
	assert_memory_equal(pk, d.sign_pk, sizeof pk);
	assert_false(id_zero(&d.dev_id));
}

static void
two_keys_differ(void **state)
{
	struct device a = { 0 }, b = { 0 };
	OWN(devkey_free) struct devkey *ka = devkey_new(&a);
	OWN(devkey_free) struct devkey *kb = devkey_new(&b);

	(void)state;
	assert_non_null(ka);
	assert_non_null(kb);
	assert_false(id_equal(&a.dev_id, &b.dev_id));
	assert_memory_not_equal(a.sign_pk, b.sign_pk, sizeof a.sign_pk);
	assert_memory_not_equal(a.kem_pk, b.kem_pk, sizeof a.kem_pk);
}

/* RFC 8032 and RFC 7748: public keys of published private ones. */
static void
public_halves_are_those_of_the_rfcs(void **state)
{
	static const uint8_t raw[DEVKEY_BYTES] = { 0x9d, 0x61, 0xb1, 0x9d, 0xef,
		0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c,
		0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70,
		0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
		/* X25519 */ 1 };
	static const uint8_t ed25519[] = { 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1,
		0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
		0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02,
		0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a };
	OWN(devkey_free)
	struct devkey *k = devkey_of(bytes_of(raw, sizeof raw));
	uint8_t pk[SIG_PK_BYTES];

	(void)state;
	devkey_sign_pk(k, pk);
	assert_memory_equal(pk, ed25519, sizeof pk);
}

static void
signs_under_the_label(void **state)
{
	struct device d = { 0 };
	OWN(devkey_free) struct devkey *k = devkey_new(&d);
	uint8_t sig[SIG_BYTES];

	(void)state;
	devkey_sign(k, SIG_SESSION, bytes_str("challenge"), sig);
	assert_true(
	    sig_valid(SIG_SESSION, d.sign_pk, bytes_str("challenge"), sig));
	assert_false(
	    sig_valid(SIG_HEAD, d.sign_pk, bytes_str("challenge"), sig));
	assert_false(
	    sig_valid(SIG_SESSION, d.sign_pk, bytes_str("challengf"), sig));
}

static void
opens_what_was_sealed_to_it(void **state)
{
	static const size_t sizes[] = { 0, 1, 32, 1000 };
	struct device d = { 0 };
	OWN(devkey_free) struct devkey *k = devkey_new(&d);
	uint8_t plain[1000];

	(void)state;
	memset(plain, 0x5a, sizeof plain);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		OWN(buf_free) struct buf sealed = { 0 };
		OWN(secret_free) struct secret *out = NULL;
		struct err e = { 0 };
		devkey_seal(d.kem_pk, bytes_of(plain, sizes[i]), &sealed);
		assert_int_equal(
		    devkey_open(k, buf_bytes(&sealed), &out, &e), 0);
		assert_true(
		    bytes_equal(secret_bytes(out), bytes_of(plain, sizes[i])));
	}
}

static void
expect_refused(const struct devkey *k, struct bytes sealed)
{
	OWN(secret_free) struct secret *out = NULL;
	struct err e = { 0 };

	assert_int_equal(devkey_open(k, sealed, &out, &e), -1);
	assert_int_equal(e.code, ERR_KEY_SUBSTITUTED);
	assert_null(out);
}

static void
refuses_what_was_sealed_to_another_or_changed(void **state)
{
	struct device d = { 0 }, other = { 0 };
	OWN(devkey_free) struct devkey *k = devkey_new(&d);
	OWN(devkey_free) struct devkey *k2 = devkey_new(&other);
	OWN(buf_free) struct buf sealed = { 0 };

	(void)state;
	devkey_seal(d.kem_pk, bytes_str("a key"), &sealed);
	expect_refused(k2, buf_bytes(&sealed));
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 1;
		expect_refused(k, buf_bytes(&sealed));
		sealed.p[i] ^= 1;
	}
	for (size_t n = 0; n < sealed.n; n++)
		expect_refused(k, bytes_of(sealed.p, n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_comes_back_from_its_bytes),
		cmocka_unit_test(two_keys_differ),
		cmocka_unit_test(public_halves_are_those_of_the_rfcs),
		cmocka_unit_test(signs_under_the_label),
		cmocka_unit_test(opens_what_was_sealed_to_it),
		cmocka_unit_test(refuses_what_was_sealed_to_another_or_changed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
