/* SPDX-License-Identifier: ISC */
/* test_scan_gone.c: what is gone, and what is only not seen. */
#include "base/file.h"
#include "scan_world.h"

/* ---- what is gone ---- */

static void
gone_is_what_two_looks_miss(void **state)
{
	WORLD(NULL);
	OWN(buf_free) struct buf dirs = { 0 };

	memdisk_remove_all(d, "a");
	memdisk_remove(d, "top");
	world_scan(&w, NULL);
	rows_are(&w, "");
	assert_int_equal(w.result.missing, 2);
	assert_int_equal(scan_due(w.scan, memdisk_now(d), &dirs), 2 * SECOND);
	assert_int_equal(world_due(&w), 0);
	memdisk_wait(d, SECOND);
	world_scan(&w, NULL);
	rows_are(&w, "");
	memdisk_wait(d, SECOND);
	assert_int_equal(world_due(&w), 1);
	rows_are(&w, "- a\n- a/one\n- a/sub\n- a/sub/deep\n- top\n");
	assert_int_equal(w.result.gone, 5);
	assert_int_equal(scan_due(w.scan, memdisk_now(d), &dirs), -1);
}

static void
what_comes_back_meanwhile_was_never_gone(void **state)
{
	WORLD(NULL);
	memdisk_remove(d, "top");
	world_scan(&w, NULL);
	memdisk_write(d, "top", "anew");
	memdisk_wait(d, 2 * SECOND);
	assert_int_equal(world_due(&w), 1);
	rows_are(&w, "~ top unread\n");
	memdisk_remove(d, "top");
	world_scan(&w, NULL);
	rows_are(&w, "~ top unread\n");
	assert_int_equal(w.result.missing, 1); /* counted anew */
}

static void
what_comes_back_later_is_that_node_again(void **state)
{
	WORLD((&(struct memdisk_kind){ .new_inodes = true }));
	memdisk_remove_all(d, "a");
	memdisk_remove(d, "top");
	world_scan(&w, NULL);
	memdisk_wait(d, 2 * SECOND);
	world_due(&w);
	memdisk_mkdir(d, "a");
	memdisk_write(d, "a/one", "from a backup");
	memdisk_write(d, "top", "too");
	world_scan(&w, NULL);
	rows_are(
	    &w, "- a/sub\n- a/sub/deep\n~ a\n~ a/one unread\n~ top unread\n");
}

static void
what_moved_out_of_a_folder_that_is_gone_lives(void **state)
{
	WORLD(NULL);
	memdisk_wait(d, SECOND);
	memdisk_rename(d, "a/sub", "b/sub");
	memdisk_rename(d, "a/one", "b/one");
	memdisk_remove_all(d, "a");
	world_scan(&w, NULL);
	memdisk_wait(d, 2 * SECOND);
	world_due(&w);
	rows_are(&w, "- a\n> a/one > b/one\n> a/sub > b/sub\n");
}

static void
a_clock_that_is_set_back_takes_nothing_away(void **state)
{
	WORLD(NULL);
	memdisk_remove(d, "top");
	world_scan(&w, NULL);
	memdisk_wait(d, -3600 * SECOND);
	world_scan(&w, NULL);
	memdisk_wait(d, SECOND);
	world_scan(&w, NULL);
	rows_are(&w, "");
	memdisk_wait(d, SECOND);
	world_scan(&w, NULL);
	rows_are(&w, "- top\n");
}

static void
below_what_cannot_be_listed_nothing_is_gone(void **state)
{
	WORLD(NULL);
	memdisk_remove(d, "a/one");
	memdisk_spoil(d, "a", true);
	for (int i = 0; i < 3; i++) {
		world_scan(&w, NULL);
		memdisk_wait(d, 2 * SECOND);
	}
	assert_int_equal(w.result.unknown, 1);
	assert_string_equal(buf_text(&w.notes), "io-error a\n");
	rows_are(&w, "");
}

