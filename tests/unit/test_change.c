/* SPDX-License-Identifier: ISC */
/* test_change.c: records as they travel, and commits. */
#include "wire/change.h"

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

static const uint8_t refs[2 * ID_BYTES] = { 1, 2, 3 };

static struct change
record(uint8_t first)
{
	return (struct change){
		.id = { { first, 9 } },
		.version = 3,
		.key_epoch = 2,
		.refs = bytes_of(refs, sizeof refs),
		.ct = bytes_str("ciphertext"),
	};
}

static struct change
tombstone(uint8_t first)
{
	return (struct change){
		.id = { { first } },
		.version = 4,
		.flags = CHANGE_DELETED,
	};
}

static int
take(const struct buf *b, struct change *out, struct err *e)
{
	struct scan s = scan_of(buf_bytes(b));

	if (change_take(&s, out, e) < 0)
		return -1;
	assert_true(scan_done(&s));
	return 0;
}

static void
a_record_survives_a_round_trip(void **state)
{
	struct change both[] = { record(1), tombstone(2), record(3) };

	(void)state;
	both[2].flags = CHANGE_TABLE;
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		OWN(buf_free) struct buf b = { 0 };
		struct err e = { 0 };
		struct change c;
		change_put(&b, &both[i]);
		assert_int_equal(take(&b, &c, &e), 0);
		assert_true(id_equal(&c.id, &both[i].id));
		assert_true(c.version == both[i].version);
		assert_int_equal(c.flags, both[i].flags);
		assert_int_equal(c.key_epoch, both[i].key_epoch);
		assert_true(bytes_equal(c.refs, both[i].refs));
		assert_true(bytes_equal(c.ct, both[i].ct));
	}
}

static void
every_truncation_is_refused(void **state)
{
	OWN(buf_free) struct buf b = { 0 };
	const struct change c = record(1);

	(void)state;
	change_put(&b, &c);
	for (size_t n = 0; n < b.n; n++) {
		struct scan s = scan_of(bytes_of(b.p, n));
		struct err e = { 0 };
		struct change out;
		assert_int_equal(change_take(&s, &out, &e), -1);
		assert_int_equal(e.code, ERR_RECORD_CORRUPT);
	}
}

static void
refuses_what_cannot_be(void **state)
{
	OWN(buf_free) struct buf much = { 0 };
	struct change cases[8];
	static const enum err_code codes[] = { ERR_RECORD_CORRUPT,
		ERR_RECORD_CORRUPT, ERR_RECORD_CORRUPT, ERR_RECORD_CORRUPT,
		ERR_TOO_LARGE, ERR_RECORD_CORRUPT, ERR_RECORD_CORRUPT,
		ERR_RECORD_CORRUPT };

	(void)state;
	memset(
	    buf_grow(&much, LIMIT_RECORD_BYTES + 1), 1, LIMIT_RECORD_BYTES + 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cases[i] = record(1);
	cases[0].version = 0;
	cases[1].flags = 0x04;
	cases[2].flags = CHANGE_DELETED; /* yet with content */
	cases[3].ct.n = 0; /* not deleted, yet empty */
	cases[4].ct = buf_bytes(&much);
	cases[5].version = (uint64_t)INT64_MAX + 1; /* no database holds it */
	cases[6] = tombstone(1);
	cases[6].flags |= CHANGE_TABLE;
	cases[7].flags = CHANGE_TABLE | 0x80;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf b = { 0 };
		struct err e = { 0 };
		struct change out;
		change_put(&b, &cases[i]);
		assert_int_equal(take(&b, &out, &e), -1);
		assert_int_equal(e.code, codes[i]);
	}
}

