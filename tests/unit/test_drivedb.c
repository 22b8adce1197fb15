/* SPDX-License-Identifier: ISC */
/* test_drivedb.c: the tree follows its zone; base, differences, views. */
#include "tree/drivedb.h"
#include "tree/valid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drive_world.h"

#define F NODE_FILE
#define D NODE_DIR
#define TRASHED NODE_TRASHED

/* ---- following ---- */

static void
the_tree_follows_its_zone(void **state)
{
	struct drive_world *w = *state;

	COMMIT(w, { 1, 0, "docs", D }, { 2, 1, "b", F }, { 3, 1, "a", F });
	drive_world_follow(w);
	drive_world_shows(w, "/docs 1\n/docs/a 3\n/docs/b 2\n");
	assert_int_equal(w->touched.n, 3 * ID_BYTES);
	drive_world_follow(w);
	assert_int_equal(w->touched.n, 0);
	COMMIT(w, { 2, 0, "c", F });
	COMMIT(w, { 3, .gone = true });
	drive_world_follow(w);
	drive_world_shows(w, "/c 2\n/docs 1\n");
	assert_int_equal(w->touched.n, 2 * ID_BYTES);
	COMMIT(w, { 1, 0, "docs", D, TRASHED });
	drive_world_follow(w);
	drive_world_shows(w, "/c 2\n");
	assert_int_equal(w->bad, 0);
}

static void
a_directory_may_come_after_what_is_in_it(void **state)
{
	struct drive_world *w = *state;

	COMMIT(w, { 1, 0, "a", D }, { 2, 1, "b", D }, { 3, 2, "c", F });
	COMMIT(w, { 1, 0, "A", D });
	COMMIT(w, { 2, 1, "B", D });
	drive_world_follow(w);
	drive_world_shows(w, "/A 1\n/A/B 2\n/A/B/c 3\n");
}

static void
put_plain(struct drive_world *w, unsigned id, struct bytes plain)
{
	struct zcopy_edit edit = { .id = nr(id), .plain = plain };
	struct err e;

	ok(zcopy_commit(w->z, &edit, 1, NULL, NULL, &e), &e);
}

static void
other_kinds_are_passed_over_and_bad_nodes_counted(void **state)
{
	struct drive_world *w = *state;
	uint8_t bad[160] = { 32, 1, 9 };
	const struct rec root = { 0, 0, "root", D };
	OWN(buf_free) struct buf plain = { 0 };
	struct id recovered = valid_recovered();
	struct err e;

	COMMIT(w, { 1, 0, "a", F }, { 2, 0, "b", F });
	put_plain(w, 7, bytes_str("\2\1pack"));
	put_plain(w, 8, bytes_str("\xc8\1unknown"));
	put_plain(w, 9, bytes_str(""));
	drive_world_follow(w);
	assert_int_equal(w->bad, 0);
	/* A node that is not one stays as it was. */
	put_plain(w, 1, bytes_of(bad, sizeof bad));
	/* One that another kind has replaced goes. */
	put_plain(w, 2, bytes_str("\2\1pack"));
	/* Two ids that no record may have. */
	drive_world_node(&root, &plain);
	put_plain(w, 0, buf_bytes(&plain));
	struct zcopy_edit edit = { .id = recovered,
		.plain = buf_bytes(&plain) };
	ok(zcopy_commit(w->z, &edit, 1, NULL, NULL, &e), &e);
	drive_world_follow(w);
	drive_world_shows(w, "/a 1\n");
	assert_int_equal(w->bad, 3);
	assert_false(drive_world_touched(w, 1));
	COMMIT(w, { 1, 0, "A", F });
	drive_world_follow(w);
	assert_int_equal(w->bad, 2);
	drive_world_shows(w, "/A 1\n");
}

