/* SPDX-License-Identifier: ISC */
/* test_scan_drive.c: which node an object is. */
#include "base/file.h"
#include "scan_world.h"

static const struct memdisk_kind no_btime = { .no_btime = true };

/* ---- what there is ---- */

static void
finds_all_at_first_and_nothing_after(void **state)
{
	(void)state;
	OWN(world_close) struct world w;
	world_open(&w, &(struct memdisk_kind){ 0 });
	memdisk_mkdir(w.disk, "a");
	memdisk_write(w.disk, "a/x", "x");
	memdisk_symlink(w.disk, "x", "a/link");
	world_scan(&w, NULL);
	rows_are(&w, "+ a\n+ a/link\n+ a/x unread\n");
	assert_int_equal(w.touched.n, 3 * ID_BYTES);
	world_scan(&w, NULL);
	assert_int_equal(w.touched.n, 0);
	world_agree(&w);
	world_scan(&w, NULL);
	assert_int_equal(w.touched.n, 0);
	assert_int_equal(w.result.dirs, 2);
	rows_are(&w, "");
}

static void
an_edit_is_unread_until_it_was_read(void **state)
{
	WORLD(NULL);
	memdisk_write(d, "a/one", "2");
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one unread\n");
	world_read(&w);
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one\n");
	assert_int_equal(w.touched.n, 0);
	memdisk_write(d, "a/one", "3");
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one unread\n");
}

/* Times put back, as cp -p and rsync do: an older version is an edit. */
static void
an_older_version_put_back_is_an_edit(void **state)
{
	WORLD(NULL);
	struct os_stat was;

	memdisk_stat(d, "a/one", &was);
	memdisk_wait(d, SECOND);
	memdisk_write(d, "a/one", "0");
	memdisk_touch(d, "a/one", was.is.mtime_ns);
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one unread\n");
}

static void
the_executable_bit_is_a_difference(void **state)
{
	WORLD(NULL);
	memdisk_exec(d, "a/one", true);
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one unread exec\n");
}

static int
exec_job(struct tx *tx, void *arg, struct err *e)
{
	struct drivedb_views v;
	struct plan_node n;

	(void)arg;
	drivedb_views(&v, tx, 1);
	assert_true(
	    v.base.child(v.base.ctx, &(struct id){ 0 }, bytes_str("top"), &n));
	n.exec = true;
	return drivedb_base_put(tx, 1, &n, e);
}

static void
what_the_disk_cannot_hold_is_no_difference(void **state)
{
	WORLD((&(struct memdisk_kind){ .fs.no_exec = true }));
	struct err e;

	(void)d;
	assert_int_equal(db_write(drivedb_db(w.db), exec_job, NULL, &e), 0);
	world_scan(&w, NULL);
	rows_are(&w, "");
}

static int
link_row(void *ctx, const struct drivedb_diff *x, struct err *e)
{
	struct node n = { .type = NODE_SYMLINK, .target = x->content };
	struct digest id;

	assert_int_equal(node_content_id(&n, &id, e), 0);
	assert_true(digest_equal(&id, &x->node.content));
	buf_put_bytes(ctx, x->content);
	return 0;
}

static int
link_job(struct tx *tx, void *arg, struct err *e)
{
	return drivedb_diffs(tx, 1, link_row, arg, e);
}

static void
a_link_comes_with_its_target(void **state)
{
	WORLD(NULL);
	OWN(buf_free) struct buf target = { 0 };
	struct err e;

	memdisk_symlink(d, "../elsewhere", "a/link");
	world_scan(&w, NULL);
	rows_are(&w, "+ a/link\n");
	assert_int_equal(db_read(drivedb_db(w.db), link_job, &target, &e), 0);
	assert_string_equal(buf_text(&target), "../elsewhere");
	world_agree(&w);
	memdisk_remove(d, "a/link");
	memdisk_symlink(d, "other", "a/link");
	world_scan(&w, NULL);
	rows_are(&w, "~ a/link\n");
}

/* ---- files: by path first ---- */

static void
rename_over_keeps_the_node(void **state)
{
	WORLD(NULL);
	memdisk_write(d, "a/one.tmp", "new");
	memdisk_rename(d, "a/one.tmp", "a/one");
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one unread\n");
}

static void
a_file_moved_over_another_is_its_new_content(void **state)
{
	WORLD(NULL);
	memdisk_rename(d, "top", "a/one");
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one unread\n");
	memdisk_wait(d, 2 * SECOND);
	world_scan(&w, NULL);
	rows_are(&w, "- top\n~ a/one unread\n");
}

static void
backup_and_write_keeps_the_node_at_its_path(void **state)
{
	WORLD(NULL);
	memdisk_rename(d, "a/one", "a/one.bak");
	memdisk_write(d, "a/one", "2");
	world_scan(&w, NULL);
	rows_are(&w, "+ a/one.bak unread\n~ a/one unread\n");
}

