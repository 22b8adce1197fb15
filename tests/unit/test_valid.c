/* SPDX-License-Identifier: ISC */
/* test_valid.c: trees that are not valid are shown by rule, and never made. */
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

static int
invalid_job(struct tx *tx, void *arg, struct err *e)
{
	return drivedb_invalid(tx, arg, e);
}

static unsigned
invalid(struct drive_world *w)
{
	uint64_t n;
	struct err e;

	ok(db_read(drivedb_db(w->d), invalid_job, &n, &e), &e);
	return (unsigned)n;
}

static void
shows(struct drive_world *w, const char *want)
{
	drive_world_follow(w);
	drive_world_shows(w, want);
}

/* ---- how it is shown ---- */

static void
bad_names_are_shown_by_their_id(void **state)
{
	struct drive_world *w = *state;

	COMMIT(w, { 1, 0, "..", D }, { 2, 1, "a/b", F }, { 3, 0, "", F },
	    { 4, 0, "good", F });
	shows(w,
	    "/good 4\n/recovered-00000001 1\n"
	    "/recovered-00000001/recovered-00000002 2\n"
	    "/recovered-00000003 3\n");
	assert_int_equal(invalid(w), 3);
	COMMIT(w, { 2, 1, "b", F });
	COMMIT(w, { 3, 0, "good", F });
	COMMIT(w, { 4, .gone = true });
	shows(w,
	    "/good 3\n/recovered-00000001 1\n"
	    "/recovered-00000001/b 2\n");
	assert_int_equal(invalid(w), 1);
}

static void
orphans_are_below_recovered_files_and_return(void **state)
{
	struct drive_world *w = *state;

	COMMIT(w, { 1, 0, "a", D }, { 2, 1, "b", D }, { 3, 2, "c", F },
	    { 4, 77, "d", F });
	shows(w,
	    "/Recovered files -\n/Recovered files/d 4\n"
	    "/a 1\n/a/b 2\n/a/b/c 3\n");
	COMMIT(w, { 1, .gone = true });
	shows(w,
	    "/Recovered files -\n/Recovered files/b 2\n"
	    "/Recovered files/b/c 3\n/Recovered files/d 4\n");
	assert_true(drive_world_touched(w, 2));
	assert_int_equal(invalid(w), 2);
	/* A file is no place for a file. */
	COMMIT(w, { 1, 0, "a", F });
	COMMIT(w, { 77, 0, "late", D });
	shows(w,
	    "/Recovered files -\n/Recovered files/b 2\n"
	    "/Recovered files/b/c 3\n/a 1\n/late 77\n/late/d 4\n");
	COMMIT(w, { 2, 77, "b", D });
	shows(w, "/a 1\n/late 77\n/late/b 2\n/late/b/c 3\n/late/d 4\n");
	assert_int_equal(invalid(w), 0);
	assert_true(drive_world_touched_id(w, valid_recovered()));
}

static void
a_directory_that_becomes_a_file_loses_what_is_in_it(void **state)
{
	struct drive_world *w = *state;

	COMMIT(w, { 1, 0, "a", D }, { 2, 1, "b", F });
	drive_world_follow(w);
	COMMIT(w, { 1, 0, "a", F });
	shows(w, "/Recovered files -\n/Recovered files/b 2\n/a 1\n");
}

static void
of_a_cycle_the_highest_id_is_cut(void **state)
{
	struct drive_world *w = *state;

	COMMIT(w, { 1, 0, "a", D }, { 2, 1, "b", D }, { 3, 2, "c", D },
	    { 4, 3, "d", F }, { 5, 2, "e", D }, { 6, 6, "self", D });
	shows(w,
	    "/Recovered files -\n/Recovered files/self 6\n"
	    "/a 1\n/a/b 2\n/a/b/c 3\n/a/b/c/d 4\n/a/b/e 5\n");
	COMMIT(w, { 1, 3, "a", D });
	shows(w,
	    "/Recovered files -\n/Recovered files/c 3\n"
	    "/Recovered files/c/a 1\n/Recovered files/c/a/b 2\n"
	    "/Recovered files/c/a/b/e 5\n/Recovered files/c/d 4\n"
	    "/Recovered files/self 6\n");
	assert_int_equal(invalid(w), 2);
	COMMIT(w, { 2, 0, "b", D }, { 6, .gone = true });
	shows(w, "/b 2\n/b/c 3\n/b/c/a 1\n/b/c/d 4\n/b/e 5\n");
	assert_int_equal(invalid(w), 0);
}