static void
another_copy_makes_the_tree_anew(void **state)
{
	struct drive_world *w = *state;

	COMMIT(w, { 1, 0, "a", F }, { 2, 0, "b", F });
	drive_world_follow(w);
	drive_world_repo(w, "other");
	COMMIT(w, { 2, 0, "x", F });
	drive_world_follow(w);
	drive_world_shows(w, "/x 2\n");
}

static void
more_than_a_batch_comes_whole(void **state)
{
	struct drive_world *w = *state;
	struct rec *list = mem_array(1000, sizeof *list);
	char name[1000][8];
	unsigned n = 12;

	for (unsigned k = 0; k < n; k++) {
		for (unsigned i = 0; i < 1000; i++) {
			(void)snprintf(
			    name[i], sizeof name[i], "%u", k * 1000 + i);
			list[i] =
			    (struct rec){ 1 + k * 1000 + i, 0, name[i], F };
		}
		drive_world_commit(w, list, 1000);
	}
	COMMIT(w, { 5, .gone = true }, { 11000, .gone = true });
	drive_world_follow(w);
	assert_int_equal(w->touched.n, (n * 1000 - 2) * ID_BYTES);
	free(list);
}

static int
script_job(struct tx *tx, void *arg, struct err *e)
{
	return tx_script(tx, arg, e);
}

static int
count_job(struct tx *tx, void *arg, struct err *e)
{
	return sql_count(tx, e, arg, "SELECT count(*) FROM tree", "");
}

static void
script(struct drive_world *w, const char *sql)
{
	struct err e;

	ok(db_write(drivedb_db(w->d), script_job, (void *)(uintptr_t)sql, &e),
	    &e);
}

static void
what_was_cut_off_is_gone_on_with(void **state)
{
	struct drive_world *w = *state;
	struct rec *list = mem_array(1000, sizeof *list);
	OWN(buf_free) struct buf sql = { 0 };
	char name[1000][8];
	const unsigned n = 11;
	struct err e = { 0 };

	/* Not as a whole; then more than a batch, which ends in a commit. */
	COMMIT(w, { 1, 0, "a", F });
	drive_world_follow(w);
	for (unsigned k = 0; k < n; k++) {
		for (unsigned i = 0; i < 999; i++) {
			(void)snprintf(
			    name[i], sizeof name[i], "%u", k * 1000 + i);
			list[i] =
			    (struct rec){ 10 + k * 1000 + i, 0, name[i], F };
		}
		drive_world_commit(w, list, 999);
	}
	free(list);
	const struct id last = nr(10 + (n - 1) * 1000 + 998);
	buf_printf(&sql,
	    "CREATE TRIGGER fails BEFORE INSERT ON tree WHEN NEW.id = x'%s'"
	    " BEGIN SELECT RAISE(ABORT, 'no'); END",
	    id_text(&last).s);
	script(w, buf_text(&sql));
	assert_int_equal(drivedb_follow(w->d, w->z, NULL, &w->bad, &e), -1);
	script(w, "DROP TRIGGER fails");
	drive_world_follow(w);
	uint64_t there;
	ok(db_read(drivedb_db(w->d), count_job, &there, &e), &e);
	assert_int_equal(there, 1 + n * 999);
}

/* ---- looking ---- */

struct look {
	const char *path;
	enum err_code code; /* 0: found */
	unsigned id;
};

static int
look_job(struct tx *tx, void *arg, struct err *e)
{
	struct look *l = arg;
	struct drivedb_entry x;

	l->code = 0;
	if (drivedb_resolve(tx, l->path, &x, e) < 0) {
		l->code = e->code;
		return 0;
	}
	l->id = be32(x.node.id.b);
	return 0;
}

