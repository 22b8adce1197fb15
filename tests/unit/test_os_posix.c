/* SPDX-License-Identifier: ISC */
/* test_os_posix.c: nothing is touched but what is expected, and nothing lost. */
#include "drive/os_posix.h"

#include "base/file.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#include <cmocka.h>

#include "scratch_dir.h"

#define MTIME INT64_C(1000000000000000007)

/* ---- what stands between the calls and the kernel ---- */

static struct {
	/* Just before and after the next exchange, or rename to a new name. */
	void (*before_exchange)(void), (*after_exchange)(void);
	void (*before_new)(void);
	bool no_exchange, no_noreplace, no_links; /* of the file system */
	bool torn; /* readdir fails at its third entry */
	void (*at_end)(void); /* of a listing */
	int kill_at; /* this call of rename, from 1 */
	bool fast; /* nothing waits for the disk */
	atomic_int fsyncs, syncs;
} world;

int __real_renameat2(int a, const char *b, int c, const char *d, unsigned f);
int __wrap_renameat2(int a, const char *b, int c, const char *d, unsigned f);
int __real_linkat(int a, const char *b, int c, const char *d, int f);
int __wrap_linkat(int a, const char *b, int c, const char *d, int f);
struct dirent *__real_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_syncfs(int fd);
int __wrap_syncfs(int fd);

static void
once(void (**fn)(void))
{
	void (*call)(void) = *fn;

	*fn = NULL;
	if (call != NULL)
		call();
}

int
__wrap_renameat2(int a, const char *b, int c, const char *d, unsigned f)
{
	bool exchange = f == RENAME_EXCHANGE;

	if ((exchange && world.no_exchange) ||
	    (f == RENAME_NOREPLACE && world.no_noreplace)) {
		errno = EINVAL;
		return -1;
	}
	if (world.kill_at > 0 && --world.kill_at == 0)
		(void)kill(getpid(), SIGKILL);
	once(exchange ? &world.before_exchange : &world.before_new);
	int rc = __real_renameat2(a, b, c, d, f);
	int saved = errno;
	if (exchange)
		once(&world.after_exchange);
	errno = saved;
	return rc;
}

int
__wrap_linkat(int a, const char *b, int c, const char *d, int f)
{
	if (world.no_links) {
		errno = EPERM;
		return -1;
	}
	once(&world.before_new);
	return __real_linkat(a, b, c, d, f);
}

struct dirent *
__wrap_readdir(DIR *d)
{
	static int n;
	struct dirent *x;

	if (world.torn && ++n % 5 == 4) {
		errno = EIO;
		return NULL;
	}
	x = __real_readdir(d);
	if (x == NULL && world.at_end != NULL) {
		once(&world.at_end);
		errno = 0;
	}
	return x;
}

int
__wrap_fsync(int fd)
{
	atomic_fetch_add(&world.fsyncs, 1);
	return world.fast ? 0 : __real_fsync(fd);
}

int
__wrap_syncfs(int fd)
{
	atomic_fetch_add(&world.syncs, 1);
	return world.fast ? 0 : __real_syncfs(fd);
}

/* ---- a root ---- */

static struct scratch dir;
static struct os *os;
static struct err e;

static void
reopen(void)
{
	if (os != NULL)
		os->ops->free(os);
	os = NULL;
	if (os_posix_open(dir.path, &os, &e) < 0)
		fail_msg("%s", e.msg);
}

static int
begin(void **state)
{
	(void)state;
	memset(&world, 0, sizeof world);
	err_clear(&e);
	dir = scratch_new();
	reopen();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	os->ops->free(os);
	os = NULL;
	scratch_free(&dir);
	return 0;
}

static void
ok(int rc)
{
	if (rc < 0)
		fail_msg("%s: %s", err_name(e.code), e.msg);
}

static void
fails(int rc, enum err_code code)
{
	assert_int_equal(rc, -1);
	assert_string_equal(err_name(e.code), err_name(code));
	err_clear(&e);
}

/* Written long ago. */
static void
put(const char *path, const char *text)
{
	const struct timespec times[2] = { { .tv_sec = 1500000000 },
		{ .tv_sec = 1500000000 } };

	scratch_write_at(dir.fd, path, text);
	assert_int_equal(utimensat(dir.fd, path, times, 0), 0);
}

static bool
holds(const char *path, const char *text)
{
	return scratch_holds(dir.fd, path, text);
}

static bool
there(const char *path)
{
	struct stat st;

	return fstatat(dir.fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct os_stat
look(const char *path)
{
	struct os_stat st;

	ok(os->ops->stat(os, path, &st, &e));
	return st;
}

static void
part(const char *name, const char *text, bool exec)
{
	struct os_part *p = NULL;
	uint64_t have = 1;
	size_t n = strlen(text);

	ok(os->ops->part_open(os, name, n, &have, &p, &e));
	assert_int_equal(have, 0);
	ok(os->ops->part_put(p, 0, bytes_str(text), &e));
	ok(os->ops->part_end(&p, n, exec, false, MTIME, &e));
	assert_null(p);
}

#define SEEN 600 /* names: more than a race leaves */

struct seen {
	size_t n;
	char names[SEEN][256];
	struct os_stat st[SEEN];
};

static int
see(void *ctx, struct bytes name, const struct os_stat *st, struct err *err)
{
	struct seen *s = ctx;

	(void)err;
	if (s->n < SEEN) {
		memcpy(s->names[s->n], name.p, name.n);
		s->names[s->n][name.n] = '\0';
		s->st[s->n] = *st;
	}
	s->n++;
	return 0;
}

static struct seen
left(bool gone)
{
	struct seen s = { 0 };

	ok(os->ops->leftovers(os, gone, see, &s, &e));
	return s;
}

static struct seen
sweep(void)
{
	struct seen s = { 0 };

	ok(os->ops->gone_sweep(os, -1000, see, &s, &e));
	return s;
}

static bool
gone_holds(const char *text)
{
	struct seen s = left(true);
	char path[512];

	for (size_t i = 0; i < s.n && i < SEEN; i++) {
		(void)snprintf(
		    path, sizeof path, OS_OWN "/gone/%s", s.names[i]);
		if (holds(path, text))
			return true;
	}
	return false;
}

static void
same(const struct os_stat *a, const struct os_stat *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->exec, b->exec);
	assert_memory_equal(&a->is, &b->is, sizeof a->is);
}

/* ---- looking ---- */

static void
lists_in_order_and_leaves_its_own_out(void **state)
{
	struct seen s = { 0 };
	bool whole = false;

	(void)state;
	put("b", "bb");
	put("B", "");
	put("\xff", "");
	assert_int_equal(mkdirat(dir.fd, "a", 0700), 0);
	assert_int_equal(symlinkat("/etc", dir.fd, "c"), 0);
	assert_int_equal(mkfifoat(dir.fd, "d", 0600), 0);
	ok(os->ops->list(os, "", see, &s, &whole, &e));
	assert_true(whole);
	assert_int_equal(s.n, 6);
	const char *names[] = { "B", "a", "b", "c", "d", "\xff" };
	const enum node_type types[] = { NODE_FILE, NODE_DIR, NODE_FILE,
		NODE_SYMLINK, NODE_NONE, NODE_FILE };
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(s.names[i], names[i]);
		assert_int_equal(s.st[i].type, types[i]);
		assert_int_equal(s.st[i].is.dev, 0);
		assert_false(s.st[i].mount);
	}
	assert_int_equal(s.st[2].is.size, 2);
	assert_true(s.st[2].is.btime_ns > 0);
}

