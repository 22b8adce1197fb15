/* SPDX-License-Identifier: ISC */
/* test_seal.c: small ciphertext, and that a record is bound to its place. */
#include "vault/seal.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static const struct seal_place home = {
	.uid = { { 1 } },
	.category = CATEGORY_BACKUP,
	.zone = { { 2 } },
	.id = { { 3 } },
	.version = 4,
};

static struct secret *
key_of(uint8_t x)
{
	struct secret *k = secret_new(SECRET_KEY);

	secret_room(k)[0] = x;
	return k;
}

static void
opens_what_it_made(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, 262144 };
	OWN(secret_free) struct secret *k = key_of(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		OWN(buf_free) struct buf plain = { 0 };
		OWN(buf_free) struct buf sealed = { 0 };
		OWN(buf_free) struct buf out = { 0 };
		OWN(secret_free) struct secret *secret = NULL;
		struct err e = { 0 };
		memset(buf_grow(&plain, sizes[i]), 'p', sizes[i]);
		seal_make(k, bytes_str("ad"), buf_bytes(&plain), &sealed);
		assert_int_equal(sealed.n, sizes[i] + SEAL_OVERHEAD);
		assert_int_equal(
		    seal_open(k, bytes_str("ad"), buf_bytes(&sealed), &out, &e),
		    0);
		assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&plain)));
		assert_int_equal(seal_open_secret(k, bytes_str("ad"),
				     buf_bytes(&sealed), &secret, &e),
		    0);
		assert_true(
		    bytes_equal(secret_bytes(secret), buf_bytes(&plain)));
	}
}

static void
the_same_plaintext_never_looks_the_same(void **state)
{
	OWN(secret_free) struct secret *k = key_of(1);
	OWN(buf_free) struct buf a = { 0 };
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	seal_make(k, bytes_str(""), bytes_str("same"), &a);
	seal_make(k, bytes_str(""), bytes_str("same"), &b);
	assert_false(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
}

static void
expect_closed(const struct secret *k, const char *ad, struct bytes sealed)
{
	OWN(buf_free) struct buf out = { 0 };
	OWN(secret_free) struct secret *secret = NULL;
	struct err e = { 0 };

	buf_put_str(&out, "<");
	assert_int_equal(seal_open(k, bytes_str(ad), sealed, &out, &e), -1);
	assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	assert_int_equal(out.n, 1);
	assert_int_equal(
	    seal_open_secret(k, bytes_str(ad), sealed, &secret, &e), -1);
	assert_null(secret);
}

static void
refuses_other_keys_bytes_and_lengths(void **state)
{
	OWN(secret_free) struct secret *k = key_of(1);
	OWN(secret_free) struct secret *other = key_of(2);
	OWN(buf_free) struct buf x = { 0 };

	(void)state;
	seal_make(k, bytes_str("ad"), bytes_str("plaintext"), &x);
	expect_closed(other, "ad", buf_bytes(&x));
	expect_closed(k, "ae", buf_bytes(&x));
	expect_closed(k, "", buf_bytes(&x));
	for (size_t i = 0; i < 8 * x.n; i++) {
		x.p[i / 8] ^= (uint8_t)(1U << i % 8);
		expect_closed(k, "ad", buf_bytes(&x));
		x.p[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	for (size_t n = 0; n < x.n; n++)
		expect_closed(k, "ad", bytes_of(x.p, n));
}

static int
open_at(const struct secret *k, const struct seal_place *place,
    struct bytes sealed, enum err_code *code)
{
	OWN(buf_free) struct buf out = { 0 };
	struct err e = { 0 };
	int result = seal_record_open(k, place, sealed, &out, &e);

	if (result == 0)
		assert_true(bytes_equal(buf_bytes(&out), bytes_str("note")));
	else
		assert_int_equal(out.n, 0);
	*code = e.code;
	return result;
}

static void
a_record_opens_in_its_place_alone(void **state)
{
	OWN(secret_free) struct secret *k = key_of(1);
	OWN(buf_free) struct buf sealed = { 0 };
	struct seal_place wrong[5];
	enum err_code code;

	(void)state;
	seal_record(k, 9, &home, bytes_str("note"), &sealed);
	assert_int_equal(open_at(k, &home, buf_bytes(&sealed), &code), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		wrong[i] = home;
	wrong[0].uid.b[15] ^= 1;
	wrong[1].category = CATEGORY_DRIVE;
	wrong[2].zone.b[15] ^= 1;
	wrong[3].id.b[15] ^= 1;
	wrong[4].version++;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(
		    open_at(k, &wrong[i], buf_bytes(&sealed), &code), -1);
		assert_int_equal(code, ERR_RECORD_CORRUPT);
	}
}

static void
a_record_with_any_byte_changed_stays_closed(void **state)
{
	OWN(secret_free) struct secret *k = key_of(1);
	OWN(buf_free) struct buf sealed = { 0 };
	enum err_code code;

	(void)state;
	seal_record(k, 9, &home, bytes_str("note"), &sealed);
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 0x80;
		assert_int_equal(
		    open_at(k, &home, buf_bytes(&sealed), &code), -1);
		/* A larger format number may be a newer program's. */
		assert_int_equal(
		    code, i == 0 ? ERR_UPDATE_NEEDED : ERR_RECORD_CORRUPT);
		sealed.p[i] ^= 0x80;
	}
	for (size_t n = 0; n < sealed.n; n++)
		assert_int_equal(
		    open_at(k, &home, bytes_of(sealed.p, n), &code), -1);
}

static void
names_its_epoch(void **state)
{
	OWN(secret_free) struct secret *k = key_of(1);
	OWN(buf_free) struct buf sealed = { 0 };
	struct err e = { 0 };
	uint32_t epoch = 0;

	(void)state;
	seal_record(k, 0x01020304, &home, bytes_str("note"), &sealed);
	assert_int_equal(seal_record_epoch(buf_bytes(&sealed), &epoch, &e), 0);
	assert_int_equal(epoch, 0x01020304);
	for (size_t n = 0; n < SEAL_RECORD_HEADER; n++) {
		assert_int_equal(
		    seal_record_epoch(bytes_of(sealed.p, n), &epoch, &e), -1);
		assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_it_made),
		cmocka_unit_test(the_same_plaintext_never_looks_the_same),
		cmocka_unit_test(refuses_other_keys_bytes_and_lengths),
		cmocka_unit_test(a_record_opens_in_its_place_alone),
		cmocka_unit_test(a_record_with_any_byte_changed_stays_closed),
		cmocka_unit_test(names_its_epoch),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
