/* SPDX-License-Identifier: ISC */
/* test_chunker.c: cuts fall where the rule in the header says. */
#include "vault/chunker_test.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WINDOW 64
#define DATA_BYTES ((size_t)3 << 20)

static struct secret *
seed_of(uint8_t fill)
{
	struct secret *s = secret_new(SECRET_KEY);

	memset(secret_room(s), fill, SECRET_KEY);
	return s;
}

/* ChaCha20 as a stream cipher over zeros: the table by another way. */
static void
table_of(uint8_t fill, uint64_t *table)
{
	static const uint8_t zeros[256], nonce[12];
	uint8_t key[SECRET_KEY], stream[256];
	uint64_t part[32];

	memset(key, fill, sizeof key);
	assert_int_equal(crypto_stream_chacha20_ietf_xor_ic(
			     stream, zeros, sizeof stream, nonce, 0, key),
	    0);
	for (size_t i = 0; i < 32; i++) {
		part[i] = 0;
		for (size_t k = 0; k < 8; k++)
			part[i] = part[i] << 8 | stream[8 * i + k];
	}
	for (size_t i = 0; i < 256; i++)
		table[i] = part[i >> 4] + part[16 + (i & 15)];
}

/* The hash at offset i, as a sum over the window and nothing before it. */
static uint64_t
hash_at(const uint64_t *table, const uint8_t *p, size_t i)
{
	uint64_t h = 0;

	for (size_t k = 0; k < WINDOW; k++)
		h += table[p[i - k]] << k;
	return h;
}

static bool
may_cut(uint64_t h, unsigned top_bits)
{
	return h % 65536 < 32 && h >> (64 - top_bits) == 0;
}

static bool
is_cut(const uint64_t *table, const uint8_t *p, size_t i)
{
	return may_cut(hash_at(table, p, i), i < CHUNKER_AVG ? 7 : 2);
}

static size_t
cut_by_rule(const uint64_t *table, const uint8_t *p, size_t n, bool last)
{
	size_t end = n < CHUNKER_MAX ? n : CHUNKER_MAX;

	for (size_t i = CHUNKER_MIN; i < end; i++)
		if (is_cut(table, p, i))
			return i + 1;
	return last || n >= CHUNKER_MAX ? end : 0;
}

enum pattern {
	RANDOM,
	CONSTANT,
	PERIOD_3,
	PERIOD_64,
	PERIOD_65,
	PERIOD_4099,
	SPARSE,
	PATTERNS
};

static void
fill(uint8_t *p, size_t n, enum pattern pattern, uint8_t salt)
{
	static const size_t period[PATTERNS] = { 0, 1, 3, 64, 65, 4099, 0 };
	uint8_t key[randombytes_SEEDBYTES];

	memset(key, salt, sizeof key);
	randombytes_buf_deterministic(p, n, key);
	if (pattern == SPARSE)
		for (size_t i = 0; i < n; i++)
			p[i] = i % 1000 < 3 ? p[i] : 0;
	else if (period[pattern] > 0)
		for (size_t i = period[pattern]; i < n; i++)
			p[i] = p[i - period[pattern]];
}

/* What every variant that this CPU runs says; they must agree. */
static size_t
cut(struct chunker *c, const uint8_t *p, size_t n, bool last)
{
	assert_true(chunker_choose(c, CHUNKER_PLAIN));
	size_t want = chunker_cut(c, p, n, last);

	for (int v = 0; v < CHUNKER_VARIANTS; v++)
		if (chunker_choose(c, (enum chunker_variant)v))
			assert_int_equal(chunker_cut(c, p, n, last), want);
	return want;
}

/* All lengths that the data splits into; the rule's own beside ours. */
static size_t
split(struct chunker *c, const uint64_t *table, const uint8_t *p, size_t n)
{
	size_t chunks = 0;

	for (size_t at = 0; at < n; chunks++) {
		size_t got = cut(c, p + at, n - at, true);
		assert_int_equal(got, cut_by_rule(table, p + at, n - at, true));
		assert_in_range(got, 1, CHUNKER_MAX);
		at += got;
	}
	return chunks;
}

static void
cuts_where_the_rule_says(void **state)
{
	OWN(buf_free) struct buf data = { 0 };
	uint8_t *p = buf_grow(&data, DATA_BYTES);
	uint64_t table[256];

	(void)state;
	for (int i = 0; i < PATTERNS; i++)
		for (uint8_t salt = 0; salt < 2; salt++) {
			OWN(secret_free) struct secret *seed = seed_of(salt);
			OWN(chunker_free)
			struct chunker *c = chunker_new(seed);
			table_of(salt, table);
			fill(p, DATA_BYTES, (enum pattern)i, salt);
			size_t chunks = split(c, table, p, DATA_BYTES);
			assert_in_range(chunks, DATA_BYTES / CHUNKER_MAX,
			    DATA_BYTES / CHUNKER_MIN);
		}
}