static void
refuses_too_many_refs_before_reading_them(void **state)
{
	OWN(buf_free) struct buf b = { 0 };
	struct err e = { 0 };
	struct change c = tombstone(1), out;

	(void)state;
	change_put(&b, &c);
	be16_put(b.p + 29, LIMIT_REFS + 1);
	assert_int_equal(take(&b, &out, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
}

static void
the_line_covers_every_field(void **state)
{
	struct change base = record(1), variants[6];
	uint8_t line[CHANGE_LINE_BYTES], other[CHANGE_LINE_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++)
		variants[i] = base;
	variants[0].id.b[15] ^= 1;
	variants[1].version++;
	variants[2].flags ^= 1;
	variants[3].key_epoch++;
	variants[4].refs.n -= ID_BYTES;
	variants[5].ct.n--;
	change_line(&base, line);
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		change_line(&variants[i], other);
		assert_memory_not_equal(line, other, sizeof line);
	}
}

/* A commit of n changes under a head that names them. */
static void
commit_of(struct buf *out, const struct change *list, size_t n)
{
	struct head h = { .seq = 5 };

	change_hash(list, n, &h.changes_hash);
	commit_put(out, &h, list, n);
}

static void
a_commit_survives_a_round_trip(void **state)
{
	const struct change list[] = { record(1), tombstone(2), record(3) };

	(void)state;
	for (size_t n = 0; n <= ARRAY_SIZE(list); n++) {
		OWN(buf_free) struct buf b = { 0 };
		OWN(commit_free) struct commit c = { .n = 0 };
		struct err e = { 0 };
		commit_of(&b, list, n);
		assert_int_equal(commit_parse(buf_bytes(&b), &c, &e), 0);
		assert_int_equal(c.n, n);
		assert_int_equal(c.head.seq, 5);
		for (size_t i = 0; i < n; i++)
			assert_true(id_equal(&c.changes[i].id, &list[i].id));
	}
}

static void
expect_refused(struct bytes x, enum err_code code)
{
	OWN(commit_free) struct commit c = { .n = 0 };
	struct err e = { 0 };

	assert_int_equal(commit_parse(x, &c, &e), -1);
	assert_int_equal(e.code, code);
	assert_null(c.changes);
}

static void
a_line_is_a_frame_too(void **state)
{
	OWN(buf_free) struct buf b = { 0 };
	OWN(digest_free) struct digest_state *sha = digest_new();
	struct change c = record(7);
	uint8_t line[CHANGE_LINE_BYTES];
	struct frame f;
	struct err e = { 0 };
	bool whole;

	(void)state;
	c.flags = CHANGE_TABLE;
	change_line(&c, line);
	change_put_line(&b, sha, 12, &c);
	for (size_t n = 0; n < b.n; n++) {
		struct scan s = scan_of(bytes_of(b.p, n));
		assert_int_equal(frame_take(&s, &f, &whole, &e), 0);
		assert_false(whole);
	}
	struct scan s = scan_of(buf_bytes(&b));
	assert_int_equal(frame_take(&s, &f, &whole, &e), 0);
	assert_true(whole && scan_done(&s));
	assert_int_equal(f.kind, FRAME_LINE);
	assert_int_equal(f.seq, 12);
	assert_true(id_equal(&f.change.id, &c.id));
	assert_true(f.change.version == c.version);
	assert_int_equal(f.change.key_epoch, c.key_epoch);
	assert_int_equal(f.change.ct.n + f.change.refs.n, 0);
	assert_true(bytes_equal(f.line, bytes_of(line, sizeof line)));
	/* Of a tombstone, of what is no table, of version 0, of too high a one. */
	static const struct {
		size_t at;
		uint8_t value;
	} bad[] = { { 33, 3 }, { 33, 0 }, { 32, 0 }, { 25, 0x80 } };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t was = b.p[bad[i].at];
		b.p[bad[i].at] = bad[i].value;
		s = scan_of(buf_bytes(&b));
		assert_int_equal(frame_take(&s, &f, &whole, &e), -1);
		assert_int_equal(e.code, ERR_RECORD_CORRUPT);
		b.p[bad[i].at] = was;
	}
}

/* Told by their magic, one behind the other, and however they are cut. */
static void
heads_of_both_formats_are_taken(void **state)
{
	OWN(buf_free) struct buf b = { 0 };
	struct scan s;
	struct frame f;
	struct err e = { 0 };
	bool whole;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct head h = { .seq = i + 1,
			.format = i % 2 == 0 ? HEAD_PZH2 : HEAD_PZH1,
			.share_seq = i % 2 == 0 ? i + 9 : 0 };
		buf_put_u8(&b, FRAME_HEAD);
		head_put(&b, &h);
	}
	s = scan_of(buf_bytes(&b));
	for (unsigned i = 0; i < 4; i++) {
		size_t n = 1 + (i % 2 == 0 ? HEAD2_BYTES : HEAD1_BYTES);
		for (size_t part = 0; part < n; part++) {
			struct scan cut = scan_of(bytes_of(s.p, part));
			assert_int_equal(frame_take(&cut, &f, &whole, &e), 0);
			assert_false(whole);
		}
		assert_int_equal(frame_take(&s, &f, &whole, &e), 0);
		assert_true(whole);
		assert_int_equal(f.head.seq, i + 1);
		assert_int_equal(f.head.share_seq, i % 2 == 0 ? i + 9 : 0);
	}
	assert_true(scan_done(&s));
}