static void
a_listing_that_ends_early_takes_nothing_away(void **state)
{
	WORLD(NULL);
	for (int i = 0; i < 20; i++) {
		memdisk_tear(d, 100);
		world_scan(&w, NULL);
		assert_true(w.result.unknown > 0);
		memdisk_wait(d, 2 * SECOND);
		rows_are(&w, "");
	}
	memdisk_tear(d, 0);
	assert_true(world_due(&w) > 0); /* it is looked at again */
	rows_are(&w, "");
}

static void
another_file_system_hides_and_takes_nothing_away(void **state)
{
	WORLD(NULL);
	memdisk_mount(d, "a", true);
	for (int i = 0; i < 3; i++) {
		world_scan(&w, NULL);
		memdisk_wait(d, 2 * SECOND);
	}
	rows_are(&w, "");
	assert_string_equal(buf_text(&w.notes), "drive-held a\n");
	memdisk_mount(d, "a", false);
	world_scan(&w, NULL);
	rows_are(&w, "");
}

static void
a_device_in_place_of_a_file_holds_it(void **state)
{
	WORLD(NULL);
	memdisk_remove(d, "top");
	memdisk_special(d, "top");
	world_scan(&w, NULL);
	memdisk_wait(d, 2 * SECOND);
	world_scan(&w, NULL);
	rows_are(&w, "");
	assert_string_equal(buf_text(&w.notes), "drive-held top\n");
	assert_int_equal(w.result.specials, 1);
}

static void
a_root_that_is_not_there_is_an_error(void **state)
{
	WORLD(NULL);
	struct err e;

	memdisk_spoil(d, "", true);
	assert_int_equal(
	    scan_run(w.scan, memdisk_now(d), NULL, &w.touched, &w.result, &e),
	    -1);
	assert_int_equal(e.code, ERR_DRIVE_ROOT_MISSING);
	rows_are(&w, "");
}

/* ---- ignored, foreign ---- */

static void
what_is_ignored_is_forgotten_and_not_deleted(void **state)
{
	WORLD(NULL);
	w.ignore = "sub";
	world_scan(&w, NULL);
	rows_are(&w, "");
	assert_true(w.result.ignored_dropped);
	memdisk_wait(d, 2 * SECOND);
	world_scan(&w, NULL);
	rows_are(&w, "");
	assert_false(w.result.ignored_dropped);
	w.ignore = NULL; /* and new when it is not ignored any more */
	world_scan(&w, NULL);
	rows_are(&w, "+ a/sub\n+ a/sub/deep unread\n");
}

static void
what_is_ignored_and_not_there_is_forgotten_too(void **state)
{
	WORLD(NULL);
	w.ignore = "top";
	memdisk_remove(d, "top");
	world_scan(&w, NULL);
	w.ignore = NULL;
	memdisk_wait(d, 2 * SECOND);
	world_scan(&w, NULL);
	rows_are(&w, "");
	assert_int_equal(w.result.missing, 0);
}

static void
a_root_within_the_root_is_left_out(void **state)
{
	WORLD(NULL);
	memdisk_mkdir(d, "new");
	memdisk_mkdir(d, "new/.aumbry-drive");
	memdisk_write(d, "new/x", "x");
	memdisk_mkdir(d, "home");
	memdisk_write(d, "home/aumbry-home", "aumbry-home v1");
	memdisk_mkdir(d, "a/.aumbry-drive");
	memdisk_remove(d, "a/one");
	w.foreign = "b";
	memdisk_write(d, "b/x", "x");
	world_scan(&w, NULL);
	memdisk_wait(d, 2 * SECOND);
	world_scan(&w, NULL);
	rows_are(&w, "");
}

/* ---- times ---- */

