/* SPDX-License-Identifier: ISC */
/* test_place.c: restored objects are what they were and where they belong. */
#include "files/place.h"

#include "files/capture.h"
#include "base/file.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "scratch_dir.h"

static const char *const words = "hello";

static struct entry
file_entry(void)
{
	return (struct entry){
		.name = bytes_str("x"),
		.type = ENTRY_REGULAR,
		.category = ENTRY_BACKUP,
		.mode = 0640,
		.uid = geteuid(),
		.gid = getegid(),
		.mtime_s = 1000000000,
		.mtime_ns = 7,
		.nlink = 1,
		.size = 5,
	};
}

static struct entry
other_entry(enum entry_type type)
{
	struct entry x = file_entry();

	x.type = type;
	x.size = 0;
	x.mode = 0700;
	return x;
}

static struct place *
place_on(const struct scratch *dir, enum place_rule rule)
{
	struct place *p = NULL;
	struct err e = { 0 };

	if (place_open(dir->path, rule, &p, &e) < 0)
		fail_msg("%s", e.msg);
	return p;
}

/* As if nothing was there before. */
static int
make_dir(struct place *p, struct bytes path, struct err *e)
{
	struct entry x = other_entry(ENTRY_DIRECTORY);
	struct place_dir d;

	return place_dir(p, path, &x, &d, e);
}

static int
dir_done(
    struct place *p, struct bytes path, const struct entry *x, struct err *e)
{
	return place_dir_done(p, path, x, &(struct place_dir){ 0 }, e);
}

static int
put_text(struct place *p, struct bytes path, const struct entry *x,
    const char *text, struct err *e)
{
	OWN(place_file_free) struct place_file f = PLACE_FILE;

	if (place_file_begin(p, path, x, &f, e) < 0 ||
	    file_write_all(f.fd, bytes_str(text), e) < 0)
		return -1;
	return place_file_done(&f, x, e);
}

static int
put(struct place *p, const char *path, const struct entry *x, struct err *e)
{
	return put_text(p, bytes_str(path), x, words, e);
}

/* Must work. */
static void
done(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s: %s", err_name(e->code), e->msg);
}

static void
refused(int rc, const struct err *e, enum err_code code)
{
	assert_int_equal(rc, -1);
	if (e->code != code)
		fail_msg("%s: %s", err_name(e->code), e->msg);
}

static size_t
children(const struct scratch *dir)
{
	OWN(capture_list_free) struct capture_list *list = NULL;
	struct err e = { 0 };

	done(capture_list(dir->fd, &list, &e), &e);
	return capture_size(list);
}

