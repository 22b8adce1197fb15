/* SPDX-License-Identifier: ISC */
/* test_watch.c: the real kernel says where to look, and a scan there is enough. */
#include "base/file.h"
#include "base/now.h"
#include "drive/os_posix.h"
#include "drive/watch_in.h"
#include "scan_world.h"

#include <poll.h>
#include <sys/wait.h>

/* A real folder, and a clock that the test moves. */
struct place {
	struct scratch dir;
	struct watch *watch;
	int64_t now_ns;
	struct buf told;
	bool all;
};

static bool
ignores_swaps(void *ctx, struct bytes path, bool is_dir)
{
	(void)ctx;
	(void)is_dir;
	return path.n > 4 &&
	    bytes_equal(bytes_of(path.p + path.n - 4, 4), bytes_str(".swp"));
}

static void
place_open(struct place *p, uint32_t most)
{
	struct watch_policy policy = { .ignored = ignores_swaps, .most = most };
	struct err e;

	*p = (struct place){ .dir = scratch_new(), .now_ns = 1000 * SECOND };
	assert_int_equal(watch_new(p->dir.path, &policy, &p->watch, &e), 0);
	watch_add(p->watch, "");
}

static void
place_close(struct place *p)
{
	watch_free(&p->watch);
	buf_free(&p->told);
	scratch_free(&p->dir);
}

/* What is told after a while: "a b " in the order of names. */
static const char *
told_after(struct place *p, int64_t ns)
{
	OWN(buf_free) struct buf dirs = { 0 };
	char *lines[64];
	size_t n = 0;

	p->now_ns += ns;
	(void)watch_take(p->watch, p->now_ns, &dirs, &p->all);
	for (size_t at = 0; at < dirs.n; at += strlen(lines[n++]) + 1)
		lines[n] = (char *)dirs.p + at;
	qsort(lines, n, sizeof *lines, line_cmp);
	buf_clear(&p->told);
	for (size_t i = 0; i < n; i++)
		buf_printf(&p->told, "%s ", lines[i]);
	return buf_text(&p->told);
}

static void
dir_new(struct place *p, const char *path)
{
	assert_int_equal(mkdirat(p->dir.fd, path, 0700), 0);
	watch_add(p->watch, path);
}

static void
move(const struct place *p, const char *from, const char *to)
{
	assert_int_equal(renameat(p->dir.fd, from, p->dir.fd, to), 0);
}

#define PLACE(most) \
	(void)state; \
	OWN(place_close) struct place p; \
	place_open(&p, most)

/* ---- when ---- */

static void
a_folder_is_told_of_when_it_is_quiet(void **state)
{
	PLACE(0);
	struct pollfd fd = { .fd = watch_fd(p.watch), .events = POLLIN };

	dir_new(&p, "a");
	(void)told_after(&p, SECOND);
	assert_string_equal(told_after(&p, SECOND), "");
	assert_int_equal(poll(&fd, 1, 0), 0);
	scratch_write_at(p.dir.fd, "a/x", "x");
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_string_equal(told_after(&p, 0), "");
	assert_string_equal(told_after(&p, 99 * MS), "");
	assert_string_equal(told_after(&p, MS), "a ");
	assert_string_equal(told_after(&p, SECOND), "");
}

static void
a_folder_that_never_rests_is_told_of_all_the_same(void **state)
{
	PLACE(0);
	size_t told = 0;

	for (int i = 0; i < 100; i++) {
		scratch_write_at(p.dir.fd, "x", "x");
		told += told_after(&p, 50 * MS)[0] != '\0';
	}
	assert_int_equal(told, 2); /* within 5 seconds */
}

static void
a_file_that_is_never_closed_is_told_of_once_a_minute(void **state)
{
	PLACE(0);
	size_t told = 0;

	dir_new(&p, "a");
	int fd = openat(p.dir.fd, "a/log", O_WRONLY | O_CREAT, 0600);
	(void)told_after(&p, 0);
	(void)told_after(&p, SECOND);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(write(fd, "line", 4), 4);
		told += told_after(&p, SECOND)[0] != '\0';
	}
	assert_int_equal(told, 3);
	scratch_write_at(p.dir.fd, "a/other", "x"); /* it waits for nobody */
	(void)told_after(&p, 0);
	assert_string_equal(told_after(&p, 100 * MS), "a ");
	assert_int_equal(close(fd), 0);
}