static void
a_second_edit_within_a_granule_is_seen(void **state)
{
	WORLD(NULL);
	struct err e;

	memdisk_wait(d, SECOND);
	memdisk_write(d, "a/one", "2");
	assert_int_equal(
	    scan_run(w.scan, memdisk_now(d), NULL, &w.touched, &w.result, &e),
	    0);
	world_read(&w);
	memdisk_write(d, "a/one", "3"); /* same size, same time */
	assert_int_equal(world_due(&w), 0);
	memdisk_wait(d, 20 * MS);
	assert_int_equal(world_due(&w), 1);
	rows_are(&w, "~ a/one unread\n");
	world_read(&w);
	memdisk_wait(d, SECOND);
	assert_int_equal(world_due(&w), 0);
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one\n");
}

static void
times_of_the_future_are_not_read_for_ever(void **state)
{
	WORLD(NULL);
	memdisk_touch(d, "a/one", memdisk_now(d) + 1000 * SECOND);
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one unread\n");
	world_read(&w);
	memdisk_wait(d, SECOND);
	assert_int_equal(world_due(&w), 0);
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one\n");
}

/* ---- some directories ---- */

static void
looks_only_where_it_is_told(void **state)
{
	WORLD(NULL);
	memdisk_write(d, "a/sub/deep", "2");
	memdisk_write(d, "b/x", "x");
	world_scan(&w, "b", NULL);
	rows_are(&w, "+ b/x unread\n");
	assert_int_equal(w.result.dirs, 1);
	memdisk_mkdir(d, "b/n");
	memdisk_mkdir(d, "b/n/m");
	memdisk_write(d, "b/n/m/x", "x");
	world_scan(&w, "b/n/m", "b/n/m", NULL); /* from what it knows */
	rows_are(&w, "+ b/n\n+ b/n/m\n+ b/n/m/x unread\n+ b/x unread\n");
	memdisk_remove_all(d, "b/n");
	world_scan(&w, "b/n/m", NULL);
	assert_int_equal(w.result.missing, 1);
	memdisk_wait(d, 2 * SECOND);
	world_due(&w);
	rows_are(&w, "+ b/x unread\n");
}

static void
a_move_is_seen_from_either_end(void **state)
{
	WORLD(NULL);
	memdisk_wait(d, SECOND);
	memdisk_rename(d, "a/one", "b/one");
	memdisk_rename(d, "a/sub", "b/sub");
	world_scan(&w, "a", NULL);
	rows_are(&w, "");
	world_scan(&w, "b", NULL);
	rows_are(&w, "> a/one > b/one\n> a/sub > b/sub\n");
	memdisk_wait(d, 2 * SECOND);
	world_due(&w);
	rows_are(&w, "> a/one > b/one\n> a/sub > b/sub\n");
}

/* ---- anything ---- */

static void
any_act(struct memdisk *d, uint64_t *seed)
{
	OWN(buf_free) struct buf x = { 0 };
	OWN(buf_free) struct buf y = { 0 };
	const char *at = any_path(seed, &x);
	char text[8];

	memdisk_wait(d, (int64_t)dice(seed, 3) * MS);
	(void)snprintf(text, sizeof text, "%u", (unsigned)dice(seed, 100));
	switch (dice(seed, 9)) {
	case 0:
	case 1:
		memdisk_write(d, at, text);
		break;
	case 2:
		memdisk_mkdir(d, at);
		break;
	case 3:
		memdisk_remove(d, at);
		break;
	case 4:
		memdisk_link(d, at, any_path(seed, &y));
		break;
	case 5:
		memdisk_symlink(d, text, at);
		break;
	case 6:
		memdisk_remove_all(d, at);
		break;
	default:
		memdisk_rename(d, at, any_path(seed, &y));
	}
}

struct compare {
	struct drivedb_views *v;
	size_t on_disk;
	uint64_t seed;
};

