/* SPDX-License-Identifier: ISC */
/* test_oprf.c: the shared mathematics against vectors and against OpenSSL. */
#include "vectors.h"

#include "wire/opaque3dh.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

static void
check_evaluation(const uint8_t *sk, const json_t *v)
{
	uint8_t element[32], blinded[32], evaluated[32], inverse[32];
	uint8_t unblinded[32], output[64];
	HEX(input, v, "Input");
	HEX(blind, v, "Blind");
	HEX(want_blinded, v, "BlindedElement");
	HEX(want_evaluated, v, "EvaluationElement");
	HEX(want_output, v, "Output");

	oprf_to_group(buf_bytes(&input), element);
	assert_int_equal(oprf_multiply(blind.p, element, blinded), 0);
	assert_bytes(blinded, 32, &want_blinded);
	assert_int_equal(oprf_multiply(sk, blinded, evaluated), 0);
	assert_bytes(evaluated, 32, &want_evaluated);
	assert_int_equal(
	    crypto_core_ristretto255_scalar_invert(inverse, blind.p), 0);
	assert_int_equal(oprf_multiply(inverse, evaluated, unblinded), 0);
	oprf_finalize(buf_bytes(&input), unblinded, output);
	assert_bytes(output, 64, &want_output);
}

static void
follows_the_vectors(void **state)
{
	json_t *all = vectors_load("tests/vectors/oprf-ristretto255.json");
	const json_t *suites = json_object_get(all, "vectors");
	const json_t *suite, *v;
	size_t i, j, seen = 0;

	(void)state;
	json_array_foreach(suites, i, suite)
	{
		uint8_t sk[32], pk[32], base[32];
		HEX(seed, suite, "seed");
		HEX(info, suite, "keyInfo");
		HEX(want_sk, suite, "skSm");
		oprf_derive(seed.p, buf_bytes(&info), sk, pk);
		assert_bytes(sk, sizeof sk, &want_sk);
		crypto_scalarmult_ristretto255_base(base, sk);
		assert_memory_equal(pk, base, sizeof pk);
		json_array_foreach(json_object_get(suite, "vectors"), j, v)
		{
			check_evaluation(sk, v);
			seen++;
		}
	}
	assert_int_equal(seen, 2);
	json_decref(all);
}

