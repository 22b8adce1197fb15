/* SPDX-License-Identifier: ISC */
/* test_chunklist.c: lists of chunks: places that stay, and the stored form. */
#include "content/chunklist.h"
#include "vault/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct digest
name_of(uint32_t i)
{
	struct digest d = { { 0 } };

	be32_put(d.b, i);
	return d;
}

static void
comes_back_as_it_was(void **state)
{
	static const uint32_t counts[] = { 0, 1, 63, 64, 65, 300 };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(counts); k++) {
		OWN(chunklist_free) struct chunklist l = { 0 };
		OWN(buf_free) struct buf b = { 0 };
		struct digest *places[300];
		/* Names come late, in any order. */
		for (uint32_t i = 0; i < counts[k]; i++)
			places[i] = chunklist_add(&l, i + 1);
		for (uint32_t i = counts[k]; i-- > 0;)
			*places[i] = name_of(i);
		assert_int_equal(l.n, counts[k]);
		chunklist_put(&b, &l);
		struct scan s = scan_of(buf_bytes(&b));
		for (uint32_t i = 0; i < counts[k]; i++) {
			struct digest name, want = name_of(i);
			uint32_t length;
			struct err e = { 0 };
			assert_int_equal(
			    chunklist_take(&s, &name, &length, &e), 0);
			assert_true(digest_equal(&name, &want));
			assert_int_equal(length, i + 1);
		}
		assert_true(scan_done(&s));
	}
}

static void
refuses_lengths_that_no_chunk_has(void **state)
{
	static const struct {
		uint32_t length;
		int result;
	} cases[] = { { 0, -1 }, { 1, 0 }, { PACK_BLOCK, 0 },
		{ PACK_BLOCK + 1, -1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		struct digest name = name_of(7);
		uint32_t length;
		struct err e = { 0 };
		chunklist_put_one(&b, &name, cases[i].length);
		struct scan s = scan_of(buf_bytes(&b));
		assert_int_equal(
		    chunklist_take(&s, &name, &length, &e), cases[i].result);
		assert_int_equal(e.code,
		    cases[i].result == 0 ? ERR_NONE : ERR_RECORD_CORRUPT);
	}
}

static void
refuses_one_that_is_cut_off(void **state)
{
	OWN(buf_free) struct buf b = { 0 };
	struct digest name = name_of(7);
	uint32_t length;

	(void)state;
	chunklist_put_one(&b, &name, 300);
	for (size_t n = 0; n < b.n; n++) {
		struct scan s = scan_of(bytes_of(b.p, n));
		struct err e = { 0 };
		assert_int_equal(chunklist_take(&s, &name, &length, &e), -1);
		assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(refuses_lengths_that_no_chunk_has),
		cmocka_unit_test(refuses_one_that_is_cut_off),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