static void
compare_one(
    void *ctx, const char *path, const struct os_stat *st, struct bytes content)
{
	struct compare *c = ctx;
	struct id at = { 0 };
	struct plan_node n;

	(void)content;
	if (strncmp(path, OS_OWN, strlen(OS_OWN)) == 0)
		return;
	c->on_disk++;
	for (const char *rest = path; *rest != '\0';) {
		size_t k = strcspn(rest, "/");
		if (!c->v->local.child(
			c->v->local.ctx, &at, bytes_of(rest, k), &n))
			fail_msg("seed %ju: %s is not in local",
			    (uintmax_t)c->seed, path);
		at = n.id;
		rest += k + (rest[k] == '/');
	}
	assert_int_equal(n.type, st->type);
	if (st->type == NODE_DIR)
		return;
	assert_int_equal(n.stat.ino, st->is.ino);
	assert_int_equal(n.stat.ctime_ns, st->is.ctime_ns);
	assert_int_equal(n.stat.size, st->is.size);
}

struct against {
	struct world *w;
	uint64_t seed;
};

static int
compare_job(struct tx *tx, void *arg, struct err *e)
{
	const struct against *a = arg;
	struct drivedb_views v;
	struct compare c = { &v, 0, a->seed };
	struct counting below = { &v.local, 0 };

	(void)e;
	drivedb_views(&v, tx, 1);
	memdisk_each(a->w->disk, compare_one, &c);
	(void)v.local.children(
	    v.local.ctx, &(struct id){ 0 }, count_below, &below);
	if (below.n != c.on_disk)
		fail_msg("seed %ju: %zu nodes for %zu objects",
		    (uintmax_t)a->seed, below.n, c.on_disk);
	return 0;
}

/* Whatever users do: a pass, and what it asks for, and local is the disk. */
static void
local_is_the_disk(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct memdisk_kind kind = { .no_btime = seed % 3 == 0,
			.new_inodes = seed % 2 == 0 };
		OWN(world_close) struct world w;
		uint64_t random = seed;
		world_open(&w, &kind);
		for (int round = 0; round < 6; round++) {
			struct against a = { &w, seed };
			struct err e;
			for (uint64_t n = dice(&random, 20); n > 0; n--)
				any_act(w.disk, &random);
			world_scan(&w, NULL);
			memdisk_wait(w.disk, 2 * SECOND);
			(void)world_due(&w);
			assert_int_equal(
			    db_read(drivedb_db(w.db), compare_job, &a, &e), 0);
			if (dice(&random, 2) == 0)
				world_agree(&w);
		}
	}
}

