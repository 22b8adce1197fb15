/* SPDX-License-Identifier: ISC */
/* test_sink.c: packs whose records are handed over, failures, secrets. */
#include "content_world.h"

#include "content/sink_in.h"

#define SMALL 3000 /* bytes of a file */
#define BIG 60000 /* 400 of them are six packs */

static enum sink_where
where(struct sink *s, const struct files *f, unsigned i, struct id *pack)
{
	uint32_t entry;

	return sink_where(s, LANE_FILES, &f->names[i], pack, &entry);
}

/* How many of the first n are there? */
static unsigned
count(struct sink *s, const struct files *f, unsigned n, enum sink_where at)
{
	struct id pack;
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++)
		found += where(s, f, i, &pack) == at;
	return found;
}

/* Another home, which has nothing but the zone, reads the first n. */
static void
readable(struct world *w, const struct files *f, unsigned n)
{
	OWN(source_free)
	struct source *src = source_new(open_home(w, 1, true));
	OWN(buf_free) struct buf want = { 0 };
	struct err e;

	for (unsigned i = 0; i < n; i++) {
		OWN(buf_free) struct buf got = { 0 };
		content(i, &want, f->bytes);
		MUST(source_chunk(src, CATEGORY_DRIVE, &f->names[i],
		    (uint32_t)f->bytes, &got, &e));
		assert_true(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
	}
}

static void
hands_records_over(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	OWN(sink_free) struct sink *s = drive_sink(w);
	struct zcopy *zone = repo_part(w->repo[0], CATEGORY_DRIVE)->zone;
	struct id pack;
	struct err e;

	f->bytes = SMALL;
	assert_true(put_files(s, LANE_FILES, f, 0, 200));
	MUST(sink_flush(s, &e));
	assert_int_equal(count(s, f, 200, SINK_WAITS), 200);
	/* The head that made the zone, and nothing else. */
	assert_int_equal(zcopy_seq(zone), 1);
	/* What waits is known, and is not stored again. */
	assert_true(put_files(s, LANE_FILES, f, 100, 100));
	MUST(sink_flush(s, &e));
	assert_int_equal(sink_totals(s).new_chunks, 200);
	assert_int_equal(atomic_load(&w->front.puts), 1);
	assert_int_equal(where(s, f, 150, &pack), SINK_WAITS);
	assert_int_equal(commit_waiting(w, s, &e), 1);
	assert_int_equal(zcopy_seq(zone), 2);
	MUST(sink_recorded(s, &e));
	assert_int_equal(count(s, f, 200, SINK_RECORDED), 200);
	assert_int_equal(commit_waiting(w, s, &e), 0);
	readable(w, f, 200);
}

/* What is not committed is not there for who comes after a kill. */
static void
forgets_what_nobody_committed(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	OWN(sink_free) struct sink *s = drive_sink(w);
	struct err e;

	f->bytes = SMALL;
	assert_true(put_files(s, LANE_FILES, f, 0, 50));
	MUST(sink_flush(s, &e));
	MUST(sink_recorded(s, &e));
	assert_int_equal(count(s, f, 50, SINK_WAITS), 50);
	MUST(repo_save(w->repo[0], &e));
	sink_free(&s);
	(void)open_home(w, 0, true);
	s = drive_sink(w);
	assert_int_equal(count(s, f, 50, SINK_NOWHERE), 50);
	assert_true(put_files(s, LANE_FILES, f, 0, 50));
	MUST(sink_flush(s, &e));
	assert_int_equal(sink_totals(s).new_chunks, 50);
	/* The same by word of the caller: the blob is gone. */
	sink_forget(s);
	assert_int_equal(count(s, f, 50, SINK_NOWHERE), 50);
	assert_int_equal(commit_waiting(w, s, &e), 0);
	assert_true(put_files(s, LANE_FILES, f, 0, 50));
	MUST(sink_flush(s, &e));
	assert_int_equal(commit_waiting(w, s, &e), 1);
	MUST(sink_recorded(s, &e));
	readable(w, f, 50);
}

/* A commit that got through though its answer did not. */
static void
finds_a_commit_whose_answer_was_lost(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	OWN(sink_free) struct sink *s = drive_sink(w);
	OWN(buf_free) struct buf ids = { 0 };
	struct err e;

	f->bytes = SMALL;
	assert_true(put_files(s, LANE_FILES, f, 0, 50));
	MUST(sink_flush(s, &e));
	w->front.lose_answer = true;
	(void)!commit_waiting(w, s, &e);
	assert_false(w->front.lose_answer);
	MUST(zcopy_pull(repo_part(w->repo[0], CATEGORY_DRIVE)->zone, &e));
	MUST(sink_recorded(s, &e));
	assert_int_equal(count(s, f, 50, SINK_RECORDED), 50);
	assert_int_equal(sink_waiting(s, &ids), 0);
	readable(w, f, 50);
}

/* A put that fails, the nth: what was stored stays, nothing is lost. */
static void
goes_on_after_a_failure(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	OWN(sink_free) struct sink *s = drive_sink(w);
	struct err e;

	f->bytes = BIG;
	for (int nth = 1; nth <= 3; nth++) {
		unsigned n = (unsigned)nth * 200;
		atomic_store(&w->front.fail_put, nth);
		if (put_files(s, LANE_FILES, f, n - 200, 200))
			assert_int_equal(sink_flush(s, &e), -1);
		assert_int_equal(sink_settle(s, &e), -1);
		assert_int_equal(e.code, ERR_QUOTA_EXCEEDED);
		sink_reset(s);
		assert_false(sink_failed(s));
		assert_int_equal(count(s, f, n, SINK_IN_WORK), 0);
		if (nth == 1)
			assert_true(count(s, f, n, SINK_NOWHERE) > 0);
		/* A part of them is committed before the rest is there. */
		assert_true(commit_waiting(w, s, &e) >= 0);
		MUST(sink_recorded(s, &e));
		assert_true(put_files(s, LANE_FILES, f, n - 200, 200));
		MUST(sink_flush(s, &e));
		assert_true(commit_waiting(w, s, &e) >= 0);
		MUST(sink_recorded(s, &e));
		assert_int_equal(count(s, f, n, SINK_RECORDED), n);
	}
	readable(w, f, 600);
}

/* ---- two readers, and whatever can fail ---- */

struct reader {
	struct sink *s;
	struct files *f;
	unsigned from, n;
};

static void *
read_files(void *arg)
{
	struct reader *r = arg;

	for (unsigned i = r->from; i < r->from + r->n; i += 10)
		if (!put_files(r->s, LANE_FILES, r->f, i, 10))
			break;
	return NULL;
}

/* false: it failed, and was reset. */
static bool
read_and_flush(struct sink *s, struct files *f, unsigned from)
{
	struct reader r[2] = { { s, f, from, 60 }, { s, f, from + 60, 40 } };
	pthread_t t[2];
	struct err e;

	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    pthread_create(&t[i], NULL, read_files, &r[i]), 0);
	for (int i = 0; i < 2; i++)
		(void)pthread_join(t[i], NULL);
	if (sink_flush(s, &e) == 0)
		return true;
	assert_int_equal(e.code, ERR_QUOTA_EXCEEDED);
	sink_reset(s);
	return false;
}

