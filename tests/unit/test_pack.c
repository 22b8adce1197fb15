/* SPDX-License-Identifier: ISC */
/* test_pack.c: sealing many blocks in one blob. */
#include "vault/pack.h"

#include <stdlib.h>
#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static const struct id dev = { { 0xdd } };
static const struct pack_place account = { .uid = { { 0xaa } }, .category = 2 };

static void
fill(struct buf *b, size_t n)
{
	uint8_t *p = buf_grow(b, n);
	uint32_t x = 7;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
	}
}

static struct secret *
key_of(uint8_t x)
{
	struct secret *k = secret_new(SECRET_KEY);

	secret_room(k)[0] = x;
	return k;
}

/* Put `plain` in pieces, seal, and copy the blob out. */
static void
seal(struct bytes plain, size_t piece, struct buf *blob,
    struct pack_place *place)
{
	OWN(pack_out_free) struct pack_out *w = pack_out_new();
	OWN(secret_free) struct secret *k = key_of(1);

	*place = account;
	for (size_t at = 0; at < plain.n; at += piece)
		pack_out_add(w,
		    bytes_of(plain.p + at,
			plain.n - at < piece ? plain.n - at : piece));
	pack_out_seal(w, k, 5, &dev, place);
	buf_put_bytes(blob, pack_out_blob(w));
}

static int
open_all(uint8_t key, const struct pack_place *place, struct bytes blob,
    struct buf *out, struct err *e)
{
	OWN(secret_free) struct secret *k = key_of(key);
	OWN(pack_in_free) struct pack_in *r = NULL;

	if (pack_in_open(k, place, blob, blob.n, &r, e) < 0)
		return -1;
	for (uint32_t i = 0; i < pack_in_segments(r); i++) {
		uint64_t at;
		size_t n;
		pack_in_where(r, i, &at, &n);
		assert_true(at + n <= blob.n);
		if (pack_in_segment(r, i, bytes_of(blob.p + at, n), out, e) < 0)
			return -1;
	}
	return 0;
}

static void
comes_back_at_every_border(void **state)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 8192, 8193,
		PACK_SEGMENT - 1, PACK_SEGMENT, PACK_SEGMENT + 1,
		2 * PACK_SEGMENT - 1, 2 * PACK_SEGMENT, 2 * PACK_SEGMENT + 1,
		PACK_FULL };
	OWN(buf_free) struct buf plain = { 0 };

	(void)state;
	fill(&plain, PACK_FULL);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		OWN(buf_free) struct buf blob = { 0 };
		OWN(buf_free) struct buf out = { 0 };
		struct pack_place place;
		struct err e = { 0 };
		uint32_t epoch = 0;
		size_t n = sizes[i];
		seal(bytes_of(plain.p, n), 100000, &blob, &place);
		assert_int_equal(
		    pack_header_epoch(buf_bytes(&blob), &epoch, &e), 0);
		assert_int_equal(epoch, 5);
		assert_int_equal(
		    open_all(1, &place, buf_bytes(&blob), &out, &e), 0);
		assert_int_equal(out.n, pack_padded(n));
		assert_memory_equal(out.p, plain.p, n);
		for (size_t k = n; k < out.n; k++)
			assert_int_equal(out.p[k], 0);
		assert_true(blob.n <= PACK_BLOB_MAX);
	}
}

static void
padding_grows_in_steps_of_a_32nd(void **state)
{
	static const size_t sizes[][2] = { { 0, 4096 }, { 1, 4096 },
		{ 4096, 4096 }, { 4097, 4224 }, { 4224, 4224 }, { 8191, 8192 },
		{ 8193, 8448 }, { 131073, 135168 },
		{ PACK_PLAIN_MAX - 1, PACK_PLAIN_MAX },
		{ PACK_PLAIN_MAX, PACK_PLAIN_MAX } };
	size_t before = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(pack_padded(sizes[i][0]), sizes[i][1]);
	for (size_t n = 1; n < 1000000; n += 97) {
		size_t padded = pack_padded(n);
		assert_true(padded >= n && padded >= before);
		assert_true(n <= 4096 || padded - n < n / 32 + 1);
		before = padded;
	}
}

static void
every_flipped_byte_is_corrupt(void **state)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf blob = { 0 };
	struct pack_place place;

	(void)state;
	fill(&plain, 3000);
	seal(buf_bytes(&plain), 500, &blob, &place);
	for (size_t i = 0; i < blob.n; i++) {
		OWN(buf_free) struct buf out = { 0 };
		struct err e = { 0 };
		blob.p[i] ^= 0x02;
		assert_int_equal(
		    open_all(1, &place, buf_bytes(&blob), &out, &e), -1);
		/* Format and algorithm may be a newer program's. */
		assert_int_equal(e.code,
		    i == 4 || i == 5 ? ERR_UPDATE_NEEDED : ERR_BLOB_CORRUPT);
		assert_int_equal(out.n, 0);
		blob.p[i] ^= 0x02;
	}
}