static void
of_twins_the_lowest_id_keeps_the_name(void **state)
{
	struct drive_world *w = *state;
	OWN(buf_free) struct buf want = { 0 };

	COMMIT(w, { 3, 0, "x", F }, { 2, 0, "x", D }, { 4, 0, "x", F, TRASHED },
	    { 5, 2, "x", F });
	shows(w, "/x 2\n/x/x 5\n/x (recovered-00000003) 3\n");
	assert_int_equal(invalid(w), 1);
	/* A name that is made so can be taken, too. */
	COMMIT(w, { 7, 0, "x (recovered-00000003)", F });
	const struct id third = nr(3);
	buf_printf(&want,
	    "/x 2\n/x/x 5\n/x (recovered-00000003) 7\n"
	    "/x (recovered-%s) 3\n",
	    id_text(&third).s);
	shows(w, buf_text(&want));
	COMMIT(w, { 2, 0, "y", D });
	shows(w, "/x 3\n/x (recovered-00000003) 7\n/y 2\n/y/x 5\n");
	assert_int_equal(invalid(w), 0);
	assert_true(drive_world_touched(w, 3));
}

static void
a_long_twin_is_cut_at_a_character(void **state)
{
	struct drive_world *w = *state;
	OWN(buf_free) struct buf name = { 0 };
	OWN(buf_free) struct buf want = { 0 };

	/* 127 characters of two bytes behind one. */
	buf_put_u8(&name, 'x');
	for (int i = 0; i < 127; i++)
		buf_put_str(&name, "\xc3\xa9");
	COMMIT(w, { 1, 0, buf_text(&name), F }, { 2, 0, buf_text(&name), F });
	buf_printf(&want, "/%.233s (recovered-00000002) 2\n/%s 1\n",
	    buf_text(&name), buf_text(&name));
	shows(w, buf_text(&want));
}

static void
its_own_directory_gives_way(void **state)
{
	struct drive_world *w = *state;
	OWN(buf_free) struct buf want = { 0 };
	const struct id home = valid_recovered();

	COMMIT(w, { 1, 0, "Recovered files", D }, { 2, 9, "lost", F });
	buf_printf(&want,
	    "/Recovered files 1\n/Recovered files (recovered-%s) -\n"
	    "/Recovered files (recovered-%s)/lost 2\n",
	    id_short(&home).s, id_short(&home).s);
	shows(w, buf_text(&want));
}

static void
what_is_too_deep_is_lost(void **state)
{
	struct drive_world *w = *state;
	static struct rec list[600];
	unsigned n = 600;

	for (unsigned i = 0; i < n; i++)
		list[i] = (struct rec){ i + 1, i, "d", D };
	drive_world_commit(w, list, NODE_DEPTH_MAX);
	drive_world_follow(w);
	assert_int_equal(invalid(w), 0);
	/* A file in the deepest one, and all at once below the root. */
	COMMIT(w, { 9000, NODE_DEPTH_MAX, "f", F });
	drive_world_follow(w);
	assert_int_equal(invalid(w), 1);
	COMMIT(w, { 9000, 0, "f", F });
	drive_world_follow(w);
	assert_int_equal(invalid(w), 0);
	/* What is on top moves: its lowest ones go too deep. */
	COMMIT(w, { 8000, 0, "top", D }, { 1, 8000, "d", D });
	drive_world_follow(w);
	assert_int_equal(invalid(w), 1);
	COMMIT(w, { 1, 0, "d", D });
	drive_world_follow(w);
	assert_int_equal(invalid(w), 0);
	drive_world_commit(w, list, n);
	drive_world_follow(w);
	assert_int_equal(invalid(w), 1);
}

/* ---- the same records show the same tree ---- */

static uint32_t
draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

