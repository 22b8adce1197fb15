/* SPDX-License-Identifier: ISC */
/* test_tidy.c: housekeeping of a drive's zone, beside others. */
#include "content_world.h"

#include "base/now.h"
#include "content/stream.h"
#include "drive/census.h"
#include "drive/content_in.h"
#include "drive/edit_in.h"
#include "drive/retention.h"
#include "drive/tidy.h"

#define DAY ((uint64_t)24 * 3600 * 1000)
#define KIB 1024

static struct zcopy *
zone_of(struct world *w, int home)
{
	return repo_part(w->repo[home], CATEGORY_DRIVE)->zone;
}

struct memory {
	struct buf x;
};

static int
read_memory(
    void *ctx, uint64_t at, void *p, size_t n, size_t *got, struct err *e)
{
	struct memory *m = ctx;

	(void)e;
	*got = at >= m->x.n ? 0 : m->x.n - at < n ? m->x.n - at : n;
	if (*got > 0)
		memcpy(p, m->x.p + at, *got);
	return 0;
}

static int
data_memory(
    void *ctx, uint64_t at, uint64_t *data, uint64_t *hole, struct err *e)
{
	const struct memory *m = ctx;

	(void)e;
	*data = at;
	*hole = m->x.n;
	return 0;
}

/* Store content nr by that home: its stored form; packs wait. */
static void
take(struct content_in *in, unsigned nr, size_t bytes, struct buf *out)
{
	struct memory m = { { 0 } };
	struct content_in_taken x = { 0 };
	struct err e;

	content(nr, &m.x, bytes);
	const struct content_in_file f = { .secret = false,
		.size = bytes,
		.read = read_memory,
		.data = data_memory,
		.ctx = &m };
	MUST(content_in_take(in, &f, &x, &e));
	MUST(content_in_flush(in, &e));
	content_in_put(in, &x, out);
	content_in_taken_free(&x);
	buf_free(&m.x);
}

struct file {
	struct id id;
	struct buf content;
	uint64_t trashed_ms;
};

static void
put_node(struct buf *out, const struct file *f)
{
	struct node n = { .type = NODE_FILE,
		.flags = f->trashed_ms != 0 ? NODE_TRASHED : 0,
		.name = bytes_str(id_text(&f->id).s),
		.changed_ms = (uint64_t)now_ms(),
		.edits = 1,
		.trashed_ms = f->trashed_ms,
		.content = buf_bytes(&f->content) };

	node_put(out, &n);
}

/* Its node, with what waits in `in`. */
static int
commit_file(struct world *w, int home, struct content_in *in,
    const struct file *f, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct zcopy_edit edits[20];
	size_t n = in == NULL ? 0 : content_in_edits(in, edits, 19);

	put_node(&plain, f);
	edits[n++] =
	    (struct zcopy_edit){ .id = f->id, .plain = buf_bytes(&plain) };
	if (zcopy_commit(zone_of(w, home), edits, n, NULL, NULL, e) < 0)
		return -1;
	return in == NULL ? 0 : content_in_recorded(in, e);
}

static struct file
store(struct world *w, unsigned nr, size_t bytes)
{
	OWN(content_in_free) struct content_in *in = NULL;
	struct file f = { .trashed_ms = 0 };
	struct err e;

	id_random(&f.id);
	MUST(content_in_new(w->repo[0], &in, &e));
	take(in, nr, bytes, &f.content);
	MUST(commit_file(w, 0, in, &f, &e));
	return f;
}

static void
drop(struct world *w, const struct id *id)
{
	struct zcopy_edit edit = { .id = *id, .deleted = true };
	struct err e;

	MUST(zcopy_commit(zone_of(w, 0), &edit, 1, NULL, NULL, &e));
}