static void
add_one(void)
{
	put("late", "");
}

static void
says_when_a_listing_is_not_whole(void **state)
{
	struct seen s = { 0 };
	bool whole = true;

	(void)state;
	for (char name[] = "a"; name[0] <= 'h'; name[0]++)
		put(name, "");
	world.torn = true;
	ok(os->ops->list(os, "", see, &s, &whole, &e));
	assert_false(whole);
	assert_true(s.n < 8);
	world.torn = false;
	(void)usleep(20000); /* so that the time of the folder is another */
	world.at_end = add_one;
	ok(os->ops->list(os, "", see, &s, &whole, &e));
	assert_false(whole);
	ok(os->ops->list(os, "", see, &s, &whole, &e));
	assert_true(whole);
}

static void
never_goes_through_what_is_no_directory(void **state)
{
	struct os_stat st;
	struct os_file *f = NULL;
	struct seen s = { 0 };
	bool whole;

	(void)state;
	put("file", "x");
	assert_int_equal(symlinkat("/", dir.fd, "link"), 0);
	fails(os->ops->list(os, "link", see, &s, &whole, &e), ERR_CONFLICT);
	fails(os->ops->list(os, "file", see, &s, &whole, &e), ERR_CONFLICT);
	fails(os->ops->list(os, "none", see, &s, &whole, &e), ERR_NOT_FOUND);
	fails(os->ops->stat(os, "link/etc", &st, &e), ERR_CONFLICT);
	assert_int_equal(mkdirat(dir.fd, "d", 0700), 0);
	assert_int_equal(mkdirat(dir.fd, "d/sub", 0700), 0);
	assert_int_equal(symlinkat("d", dir.fd, "inner"), 0);
	fails(os->ops->stat(os, "inner/sub/x", &st, &e), ERR_CONFLICT);
	fails(os->ops->stat(os, "file/x", &st, &e), ERR_CONFLICT);
	fails(os->ops->stat(os, "none/x", &st, &e), ERR_NOT_FOUND);
	fails(os->ops->file_open(os, "link", &st, &f, &e), ERR_CONFLICT);
	fails(os->ops->mkdir(os, "link/aumbry-test", &st, &e), ERR_CONFLICT);
	const char *bad[] = { "..", "a/..", "a/../b", "/a", "a/", "a//b", ".",
		OS_OWN, OS_OWN "/x", OS_OWN "/part/x", OS_OWN "/gone/x" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fails(
		    os->ops->mkdir(os, bad[i], &st, &e), ERR_NAME_NOT_POSSIBLE);
	}
}

static void
a_root_may_be_named_by_links_and_dots(void **state)
{
	char path[256];
	struct os *other = NULL;
	struct os_stat st;

	(void)state;
	put("x", "x");
	assert_int_equal(symlinkat(".", dir.fd, "self"), 0);
	(void)snprintf(path, sizeof path, "%s/self/../%s/self", dir.path,
	    strrchr(dir.path, '/') + 1);
	ok(os_posix_open(path, &other, &e));
	ok(other->ops->stat(other, "x", &st, &e));
	other->ops->free(other);
	(void)snprintf(path, sizeof path, "%s/x", dir.path);
	fails(os_posix_open(path, &other, &e), ERR_IO);
	(void)snprintf(path, sizeof path, "%s/none", dir.path);
	fails(os_posix_open(path, &other, &e), ERR_NOT_FOUND);
}

static void
tells_what_a_program_writes(void **state)
{
	(void)state;
	int fd = openat(dir.fd, "f", O_RDONLY | O_CREAT, 0600);
	assert_false(os->ops->in_use(os, "f"));
	(void)close(fd);
	fd = openat(dir.fd, "f", O_RDWR);
	assert_true(os->ops->in_use(os, "f"));
	(void)close(fd);
	assert_false(os->ops->in_use(os, "f"));
	assert_int_equal(mkdirat(dir.fd, "d", 0700), 0);
	assert_int_equal(symlinkat("f", dir.fd, "l"), 0);
	assert_false(os->ops->in_use(os, "d"));
	assert_false(os->ops->in_use(os, "l"));
	assert_false(os->ops->in_use(os, "none"));
	assert_false(os->ops->in_use(os, "d/none"));
}