/* OpenSSL's HKDF-SHA-512 without a salt. */
static void
other_hkdf(const char *mode, struct bytes key, struct bytes info, uint8_t *out,
    size_t n)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
		    OSSL_KDF_PARAM_MODE, (char *)(uintptr_t)mode, 0),
		OSSL_PARAM_construct_utf8_string(
		    OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA512" }, 0),
		OSSL_PARAM_construct_octet_string(
		    OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key.p, key.n),
		OSSL_PARAM_construct_octet_string(
		    OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.p, info.n),
		OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_KDF_derive(ctx, out, n, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void
derives_as_another_hkdf_does(void **state)
{
	static const size_t sizes[] = { 1, 32, 63, 64, 65, 128, 129, 255 * 64 };
	static uint8_t got[255 * 64], want[255 * 64];
	struct bytes ikm = bytes_str("input keying material of some length");
	struct bytes info = bytes_str("nonceLabel");
	uint8_t prk[64];

	(void)state;
	oprf_extract(ikm, prk);
	other_hkdf("EXTRACT_ONLY", ikm, bytes_str(""), want, 64);
	assert_memory_equal(prk, want, 64);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		other_hkdf(
		    "EXPAND_ONLY", bytes_of(prk, 64), info, want, sizes[i]);
		oprf_expand(prk, info, got, sizes[i]);
		assert_memory_equal(got, want, sizes[i]);
		oprf_expand_label(
		    prk, bytes_str("nonce"), "Label", got, sizes[i]);
		assert_memory_equal(got, want, sizes[i]);
	}
}

/* RFC 4231, test cases 2 and 6: a short key, and one longer than a block. */
static void
makes_the_published_macs(void **state)
{
	static const struct {
		size_t key_n;
		const char *key, *text, *mac;
	} cases[] = {
		{ 4, "Jefe", "what do ya want for nothing?",
		    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7"
		    "ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b"
		    "636e070a38bce737" },
		{ 131, NULL,
		    "Test Using Larger Than Block-Size Key - Hash Key First",
		    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b0137"
		    "83f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec"
		    "8b915a985d786598" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t key[131], got[64];
		OWN(buf_free) struct buf want = { 0 };
		memset(key, 0xaa, sizeof key);
		if (cases[i].key != NULL)
			memcpy(key, cases[i].key, cases[i].key_n);
		assert_int_equal(text_unhex(&want, bytes_str(cases[i].mac)), 0);
		oprf_mac(bytes_of(key, cases[i].key_n),
		    bytes_str(cases[i].text), got);
		assert_bytes(got, 64, &want);
	}
}

/* Encodings that RFC 9496, appendix A.2, has decoders refuse, and more. */
static void
multiplies_proper_elements_only(void **state)
{
	static const struct {
		const char *name, *hex;
	} cases[] = {
		{ "identity",
		    "0000000000000000000000000000000000000000000000000000000000"
		    "000000" },
		{ "not canonical",
		    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		    "ffffff" },
		{ "the field's order",
		    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		    "ffff7f" },
		{ "negative",
		    "0100000000000000000000000000000000000000000000000000000000"
		    "000000" },
		{ "no square",
		    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d"
		    "81d371" },
		{ "negative xy",
		    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba145"
		    "79630e" },
		{ "s = -1",
		    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		    "ffff7f" },
		{ "all ones",
		    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		    "ffffff" },
	};
	const uint8_t scalar[32] = { 5 }, zero[32] = { 0 };
	uint8_t out[32], before[32], element[32];

	(void)state;
	memset(before, 0x5a, sizeof before);
	memcpy(out, before, sizeof out);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf bad = { 0 };
		assert_int_equal(text_unhex(&bad, bytes_str(cases[i].hex)), 0);
		assert_int_equal(bad.n, 32);
		if (oprf_multiply(scalar, bad.p, out) == 0)
			fail_msg("took an element: %s", cases[i].name);
		assert_memory_equal(out, before, sizeof out);
	}
	oprf_to_group(bytes_str("x"), element);
	assert_int_equal(oprf_multiply(zero, element, out), -1);
	assert_memory_equal(out, before, sizeof out);
	assert_int_equal(oprf_multiply(scalar, element, element), 0);
	assert_memory_not_equal(element, before, sizeof element);
}

static void
takes_no_bytes_without_a_pointer(void **state)
{
	const struct bytes none = { NULL, 0 };
	const uint8_t prk[64] = { 1 };
	uint8_t a[64], b[64];

	(void)state;
	oprf_sha512(none, a);
	oprf_sha512(bytes_str(""), b);
	assert_memory_equal(a, b, sizeof a);
	oprf_mac(none, none, a);
	oprf_mac(bytes_str(""), bytes_str(""), b);
	assert_memory_equal(a, b, sizeof a);
	oprf_expand_label(prk, none, "x", a, sizeof a);
	oprf_expand(prk, bytes_str("x"), b, sizeof b);
	assert_memory_equal(a, b, sizeof a);
}

static void
compares_every_byte(void **state)
{
	uint8_t a[64], b[64];

	(void)state;
	memset(a, 7, sizeof a);
	memcpy(b, a, sizeof b);
	assert_true(oprf_equal(a, b, sizeof a));
	for (size_t i = 0; i < sizeof b; i++) {
		b[i] ^= 0x80;
		assert_false(oprf_equal(a, b, sizeof a));
		b[i] ^= 0x80;
	}
}

static void
unmasks_what_it_masked(void **state)
{
	uint8_t key[64] = { 1 }, nonce[32] = { 2 };
	uint8_t clear[OPAQUE_MASKED] = { 3 }, masked[OPAQUE_MASKED];
	uint8_t back[OPAQUE_MASKED];

	(void)state;
	opaque3dh_mask(key, nonce, clear, masked);
	assert_memory_not_equal(masked, clear, sizeof clear);
	opaque3dh_mask(key, nonce, masked, back);
	assert_memory_equal(back, clear, sizeof clear);
	nonce[31] ^= 1;
	opaque3dh_mask(key, nonce, masked, back);
	assert_memory_not_equal(back, clear, sizeof clear);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_vectors),
		cmocka_unit_test(derives_as_another_hkdf_does),
		cmocka_unit_test(makes_the_published_macs),
		cmocka_unit_test(multiplies_proper_elements_only),
		cmocka_unit_test(takes_no_bytes_without_a_pointer),
		cmocka_unit_test(compares_every_byte),
		cmocka_unit_test(unmasks_what_it_masked),
	};

	if (sodium_init() < 0)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