static void
two_files_that_swap_are_two_edits(void **state)
{
	WORLD(NULL);
	memdisk_rename(d, "a/one", "x");
	memdisk_rename(d, "top", "a/one");
	memdisk_rename(d, "x", "top");
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one unread\n~ top unread\n");
}

static void
a_moved_file_is_not_read_again(void **state)
{
	WORLD(NULL);
	memdisk_wait(d, SECOND);
	memdisk_rename(d, "a/one", "b/uno");
	world_scan(&w, NULL);
	rows_are(&w, "> a/one > b/uno\n");
	world_scan(&w, NULL);
	assert_int_equal(w.touched.n, 0);
	memdisk_rename(d, "b/uno", "a/one");
	world_scan(&w, NULL);
	rows_are(&w, "~ a/one\n");
}

static void
a_file_moved_and_edited_is_one_node(void **state)
{
	WORLD(NULL);
	memdisk_rename(d, "a/one", "b/uno");
	memdisk_write(d, "b/uno", "longer");
	world_scan(&w, "b", NULL);
	rows_are(&w, "> a/one > b/uno unread\n");
}

static void
without_birth_times_a_moved_file_is_read(void **state)
{
	WORLD(&no_btime);
	memdisk_rename(d, "a/one", "b/uno");
	world_scan(&w, NULL);
	rows_are(&w, "> a/one > b/uno unread\n");
}

/* ext4 gives 999 of 1,000 inode numbers to the next file at once. */
static void
an_inode_used_again_is_another_file(void **state)
{
	WORLD(NULL);
	struct os_stat was, is;

	memdisk_stat(d, "a/one", &was);
	memdisk_remove(d, "a/one");
	memdisk_write(d, "b/new", "1");
	memdisk_stat(d, "b/new", &is);
	assert_int_equal(was.is.ino, is.is.ino);
	world_scan(&w, NULL);
	rows_are(&w, "+ b/new unread\n");
	memdisk_wait(d, 2 * SECOND);
	world_scan(&w, NULL);
	rows_are(&w, "+ b/new unread\n- a/one\n");
}

static void
each_hard_link_is_a_node(void **state)
{
	WORLD(NULL);
	memdisk_link(d, "a/one", "b/one");
	world_scan(&w, NULL);
	rows_are(&w, "+ b/one unread\n~ a/one unread\n");
	world_agree(&w);
	memdisk_rename(d, "a/one", "b/two");
	world_scan(&w, NULL);
	rows_are(&w, "> a/one > b/two\n~ b/one unread\n");
}

static void
a_rename_of_case_alone_is_one_move(void **state)
{
	WORLD((&(struct memdisk_kind){ .fs.folds = true }));
	memdisk_rename(d, "top", "Top");
	memdisk_rename(d, "a", "A");
	world_scan(&w, NULL);
	rows_are(&w, "> a > A\n> top > Top\n");
}

/* ---- directories: by identity first ---- */

static void
a_moved_folder_is_one_row(void **state)
{
	WORLD(NULL);
	memdisk_rename(d, "a", "b/moved");
	world_scan(&w, NULL);
	rows_are(&w, "> a > b/moved\n");
	memdisk_write(d, "b/moved/sub/deep", "edited");
	world_scan(&w, "b/moved/sub", NULL);
	rows_are(&w, "> a > b/moved\n~ b/moved/sub/deep unread\n");
	memdisk_rename(d, "b/moved", "a");
	world_scan(&w, "", "b", NULL);
	rows_are(&w, "~ a/sub/deep unread\n");
}

static void
two_folders_that_swap_are_two_moves(void **state)
{
	WORLD(NULL);
	memdisk_rename(d, "a", "x");
	memdisk_rename(d, "b", "a");
	memdisk_rename(d, "x", "b");
	world_scan(&w, NULL);
	rows_are(&w, "> a > b\n> b > a\n");
}

static void
a_folder_moved_away_and_another_made_in_its_place(void **state)
{
	WORLD(NULL);
	memdisk_rename(d, "a", "c");
	memdisk_mkdir(d, "a");
	memdisk_write(d, "a/one", "other");
	world_scan(&w, NULL);
	rows_are(&w, "+ a\n+ a/one unread\n> a > c\n");
}

static void
a_folder_moved_into_a_new_one_and_its_name_taken(void **state)
{
	WORLD(NULL);
	memdisk_mkdir(d, "new");
	memdisk_mkdir(d, "new/er");
	memdisk_rename(d, "a", "new/er/a2");
	memdisk_mkdir(d, "a");
	world_scan(&w, NULL);
	rows_are(&w, "+ a\n+ new\n+ new/er\n> a > new/er/a2\n");
}

