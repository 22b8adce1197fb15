/* SPDX-License-Identifier: ISC */
/* test_fetch.c: many chunks at once: all of them, and what cannot be had. */
#include "content_world.h"

#include "content/fetch.h"

#define FILES 400
#define BYTES 30000 /* FILES of them are three packs */

/* What came of each chunk; several threads write, each its own. */
struct got {
	atomic_uint taken[FILES], failed[FILES], wrong;
	atomic_uint all;
	unsigned stop_after; /* 0: never */
	enum err_code code;
};

static struct got got;

static int
take(void *ctx, uint32_t tag, uint64_t offset, struct bytes plain)
{
	OWN(buf_free) struct buf want = { 0 };

	(void)ctx;
	content(tag, &want, BYTES);
	if (!bytes_equal(plain, buf_bytes(&want)) || offset != tag * 7)
		atomic_fetch_add(&got.wrong, 1);
	atomic_fetch_add(&got.taken[tag], 1);
	unsigned n = atomic_fetch_add(&got.all, 1) + 1;
	return got.stop_after != 0 && n >= got.stop_after ? -1 : 0;
}

static pthread_mutex_t code_lock = PTHREAD_MUTEX_INITIALIZER;

static int
failed(void *ctx, uint32_t tag, uint64_t offset, const struct err *why)
{
	(void)ctx;
	(void)offset;
	atomic_fetch_add(&got.failed[tag], 1);
	(void)pthread_mutex_lock(&code_lock);
	got.code = why->code;
	(void)pthread_mutex_unlock(&code_lock);
	return 0;
}

static bool
fatal(const struct err *why)
{
	return why->code == ERR_SERVER_UNREACHABLE;
}

static const struct fetch_to to = { take, failed, fatal, NULL };

/* FILES of them, committed; a secret more when it is wanted. */
static void
store(struct world *w, struct files *f)
{
	OWN(sink_free) struct sink *s = drive_sink(w);
	struct err e;

	f->bytes = BYTES;
	assert_true(put_files(s, LANE_FILES, f, 0, FILES));
	MUST(sink_flush(s, &e));
	assert_true(commit_waiting(w, s, &e) > 2);
	MUST(sink_recorded(s, &e));
	memset(&got, 0, sizeof got);
}

static struct fetch_want
want(const struct files *f, uint32_t i)
{
	return (struct fetch_want){ CATEGORY_DRIVE, f->names[i], BYTES, i,
		(uint64_t)i * 7 };
}

/* Plan all of them, in an order in which they do not lie. */
static void
plan_all(struct fetch *x, const struct files *f)
{
	struct err e;

	for (uint32_t i = 0; i < FILES; i++) {
		struct fetch_want w = want(f, i * 37 % FILES);
		MUST(fetch_plan(x, &w, NULL, &e));
	}
}

static unsigned
sum(const atomic_uint *list)
{
	unsigned n = 0;

	for (size_t i = 0; i < FILES; i++) {
		assert_true(atomic_load(&list[i]) <= 1);
		n += atomic_load(&list[i]);
	}
	return n;
}

static void
gives_each_chunk_once(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	struct err e;

	store(w, f);
	OWN(fetch_free) struct fetch *x = fetch_new(open_home(w, 1, true));
	for (unsigned threads = 0; threads < 3; threads++) {
		memset(&got, 0, sizeof got);
		atomic_store(&w->front.gets, 0);
		fetch_clear(x);
		plan_all(x, f);
		MUST(fetch_run(x, threads, &to, &e));
		assert_int_equal(sum(got.taken), FILES);
		assert_int_equal(sum(got.failed), 0);
		assert_int_equal(atomic_load(&got.wrong), 0);
		/* 12 MB in runs of about one. */
		assert_true(atomic_load(&w->front.gets) < FILES / 10);
	}
}

static void
a_lost_pack_costs_its_own_chunks(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	struct id pack;
	uint32_t entry;
	struct err e;

	store(w, f);
	struct repo *r = open_home(w, 1, true);
	OWN(fetch_free) struct fetch *x = fetch_new(r);
	struct chunkmap *map = repo_part(r, CATEGORY_DRIVE)->map;
	assert_true(chunkmap_find(map, f->names[5].b, &w->front.lost, &entry));
	plan_all(x, f);
	MUST(fetch_run(x, 2, &to, &e));
	for (unsigned i = 0; i < FILES; i++) {
		assert_true(chunkmap_find(map, f->names[i].b, &pack, &entry));
		bool lost = id_equal(&pack, &w->front.lost);
		assert_int_equal(atomic_load(&got.failed[i]), lost);
		assert_int_equal(atomic_load(&got.taken[i]), !lost);
	}
	assert_int_equal(got.code, ERR_BLOB_MISSING);
	assert_int_equal(atomic_load(&got.wrong), 0);
}

