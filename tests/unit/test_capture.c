/* SPDX-License-Identifier: ISC */
/* test_capture.c: what is on a disk is seen as it is, and nothing blocks. */
#include "files/capture.h"

#include "base/file.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <dirent.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "scratch_dir.h"

/* ---- what a system may answer ---- */

static int no_calls; /* errno of the calls that came with Linux 6.13, or 0 */
static int no_paths; /* of attributes by a path */
static int no_value; /* of reading a value */
static int end_after; /* names until a directory fails; 0: never */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
ssize_t __real_llistxattr(const char *path, char *p, size_t n);
ssize_t __wrap_llistxattr(const char *path, char *p, size_t n);
ssize_t __real_fgetxattr(int fd, const char *name, void *p, size_t n);
ssize_t __wrap_fgetxattr(int fd, const char *name, void *p, size_t n);
struct dirent *__real_readdir(DIR *d);
struct dirent *__wrap_readdir(DIR *d);

long
__wrap_syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if ((number == 464 || number == 465) && no_calls != 0) {
		errno = no_calls;
		return -1;
	}
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

ssize_t
__wrap_llistxattr(const char *path, char *p, size_t n)
{
	if (no_paths == 0)
		return __real_llistxattr(path, p, n);
	errno = no_paths;
	return -1;
}

ssize_t
__wrap_fgetxattr(int fd, const char *name, void *p, size_t n)
{
	if (no_value == 0)
		return __real_fgetxattr(fd, name, p, n);
	errno = no_value;
	return -1;
}

struct dirent *
__wrap_readdir(DIR *d)
{
	if (end_after == 0 || --end_after > 0)
		return __real_readdir(d);
	errno = EIO;
	return NULL;
}

static void
list_of(const struct scratch *dir, struct capture_list **list)
{
	struct err e = { 0 };

	if (capture_list(dir->fd, list, &e) < 0)
		fail_msg("%s", e.msg);
}

/* Detail of one name, which must work. */
static void
look(struct capture *c, const struct scratch *dir, const char *name,
    struct capture_detail *d)
{
	struct capture_item item;
	struct err e = { 0 };

	if (capture_stat(dir->fd, name, &item, &e) < 0 ||
	    capture_detail(c, dir->fd, &item, d, &e) < 0)
		fail_msg("%s: %s", name, e.msg);
}

static void
lists_in_the_order_of_bytes(void **state)
{
	static const char *const names[] = { "b", "a", "\xff", "B", "a.b",
		"a\nb", "~", "-", "aa", ".hidden" };
	static const char *const sorted[] = { "-", ".hidden", "B", "a", "a\nb",
		"a.b", "aa", "b", "~", "\xff" };
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_list_free) struct capture_list *list = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		scratch_write_at(dir.fd, names[i], "x");
	list_of(&dir, &list);
	assert_int_equal(capture_size(list), ARRAY_SIZE(sorted));
	assert_int_equal(capture_list_error(list), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++) {
		struct capture_item item;
		struct err e = { 0 };
		const char *name = capture_name(list, i);
		assert_string_equal(name, sorted[i]);
		assert_int_equal(capture_stat(dir.fd, name, &item, &e), 0);
		assert_int_equal(item.name_n, strlen(sorted[i]));
		assert_int_equal(item.size, 1);
	}
}

static void
lists_more_names_than_one_block_holds(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_list_free) struct capture_list *list = NULL;
	char name[256];

	(void)state;
	for (int i = 0; i < 1500; i++) {
		(void)snprintf(name, sizeof name, "%0255d", i);
		assert_int_equal(mknodat(dir.fd, name, S_IFREG | 0600, 0), 0);
	}
	list_of(&dir, &list);
	assert_int_equal(capture_size(list), 1500);
	for (int i = 0; i < 1500; i++) {
		(void)snprintf(name, sizeof name, "%0255d", i);
		assert_string_equal(capture_name(list, (size_t)i), name);
	}
}