static void
gives_back_what_was_captured(void **state)
{
	static const char *const names[] = { "file", "big", "link", "fifo",
		"sock", "odd\n\xff\xfe" };
	OWN(scratch_free) struct scratch from = scratch_new();
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	OWN(capture_free) struct capture *c = capture_new();
	OWN(capture_detail_free) struct capture_detail a = CAPTURE_DETAIL;
	OWN(capture_detail_free) struct capture_detail b = CAPTURE_DETAIL;
	struct capture_item item;
	struct err e = { 0 };
	int flags = 0;

	(void)state;
	scratch_write_at(from.fd, "file", "text");
	scratch_write_at(from.fd, "odd\n\xff\xfe", "text");
	scratch_write_at(from.fd, "big", "");
	OWN(fd_close) int big = openat(from.fd, "big", O_RDWR);
	assert_int_equal(ftruncate(big, 3 << 20), 0);
	assert_int_equal(pwrite(big, "mid", 3, 1 << 20), 3);
	(void)fsetxattr(big, "user.note", "value", 5, 0);
	(void)ioctl(big, FS_IOC_GETFLAGS, &flags);
	flags |= FS_NODUMP_FL;
	(void)ioctl(big, FS_IOC_SETFLAGS, &flags);
	assert_int_equal(fchmod(big, 0604), 0);
	assert_int_equal(symlinkat("/etc", from.fd, "link"), 0);
	assert_int_equal(mkfifoat(from.fd, "fifo", 0622), 0);
	assert_int_equal(mknodat(from.fd, "sock", S_IFSOCK | 0600, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct bytes path = bytes_str(names[i]);
		done(capture_stat(from.fd, names[i], &item, &e), &e);
		done(capture_detail(c, from.fd, &item, &a, &e), &e);
		if (a.entry.type == ENTRY_SYMLINK) {
			done(place_symlink(p, path, &a.entry, &e), &e);
		} else if (a.entry.type != ENTRY_REGULAR) {
			done(place_special(p, path, &a.entry, &e), &e);
		} else {
			OWN(place_file_free) struct place_file f = PLACE_FILE;
			done(place_file_begin(p, path, &a.entry, &f, &e), &e);
			if (a.entry.sparse)
				done(file_pwrite_all(
					 f.fd, bytes_str("mid"), 1 << 20, &e),
				    &e);
			else
				done(
				    file_write_all(f.fd, bytes_str("text"), &e),
				    &e);
			done(place_file_done(&f, &a.entry, &e), &e);
		}
		done(capture_stat(to.fd, names[i], &item, &e), &e);
		done(capture_detail(c, to.fd, &item, &b, &e), &e);
		assert_int_equal(b.entry.type, a.entry.type);
		assert_int_equal(b.entry.mode, a.entry.mode);
		assert_int_equal(b.entry.size, a.entry.size);
		assert_int_equal(b.entry.uid, a.entry.uid);
		assert_true(b.entry.mtime_s == a.entry.mtime_s &&
		    b.entry.mtime_ns == a.entry.mtime_ns);
		assert_true(bytes_equal(b.entry.target, a.entry.target));
		assert_true(bytes_equal(b.entry.xattrs, a.entry.xattrs));
		assert_int_equal(b.entry.flags, a.entry.flags);
		assert_true(bytes_equal(b.entry.extents, a.entry.extents));
		bool same = false;
		done(place_same(p, path, &a.entry, &same, &e), &e);
		assert_true(same);
	}
	assert_int_equal(children(&to), ARRAY_SIZE(names));
	done(place_sync(p, &e), &e);
}

static void
directories_get_their_metadata_last(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	struct entry d = other_entry(ENTRY_DIRECTORY), x = file_entry();
	struct err e = { 0 };
	struct stat st;

	(void)state;
	d.mode = 0555;
	for (int run = 0; run < 2; run++) {
		bool same;
		done(make_dir(p, bytes_str(""), &e), &e);
		done(make_dir(p, bytes_str("a"), &e), &e);
		done(make_dir(p, bytes_str("a/b"), &e), &e);
		assert_int_equal(fstatat(to.fd, "a/b", &st, 0), 0);
		assert_int_equal(st.st_mode & 0700, 0700);
		done(place_same(p, bytes_str("a/b/f"), &x, &same, &e), &e);
		assert_int_equal(same, run == 1);
		if (!same)
			done(put(p, "a/b/f", &x, &e), &e);
		else
			done(put(p, "a/b/g", &x, &e), &e);
		done(dir_done(p, bytes_str("a/b"), &d, &e), &e);
		done(dir_done(p, bytes_str("a"), &d, &e), &e);
		done(dir_done(p, bytes_str(""),
			 &(struct entry){ .type = ENTRY_DIRECTORY,
			     .mode = 0711,
			     .mtime_s = 5 },
			 &e),
		    &e);
		assert_int_equal(fstatat(to.fd, "a/b", &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, 0555);
		assert_int_equal(st.st_mtim.tv_sec, 1000000000);
		assert_int_equal(fstat(to.fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0711);
		assert_int_equal(st.st_mtim.tv_sec, 5);
	}
	done(make_dir(p, bytes_str("a"), &e), &e); /* so it can go away */
	done(make_dir(p, bytes_str("a/b"), &e), &e);
}

static void
replaces_by_the_rule_only(void **state)
{
	static const struct {
		enum place_rule rule;
		int64_t there_s;
		bool replaced;
	} rows[] = {
		{ PLACE_NEVER, 1, false },
		{ PLACE_NEVER, 2000000000, false },
		{ PLACE_OLDER, 1, true },
		{ PLACE_OLDER, 1000000000, true },
		{ PLACE_OLDER, 2000000000, false },
		{ PLACE_ALWAYS, 2000000000, true },
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int kind = 0; kind < 4; kind++) {
			OWN(scratch_free) struct scratch to = scratch_new();
			struct entry x = file_entry();
			struct place_dir how;
			struct timespec times[2] = { { 0, UTIME_OMIT },
				{ rows[i].there_s, 6 } };
			scratch_write_at(to.fd, "f", "mine!");
			scratch_write_at(to.fd, "old", "hello");
			assert_int_equal(utimensat(to.fd, "f", times, 0), 0);
			OWN(place_free)
			struct place *p = place_on(&to, rows[i].rule);
			if (kind == 1) {
				x.type = ENTRY_SYMLINK;
				x.target = bytes_str("old");
			} else if (kind == 3) {
				x.type = ENTRY_DIRECTORY;
			}
			int rc = kind == 0 ? put(p, "f", &x, &e)
			    : kind == 3
			    ? place_dir(p, bytes_str("f"), &x, &how, &e)
			    : kind == 1
			    ? place_symlink(p, bytes_str("f"), &x, &e)
			    : place_hardlink(
				  p, bytes_str("old"), bytes_str("f"), &x, &e);
			if (rows[i].replaced)
				done(rc, &e);
			else
				refused(rc, &e, ERR_CONFLICT);
			assert_int_equal(scratch_holds(to.fd, "f", "mine!"),
			    !rows[i].replaced);
			assert_int_equal(children(&to), 2);
		}
}

static void
names_what_is_in_the_way(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	struct entry x = file_entry(), l = other_entry(ENTRY_SYMLINK);
	struct err e = { 0 };

	(void)state;
	l.target = bytes_str("t");
	scratch_write_at(to.fd, "file", "x");
	assert_int_equal(mkdirat(to.fd, "dir", 0700), 0);
	refused(put(p, "dir", &x, &e), &e, ERR_CONFLICT);
	assert_string_equal(
	    e.msg, "a directory is in the way of a regular file");
	refused(place_symlink(p, bytes_str("dir"), &l, &e), &e, ERR_CONFLICT);
	refused(make_dir(p, bytes_str("file"), &e), &e, ERR_CONFLICT);
	assert_string_equal(
	    e.msg, "a regular file is in the way of a directory");
	refused(put(p, "file/below", &x, &e), &e, ERR_CONFLICT);
	refused(put(p, "none/below", &x, &e), &e, ERR_NOT_FOUND);
	assert_true(scratch_holds(to.fd, "file", "x"));
}

static void
refuses_paths_that_are_none(void **state)
{
	static const char *const paths[] = { "/a", "a/", "a//b", ".", "..",
		"../x", "a/../b", "a/..", "./a", "d/./x", "d/../../x", "/" };
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_ALWAYS);
	struct entry x = file_entry();
	struct err e = { 0 };
	bool same;

	(void)state;
	done(make_dir(p, bytes_str("d"), &e), &e);
	done(make_dir(p, bytes_str("a"), &e), &e);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct bytes path = bytes_str(paths[i]);
		refused(put(p, paths[i], &x, &e), &e, ERR_RECORD_CORRUPT);
		refused(make_dir(p, path, &e), &e, ERR_RECORD_CORRUPT);
		refused(
		    place_same(p, path, &x, &same, &e), &e, ERR_RECORD_CORRUPT);
		refused(place_hardlink(p, bytes_str("d"), path, &x, &e), &e,
		    ERR_RECORD_CORRUPT);
	}
	refused(put_text(p, bytes_of("a\0b", 3), &x, words, &e), &e,
	    ERR_RECORD_CORRUPT);
	assert_int_equal(children(&to), 2);
}

static void
never_follows_a_planted_link(void **state)
{
	OWN(scratch_free) struct scratch outside = scratch_new();
	OWN(scratch_free) struct scratch to = scratch_new();
	struct entry x = file_entry(), d = other_entry(ENTRY_DIRECTORY);
	struct entry l = other_entry(ENTRY_SYMLINK);
	OWN(mem_free) char *away = realpath(outside.path, NULL);
	OWN(mem_free) char *victim = file_join(away, "victim");
	struct err e = { 0 };
	struct stat before, after;

	(void)state;
	l.target = bytes_str("t");
	scratch_write_at(outside.fd, "victim", "untouched");
	assert_int_equal(fstatat(outside.fd, "victim", &before, 0), 0);
	assert_int_equal(symlinkat(away, to.fd, "a"), 0);
	assert_int_equal(symlinkat(victim, to.fd, "f"), 0);
	assert_int_equal(symlinkat("/etc", to.fd, "etc"), 0);
	OWN(place_free) struct place *p = place_on(&to, PLACE_ALWAYS);
	refused(put(p, "a/x", &x, &e), &e, ERR_CONFLICT);
	assert_string_equal(e.msg, "a symlink is in the way of a directory");
	refused(make_dir(p, bytes_str("a"), &e), &e, ERR_CONFLICT);
	refused(make_dir(p, bytes_str("a/d"), &e), &e, ERR_CONFLICT);
	refused(place_symlink(p, bytes_str("a/l"), &l, &e), &e, ERR_CONFLICT);
	refused(place_special(p, bytes_str("a/p"),
		    &(struct entry){ .type = ENTRY_FIFO }, &e),
	    &e, ERR_CONFLICT);
	refused(
	    place_hardlink(p, bytes_str("a/victim"), bytes_str("h"), &x, &e),
	    &e, ERR_CONFLICT);
	assert_int_equal(dir_done(p, bytes_str("a"), &d, &e), -1);
	refused(put(p, "etc/x", &x, &e), &e, ERR_CONFLICT);
	assert_int_equal(faccessat(AT_FDCWD, "/etc/x", F_OK, 0), -1);
	/* The link itself is replaced, not what it leads to. */
	done(put(p, "f", &x, &e), &e);
	assert_true(scratch_holds(to.fd, "f", words));
	assert_int_equal(fstatat(outside.fd, "victim", &after, 0), 0);
	assert_true(scratch_holds(outside.fd, "victim", "untouched"));
	assert_int_equal(before.st_mode, after.st_mode);
	assert_int_equal(children(&outside), 1);
}

struct flipper {
	int dirfd;
	atomic_bool stop;
};

/* Turn "d" into a link to the outside and back, as fast as it goes. */
static void *
flip(void *arg)
{
	struct flipper *f = arg;

	while (!atomic_load(&f->stop))
		(void)syscall(
		    SYS_renameat2, f->dirfd, "d", f->dirfd, "trap", 2);
	return NULL;
}

static void
a_directory_that_flips_to_a_link_leads_nowhere(void **state)
{
	OWN(scratch_free) struct scratch outside = scratch_new();
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(mem_free) char *away = realpath(outside.path, NULL);
	struct entry x = file_entry(), d = other_entry(ENTRY_DIRECTORY);
	struct flipper f = { .dirfd = to.fd };
	pthread_t thread;
	int placed = 0, stopped = 0;

	(void)state;
	assert_int_equal(mkdirat(to.fd, "d", 0700), 0);
	assert_int_equal(symlinkat(away, to.fd, "trap"), 0);
	assert_int_equal(pthread_create(&thread, NULL, flip, &f), 0);
	for (int i = 0;
	     i < 500 || ((placed == 0 || stopped == 0) && i < 300000); i++) {
		/* A new one each time: nothing is remembered. */
		OWN(place_free) struct place *p = place_on(&to, PLACE_ALWAYS);
		struct err e = { 0 };
		char path[32];
		(void)snprintf(path, sizeof path, "d/f%d", i % 50);
		if (put(p, path, &x, &e) == 0)
			placed++;
		else
			stopped++;
		(void)!make_dir(p, bytes_str("d/sub"), &e);
		(void)!dir_done(p, bytes_str("d"), &d, &e);
	}
	atomic_store(&f.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(children(&outside), 0);
	assert_true(placed > 0 && stopped > 0);
}

static void
goes_on_where_a_run_was_cut_off(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	struct entry x = file_entry(), big = file_entry();
	OWN(place_file_free) struct place_file f = PLACE_FILE;
	struct err e = { 0 };
	bool same;

	(void)state;
	/* As after kill -9: one small and one big file are half there. */
	done(place_file_begin(p, bytes_str("small"), &x, &f, &e), &e);
	assert_true(f.direct);
	(void)close(f.fd);
	f.fd = -1;
	place_file_free(&f);
	big.size = PLACE_SMALL + 1;
	done(place_file_begin(p, bytes_str("big"), &big, &f, &e), &e);
	assert_int_equal(children(&to), 2);
	/* While somebody writes it, it stays. */
	done(make_dir(p, bytes_str(""), &e), &e);
	assert_int_equal(children(&to), 2);
	(void)close(f.fd);
	f.fd = -1;
	place_file_free(&f);
	place_free(&p);
	p = place_on(&to, PLACE_NEVER); /* it looks at the target at once */
	assert_int_equal(children(&to), 1);
	done(place_same(p, bytes_str("small"), &x, &same, &e), &e);
	assert_false(same);
	done(put(p, "small", &x, &e), &e);
	done(place_same(p, bytes_str("small"), &x, &same, &e), &e);
	assert_true(same);
	x.mtime_ns++;
	done(place_same(p, bytes_str("small"), &x, &same, &e), &e);
	assert_false(same);
	done(place_same(p, bytes_str("no/where"), &x, &same, &e), &e);
	assert_false(same);
}

static void
part_names_left(int dirfd, const char *kind, char name[static 64])
{
	(void)snprintf(name, 64, ".aumbry-part-%032x",
	    (unsigned)strlen(kind) * 256 + (unsigned)kind[2]);
	if (strcmp(kind, "link") == 0)
		assert_int_equal(symlinkat("x", dirfd, name), 0);
	else if (strcmp(kind, "fifo") == 0)
		assert_int_equal(mkfifoat(dirfd, name, 0600), 0);
	else
		scratch_write_at(dirfd, name, kind);
	if (strcmp(kind, "second name") == 0)
		assert_int_equal(linkat(dirfd, name, dirfd, "first", 0), 0);
}

static void
sweeps_whatever_was_cut_off_before_its_last_name(void **state)
{
	static const char *const kinds[] = { "link", "fifo", "file",
		"second name" };
	OWN(scratch_free) struct scratch to = scratch_new();
	char name[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		part_names_left(to.fd, kinds[i], name);
	scratch_write_at(to.fd, ".aumbry-part-of-mine", "mine");
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	assert_int_equal(children(&to), 2);
	assert_true(scratch_holds(to.fd, "first", "second name"));
	assert_true(scratch_holds(to.fd, ".aumbry-part-of-mine", "mine"));
}

static void
goes_on_with_a_file_that_was_parked(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	struct err e = { 0 };

	(void)state;
	for (int big = 0; big < 2; big++) {
		OWN(place_file_free) struct place_file f = PLACE_FILE;
		struct bytes path = bytes_str(big == 1 ? "big" : "small");
		struct entry x = file_entry();
		x.flags = big == 1 ? ENTRY_FLAG_NODUMP : 0;
		done(place_file_begin(p, path, &x, &f, &e), &e);
		assert_int_equal(f.direct, big == 0);
		done(file_pwrite_all(f.fd, bytes_str("he"), 0, &e), &e);
		place_file_park(&f);
		assert_int_equal(f.fd, -1);
		done(place_file_resume(&f, path, &e), &e);
		done(file_pwrite_all(f.fd, bytes_str("llo"), 2, &e), &e);
		place_file_park(&f);
		done(place_file_resume(&f, path, &e), &e);
		done(place_file_done(&f, &x, &e), &e);
		assert_true(
		    scratch_holds(to.fd, big == 1 ? "big" : "small", words));
	}
	OWN(place_file_free) struct place_file f = PLACE_FILE;
	struct entry x = file_entry();
	done(place_file_begin(p, bytes_str("gone"), &x, &f, &e), &e);
	place_file_park(&f);
	assert_int_equal(unlinkat(to.fd, "gone", 0), 0);
	scratch_write_at(to.fd, "gone", "not ours");
	refused(place_file_resume(&f, bytes_str("gone"), &e), &e, ERR_CONFLICT);
	assert_true(scratch_holds(to.fd, "gone", "not ours"));
}

/* A file system that folds case is not at hand everywhere: a name twice. */
static void
never_replaces_what_it_made_itself(void **state)
{
	static const enum place_rule rules[] = { PLACE_NEVER, PLACE_OLDER,
		PLACE_ALWAYS };
	struct entry x = file_entry(), later = x;
	struct err e = { 0 };

	(void)state;
	later.mtime_s += 10;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		OWN(scratch_free) struct scratch to = scratch_new();
		OWN(place_free) struct place *p = place_on(&to, rules[i]);
		OWN(place_file_free) struct place_file f = PLACE_FILE;
		done(put(p, "f", &x, &e), &e);
		refused(put_text(p, bytes_str("f"), &later, "other", &e), &e,
		    ERR_CONFLICT);
		assert_true(scratch_holds(to.fd, "f", words));
		/* Neither while it is written. */
		done(place_file_begin(p, bytes_str("g"), &x, &f, &e), &e);
		refused(put_text(p, bytes_str("g"), &later, "other", &e), &e,
		    ERR_CONFLICT);
		done(make_dir(p, bytes_str("d"), &e), &e);
		refused(make_dir(p, bytes_str("d"), &e), &e, ERR_CONFLICT);
	}
}

static void
a_directory_that_was_there_keeps_its_own(void **state)
{
	static const struct {
		enum place_rule rule;
		int64_t there_s;
		bool kept;
	} rows[] = { { PLACE_NEVER, 5, true }, { PLACE_OLDER, 5, false },
		{ PLACE_OLDER, 2000000000, true }, { PLACE_ALWAYS, 5, false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int target = 0; target < 2; target++) {
			OWN(scratch_free) struct scratch to = scratch_new();
			struct bytes path = bytes_str(target == 1 ? "" : "d");
			const char *at = target == 1 ? "." : "d";
			struct entry x = other_entry(ENTRY_DIRECTORY);
			struct timespec times[2] = { { 0, UTIME_OMIT },
				{ rows[i].there_s, 6 } };
			struct place_dir how;
			struct err e = { 0 };
			struct stat st;
			bool kept = rows[i].kept || target == 1;
			x.mode = 0700;
			assert_int_equal(mkdirat(to.fd, "d", 0), 0);
			assert_int_equal(fchmodat(to.fd, at, 0555, 0), 0);
			assert_int_equal(utimensat(to.fd, at, times, 0), 0);
			OWN(place_free)
			struct place *p = place_on(&to, rows[i].rule);
			done(place_dir(p, path, &x, &how, &e), &e);
			assert_int_equal(how.kept, kept);
			scratch_write_at(to.fd, target == 1 ? "f" : "d/f", "x");
			done(place_dir_done(p, path, &x, &how, &e), &e);
			assert_int_equal(fstatat(to.fd, at, &st, 0), 0);
			assert_int_equal(
			    st.st_mode & 07777, kept ? 0555 : 0700);
			assert_int_equal(st.st_mtim.tv_sec,
			    kept ? rows[i].there_s : x.mtime_s);
			assert_int_equal(fchmodat(to.fd, at, 0700, 0), 0);
		}
}

static void
a_directory_that_was_cut_off_is_finished(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	struct entry x = other_entry(ENTRY_DIRECTORY);
	struct place_dir how;
	struct err e = { 0 };
	struct stat st;

	(void)state;
	x.mode = 0751;
	for (int run = 0; run < 2; run++) {
		OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
		done(place_dir(p, bytes_str("d"), &x, &how, &e), &e);
		assert_false(how.kept);
		if (run == 1)
			done(place_dir_done(p, bytes_str("d"), &x, &how, &e),
			    &e);
	}
	assert_int_equal(fstatat(to.fd, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
}

static size_t
acls(int fd, const char *name)
{
	OWN(fd_close) int at = openat(fd, name, O_RDONLY);
	size_t n = 0;

	n += fgetxattr(at, "system.posix_acl_access", NULL, 0) > 0;
	n += fgetxattr(at, "system.posix_acl_default", NULL, 0) > 0;
	return n;
}

static void
inherits_no_acl(void **state)
{
	/* u::rwx,u:12345:rwx,g::r-x,m::rwx,o::r-x */
	static const uint8_t acl[] = { 2, 0, 0, 0, 1, 0, 7, 0, 0xff, 0xff, 0xff,
		0xff, 2, 0, 7, 0, 0x39, 0x30, 0, 0, 4, 0, 5, 0, 0xff, 0xff,
		0xff, 0xff, 16, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, 32, 0, 5, 0,
		0xff, 0xff, 0xff, 0xff };
	OWN(scratch_free) struct scratch to = scratch_new();
	struct entry x = file_entry(), d = other_entry(ENTRY_DIRECTORY);
	struct place_dir how;
	struct err e = { 0 };
	struct stat st;

	(void)state;
	if (fsetxattr(to.fd, "system.posix_acl_default", acl, sizeof acl, 0) <
	    0)
		return; /* this file system has none */
	assert_int_equal(fchmod(to.fd, 02755), 0);
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	done(place_dir(p, bytes_str("d"), &d, &how, &e), &e);
	done(put(p, "d/f", &x, &e), &e);
	done(put(p, "f", &x, &e), &e);
	done(place_dir_done(p, bytes_str("d"), &d, &how, &e), &e);
	assert_int_equal(acls(to.fd, "d"), 0);
	assert_int_equal(acls(to.fd, "d/f"), 0);
	assert_int_equal(acls(to.fd, "f"), 0);
	assert_int_equal(acls(to.fd, "."), 1);
	assert_int_equal(fstatat(to.fd, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(to.fd, "d/f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void
a_dropped_file_leaves_nothing(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	struct entry x = file_entry();
	struct err e = { 0 };

	(void)state;
	for (uint64_t size = 1; size <= PLACE_SMALL + 1; size += PLACE_SMALL) {
		OWN(place_file_free) struct place_file f = PLACE_FILE;
		x.size = size;
		done(place_file_begin(p, bytes_str("f"), &x, &f, &e), &e);
		assert_int_equal(children(&to), 1);
		place_file_free(&f);
		assert_int_equal(children(&to), 0);
	}
}

static void
links_share_one_file(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	struct entry x = file_entry();
	struct err e = { 0 };
	struct stat st;

	(void)state;
	done(make_dir(p, bytes_str("d"), &e), &e);
	done(put(p, "one", &x, &e), &e);
	for (int run = 0; run < 2; run++)
		done(place_hardlink(
			 p, bytes_str("one"), bytes_str("d/two"), &x, &e),
		    &e);
	assert_int_equal(fstatat(to.fd, "d/two", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_mtim.tv_sec, x.mtime_s);
}

static void
reaches_deeper_than_path_max(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	OWN(buf_free) struct buf path = { 0 };
	struct entry x = file_entry(), d = other_entry(ENTRY_DIRECTORY);
	struct err e = { 0 };
	char name[ENTRY_NAME_MAX];
	bool same;

	(void)state;
	memset(name, 'n', sizeof name);
	for (int depth = 0; depth < 200; depth++) { /* 51,200 bytes */
		if (depth > 0)
			buf_put_str(&path, "/");
		buf_put(&path, name, sizeof name);
		done(make_dir(p, buf_bytes(&path), &e), &e);
	}
	size_t dir_n = path.n;
	buf_put_str(&path, "/");
	buf_put(&path, name, sizeof name);
	done(put_text(p, buf_bytes(&path), &x, words, &e), &e);
	done(dir_done(p, bytes_of(path.p, dir_n), &d, &e), &e);
	/* Another one, which remembers nothing, finds it again. */
	OWN(place_free) struct place *fresh = place_on(&to, PLACE_NEVER);
	done(place_same(fresh, buf_bytes(&path), &x, &same, &e), &e);
	assert_true(same);
}

struct worker {
	struct place *p;
	int number;
	int failed;
};

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct entry x = file_entry(), d = other_entry(ENTRY_DIRECTORY);

	x.user = bytes_str("root");
	/* More directories than are kept open. */
	for (int i = 0; i < 300; i++) {
		char path[64];
		struct err e = { 0 };
		(void)snprintf(path, sizeof path, "d%d", i);
		for (int k = 0; k < 3; k++) {
			(void)snprintf(
			    path, sizeof path, "d%d/f%d-%d", i, w->number, k);
			w->failed += put(w->p, path, &x, &e) < 0;
		}
		(void)snprintf(path, sizeof path, "d%d", i);
		if (w->number == 0 && i % 10 == 0)
			w->failed +=
			    dir_done(w->p, bytes_str(path), &d, &e) < 0;
	}
	return NULL;
}

/* How many descriptors this process has open, about. */
static int
descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
threads_share_one_place(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	struct worker workers[3];
	pthread_t threads[3];
	struct err e = { 0 };
	bool same;

	(void)state;
	for (int i = 0; i < 300; i++) {
		char path[64];
		(void)snprintf(path, sizeof path, "d%d", i);
		done(make_dir(p, bytes_str(path), &e), &e);
	}
	for (int i = 0; i < 3; i++) {
		workers[i] = (struct worker){ p, i, 0 };
		assert_int_equal(
		    pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(workers[i].failed, 0);
	}
	assert_true(descriptors() < 200); /* of 300 directories */
	struct entry x = file_entry();
	for (int i = 0; i < 300; i++) {
		char path[64];
		(void)snprintf(path, sizeof path, "d%d/f%d-2", i, i % 3);
		done(place_same(p, bytes_str(path), &x, &same, &e), &e);
		assert_true(same);
	}
}

static void
gives_owners_as_root_and_counts_them_otherwise(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	struct entry x = file_entry(), dev = other_entry(ENTRY_CHARDEV);
	struct err e = { 0 };
	struct stat st;

	(void)state;
	x.uid = 4242;
	x.gid = 4243;
	x.user = bytes_str("no-such-user-here");
	x.mode = 06755;
	done(put(p, "f", &x, &e), &e);
	assert_int_equal(fstatat(to.fd, "f", &st, 0), 0);
	dev.rdev_major = 1;
	dev.rdev_minor = 3;
	if (geteuid() != 0) {
		assert_int_equal(st.st_mode & 07777, 0755);
		assert_int_equal(st.st_uid, geteuid());
		assert_int_equal(place_counts(p).owners, 1);
		refused(place_special(p, bytes_str("n"), &dev, &e), &e,
		    ERR_WRITE_INCOMPLETE);
		return;
	}
	assert_int_equal(st.st_uid, 4242);
	assert_int_equal(st.st_gid, 4243);
	assert_int_equal(st.st_mode & 07777, 06755);
	x.user = bytes_str("root"); /* the name wins over the number */
	done(put(p, "g", &x, &e), &e);
	assert_int_equal(fstatat(to.fd, "g", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
	struct entry l = other_entry(ENTRY_SYMLINK);
	l.target = bytes_str("f");
	l.uid = 77;
	done(place_symlink(p, bytes_str("l"), &l, &e), &e);
	assert_int_equal(fstatat(to.fd, "l", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_uid, 77);
	if (place_special(p, bytes_str("n"), &dev, &e) == 0) {
		assert_int_equal(fstatat(to.fd, "n", &st, 0), 0);
		assert_true(st.st_rdev == makedev(1, 3));
		assert_int_equal(st.st_mode & 07777, 0700);
	}
}

static void
immutable_comes_after_the_name(void **state)
{
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	struct entry x = file_entry();
	struct err e = { 0 };
	int flags = 0;

	(void)state;
	x.flags = ENTRY_FLAG_IMMUTABLE | ENTRY_FLAG_NODUMP;
	done(put(p, "f", &x, &e), &e);
	assert_true(scratch_holds(to.fd, "f", words));
	OWN(fd_close) int fd = openat(to.fd, "f", O_RDONLY);
	(void)ioctl(fd, FS_IOC_GETFLAGS, &flags);
	/* It has them, or it is counted that it has not. */
	bool has = ((uint32_t)flags & x.flags) == x.flags;
	assert_int_equal(place_counts(p).flags, has ? 0 : 1);
	assert_int_equal(children(&to), 1);
}

static void
an_acl_of_the_target_does_not_leak_in(void **state)
{
	/* version 2; user rwx, user 4242 rwx, group -, mask rwx, other - */
	static const uint8_t acl[] = { 2, 0, 0, 0, 1, 0, 7, 0, 0xff, 0xff, 0xff,
		0xff, 2, 0, 7, 0, 0x92, 0x10, 0, 0, 4, 0, 0, 0, 0xff, 0xff,
		0xff, 0xff, 0x10, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 0,
		0, 0xff, 0xff, 0xff, 0xff };
	OWN(scratch_free) struct scratch to = scratch_new();
	OWN(buf_free) struct buf raw = { 0 };
	struct entry x = file_entry();
	struct err e = { 0 };

	(void)state;
	bool can = fsetxattr(to.fd, "system.posix_acl_default", acl, sizeof acl,
		       0) == 0;
	OWN(place_free) struct place *p = place_on(&to, PLACE_NEVER);
	done(put(p, "plain", &x, &e), &e);
	OWN(fd_close) int plain = openat(to.fd, "plain", O_RDONLY);
	assert_true(fgetxattr(plain, "system.posix_acl_access", NULL, 0) < 0);
	entry_xattr_put(&raw, bytes_str("system.posix_acl_access"),
	    bytes_of(acl, sizeof acl));
	x.xattrs = buf_bytes(&raw);
	x.mode = 0770;
	done(put(p, "with", &x, &e), &e);
	OWN(fd_close) int with = openat(to.fd, "with", O_RDONLY);
	assert_int_equal(fgetxattr(with, "system.posix_acl_access", NULL, 0) ==
		(ssize_t)sizeof acl,
	    can);
	assert_int_equal(place_counts(p).xattrs, can ? 0 : 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_was_captured),
		cmocka_unit_test(directories_get_their_metadata_last),
		cmocka_unit_test(replaces_by_the_rule_only),
		cmocka_unit_test(names_what_is_in_the_way),
		cmocka_unit_test(refuses_paths_that_are_none),
		cmocka_unit_test(never_follows_a_planted_link),
		cmocka_unit_test(
		    a_directory_that_flips_to_a_link_leads_nowhere),
		cmocka_unit_test(goes_on_where_a_run_was_cut_off),
		cmocka_unit_test(
		    sweeps_whatever_was_cut_off_before_its_last_name),
		cmocka_unit_test(goes_on_with_a_file_that_was_parked),
		cmocka_unit_test(never_replaces_what_it_made_itself),
		cmocka_unit_test(a_directory_that_was_there_keeps_its_own),
		cmocka_unit_test(a_directory_that_was_cut_off_is_finished),
		cmocka_unit_test(inherits_no_acl),
		cmocka_unit_test(a_dropped_file_leaves_nothing),
		cmocka_unit_test(links_share_one_file),
		cmocka_unit_test(reaches_deeper_than_path_max),
		cmocka_unit_test(threads_share_one_place),
		cmocka_unit_test(
		    gives_owners_as_root_and_counts_them_otherwise),
		cmocka_unit_test(immutable_comes_after_the_name),
		cmocka_unit_test(an_acl_of_the_target_does_not_leak_in),
	};

	(void)umask(022);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
