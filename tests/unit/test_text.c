/* SPDX-License-Identifier: ISC */
/* test_text.c: bytes as text and back. */
#include "base/text.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

/* RFC 4648, section 10, with our base32 and base64url without padding. */
static const struct {
	const char *plain, *b64, *b64url, *b32;
} rfc4648[] = {
	{ "", "", "", "" },
	{ "f", "Zg==", "Zg", "MY" },
	{ "fo", "Zm8=", "Zm8", "MZXQ" },
	{ "foo", "Zm9v", "Zm9v", "MZXW6" },
	{ "foob", "Zm9vYg==", "Zm9vYg", "MZXW6YQ" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE", "MZXW6YTB" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy", "MZXW6YTBOI" },
	{ "\xfb\xff\xfe", "+//+", "-__-", "7P774" },
};

typedef void (*encode_fn)(struct buf *, struct bytes);
typedef int (*decode_fn)(struct buf *, struct bytes);

static void
expect_encoded(encode_fn encode, const char *plain, const char *text)
{
	OWN(buf_free) struct buf b = { 0 };

	encode(&b, bytes_str(plain));
	assert_string_equal(buf_text(&b), text);
}

static void
expect_decoded(decode_fn decode, const char *text, const char *plain)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_put_str(&b, "<");
	assert_int_equal(decode(&b, bytes_str(text)), 0);
	assert_int_equal(b.n, strlen(plain) + 1);
	assert_memory_equal(b.p + 1, plain, strlen(plain));
}

static void
expect_refused(decode_fn decode, const char *text)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_put_str(&b, "<");
	assert_int_equal(decode(&b, bytes_str(text)), -1);
	assert_int_equal(b.n, 1);
}

static void
agrees_with_rfc_4648(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rfc4648); i++) {
		const char *plain = rfc4648[i].plain;
		expect_encoded(text_base64, plain, rfc4648[i].b64);
		expect_encoded(text_base64url, plain, rfc4648[i].b64url);
		expect_encoded(text_base32, plain, rfc4648[i].b32);
		expect_decoded(text_unbase64, rfc4648[i].b64, plain);
		expect_decoded(text_unbase64, rfc4648[i].b64url, plain);
	}
}

static void
every_byte_survives_a_round_trip(void **state)
{
	static const encode_fn encoders[] = { text_hex, text_base64,
		text_base64url };
	static const decode_fn decoders[] = { text_unhex, text_unbase64,
		text_unbase64 };
	uint8_t all[256];

	(void)state;
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (uint8_t)i;
	for (size_t k = 0; k < ARRAY_SIZE(encoders); k++)
		for (size_t n = 0; n <= sizeof all; n++) {
			OWN(buf_free) struct buf text = { 0 };
			OWN(buf_free) struct buf back = { 0 };
			encoders[k](&text, bytes_of(all, n));
			assert_int_equal(
			    decoders[k](&back, buf_bytes(&text)), 0);
			assert_true(
			    bytes_equal(buf_bytes(&back), bytes_of(all, n)));
		}
}