static void
how_it_came_does_not_matter(void **state)
{
	static const char *const names[] = { "a", "b", "..",
		"Recovered files" };
	struct drive_world *w = *state;

	for (uint32_t round = 1; round <= 8; round++) {
		OWN(buf_free) struct buf step = { 0 };
		OWN(buf_free) struct buf once = { 0 };
		uint32_t seed = round;
		struct err e;
		for (int i = 0; i < 12; i++) {
			unsigned id = 1 + draw(&seed, 12);
			struct rec r = { id, draw(&seed, 14),
				names[draw(&seed, 4)],
				draw(&seed, 3) == 0 ? F : D,
				draw(&seed, 6) == 0 ? TRASHED : 0,
				draw(&seed, 8) == 0 };
			drive_world_commit(w, &r, 1);
			drive_world_follow(w);
		}
		ok(db_read(drivedb_db(w->d), drive_world_list_job, &step, &e),
		    &e);
		OWN(mem_free) char *path = file_join(w->dir.path, "fresh.db");
		OWN(drivedb_free) struct drivedb *fresh = NULL;
		uint64_t bad;
		(void)unlink(path);
		ok(drivedb_open(path, &fresh, &e), &e);
		ok(drivedb_follow(fresh, w->z, NULL, &bad, &e), &e);
		ok(db_read(drivedb_db(fresh), drive_world_list_job, &once, &e),
		    &e);
		assert_string_equal(buf_text(&step), buf_text(&once));
	}
}

/* ---- before a commit ---- */

static struct plan_change
change(enum plan_change_kind kind, unsigned id, unsigned parent,
    const char *name, enum node_type type)
{
	struct plan_change c = { .kind = kind,
		.id = nr(id),
		.expect = kind == PLAN_NEW ? 0 : 1,
		.parent = nr(parent),
		.type = type };

	c.name_n = (uint8_t)strlen(name);
	memcpy(c.name, name, strlen(name));
	return c;
}

struct attempt {
	const struct plan_change *list;
	size_t n;
};

static int
commit_job(struct tx *tx, void *arg, struct err *e)
{
	const struct attempt *a = arg;

	return valid_commit(tx, a->list, a->n, e);
}

/* 0, or the code of a batch of two changes; the second may be nothing. */
static enum err_code
says(struct drive_world *w, struct plan_change a, struct plan_change b)
{
	const struct plan_change list[] = { a, b };
	struct attempt x = { list, b.name_n > 0 ? 2 : 1 };
	struct err e = { 0 };

	return db_read(drivedb_db(w->d), commit_job, &x, &e) < 0 ? e.code : 0;
}

#define NONE change(PLAN_NEW, 0, 0, "", F)
#define NEW(id, parent, name, type) change(PLAN_NEW, id, parent, name, type)
#define SET(id, parent, name, type) change(PLAN_UPDATE, id, parent, name, type)
#define TRASH(id) change(PLAN_TRASH, id, 0, "file", F)

/* /dir 1, /dir/sub 2, /dir/sub/file 3, /file 4, /trashed 5 with /in 6 */
static void
plant(struct drive_world *w)
{
	COMMIT(w, { 1, 0, "dir", D }, { 2, 1, "sub", D }, { 3, 2, "file", F },
	    { 4, 0, "file", F }, { 5, 0, "trashed", D, TRASHED },
	    { 6, 5, "in", D });
	drive_world_follow(w);
}

static void
a_valid_commit_is_one(void **state)
{
	struct drive_world *w = *state;

	plant(w);
	assert_int_equal(says(w, NEW(10, 0, "new", F), NONE), 0);
	assert_int_equal(says(w, NEW(10, 2, "new", D), NEW(11, 10, "x", F)), 0);
	assert_int_equal(says(w, NEW(11, 10, "x", F), NEW(10, 2, "new", D)), 0);
	assert_int_equal(says(w, SET(4, 0, "file", F), NONE), 0);
	assert_int_equal(says(w, SET(2, 0, "sub", D), TRASH(1)), 0);
	assert_int_equal(says(w, TRASH(1), NONE), 0);
	/* Two that swap, one that takes a place that is left, one that is
	 * trashed there, and one that comes back. */
	assert_int_equal(says(w, SET(4, 0, "dir", F), SET(1, 0, "file", D)), 0);
	assert_int_equal(
	    says(w, SET(4, 0, "old", F), NEW(10, 0, "file", D)), 0);
	assert_int_equal(says(w, TRASH(4), NEW(10, 0, "file", F)), 0);
	assert_int_equal(says(w, NEW(10, 0, "trashed", F), NONE), 0);
	assert_int_equal(
	    says(w, SET(5, 0, "trashed", D), SET(6, 5, "i", D)), 0);
	/* Parent and child change places. */
	assert_int_equal(says(w, SET(2, 0, "sub", D), SET(1, 2, "dir", D)), 0);
}