static void
a_folder_over_an_empty_one_leaves_one_node(void **state)
{
	WORLD(NULL);
	memdisk_rename(d, "a", "b");
	world_scan(&w, NULL);
	rows_are(&w, "- b\n> a > b\n");
}

static void
a_parent_goes_below_its_child(void **state)
{
	WORLD(NULL);
	memdisk_rename(d, "a/sub", "sub");
	memdisk_rename(d, "a", "sub/a");
	world_scan(&w, NULL);
	rows_are(&w, "> a > sub/a\n> a/sub > sub\n");
}

static void
a_folder_made_anew_at_its_path_is_the_same_node(void **state)
{
	WORLD((&(struct memdisk_kind){ .new_inodes = true }));
	memdisk_remove_all(d, "a");
	memdisk_mkdir(d, "a");
	memdisk_write(d, "a/one", "1");
	world_scan(&w, NULL);
	rows_are(&w, "~ a\n~ a/one unread\n");
	assert_int_equal(w.result.missing, 1);
}

static void
without_birth_times_a_folder_is_its_path(void **state)
{
	WORLD(&no_btime);
	memdisk_rename(d, "a", "c");
	world_scan(&w, NULL);
	memdisk_wait(d, 2 * SECOND);
	world_scan(&w, NULL);
	rows_are(&w,
	    "+ c\n+ c/sub\n- a\n- a/sub\n> a/one > c/one unread\n"
	    "> a/sub/deep > c/sub/deep unread\n");
}

static void
a_new_folder_renamed_before_it_was_sent_keeps_what_was_read(void **state)
{
	WORLD(NULL);
	memdisk_mkdir(d, "new");
	memdisk_write(d, "new/big", "big");
	world_scan(&w, NULL);
	world_read(&w);
	memdisk_rename(d, "new", "newer");
	world_scan(&w, NULL);
	rows_are(&w, "+ newer\n+ newer/big\n");
}

static void
type_changes_are_another_node(void **state)
{
	WORLD(NULL);
	memdisk_remove(d, "top");
	memdisk_mkdir(d, "top");
	memdisk_remove_all(d, "a");
	memdisk_write(d, "a", "a file now");
	world_scan(&w, NULL);
	rows_are(&w,
	    "+ a unread\n+ top\n- a\n- a/one\n- a/sub\n- a/sub/deep\n- top\n");
}

static void
a_file_in_place_of_a_folder_that_moved(void **state)
{
	WORLD(NULL);
	memdisk_rename(d, "a", "b/a");
	memdisk_write(d, "a", "a file now");
	world_scan(&w, NULL);
	rows_are(&w, "+ a unread\n> a > b/a\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_all_at_first_and_nothing_after),
		cmocka_unit_test(an_edit_is_unread_until_it_was_read),
		cmocka_unit_test(an_older_version_put_back_is_an_edit),
		cmocka_unit_test(the_executable_bit_is_a_difference),
		cmocka_unit_test(what_the_disk_cannot_hold_is_no_difference),
		cmocka_unit_test(a_link_comes_with_its_target),
		cmocka_unit_test(rename_over_keeps_the_node),
		cmocka_unit_test(a_file_moved_over_another_is_its_new_content),
		cmocka_unit_test(backup_and_write_keeps_the_node_at_its_path),
		cmocka_unit_test(two_files_that_swap_are_two_edits),
		cmocka_unit_test(a_moved_file_is_not_read_again),
		cmocka_unit_test(a_file_moved_and_edited_is_one_node),
		cmocka_unit_test(without_birth_times_a_moved_file_is_read),
		cmocka_unit_test(an_inode_used_again_is_another_file),
		cmocka_unit_test(each_hard_link_is_a_node),
		cmocka_unit_test(a_rename_of_case_alone_is_one_move),
		cmocka_unit_test(a_moved_folder_is_one_row),
		cmocka_unit_test(two_folders_that_swap_are_two_moves),
		cmocka_unit_test(
		    a_folder_moved_away_and_another_made_in_its_place),
		cmocka_unit_test(
		    a_folder_moved_into_a_new_one_and_its_name_taken),
		cmocka_unit_test(a_folder_over_an_empty_one_leaves_one_node),
		cmocka_unit_test(a_parent_goes_below_its_child),
		cmocka_unit_test(
		    a_folder_made_anew_at_its_path_is_the_same_node),
		cmocka_unit_test(without_birth_times_a_folder_is_its_path),
		cmocka_unit_test(
		    a_new_folder_renamed_before_it_was_sent_keeps_what_was_read),
		cmocka_unit_test(type_changes_are_another_node),
		cmocka_unit_test(a_file_in_place_of_a_folder_that_moved),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