static void
tells_every_kind_apart_and_blocks_on_none(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_free) struct capture *c = capture_new();
	OWN(capture_detail_free) struct capture_detail d = CAPTURE_DETAIL;
	OWN(capture_list_free) struct capture_list *list = NULL;
	static const struct {
		const char *name;
		enum entry_type type;
	} rows[] = { { "d", ENTRY_DIRECTORY }, { "f", ENTRY_FIFO },
		{ "l", ENTRY_SYMLINK }, { "r", ENTRY_REGULAR },
		{ "s", ENTRY_SOCKET } };

	(void)state;
	assert_int_equal(mkdirat(dir.fd, "d", 0751), 0);
	assert_int_equal(mkfifoat(dir.fd, "f", 0600), 0);
	assert_int_equal(symlinkat("/no\nwhere", dir.fd, "l"), 0);
	assert_int_equal(mknodat(dir.fd, "s", S_IFSOCK | 0600, 0), 0);
	scratch_write_at(dir.fd, "r", "content");
	list_of(&dir, &list);
	assert_int_equal(capture_size(list), ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum entry_type type = rows[i].type;
		assert_string_equal(capture_name(list, i), rows[i].name);
		look(c, &dir, rows[i].name, &d);
		assert_int_equal(d.entry.type, type);
		assert_true(bytes_equal(d.entry.name, bytes_str(rows[i].name)));
		assert_int_equal(d.entry.uid, geteuid());
		bool opened = type == ENTRY_DIRECTORY || type == ENTRY_REGULAR;
		assert_int_equal(d.fd >= 0, opened);
	}
	look(c, &dir, "l", &d);
	assert_true(bytes_equal(d.entry.target, bytes_str("/no\nwhere")));
	look(c, &dir, "d", &d);
	assert_int_equal(d.entry.mode, 0751 & 07777);
	if (geteuid() == 0) {
		dev_t dev = makedev(1, 3);
		if (mknodat(dir.fd, "n", S_IFCHR | 0600, dev) == 0) {
			look(c, &dir, "n", &d);
			assert_int_equal(d.entry.type, ENTRY_CHARDEV);
			assert_int_equal(d.entry.rdev_major, 1);
			assert_int_equal(d.entry.rdev_minor, 3);
		}
	}
}

static void
reads_metadata_to_the_nanosecond(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_free) struct capture *c = capture_new();
	OWN(capture_detail_free) struct capture_detail d = CAPTURE_DETAIL;
	struct timespec times[2] = { { 0, UTIME_OMIT }, { -5, 123456789 } };
	char text[16];

	(void)state;
	scratch_write_at(dir.fd, "r", "content");
	assert_int_equal(fchmodat(dir.fd, "r", 0640, 0), 0);
	assert_int_equal(linkat(dir.fd, "r", dir.fd, "other", 0), 0);
	assert_int_equal(utimensat(dir.fd, "r", times, 0), 0);
	look(c, &dir, "r", &d);
	assert_int_equal(d.entry.mode, 0640);
	assert_int_equal(d.entry.size, 7);
	assert_true(d.entry.mtime_s == -5 && d.entry.mtime_ns == 123456789);
	assert_int_equal(d.entry.nlink, 2);
	assert_true(d.entry.ino != 0);
	if (geteuid() == 0)
		assert_true(bytes_equal(d.entry.user, bytes_str("root")));
	assert_int_equal(read(d.fd, text, sizeof text), 7);
	assert_false(d.entry.sparse);
	assert_true(capture_unchanged(&d));
	scratch_write_at(dir.fd, "r", "CONTENT");
	assert_false(capture_unchanged(&d));
}

static void
reads_attributes_and_flags(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_free) struct capture *c = capture_new();
	OWN(capture_detail_free) struct capture_detail d = CAPTURE_DETAIL;
	struct bytes name, value;
	int flags = 0;

	(void)state;
	scratch_write_at(dir.fd, "r", "content");
	OWN(fd_close) int fd = openat(dir.fd, "r", O_RDONLY);
	/* What the file system can hold is what must be read. */
	bool second = fsetxattr(fd, "user.b", "\0two", 4, 0) == 0;
	bool first = fsetxattr(fd, "user.a", "", 0, 0) == 0;
	bool nodump = ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;
	flags |= (int)ENTRY_FLAG_NODUMP;
	nodump = nodump && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	look(c, &dir, "r", &d);
	struct bytes rest = d.entry.xattrs;
	assert_int_equal(entry_xattr_next(&rest, &name, &value), first);
	if (first) {
		assert_true(bytes_equal(name, bytes_str("user.a")));
		assert_int_equal(value.n, 0);
	}
	assert_int_equal(entry_xattr_next(&rest, &name, &value), second);
	if (second) {
		assert_true(bytes_equal(name, bytes_str("user.b")));
		assert_true(bytes_equal(value, bytes_of("\0two", 4)));
	}
	assert_int_equal(d.entry.flags, nodump ? ENTRY_FLAG_NODUMP : 0);
	assert_int_equal(d.left_out, 0);
}

/* An ACL that lets user 12345 read and write. */
static bool
give_acl(const struct scratch *dir, const char *name)
{
	static const uint8_t acl[] = { 2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255,
		255, 2, 0, 6, 0, 0x39, 0x30, 0, 0, 4, 0, 4, 0, 255, 255, 255,
		255, 16, 0, 6, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255,
		255, 255 };
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir->fd, name);
	return lsetxattr(path, "system.posix_acl_access", acl, sizeof acl, 0) ==
	    0;
}