static void
reads_files_with_holes(void **state)
{
	struct os_file *f = NULL;
	struct os_stat st, again;
	uint64_t data, hole;
	char got[16];
	size_t n;

	(void)state;
	int fd = openat(dir.fd, "f", O_RDWR | O_CREAT, 0700);
	assert_int_equal(pwrite(fd, "abc", 3, 1 << 20), 3);
	assert_int_equal(ftruncate(fd, 3 << 20), 0);
	(void)close(fd);
	ok(os->ops->file_open(os, "f", &st, &f, &e));
	assert_true(st.exec && st.is.size == 3 << 20);
	ok(os->ops->file_data(f, 0, &data, &hole, &e));
	assert_int_equal(data, 1 << 20);
	assert_true(hole >= data + 3 && hole < 2 << 20);
	ok(os->ops->file_data(f, hole, &data, &hole, &e));
	assert_true(data == 3 << 20 && hole == 3 << 20);
	ok(os->ops->file_read(f, (1 << 20) + 1, got, 2, &n, &e));
	assert_true(n == 2 && got[0] == 'b');
	ok(os->ops->file_read(f, (3 << 20) - 1, got, 2, &n, &e));
	assert_int_equal(n, 1);
	ok(os->ops->file_stat(f, &again, &e));
	assert_true(again.is.ctime_ns == st.is.ctime_ns);
	os->ops->file_close(&f);
	assert_int_equal(mkfifoat(dir.fd, "pipe", 0600), 0);
	fails(os->ops->file_open(os, "pipe", &st, &f, &e), ERR_CONFLICT);
	assert_int_equal(symlinkat("to", dir.fd, "l"), 0);
	OWN(buf_free) struct buf target = { 0 };
	ok(os->ops->readlink(os, "l", &target, &e));
	assert_string_equal(buf_text(&target), "to");
	fails(os->ops->readlink(os, "f", &target, &e), ERR_CONFLICT);
}

/* ---- parts and placing ---- */

static void
a_part_goes_on_where_it_was(void **state)
{
	struct os_part *p = NULL;
	struct os_stat now;
	uint64_t have;
	char got[4];

	(void)state;
	ok(os->ops->part_open(os, "p", 8, &have, &p, &e));
	ok(os->ops->part_put(p, 0, bytes_str("ab"), &e));
	os->ops->part_abort(&p, true);
	reopen();
	ok(os->ops->part_open(os, "p", 1 << 20, &have, &p, &e));
	assert_int_equal(have, 2);
	ok(os->ops->part_read(p, 0, got, 4, &e));
	assert_memory_equal(got, "ab\0\0", 4);
	ok(os->ops->part_put(p, (1 << 20) - 2, bytes_str("yz"), &e));
	ok(os->ops->part_end(&p, 2 << 20, true, false, -1, &e));
	ok(os->ops->place(os, "p", "big", NULL, &now, &e));
	struct stat st;
	assert_int_equal(fstatat(dir.fd, "big", &st, 0), 0);
	assert_int_equal(st.st_size, 2 << 20);
	assert_true(st.st_blocks < 1 << 8);
	assert_int_equal(st.st_mtim.tv_sec, -1);
	assert_int_equal(st.st_mtim.tv_nsec, 999999999);
	assert_true(now.exec && now.is.mtime_ns == -1);
	mode_t mask = umask(0);
	(void)umask(mask);
	assert_int_equal(st.st_mode & 0777, 0755 & ~mask);
	ok(os->ops->part_open(os, "p", 8, &have, &p, &e));
	assert_int_equal(have, 0);
	os->ops->part_abort(&p, false);
	assert_int_equal(left(false).n, 0);
	fails(os->ops->part_open(os, "p", UINT64_MAX / 2, &have, &p, &e),
	    ERR_DISK_FULL_HERE);
	ok(os->ops->part_drop(os, "p", &e));
	fails(os->ops->part_drop(os, OS_ASIDE "x", &e), ERR_CONFLICT);
}

static void
places_only_where_nothing_is(void **state)
{
	struct os_stat now, st;

	(void)state;
	part("p", "new", false);
	put("a", "old");
	fails(os->ops->place(os, "p", "a", NULL, &now, &e), ERR_CONFLICT);
	fails(os->ops->place(os, "p", "d/a", NULL, &now, &e), ERR_NOT_FOUND);
	ok(os->ops->mkdir(os, "d", &st, &e));
	assert_int_equal(st.type, NODE_DIR);
	fails(os->ops->mkdir(os, "d", &st, &e), ERR_CONFLICT);
	fails(os->ops->place(os, "p", "d", NULL, &now, &e), ERR_CONFLICT);
	ok(os->ops->place(os, "p", "d/a", NULL, &now, &e));
	assert_true(holds("a", "old") && holds("d/a", "new"));
	st = look("d/a");
	same(&st, &now);
	assert_int_equal(now.is.mtime_ns, MTIME);
	fails(os->ops->place(os, "p", "b", NULL, &now, &e), ERR_NOT_FOUND);
	assert_int_equal(left(false).n + left(true).n, 0);
}

static void
a_name_that_cannot_be_is_told(void **state)
{
	struct os_stat now;
	char name[300];

	(void)state;
	memset(name, 'n', sizeof name);
	name[256] = '\0';
	part("p", "x", false);
	fails(os->ops->mkdir(os, name, &now, &e), ERR_NAME_NOT_POSSIBLE);
	assert_int_equal(os->ops->place(os, "p", name, NULL, &now, &e), -1);
	assert_int_equal(e.code, ERR_NAME_NOT_POSSIBLE);
	assert_non_null(strstr(e.msg, "256 bytes"));
	assert_non_null(strstr(e.msg, "255"));
	name[255] = '\0';
	ok(os->ops->place(os, "p", name, NULL, &now, &e));
	struct os_stat st = look(name);
	ok(os->ops->remove(os, name, &st, &e));
	struct seen s = left(true);
	assert_int_equal(s.n, 1);
	assert_true(strncmp(s.names[0] + OS_GONE_HEAD, name, 190) == 0);
	assert_int_equal(sweep().n, 0);
	assert_int_equal(left(true).n, 0);
}

