/* SPDX-License-Identifier: ISC */
/* test_page.c: the records of the messages zone. */
#include "mail/page.h"

#include "vault/codec.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

/* What a page may expand to: its bytes, a letter that is longer, and the fields
 * before it. */
#define MOST (PAGE_BYTES + LETTER_BYTES_MAX + 64)

/* Bytes that do not compress, others for each seed, the same at each run. */
static void
put_noise(struct buf *out, size_t seed, size_t n)
{
	struct digest d = { { (uint8_t)seed } };

	for (; n > 0; n -= n < DIGEST_BYTES ? n : DIGEST_BYTES) {
		digest_of(bytes_of(d.b, DIGEST_BYTES), &d);
		buf_put(out, d.b, n < DIGEST_BYTES ? n : DIGEST_BYTES);
	}
}

/* n entries, of letters that are noise or that compress. */
static void
put_entries(struct buf *out, size_t n, bool noise)
{
	for (size_t i = 0; i < n; i++) {
		OWN(buf_free) struct buf letter = { 0 };
		if (noise)
			put_noise(&letter, i, 30 * (i + 1));
		else
			buf_printf(&letter, "%0*zu", (int)(20 * i), i);
		page_put_entry(out,
		    &(struct page_entry){ .received_ms = UINT64_MAX - i,
			.flags = (uint8_t)(i % 8),
			.letter = buf_bytes(&letter) });
	}
}

static void
expect_no_page(struct bytes plain, enum err_code code)
{
	OWN(buf_free) struct buf entries = { 0 };
	struct err e = { 0 };

	assert_int_equal(page_open(plain, &entries, &e), -1);
	if (e.code != code)
		fail_msg("%s, not %s", err_name(e.code), err_name(code));
	assert_int_equal(entries.n, 0);
}

static void
a_page_comes_back_as_it_was(void **state)
{
	static const struct {
		size_t n;
		bool noise;
		enum codec_method method;
	} cases[] = { { 0, true, CODEC_RAW }, { 1, true, CODEC_RAW },
		{ PAGE_LETTERS, true, CODEC_RAW }, { 9, false, CODEC_ZSTD },
		{ PAGE_LETTERS, false, CODEC_ZSTD } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf entries = { 0 };
		OWN(buf_free) struct buf plain = { 0 };
		OWN(buf_free) struct buf got = { 0 };
		struct err e = { 0 };
		put_entries(&entries, cases[i].n, cases[i].noise);
		page_put(&plain, buf_bytes(&entries));
		assert_int_equal(
		    page_kind(buf_bytes(&plain)), PAGE_LETTERS_KIND);
		assert_int_equal(plain.p[2], cases[i].method);
		buf_put_str(&got, "before");
		assert_int_equal(page_open(buf_bytes(&plain), &got, &e), 0);
		assert_int_equal(got.n, 6 + entries.n);
		assert_memory_equal(got.p, "before", 6);
		assert_true(bytes_equal(
		    bytes_of(got.p + 6, got.n - 6), buf_bytes(&entries)));
	}
}

static void
its_bytes_are_as_the_format_says(void **state)
{
	static const char want[] = "\x28\1\0\x0e\1\2\3\4\5\6\7\x08\5\0\0\0\1x";
	OWN(buf_free) struct buf entries = { 0 };
	OWN(buf_free) struct buf plain = { 0 };

	(void)state;
	page_put_entry(&entries,
	    &(struct page_entry){ .received_ms = 0x0102030405060708,
		.flags = PAGE_OUT | PAGE_GONE,
		.letter = bytes_str("x") });
	page_put(&plain, buf_bytes(&entries));
	assert_int_equal(plain.n, sizeof want - 1);
	assert_memory_equal(plain.p, want, plain.n);
}

static void
entries_come_back_one_by_one(void **state)
{
	OWN(buf_free) struct buf entries = { 0 };
	OWN(buf_free) struct buf again = { 0 };
	struct page_entry x;
	size_t n = 0;

	(void)state;
	put_entries(&entries, PAGE_LETTERS, true);
	struct scan s = scan_of(buf_bytes(&entries));
	for (; page_next(&s, &x); n++) {
		assert_true(x.received_ms == UINT64_MAX - n);
		assert_int_equal(x.flags, n % 8);
		assert_int_equal(x.letter.n, 30 * (n + 1));
		page_put_entry(&again, &x);
	}
	assert_false(s.bad);
	assert_int_equal(n, PAGE_LETTERS);
	assert_true(bytes_equal(buf_bytes(&entries), buf_bytes(&again)));
	assert_false(page_next(&s, &x));
	assert_false(s.bad);
}