static void
stops_where_nothing_can_be_had(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	struct err e;

	store(w, f);
	OWN(fetch_free) struct fetch *x = fetch_new(open_home(w, 1, true));
	plan_all(x, f);
	atomic_store(&w->front.fail_get, 1);
	atomic_store(&w->front.gets, 0);
	assert_int_equal(fetch_run(x, 2, &to, &e), -1);
	assert_int_equal(e.code, ERR_SERVER_UNREACHABLE);
	assert_true(atomic_load(&w->front.gets) <= 2);
	assert_int_equal(sum(got.taken) + sum(got.failed), 0);
	/* And the same plan again, when it is back; then by word of take. */
	atomic_store(&w->front.fail_get, 0);
	MUST(fetch_run(x, 2, &to, &e));
	assert_int_equal(sum(got.taken), FILES);
	memset(&got, 0, sizeof got);
	got.stop_after = 3;
	assert_int_equal(fetch_run(x, 2, &to, &e), -1);
	assert_true(sum(got.taken) < FILES / 2);
	assert_int_equal(sum(got.failed), 0);
}

static void
a_hint_counts_when_it_is_true(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	struct fetch_hint hint, other;
	struct err e;

	store(w, f);
	struct repo *r = open_home(w, 1, true);
	struct chunkmap *map = repo_part(r, CATEGORY_DRIVE)->map;
	OWN(fetch_free) struct fetch *x = fetch_new(r);
	assert_true(chunkmap_find(map, f->names[0].b, &hint.pack, &hint.entry));
	assert_true(chunkmap_find(
	    map, f->names[FILES - 1].b, &other.pack, &other.entry));
	/* Another chunk, another pack, an entry too high, no such pack. */
	const struct fetch_hint hints[] = { hint, other,
		{ other.pack, hint.entry }, { hint.pack, 100000 },
		{ w->zone, 0 } };
	for (uint32_t i = 0; i < ARRAY_SIZE(hints); i++) {
		struct fetch_want one = want(f, i);
		MUST(fetch_plan(x, &one, &hints[i], &e));
	}
	MUST(fetch_run(x, 1, &to, &e));
	assert_int_equal(sum(got.taken), ARRAY_SIZE(hints));
	assert_int_equal(atomic_load(&got.wrong), 0);
	/* Where the index knows nothing only a hint leads to it. */
	fetch_clear(x);
	memset(&got, 0, sizeof got);
	chunkmap_drop_pack(map, &hint.pack);
	struct fetch_want one = want(f, 0);
	MUST(fetch_plan(x, &one, &hint, &e));
	MUST(fetch_run(x, 1, &to, &e));
	assert_int_equal(sum(got.taken), 1);
	assert_int_equal(fetch_plan(x, &one, &other, &e), -1);
	assert_int_equal(err_exit(e.code), 6);
}

static void
lengths_and_keys_are_looked_at(void **state)
{
	struct world *w = *state;
	OWN(mem_free) struct files *f = mem_new(sizeof *f);
	struct err e;

	store(w, f);
	OWN(fetch_free) struct fetch *x = fetch_new(open_home(w, 1, false));
	/* Neighbors, so that they are of one request. */
	for (uint32_t i = 0; i < 3; i++) {
		struct fetch_want one = want(f, i);
		one.length -= i == 1;
		MUST(fetch_plan(x, &one, NULL, &e));
	}
	struct fetch_want secret = want(f, 3);
	secret.category = CATEGORY_KEYCHAIN;
	assert_int_equal(fetch_plan(x, &secret, NULL, &e), -1);
	assert_int_equal(e.code, ERR_CATEGORY_CLOSED);
	assert_int_equal(
	    fetch_plan(x, &secret, &(struct fetch_hint){ w->zone, 0 }, &e), -1);
	assert_int_equal(e.code, ERR_CATEGORY_CLOSED);
	assert_int_equal(fetch_planned(x), 3);
	MUST(fetch_run(x, 1, &to, &e));
	assert_int_equal(sum(got.taken), 2);
	assert_int_equal(atomic_load(&got.failed[1]), 1);
	assert_int_equal(got.code, ERR_SNAPSHOT_DAMAGED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    gives_each_chunk_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_lost_pack_costs_its_own_chunks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    stops_where_nothing_can_be_had, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_hint_counts_when_it_is_true, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    lengths_and_keys_are_looked_at, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