static void
reads_attributes_of_what_cannot_be_opened(void **state)
{
	static const int answers[] = { 0, ENOSYS, EPERM };
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_free) struct capture *c = capture_new();
	OWN(capture_detail_free) struct capture_detail d = CAPTURE_DETAIL;
	struct bytes name, value;

	(void)state;
	assert_int_equal(mkfifoat(dir.fd, "f", 0600), 0);
	bool there = give_acl(&dir, "f");
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		no_calls = answers[i];
		look(c, &dir, "f", &d);
		struct bytes rest = d.entry.xattrs;
		assert_int_equal(entry_xattr_next(&rest, &name, &value), there);
		assert_true(!there ||
		    bytes_equal(name, bytes_str("system.posix_acl_access")));
		assert_int_equal(d.left_out, 0);
	}
	/* Where there is no way at all, it is counted. */
	no_paths = ENOENT;
	look(c, &dir, "f", &d);
	assert_int_equal(d.left_out, 1);
	no_paths = EOPNOTSUPP;
	look(c, &dir, "f", &d);
	assert_int_equal(d.left_out, 0);
	no_paths = no_calls = 0;
}

static void
counts_attributes_that_cannot_be_kept(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_free) struct capture *c = capture_new();
	OWN(capture_detail_free) struct capture_detail d = CAPTURE_DETAIL;

	(void)state;
	scratch_write_at(dir.fd, "r", "x");
	assert_true(give_acl(&dir, "r"));
	no_value = EIO;
	look(c, &dir, "r", &d);
	assert_int_equal(d.left_out, 1);
	no_value = ENODATA; /* it has gone */
	look(c, &dir, "r", &d);
	assert_int_equal(d.left_out, 0);
	no_value = 0;
	look(c, &dir, "r", &d);
	assert_int_equal(d.left_out, 0);
}

static void
keeps_what_was_listed_before_an_error(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_list_free) struct capture_list *list = NULL;
	struct err e = { 0 };

	(void)state;
	for (char name[] = "a"; name[0] <= 'h'; name[0]++)
		scratch_write_at(dir.fd, name, "x");
	end_after = 6; /* "." and ".." among them */
	list_of(&dir, &list);
	assert_int_equal(capture_list_error(list), EIO);
	assert_in_range(capture_size(list), 3, 5);
	capture_list_free(&list);
	end_after = 1;
	assert_int_equal(capture_list(dir.fd, &list, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	end_after = 0;
}

static void
maps_holes(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_free) struct capture *c = capture_new();
	OWN(capture_detail_free) struct capture_detail d = CAPTURE_DETAIL;
	uint64_t end = 0, offset, length, covered = 0;

	(void)state;
	scratch_write_at(dir.fd, "hole", "");
	scratch_write_at(dir.fd, "mixed", "");
	OWN(fd_close) int hole = openat(dir.fd, "hole", O_RDWR);
	OWN(fd_close) int mixed = openat(dir.fd, "mixed", O_RDWR);
	assert_int_equal(ftruncate(hole, 1 << 20), 0);
	assert_int_equal(ftruncate(mixed, 4 << 20), 0);
	assert_int_equal(pwrite(mixed, "middle", 6, 1 << 20), 6);
	assert_int_equal(fsync(mixed), 0);
	look(c, &dir, "hole", &d);
	assert_true(d.entry.sparse);
	assert_int_equal(d.entry.extents.n, 0);
	look(c, &dir, "mixed", &d);
	assert_true(d.entry.sparse);
	struct bytes rest = d.entry.extents;
	bool found = false;
	while (entry_extent_next(&rest, &end, &offset, &length)) {
		found |= offset <= 1 << 20 && offset + length > 1 << 20;
		covered += length;
	}
	assert_true(found);
	assert_true(covered < 1 << 20);
	assert_int_equal(lseek(d.fd, 0, SEEK_CUR), 0);
}

