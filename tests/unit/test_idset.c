/* SPDX-License-Identifier: ISC */
/* test_idset.c: the set of random values against a plain array. */
#include "base/idset.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#define UNIVERSE 1000

/* Values that differ in their first bytes or, on purpose, share a home slot. */
static void
value_of(uint32_t i, uint8_t out[static IDSET_BYTES])
{
	memset(out, 0, IDSET_BYTES);
	be32_put(out + 4, i % 3 == 0 ? 63 : i * 2654435761U);
	be32_put(out + 8, i);
}

static void
agrees_with_a_plain_array(void **state)
{
	OWN(idset_free) struct idset s = { 0 };
	bool in[UNIVERSE] = { false };
	uint32_t seed = 1;
	size_t count = 0;

	(void)state;
	for (size_t step = 0; step < 20000; step++) {
		uint8_t v[IDSET_BYTES];
		seed = seed * 1664525 + 1013904223;
		uint32_t i = (seed >> 8) % UNIVERSE;
		value_of(i, v);
		if ((seed >> 30) % 2 == 0) {
			assert_int_equal(idset_add(&s, v), !in[i]);
			count += !in[i];
			in[i] = true;
		} else {
			idset_remove(&s, v);
			count -= in[i];
			in[i] = false;
		}
		assert_int_equal(s.n + s.zero, count);
	}
	for (uint32_t i = 0; i < UNIVERSE; i++) {
		uint8_t v[IDSET_BYTES];
		value_of(i, v);
		assert_int_equal(idset_has(&s, v), in[i]);
	}
}

static void
an_empty_set_holds_nothing(void **state)
{
	OWN(idset_free) struct idset s = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	uint8_t v[IDSET_BYTES] = { 1 };

	(void)state;
	assert_false(idset_has(&s, v));
	idset_remove(&s, v);
	idset_put_sorted(&s, &all);
	assert_int_equal(all.n, 0);
}

static void
zero_is_a_value_like_others(void **state)
{
	OWN(idset_free) struct idset s = { 0 };
	uint8_t zero[IDSET_BYTES] = { 0 };

	(void)state;
	assert_false(idset_has(&s, zero));
	assert_true(idset_add(&s, zero));
	assert_false(idset_add(&s, zero));
	assert_true(idset_has(&s, zero));
	idset_remove(&s, zero);
	assert_false(idset_has(&s, zero));
}

static void
comes_out_sorted_behind_what_is_there(void **state)
{
	OWN(idset_free) struct idset s = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	uint8_t zero[IDSET_BYTES] = { 0 };

	(void)state;
	for (uint32_t i = 500; i > 0; i--) {
		uint8_t v[IDSET_BYTES];
		value_of(i, v);
		assert_true(idset_add(&s, v));
	}
	assert_true(idset_add(&s, zero));
	buf_put_str(&all, "head");
	idset_put_sorted(&s, &all);
	assert_int_equal(all.n, 4 + 501 * IDSET_BYTES);
	assert_memory_equal(all.p, "head", 4);
	assert_memory_equal(all.p + 4, zero, IDSET_BYTES);
	for (size_t i = 1; i < 501; i++) {
		const uint8_t *at = all.p + 4 + i * IDSET_BYTES;
		assert_true(memcmp(at - IDSET_BYTES, at, IDSET_BYTES) < 0);
		assert_true(idset_has(&s, at));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_plain_array),
		cmocka_unit_test(an_empty_set_holds_nothing),
		cmocka_unit_test(zero_is_a_value_like_others),
		cmocka_unit_test(comes_out_sorted_behind_what_is_there),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