static int
tidy_by(struct world *w, int home, struct tidy_result *out, struct err *e)
{
	OWN(edit_free) struct edit *d = NULL;
	OWN(buf_free) struct buf dir = { 0 };
	const struct tidy_ask ask = { .now = true };

	buf_printf(&dir, "%s/home%d", w->dir.path, home);
	const struct edit_from from = { .repo = w->repo[home],
		.dir = buf_text(&dir),
		.dev_id = w->repo[home]->self.dev_id };
	return edit_open(&from, &d, e) < 0 ? -1 : tidy_run(d, &ask, out, e);
}

static struct tidy_result
tidy(struct world *w)
{
	struct tidy_result r;
	struct err e;

	MUST(tidy_by(w, 0, &r, &e));
	assert_true(r.ran);
	return r;
}

/* All that is condemned was so 15 days ago. */
static int
age_one(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct buf *ids = ctx;

	(void)e;
	if (r->plain.n == 27 && r->plain.p[0] == REPO_CONDEMNED_KIND) {
		id_put(ids, &r->id);
		buf_put_bytes(ids, bytes_of(r->plain.p, 19));
	}
	return 0;
}

static void
age_marks(struct world *w)
{
	OWN(buf_free) struct buf ids = { 0 };
	struct err e;

	MUST(zcopy_each(zone_of(w, 0), 0, age_one, &ids, &e));
	for (size_t i = 0; i < ids.n; i += ID_BYTES + 19) {
		OWN(buf_free) struct buf plain = { 0 };
		struct zcopy_edit edit;
		buf_put_bytes(&plain, bytes_of(ids.p + i + ID_BYTES, 19));
		buf_put_u64(&plain, (uint64_t)now_ms() - 15 * DAY);
		edit = (struct zcopy_edit){ .plain = buf_bytes(&plain) };
		memcpy(edit.id.b, ids.p + i, ID_BYTES);
		MUST(zcopy_commit(zone_of(w, 0), &edit, 1, NULL, NULL, &e));
	}
}

static size_t
packs(struct world *w)
{
	OWN(buf_free) struct buf ids = { 0 };

	chunkmap_packs(repo_part(w->repo[0], CATEGORY_DRIVE)->map, &ids);
	return ids.n / ID_BYTES;
}

static int
append(void *ctx, struct bytes x, struct err *e)
{
	(void)e;
	buf_put_bytes(ctx, x);
	return 0;
}

/* Does a home read content nr from there? */
static void
reads(struct world *w, int home, const struct file *f, unsigned nr, size_t n)
{
	OWN(buf_free) struct buf want = { 0 };
	OWN(buf_free) struct buf got = { 0 };
	OWN(source_free) struct source *src = source_new(w->repo[home]);
	struct node_content c;
	struct stream_ref ref = { .category = CATEGORY_DRIVE };
	struct err e;

	MUST(node_content_parse(buf_bytes(&f->content), &c, &e));
	ref.depth = c.form == NODE_TREE ? c.depth : 0;
	ref.length = c.size;
	ref.n = c.n;
	buf_put_bytes(&ref.list, c.list);
	MUST(stream_read(
	    src, &ref, (struct stream_range){ 0, n }, append, &got, &e));
	stream_ref_free(&ref);
	content(nr, &want, n);
	assert_int_equal(got.n, n);
	assert_true(bytes_equal(buf_bytes(&want), buf_bytes(&got)));
}

/* ---- */

static void
what_is_used_stays(void **state)
{
	struct world *w = *state;
	struct file f = store(w, 1, 100 * KIB);
	struct tidy_result r = tidy(w);

	assert_int_equal(r.packs, 1);
	assert_int_equal(r.condemned, 0);
	age_marks(w);
	r = tidy(w);
	assert_int_equal(r.deleted + r.rewritten, 0);
	reads(w, 0, &f, 1, 100 * KIB);
	buf_free(&f.content);
}