/* A window that cuts: under either mask, or under the later one alone. */
static void
take_window(const uint64_t *table, const uint8_t *p, bool strict, uint8_t *out)
{
	for (size_t i = CHUNKER_MIN;; i++) {
		uint64_t h = hash_at(table, p, i);
		if (may_cut(h, 2) && may_cut(h, 7) == strict) {
			memcpy(out, p + i + 1 - WINDOW, WINDOW);
			return;
		}
	}
}

/* Windows that cut, at given offsets of data that has no cut. */
static void
cuts_at_the_edges_of_each_range(void **state)
{
	static const struct {
		size_t at;
		bool strict, cuts;
	} cases[] = {
		{ CHUNKER_MIN - 1, true, false },
		{ CHUNKER_MIN, true, true },
		{ CHUNKER_MIN, false, false },
		{ CHUNKER_MIN + 1, true, true },
		{ CHUNKER_AVG - 1, true, true },
		{ CHUNKER_AVG - 1, false, false },
		{ CHUNKER_AVG, true, true },
		{ CHUNKER_AVG, false, true },
		{ CHUNKER_AVG + 1, false, true },
		{ CHUNKER_MAX - 2, false, true },
		{ CHUNKER_MAX - 1, true, true },
		{ CHUNKER_MAX, true, false },
	};
	OWN(secret_free) struct secret *seed = seed_of(7);
	OWN(chunker_free) struct chunker *c = chunker_new(seed);
	OWN(buf_free) struct buf data = { 0 };
	uint8_t *p = buf_grow(&data, DATA_BYTES);
	uint8_t window[2][WINDOW];
	uint64_t table[256];
	int quiet = -1;

	(void)state;
	table_of(7, table);
	fill(p, DATA_BYTES, RANDOM, 9);
	take_window(table, p, false, window[0]);
	take_window(table, p, true, window[1]);
	do /* a byte whose repetition never cuts */
		memset(p, ++quiet, CHUNKER_MAX + WINDOW);
	while (cut(c, p, CHUNKER_MAX, false) != CHUNKER_MAX);
	assert_int_equal(cut(c, p, CHUNKER_MAX - 1, false), 0);
	assert_int_equal(cut(c, p, CHUNKER_MAX + WINDOW, false), CHUNKER_MAX);
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		size_t at = cases[k].at;
		size_t want = cases[k].cuts ? at + 1 : CHUNKER_MAX;
		memset(p, quiet, CHUNKER_MAX + WINDOW);
		memcpy(p + at + 1 - WINDOW, window[cases[k].strict], WINDOW);
		assert_int_equal(cut(c, p, CHUNKER_MAX + WINDOW, false), want);
		if (cases[k].cuts) /* the last byte at hand may show it */
			assert_int_equal(cut(c, p, want, false), want);
	}
}

/* A cut at any place in a block of any alignment, and nothing read behind. */
static void
cuts_alike_at_every_alignment(void **state)
{
	OWN(secret_free) struct secret *seed = seed_of(7);
	OWN(chunker_free) struct chunker *c = chunker_new(seed);
	OWN(buf_free) struct buf data = { 0 };
	uint8_t *p = buf_grow(&data, DATA_BYTES);
	uint8_t window[WINDOW];
	uint64_t table[256];

	(void)state;
	table_of(7, table);
	fill(p, DATA_BYTES, RANDOM, 9);
	take_window(table, p, true, window);
	for (size_t shift = 0; shift < 64; shift++)
		for (size_t d = 0; d < 140; d++) {
			size_t n = CHUNKER_MIN + d + 1;
			OWN(mem_free) uint8_t *room = mem_new(shift + n);
			uint8_t *q = room + shift;
			memcpy(q, p, n);
			memcpy(q + n - WINDOW, window, WINDOW);
			size_t want = cut_by_rule(table, q, n, false);
			assert_true(want > 0);
			assert_int_equal(cut(c, q, n, false), want);
			q[n - 1] ^= 1;
			assert_int_equal(cut(c, q, n, false),
			    cut_by_rule(table, q, n, false));
		}
}