static void
what_is_ignored_is_not_told(void **state)
{
	PLACE(0);
	scratch_write_at(p.dir.fd, ".x.swp", "x");
	assert_int_equal(mkdirat(p.dir.fd, OS_OWN, 0700), 0);
	(void)told_after(&p, 0);
	assert_string_equal(told_after(&p, SECOND), "");
}

/* ---- where ---- */

static void
a_moved_folder_keeps_its_watch(void **state)
{
	PLACE(0);
	dir_new(&p, "a");
	dir_new(&p, "a/sub");
	dir_new(&p, "b");
	(void)told_after(&p, SECOND);
	(void)told_after(&p, SECOND);
	move(&p, "a", "b/moved");
	(void)told_after(&p, 0);
	assert_string_equal(told_after(&p, SECOND), " b b/moved/ ");
	scratch_write_at(p.dir.fd, "b/moved/sub/x", "x");
	(void)told_after(&p, 0);
	assert_string_equal(told_after(&p, SECOND), "b/moved/sub ");
	assert_false(p.all);
}

static void
a_scan_that_is_faster_than_the_news_breaks_nothing(void **state)
{
	PLACE(0);
	struct watch_state is;

	dir_new(&p, "a");
	dir_new(&p, "a/sub");
	move(&p, "a", "b");
	assert_int_equal(mkdirat(p.dir.fd, "a", 0700), 0);
	watch_add(p.watch, "a");
	watch_add(p.watch, "b");
	watch_add(p.watch, "b/sub");
	(void)told_after(&p, 0);
	(void)told_after(&p, SECOND);
	scratch_write_at(p.dir.fd, "b/sub/x", "x");
	scratch_write_at(p.dir.fd, "a/x", "x");
	(void)told_after(&p, 0);
	assert_string_equal(told_after(&p, SECOND), "a b/sub ");
	watch_state(p.watch, &is);
	assert_int_equal(is.watched, 4);
	assert_int_equal(is.folders, 4);
}

static void
what_went_is_watched_no_longer(void **state)
{
	PLACE(0);
	struct watch_state is;

	dir_new(&p, "a");
	dir_new(&p, "a/sub");
	dir_new(&p, "b");
	assert_int_equal(
	    renameat(p.dir.fd, "a", AT_FDCWD, "build/scratch-moved-out"), 0);
	assert_int_equal(unlinkat(p.dir.fd, "b", AT_REMOVEDIR), 0);
	(void)told_after(&p, 0);
	watch_state(p.watch, &is);
	assert_int_equal(is.folders, 1);
	assert_int_equal(is.watched, 1);
	assert_int_equal(rmdir("build/scratch-moved-out/sub"), 0);
	assert_int_equal(rmdir("build/scratch-moved-out"), 0);
	(void)told_after(&p, 0);
	(void)told_after(&p, SECOND);
	assert_string_equal(told_after(&p, SECOND), "");
}

static void
a_folder_made_anew_is_watched(void **state)
{
	PLACE(0);
	dir_new(&p, "a");
	dir_new(&p, "a/sub");
	(void)told_after(&p, SECOND);
	assert_int_equal(unlinkat(p.dir.fd, "a/sub", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(p.dir.fd, "a", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(p.dir.fd, "a", 0700), 0);
	(void)told_after(&p, 0);
	(void)told_after(&p, SECOND);
	scratch_write_at(p.dir.fd, "a/x", "x");
	(void)told_after(&p, 0);
	assert_string_equal(told_after(&p, SECOND), "a ");
	assert_false(p.all);
}

static void
events_that_were_lost_are_a_scan_of_all(void **state)
{
	PLACE(0);
	char name[16];
	bool all = false;

	for (int i = 0; i < 12000; i++) {
		(void)snprintf(name, sizeof name, "%d", i);
		int fd = openat(p.dir.fd, name, O_WRONLY | O_CREAT, 0600);
		assert_true(fd >= 0);
		assert_int_equal(close(fd), 0);
		assert_int_equal(unlinkat(p.dir.fd, name, 0), 0);
	}
	assert_string_equal(told_after(&p, 0), "");
	all = p.all;
	assert_true(all);
	assert_string_equal(told_after(&p, SECOND), "");
	assert_false(p.all);
}

/* ---- the limit ---- */

static void
beyond_the_limit_all_are_looked_at_each_minute(void **state)
{
	PLACE(3);
	struct watch_state is;

	dir_new(&p, "a");
	dir_new(&p, "b");
	dir_new(&p, "c");
	dir_new(&p, "d");
	watch_state(p.watch, &is);
	assert_true(is.limited);
	assert_int_equal(is.folders, 5);
	assert_int_equal(is.watched, 3);
	assert_non_null(
	    strstr(is.limit, "sysctl fs.inotify.max_user_watches="));
	scratch_write_at(p.dir.fd, "a/x", "x");
	(void)told_after(&p, 0);
	(void)told_after(&p, SECOND);
	assert_string_equal(told_after(&p, 50 * SECOND), "");
	assert_string_equal(told_after(&p, 9 * SECOND), "c d ");
	assert_string_equal(told_after(&p, SECOND), "");
	assert_string_equal(told_after(&p, 59 * SECOND), "c d ");
	watch_prefer(p.watch, "d"); /* "b" never changed */
	assert_string_equal(told_after(&p, 60 * SECOND), "b c ");
	scratch_write_at(p.dir.fd, "d/x", "x");
	(void)told_after(&p, 0);
	assert_string_equal(told_after(&p, SECOND), "d ");
}

static void
a_folder_costs_less_than_100_bytes(void **state)
{
	(void)state;
	struct folders f;
	char name[24];

	watch_folders_init(&f);
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof name, "a folder's name %05d", i);
		(void)watch_folders_new(&f, TOP_FOLDER, bytes_str(name));
	}
	/* A name of up to 23 bytes is 32 of the heap. */
	size_t bytes = f.cap * sizeof *f.p + 32 * (size_t)f.used +
	    2 * sizeof *f.by_wd * ((size_t)1 << f.bits);
	assert_true(bytes / f.used < 100);
	assert_int_equal(watch_folders_child(&f, TOP_FOLDER,
			     bytes_str("a folder's name 00077")),
	    78);
	watch_folders_free(&f);
}