static void
what_nobody_uses_waits_and_goes(void **state)
{
	struct world *w = *state;
	struct file f = store(w, 1, 100 * KIB), g = store(w, 2, 100 * KIB);

	drop(w, &f.id);
	struct tidy_result r = tidy(w);
	assert_int_equal(r.condemned, 1);
	assert_int_equal(r.deleted, 0);
	r = tidy(w);
	assert_int_equal(r.condemned, 0);
	assert_int_equal(r.waiting, 1);
	assert_int_equal(packs(w), 2);
	age_marks(w);
	r = tidy(w);
	assert_int_equal(r.deleted, 1);
	assert_true(r.deleted_bytes > 100 * KIB);
	assert_int_equal(packs(w), 1);
	reads(w, 0, &g, 2, 100 * KIB);
	/* And its mark went with it. */
	r = tidy(w);
	assert_int_equal(r.packs, 1);
	assert_int_equal(r.waiting + r.condemned + r.revived, 0);
	buf_free(&f.content);
	buf_free(&g.content);
}

static void
used_again_it_is_pardoned(void **state)
{
	struct world *w = *state;
	struct file f = store(w, 1, 100 * KIB);
	struct err e;

	drop(w, &f.id);
	assert_int_equal(tidy(w).condemned, 1);
	age_marks(w);
	MUST(commit_file(w, 0, NULL, &f, &e));
	struct tidy_result r = tidy(w);
	assert_int_equal(r.revived, 1);
	assert_int_equal(r.deleted, 0);
	reads(w, 0, &f, 1, 100 * KIB);
	buf_free(&f.content);
}

/* Another device, which found the chunk stored, comes in between. */
struct meanwhile {
	struct world *w;
	const struct file *f;
	int after; /* commits of ours */
};

static void
use_it(void *ctx)
{
	struct meanwhile *m = ctx;
	struct err e;

	if (m->after-- > 0) {
		m->w->front.before = use_it;
		return;
	}
	MUST(commit_file(m->w, 1, NULL, m->f, &e));
}

static void
used_while_it_is_deleted_it_stays(void **state)
{
	struct world *w = *state;
	struct file f = store(w, 1, 100 * KIB);
	struct err e;

	(void)open_home(w, 1, true);
	drop(w, &f.id);
	assert_int_equal(tidy(w).condemned, 1);
	age_marks(w);
	/* The first commit of the next run says whose turn it is. */
	struct meanwhile m = { w, &f, 1 };
	w->front.before = use_it;
	w->front.before_ctx = &m;
	struct tidy_result r = tidy(w);
	assert_int_equal(m.after, -1);
	assert_int_equal(r.deleted, 0);
	MUST(repo_refresh(w->repo[1], &e));
	reads(w, 1, &f, 1, 100 * KIB);
	buf_free(&f.content);
}

static void
what_relied_on_a_deleted_pack_is_told(void **state)
{
	struct world *w = *state;
	struct file f = store(w, 1, 100 * KIB);
	OWN(content_in_free) struct content_in *in = NULL;
	struct file g = { .trashed_ms = 0 };
	struct err e;

	(void)open_home(w, 1, true);
	MUST(content_in_new(w->repo[1], &in, &e));
	take(in, 1, 100 * KIB, &g.content); /* found stored: nothing is sent */
	assert_int_equal(content_in_stored(in), 0);
	MUST(content_in_holds(in, &e));
	drop(w, &f.id);
	(void)tidy(w);
	age_marks(w);
	assert_int_equal(tidy(w).deleted, 1);
	MUST(repo_refresh(w->repo[1], &e));
	assert_int_equal(content_in_holds(in, &e), -1);
	assert_int_equal(e.code, ERR_BLOB_MISSING);
	/* Read again, it is sent. */
	buf_clear(&g.content);
	take(in, 1, 100 * KIB, &g.content);
	assert_true(content_in_stored(in) > 0);
	MUST(content_in_holds(in, &e));
	id_random(&g.id);
	MUST(commit_file(w, 1, in, &g, &e));
	reads(w, 1, &g, 1, 100 * KIB);
	buf_free(&f.content);
	buf_free(&g.content);
}