/* Bytes chosen so that bits 5..15 are zero as often as one byte can do it. */
static void
fill_dense(const uint64_t *table, uint8_t *p, size_t n)
{
	uint64_t h = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned best = p[i]; /* random until a better one shows */
		for (unsigned b = 0; b < 256; b++)
			if (((h << 1) + table[b]) % 65536 < 32)
				best = b;
		p[i] = (uint8_t)best;
		h = (h << 1) + table[best];
	}
}

static void
cuts_alike_where_the_sieve_holds_nothing_back(void **state)
{
	OWN(buf_free) struct buf data = { 0 };
	uint8_t *p = buf_grow(&data, DATA_BYTES);
	unsigned constants = 0;
	uint64_t table[256];

	(void)state;
	for (uint8_t salt = 0; salt < 60; salt++) {
		OWN(secret_free) struct secret *seed = seed_of(salt);
		OWN(chunker_free) struct chunker *c = chunker_new(seed);
		table_of(salt, table);
		if (salt < 4) {
			fill(p, DATA_BYTES / 4, RANDOM, salt);
			fill_dense(table, p, DATA_BYTES / 4);
			(void)split(c, table, p, DATA_BYTES / 4);
		}
		/* Bytes whose repetition lets each offset through the sieve. */
		for (unsigned b = 0; b < 256; b++) {
			uint64_t h = 0 - table[b];
			if (h % 65536 >= 32)
				continue;
			memset(p, (int)b, CHUNKER_MAX);
			size_t want = may_cut(h, 7) ? CHUNKER_MIN + 1
			    : may_cut(h, 2)	    ? CHUNKER_AVG + 1
						    : CHUNKER_MAX;
			assert_int_equal(cut(c, p, CHUNKER_MAX, false), want);
			constants++;
		}
	}
	assert_in_range(constants, 1, 60);
}

/* Which cut shows must not depend on how much is at hand. */
static void
answers_the_same_however_much_is_at_hand(void **state)
{
	OWN(secret_free) struct secret *seed = seed_of(3);
	OWN(chunker_free) struct chunker *c = chunker_new(seed);
	OWN(buf_free) struct buf data = { 0 };
	uint8_t *p = buf_grow(&data, 2 * CHUNKER_MAX);
	size_t from = 0;

	(void)state;
	fill(p, 2 * CHUNKER_MAX, RANDOM, 5);
	for (int round = 0; round < 3; round++) {
		const uint8_t *q = p + from;
		size_t want = cut(c, q, CHUNKER_MAX, false);
		assert_in_range(want, CHUNKER_MIN + 1, CHUNKER_MAX);
		for (size_t n = 0; n < CHUNKER_MAX; n += 997)
			assert_int_equal(
			    cut(c, q, n, false), n >= want ? want : 0);
		assert_int_equal(cut(c, q, want, false), want);
		assert_int_equal(cut(c, q, want - 1, false), 0);
		assert_int_equal(cut(c, q, want - 1, true), want - 1);
		from += want;
	}
}

static void
ends_where_the_content_ends(void **state)
{
	static const size_t lengths[] = { 1, 63, 64, CHUNKER_MIN - 1,
		CHUNKER_MIN };
	static const uint8_t zeros[CHUNKER_MIN];
	OWN(secret_free) struct secret *seed = seed_of(1);
	OWN(chunker_free) struct chunker *c = chunker_new(seed);

	(void)state;
	assert_int_equal(cut(c, zeros, 0, true), 0);
	assert_int_equal(cut(c, zeros, 0, false), 0);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		size_t n = lengths[i];
		assert_int_equal(cut(c, zeros, n, true), n);
		assert_int_equal(cut(c, zeros, n, false), 0);
	}
}

static void
averages_near_64_kib_on_random_data(void **state)
{
	OWN(secret_free) struct secret *seed = seed_of(2);
	OWN(chunker_free) struct chunker *c = chunker_new(seed);
	OWN(buf_free) struct buf data = { 0 };
	size_t n = (size_t)64 << 20, chunks = 0;
	uint8_t *p = buf_grow(&data, n);

	(void)state;
	fill(p, n, RANDOM, 1);
	for (size_t at = 0; at < n; chunks++)
		at += chunker_cut(c, p + at, n - at, true);
	assert_in_range(n / chunks, 62 << 10, 70 << 10);
}