static void
paths_are_resolved(void **state)
{
	static const struct look cases[] = {
		{ "/", 0, 0 },
		{ "/a", 0, 1 },
		{ "/a/b/", 0, 2 },
		{ "//a//b", 0, 2 },
		{ "/a/b/c", ERR_NOT_FOUND, 0 },
		{ "/gone", ERR_NOT_FOUND, 0 },
		{ "a", ERR_USAGE, 0 },
		{ "", ERR_USAGE, 0 },
		{ "/a/../a", ERR_USAGE, 0 },
	};
	struct drive_world *w = *state;
	struct err e;

	COMMIT(w, { 1, 0, "a", D }, { 2, 1, "b", F },
	    { 3, 0, "gone", F, TRASHED });
	drive_world_follow(w);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct look l = cases[i];
		ok(db_read(drivedb_db(w->d), look_job, &l, &e), &e);
		assert_int_equal(l.code, cases[i].code);
		assert_int_equal(l.id, cases[i].id);
	}
}

static int
add_number(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	(void)e;
	buf_printf(ctx, "%u ", be32(x->node.id.b));
	return 0;
}

static int
trash_job(struct tx *tx, void *arg, struct err *e)
{
	const struct id dir = nr(1);

	if (drivedb_trash(tx, add_number, arg, e) < 0)
		return -1;
	buf_put_str(arg, "| ");
	return drivedb_list(tx, &dir, true, add_number, arg, e);
}

static void
the_trash_lists_the_newest_first(void **state)
{
	struct drive_world *w = *state;
	OWN(buf_free) struct buf out = { 0 };
	struct err e;

	COMMIT(w, { 1, 0, "a", D }, { 2, 1, "b", F, TRASHED }, { 3, 1, "b", F },
	    { 4, 0, "c", D, TRASHED }, { 5, 4, "d", F });
	drive_world_follow(w);
	ok(db_read(drivedb_db(w->d), trash_job, &out, &e), &e);
	assert_string_equal(buf_text(&out), "4 2 | 2 ");
	drive_world_shows(w, "/a 1\n/a/b 3\n");
}

/* ---- roots, base and differences: all of one job ---- */

static struct plan_node
here(unsigned id, unsigned parent, const char *name)
{
	struct plan_node n = { .id = nr(id),
		.parent = nr(parent),
		.type = NODE_FILE,
		.version = 1,
		.stat = { .dev = UINT64_MAX,
		    .ino = UINT64_MAX - id,
		    .mtime_ns = -5,
		    .size = 7 } };

	n.name_n = (uint8_t)strlen(name);
	memcpy(n.name, name, strlen(name));
	return n;
}

static void
base(struct tx *tx, unsigned id, unsigned parent, const char *name)
{
	struct plan_node n = here(id, parent, name);
	struct err e;

	ok(drivedb_base_put(tx, 1, &n, &e), &e);
}

static void
diff(struct tx *tx, unsigned id, unsigned parent, const char *name)
{
	struct drivedb_diff x = { .node = here(id, parent, name),
		.content = bytes_str("stored") };
	struct err e;

	ok(drivedb_diff_put(tx, 1, &x, &e), &e);
}

static void
diff_gone(struct tx *tx, unsigned id)
{
	struct drivedb_diff x = { .gone = true, .node = { .id = nr(id) } };
	struct err e;

	ok(drivedb_diff_put(tx, 1, &x, &e), &e);
}

static int
add_name(void *arg, const struct plan_node *n)
{
	buf_printf(arg, "%s:%u ", n->name, be32(n->id.b));
	return 0;
}

static void
children_are(struct drivedb_views *v, const struct plan_view *view,
    unsigned parent, const char *want)
{
	OWN(buf_free) struct buf out = { 0 };
	const struct id id = nr(parent);

	assert_int_equal(view->children(view->ctx, &id, add_name, &out), 0);
	assert_false(v->failed);
	assert_string_equal(buf_text(&out), want);
}

static bool
finds(const struct plan_view *view, unsigned id, struct plan_node *out)
{
	const struct id key = nr(id);

	return view->find(view->ctx, &key, out);
}

static unsigned
child_is(const struct plan_view *view, unsigned parent, const char *name)
{
	const struct id key = nr(parent);
	struct plan_node n;

	return view->child(view->ctx, &key, bytes_str(name), &n) ? be32(n.id.b)
								 : 0;
}