static void
what_was_collected_before_its_record_is_told(void **state)
{
	struct world *w = *state;
	struct sink *s = drive_sink(w);
	struct files f = { .bytes = 50 * KIB };
	OWN(buf_free) struct buf ids = { 0 };
	struct depot *d = w->front.inner;
	struct id pack;
	struct err e;

	assert_true(put_files(s, LANE_FILES, &f, 0, 1));
	MUST(sink_flush(s, &e));
	assert_int_equal(sink_waiting(s, &ids), 1);
	memcpy(pack.b, ids.p, ID_BYTES);
	MUST(d->ops->blob_delete(d, &w->zone, &pack, &e));
	assert_false(sink_lost(s));
	assert_int_equal(commit_waiting(w, s, &e), -1);
	assert_int_equal(e.code, ERR_BLOB_MISSING);
	sink_forget(s);
	assert_true(sink_lost(s));
	assert_false(sink_lost(s)); /* once */
	assert_true(put_files(s, LANE_FILES, &f, 0, 1));
	MUST(sink_flush(s, &e));
	assert_int_equal(commit_waiting(w, s, &e), 1);
	MUST(sink_recorded(s, &e));
	assert_false(sink_lost(s));
	sink_free(&s);
}

/* Stale: home 1 has never heard of the new packs. */
static void
small_packs_are_merged_and_old_readers_read_on(void **state)
{
	struct world *w = *state;
	struct file f[TIDY_SMALL_MOST + 2];
	struct err e;

	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		f[i] = store(w, i, 3000);
	(void)open_home(w, 1, true);
	assert_int_equal(packs(w), ARRAY_SIZE(f));
	struct tidy_result r = tidy(w);
	assert_int_equal(r.rewritten, ARRAY_SIZE(f));
	assert_int_equal(packs(w), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(f); i++) {
		reads(w, 0, &f[i], i, 3000);
		reads(w, 1, &f[i], i, 3000);
		buf_free(&f[i].content);
	}
	assert_int_equal(tidy(w).rewritten, 0);
	MUST(zcopy_verify(zone_of(w, 0), &e));
}

static void
few_small_packs_stay(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < TIDY_SMALL_MOST; i++) {
		struct file f = store(w, i, 3000);
		buf_free(&f.content);
	}
	assert_int_equal(tidy(w).rewritten, 0);
}

/* Files of 60 KiB in one pack. */
static void
take_all(struct content_in *in, unsigned n, struct file *out)
{
	struct memory m = { { 0 } };
	struct content_in_taken x[10] = { 0 };
	struct err e;

	assert_true(n <= ARRAY_SIZE(x));
	const struct content_in_file f = { .secret = false,
		.size = 60 * KIB,
		.read = read_memory,
		.data = data_memory,
		.ctx = &m };
	for (unsigned i = 0; i < n; i++) {
		content(i, &m.x, 60 * KIB);
		MUST(content_in_take(in, &f, &x[i], &e));
	}
	MUST(content_in_flush(in, &e));
	for (unsigned i = 0; i < n; i++) {
		out[i] = (struct file){ .trashed_ms = 0 };
		id_random(&out[i].id);
		content_in_put(in, &x[i], &out[i].content);
		content_in_taken_free(&x[i]);
	}
	buf_free(&m.x);
}

