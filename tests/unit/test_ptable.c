/* SPDX-License-Identifier: ISC */
/* test_ptable.c: what a pack holds. */
#include "vault/ptable.h"

#include "vault/pack.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
sample(struct ptable *t, uint32_t blocks, uint32_t each)
{
	t->pack = (struct id){ { 1, 2, 3 } };
	t->stream = PTABLE_TREE;
	t->blob_bytes = 4096 + 58;
	for (uint32_t b = 0; b < blocks; b++) {
		ptable_add_block(t, 1, 1000 + b, each * 200);
		for (uint32_t i = 0; i < each; i++) {
			struct digest name = { { (uint8_t)b, (uint8_t)i } };
			ptable_add_entry(t, &name, 200);
		}
	}
}

static void
a_table_survives_a_round_trip(void **state)
{
	static const uint32_t sizes[][2] = { { 0, 0 }, { 1, 0 }, { 1, 1 },
		{ 3, 5 }, { 64, 64 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		OWN(ptable_free) struct ptable t = { 0 };
		OWN(ptable_free) struct ptable back = { 0 };
		OWN(buf_free) struct buf once = { 0 };
		OWN(buf_free) struct buf twice = { 0 };
		struct err e = { 0 };
		sample(&t, sizes[i][0], sizes[i][1]);
		ptable_put(&once, &t);
		assert_int_equal(ptable_parse(buf_bytes(&once), &back, &e), 0);
		assert_int_equal(back.n_entries, sizes[i][0] * sizes[i][1]);
		ptable_put(&twice, &back);
		assert_true(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
	}
}

static void
places_follow_from_lengths(void **state)
{
	OWN(ptable_free) struct ptable t = { 0 };

	(void)state;
	sample(&t, 3, 4);
	assert_int_equal(t.blocks[0].offset, 0);
	assert_int_equal(t.blocks[1].offset, 1000);
	assert_int_equal(t.blocks[2].offset, 2001);
	assert_int_equal(t.blocks[2].first, 8);
	assert_int_equal(t.blocks[2].n, 4);
	assert_int_equal(t.entries[4].offset, 0);
	assert_int_equal(t.entries[7].offset, 600);
	assert_int_equal(t.entries[7].block, 1);
}

static void
a_cleared_table_is_as_new(void **state)
{
	OWN(ptable_free) struct ptable t = { 0 };

	(void)state;
	sample(&t, 3, 4);
	ptable_clear(&t);
	assert_int_equal(t.n_blocks + t.n_entries + t.blob_bytes, 0);
	sample(&t, 1, 1);
	assert_int_equal(t.blocks[0].offset, 0);
	assert_int_equal(t.entries[0].offset, 0);
}

static void
expect_refused(struct bytes x, enum err_code code)
{
	OWN(ptable_free) struct ptable t = { 0 };
	struct err e = { 0 };

	assert_int_equal(ptable_parse(x, &t, &e), -1);
	assert_int_equal(e.code, code);
	assert_null(t.entries);
}

static void
every_other_length_is_refused(void **state)
{
	OWN(ptable_free) struct ptable t = { 0 };
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	sample(&t, 2, 2);
	ptable_put(&b, &t);
	for (size_t n = 0; n < b.n; n++)
		expect_refused(bytes_of(b.p, n), ERR_RECORD_CORRUPT);
	buf_put_u8(&b, 0);
	expect_refused(buf_bytes(&b), ERR_RECORD_CORRUPT);
}

/* The head of a table, then one block by hand. */
static void
one_block(struct buf *b, uint64_t blocks, uint64_t stored, uint64_t plain,
    uint64_t n, uint64_t length)
{
	static const uint8_t name[DIGEST_BYTES];

	buf_put_u8(b, PTABLE_KIND);
	buf_put_u8(b, 1);
	buf_put(b, name, ID_BYTES);
	buf_put_u8(b, PTABLE_DATA);
	buf_put_u32(b, 5000);
	buf_put_varint(b, blocks);
	buf_put_varint(b, stored);
	buf_put_varint(b, plain);
	buf_put_u8(b, 0);
	buf_put_varint(b, n);
	for (uint64_t i = 0; i < n && i < 2; i++) {
		buf_put(b, name, sizeof name);
		buf_put_varint(b, length);
	}
}

static void
refuses_lengths_that_cannot_be(void **state)
{
	static const struct {
		uint64_t blocks, stored, plain, n, length;
		bool good;
	} cases[] = {
		{ 1, 100, 100, 1, 100, true }, { 1, 100, 200, 2, 100, true },
		{ 1, 100, 100, 1, 99, false }, /* sums to less */
		{ 1, 100, 100, 1, 101, false },
		{ 1, 100, 100, 2, 100, false }, /* sums to more */
		{ 1, 100, 0, 2, UINT64_MAX, false },
		{ 1, 100, 0, 2, 1ULL << 63, false }, /* the sum wraps to 0 */
		{ 1, PACK_PLAIN_MAX + 1, 100, 1, 100, false },
		{ 1, UINT64_MAX, 100, 1, 100, false },
		{ 1, 100, PACK_BLOCK + 1, 1, PACK_BLOCK + 1, false },
		{ 1, 100, 100, PACK_ENTRIES + 1, 1, false },
		{ 1, 100, 100, UINT64_MAX, 1, false },
		{ PACK_ENTRIES + 1, 100, 100, 1, 100, false },
		{ 2, 100, 100, 1, 100, false }, /* the second is missing */
		{ 0, 100, 100, 1, 100, false }, /* bytes behind */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		OWN(ptable_free) struct ptable t = { 0 };
		struct err e = { 0 };
		one_block(&b, cases[i].blocks, cases[i].stored, cases[i].plain,
		    cases[i].n, cases[i].length);
		assert_int_equal(ptable_parse(buf_bytes(&b), &t, &e),
		    cases[i].good ? 0 : -1);
		if (!cases[i].good)
			assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	}
}

static void
a_newer_format_wants_an_update(void **state)
{
	OWN(ptable_free) struct ptable t = { 0 };
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	sample(&t, 1, 1);
	ptable_put(&b, &t);
	b.p[1] = 2;
	expect_refused(buf_bytes(&b), ERR_UPDATE_NEEDED);
	b.p[1] = 0;
	expect_refused(buf_bytes(&b), ERR_RECORD_CORRUPT);
	b.p[1] = 1;
	b.p[0] = 3; /* another kind of record */
	expect_refused(buf_bytes(&b), ERR_RECORD_CORRUPT);
	b.p[0] = PTABLE_KIND;
	b.p[18] = PTABLE_SECRET + 1;
	expect_refused(buf_bytes(&b), ERR_RECORD_CORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_survives_a_round_trip),
		cmocka_unit_test(places_follow_from_lengths),
		cmocka_unit_test(a_cleared_table_is_as_new),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(refuses_lengths_that_cannot_be),
		cmocka_unit_test(a_newer_format_wants_an_update),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
