/* SPDX-License-Identifier: ISC */
/* test_edit.c: the Drive changed by hand, by devices at once; what is secret. */
#include "content_world.h"

#include "drive/edit.h"
#include "drive/get.h"
#include "drive/look.h"
#include "drive/put.h"

static struct edit *
edit_at(struct world *w, int i, bool keychain)
{
	OWN(buf_free) struct buf dir = { 0 };
	struct edit *d = NULL;
	struct err e;

	(void)open_home(w, i, keychain);
	buf_printf(&dir, "%s/home%d", w->dir.path, i);
	struct edit_from from = { .repo = w->repo[i], .dir = buf_text(&dir) };
	id_random(&from.dev_id);
	MUST(edit_open(&from, &d, &e));
	MUST(edit_pull(d, &e));
	return d;
}

static void
write_file(struct world *w, const char *name, const char *text, struct buf *at)
{
	OWN(mem_free) char *path = file_join(w->dir.path, name);
	struct err e;

	MUST(file_write(path, bytes_str(text), 0600, &e));
	buf_put_str(at, path);
}

static void
put_one(struct edit *d, const char *file, const char *to)
{
	const struct put_ask ask = { .files = &file, .n = 1, .to = to };
	struct put_result r;
	struct err e;

	MUST(put_run(d, &ask, &r, &e));
	assert_int_equal(r.files, 1);
	assert_int_equal(r.failed, 0);
}

static int
keep(void *ctx, struct bytes x, struct err *e)
{
	(void)e;
	buf_put_bytes(ctx, x);
	return 0;
}

#define KEY_TEXT \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n" \
	"-----END PRIVATE KEY-----\n"

/* Packs of a zone, by their stream. */
static int
count_pack(void *ctx, const struct zcopy_record *r, struct err *e)
{
	unsigned *n = ctx;
	OWN(ptable_free) struct ptable t = { 0 };

	if (r->plain.n == 0 || r->plain.p[0] != PTABLE_KIND)
		return 0;
	if (ptable_parse(r->plain, &t, e) < 0)
		return -1;
	n[t.stream]++;
	return 0;
}

/* Whoever has the keys of the drive alone has no key file of it. */
static void
test_secret(void **state)
{
	struct world *w = *state;
	struct edit *a = edit_at(w, 0, true);
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf open = { 0 };
	OWN(buf_free) struct buf got = { 0 };
	struct err e;

	write_file(w, "key", KEY_TEXT, &path);
	write_file(w, "letter", "hello", &open);
	put_one(a, buf_text(&path), "/key");
	put_one(a, buf_text(&open), "/letter");
	MUST(get_read(a, "/key", keep, &got, &e));
	assert_string_equal(buf_text(&got), KEY_TEXT);
	unsigned packs[8] = { 0 };
	MUST(zcopy_each(repo_part(w->repo[0], CATEGORY_DRIVE)->zone, 0,
	    count_pack, packs, &e));
	assert_int_equal(packs[PTABLE_SECRET], 1);
	assert_int_equal(packs[PTABLE_DATA], 0); /* hello is inline */
	edit_free(&a);

	struct edit *b = edit_at(w, 1, false);
	buf_clear(&got);
	MUST(get_read(b, "/letter", keep, &got, &e));
	assert_string_equal(buf_text(&got), "hello");
	buf_clear(&got);
	assert_int_equal(get_read(b, "/key", keep, &got, &e), -1);
	assert_int_equal(e.code, ERR_CATEGORY_CLOSED);
	assert_int_equal(got.n, 0);
	edit_free(&b);
}

/* What one knows of is not what is there: it looks again. */
static void
test_stale(void **state)
{
	struct world *w = *state;
	struct edit *a = edit_at(w, 0, true), *b = edit_at(w, 1, true);
	struct drivedb_entry x;
	struct err e;

	MUST(edit_mkdir(a, "/one", false, &e));
	MUST(edit_mkdir(b, "/two", false, &e));
	MUST(look_one(b, "/one", &x, &e));
	const char *one = "/one";
	MUST(edit_remove(b, &one, 1, true, &e));
	assert_int_equal(edit_mkdir(a, "/one/more", false, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	MUST(edit_mkdir(a, "/one", false, &e));
	assert_int_equal(edit_mkdir(b, "/one", false, &e), -1);
	assert_int_equal(e.code, ERR_DRIVE_EXISTS);
	edit_free(&a);
	edit_free(&b);
}

/* Another program of the home took it in: this one is told all the same. */
static void
test_told(void **state)
{
	struct world *w = *state;
	struct edit *a = edit_at(w, 0, true);
	OWN(buf_free) struct buf path = { 0 };
	OWN(buf_free) struct buf touched = { 0 };
	struct drivedb *other = NULL;
	struct zcopy *zone = repo_part(w->repo[0], CATEGORY_DRIVE)->zone;
	struct drivedb_entry x;
	uint64_t bad;
	struct err e;

	buf_printf(&path, "%s/home0/drive.db", w->dir.path);
	MUST(edit_mkdir(a, "/before", false, &e));
	MUST(drivedb_open(buf_text(&path), &other, &e));
	MUST(drivedb_follow(other, zone, &touched, &bad, &e));
	buf_clear(&touched);
	MUST(edit_mkdir(a, "/after", false, &e));
	MUST(look_one(a, "/after", &x, &e));
	MUST(drivedb_follow(other, zone, &touched, &bad, &e));
	assert_int_equal(touched.n, ID_BYTES);
	assert_memory_equal(touched.p, x.node.id.b, ID_BYTES);
	buf_clear(&touched);
	MUST(drivedb_follow(other, zone, &touched, &bad, &e));
	assert_int_equal(touched.n, 0);
	drivedb_free(&other);
	edit_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_secret, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stale, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_told, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
