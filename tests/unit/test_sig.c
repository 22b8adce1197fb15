/* SPDX-License-Identifier: ISC */
/* test_sig.c: labels and verification. */
#include "wire/sig.h"

#include <sodium.h>
#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static uint8_t pk[SIG_PK_BYTES], sk[crypto_sign_SECRETKEYBYTES];

static int
keys(void **state)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = { 42 };

	(void)state;
	return crypto_sign_seed_keypair(pk, sk, seed);
}

static void
sign(enum sig_label label, const char *message, uint8_t sig[static SIG_BYTES])
{
	OWN(buf_free) struct buf b = { 0 };

	buf_put_bytes(&b, sig_label(label));
	buf_put_str(&b, message);
	assert_int_equal(crypto_sign_detached(sig, NULL, b.p, b.n, sk), 0);
}

static void
labels_end_in_nul_and_none_begins_another(void **state)
{
	(void)state;
	for (int a = 0; a < SIG_LABELS; a++) {
		struct bytes x = sig_label((enum sig_label)a);
		assert_int_equal(strlen((const char *)x.p) + 1, x.n);
		for (int b = 0; b < a; b++)
			assert_string_not_equal((const char *)x.p,
			    (const char *)sig_label((enum sig_label)b).p);
	}
}

static void
accepts_its_own_label_alone(void **state)
{
	uint8_t sig[SIG_BYTES];

	(void)state;
	for (int a = 0; a < SIG_LABELS; a++) {
		sign((enum sig_label)a, "message", sig);
		for (int b = 0; b < SIG_LABELS; b++)
			assert_int_equal(sig_valid((enum sig_label)b, pk,
					     bytes_str("message"), sig),
			    a == b);
	}
}

static void
refuses_a_flipped_bit(void **state)
{
	uint8_t sig[SIG_BYTES], key[SIG_PK_BYTES];
	char message[] = "message";

	(void)state;
	sign(SIG_HEAD, message, sig);
	for (size_t i = 0; i < 8 * sizeof sig; i++) {
		sig[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_false(sig_valid(SIG_HEAD, pk, bytes_str(message), sig));
		sig[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	for (size_t i = 0; i < strlen(message); i++) {
		message[i] ^= 1;
		assert_false(sig_valid(SIG_HEAD, pk, bytes_str(message), sig));
		message[i] ^= 1;
	}
	memcpy(key, pk, sizeof key);
	key[5] ^= 4;
	assert_false(sig_valid(SIG_HEAD, key, bytes_str(message), sig));
	assert_true(sig_valid(SIG_HEAD, pk, bytes_str(message), sig));
}

static void
refuses_keys_that_fit_every_message(void **state)
{
	/* A point of small order: R = A = identity verifies when unchecked. */
	uint8_t identity[SIG_PK_BYTES] = { 1 }, sig[SIG_BYTES] = { 1 };

	(void)state;
	assert_false(sig_valid(SIG_HEAD, identity, bytes_str("x"), sig));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_end_in_nul_and_none_begins_another),
		cmocka_unit_test(accepts_its_own_label_alone),
		cmocka_unit_test(refuses_a_flipped_bit),
		cmocka_unit_test(refuses_keys_that_fit_every_message),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, keys, NULL);
}