/* ---- together with the scan ---- */

struct live {
	struct place place;
	struct os *os;
	struct world world; /* its db and rows alone */
	uint64_t looks;
};

static void
watched_listing(void *ctx, const char *path)
{
	struct live *l = ctx;

	watch_add(l->place.watch, path);
}

static void
live_draw(void *ctx, struct id *id)
{
	(void)ctx;
	id_random(id);
}

static void
live_open(struct live *l)
{
	struct scan_policy policy = { .draw = live_draw,
		.listing = watched_listing,
		.ctx = l,
		.granule_ns = 20 * MS,
		.gone_after_ns = 2 * SECOND };
	struct err e;

	*l = (struct live){ 0 };
	place_open(&l->place, 0);
	l->place.now_ns = now_ms() * MS;
	l->world.dir = scratch_new();
	OWN(mem_free) char *path = file_join(l->world.dir.path, "drive.db");
	assert_int_equal(drivedb_open(path, &l->world.db, &e), 0);
	assert_int_equal(os_posix_open(l->place.dir.path, &l->os, &e), 0);
	l->world.scan = scan_root_new(l->os, l->world.db, 1, &policy);
}

static void
live_close(struct live *l)
{
	world_close(&l->world);
	l->os->ops->free(l->os);
	place_close(&l->place);
}

/* One round of an engine: what the watch says, and what the scan asked for. */
static bool
live_round(struct live *l, bool all)
{
	OWN(buf_free) struct buf dirs = { 0 };
	bool lost;
	struct err e;

	int64_t next =
	    watch_take(l->place.watch, l->place.now_ns, &dirs, &lost);
	int64_t due = scan_due(l->world.scan, l->place.now_ns, &dirs);
	all |= lost;
	if (!all && dirs.n == 0)
		return next >= 0 || due >= 0;
	if (scan_run(l->world.scan, l->place.now_ns, all ? NULL : &dirs,
		&l->world.touched, &l->world.result, &e) < 0)
		fail_msg("%s", e.msg);
	l->looks++;
	return true;
}