static void
commits_of_both_formats_are_parsed(void **state)
{
	const struct change list[] = { record(1), tombstone(2) };

	(void)state;
	for (int i = 0; i < 2; i++) {
		OWN(buf_free) struct buf b = { 0 };
		OWN(buf_free) struct buf again = { 0 };
		OWN(commit_free) struct commit c = { .n = 0 };
		struct head h = { .seq = 1,
			.format = i == 0 ? HEAD_PZH1 : HEAD_PZH2 };
		struct err e = { 0 };

		change_hash(list, 2, &h.changes_hash);
		commit_put(&b, &h, list, 2);
		assert_int_equal(commit_parse(buf_bytes(&b), &c, &e), 0);
		assert_int_equal(c.n, 2);
		assert_int_equal(c.head.format, h.format);
		commit_put(&again, &c.head, c.changes, c.n);
		assert_true(bytes_equal(buf_bytes(&b), buf_bytes(&again)));
		b.p[3] ^= '1' ^ '2'; /* too long for the one, or too short */
		commit_free(&c);
		assert_int_equal(commit_parse(buf_bytes(&b), &c, &e), -1);
	}
}

static void
refuses_disorder_and_doubles(void **state)
{
	const struct change falling[] = { record(2), record(1) };
	const struct change twice[] = { record(1), record(1) };
	OWN(buf_free) struct buf a = { 0 };
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	commit_of(&a, falling, 2);
	expect_refused(buf_bytes(&a), ERR_RECORD_CORRUPT);
	commit_of(&b, twice, 2);
	expect_refused(buf_bytes(&b), ERR_RECORD_CORRUPT);
}

static void
every_flipped_byte_of_the_records_is_seen(void **state)
{
	const struct change list[] = { record(1), tombstone(2) };
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	commit_of(&b, list, 2);
	for (size_t i = HEAD1_BYTES; i < b.n; i++) {
		OWN(commit_free) struct commit c = { .n = 0 };
		struct err e = { 0 };
		b.p[i] ^= 0x01;
		assert_int_equal(commit_parse(buf_bytes(&b), &c, &e), -1);
		b.p[i] ^= 0x01;
	}
}

static void
every_length_but_its_own_is_refused(void **state)
{
	const struct change list[] = { record(1), tombstone(2) };
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	commit_of(&b, list, 2);
	size_t whole = b.n;
	for (size_t n = 0; n < whole; n++)
		expect_refused(bytes_of(b.p, n), ERR_RECORD_CORRUPT);
	buf_put_u8(&b, 0);
	expect_refused(buf_bytes(&b), ERR_RECORD_CORRUPT);
}

static void
refuses_too_many_records_before_making_room(void **state)
{
	OWN(buf_free) struct buf b = { 0 };

	(void)state;
	commit_of(&b, NULL, 0);
	be32_put(b.p + HEAD1_BYTES, LIMIT_COMMIT_RECORDS + 1);
	expect_refused(buf_bytes(&b), ERR_TOO_LARGE);
	be32_put(b.p + HEAD1_BYTES, UINT32_MAX);
	expect_refused(buf_bytes(&b), ERR_TOO_LARGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_survives_a_round_trip),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(refuses_what_cannot_be),
		cmocka_unit_test(refuses_too_many_refs_before_reading_them),
		cmocka_unit_test(the_line_covers_every_field),
		cmocka_unit_test(a_commit_survives_a_round_trip),
		cmocka_unit_test(a_line_is_a_frame_too),
		cmocka_unit_test(heads_of_both_formats_are_taken),
		cmocka_unit_test(commits_of_both_formats_are_parsed),
		cmocka_unit_test(refuses_disorder_and_doubles),
		cmocka_unit_test(every_flipped_byte_of_the_records_is_seen),
		cmocka_unit_test(every_length_but_its_own_is_refused),
		cmocka_unit_test(refuses_too_many_records_before_making_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