static int
views_job(struct tx *tx, void *arg, struct err *e)
{
	struct drivedb_views v;
	struct plan_node n;

	(void)arg;
	(void)e;
	base(tx, 1, 0, "a");
	base(tx, 2, 0, "b");
	base(tx, 3, 0, "c");
	base(tx, 4, 0, "d");
	diff_gone(tx, 1);
	diff(tx, 2, 9, "b"); /* it moved away */
	diff(tx, 3, 0, "0"); /* it has another name */
	diff(tx, 5, 0, "cc"); /* it is new */
	drivedb_views(&v, tx, 1);
	children_are(&v, &v.base, 0, "a:1 b:2 c:3 d:4 ");
	children_are(&v, &v.local, 0, "0:3 cc:5 d:4 ");
	children_are(&v, &v.local, 9, "b:2 ");
	assert_int_equal(child_is(&v.local, 0, "a"), 0);
	assert_int_equal(child_is(&v.local, 0, "b"), 0);
	assert_int_equal(child_is(&v.local, 0, "c"), 0);
	assert_int_equal(child_is(&v.local, 0, "0"), 3);
	assert_int_equal(child_is(&v.local, 0, "d"), 4);
	assert_int_equal(child_is(&v.base, 0, "c"), 3);
	assert_false(finds(&v.local, 1, &n));
	assert_true(finds(&v.base, 1, &n));
	assert_true(n.stat.dev == UINT64_MAX && n.stat.ino == UINT64_MAX - 1);
	assert_true(n.stat.mtime_ns == -5 && n.stat.size == 7);
	assert_true(finds(&v.local, 2, &n));
	assert_int_equal(be32(n.parent.b), 9);
	assert_true(finds(&v.local, 4, &n));
	assert_false(finds(&v.local, 6, &n));
	/* Another root has nothing of it. */
	drivedb_views(&v, tx, 2);
	children_are(&v, &v.local, 0, "");
	assert_false(finds(&v.local, 4, &n));
	assert_false(v.failed);
	return 0;
}

static void
local_is_base_with_the_differences(void **state)
{
	struct drive_world *w = *state;
	struct err e;

	ok(db_write(drivedb_db(w->d), views_job, NULL, &e), &e);
}

static int
remote_job(struct tx *tx, void *arg, struct err *e)
{
	struct drivedb_views v;
	struct plan_node n;

	(void)arg;
	(void)e;
	drivedb_views(&v, tx, 1);
	children_are(&v, &v.remote, 0, "a:1 b:2 b:3 ");
	assert_int_equal(child_is(&v.remote, 0, "b"), 3);
	assert_true(finds(&v.remote, 2, &n));
	assert_true(n.trashed && n.version == 1);
	assert_false(finds(&v.remote, 0, &n));
	return 0;
}

static void
remote_has_the_trash_too(void **state)
{
	struct drive_world *w = *state;
	struct err e;

	COMMIT(
	    w, { 1, 0, "a", D }, { 2, 0, "b", F, TRASHED }, { 3, 0, "b", F });
	drive_world_follow(w);
	ok(db_read(drivedb_db(w->d), remote_job, NULL, &e), &e);
}

static int
one_inode(void *ctx, const struct plan_node *n, struct err *e)
{
	(void)e;
	return add_name(ctx, n);
}

