/* SPDX-License-Identifier: ISC */
/* test_digest.c: SHA-256, HMAC and HKDF against published vectors. */
#include "wire/digest.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
expect_hex(const void *p, size_t n, const char *hex)
{
	OWN(buf_free) struct buf b = { 0 };

	text_hex(&b, bytes_of(p, n));
	assert_string_equal(buf_text(&b), hex);
}

/* `text` of hex digits, or "NxBB" for N times the byte BB. */
static void
bytes_from(struct buf *out, const char *text)
{
	char *end = NULL;
	unsigned long n = strtoul(text, &end, 10);

	if (end != text && *end == 'x') {
		uint8_t value = (uint8_t)strtoul(end + 1, NULL, 16);
		memset(buf_grow(out, n), value, n);
		return;
	}
	assert_int_equal(text_unhex(out, bytes_str(text)), 0);
}

/* FIPS 180-4 examples, and the empty message. */
static const struct {
	const char *message, *hash;
} sha256[] = {
	{ "",
	    "e3b0c44298fc1c149afbf4c8996fb924"
	    "27ae41e4649b934ca495991b7852b855" },
	{ "abc",
	    "ba7816bf8f01cfea414140de5dae2223"
	    "b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "248d6a61d20638b8e5c026930c3e6039"
	    "a33ce45964ff2167f6ecedd419db06c1" },
};

static void
hashes_as_fips_180_4(void **state)
{
	OWN(buf_free) struct buf million = { 0 };
	struct digest d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sha256); i++) {
		digest_of(bytes_str(sha256[i].message), &d);
		expect_hex(d.b, sizeof d.b, sha256[i].hash);
	}
	memset(buf_grow(&million, 1000000), 'a', 1000000);
	digest_of(buf_bytes(&million), &d);
	expect_hex(d.b, sizeof d.b,
	    "cdc76e5c9914fb9281a1c7e284d73e67"
	    "f1809a48a497200e046d39ccc7112cd0");
}

static void
pieces_hash_like_the_whole(void **state)
{
	OWN(digest_free) struct digest_state *s = digest_new();
	OWN(buf_free) struct buf whole = { 0 };
	struct digest once, pieces;

	(void)state;
	for (size_t round = 0; round < 2; round++) {
		buf_clear(&whole);
		for (size_t n = 0; n < 200; n++) {
			OWN(buf_free) struct buf piece = { 0 };
			memset(buf_grow(&piece, n), (int)n, n);
			digest_add(s, buf_bytes(&piece));
			buf_put_bytes(&whole, buf_bytes(&piece));
		}
		digest_add_u32(s, 0x01020304);
		buf_put_u32(&whole, 0x01020304);
		digest_add_u64(s, 0x05060708090a0b0c);
		buf_put_u64(&whole, 0x05060708090a0b0c);
		digest_end(s, &pieces); /* and begins anew */
		digest_of(buf_bytes(&whole), &once);
		assert_true(digest_equal(&once, &pieces));
	}
}