static void
an_entry_cut_short_is_spoiled(void **state)
{
	OWN(buf_free) struct buf entries = { 0 };
	struct page_entry x;
	size_t whole = 0;

	(void)state;
	put_entries(&entries, 1, true);
	whole = entries.n;
	put_entries(&entries, 2, true);
	for (size_t n = 0; n < entries.n; n++) {
		struct scan s = scan_of(bytes_of(entries.p, n));
		size_t got = 0;
		while (page_next(&s, &x))
			got++;
		assert_int_equal(got, n < whole ? 0 : n < 2 * whole ? 1 : 2);
		assert_int_equal(s.bad, n != 0 && n != whole && n != 2 * whole);
		assert_false(page_next(&s, &x));
	}
}

/* ---- pages that are none ---- */

static void
page_with(struct buf *out, uint8_t method, uint64_t n, struct bytes stored)
{
	buf_clear(out);
	buf_put_u8(out, PAGE_LETTERS_KIND);
	buf_put_u8(out, 1);
	buf_put_u8(out, method);
	buf_put_varint(out, n);
	buf_put_bytes(out, stored);
}

/* What does not expand is said so by the codec. */
static void
expect_spoiled(struct bytes plain)
{
	OWN(buf_free) struct buf entries = { 0 };
	struct err e = { 0 };

	assert_int_equal(page_open(plain, &entries, &e), -1);
	assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	assert_int_equal(entries.n, 0);
}

static void
a_page_cut_short_is_none(void **state)
{
	(void)state;
	for (int noise = 0; noise <= 1; noise++) {
		OWN(buf_free) struct buf entries = { 0 };
		OWN(buf_free) struct buf plain = { 0 };
		put_entries(&entries, 9, noise != 0);
		page_put(&plain, buf_bytes(&entries));
		assert_int_equal(plain.p[2], noise ? CODEC_RAW : CODEC_ZSTD);
		for (size_t n = 0; n < plain.n; n++)
			expect_spoiled(bytes_of(plain.p, n));
		buf_put_u8(&plain, 0);
		expect_spoiled(buf_bytes(&plain));
	}
}

static void
a_page_expands_to_what_it_says_and_no_more_than_is_allowed(void **state)
{
	OWN(buf_free) struct buf zeros = { 0 };
	OWN(buf_free) struct buf packed = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf got = { 0 };
	struct codec *c = codec_new(1);
	struct err e = { 0 };

	(void)state;
	memset(buf_grow(&zeros, MOST + 1), 0, MOST + 1);
	(void)codec_pack(c, bytes_of(zeros.p, MOST), &packed);
	page_with(&plain, CODEC_ZSTD, MOST, buf_bytes(&packed));
	assert_int_equal(page_open(buf_bytes(&plain), &got, &e), 0);
	assert_int_equal(got.n, MOST);
	page_with(&plain, CODEC_ZSTD, MOST - 1, buf_bytes(&packed));
	expect_spoiled(buf_bytes(&plain));
	buf_clear(&packed);
	(void)codec_pack(c, buf_bytes(&zeros), &packed);
	page_with(&plain, CODEC_ZSTD, MOST + 1, buf_bytes(&packed));
	expect_no_page(buf_bytes(&plain), ERR_RECORD_CORRUPT);
	/* It says that it fits, and would expand to more. */
	page_with(&plain, CODEC_ZSTD, MOST, buf_bytes(&packed));
	expect_spoiled(buf_bytes(&plain));
	page_with(&plain, CODEC_ZSTD, UINT64_MAX, buf_bytes(&packed));
	expect_no_page(buf_bytes(&plain), ERR_RECORD_CORRUPT);
	page_with(&plain, CODEC_RAW, MOST + 1, buf_bytes(&zeros));
	expect_no_page(buf_bytes(&plain), ERR_RECORD_CORRUPT);
	codec_free(&c);
}

static void
other_kinds_and_methods_are_told_apart(void **state)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct page_conversation conversation;
	struct bytes item;
	struct err e = { 0 };

	(void)state;
	page_with(&plain, 2, 1, bytes_str("x"));
	expect_no_page(buf_bytes(&plain), ERR_UPDATE_NEEDED);
	page_with(&plain, CODEC_RAW, 1, bytes_str("x"));
	for (unsigned kind = 0; kind <= UINT8_MAX; kind++) {
		plain.p[0] = (uint8_t)kind;
		bool known = kind == PAGE_LETTERS_KIND ||
		    kind == PAGE_CONVERSATION || kind == PAGE_RAW;
		assert_int_equal(
		    page_kind(buf_bytes(&plain)), known ? kind : 0);
		if (kind != PAGE_LETTERS_KIND)
			expect_no_page(buf_bytes(&plain), ERR_RECORD_CORRUPT);
	}
	plain.p[0] = PAGE_LETTERS_KIND;
	assert_int_equal(page_kind(bytes_of(plain.p, 1)), 0);
	assert_int_equal(page_take_raw(buf_bytes(&plain), &item, &e), -1);
	assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	assert_int_equal(
	    page_take_conversation(buf_bytes(&plain), &conversation, &e), -1);
	assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	plain.p[1] = 2; /* of a later version */
	assert_int_equal(page_kind(buf_bytes(&plain)), 0);
}

/* ---- conversations ---- */