static int
diffs_job(struct tx *tx, void *arg, struct err *e)
{
	OWN(buf_free) struct buf out = { 0 };
	struct drivedb_diff x;
	struct plan_node n;
	bool found;
	uint64_t files;

	(void)arg;
	base(tx, 1, 0, "a");
	diff(tx, 5, 0, "new");
	diff(tx, 6, 5, "in it");
	diff_gone(tx, 7);
	const struct id from = nr(5), to = nr(7), in = nr(6), one = nr(1);
	ok(drivedb_diff_rename(tx, 1, &from, &to, e), e);
	ok(drivedb_diff_get(tx, 1, &from, &x, &found, e), e);
	assert_false(found);
	ok(drivedb_diff_content(tx, 1, &from, &out, e), e);
	buf_put_str(&out, "before ");
	ok(drivedb_diff_get(tx, 1, &to, &x, &found, e), e);
	assert_true(found && !x.gone && x.content.n == 0);
	assert_string_equal(x.node.name, "new");
	ok(drivedb_diff_content(tx, 1, &to, &out, e), e);
	assert_string_equal(buf_text(&out), "before stored");
	ok(drivedb_diff_get(tx, 1, &in, &x, &found, e), e);
	assert_true(found && id_equal(&x.node.parent, &to));
	ok(drivedb_diff_drop(tx, 1, &in, e), e);
	ok(drivedb_diff_get(tx, 1, &in, &x, &found, e), e);
	assert_false(found);
	buf_clear(&out);
	struct plan_stat is = { .dev = UINT64_MAX, .ino = UINT64_MAX - 1 };
	ok(drivedb_base_inode(tx, 1, &is, one_inode, &out, e), e);
	is.ino = 1;
	ok(drivedb_base_inode(tx, 1, &is, one_inode, &out, e), e);
	assert_string_equal(buf_text(&out), "a:1 ");
	ok(drivedb_base_files(tx, 1, &files, e), e);
	assert_int_equal(files, 1);
	ok(drivedb_base_drop(tx, 1, &one, e), e);
	ok(drivedb_base_get(tx, 1, &one, &n, &found, e), e);
	assert_false(found);
	return 0;
}

static void
a_difference_becomes_another_node(void **state)
{
	struct drive_world *w = *state;
	struct err e;

	ok(db_write(drivedb_db(w->d), diffs_job, NULL, &e), &e);
}

static int
add_root(void *ctx, const struct drivedb_root *r, struct err *e)
{
	(void)e;
	buf_printf(ctx, "%d %s %d %d\n", (int)r->root, r->path,
	    (int)r->generation, r->enabled);
	return 0;
}

static int
roots_job(struct tx *tx, void *arg, struct err *e)
{
	struct drivedb_root a = { .path = mem_text("/home/a"),
		.enabled = true };
	struct drivedb_root b = { .path = mem_text("/home/b") };

	ok(drivedb_root_add(tx, &a, e), e);
	ok(drivedb_root_add(tx, &b, e), e);
	base(tx, 1, 0, "of the first");
	a.generation = 4;
	ok(drivedb_root_set(tx, &a, e), e);
	ok(drivedb_roots(tx, add_root, arg, e), e);
	ok(drivedb_root_drop(tx, a.root, e), e);
	ok(drivedb_roots(tx, add_root, arg, e), e);
	assert_int_equal(drivedb_root_set(tx, &a, e), -1);
	assert_int_equal(e->code, ERR_NOT_FOUND);
	drivedb_root_free(&a);
	drivedb_root_free(&b);
	uint64_t files;
	ok(drivedb_base_files(tx, 1, &files, e), e);
	assert_int_equal(files, 0);
	return 0;
}

static void
roots_come_and_go_with_their_base(void **state)
{
	struct drive_world *w = *state;
	OWN(buf_free) struct buf out = { 0 };
	struct err e;

	ok(db_write(drivedb_db(w->d), roots_job, &out, &e), &e);
	assert_string_equal(
	    buf_text(&out), "1 /home/a 4 1\n2 /home/b 0 0\n2 /home/b 0 0\n");
}