static void
replaces_what_is_expected_and_keeps_it(void **state)
{
	struct os_stat st, now;

	(void)state;
	put("a", "old");
	assert_int_equal(fchmodat(dir.fd, "a", 0640, 0), 0);
	char path[128];
	(void)snprintf(path, sizeof path, "%s/a", dir.path);
	assert_int_equal(setxattr(path, "user.tag", "red", 3, 0), 0);
	st = look("a");
	part("p", "new", true);
	ok(os->ops->place(os, "p", "a", &st, &now, &e));
	assert_true(holds("a", "new") && gone_holds("old"));
	struct stat got;
	assert_int_equal(fstatat(dir.fd, "a", &got, 0), 0);
	assert_int_equal(got.st_mode & 07777, 0750);
	char tag[8] = "";
	assert_int_equal(getxattr(path, "user.tag", tag, sizeof tag), 3);
	assert_string_equal(tag, "red");
	struct os_stat again = look("a");
	same(&again, &now);
	assert_int_equal(sweep().n, 0);
	assert_int_equal(left(true).n + left(false).n, 0);
	/* 0600 stays so. */
	assert_int_equal(fchmodat(dir.fd, "a", 0600, 0), 0);
	st = look("a");
	part("p", "third", false);
	ok(os->ops->place(os, "p", "a", &st, &now, &e));
	assert_int_equal(fstatat(dir.fd, "a", &got, 0), 0);
	assert_int_equal(got.st_mode & 07777, 0600);
}

static void
whatever_is_not_as_expected_stays(void **state)
{
	struct os_stat st, now, bad[7];

	(void)state;
	put("a", "old");
	st = look("a");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = st;
	bad[0].type = NODE_SYMLINK;
	bad[1].is.ino++;
	bad[2].is.btime_ns--;
	bad[3].is.mtime_ns--;
	bad[4].is.ctime_ns--;
	bad[5].is.size++;
	bad[6].is.dev++;
	part("p", "new", false);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fails(os->ops->place(os, "p", "a", &bad[i], &now, &e),
		    ERR_CONFLICT);
		fails(os->ops->symlink(os, "t", "a", &bad[i], &now, &e),
		    ERR_CONFLICT);
		fails(os->ops->remove(os, "a", &bad[i], &e), ERR_CONFLICT);
		fails(os->ops->move(os, "a", "b", &bad[i], &now, &e),
		    ERR_CONFLICT);
		fails(os->ops->aside(os, "a", OS_ASIDE "1", &bad[i], &e),
		    ERR_CONFLICT);
		fails(os->ops->set_exec(os, "a", true, &bad[i], &now, &e),
		    ERR_CONFLICT);
	}
	struct os_stat again = look("a");
	same(&again, &st);
	assert_int_equal(left(true).n, 0);
	assert_int_equal(left(false).n, 1);
	fails(os->ops->place(os, "p", "none", &st, &now, &e), ERR_CONFLICT);
	fails(os->ops->remove(os, "none", &st, &e), ERR_CONFLICT);
	fails(os->ops->move(os, "none", "b", &st, &now, &e), ERR_CONFLICT);
	ok(os->ops->mkdir(os, "d", &now, &e));
	fails(os->ops->place(os, "p", "d", &now, &st, &e), ERR_CONFLICT);
	fails(os->ops->remove(os, "d", &now, &e), ERR_CONFLICT);
	st = now;
	st.is.ino++;
	fails(os->ops->rmdir(os, "d", &st, &e), ERR_CONFLICT);
	fails(os->ops->move(os, "d", "e", &st, &now, &e), ERR_CONFLICT);
}

static void
directories_and_moves(void **state)
{
	struct os_stat d, f, now, st;

	(void)state;
	ok(os->ops->mkdir(os, "d", &d, &e));
	put("d/f", "x");
	fails(os->ops->rmdir(os, "d", &d, &e), ERR_DRIVE_NOT_EMPTY);
	f = look("d/f");
	fails(os->ops->move(os, "d", "d/e", &d, &now, &e), ERR_CONFLICT);
	ok(os->ops->move(os, "d", "e", &d, &now, &e));
	st = look("e");
	same(&st, &now);
	put("taken", "t");
	fails(os->ops->move(os, "e/f", "taken", &f, &now, &e), ERR_CONFLICT);
	ok(os->ops->aside(os, "e/f", OS_ASIDE "f", &f, &e));
	assert_string_equal(left(false).names[0], OS_ASIDE "f");
	ok(os->ops->place(os, OS_ASIDE "f", "g", NULL, &now, &e));
	assert_true(holds("g", "x"));
	ok(os->ops->aside(os, "e", OS_ASIDE "e", &d, &e));
	ok(os->ops->place(os, OS_ASIDE "e", "d", NULL, &now, &e));
	ok(os->ops->rmdir(os, "d", &now, &e));
	assert_false(there("d"));
	st = look("g");
	ok(os->ops->set_exec(os, "g", true, &st, &now, &e));
	assert_true(now.exec);
	st = look("g");
	same(&st, &now);
	ok(os->ops->set_exec(os, "g", false, &st, &now, &e));
	assert_false(now.exec || look("g").exec);
}

static void
links_are_made_and_replaced(void **state)
{
	struct os_stat st, now;
	OWN(buf_free) struct buf target = { 0 };

	(void)state;
	ok(os->ops->symlink(os, "/etc/passwd", "l", NULL, &now, &e));
	fails(os->ops->symlink(os, "x", "l", NULL, &st, &e), ERR_CONFLICT);
	ok(os->ops->symlink(os, "y", "l", &now, &st, &e));
	ok(os->ops->readlink(os, "l", &target, &e));
	assert_string_equal(buf_text(&target), "y");
	part("p", "file", false);
	ok(os->ops->place(os, "p", "l", &st, &now, &e));
	assert_true(holds("l", "file"));
	ok(os->ops->symlink(os, "z", "l", &now, &st, &e));
	assert_int_equal(left(false).n, 0);
	assert_true(gone_holds("file"));
	ok(os->ops->remove(os, "l", &st, &e));
	assert_int_equal(sweep().n, 0);
	assert_int_equal(left(true).n, 0);
}