static void
a_conversation_comes_back_as_it_was(void **state)
{
	static const char want[] = "\x29\1"
				   "conversation 1 2"
				   "\1\0\0\0\0"
				   "\1\2\3\4\5\6\7\x08"
				   "\377\377\377\377\377\377\377\377"
				   "\0\0\0\0\0\0\0\0";
	struct page_conversation c = { .read_ms = 0x0102030405060708,
		.muted_until_ms = UINT64_MAX };
	OWN(buf_free) struct buf plain = { 0 };
	struct page_conversation got;
	struct err e = { 0 };

	(void)state;
	memcpy(c.conv.b, "conversation 1 2", ID_BYTES);
	page_put_conversation(&plain, &c);
	assert_int_equal(plain.n, sizeof want - 1);
	assert_memory_equal(plain.p, want, plain.n);
	assert_int_equal(page_kind(buf_bytes(&plain)), PAGE_CONVERSATION);
	assert_int_equal(
	    page_take_conversation(buf_bytes(&plain), &got, &e), 0);
	assert_true(id_equal(&got.conv, &c.conv));
	assert_true(got.read_ms == c.read_ms);
	assert_true(got.muted_until_ms == c.muted_until_ms);
	for (size_t n = 0; n < plain.n; n++) {
		e.code = ERR_NONE;
		assert_int_equal(
		    page_take_conversation(bytes_of(plain.p, n), &got, &e), -1);
		assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	}
	buf_put_u8(&plain, 0);
	assert_int_equal(
	    page_take_conversation(buf_bytes(&plain), &got, &e), -1);
	assert_int_equal(e.code, ERR_RECORD_CORRUPT);
}

/* ---- what could not be opened yet ---- */

static void
a_raw_item_comes_back_as_it_was(void **state)
{
	static const size_t lengths[] = { 0, 1, 300 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		OWN(buf_free) struct buf item = { 0 };
		OWN(buf_free) struct buf plain = { 0 };
		struct bytes got;
		struct err e = { 0 };
		put_noise(&item, 1, lengths[i]);
		page_put_raw(&plain, buf_bytes(&item));
		assert_int_equal(page_kind(buf_bytes(&plain)), PAGE_RAW);
		assert_int_equal(page_take_raw(buf_bytes(&plain), &got, &e), 0);
		assert_true(bytes_equal(got, buf_bytes(&item)));
		for (size_t n = 0; n < plain.n; n++) {
			e.code = ERR_NONE;
			assert_int_equal(
			    page_take_raw(bytes_of(plain.p, n), &got, &e), -1);
			assert_int_equal(e.code, ERR_RECORD_CORRUPT);
		}
		buf_put_u8(&plain, 0);
		assert_int_equal(
		    page_take_raw(buf_bytes(&plain), &got, &e), -1);
		assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	}
}

static void
an_item_that_comes_again_is_the_same(void **state)
{
	OWN(buf_free) struct buf item = { 0 };

	(void)state;
	put_noise(&item, 2, 200);
	struct id first = page_raw_id(buf_bytes(&item));
	for (size_t i = 0; i < item.n; i++) {
		item.p[i] ^= 0x01;
		struct id other = page_raw_id(buf_bytes(&item));
		/* Number and time: u64 each. */
		assert_int_equal(id_equal(&other, &first), i < 16);
		item.p[i] ^= 0x01;
	}
	for (size_t n = 0; n < item.n; n++) {
		struct id other = page_raw_id(bytes_of(item.p, n));
		assert_false(id_equal(&other, &first));
	}
}

static void
names_of_records_do_not_meet(void **state)
{
	OWN(buf_free) struct buf item = { 0 };
	struct id conv;

	(void)state;
	put_noise(&item, 3, 16 + 40);
	/* A conversation of the id that the raw one's is made of. */
	conv = digest_id(bytes_of(item.p + 16, 40));
	struct id raw = page_raw_id(buf_bytes(&item));
	struct id named = page_conversation_id(&conv);
	assert_false(id_equal(&raw, &named));
	assert_false(id_equal(&named, &conv));
	conv.b[15] ^= 1;
	struct id other = page_conversation_id(&conv);
	assert_false(id_equal(&other, &named));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_comes_back_as_it_was),
		cmocka_unit_test(its_bytes_are_as_the_format_says),
		cmocka_unit_test(entries_come_back_one_by_one),
		cmocka_unit_test(an_entry_cut_short_is_spoiled),
		cmocka_unit_test(a_page_cut_short_is_none),
		cmocka_unit_test(
		    a_page_expands_to_what_it_says_and_no_more_than_is_allowed),
		cmocka_unit_test(other_kinds_and_methods_are_told_apart),
		cmocka_unit_test(a_conversation_comes_back_as_it_was),
		cmocka_unit_test(a_raw_item_comes_back_as_it_was),
		cmocka_unit_test(an_item_that_comes_again_is_the_same),
		cmocka_unit_test(names_of_records_do_not_meet),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
