/* SPDX-License-Identifier: ISC */
/* test_buf.c: bytes that borrow and bytes that own. */
#include "base/buf.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#define expect_bytes(b, text) \
	do { \
		assert_int_equal((b).n, sizeof(text) - 1); \
		assert_memory_equal((b).p, text, sizeof(text) - 1); \
	} while (0)

static void
numbers_are_big_endian(void **state)
{
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	buf_put_u8(&b, 0x01);
	buf_put_u16(&b, 0x0203);
	buf_put_u32(&b, 0x04050607);
	buf_put_u64(&b, 0x08090a0b0c0d0e0f);
	expect_bytes(b,
	    "\x01\x02\x03\x04\x05\x06\x07\x08"
	    "\x09\x0a\x0b\x0c\x0d\x0e\x0f");
	assert_int_equal(be16(b.p + 1), 0x0203);
	assert_int_equal(be32(b.p + 3), 0x04050607);
	assert_true(be64(b.p + 7) == 0x08090a0b0c0d0e0f);
}

static void
varints_are_leb128(void **state)
{
	static const struct {
		uint64_t v;
		const char *text;
		size_t n;
	} cases[] = {
		{ 0, "\x00", 1 },
		{ 127, "\x7f", 1 },
		{ 128, "\x80\x01", 2 },
		{ 624485, "\xe5\x8e\x26", 3 },
		{ UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		buf_put_varint(&b, cases[i].v);
		assert_int_equal(b.n, cases[i].n);
		assert_memory_equal(b.p, cases[i].text, cases[i].n);
	}
}

static void
lengths_stand_before_what_they_measure(void **state)
{
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	buf_put_v8(&b, bytes_str("a"));
	buf_put_v16(&b, bytes_str("bc"));
	buf_put_v32(&b, bytes_str(""));
	expect_bytes(b,
	    "\x01"
	    "a"
	    "\x00\x02"
	    "bc"
	    "\x00\x00\x00\x00");
}

static void
a_nul_always_follows(void **state)
{
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	assert_string_equal(buf_text(&b), "");
	for (size_t i = 0; i < 5000; i++) {
		buf_put_u8(&b, 'x');
		assert_int_equal(b.p[b.n], '\0');
		assert_true(b.cap > b.n);
	}
	assert_int_equal(strlen(buf_text(&b)), 5000);
	buf_clear(&b);
	assert_string_equal(buf_text(&b), "");
	assert_true(b.cap > 5000);
	buf_grow(&b, 3);
	assert_int_equal(b.p[3], '\0');
}

static void
growing_keeps_what_was_there(void **state)
{
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 10000; i++)
		buf_put_u32(&b, i);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(be32(b.p + (size_t)4 * i), i);
}

static void
prints_behind_what_is_there(void **state)
{
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	buf_put_str(&b, "a=");
	buf_printf(&b, "%d %s", 42, "and some more text than the room");
	assert_string_equal(
	    buf_text(&b), "a=42 and some more text than the room");
	assert_int_equal(b.n, strlen(buf_text(&b)));
}

static void
compares_as_memcmp_then_by_length(void **state)
{
	static const struct {
		const char *a, *b;
		int sign;
	} cases[] = {
		{ "", "", 0 },
		{ "", "a", -1 },
		{ "a", "ab", -1 },
		{ "b", "ab", 1 },
		{ "\x7f", "\x80", -1 },
		{ "same", "same", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bytes a = bytes_str(cases[i].a);
		struct bytes b = bytes_str(cases[i].b);
		int c = bytes_cmp(a, b), back = bytes_cmp(b, a);
		assert_int_equal((c > 0) - (c < 0), cases[i].sign);
		assert_int_equal((back > 0) - (back < 0), -cases[i].sign);
		assert_int_equal(bytes_equal(a, b), cases[i].sign == 0);
	}
	assert_true(bytes_equal(bytes_of(NULL, 0), bytes_str("")));
}

static void
freeing_leaves_the_empty_value(void **state)
{
	struct buf b = { 0 };
	char *text = mem_text("hello");

	(void)state;
	buf_free(&b);
	buf_put_str(&b, "secret");
	buf_free(&b);
	assert_null(b.p);
	assert_int_equal(b.n + b.cap, 0);
	buf_free(&b);
	mem_free(&text);
	assert_null(text);
	mem_free(&text);
}

static void
wipes_memory(void **state)
{
	uint8_t room[16];

	(void)state;
	memset(room, 0xaa, sizeof room);
	mem_wipe(room, 15);
	for (size_t i = 0; i < 15; i++)
		assert_int_equal(room[i], 0);
	assert_int_equal(room[15], 0xaa);
	mem_wipe(NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(varints_are_leb128),
		cmocka_unit_test(lengths_stand_before_what_they_measure),
		cmocka_unit_test(a_nul_always_follows),
		cmocka_unit_test(growing_keeps_what_was_there),
		cmocka_unit_test(prints_behind_what_is_there),
		cmocka_unit_test(compares_as_memcmp_then_by_length),
		cmocka_unit_test(freeing_leaves_the_empty_value),
		cmocka_unit_test(wipes_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
