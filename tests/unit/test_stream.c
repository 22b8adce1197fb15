/* SPDX-License-Identifier: ISC */
/* test_stream.c: streams with holes, of few and of many chunks. */
#include "content_world.h"

#include "content/chunklist.h"
#include "content/stream.h"

#define MIB ((uint64_t)1 << 20)

struct leaves {
	uint64_t n, length, holes;
	uint64_t stop_at;
};

static int
leaf(void *ctx, const struct digest *name, uint32_t length, struct err *e)
{
	struct leaves *l = ctx;

	l->n++;
	l->length += length;
	l->holes += digest_zero(name) ? length : 0;
	return l->stop_at != 0 && l->n == l->stop_at
	    ? err_set(e, ERR_STOPPED, "enough")
	    : 0;
}

/* A piece of content, n bytes of a hole, and another piece. */
static void
write_stream(struct sink *s, uint32_t most, size_t piece, uint64_t hole,
    struct stream_ref *ref, struct leaves *needs)
{
	struct stream_out *w = stream_out_new(s, LANE_SECRETS);
	OWN(buf_free) struct buf x = { 0 };
	struct err e;

	stream_out_most(w, most);
	content(1, &x, piece);
	stream_out_put(w, buf_bytes(&x));
	stream_out_hole(w, hole);
	content(2, &x, piece);
	stream_out_put(w, buf_bytes(&x));
	assert_int_equal(stream_out_length(w), 2 * piece + hole);
	MUST(stream_out_end(w, ref, &e));
	/* What it needs is what its readers meet. */
	*needs = (struct leaves){ 0 };
	MUST(stream_out_chunks(w, leaf, needs, &e));
	assert_int_equal(needs->holes, 0);
	stream_out_free(&w);
	assert_int_equal(ref->length, 2 * piece + hole);
	assert_true(ref->n <= most);
	assert_int_equal(ref->category, CATEGORY_KEYCHAIN);
}

/* Commit all, and read by another home. */
static struct source *
reader_of(struct world *w, struct sink *s)
{
	struct err e;

	MUST(sink_flush(s, &e));
	MUST(commit_waiting(w, s, &e));
	MUST(sink_recorded(s, &e));
	return source_new(open_home(w, 1, true));
}

static int
collect(void *ctx, struct bytes x, struct err *e)
{
	(void)e;
	buf_put_bytes(ctx, x);
	return 0;
}

static void
holes_are_zeros_that_nobody_stores(void **state)
{
	struct world *w = *state;
	OWN(sink_free) struct sink *s = drive_sink(w);
	const size_t piece = 700000;
	const uint64_t hole = 2 * MIB + 12345;

	for (uint32_t most = 2; most <= 512; most += 510) {
		OWN(stream_ref_free) struct stream_ref ref = { 0 };
		OWN(buf_free) struct buf got = { 0 };
		OWN(buf_free) struct buf x = { 0 };
		struct leaves l = { 0 }, all = { 0 }, needs;
		struct err e;
		write_stream(s, most, piece, hole, &ref, &needs);
		assert_int_equal(ref.depth, most == 2);
		OWN(source_free) struct source *src = reader_of(w, s);
		MUST(stream_leaves(src, &ref, leaf, &l, &e));
		assert_int_equal(l.length, ref.length);
		assert_int_equal(l.holes, hole);
		MUST(stream_chunks(src, &ref, leaf, &all, &e));
		assert_int_equal(needs.length, all.length - hole);
		MUST(stream_read(src, &ref,
		    (struct stream_range){ piece - 100, hole + 200 }, collect,
		    &got, &e));
		assert_int_equal(got.n, hole + 200);
		content(1, &x, piece);
		assert_true(bytes_equal(
		    bytes_of(got.p, 100), bytes_of(x.p + piece - 100, 100)));
		for (size_t i = 0; i < hole; i++)
			assert_int_equal(got.p[100 + i], 0);
		content(2, &x, piece);
		assert_true(bytes_equal(
		    bytes_of(got.p + 100 + hole, 100), bytes_of(x.p, 100)));
	}
	assert_true(sink_totals(s).new_bytes < 2 * MIB);
}