static void
a_new_file_has_what_its_folder_gives(void **state)
{
	/* u::rwx g::r-x o::--- and for user 1: rw-, mask rwx */
	static const unsigned char acl[] = { 2, 0, 0, 0, 1, 0, 7, 0, 0xff, 0xff,
		0xff, 0xff, 2, 0, 6, 0, 1, 0, 0, 0, 4, 0, 5, 0, 0xff, 0xff,
		0xff, 0xff, 16, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, 32, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff };
	char path[128], got[64], want[64];
	struct os_stat now;
	struct stat st;

	(void)state;
	ok(os->ops->mkdir(os, "d", &now, &e));
	(void)snprintf(path, sizeof path, "%s/d", dir.path);
	assert_int_equal(chmod(path, 02775), 0);
	assert_int_equal(
	    setxattr(path, "system.posix_acl_default", acl, sizeof acl, 0), 0);
	part("p", "x", false);
	ok(os->ops->place(os, "p", "d/ours", NULL, &now, &e));
	mode_t mask = umask(022);
	put("d/theirs", "x");
	(void)umask(mask);
	(void)snprintf(path, sizeof path, "%s/d/ours", dir.path);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	ssize_t n = getxattr(path, "system.posix_acl_access", got, sizeof got);
	(void)snprintf(path, sizeof path, "%s/d/theirs", dir.path);
	assert_int_equal(
	    getxattr(path, "system.posix_acl_access", want, sizeof want), n);
	/* But for what the mode of their open leaves: 0644. */
	assert_int_equal(n, sizeof acl);
	want[30] = got[30];
	assert_memory_equal(got + 12, want + 12, (size_t)n - 12);
}

/* ---- somebody else, at the worst moment ---- */

static void
write_in_place(void)
{
	int fd = openat(dir.fd, "a", O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, "theirs", 6), 6);
	(void)close(fd);
}

static void
rename_over(void)
{
	put("tmp", "theirs");
	assert_int_equal(renameat(dir.fd, "tmp", dir.fd, "a"), 0);
}

static void
remove_it(void)
{
	assert_int_equal(unlinkat(dir.fd, "a", 0), 0);
}

static void
make_dir(void)
{
	remove_it();
	assert_int_equal(mkdirat(dir.fd, "a", 0755), 0);
	put("a/inside", "theirs");
}

static void
change_mode(void)
{
	assert_int_equal(fchmodat(dir.fd, "a", 0600, 0), 0);
}

static void
rename_over_late(void)
{
	put("tmp", "later");
	assert_int_equal(renameat(dir.fd, "tmp", dir.fd, "a"), 0);
}

static void
write_late(void)
{
	int fd = openat(dir.fd, "a", O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, "later", 5), 5);
	(void)close(fd);
}

static void
who_comes_between_loses_nothing(void **state)
{
	struct {
		void (*before)(void), (*after)(void);
		const char *path, *at, *gone;
		bool part; /* it is still there */
	} cases[] = {
		{ write_in_place, NULL, "a", "oldtheirs", NULL, true },
		{ rename_over, NULL, "a", "theirs", NULL, true },
		{ remove_it, NULL, NULL, NULL, NULL, true },
		{ make_dir, NULL, "a/inside", "theirs", NULL, true },
		{ change_mode, NULL, "a", "old", NULL, true },
		/* And once more, before it is put back. */
		{ rename_over, rename_over_late, "a", "theirs", "later",
		    false },
		{ rename_over, write_late, "a", "theirs", "later", false },
		{ rename_over, remove_it, "a", "theirs", NULL, false },
	};
	struct os_stat st, now;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put("a", "old");
		st = look("a");
		part("p", "new", false);
		world.before_exchange = cases[i].before;
		world.after_exchange = cases[i].after;
		fails(
		    os->ops->place(os, "p", "a", &st, &now, &e), ERR_CONFLICT);
		assert_null(world.before_exchange);
		assert_null(world.after_exchange);
		if (cases[i].path == NULL)
			assert_false(there("a"));
		else
			assert_true(holds(cases[i].path, cases[i].at));
		assert_int_equal(left(false).n, cases[i].part);
		assert_int_equal(left(true).n, cases[i].gone != NULL);
		if (cases[i].gone != NULL) {
			struct seen s = sweep();
			assert_int_equal(s.n, 1);
			assert_true(gone_holds(cases[i].gone));
			fails(os->ops->gone_drop(os, s.names[0], &st, &e),
			    ERR_CONFLICT);
			ok(os->ops->gone_drop(os, s.names[0], &s.st[0], &e));
		}
		(void)unlinkat(dir.fd, OS_OWN "/part/p", 0);
		(void)unlinkat(dir.fd, "a/inside", 0);
		(void)unlinkat(dir.fd, "a", AT_REMOVEDIR);
		(void)unlinkat(dir.fd, "a", 0);
	}
}

static void
what_is_removed_or_moved_is_what_was_seen(void **state)
{
	struct os_stat st, now;

	(void)state;
	put("a", "old");
	st = look("a");
	world.before_new = rename_over;
	fails(os->ops->remove(os, "a", &st, &e), ERR_CONFLICT);
	assert_true(holds("a", "theirs"));
	assert_int_equal(left(true).n, 0);
	put("a", "old");
	st = look("a");
	world.before_new = rename_over;
	fails(os->ops->move(os, "a", "b", &st, &now, &e), ERR_CONFLICT);
	assert_true(holds("a", "theirs") && !there("b"));
	st = look("a");
	world.before_new = make_dir;
	fails(os->ops->aside(os, "a", OS_ASIDE "a", &st, &e), ERR_CONFLICT);
	assert_true(holds("a/inside", "theirs"));
	assert_int_equal(left(false).n, 0);
}

