/* SPDX-License-Identifier: ISC */
/* capture_detail.c: one object in full: attributes, extents, target, flags. */
#include "files/capture_in.h"

#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Linux 6.13; one number on all architectures but alpha. */
#define CALL_GETXATTRAT 464
#define CALL_LISTXATTRAT 465

#define PATH_BYTES 320 /* "/proc/self/fd/N/" and the longest name */

/* Where attributes are read from: an open file, or a name that is no file. */
struct source {
	int fd; /* the file, or the directory when name is set */
	const char *name;
};

/*
 * A kernel before 6.13 knows no calls for what is no open file, and a filter
 * of calls may answer as if it did not. By a path it works on all; what a
 * symlink points to is not followed, its folder is the one that is open.
 */
static bool
by_path(const struct source *from, char *path, size_t n)
{
	if (errno != ENOSYS && errno != EPERM && errno != EOPNOTSUPP)
		return false;
	return snprintf(path, n, "/proc/self/fd/%d/%s", from->fd, from->name) <
	    (int)n;
}

static ssize_t
list_names(const struct source *from, void *p, size_t n)
{
	char path[PATH_BYTES];

	if (from->name == NULL)
		return flistxattr(from->fd, p, n);
	ssize_t got = syscall(
	    CALL_LISTXATTRAT, from->fd, from->name, AT_SYMLINK_NOFOLLOW, p, n);
	return got < 0 && by_path(from, path, sizeof path)
	    ? llistxattr(path, p, n)
	    : got;
}

static ssize_t
get_value(const struct source *from, const char *name, void *p, size_t n)
{
	char path[PATH_BYTES];
	struct {
		_Alignas(8) uint64_t value;
		uint32_t size, flags;
	} args = { (uint64_t)(uintptr_t)p, (uint32_t)n, 0 };

	if (from->name == NULL)
		return fgetxattr(from->fd, name, p, n);
	ssize_t got = syscall(CALL_GETXATTRAT, from->fd, from->name,
	    AT_SYMLINK_NOFOLLOW, name, &args, sizeof args);
	return got < 0 && by_path(from, path, sizeof path)
	    ? lgetxattr(path, name, p, n)
	    : got;
}

/* Of the kernel's own space only ACLs can be given back. */
static bool
wanted_xattr(const char *name)
{
	return strncmp(name, "system.", 7) != 0 ||
	    strncmp(name, "system.posix_acl_", 17) == 0;
}

static void
add_xattr(const struct source *from, const char *name, struct capture_detail *d)
{
	struct bytes key = bytes_str(name);

	buf_clear(&d->scratch);
	uint8_t *p = buf_grow(&d->scratch, ENTRY_XATTR_MAX);
	ssize_t n = get_value(from, name, p, ENTRY_XATTR_MAX);
	if (n < 0) {
		/* Gone since is as if it had never been there. */
		d->left_out += errno != ENODATA;
		return;
	}
	if (key.n + (size_t)n + 8 > ENTRY_XATTRS_MAX - d->xattrs.n) {
		d->left_out++;
		return;
	}
	entry_xattr_put(&d->xattrs, key, bytes_of(p, (size_t)n));
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* May attributes be there that were not read? What is gone has none. */
static bool
unread(const struct source *from)
{
	struct stat st;

	return errno != EOPNOTSUPP &&
	    (errno != ENOENT || from->name == NULL ||
		fstatat(from->fd, from->name, &st, AT_SYMLINK_NOFOLLOW) == 0);
}

static void
read_xattrs(const struct source *from, struct capture_detail *d)
{
	char first[1024];
	ssize_t n = list_names(from, first, sizeof first);
	OWN(buf_free) struct buf all = { 0 };
	OWN(mem_free) const char **names = NULL;
	size_t count = 0;

	if (n < 0 && errno == ERANGE) {
		char *p = (char *)buf_grow(&all, ENTRY_XATTR_MAX);
		n = list_names(from, p, ENTRY_XATTR_MAX);
	} else if (n > 0) {
		buf_put(&all, first, (size_t)n);
	}
	if (n <= 0) {
		/* None, or a file system without them; else they are lost. */
		d->left_out += n < 0 && unread(from);
		return;
	}
	all.n = (size_t)n;
	names = mem_array(all.n, sizeof *names);
	for (const char *p = (char *)all.p; p < (char *)all.p + all.n;
	     p += strlen(p) + 1)
		if (wanted_xattr(p))
			names[count++] = p;
	/* The kernel's order may change from one reading to the next. */
	if (count > 1)
		qsort(names, count, sizeof *names, by_text);
	for (size_t i = 0; i < count; i++)
		add_xattr(from, names[i], d);
	d->entry.xattrs = buf_bytes(&d->xattrs);
}

static uint32_t
read_flags(int fd, struct capture_detail *d)
{
	/* Filled as an int, whatever the ioctl's number says. */
	long flags = 0;
	int low;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) {
		/* Where there are none, the answer may be any but this. */
		d->left_out += errno == EIO;
		return 0;
	}
	memcpy(&low, &flags, sizeof low);
	return (uint32_t)low & ENTRY_FLAGS;
}

/*
 * Map what is data. Returns 1 when there are holes, 0 when
 * there are none or no usable map can be had: the file counts as whole then.
 */