/* 20 GiB of zeros are a list of lists. */
static void
a_long_list_is_read_in_pieces(void **state)
{
	struct world *w = *state;
	OWN(sink_free) struct sink *s = drive_sink(w);
	OWN(stream_ref_free) struct stream_ref ref = { 0 };
	const uint64_t hole = 20480 * MIB;
	struct leaves l = { 0 }, needs;
	struct err e;

	write_stream(s, 2, 100000, hole, &ref, &needs);
	assert_int_equal(ref.depth, 2);
	OWN(source_free) struct source *src = reader_of(w, s);
	MUST(stream_leaves(src, &ref, leaf, &l, &e));
	assert_int_equal(l.length, ref.length);
	assert_int_equal(l.holes, hole);
	l = (struct leaves){ .stop_at = 5000 };
	assert_int_equal(stream_leaves(src, &ref, leaf, &l, &e), -1);
	assert_int_equal(e.code, ERR_STOPPED);
	assert_int_equal(l.n, 5000);
	ref.depth = STREAM_DEPTH_MAX + 1;
	assert_int_equal(stream_leaves(src, &ref, leaf, &l, &e), -1);
	assert_int_equal(e.code, ERR_RECORD_CORRUPT);
}

/* As a member that lies can write them. */
static void
lists_that_end_within_an_item_are_refused(void **state)
{
	struct world *w = *state;
	OWN(sink_free) struct sink *s = drive_sink(w);
	struct err e;

	for (size_t off = 1; off < 34; off += 8) {
		OWN(buf_free) struct buf list = { 0 };
		OWN(stream_ref_free) struct stream_ref ref = { 0 };
		struct digest name = { { 0 } };
		struct leaves l = { 0 };
		for (uint8_t i = 0; i < 10; i++) {
			name.b[0] = i + 1;
			chunklist_put_one(&list, &name, 1000);
		}
		struct stream_out *out = stream_out_new(s, LANE_SECRETS);
		stream_out_put(out, bytes_of(list.p, list.n - off));
		MUST(stream_out_end(out, &ref, &e));
		stream_out_free(&out);
		ref.depth++;
		ref.length = 10000;
		OWN(source_free) struct source *src = reader_of(w, s);
		assert_int_equal(stream_leaves(src, &ref, leaf, &l, &e), -1);
		assert_int_equal(e.code, ERR_RECORD_CORRUPT);
		assert_true(l.n < 10);
	}
}

/* A list of n times the same, and a reference that says so many bytes. */
static void
list_of(struct sink *s, size_t n, uint32_t each, uint64_t length,
    struct stream_ref *ref)
{
	OWN(buf_free) struct buf list = { 0 };
	const struct digest name = { { 1 } };
	struct err e;

	for (size_t i = 0; i < n; i++)
		chunklist_put_one(&list, &name, each);
	struct stream_out *out = stream_out_new(s, LANE_SECRETS);
	stream_out_put(out, buf_bytes(&list));
	MUST(stream_out_end(out, ref, &e));
	stream_out_free(&out);
	ref->depth++;
	ref->length = length;
}

static void
lists_of_more_than_the_stream_are_refused(void **state)
{
	struct world *w = *state;
	OWN(sink_free) struct sink *s = drive_sink(w);
	static const struct {
		size_t n;
		uint32_t each;
		uint64_t length;
		enum err_code code;
	} rows[] = {
		{ 8, 3000, 24000, ERR_NONE },
		{ 8, 3000, 23999, ERR_RECORD_CORRUPT },
		{ 8, 3000, 24001, ERR_SNAPSHOT_DAMAGED },
		/* So short are chunks only where holes begin. */
		{ 4000, 1000, 4000 * 1000, ERR_RECORD_CORRUPT },
		{ 1, 3000, 0, ERR_RECORD_CORRUPT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		OWN(stream_ref_free) struct stream_ref ref = { 0 };
		struct leaves l = { 0 };
		struct err e = { .code = ERR_NONE };
		list_of(s, rows[i].n, rows[i].each, rows[i].length, &ref);
		OWN(source_free) struct source *src = reader_of(w, s);
		int rc = stream_leaves(src, &ref, leaf, &l, &e);
		assert_int_equal(rc < 0 ? e.code : ERR_NONE, rows[i].code);
		if (rows[i].code == ERR_RECORD_CORRUPT && rows[i].n > 8) {
			assert_int_equal(
			    stream_chunks(src, &ref, leaf, &l, &e), -1);
			assert_int_equal(e.code, ERR_RECORD_CORRUPT);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    holes_are_zeros_that_nobody_stores, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_long_list_is_read_in_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    lists_that_end_within_an_item_are_refused, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    lists_of_more_than_the_stream_are_refused, set_up,
		    tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