/* One byte more at the front moves the cuts, and adds few new chunks. */
static void
finds_the_old_cuts_again_behind_an_edit(void **state)
{
	OWN(secret_free) struct secret *seed = seed_of(4);
	OWN(chunker_free) struct chunker *c = chunker_new(seed);
	OWN(buf_free) struct buf data = { 0 };
	uint8_t *p = buf_grow(&data, DATA_BYTES);
	size_t a = 0, b = 1;

	(void)state;
	fill(p, DATA_BYTES, RANDOM, 6);
	do { /* whichever is behind takes the next step */
		size_t *at = a < b ? &a : &b;
		*at += chunker_cut(c, p + *at, DATA_BYTES - *at, true);
	} while (a != b);
	assert_in_range(a, 1, DATA_BYTES / 2);
}

/* A byte put in the middle: the cuts of both, counted from the end. */
static void
keeps_nearly_all_chunks_beside_an_inserted_byte(void **state)
{
	enum { SIZE = 16 << 20 };
	OWN(secret_free) struct secret *seed = seed_of(4);
	OWN(chunker_free) struct chunker *c = chunker_new(seed);
	OWN(buf_free) struct buf old = { 0 };
	OWN(buf_free) struct buf new = { 0 };
	size_t chunks = 0, same = 0, a = 0, b = 0;

	(void)state;
	fill(buf_grow(&old, SIZE), SIZE, RANDOM, 6);
	buf_put(&new, old.p, SIZE / 2);
	buf_put_u8(&new, 'x');
	buf_put(&new, old.p + SIZE / 2, SIZE / 2);
	while (a < old.n) {
		size_t n = chunker_cut(c, old.p + a, old.n - a, true);
		while (b < new.n && b < a + (a > SIZE / 2))
			b += chunker_cut(c, new.p + b, new.n - b, true);
		same += b == a + (a > SIZE / 2) &&
		    chunker_cut(c, new.p + b, new.n - b, true) == n &&
		    bytes_equal(bytes_of(old.p + a, n), bytes_of(new.p + b, n));
		a += n;
		chunks++;
	}
	assert_in_range(chunks, 200, 300);
	assert_in_range(chunks - same, 1, 5);
}

static void
cuts_elsewhere_under_another_seed(void **state)
{
	OWN(buf_free) struct buf data = { 0 };
	uint8_t *p = buf_grow(&data, DATA_BYTES);
	size_t same = 0, at[2] = { 0, 0 };
	OWN(secret_free) struct secret *s = seed_of(0);
	OWN(secret_free) struct secret *t = seed_of(1);
	OWN(chunker_free) struct chunker *c = chunker_new(s);
	OWN(chunker_free) struct chunker *d = chunker_new(t);

	(void)state;
	fill(p, DATA_BYTES, RANDOM, 8);
	while (at[0] < DATA_BYTES && at[1] < DATA_BYTES) {
		if (at[0] <= at[1])
			at[0] +=
			    chunker_cut(c, p + at[0], DATA_BYTES - at[0], true);
		else
			at[1] +=
			    chunker_cut(d, p + at[1], DATA_BYTES - at[1], true);
		same += at[0] == at[1] && at[0] < DATA_BYTES;
	}
	assert_int_equal(same, 0);
}

/* Lengths of the first chunks: any change of the rule shows here. */
static void
cuts_known_data_as_ever(void **state)
{
	static const size_t want[] = { 69059, 57453, 71093, 70016, 79526, 81354,
		80016, 70950 };
	OWN(secret_free) struct secret *seed = secret_new(SECRET_KEY);
	OWN(buf_free) struct buf data = { 0 };
	uint8_t *p = buf_grow(&data, DATA_BYTES);
	uint32_t x = 1;
	size_t at = 0;

	(void)state;
	for (uint8_t i = 0; i < SECRET_KEY; i++)
		secret_room(seed)[i] = i;
	OWN(chunker_free) struct chunker *c = chunker_new(seed);
	for (size_t i = 0; i < DATA_BYTES; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
	}
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		size_t n = cut(c, p + at, DATA_BYTES - at, true);
		assert_int_equal(n, want[i]);
		at += n;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_where_the_rule_says),
		cmocka_unit_test(cuts_at_the_edges_of_each_range),
		cmocka_unit_test(cuts_alike_at_every_alignment),
		cmocka_unit_test(cuts_alike_where_the_sieve_holds_nothing_back),
		cmocka_unit_test(answers_the_same_however_much_is_at_hand),
		cmocka_unit_test(ends_where_the_content_ends),
		cmocka_unit_test(averages_near_64_kib_on_random_data),
		cmocka_unit_test(finds_the_old_cuts_again_behind_an_edit),
		cmocka_unit_test(
		    keeps_nearly_all_chunks_beside_an_inserted_byte),
		cmocka_unit_test(cuts_elsewhere_under_another_seed),
		cmocka_unit_test(cuts_known_data_as_ever),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