static void
every_truncation_is_seen(void **state)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf blob = { 0 };
	struct pack_place place;

	(void)state;
	fill(&plain, 2 * PACK_SEGMENT);
	seal(buf_bytes(&plain), 5000, &blob, &place);
	for (size_t n = 0; n < blob.n; n += n < 100 ? 1 : 997) {
		OWN(buf_free) struct buf out = { 0 };
		struct err e = { 0 };
		assert_int_equal(
		    open_all(1, &place, bytes_of(blob.p, n), &out, &e), -1);
		assert_true(
		    e.code == ERR_BLOB_TRUNCATED || e.code == ERR_BLOB_CORRUPT);
	}
	/* Cut right behind a segment: it lacks the mark of the last. */
	OWN(buf_free) struct buf out = { 0 };
	struct err e = { 0 };
	assert_int_equal(
	    open_all(1, &place,
		bytes_of(blob.p, PACK_HEADER + PACK_SEGMENT + PACK_TAG), &out,
		&e),
	    -1);
	assert_int_equal(e.code, ERR_BLOB_CORRUPT);
	buf_grow(&blob, PACK_BLOB_MAX);
	assert_int_equal(open_all(1, &place, buf_bytes(&blob), &out, &e), -1);
	assert_int_equal(e.code, ERR_BLOB_TRUNCATED);
}

static void
opens_in_its_place_alone(void **state)
{
	OWN(buf_free) struct buf blob = { 0 };
	struct pack_place place, wrong[3];
	struct err e = { 0 };

	(void)state;
	seal(bytes_str("block"), 5, &blob, &place);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		wrong[i] = place;
	wrong[0].uid.b[0] ^= 1;
	wrong[1].category = 3;
	wrong[2].pack.b[15] ^= 1;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		OWN(buf_free) struct buf out = { 0 };
		assert_int_equal(
		    open_all(1, &wrong[i], buf_bytes(&blob), &out, &e), -1);
		assert_int_equal(e.code, ERR_BLOB_CORRUPT);
	}
	OWN(buf_free) struct buf out = { 0 };
	assert_int_equal(open_all(2, &place, buf_bytes(&blob), &out, &e), -1);
	assert_int_equal(open_all(1, &place, buf_bytes(&blob), &out, &e), 0);
}

static void
segments_cannot_change_places(void **state)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf blob = { 0 };
	OWN(buf_free) struct buf out = { 0 };
	OWN(secret_free) struct secret *k = key_of(1);
	OWN(pack_in_free) struct pack_in *r = NULL;
	struct pack_place place;
	struct err e = { 0 };
	uint64_t at;
	size_t n;

	(void)state;
	fill(&plain, 3 * PACK_SEGMENT);
	seal(buf_bytes(&plain), 70000, &blob, &place);
	assert_int_equal(
	    pack_in_open(k, &place, buf_bytes(&blob), blob.n, &r, &e), 0);
	assert_int_equal(pack_in_segments(r), 3);
	pack_in_where(r, 1, &at, &n);
	assert_int_equal(
	    pack_in_segment(r, 0, bytes_of(blob.p + at, n), &out, &e), -1);
	assert_int_equal(e.code, ERR_BLOB_CORRUPT);
	assert_int_equal(
	    pack_in_segment(r, 1, bytes_of(blob.p + at, n - 1), &out, &e), -1);
	assert_int_equal(e.code, ERR_BLOB_TRUNCATED);
	/* Any one alone, in any order. */
	assert_int_equal(
	    pack_in_segment(r, 1, bytes_of(blob.p + at, n), &out, &e), 0);
	assert_memory_equal(out.p, plain.p + PACK_SEGMENT, PACK_SEGMENT);
}

static void
a_writer_is_used_again(void **state)
{
	OWN(pack_out_free) struct pack_out *w = pack_out_new();
	OWN(secret_free) struct secret *k = key_of(1);
	OWN(buf_free) struct buf big = { 0 };
	struct id last = { { 0 } };

	(void)state;
	assert_true(pack_out_empty(w));
	assert_true(pack_out_fits(w, PACK_FULL));
	assert_false(pack_out_fits(w, (size_t)PACK_FULL + 1));
	fill(&big, PACK_SEGMENT + 5);
	for (size_t round = 0; round < 3; round++) {
		OWN(buf_free) struct buf out = { 0 };
		struct pack_place place = account;
		struct err e = { 0 };
		/* Short after long: nothing of the long one may be left. */
		size_t n = round == 0 ? big.n : 10;
		pack_out_add(w, bytes_of(big.p, n));
		assert_false(pack_out_empty(w));
		assert_false(pack_out_fits(w, (size_t)PACK_FULL - n + 1));
		pack_out_seal(w, k, 1, &dev, &place);
		assert_false(id_equal(&place.pack, &last));
		last = place.pack;
		assert_int_equal(
		    open_all(1, &place, pack_out_blob(w), &out, &e), 0);
		for (size_t i = n; i < out.n; i++)
			assert_int_equal(out.p[i], 0);
		pack_out_reset(w);
		assert_true(pack_out_empty(w));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_at_every_border),
		cmocka_unit_test(padding_grows_in_steps_of_a_32nd),
		cmocka_unit_test(every_flipped_byte_is_corrupt),
		cmocka_unit_test(every_truncation_is_seen),
		cmocka_unit_test(opens_in_its_place_alone),
		cmocka_unit_test(segments_cannot_change_places),
		cmocka_unit_test(a_writer_is_used_again),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