static void
what_never_can_be_is_refused(void **state)
{
	struct drive_world *w = *state;
	struct plan_change home_new = NEW(9, 0, "x", D);

	plant(w);
	home_new.id = valid_recovered();
	const enum err_code never = ERR_DRIVE_TREE_INVALID;
	assert_int_equal(says(w, NEW(10, 0, "..", F), NONE), never);
	assert_int_equal(says(w, SET(4, 0, "a/b", F), NONE), never);
	assert_int_equal(says(w, NEW(0, 1, "root", D), NONE), never);
	assert_int_equal(says(w, home_new, NONE), never);
	assert_int_equal(says(w, SET(1, 0, "dir", F), NONE), never);
	assert_int_equal(says(w, SET(4, 0, "file", D), NONE), never);
	assert_int_equal(
	    says(w, NEW(10, 0, "n", F), NEW(11, 0, "n", F)), never);
	assert_int_equal(says(w, SET(4, 0, "n", F), SET(4, 1, "n", F)), never);
}

static void
what_was_overtaken_is_a_conflict(void **state)
{
	struct drive_world *w = *state;
	struct plan_change stale = SET(4, 0, "file", F);

	plant(w);
	stale.expect = 7;
	const enum err_code again = ERR_CONFLICT;
	assert_int_equal(says(w, stale, NONE), again);
	assert_int_equal(says(w, NEW(4, 0, "other", F), NONE), again);
	assert_int_equal(says(w, SET(10, 0, "other", F), NONE), again);
	assert_int_equal(says(w, TRASH(10), NONE), again);
	/* Parents. */
	assert_int_equal(says(w, NEW(10, 77, "n", F), NONE), again);
	assert_int_equal(says(w, NEW(10, 4, "n", F), NONE), again);
	assert_int_equal(says(w, NEW(10, 5, "n", F), NONE), again);
	assert_int_equal(says(w, NEW(10, 6, "n", F), NONE), again);
	assert_int_equal(says(w, NEW(10, 2, "n", F), TRASH(1)), again);
	/* Cycles. */
	assert_int_equal(says(w, SET(1, 1, "dir", D), NONE), again);
	assert_int_equal(says(w, SET(1, 2, "dir", D), NONE), again);
	COMMIT(w, { 8, 0, "a", D }, { 9, 0, "b", D });
	drive_world_follow(w);
	assert_int_equal(says(w, SET(8, 9, "a", D), SET(9, 8, "b", D)), again);
	/* Names. */
	assert_int_equal(says(w, NEW(10, 0, "file", F), NONE), again);
	assert_int_equal(says(w, SET(2, 0, "file", D), NONE), again);
	assert_int_equal(says(w, NEW(10, 0, "file", F), SET(4, 0, "file", F)),
	    ERR_DRIVE_TREE_INVALID);
}

static void
what_was_recovered_is_joined_and_moved_out(void **state)
{
	struct drive_world *w = *state;

	COMMIT(w, { 1, 77, "lost", D });
	drive_world_follow(w);
	struct plan_change into = NEW(10, 0, "n", F);
	into.parent = valid_recovered();
	assert_int_equal(says(w, into, NONE), 0);
	assert_int_equal(says(w, SET(1, 0, "found", D), NONE), 0);
}

static void
too_deep_is_refused(void **state)
{
	struct drive_world *w = *state;
	static struct rec list[NODE_DEPTH_MAX];

	for (unsigned i = 0; i < NODE_DEPTH_MAX; i++)
		list[i] = (struct rec){ i + 1, i, "d", D };
	drive_world_commit(w, list, NODE_DEPTH_MAX);
	COMMIT(w, { 8000, 0, "top", D }, { 8001, 0, "file", F });
	drive_world_follow(w);
	const enum err_code never = ERR_DRIVE_TREE_INVALID;
	assert_int_equal(
	    says(w, NEW(9000, NODE_DEPTH_MAX - 1, "n", F), NONE), 0);
	assert_int_equal(
	    says(w, NEW(9000, NODE_DEPTH_MAX, "n", F), NONE), never);
	assert_int_equal(says(w, SET(1, 8000, "d", D), NONE), never);
	assert_int_equal(says(w, SET(2, 0, "e", D), NONE), 0);
	assert_int_equal(says(w, SET(2, 8000, "e", D), NONE), 0);
}

