/* SPDX-License-Identifier: ISC */
/* test_content_in.c: what a file with holes is stored as, and comes back as. */
#include "content_world.h"

#include "drive/content_in.h"
#include "drive/content_out.h"

#define KIB 1024

/* Pieces of data and of holes by turns, a hole at the end. */
struct holed {
	struct buf x;
	size_t piece, hole; /* bytes */
};

static int
read_holed(
    void *ctx, uint64_t at, void *p, size_t n, size_t *got, struct err *e)
{
	const struct holed *h = ctx;

	(void)e;
	*got = at >= h->x.n ? 0 : h->x.n - at < n ? h->x.n - at : n;
	if (*got > 0)
		memcpy(p, h->x.p + at, *got);
	return 0;
}

/* As SEEK_DATA and SEEK_HOLE tell it. */
static int
data_of_holed(
    void *ctx, uint64_t at, uint64_t *data, uint64_t *hole, struct err *e)
{
	const struct holed *h = ctx;
	uint64_t turn = h->piece + h->hole, from = at - at % turn;

	(void)e;
	*data = at < from + h->piece ? at : from + turn;
	*hole = *data - *data % turn + h->piece;
	*data = *data < h->x.n ? *data : h->x.n;
	*hole = *hole < h->x.n ? *hole : h->x.n;
	return 0;
}

static void
holed(struct holed *h, size_t piece, size_t hole, size_t bytes)
{
	h->piece = piece;
	h->hole = hole;
	content(3, &h->x, bytes);
	for (size_t at = piece; at < bytes; at += piece + hole)
		memset(h->x.p + at, 0, bytes - at < hole ? bytes - at : hole);
}

static void
store(struct world *w, struct holed *h, struct buf *out)
{
	OWN(content_in_free) struct content_in *in = NULL;
	struct content_in_taken x = { 0 };
	struct err e;
	const struct content_in_file f = { .size = h->x.n,
		.read = read_holed,
		.data = data_of_holed,
		.ctx = h };

	MUST(content_in_new(w->repo[0], &in, &e));
	MUST(content_in_take(in, &f, &x, &e));
	MUST(content_in_flush(in, &e));
	content_in_put(in, &x, out);
	content_in_taken_free(&x);
	MUST(content_in_commit(in, 0, &e));
}

static int
keep(void *ctx, struct bytes x, struct err *e)
{
	(void)e;
	buf_put_bytes(ctx, x);
	return 0;
}

/* Read in order, and planned chunk by chunk, as a place of it needs it. */
static void
comes_back(struct world *w, const struct holed *h, const struct buf *stored)
{
	OWN(buf_free) struct buf got = { 0 };
	struct repo *repo = open_home(w, 1, true);
	OWN(fetch_free) struct fetch *f = fetch_new(repo);
	struct content_out o = { .repo = repo };
	const struct node n = { .type = NODE_FILE,
		.content = buf_bytes(stored) };
	uint32_t chunks;
	struct err e;

	MUST(content_out_of(&n, &o, &e));
	MUST(content_out_plan(&o, f, 0, &chunks, &e));
	assert_int_equal(chunks, fetch_planned(f));
	MUST(content_out_read(&o, keep, &got, &e));
	assert_true(bytes_equal(buf_bytes(&got), buf_bytes(&h->x)));
	source_free(&o.source);
}

/* A disk of small blocks tells of holes of half a KiB, another one of a byte. */
static void
what_is_written_is_read(void **state)
{
	static const size_t rows[][2] = { { 512, 512 }, { KIB, KIB },
		{ 1, 4 * KIB }, { 4 * KIB, 4 * KIB }, { 4 * KIB, 1 },
		{ 1, 4 * KIB - 1 }, { 20 * KIB, 5 * KIB },
		{ 300 * KIB, 100 * KIB } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		OWN(buf_free) struct buf stored = { 0 };
		struct holed h = { .piece = 0 };
		holed(&h, rows[i][0], rows[i][1], 700 * KIB + 77);
		store(*state, &h, &stored);
		comes_back(*state, &h, &stored);
		buf_free(&h.x);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_is_written_is_read, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