static void
what_is_written_after_it_left_comes_back(void **state)
{
	struct os_stat st, now;

	(void)state;
	put("a", "old");
	put("b", "held");
	int fd = openat(dir.fd, "a", O_WRONLY | O_APPEND);
	int held = openat(dir.fd, "b", O_RDWR);
	st = look("a");
	ok(os->ops->remove(os, "a", &st, &e));
	st = look("b");
	ok(os->ops->remove(os, "b", &st, &e));
	/* Too young, and then: open, but as it was. */
	struct seen s = { 0 };
	ok(os->ops->gone_sweep(os, 3600000, see, &s, &e));
	assert_int_equal(s.n, 0);
	assert_int_equal(sweep().n, 0);
	assert_int_equal(left(true).n, 2);
	(void)usleep(20000); /* a tick of the clock of files */
	assert_int_equal(write(fd, "later", 5), 5);
	(void)close(fd);
	(void)close(held);
	reopen();
	s = sweep();
	assert_int_equal(s.n, 1);
	assert_string_equal(s.names[0] + OS_GONE_HEAD, "a");
	char path[512];
	(void)snprintf(path, sizeof path, OS_OWN "/gone/%s", s.names[0]);
	struct os_file *f = NULL;
	ok(os->ops->file_open(os, path, &st, &f, &e));
	os->ops->file_close(&f);
	put("taken", "");
	fails(os->ops->gone_back(os, s.names[0], "taken", &now, &e),
	    ERR_CONFLICT);
	ok(os->ops->gone_back(os, s.names[0], "copy", &now, &e));
	assert_true(holds("copy", "oldlater"));
	assert_int_equal(left(true).n, 0);
}

static void
lesser_file_systems_lose_nothing_either(void **state)
{
	struct os_stat st, now;

	(void)state;
	for (int links = 0; links < 2; links++) {
		world.no_exchange = world.no_noreplace = true;
		world.no_links = links == 1;
		reopen();
		put("a", "old");
		st = look("a");
		part("p", "new", false);
		fails(
		    os->ops->place(os, "p", "a", NULL, &now, &e), ERR_CONFLICT);
		ok(os->ops->place(os, "p", "a", &st, &now, &e));
		assert_true(holds("a", "new") && gone_holds("old"));
		ok(os->ops->move(os, "a", "b", &now, &st, &e));
		put("a", "x");
		fails(os->ops->move(os, "b", "a", &st, &now, &e), ERR_CONFLICT);
		ok(os->ops->mkdir(os, "d", &now, &e));
		ok(os->ops->move(os, "d", "c", &now, &st, &e));
		ok(os->ops->rmdir(os, "c", &st, &e));
		st = look("a");
		ok(os->ops->remove(os, "a", &st, &e));
		st = look("b");
		ok(os->ops->remove(os, "b", &st, &e));
		assert_int_equal(sweep().n, 0);
		assert_int_equal(left(true).n + left(false).n, 0);
		if (links == 1)
			continue;
		put("a", "old");
		st = look("a");
		part("p", "new", false);
		world.before_new = rename_over;
		fails(
		    os->ops->place(os, "p", "a", &st, &now, &e), ERR_CONFLICT);
		assert_true(holds("a", "theirs"));
		assert_int_equal(left(true).n, 0);
		remove_it();
		ok(os->ops->part_drop(os, "p", &e));
	}
}

/* ---- threads that never rest ---- */

#define ROUNDS 500

struct racer {
	atomic_bool stop;
	atomic_uint closed; /* the last number that was closed */
	bool over; /* by rename, else in place */
};

static void *
keep_writing(void *arg)
{
	struct racer *r = arg;

	for (unsigned i = 1; !atomic_load(&r->stop); i++) {
		char text[16];
		int n = snprintf(text, sizeof text, "w%08u\n", i);
		int fd = openat(dir.fd, r->over ? "theirs" : "a",
		    O_WRONLY | O_CREAT | (r->over ? O_TRUNC : O_APPEND), 0644);
		if (fd < 0)
			continue;
		assert_int_equal(write(fd, text, (size_t)n), n);
		(void)close(fd);
		if (r->over)
			(void)renameat(dir.fd, "theirs", dir.fd, "a");
		atomic_store(&r->closed, i);
		(void)usleep(i * 7919 % 1500);
	}
	return NULL;
}

/* Is this line in the tree, or in gone/? */
static bool
somewhere(const char *line)
{
	struct seen s = left(true);
	static char text[1 << 20];
	char path[512];

	for (size_t i = 0; i <= s.n; i++) {
		(void)snprintf(path, sizeof path, OS_OWN "/gone/%s",
		    i < s.n ? s.names[i] : "");
		int fd = openat(dir.fd, i < s.n ? path : "a", O_RDONLY);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
		if (fd >= 0)
			(void)close(fd);
		text[n < 0 ? 0 : n] = '\0';
		if (strstr(text, line) != NULL)
			return true;
	}
	return false;
}

/*
 * Place over what a program keeps writing. What it has closed before a look is
 * in what was looked at; so each line is in what was replaced as expected, and
 * then known, or is still there at the end.
 */
static void
race(bool over)
{
	struct racer r = { .over = over };
	pthread_t thread;
	unsigned placed = 0, conflicts = 0, known = 0;
	struct os_stat st, now;
	char line[16];

	world.fast = true;
	put("a", "");
	assert_int_equal(pthread_create(&thread, NULL, keep_writing, &r), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct os_file *f = NULL;
		unsigned seen = 0;
		part("p", "ours\n", false);
		/* Read it as the engine does: equal before and after. */
		if (os->ops->file_open(os, "a", &st, &f, &e) < 0)
			continue;
		static char text[1 << 20];
		size_t n = 0;
		ok(os->ops->file_read(f, 0, text, sizeof text - 1, &n, &e));
		text[n] = '\0';
		for (char *p = text; (p = strstr(p, "w")) != NULL; p++)
			seen = (unsigned)strtoul(p + 1, NULL, 10);
		os->ops->file_close(&f);
		struct os_stat again;
		if (os->ops->stat(os, "a", &again, &e) == 0 &&
		    again.is.ctime_ns == st.is.ctime_ns && again.is.size == n &&
		    os->ops->place(os, "p", "a", &st, &now, &e) == 0) {
			placed++;
			known = seen > known ? seen : known;
		} else {
			conflicts++;
			(void)unlinkat(dir.fd, OS_OWN "/part/p", 0);
		}
		if (i % 50 == 49)
			(void)sweep();
	}
	atomic_store(&r.stop, true);
	(void)pthread_join(thread, NULL);
	/* What was closed last is what matters: it was replaced by nobody. */
	unsigned last = atomic_load(&r.closed);
	(void)snprintf(line, sizeof line, "w%08u\n", last);
	if (last > known && !somewhere(line))
		fail_msg(
		    "%u was closed and is nowhere (%u known)", last, known);
	print_message(
	    "# %u placed, %u conflicts, %u writes\n", placed, conflicts, last);
	assert_true(placed > 0);
}