/* ---- what is taken for valid leaves a valid tree ---- */

/* As the engine writes it. */
static void
apply(struct tx *tx, const struct plan_change *c, uint64_t seq)
{
	static const uint8_t empty[] = { 0, 0, 0 };
	struct drivedb_entry old = { .node.parent = c->parent };
	struct node n = { .type = c->type,
		.parent = c->parent,
		.name = bytes_of(c->name, c->name_n),
		.edits = 1 };
	struct err e;
	bool found;

	ok(drivedb_entry(tx, &c->id, &old, &found, &e), &e);
	if (c->kind == PLAN_TRASH) {
		n.type = old.node.type;
		n.parent = old.node.parent;
		n.name = bytes_of(old.node.name, old.node.name_n);
		n.flags = NODE_TRASHED;
	}
	if (n.type == NODE_FILE)
		n.content = bytes_of(empty, sizeof empty);
	ok(drivedb_put(tx, &c->id, c->expect + 1, seq, &n, &e), &e);
}

static struct plan_change
draw_change(struct tx *tx, uint32_t *seed)
{
	static const char *const names[] = { "a", "b", "c", "d", ".." };
	struct plan_change c =
	    change(PLAN_NEW, 1 + draw(seed, 12), draw(seed, 13),
		names[draw(seed, 41) / 10], draw(seed, 4) == 0 ? F : D);
	struct drivedb_entry old;
	struct err e;
	bool found;

	ok(drivedb_entry(tx, &c.id, &old, &found, &e), &e);
	if (!found)
		return c;
	c.kind = draw(seed, 4) == 0 ? PLAN_TRASH : PLAN_UPDATE;
	c.expect = old.node.version;
	if (draw(seed, 8) > 0)
		c.type = old.node.type;
	return c;
}

static int
random_job(struct tx *tx, void *arg, struct err *e)
{
	uint32_t seed = 7;
	unsigned taken = 0;

	for (uint64_t round = 1; round <= 6000; round++) {
		struct plan_change batch[3];
		size_t n = 1 + draw(&seed, 3);
		uint64_t marks;
		for (size_t i = 0; i < n; i++)
			batch[i] = draw_change(tx, &seed);
		if (valid_commit(tx, batch, n, e) < 0) {
			assert_true(e->code == ERR_CONFLICT ||
			    e->code == ERR_DRIVE_TREE_INVALID);
			continue;
		}
		taken++;
		for (size_t i = 0; i < n; i++)
			apply(tx, &batch[i], round);
		ok(valid_mend(tx, taken % 2 == 0, NULL, e), e);
		ok(drivedb_invalid(tx, &marks, e), e);
		assert_int_equal(marks, 0);
	}
	*(unsigned *)arg = taken;
	return 0;
}

static void
what_is_taken_for_valid_is(void **state)
{
	struct drive_world *w = *state;
	unsigned taken = 0;
	struct err e;

	ok(db_write(drivedb_db(w->d), random_job, &taken, &e), &e);
	assert_true(taken > 600);
}

#define TEST(f) \
	cmocka_unit_test_setup_teardown(f, drive_world_up, drive_world_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_names_are_shown_by_their_id),
		TEST(orphans_are_below_recovered_files_and_return),
		TEST(a_directory_that_becomes_a_file_loses_what_is_in_it),
		TEST(of_a_cycle_the_highest_id_is_cut),
		TEST(of_twins_the_lowest_id_keeps_the_name),
		TEST(a_long_twin_is_cut_at_a_character),
		TEST(its_own_directory_gives_way),
		TEST(what_is_too_deep_is_lost),
		TEST(how_it_came_does_not_matter),
		TEST(a_valid_commit_is_one),
		TEST(what_never_can_be_is_refused),
		TEST(what_was_overtaken_is_a_conflict),
		TEST(what_was_recovered_is_joined_and_moved_out),
		TEST(too_deep_is_refused),
		TEST(what_is_taken_for_valid_is),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(
	    tests, drive_world_begin, drive_world_end);
}
