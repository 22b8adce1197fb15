/* SPDX-License-Identifier: ISC */
/* test_checksum.c: XXH3-128 as xxh128sum of the xxHash project prints it. */
#include "wire/checksum.h"

#include "base/text.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static void
expect(const struct checksum *sum, const char *hex)
{
	OWN(buf_free) struct buf b = { 0 };

	text_hex(&b, bytes_of(sum->b, CHECKSUM_BYTES));
	assert_string_equal(buf_text(&b), hex);
}

static void
sums_as_the_reference_does(void **state)
{
	OWN(buf_free) struct buf million = { 0 };
	struct checksum sum;

	(void)state;
	memset(buf_grow(&million, 1000000), 'a', 1000000);
	checksum_of((struct bytes){ 0 }, &sum);
	expect(&sum, "99aa06d3014798d86001c324468d497f");
	checksum_of(bytes_str("abc"), &sum);
	expect(&sum, "06b05ab6733a618578af5f94892f3950");
	checksum_of(buf_bytes(&million), &sum);
	expect(&sum, "a545df8e384a9579b1fd6fae5285c4eb");
}

static void
pieces_sum_as_the_whole(void **state)
{
	OWN(buf_free) struct buf all = { 0 };
	OWN(checksum_free) struct checksum_state *s = checksum_new();
	struct checksum whole, pieces;

	(void)state;
	memset(buf_grow(&all, 100000), 7, 100000);
	for (size_t at = 0, n = 0; at < all.n; at += n) {
		n = at % 977 < all.n - at ? at % 977 : all.n - at;
		n += n == 0;
		checksum_add(s, bytes_of(all.p + at, n));
		checksum_add(s, (struct bytes){ 0 });
	}
	checksum_end(s, &pieces);
	checksum_of(buf_bytes(&all), &whole);
	assert_true(checksum_equal(&whole, &pieces));
	all.p[50000] ^= 1;
	checksum_of(buf_bytes(&all), &pieces);
	assert_false(checksum_equal(&whole, &pieces));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_as_the_reference_does),
		cmocka_unit_test(pieces_sum_as_the_whole),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