static void
nothing_is_lost_whatever_fails(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	OWN(sink_free) struct sink *s = drive_sink(w);
	struct zcopy *zone = repo_part(w->repo[0], CATEGORY_DRIVE)->zone;
	unsigned resets = 0;
	struct err e;

	f->bytes = BIG;
	for (int round = 0; round < 8; round++) {
		unsigned from = (unsigned)round % 4 * 100;
		atomic_store(&w->front.fail_put, round % 4);
		while (!read_and_flush(s, f, from))
			resets++;
		w->front.lose_answer = round % 3 == 1;
		if (commit_waiting(w, s, &e) < 0)
			MUST(zcopy_pull(zone, &e));
		MUST(sink_recorded(s, &e));
		assert_int_equal(
		    count(s, f, from + 100, SINK_RECORDED), from + 100);
		if (round % 2 == 1)
			sink_idle(s);
	}
	assert_true(resets > 0);
	readable(w, f, 400);
}

static void
an_idle_sink_holds_no_memory_and_goes_on(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	OWN(sink_free) struct sink *s = drive_sink(w);
	struct err e;

	f->bytes = BIG;
	for (unsigned round = 0; round < 3; round++) {
		assert_true(put_files(s, LANE_FILES, f, round * 100, 100));
		MUST(sink_flush(s, &e));
		assert_true(commit_waiting(w, s, &e) > 0);
		MUST(sink_recorded(s, &e));
		sink_idle(s);
		assert_null(s->spare);
		assert_int_equal(s->n_free, s->n_blocks);
		for (size_t i = 0; i < s->n_blocks; i++)
			assert_null(s->blocks[i].data);
		for (unsigned l = 0; l < LANES; l++)
			assert_null(s->lanes[l].pack.out);
	}
	readable(w, f, 300);
}

