/* SPDX-License-Identifier: ISC */
/* test_codec.c: compression of blocks. */
#include "vault/codec.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#define MIB (1024 * 1024)

static void
fill(struct buf *b, size_t n, bool noise)
{
	uint8_t *p = buf_grow(b, n);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = noise ? (uint8_t)(x >> 24) : (uint8_t)("abc "[i % 4]);
	}
}

static void
text_shrinks_and_comes_back(void **state)
{
	static const size_t sizes[] = { 100, 4096, MIB };
	OWN(codec_free) struct codec *c = codec_new(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		OWN(buf_free) struct buf plain = { 0 };
		OWN(buf_free) struct buf small = { 0 };
		OWN(buf_free) struct buf back = { 0 };
		struct err e = { 0 };
		fill(&plain, sizes[i], false);
		assert_int_equal(
		    codec_pack(c, buf_bytes(&plain), &small), CODEC_ZSTD);
		assert_true(small.n < plain.n / 2);
		assert_int_equal(codec_expand(c, CODEC_ZSTD, buf_bytes(&small),
				     plain.n, &back, &e),
		    0);
		assert_true(bytes_equal(buf_bytes(&plain), buf_bytes(&back)));
	}
}

static void
noise_stays_as_it_is(void **state)
{
	static const size_t sizes[] = { 1, 10, 4096, MIB };
	OWN(codec_free) struct codec *c = codec_new(1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		OWN(buf_free) struct buf plain = { 0 };
		OWN(buf_free) struct buf small = { 0 };
		fill(&plain, sizes[i], true);
		buf_put_str(&small, "<");
		assert_int_equal(
		    codec_pack(c, buf_bytes(&plain), &small), CODEC_RAW);
		assert_int_equal(small.n, 1);
	}
}

/* Between media, too: what shrinks in one place only, and what does not. */
static void
text_behind_noise_shrinks(void **state)
{
	OWN(codec_free) struct codec *c = codec_new(1);
	OWN(buf_free) struct buf noise = { 0 };
	OWN(buf_free) struct buf mixed = { 0 };
	OWN(buf_free) struct buf small = { 0 };

	(void)state;
	fill(&noise, MIB, true);
	fill(&mixed, MIB / 2, true);
	fill(&mixed, MIB / 4, false);
	fill(&mixed, MIB / 4, true);
	for (int i = 0; i < 3; i++) {
		buf_clear(&small);
		assert_int_equal(
		    codec_pack(c, buf_bytes(&noise), &small), CODEC_RAW);
		assert_int_equal(
		    codec_pack(c, buf_bytes(&noise), &small), CODEC_RAW);
		assert_int_equal(small.n, 0);
		assert_int_equal(
		    codec_pack(c, buf_bytes(&mixed), &small), CODEC_ZSTD);
		assert_true(small.n < MIB * 4 / 5);
	}
}

static void
raw_is_copied_when_its_length_is_right(void **state)
{
	OWN(codec_free) struct codec *c = codec_new(1);
	OWN(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(
	    codec_expand(c, CODEC_RAW, bytes_str("abc"), 3, &out, &e), 0);
	assert_string_equal(buf_text(&out), "abc");
	assert_int_equal(
	    codec_expand(c, CODEC_RAW, bytes_str("abc"), 4, &out, &e), -1);
	assert_int_equal(e.code, ERR_BLOB_CORRUPT);
	assert_int_equal(out.n, 3);
}

static void
refuses_frames_that_are_damaged_or_of_another_length(void **state)
{
	OWN(codec_free) struct codec *c = codec_new(1);
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf small = { 0 };
	OWN(buf_free) struct buf out = { 0 };
	static const size_t lengths[] = { 0, 1, 999, 1001, 5000 };
	struct err e = { 0 };

	(void)state;
	fill(&plain, 1000, false);
	assert_int_equal(codec_pack(c, buf_bytes(&plain), &small), CODEC_ZSTD);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		assert_int_equal(codec_expand(c, CODEC_ZSTD, buf_bytes(&small),
				     lengths[i], &out, &e),
		    -1);
		assert_int_equal(e.code, ERR_BLOB_CORRUPT);
		assert_int_equal(out.n, 0);
	}
	for (size_t n = 0; n < small.n; n++)
		assert_int_equal(codec_expand(c, CODEC_ZSTD,
				     bytes_of(small.p, n), 1000, &out, &e),
		    -1);
	small.p[0] ^= 1;
	assert_int_equal(
	    codec_expand(c, CODEC_ZSTD, buf_bytes(&small), 1000, &out, &e), -1);
	small.p[0] ^= 1;
	/* And the context is still good for the next. */
	assert_int_equal(
	    codec_expand(c, CODEC_ZSTD, buf_bytes(&small), 1000, &out, &e), 0);
}

static void
an_unknown_method_wants_an_update(void **state)
{
	OWN(codec_free) struct codec *c = codec_new(1);
	OWN(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(codec_expand(c, 2, bytes_str("abc"), 3, &out, &e), -1);
	assert_int_equal(e.code, ERR_UPDATE_NEEDED);
	assert_int_equal(out.n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_shrinks_and_comes_back),
		cmocka_unit_test(noise_stays_as_it_is),
		cmocka_unit_test(text_behind_noise_shrinks),
		cmocka_unit_test(raw_is_copied_when_its_length_is_right),
		cmocka_unit_test(
		    refuses_frames_that_are_damaged_or_of_another_length),
		cmocka_unit_test(an_unknown_method_wants_an_update),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