static void
never_follows_what_a_name_has_become(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_free) struct capture *c = capture_new();
	OWN(capture_detail_free) struct capture_detail d = CAPTURE_DETAIL;
	static const struct {
		const char *name;
		enum err_code code;
	} rows[] = { { "tofifo", ERR_CONFLICT }, { "tolink", ERR_CONFLICT },
		{ "toother", ERR_CONFLICT }, { "gone", ERR_NOT_FOUND },
		{ "dir", ERR_CONFLICT } };
	struct capture_item was[ARRAY_SIZE(rows)];
	struct err e = { 0 };
	int fd;

	(void)state;
	scratch_write_at(dir.fd, "secret", "secret");
	scratch_write_at(dir.fd, "tofifo", "x");
	scratch_write_at(dir.fd, "tolink", "x");
	scratch_write_at(dir.fd, "toother", "x");
	scratch_write_at(dir.fd, "gone", "x");
	assert_int_equal(mkdirat(dir.fd, "dir", 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(
		    capture_stat(dir.fd, rows[i].name, &was[i], &e), 0);
	scratch_write_at(dir.fd, "new", "new");
	assert_int_equal(unlinkat(dir.fd, "tofifo", 0), 0);
	assert_int_equal(unlinkat(dir.fd, "tolink", 0), 0);
	assert_int_equal(unlinkat(dir.fd, "gone", 0), 0);
	assert_int_equal(unlinkat(dir.fd, "dir", AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(dir.fd, "tofifo", 0600), 0);
	assert_int_equal(symlinkat("secret", dir.fd, "tolink"), 0);
	assert_int_equal(symlinkat(".", dir.fd, "dir"), 0);
	assert_int_equal(renameat(dir.fd, "new", dir.fd, "toother"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
		    capture_detail(c, dir.fd, &was[i], &d, &e), -1);
		if (e.code != rows[i].code)
			fail_msg("%s: %s", rows[i].name, e.msg);
		assert_int_equal(d.fd, -1);
	}
	assert_int_equal(capture_open_dir(dir.fd, "dir", &fd, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(capture_open_dir(dir.fd, "none", &fd, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void
says_what_cannot_be_read(void **state)
{
	OWN(scratch_free) struct scratch dir = scratch_new();
	OWN(capture_free) struct capture *c = capture_new();
	OWN(capture_detail_free) struct capture_detail d = CAPTURE_DETAIL;
	struct capture_item item;
	struct err e = { 0 };

	(void)state;
	scratch_write_at(dir.fd, "r", "x");
	assert_int_equal(fchmodat(dir.fd, "r", 0, 0), 0);
	assert_int_equal(capture_stat(dir.fd, "r", &item, &e), 0);
	int rc = capture_detail(c, dir.fd, &item, &d, &e);
	/* Root reads it all the same. */
	assert_int_equal(rc, geteuid() == 0 ? 0 : -1);
	if (geteuid() != 0)
		assert_int_equal(e.code, ERR_IO);
	if (rc < 0)
		assert_null(strstr(e.msg, "scratch"));
}

static bool
is_home(int fd)
{
	return capture_has_marker(fd, "aumbry-home", "aumbry-home v1\n");
}

static void
knows_a_home_of_this_program(void **state)
{
	static const struct {
		const char *name, *text;
		bool home;
	} rows[] = {
		{ "aumbry-home", "aumbry-home v1\n", true },
		{ "aumbry-home", "aumbry-home v1\nmore\n", true },
		{ "aumbry-home", "aumbry-home v1", true },
		{ "aumbry-home", "aumbry-home v12\n", false },
		{ "aumbry-home", "aumbry-home", false },
		{ "aumbry-home", "", false },
		{ "other", "aumbry-home v1\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		OWN(scratch_free) struct scratch dir = scratch_new();
		scratch_write_at(dir.fd, rows[i].name, rows[i].text);
		if (is_home(dir.fd) != rows[i].home)
			fail_msg("%s: %s", rows[i].name, rows[i].text);
	}
	OWN(scratch_free) struct scratch dir = scratch_new();
	assert_int_equal(mkfifoat(dir.fd, "aumbry-home", 0600), 0);
	assert_false(is_home(dir.fd));
	assert_int_equal(unlinkat(dir.fd, "aumbry-home", 0), 0);
	scratch_write_at(dir.fd, "aumbry-home", "aumbry-home v1\n");
	assert_int_equal(fchmodat(dir.fd, "aumbry-home", 0, 0), 0);
	assert_true(is_home(dir.fd));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_in_the_order_of_bytes),
		cmocka_unit_test(lists_more_names_than_one_block_holds),
		cmocka_unit_test(tells_every_kind_apart_and_blocks_on_none),
		cmocka_unit_test(reads_metadata_to_the_nanosecond),
		cmocka_unit_test(reads_attributes_and_flags),
		cmocka_unit_test(reads_attributes_of_what_cannot_be_opened),
		cmocka_unit_test(counts_attributes_that_cannot_be_kept),
		cmocka_unit_test(keeps_what_was_listed_before_an_error),
		cmocka_unit_test(maps_holes),
		cmocka_unit_test(never_follows_what_a_name_has_become),
		cmocka_unit_test(says_what_cannot_be_read),
		cmocka_unit_test(knows_a_home_of_this_program),
	};

	(void)umask(022);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