static void
no_rename_over_is_lost(void **state)
{
	(void)state;
	race(true);
}

static void
no_append_is_lost(void **state)
{
	(void)state;
	race(false);
}

static void *
keep_swapping(void *arg)
{
	struct racer *r = arg;

	while (!atomic_load(&r->stop)) {
		(void)__real_renameat2(
		    dir.fd, "d", dir.fd, "trap", RENAME_EXCHANGE);
		atomic_fetch_add(&r->closed, 1);
	}
	return NULL;
}

static void
a_swap_with_a_link_leads_nowhere(void **state)
{
	struct scratch outside = scratch_new();
	struct racer r = { 0 };
	struct os_stat now, st;
	char target[PATH_MAX];
	pthread_t thread;
	unsigned placed = 0;

	(void)state;
	world.fast = true;
	(void)snprintf(
	    target, sizeof target, "../%s", strrchr(outside.path, '/') + 1);
	assert_int_equal(symlinkat(target, dir.fd, "trap"), 0);
	ok(os->ops->mkdir(os, "d", &now, &e));
	ok(os->ops->mkdir(os, "d/sub", &now, &e));
	assert_int_equal(mkdirat(outside.fd, "sub", 0700), 0);
	assert_int_equal(pthread_create(&thread, NULL, keep_swapping, &r), 0);
	for (int i = 0; i < ROUNDS; i++) {
		part("p", "x", false);
		const char *path = i % 2 == 0 ? "d/f" : "d/sub/f";
		if (os->ops->place(os, "p", path, NULL, &now, &e) == 0)
			placed++;
		(void)os->ops->mkdir(os, "d/sub/made", &now, &e);
		if (os->ops->stat(os, path, &st, &e) == 0)
			(void)os->ops->remove(os, path, &st, &e);
		(void)unlinkat(dir.fd, OS_OWN "/part/p", 0);
	}
	atomic_store(&r.stop, true);
	(void)pthread_join(thread, NULL);
	print_message("# %u of %d placed\n", placed, ROUNDS);
	/* Nothing came there: both are as they were made. */
	assert_int_equal(unlinkat(outside.fd, "sub", AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(outside.path), 0);
	scratch_free(&outside);
}

/* ---- kill -9 ---- */

static void
killed_at_any_rename_nothing_is_lost(void **state)
{
	(void)state;
	for (int at = 1; at <= 3; at++) {
		put("a", "old");
		pid_t child = fork();
		if (child == 0) {
			struct os_stat st = look("a"), now;
			part("p", "new", false);
			world.kill_at = at;
			int rc = os->ops->place(os, "p", "a", &st, &now, &e);
			_exit(rc == 0 ? 0 : 1);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(at == 3 ? WIFEXITED(status) : WIFSIGNALED(status));
		reopen();
		struct seen s = sweep();
		/* The old one is at its path or was replaced; the new one is
		 * never taken for the old. */
		assert_true(holds("a", at == 3 ? "new" : "old"));
		assert_int_equal(s.n, at == 2);
		if (at == 2) {
			assert_true(gone_holds("new"));
			ok(os->ops->gone_drop(os, s.names[0], &s.st[0], &e));
		}
		(void)os->ops->part_drop(os, "p", &e);
		assert_int_equal(left(true).n + left(false).n, 0);
	}
}

/* Replace and move without end, until killed. */
static void
work_for_ever(void)
{
	struct os_stat st, now;
	struct os_part *p;
	char text[32];
	uint64_t have;
	int rc = os->ops->stat(os, "a", &st, &e);

	world.fast = true;
	for (unsigned i = 0; rc == 0; i++) {
		(void)snprintf(text, sizeof text, "content %u", i);
		rc |= os->ops->part_open(os, "p", 32, &have, &p, &e);
		rc |= os->ops->part_put(p, 0, bytes_str(text), &e);
		rc |= os->ops->part_end(&p, 32, false, false, MTIME, &e);
		rc |= os->ops->place(os, "p", "a", &st, &now, &e);
		rc |= os->ops->move(os, "a", "b", &now, &st, &e);
		rc |= os->ops->aside(os, "b", OS_ASIDE "b", &st, &e);
		rc |= os->ops->place(os, OS_ASIDE "b", "a", NULL, &st, &e);
		rc |= os->ops->gone_sweep(os, 0, see, &(struct seen){ 0 }, &e);
	}
}

static void
killed_at_any_time_a_whole_one_is_there(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		put("a", "content");
		pid_t child = fork();
		if (child == 0) {
			work_for_ever();
			_exit(1);
		}
		(void)usleep((useconds_t)(round * 517 % 20000) + 500);
		(void)kill(child, SIGKILL);
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		reopen();
		const char *at[] = { "a", "b", OS_OWN "/part/" OS_ASIDE "b" };
		int found = 0;
		for (size_t i = 0; i < 3; i++) {
			char text[64] = "";
			int fd = openat(dir.fd, at[i], O_RDONLY);
			if (fd < 0)
				continue;
			assert_true(read(fd, text, sizeof text - 1) >= 7);
			(void)close(fd);
			assert_memory_equal(text, "content", 7);
			found++;
		}
		assert_int_equal(found, 1);
		scratch_empty(openat(dir.fd, ".", O_RDONLY | O_DIRECTORY));
		reopen();
	}
}

/* ---- the disk ---- */

static void
bytes_are_on_the_disk_before_their_name(void **state)
{
	struct os_stat now;
	char name[16];

	(void)state;
	world.fsyncs = world.syncs = 0;
	part("p0", "x", false);
	part("p1", "x", false);
	assert_int_equal(world.fsyncs, 0);
	ok(os->ops->place(os, "p0", "a", NULL, &now, &e));
	assert_int_equal(world.fsyncs, 2);
	ok(os->ops->place(os, "p1", "b", NULL, &now, &e));
	assert_int_equal(world.fsyncs, 2);
	ok(os->ops->sync(os, &e));
	assert_int_equal(world.fsyncs, 4); /* the top and part/ */
	assert_int_equal(world.syncs, 0);
	ok(os->ops->sync(os, &e));
	assert_int_equal(world.fsyncs, 4);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof name, "p%d", i);
		part(name, "x", false);
	}
	ok(os->ops->place(os, "p99", "c", NULL, &now, &e));
	assert_int_equal(world.syncs, 1);
	assert_int_equal(world.fsyncs, 4);
}