static void
refuses_wrong_digits(void **state)
{
	static const struct {
		decode_fn decode;
		const char *text;
	} cases[] = {
		{ text_unhex, "0" },
		{ text_unhex, "0g" },
		{ text_unhex, "00:0" },
		{ text_unhex, " 0" },
		{ text_unbase64, "Z" }, /* 6 bits are no byte */
		{ text_unbase64, "Zm9vY" },
		{ text_unbase64, "Zh" }, /* left-over bits not zero */
		{ text_unbase64, "Zm 8" },
		{ text_unbase64, "Zg==Zg==" },
		{ text_unbase64, "Zm9v\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_refused(cases[i].decode, cases[i].text);
}

static void
hex_is_lower_case_and_read_in_both(void **state)
{
	(void)state;
	expect_encoded(text_hex, "\x01\xaf\xf0", "01aff0");
	expect_decoded(text_unhex, "01aFF0", "\x01\xaf\xf0");
}

static void
knows_utf8_as_rfc_3629_has_it(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "", true },
		{ "plain", true },
		{ "\xc3\xa9", true },
		{ "\xe2\x82\xac", true },
		{ "\xf0\x9f\x98\x80", true },
		{ "\xf4\x8f\xbf\xbf", true }, /* U+10FFFF */
		{ "\xed\x9f\xbf", true }, /* just below the surrogates */
		{ "\xc0\xaf", false }, /* overlong slash */
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false }, /* overlong */
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xed\xa0\x80", false }, /* surrogate */
		{ "\xf4\x90\x80\x80", false }, /* beyond U+10FFFF */
		{ "\xf5\x80\x80\x80", false },
		{ "\x80", false },
		{ "\xff", false },
		{ "a\xc3", false }, /* cut short */
		{ "\xe2\x82", false },
		{ "\xf0\x9f\x98", false },
		{ "\xe2\x28\xac", false },
		{ "\xf0\x9f\x28\x80", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(
		    text_is_utf8(bytes_str(cases[i].text)), cases[i].good);
	assert_true(text_is_utf8(bytes_of("a\0b", 3)));
}

static void
shows_what_a_terminal_can_take(void **state)
{
	static const struct {
		const char *raw, *shown;
	} cases[] = {
		{ "plain name.txt", "plain name.txt" },
		{ "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9" },
		{ "a\nb\tc\\d", "a\\nb\\tc\\\\d" },
		{ "\x1b[31m", "\\x1b[31m" },
		{ "\x7f", "\\x7f" },
		{ "\xc2\x9b"
		  "31m",
		    "\\xc2\\x9b31m" }, /* C1 CSI */
		{ "\xff", "\\xff" },
		{ "a\xe2\x82", "a\\xe2\\x82" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_encoded(text_show, cases[i].raw, cases[i].shown);
}

static void
writes_sizes_for_people(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.00 KiB" },
		{ 1536, "1.50 KiB" },
		{ 15360, "15.0 KiB" },
		{ 1ULL << 30, "1.00 GiB" },
		{ UINT64_MAX, "16384.0 PiB" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		text_size(&b, cases[i].bytes);
		assert_string_equal(buf_text(&b), cases[i].text);
	}
}

static void
reads_sizes(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "10G", 0, 10ULL << 30 },
		{ "512M", 0, 512ULL << 20 },
		{ "512m", 0, 512ULL << 20 },
		{ "1.5T", 0, 3ULL << 39 },
		{ "2KiB", 0, 2048 },
		{ "2KB", 0, 2048 },
		{ "", -1, 0 },
		{ "G", -1, 0 },
		{ "-1", -1, 0 },
		{ " 1", -1, 0 },
		{ "1 G", -1, 0 },
		{ "1GG", -1, 0 },
		{ "1X", -1, 0 },
		{ "0x10", -1, 0 },
		{ "1e3", -1, 0 },
		{ "1.2.3", -1, 0 },
		{ "nan", -1, 0 },
		{ "99999999P", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = 0;
		assert_int_equal(
		    text_parse_size(cases[i].text, &bytes), cases[i].result);
		assert_true(bytes == cases[i].bytes);
	}
}

static void
reads_spans(void **state)
{
	static const struct {
		const char *text;
		int result;
		int64_t seconds;
	} cases[] = {
		{ "0s", 0, 0 },
		{ "90s", 0, 90 },
		{ "5min", 0, 300 },
		{ "6m", 0, 6 * 31 * 86400 },
		{ "1y", 0, 366 * 86400 },
		{ "1000000000y", 0, 31622400000000000 },
		{ "1000000001s", -1, 0 },
		{ "0", -1, 0 },
		{ "90", -1, 0 },
		{ "5mi", -1, 0 },
		{ "5M", -1, 0 },
		{ "5minutes", -1, 0 },
		{ "12h", 0, 43200 },
		{ "7d", 0, 604800 },
		{ "2w", 0, 1209600 },
		{ "", -1, 0 },
		{ "d", -1, 0 },
		{ "-5min", -1, 0 },
		{ "5 min", -1, 0 },
		{ "5mmin", -1, 0 },
		{ "5x", -1, 0 },
		{ "99999999999999999999", -1, 0 },
		{ "9999999999w", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t seconds = 0;
		assert_int_equal(
		    text_parse_span(cases[i].text, &seconds), cases[i].result);
		assert_true(seconds == cases[i].seconds);
	}
}

static void
reads_numbers_within_bounds(void **state)
{
	static const struct {
		const char *text;
		uint64_t lo, hi;
		int result;
	} cases[] = {
		{ "1", 1, 3, 0 },
		{ "3", 1, 3, 0 },
		{ "0", 1, 3, -1 },
		{ "4", 1, 3, -1 },
		{ "18446744073709551615", 0, UINT64_MAX, 0 },
		{ "18446744073709551616", 0, UINT64_MAX, -1 },
		{ "", 0, 9, -1 },
		{ "+1", 0, 9, -1 },
		{ "-1", 0, UINT64_MAX, -1 },
		{ " 1", 0, 9, -1 },
		{ "1 ", 0, 9, -1 },
		{ "0x1", 0, 9, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 77;
		assert_int_equal(
		    text_parse_u64(cases[i].text, cases[i].lo, cases[i].hi, &v),
		    cases[i].result);
		if (cases[i].result < 0)
			assert_int_equal(v, 77);
	}
}

static void
writes_time_in_utc(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 999, "1970-01-01T00:00:00Z" },
		{ 951827696000, "2000-02-29T12:34:56Z" },
		{ 4102444800000, "2100-01-01T00:00:00Z" },
		{ INT64_MAX, "292278994-08-17T07:12:55Z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		text_time(&b, cases[i].ms);
		assert_string_equal(buf_text(&b), cases[i].text);
	}
}

static void
folds_what_a_search_takes_for_one(void **state)
{
	static const struct {
		const char *text, *folded;
	} cases[] = { { "Yes, WHAT is it", "yes, what is it" },
		{ "ÅRHUS Ünal ßẞ", "århus ünal ßß" },
		{ "ΟΔΥΣΣΕΥΣ Οδυσσευς", "οδυσσευσ οδυσσευσ" },
		{ "ПРИВЕТ 東京 😀", "привет 東京 😀" }, { "", "" },
		{ "\xff"
		  "A",
		    "\xff"
		    "a" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf out = { 0 };
		text_fold(&out, bytes_str(cases[i].text));
		assert_string_equal(buf_text(&out), cases[i].folded);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_rfc_4648),
		cmocka_unit_test(folds_what_a_search_takes_for_one),
		cmocka_unit_test(every_byte_survives_a_round_trip),
		cmocka_unit_test(refuses_wrong_digits),
		cmocka_unit_test(hex_is_lower_case_and_read_in_both),
		cmocka_unit_test(knows_utf8_as_rfc_3629_has_it),
		cmocka_unit_test(shows_what_a_terminal_can_take),
		cmocka_unit_test(writes_sizes_for_people),
		cmocka_unit_test(reads_sizes),
		cmocka_unit_test(reads_spans),
		cmocka_unit_test(reads_numbers_within_bounds),
		cmocka_unit_test(writes_time_in_utc),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