/* The disk that all of this stands on. */
static void
the_disk_of_memory_keeps_its_word(void **state)
{
	(void)state;
	struct memdisk *d = memdisk_new(&(struct memdisk_kind){ .room = 100 });
	struct os *o = memdisk_os(d);
	struct os_part *p = NULL;
	struct os_stat now, was;
	uint64_t have;
	struct err e;

	assert_int_equal(o->ops->part_open(o, "p", 101, &have, &p, &e), -1);
	assert_int_equal(e.code, ERR_DISK_FULL_HERE);
	assert_int_equal(o->ops->part_open(o, "p", 3, &have, &p, &e), 0);
	assert_int_equal(o->ops->part_put(p, 0, bytes_str("new"), &e), 0);
	assert_int_equal(o->ops->part_end(&p, 3, true, false, 5, &e), 0);
	memdisk_write(d, "x", "old");
	memdisk_stat(d, "x", &was);
	memdisk_write(d, "x", "edited");
	assert_int_equal(o->ops->place(o, "p", "x", NULL, &now, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(o->ops->place(o, "p", "x", &was, &now, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	memdisk_stat(d, "x", &was);
	(void)o->ops->sync_also(o, "x", NULL);
	assert_int_equal(o->ops->sync(o, &e), 0);
	assert_int_equal(o->ops->place(o, "p", "x", &was, &now, &e), 0);
	assert_true(memdisk_holds(d, "x", "new") && now.exec);
	assert_true(memdisk_holds(d, OS_OWN "/gone/1", "edited"));
	memdisk_crash(d, 1);
	assert_int_equal(o->ops->mkdir(o, "dir", &now, &e), -1);
	assert_int_equal(o->ops->stat(o, "x", &now, &e), -1);
	memdisk_restart(d, MEMDISK_LOST);
	assert_true(memdisk_holds(d, "x", "edited"));
	assert_int_equal(o->ops->place(o, "p", "x", &was, &now, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND); /* no sync knew of its name */
	memdisk_free(&d);
}

static void
a_power_cut_leaves_what_was_waited_for(void **state)
{
	struct memdisk *d = memdisk_new(&(struct memdisk_kind){ .seed = 1 });
	struct os *o = memdisk_os(d);
	struct os_stat st;
	struct err e;

	(void)state;
	memdisk_mkdir(d, "a");
	memdisk_mkdir(d, "a/new");
	memdisk_write(d, "a/moves", "bytes");
	memdisk_write(d, "kept", "bytes");
	memdisk_write(d, "named", "bytes");
	(void)o->ops->sync_also(o, "kept", NULL);
	(void)o->ops->sync_also(o, "a/moves", NULL);
	assert_int_equal(o->ops->sync(o, &e), 0);
	memdisk_write(d, "kept", "later");
	memdisk_write(d, "alone", "bytes");
	memdisk_write(d, "a/new/gone", "bytes");
	memdisk_rename(d, "a/moves", "a/new/moves");
	(void)o->ops->sync_also(o, "a/new/nothing/there", NULL);
	assert_int_equal(o->ops->sync(o, &e), 0);
	memdisk_restart(d, MEMDISK_LOST);
	assert_true(memdisk_holds(d, "kept", "bytes"));
	assert_true(memdisk_holds(d, "named", ""));
	assert_true(memdisk_holds(d, "a/new/gone", ""));
	assert_false(memdisk_stat(d, "alone", &st));
	/* A rename has both ends. */
	assert_true(memdisk_holds(d, "a/new/moves", "bytes"));
	assert_false(memdisk_stat(d, "a/moves", &st));
	memdisk_write(d, "kept", "later");
	memdisk_restart(d, MEMDISK_KEPT);
	assert_true(memdisk_holds(d, "kept", "later"));
	memdisk_restart(d, MEMDISK_EMPTY);
	assert_true(memdisk_holds(d, "kept", ""));
	assert_true(memdisk_holds(d, "a/new/moves", "bytes"));
	memdisk_free(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gone_is_what_two_looks_miss),
		cmocka_unit_test(what_comes_back_meanwhile_was_never_gone),
		cmocka_unit_test(what_comes_back_later_is_that_node_again),
		cmocka_unit_test(what_moved_out_of_a_folder_that_is_gone_lives),
		cmocka_unit_test(a_clock_that_is_set_back_takes_nothing_away),
		cmocka_unit_test(below_what_cannot_be_listed_nothing_is_gone),
		cmocka_unit_test(a_listing_that_ends_early_takes_nothing_away),
		cmocka_unit_test(
		    another_file_system_hides_and_takes_nothing_away),
		cmocka_unit_test(a_device_in_place_of_a_file_holds_it),
		cmocka_unit_test(a_root_that_is_not_there_is_an_error),
		cmocka_unit_test(what_is_ignored_is_forgotten_and_not_deleted),
		cmocka_unit_test(
		    what_is_ignored_and_not_there_is_forgotten_too),
		cmocka_unit_test(a_root_within_the_root_is_left_out),
		cmocka_unit_test(a_second_edit_within_a_granule_is_seen),
		cmocka_unit_test(times_of_the_future_are_not_read_for_ever),
		cmocka_unit_test(looks_only_where_it_is_told),
		cmocka_unit_test(a_move_is_seen_from_either_end),
		cmocka_unit_test(local_is_the_disk),
		cmocka_unit_test(the_disk_of_memory_keeps_its_word),
		cmocka_unit_test(a_power_cut_leaves_what_was_waited_for),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