/* ---- secrets: in the same zone, with other keys ---- */

static bool
opens(const struct world *w, struct bytes blob, const struct id *pack,
    enum category key, enum category place)
{
	struct pack_place at = { w->folder->uid, (uint8_t)place, *pack };
	OWN(pack_in_free) struct pack_in *in = NULL;
	OWN(buf_free) struct buf out = { 0 };
	uint64_t offset;
	size_t n;
	struct err e;

	MUST(pack_in_open(keyring_category(w->folder->keyring, key, 1), &at,
	    bytes_of(blob.p, PACK_HEADER), blob.n, &in, &e));
	pack_in_where(in, 0, &offset, &n);
	return pack_in_segment(in, 0, bytes_of(blob.p + offset, n), &out, &e) ==
	    0;
}

static void
secrets_have_the_keys_of_the_keychain(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *open = mem_new(sizeof *open);
	OWN(mem_free) struct files *secret = mem_new(sizeof *secret);
	OWN(sink_free) struct sink *s = drive_sink(w);
	OWN(buf_free) struct buf blob = { 0 };
	OWN(buf_free) struct buf got = { 0 };
	OWN(buf_free) struct buf want = { 0 };
	struct id pack, other;
	uint32_t entry;
	struct err e;

	/* The same content, once as this and once as that. */
	open->bytes = secret->bytes = SMALL;
	assert_true(put_files(s, LANE_FILES, open, 0, 1));
	assert_true(put_files(s, LANE_SECRETS, secret, 0, 1));
	MUST(sink_flush(s, &e));
	assert_false(digest_equal(&open->names[0], &secret->names[0]));
	assert_int_equal(where(s, open, 0, &other), SINK_WAITS);
	assert_int_equal(where(s, secret, 0, &other), SINK_NOWHERE);
	assert_int_equal(
	    sink_where(s, LANE_SECRETS, &secret->names[0], &pack, &entry),
	    SINK_WAITS);
	assert_int_equal(commit_waiting(w, s, &e), 2);
	MUST(sink_recorded(s, &e));
	assert_int_equal(
	    sink_where(s, LANE_SECRETS, &secret->names[0], &pack, &entry),
	    SINK_RECORDED);
	assert_int_equal(where(s, secret, 0, &other), SINK_NOWHERE);

	/* Neither the drive's key opens it, nor the keychain's elsewhere. */
	MUST(w->folder->depot->ops->blob_get(w->folder->depot, &w->zone, &pack,
	    (struct depot_part){ 0, 0 }, &blob, &e));
	assert_true(opens(
	    w, buf_bytes(&blob), &pack, CATEGORY_KEYCHAIN, CATEGORY_DRIVE));
	assert_false(
	    opens(w, buf_bytes(&blob), &pack, CATEGORY_DRIVE, CATEGORY_DRIVE));
	assert_false(opens(
	    w, buf_bytes(&blob), &pack, CATEGORY_KEYCHAIN, CATEGORY_KEYCHAIN));

	OWN(source_free)
	struct source *src = source_new(open_home(w, 1, true));
	MUST(source_chunk(
	    src, CATEGORY_KEYCHAIN, &secret->names[0], SMALL, &got, &e));
	content(0, &want, SMALL);
	assert_true(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
	source_free(&src);

	/* Who has the drive's keys alone reads all else. */
	src = source_new(open_home(w, 2, false));
	buf_clear(&got);
	MUST(source_chunk(
	    src, CATEGORY_DRIVE, &open->names[0], SMALL, &got, &e));
	assert_int_equal(source_chunk(src, CATEGORY_KEYCHAIN, &secret->names[0],
			     SMALL, &got, &e),
	    -1);
	assert_int_equal(e.code, ERR_CATEGORY_CLOSED);
	assert_int_equal(
	    chunkmap_size(w->repo[2]->parts[CATEGORY_DRIVE].map), 1);
	source_free(&src);

	/* And finds what it passed over once it has the keys. */
	MUST(repo_save(w->repo[2], &e));
	src = source_new(open_home(w, 2, true));
	buf_clear(&got);
	MUST(source_chunk(
	    src, CATEGORY_KEYCHAIN, &secret->names[0], SMALL, &got, &e));
	assert_true(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    hands_records_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    forgets_what_nobody_committed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    finds_a_commit_whose_answer_was_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    goes_on_after_a_failure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    nothing_is_lost_whatever_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    an_idle_sink_holds_no_memory_and_goes_on, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    secrets_have_the_keys_of_the_keychain, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