static int
map_extents(int fd, uint64_t size, struct buf *map)
{
	uint64_t end = 0;

	while (end < size) {
		off_t data = lseek(fd, (off_t)end, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return 0;
		if (data < 0 || (uint64_t)data >= size)
			return 1; /* a hole up to the end */
		off_t hole = lseek(fd, data, SEEK_HOLE);
		if (hole <= data || map->n > ENTRY_EXTENTS_MAX - 32)
			return 0;
		if ((uint64_t)data == end && map->n > 0)
			return 0; /* it is being written this moment */
		uint64_t to = (uint64_t)hole > size ? size : (uint64_t)hole;
		if (data == 0 && to == size)
			return 0;
		entry_extent_put(
		    map, &end, (uint64_t)data, to - (uint64_t)data);
	}
	return 1;
}

static void
read_extents(int fd, struct capture_detail *d)
{
	d->entry.sparse = map_extents(fd, d->entry.size, &d->extents) == 1;
	if (d->entry.sparse)
		d->entry.extents = buf_bytes(&d->extents);
	(void)lseek(fd, 0, SEEK_SET);
}

static int
read_target(
    int dirfd, const char *name, struct capture_detail *d, struct err *e)
{
	char *p = (char *)buf_grow(&d->target, ENTRY_TARGET_MAX + 1);
	ssize_t n = readlinkat(dirfd, name, p, ENTRY_TARGET_MAX + 1);

	if (n < 0 && errno == EINVAL)
		return capture_replaced(e);
	if (n < 0)
		return err_sys(e, "cannot read the link");
	if (n == 0 || n > ENTRY_TARGET_MAX)
		return err_set(e, ERR_IO,
		    "the link's target is empty or above %d bytes",
		    ENTRY_TARGET_MAX);
	d->target.n = (size_t)n;
	d->entry.target = buf_bytes(&d->target);
	return 0;
}

/* Open and make sure that it is what was listed; now holds what it is now. */
static int
open_item(int dirfd, const struct capture_item *item, int *fd,
    struct capture_item *now, struct err *e)
{
	bool dir = item->type == ENTRY_DIRECTORY;

	*fd = capture_open_quietly(dirfd, item->name, dir ? O_DIRECTORY : 0);
	if (*fd < 0 && (errno == ELOOP || errno == ENOTDIR || errno == ENXIO))
		return capture_replaced(e);
	if (*fd < 0)
		return err_sys(e, "cannot open it");
	*now = *item;
	if (capture_fill(*fd, "", AT_EMPTY_PATH, now) < 0)
		return err_sys(e, "cannot look at it");
	if (now->type != item->type || now->ino != item->ino ||
	    now->dev != item->dev)
		return capture_replaced(e);
	return 0;
}

static void
start_over(struct capture_detail *d)
{
	fd_close(&d->fd);
	d->fd = -1;
	d->left_out = 0;
	buf_clear(&d->name);
	buf_clear(&d->xattrs);
	buf_clear(&d->extents);
	buf_clear(&d->target);
	d->entry = (struct entry){ 0 };
}

static int
detail_open(struct capture *c, int dirfd, const struct capture_item *item,
    struct capture_detail *d, struct err *e)
{
	OWN(fd_close) int fd = -1;

	if (open_item(dirfd, item, &fd, &d->now, e) < 0)
		return -1;
	capture_entry(c, &d->now, &d->entry);
	read_xattrs(&(struct source){ fd, NULL }, d);
	d->entry.flags = read_flags(fd, d);
	if (d->now.type == ENTRY_REGULAR && d->now.blocks * 512 < d->now.size)
		read_extents(fd, d);
	d->fd = fd;
	fd = -1;
	return 0;
}

int
capture_detail(struct capture *c, int dirfd, const struct capture_item *item,
    struct capture_detail *d, struct err *e)
{
	start_over(d);
	if (item->type == ENTRY_REGULAR || item->type == ENTRY_DIRECTORY) {
		if (detail_open(c, dirfd, item, d, e) < 0)
			return -1;
	} else {
		capture_entry(c, item, &d->entry);
		if (item->type == ENTRY_SYMLINK &&
		    read_target(dirfd, item->name, d, e) < 0)
			return -1;
		read_xattrs(&(struct source){ dirfd, item->name }, d);
	}
	buf_put(&d->name, item->name, item->name_n);
	d->entry.name = buf_bytes(&d->name);
	return 0;
}

void
capture_detail_free(struct capture_detail *d)
{
	start_over(d);
	buf_free(&d->name);
	buf_free(&d->xattrs);
	buf_free(&d->extents);
	buf_free(&d->target);
	buf_free(&d->scratch);
}

bool
capture_unchanged(const struct capture_detail *d)
{
	const struct capture_item *x = &d->now;
	struct capture_item now = { 0 };

	return capture_fill(d->fd, "", AT_EMPTY_PATH, &now) == 0 &&
	    now.size == x->size && now.mtime_s == x->mtime_s &&
	    now.mtime_ns == x->mtime_ns && now.ctime_s == x->ctime_s &&
	    now.ctime_ns == x->ctime_ns;
}

bool
capture_has_marker(int dirfd, const char *name, const char *line)
{
	char head[64];
	size_t want = strlen(line);
	OWN(fd_close) int fd = capture_open_quietly(dirfd, name, 0);
	struct stat st;

	assert(want <= sizeof head);
	if (fd < 0)
		return errno == EACCES &&
		    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	ssize_t n = read(fd, head, want);
	if (n == (ssize_t)want - 1) /* the newline may be missing at the end */
		head[n++] = '\n';
	return n > 0 && bytes_equal(bytes_of(head, (size_t)n), bytes_str(line));
}