/* The folder itself, held against local. */
static size_t
live_compare(struct drivedb_views *v, int dirfd, const struct id *at)
{
	DIR *d = fdopendir(dirfd);
	const struct dirent *x;
	size_t n = 0;

	while ((x = readdir(d)) != NULL) {
		struct plan_node node;
		struct stat st;
		if (strcmp(x->d_name, ".") == 0 ||
		    strcmp(x->d_name, "..") == 0 ||
		    strcmp(x->d_name, OS_OWN) == 0)
			continue;
		n++;
		if (!v->local.child(
			v->local.ctx, at, bytes_str(x->d_name), &node))
			fail_msg("%s is not in local", x->d_name);
		assert_int_equal(
		    fstatat(dirfd, x->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(node.stat.ino, st.st_ino);
		assert_int_equal(node.type == NODE_DIR, S_ISDIR(st.st_mode));
		if (S_ISDIR(st.st_mode))
			n += live_compare(v,
			    openat(dirfd, x->d_name, O_RDONLY | O_DIRECTORY),
			    &node.id);
		else
			assert_int_equal(node.stat.size, st.st_size);
	}
	(void)closedir(d);
	return n;
}

static int
live_job(struct tx *tx, void *arg, struct err *e)
{
	const struct live *l = arg;
	struct drivedb_views v;
	struct counting below = { &v.local, 0 };
	struct id top = { 0 };

	(void)e;
	drivedb_views(&v, tx, 1);
	size_t n = live_compare(
	    &v, open(l->place.dir.path, O_RDONLY | O_DIRECTORY), &top);
	(void)v.local.children(v.local.ctx, &top, count_below, &below);
	assert_int_equal(below.n, n);
	return 0;
}

static void
live_is_the_disk(struct live *l)
{
	struct err e;

	for (int i = 0; i < 100 && live_round(l, false); i++)
		l->place.now_ns += SECOND;
	assert_int_equal(db_read(drivedb_db(l->world.db), live_job, l, &e), 0);
}

/* Folders that are made and filled before anybody watches them. */
static void
mkdir_p_is_never_missed(void **state)
{
	(void)state;
	OWN(live_close) struct live l;
	live_open(&l);
	(void)live_round(&l, true);
	for (int i = 0; i < 50; i++) {
		OWN(buf_free) struct buf path = { 0 };
		buf_printf(&path, "%d", i);
		for (int depth = 0; depth < 8; depth++) {
			assert_int_equal(
			    mkdirat(l.place.dir.fd, buf_text(&path), 0700), 0);
			buf_printf(&path, "/%d", depth);
			if (depth % 3 == i % 3) {
				l.place.now_ns += 100 * MS;
				(void)live_round(&l, false);
			}
		}
		scratch_write_at(l.place.dir.fd, buf_text(&path), "x");
	}
	live_is_the_disk(&l);
}

static void
storm(int dirfd, uint64_t seed, int acts)
{
	for (int i = 0; i < acts; i++) {
		OWN(buf_free) struct buf x = { 0 };
		OWN(buf_free) struct buf y = { 0 };
		const char *at = any_path(&seed, &x);
		const char *to = any_path(&seed, &y);
		int fd;
		switch (dice(&seed, 6)) {
		case 0:
			fd = openat(dirfd, at, O_WRONLY | O_CREAT, 0600);
			if (fd >= 0)
				(void)(write(fd, at, dice(&seed, 6)) +
				    close(fd));
			break;
		case 1:
			(void)unlinkat(dirfd, at, 0);
			break;
		case 2:
			(void)unlinkat(dirfd, at, AT_REMOVEDIR);
			break;
		case 3:
			(void)mkdirat(dirfd, at, 0700);
			break;
		default:
			(void)renameat(dirfd, at, dirfd, to);
		}
	}
}

/* Another program renames, makes and removes as fast as it can meanwhile. */
static void
a_storm_of_renames_ends_in_what_is_there(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		OWN(live_close) struct live l;
		live_open(&l);
		(void)live_round(&l, true);
		pid_t child = fork();
		if (child == 0) {
			storm(l.place.dir.fd, seed, 20000);
			_exit(0);
		}
		while (waitpid(child, NULL, WNOHANG) == 0) {
			l.place.now_ns += 100 * MS;
			(void)live_round(&l, false);
		}
		live_is_the_disk(&l);
		assert_true(l.looks > 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_is_told_of_when_it_is_quiet),
		cmocka_unit_test(
		    a_folder_that_never_rests_is_told_of_all_the_same),
		cmocka_unit_test(
		    a_file_that_is_never_closed_is_told_of_once_a_minute),
		cmocka_unit_test(what_is_ignored_is_not_told),
		cmocka_unit_test(a_moved_folder_keeps_its_watch),
		cmocka_unit_test(
		    a_scan_that_is_faster_than_the_news_breaks_nothing),
		cmocka_unit_test(what_went_is_watched_no_longer),
		cmocka_unit_test(a_folder_made_anew_is_watched),
		cmocka_unit_test(events_that_were_lost_are_a_scan_of_all),
		cmocka_unit_test(
		    beyond_the_limit_all_are_looked_at_each_minute),
		cmocka_unit_test(a_folder_costs_less_than_100_bytes),
		cmocka_unit_test(mkdir_p_is_never_missed),
		cmocka_unit_test(a_storm_of_renames_ends_in_what_is_there),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