/* RFC 4231, cases 1 to 4, 6 and 7; HMAC-SHA-256. */
static const struct {
	const char *key, *data, *mac;
} rfc4231[] = {
	{ "20x0b", "4869205468657265",
	    "b0344c61d8db38535ca8afceaf0bf12b"
	    "881dc200c9833da726e9376c2e32cff7" },
	{ "4a656665",
	    "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	    "5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843" },
	{ "20xaa", "50xdd",
	    "773ea91e36800e46854db8ebd09181a7"
	    "2959098b3ef8c122d9635514ced565fe" },
	{ "0102030405060708090a0b0c0d0e0f10111213141516171819", "50xcd",
	    "82558a389a443c0ea4cc819899f2083a"
	    "85f0faa3e578f8077a2e3ff46729665b" },
	{ "131xaa",
	    "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a"
	    "65204b6579202d2048617368204b6579204669727374",
	    "60e431591ee0b67f0d8a26aacbf5b77f"
	    "8e0bc6213728c5140546040f0ee37f54" },
	{ "131xaa",
	    "5468697320697320612074657374207573696e672061206c6172676572207468"
	    "616e20626c6f636b2d73697a65206b657920616e642061206c61726765722074"
	    "68616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
	    "647320746f20626520686173686564206265666f7265206265696e6720757365"
	    "642062792074686520484d414320616c676f726974686d2e",
	    "9b09ffa71b942fcb27635fbcd5b0e944"
	    "bfdc63644f0713938a7f51535c3a35e2" },
};

static void
authenticates_as_rfc_4231(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rfc4231); i++) {
		OWN(buf_free) struct buf key = { 0 };
		OWN(buf_free) struct buf data = { 0 };
		struct digest d;
		bytes_from(&key, rfc4231[i].key);
		bytes_from(&data, rfc4231[i].data);
		mac_once(buf_bytes(&key), buf_bytes(&data), &d);
		expect_hex(d.b, sizeof d.b, rfc4231[i].mac);
		OWN(mac_free) struct mac *m = mac_new(buf_bytes(&key));
		for (size_t round = 0; round < 2; round++) {
			for (size_t k = 0; k < data.n; k++)
				mac_add(m, bytes_of(data.p + k, 1));
			mac_end(m, &d);
			expect_hex(d.b, sizeof d.b, rfc4231[i].mac);
		}
		mac_of(m, buf_bytes(&data), &d);
		expect_hex(d.b, sizeof d.b, rfc4231[i].mac);
	}
}

/* RFC 5869, A.1 to A.3. */
static const struct {
	const char *ikm, *salt, *info;
	size_t n;
	const char *okm;
} rfc5869[] = {
	{ "22x0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42,
	    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
	    "34007208d5b887185865" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	  "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	  "404142434445464748494a4b4c4d4e4f",
	    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	    "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	    "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
	    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	    82,
	    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
	    "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
	    "cc30c58179ec3e87c14c01d5c1f3434f1d87" },
	{ "22x0b", "", "", 42,
	    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
	    "9d201395faa4b61a96c8" },
};

static void
derives_as_rfc_5869(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rfc5869); i++) {
		OWN(buf_free) struct buf ikm = { 0 };
		OWN(buf_free) struct buf salt = { 0 };
		OWN(buf_free) struct buf info = { 0 };
		uint8_t okm[96];
		bytes_from(&ikm, rfc5869[i].ikm);
		bytes_from(&salt, rfc5869[i].salt);
		bytes_from(&info, rfc5869[i].info);
		hkdf(buf_bytes(&ikm), buf_bytes(&salt), buf_bytes(&info), okm,
		    rfc5869[i].n);
		expect_hex(okm, rfc5869[i].n, rfc5869[i].okm);
	}
}

static void
equal_means_every_byte(void **state)
{
	struct digest a, b;

	(void)state;
	digest_of(bytes_str("x"), &a);
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		b = a;
		assert_true(digest_equal(&a, &b));
		b.b[i] ^= 1;
		assert_false(digest_equal(&a, &b));
	}
	b = (struct digest){ 0 };
	assert_true(digest_zero(&b));
	b.b[31] = 1;
	assert_false(digest_zero(&b));
}

static void
travels_as_32_bytes(void **state)
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest d;

	(void)state;
	digest_of(bytes_str("x"), &d);
	digest_put(&b, &d);
	assert_int_equal(b.n, DIGEST_BYTES);
	struct scan s = scan_of(buf_bytes(&b));
	struct digest back = digest_take(&s);
	assert_true(scan_done(&s) && digest_equal(&back, &d));
	back = digest_take(&s);
	assert_true(digest_zero(&back));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_as_fips_180_4),
		cmocka_unit_test(pieces_hash_like_the_whole),
		cmocka_unit_test(authenticates_as_rfc_4231),
		cmocka_unit_test(derives_as_rfc_5869),
		cmocka_unit_test(equal_means_every_byte),
		cmocka_unit_test(travels_as_32_bytes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