static void
a_pack_of_little_use_is_rewritten(void **state)
{
	struct world *w = *state;
	OWN(content_in_free) struct content_in *in = NULL;
	struct file f[10];
	struct err e;

	MUST(content_in_new(w->repo[0], &in, &e));
	take_all(in, ARRAY_SIZE(f), f);
	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		MUST(commit_file(w, 0, in, &f[i], &e));
	(void)open_home(w, 1, true);
	assert_int_equal(packs(w), 1);
	for (unsigned i = 1; i < ARRAY_SIZE(f); i++)
		drop(w, &f[i].id);
	struct tidy_result r = tidy(w);
	assert_int_equal(r.condemned, 1);
	assert_int_equal(r.rewritten, 0);
	age_marks(w);
	r = tidy(w);
	assert_int_equal(r.rewritten, 1);
	assert_int_equal(packs(w), 1);
	assert_in_range(r.written_bytes, 60 * KIB, 70 * KIB);
	reads(w, 0, &f[0], 0, 60 * KIB);
	reads(w, 1, &f[0], 0, 60 * KIB);
	for (unsigned i = 0; i < ARRAY_SIZE(f); i++)
		buf_free(&f[i].content);
}

/* The chunks of a long file stand in lists, which are chunks. */
static void
chunks_of_long_files_are_used(void **state)
{
	struct world *w = *state;
	const size_t n = 40 * 1024 * KIB;
	struct file f = store(w, 7, n);
	struct node_content c;
	struct err e;

	MUST(node_content_parse(buf_bytes(&f.content), &c, &e));
	assert_int_equal(c.form, NODE_TREE);
	assert_int_equal(tidy(w).condemned, 0);
	age_marks(w);
	assert_int_equal(tidy(w).deleted, 0);
	reads(w, 0, &f, 7, n);
	buf_free(&f.content);
}

static void
what_cannot_be_told_deletes_nothing(void **state)
{
	struct world *w = *state;
	struct file f = store(w, 1, 100 * KIB);
	struct zcopy_edit edit = { .plain = bytes_str("\x20\x01 no node") };
	struct err e;

	drop(w, &f.id);
	(void)tidy(w);
	age_marks(w);
	id_random(&edit.id);
	MUST(zcopy_commit(zone_of(w, 0), &edit, 1, NULL, NULL, &e));
	struct tidy_result r = tidy(w);
	assert_int_equal(r.deleted, 0);
	assert_int_equal(r.kept.code, ERR_RECORD_CORRUPT);
	drop(w, &edit.id);
	assert_int_equal(tidy(w).deleted, 1);
	buf_free(&f.content);
}

static void
an_unknown_kind_stops_all_of_it(void **state)
{
	struct world *w = *state;
	struct file f = store(w, 1, 100 * KIB);
	struct zcopy_edit edit = { .plain = bytes_str("\x63\x01") };
	struct tidy_result r;
	struct err e;

	f.trashed_ms = 1;
	MUST(commit_file(w, 0, NULL, &f, &e));
	id_random(&edit.id);
	MUST(zcopy_commit(zone_of(w, 0), &edit, 1, NULL, NULL, &e));
	assert_int_equal(tidy_by(w, 0, &r, &e), -1);
	assert_int_equal(e.code, ERR_UPDATE_NEEDED);
	assert_int_equal(r.purged, 0);
	buf_free(&f.content);
}

static void
what_the_trash_held_for_its_time_goes(void **state)
{
	struct world *w = *state;
	struct file f = store(w, 1, 100 * KIB), g = store(w, 2, 100 * KIB);
	struct err e;

	f.trashed_ms = (uint64_t)now_ms() - 31 * DAY;
	g.trashed_ms = (uint64_t)now_ms() - 29 * DAY;
	MUST(commit_file(w, 0, NULL, &f, &e));
	MUST(commit_file(w, 0, NULL, &g, &e));
	struct tidy_result r = tidy(w);
	assert_int_equal(r.purged, 1);
	assert_int_equal(r.condemned, 1); /* and its space is on its way */
	buf_free(&f.content);
	buf_free(&g.content);
}

