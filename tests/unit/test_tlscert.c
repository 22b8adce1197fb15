/* SPDX-License-Identifier: ISC */
/* test_tlscert.c: the self-signed certificate and its pin. */
#include "http/tlscert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static const char *const names[] = { "home.example", "192.0.2.7",
	"2001:db8::7" };

static X509 *
read_cert(const struct buf *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(x);
	return x;
}

static void
is_valid_for_its_names_for_20_years(void **state)
{
	OWN(buf_free) struct buf cert = { 0 }, key = { 0 };
	struct err e = { 0 };
	int days, seconds;

	(void)state;
	assert_int_equal(tlscert_make(names, 3, &cert, &key, &e), 0);
	X509 *x = read_cert(&cert);
	assert_int_equal(X509_check_host(x, "home.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_host(x, "other.example", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(x, "192.0.2.7", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "2001:db8::7", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "192.0.2.8", 0), 0);
	assert_true(X509_cmp_current_time(X509_get0_notBefore(x)) < 0);
	assert_int_equal(
	    ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)), 1);
	assert_in_range(days, 20 * 365, 20 * 366);
	assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
	X509_free(x);
}

static void
key_belongs_to_the_certificate(void **state)
{
	OWN(buf_free) struct buf cert = { 0 }, key = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tlscert_make(names, 1, &cert, &key, &e), 0);
	X509 *x = read_cert(&cert);
	BIO *bio = BIO_new_mem_buf(key.p, (int)key.n);
	EVP_PKEY *k = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	assert_non_null(k);
	assert_int_equal(X509_check_private_key(x, k), 1);
	assert_true(EVP_PKEY_is_a(k, "EC"));
	assert_int_equal(EVP_PKEY_get_bits(k), 256);
	EVP_PKEY_free(k);
	BIO_free(bio);
	X509_free(x);
}

static void
two_are_different(void **state)
{
	OWN(buf_free) struct buf a = { 0 }, b = { 0 }, key = { 0 };
	struct digest da, db;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tlscert_make(names, 1, &a, &key, &e), 0);
	assert_int_equal(tlscert_make(names, 1, &b, &key, &e), 0);
	assert_int_equal(tlscert_spki(buf_bytes(&a), &da, &e), 0);
	assert_int_equal(tlscert_spki(buf_bytes(&b), &db, &e), 0);
	assert_false(digest_equal(&da, &db));
}

/*
 * Made with the openssl program; the pin by its documented recipe: x509
 * -pubkey -noout, pkey -pubin -outform der, dgst -sha256 -binary, base64.
 */
static const char known_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBhTCCASugAwIBAgIUKjQMqmR5N8xcjPmSuA501LOvkcgwCgYIKoZIzj0EAwIw\n"
    "GDEWMBQGA1UEAwwNa25vd24uZXhhbXBsZTAeFw0yNjExMjMxNDI3MDBaFw00NjEx\n"
    "MTgxNDI3MDBaMBgxFjAUBgNVBAMMDWtub3duLmV4YW1wbGUwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAARpSzmrvQPhW0mCsYJmS+9IS+L0Q9/S86WhoQuMNXz85s92\n"
    "YwEi2K3WRAnjSAO4VzqXig2S7VBKQKSooqnPfaQ+o1MwUTAdBgNVHQ4EFgQUuNKt\n"
    "UUbPaxB5uSE7s6cuXdSMOdMwHwYDVR0jBBgwFoAUuNKtUUbPaxB5uSE7s6cuXdSM\n"
    "OdMwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBWD38JnABSudqc\n"
    "zdVrVfeskanzXl55OkC/GjCYryLAXQIhAIWV14qQTwzqivmiwFQzEUNBHAbF82bX\n"
    "NFDNW7GNjt6N\n"
    "-----END CERTIFICATE-----\n";
static const char known_pin[] = "EtqjUTJmH4xQgg3MLun2d7wk1HcpWp9VX5Hk3LjPPnA";

static void
pin_is_that_of_other_programs(void **state)
{
	OWN(buf_free) struct buf pin = { 0 };
	struct digest d;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(tlscert_spki(bytes_str(known_pem), &d, &e), 0);
	tlscert_pin(&d, &pin);
	assert_string_equal(buf_text(&pin), known_pin);
}

static void
refuses_names_that_are_none(void **state)
{
	static const char *const bad[] = { "", "a b", "a/b", ".a", "a..b",
		"a,DNS:b", "*", "1.2.3.4:80" };
	OWN(buf_free) struct buf cert = { 0 }, key = { 0 };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(tlscert_make(&bad[i], 1, &cert, &key, &e), -1);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		assert_int_equal(cert.n + key.n, 0);
	}
}

static void
refuses_what_is_no_certificate(void **state)
{
	static const char *const bad[] = { "", "x",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END " };
	struct err e = { 0 };
	struct digest d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(tlscert_spki(bytes_str(bad[i]), &d, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_valid_for_its_names_for_20_years),
		cmocka_unit_test(key_belongs_to_the_certificate),
		cmocka_unit_test(two_are_different),
		cmocka_unit_test(pin_is_that_of_other_programs),
		cmocka_unit_test(refuses_names_that_are_none),
		cmocka_unit_test(refuses_what_is_no_certificate),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