static int
touched_job(struct tx *tx, void *arg, struct err *e)
{
	struct drive_world *w = arg;

	base(tx, 1, 0, "same");
	base(tx, 2, 0, "older");
	base(tx, 3, 0, "gone there");
	base(tx, 4, 0, "trashed there");
	base(tx, 8, 0, "elsewhere");
	diff(tx, 1, 0, "same");
	diff(tx, 2, 0, "older");
	diff(tx, 9, 0, "new here");
	struct id one = nr(1);
	ok(drivedb_diff_drop(tx, 1, &one, e), e);
	buf_clear(&w->touched);
	return drivedb_touched(tx, 1, &w->touched, e);
}

static void
touched_is_what_may_differ(void **state)
{
	struct drive_world *w = *state;
	struct err e;

	COMMIT(w, { 1, 0, "same", F }, { 2, 0, "older", F },
	    { 4, 0, "trashed there", F }, { 5, 0, "in the trash", F, TRASHED },
	    { 6, 0, "new there", F }, { 8, 0, "not there", F });
	COMMIT(w, { 2, 0, "older", F });
	COMMIT(w, { 4, 0, "trashed there", F, TRASHED });
	drive_world_follow(w);
	ok(db_write(drivedb_db(w->d), touched_job, w, &e), &e);
	static const unsigned want[] = { 2, 3, 4, 6, 8, 9 };
	assert_int_equal(w->touched.n, ARRAY_SIZE(want) * ID_BYTES);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_true(drive_world_touched(w, want[i]));
}

static int
put_job(struct tx *tx, void *arg, struct err *e)
{
	static const uint8_t empty[] = { 0, 0, 0 };
	struct node n = { .type = NODE_FILE,
		.name = bytes_str("mine"),
		.edits = 3,
		.mtime_s = INT64_MAX,
		.content = bytes_of(empty, sizeof empty) };
	struct drivedb_entry x;
	struct id id = nr(1);
	bool found;

	(void)arg;
	ok(drivedb_put(tx, &id, 2, 2, &n, e), e);
	ok(drivedb_entry(tx, &id, &x, &found, e), e);
	assert_true(found && x.edits == 3 && x.mtime_ns == INT64_MAX);
	/* What is older does not take its place. */
	n.name = bytes_str("older");
	ok(drivedb_put(tx, &id, 1, 1, &n, e), e);
	ok(drivedb_entry(tx, &id, &x, &found, e), e);
	assert_string_equal(x.node.name, "mine");
	return 0;
}

static void
what_was_committed_here_is_there_at_once(void **state)
{
	struct drive_world *w = *state;
	struct err e;

	ok(db_write(drivedb_db(w->d), put_job, NULL, &e), &e);
	drive_world_shows(w, "/mine 1\n");
}

static void
one_that_is_damaged_says_what_helps(void **state)
{
	struct drive_world *w = *state;
	OWN(mem_free) char *path = file_join(w->dir.path, "damaged.db");
	OWN(drivedb_free) struct drivedb *d = NULL;
	struct err e = { 0 };

	scratch_write_at(w->dir.fd, "damaged.db", "this is no database at all");
	assert_int_equal(drivedb_open(path, &d, &e), -1);
	assert_int_equal(e.code, ERR_STATE_DAMAGED);
	assert_non_null(strstr(err_fix(&e), "--adopt"));
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, drive_world_up, drive_world_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_tree_follows_its_zone),
		TEST(a_directory_may_come_after_what_is_in_it),
		TEST(other_kinds_are_passed_over_and_bad_nodes_counted),
		TEST(another_copy_makes_the_tree_anew),
		TEST(more_than_a_batch_comes_whole),
		TEST(what_was_cut_off_is_gone_on_with),
		TEST(paths_are_resolved),
		TEST(the_trash_lists_the_newest_first),
		TEST(local_is_base_with_the_differences),
		TEST(remote_has_the_trash_too),
		TEST(a_difference_becomes_another_node),
		TEST(roots_come_and_go_with_their_base),
		TEST(touched_is_what_may_differ),
		TEST(what_was_committed_here_is_there_at_once),
		TEST(one_that_is_damaged_says_what_helps),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(
	    tests, drive_world_begin, drive_world_end);
}