/* So many waits for one file or directory each does a sync cost now. */
static int
waits(void)
{
	world.fsyncs = world.syncs = 0;
	ok(os->ops->sync(os, &e));
	return world.fsyncs;
}

static void
what_others_did_is_waited_for_when_told(void **state)
{
	char name[16];

	(void)state;
	(void)waits();
	put("file", "x");
	assert_int_equal(mkdirat(dir.fd, "dir", 0700), 0);
	put("dir/file", "x");
	assert_int_equal(symlinkat("file", dir.fd, "link"), 0);
	assert_int_equal(mkfifoat(dir.fd, "pipe", 0600), 0);
	assert_int_equal(waits(), 0);
	(void)os->ops->sync_also(os, "file", NULL);
	assert_int_equal(world.fsyncs, 0);
	assert_int_equal(waits(), 2); /* with what has its name */
	(void)os->ops->sync_also(os, "file", NULL);
	(void)os->ops->sync_also(os, "dir/file", NULL);
	(void)os->ops->sync_also(os, "dir/file", NULL);
	assert_int_equal(waits(), 4);
	(void)os->ops->sync_also(os, "dir", NULL);
	(void)os->ops->sync_also(os, "link", NULL);
	(void)os->ops->sync_also(os, "pipe", NULL);
	(void)os->ops->sync_also(os, "nothing", NULL);
	(void)os->ops->sync_also(os, "no/such/folder", NULL);
	assert_int_equal(waits(), 1); /* of the top */
	(void)os->ops->sync_also(os, "file/is/no/folder", NULL);
	assert_int_equal(waits(), 1);
	assert_int_equal(world.syncs, 0);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof name, "f%d", i);
		put(name, "x");
		(void)os->ops->sync_also(os, name, NULL);
	}
	assert_int_equal(waits(), 0);
	assert_int_equal(world.syncs, 1);
	/* Is it that one? */
	struct os_stat file = look("file"), link = look("link");
	assert_true(os->ops->sync_also(os, "file", &file));
	assert_true(os->ops->sync_also(os, "link", &link));
	assert_false(os->ops->sync_also(os, "dir/file", &file));
	assert_false(os->ops->sync_also(os, "file/none", &file));
	assert_false(os->ops->sync_also(os, "none", &file));
	file.is.ctime_ns--;
	assert_false(os->ops->sync_also(os, "file", &file));
	assert_int_equal(waits(), 4);
	/* What cannot be named is waited for with all the rest. */
	(void)os->ops->sync_also(os, "", NULL);
	assert_int_equal(waits(), 0);
	assert_int_equal(world.syncs, 1);
}

static void
what_the_file_system_can_is_found_out(void **state)
{
	const struct plan_fs *fs = os->ops->fs(os);

	(void)state;
	assert_false(fs->folds || fs->normalizes || fs->no_exec);
	assert_false(fs->no_symlinks || fs->no_last_dot);
	assert_string_equal(fs->banned, "");
	assert_int_equal(fs->name_max, 255);
	assert_int_equal(os->ops->granule_ns(os), 20000000);
	assert_true(os->ops->room(os) > 1 << 20);
	assert_int_equal(left(false).n, 0);
	struct stat st;
	assert_int_equal(fstatat(dir.fd, OS_OWN, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void
paths_longer_than_the_kernel_takes(void **state)
{
	OWN(buf_free) struct buf path = { 0 };
	struct os_stat st;

	(void)state;
	for (int i = 0; i < 120; i++) {
		if (i > 0)
			buf_put_str(&path, "/");
		buf_printf(&path, "%0100d", i);
		ok(os->ops->mkdir(os, buf_text(&path), &st, &e));
	}
	assert_true(path.n > 12000);
	part("p", "deep", false);
	buf_put_str(&path, "/f");
	ok(os->ops->place(os, "p", buf_text(&path), NULL, &st, &e));
	ok(os->ops->remove(os, buf_text(&path), &st, &e));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(lists_in_order_and_leaves_its_own_out),
		TEST(says_when_a_listing_is_not_whole),
		TEST(never_goes_through_what_is_no_directory),
		TEST(a_root_may_be_named_by_links_and_dots),
		TEST(tells_what_a_program_writes),
		TEST(reads_files_with_holes),
		TEST(a_part_goes_on_where_it_was),
		TEST(places_only_where_nothing_is),
		TEST(a_name_that_cannot_be_is_told),
		TEST(replaces_what_is_expected_and_keeps_it),
		TEST(whatever_is_not_as_expected_stays),
		TEST(directories_and_moves),
		TEST(links_are_made_and_replaced),
		TEST(a_new_file_has_what_its_folder_gives),
		TEST(who_comes_between_loses_nothing),
		TEST(what_is_removed_or_moved_is_what_was_seen),
		TEST(what_is_written_after_it_left_comes_back),
		TEST(lesser_file_systems_lose_nothing_either),
		TEST(no_rename_over_is_lost),
		TEST(no_append_is_lost),
		TEST(a_swap_with_a_link_leads_nowhere),
		TEST(killed_at_any_rename_nothing_is_lost),
		TEST(killed_at_any_time_a_whole_one_is_there),
		TEST(bytes_are_on_the_disk_before_their_name),
		TEST(what_others_did_is_waited_for_when_told),
		TEST(what_the_file_system_can_is_found_out),
		TEST(paths_longer_than_the_kernel_takes),
	};
#undef TEST

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