/* Only its history has it: as long as that says so. */
static void
former_contents_are_used(void **state)
{
	struct world *w = *state;
	struct file f = store(w, 1, 100 * KIB), g = store(w, 2, 100 * KIB);
	OWN(buf_free) struct buf plain = { 0 };
	struct node_history h = { .node = g.id, .n = 1 };
	struct err e;

	h.v[0] = (struct node_version){ .edits = 1,
		.changed_ms = (uint64_t)now_ms() - DAY,
		.content = buf_bytes(&f.content) };
	node_history_put(&plain, &h);
	struct zcopy_edit edit = { .id = node_history_id(&g.id),
		.plain = buf_bytes(&plain) };
	MUST(zcopy_commit(zone_of(w, 0), &edit, 1, NULL, NULL, &e));
	drop(w, &f.id);
	assert_int_equal(tidy(w).condemned, 0);
	drop(w, &edit.id);
	assert_int_equal(tidy(w).condemned, 1);
	buf_free(&f.content);
	buf_free(&g.content);
}

static void
histories_are_thinned_by_the_rules_of_the_drive(void **state)
{
	struct world *w = *state;
	struct file f = store(w, 1, 100 * KIB);
	OWN(buf_free) struct buf plain = { 0 };
	struct node_history h = { .node = f.id, .n = 20 };
	const uint64_t now = (uint64_t)now_ms();
	struct hist_policy p = hist_default();
	struct err e;

	/* All replaced by each other within a minute, two years ago. */
	for (size_t i = 0; i < h.n; i++)
		h.v[i] = (struct node_version){ .edits = 100 - i,
			.changed_ms = now - 730 * DAY - i * 1000,
			.content = buf_bytes(&f.content) };
	node_history_put(&plain, &h);
	struct zcopy_edit edit = { .id = node_history_id(&f.id),
		.plain = buf_bytes(&plain) };
	MUST(zcopy_commit(zone_of(w, 0), &edit, 1, NULL, NULL, &e));
	assert_int_equal(tidy(w).versions, 15);
	assert_int_equal(tidy(w).versions, 0);
	p.least = 2;
	MUST(retention_set(zone_of(w, 0), &p, &e));
	MUST(retention_get(zone_of(w, 0), &p, &e));
	assert_int_equal(p.least, 2);
	assert_int_equal(tidy(w).versions, 3);
	p.trash_ms = DAY - 1;
	assert_int_equal(retention_set(zone_of(w, 0), &p, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	buf_free(&f.content);
}

static void
once_a_day_and_one_device(void **state)
{
	struct world *w = *state;
	OWN(edit_free) struct edit *d = NULL;
	OWN(buf_free) struct buf dir = { 0 };
	const struct tidy_ask ask = { .now = false };
	struct tidy_result r;
	struct err e;

	buf_printf(&dir, "%s/home0", w->dir.path);
	const struct edit_from from = { .repo = w->repo[0],
		.dir = buf_text(&dir),
		.dev_id = w->repo[0]->self.dev_id };
	MUST(edit_open(&from, &d, &e));
	MUST(tidy_run(d, &ask, &r, &e));
	assert_true(r.ran);
	MUST(tidy_run(d, &ask, &r, &e));
	assert_false(r.ran);
	assert_true(r.next_ms > (uint64_t)now_ms());
	assert_true(tidy(w).ran); /* who asks for it gets it */
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_used_stays),
		TEST(what_nobody_uses_waits_and_goes),
		TEST(used_again_it_is_pardoned),
		TEST(used_while_it_is_deleted_it_stays),
		TEST(what_relied_on_a_deleted_pack_is_told),
		TEST(what_was_collected_before_its_record_is_told),
		TEST(small_packs_are_merged_and_old_readers_read_on),
		TEST(few_small_packs_stay),
		TEST(a_pack_of_little_use_is_rewritten),
		TEST(chunks_of_long_files_are_used),
		TEST(what_cannot_be_told_deletes_nothing),
		TEST(an_unknown_kind_stops_all_of_it),
		TEST(what_the_trash_held_for_its_time_goes),
		TEST(former_contents_are_used),
		TEST(histories_are_thinned_by_the_rules_of_the_drive),
		TEST(once_a_day_and_one_device),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
