/* SPDX-License-Identifier: ISC */
/* os_way.c: the way to what is in a root, a look at it, and its renaming. */
#include "drive/os_in.h"
#include "files/beneath.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define STEP 4000 /* bytes of a path that one call takes, below PATH_MAX */

struct os_posix *
os_posix_of(struct os *o)
{
	return (struct os_posix *)o;
}

int
os_conflict(const char *what, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "%s", what);
}

/* The byte of a name that is likely to be at fault. */
static int
name_fail(
    const struct os_posix *o, const char *name, const char *what, struct err *e)
{
	size_t n = strlen(name);

	if (errno == ENAMETOOLONG || n > o->fs.name_max)
		return err_set(e, ERR_NAME_NOT_POSSIBLE,
		    "%s: the name has %zu bytes, this file system holds %u",
		    what, n, o->fs.name_max);
	for (size_t i = 0; i < n; i++)
		if (strchr(o->banned, name[i]) != NULL)
			return err_set(e, ERR_NAME_NOT_POSSIBLE,
			    "%s: this file system holds no byte 0x%02x, which "
			    "is number %zu of the name",
			    what, (unsigned char)name[i], i + 1);
	return err_set(e, ERR_NAME_NOT_POSSIBLE,
	    "%s: this file system does not hold that name", what);
}

int
os_fail(
    const struct os_posix *o, const char *name, const char *what, struct err *e)
{
	switch (errno) {
	case ENAMETOOLONG:
	case EINVAL:
	case EILSEQ:
		if (name != NULL)
			return name_fail(o, name, what, e);
		break;
	case EEXIST:
		return err_set(
		    e, ERR_CONFLICT, "%s: something else is there", what);
	case ELOOP:
	case ENOTDIR:
		return err_set(e, ERR_CONFLICT,
		    "%s: a link or file is where a folder should be", what);
	case EXDEV:
		return err_set(e, ERR_CONFLICT,
		    "%s: another file system begins on the way", what);
	case EFBIG:
		return err_set(e, ERR_TOO_LARGE,
		    "%s: this file system holds no file that large", what);
	}
	return beneath_fail(e, what);
}

/* ---- the way ---- */

int
os_open(const struct os_posix *o, const char *path, int flags)
{
	char piece[STEP + 1];
	OWN(fd_close) int at = -1;
	size_t n;

	while ((n = strlen(path)) > STEP) {
		const char *slash = memrchr(path, '/', STEP);
		if (slash == NULL) {
			errno = ENAMETOOLONG;
			return -1;
		}
		n = (size_t)(slash - path);
		memcpy(piece, path, n);
		piece[n] = '\0';
		int next = beneath_open(at < 0 ? o->root : at, piece,
		    O_PATH | O_DIRECTORY, 0, true);
		fd_close(&at);
		at = next;
		if (at < 0)
			return -1;
		path = slash + 1;
	}
	return beneath_open(
	    at < 0 ? o->root : at, n == 0 ? "." : path, flags, 0, true);
}

void
os_leave(struct os_spot *s)
{
	fd_close(&s->dir);
}

/* Is each part of it a name? */
static bool
is_path(const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/");
		if (n == 0 || (n <= 2 && strspn(path, ".") >= n))
			return false;
		if (path[n] == '\0')
			return true;
		path += n + 1;
	}
}

static bool
is_own(const struct os_posix *o, ino_t ino)
{
	for (size_t i = 0; i < ARRAY_SIZE(o->inos); i++)
		if (o->inos[i] == ino)
			return true;
	return false;
}

int
os_find(const struct os_posix *o, const char *path, struct os_spot *s,
    struct err *e)
{
	OWN(buf_free) struct buf above = { 0 };
	OWN(os_leave) struct os_spot at = OS_SPOT;
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (!is_path(path) || strcmp(path, OS_OWN) == 0)
		return err_set(e, ERR_NAME_NOT_POSSIBLE,
		    "that is no path within the folder");
	at.name = slash == NULL ? path : slash + 1;
	if (slash != NULL)
		buf_put(&above, path, (size_t)(slash - path));
	at.dir = os_open(o, buf_text(&above), O_RDONLY | O_DIRECTORY);
	if (at.dir < 0 && errno == EACCES)
		at.dir = os_open(o, buf_text(&above), O_PATH | O_DIRECTORY);
	if (at.dir < 0 || fstat(at.dir, &st) < 0)
		return os_fail(o, NULL, "cannot open the folder it is in", e);
	/* A subvolume is no mount. */
	if (st.st_dev != o->dev)
		return os_conflict("another file system begins on the way", e);
	if (is_own(o, st.st_ino))
		return err_set(
		    e, ERR_NAME_NOT_POSSIBLE, "that folder is Aumbry's own");
	*s = at;
	at.dir = -1;
	return 0;
}

/* ---- what is there ---- */

static int64_t
time_ns(const struct statx_timestamp *t)
{
	const int64_t most = INT64_MAX / 1000000000 - 1;
	int64_t s = t->tv_sec < -most ? -most : t->tv_sec;

	return (s > most ? most : s) * 1000000000 + t->tv_nsec;
}

static void
stat_of(const struct os_posix *o, const struct statx *x, struct os_stat *st)
{
	dev_t dev = makedev(x->stx_dev_major, x->stx_dev_minor);

	*st = (struct os_stat){
		.type = S_ISREG(x->stx_mode) ? NODE_FILE
		    : S_ISDIR(x->stx_mode)   ? NODE_DIR
		    : S_ISLNK(x->stx_mode)   ? NODE_SYMLINK
					     : NODE_NONE,
		.exec = S_ISREG(x->stx_mode) && (x->stx_mode & 0111) != 0,
		/* Layers of an overlay give files numbers of their own. */
		.mount = (S_ISDIR(x->stx_mode) && dev != o->dev) ||
		    ((x->stx_mask & STATX_MNT_ID) != 0 && o->mount != 0 &&
			x->stx_mnt_id != o->mount),
		.is = {
			.dev = dev == o->dev ? 0 : dev,
			.ino = x->stx_ino,
			.btime_ns = (x->stx_mask & STATX_BTIME) == 0
			    ? 0 : time_ns(&x->stx_btime),
			.mtime_ns = time_ns(&x->stx_mtime),
			.ctime_ns = time_ns(&x->stx_ctime),
			.size = S_ISDIR(x->stx_mode) ? 0 : x->stx_size,
		},
	};
}

int
os_look(const struct os_posix *o, int dir, const char *name, struct os_stat *st,
    struct statx *raw)
{
	struct statx x;

	if (raw == NULL)
		raw = &x;
	if (statx(dir, name,
		AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT |
		    (name[0] == '\0' ? AT_EMPTY_PATH : 0),
		STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, raw) < 0)
		return -1;
	stat_of(o, raw, st);
	return 0;
}

bool
os_still(const struct os_stat *was, const struct os_stat *st)
{
	const struct plan_stat *a = &was->is, *b = &st->is;

	return was->type == st->type && a->dev == b->dev && a->ino == b->ino &&
	    (a->btime_ns == 0 || b->btime_ns == 0 ||
		a->btime_ns == b->btime_ns) &&
	    (st->type == NODE_DIR ||
		(a->size == b->size && a->mtime_ns == b->mtime_ns));
}

bool
os_expected(const struct os_stat *want, const struct os_stat *st)
{
	return os_still(want, st) &&
	    (st->type == NODE_DIR || want->is.ctime_ns == st->is.ctime_ns);
}

/* ---- names ---- */

int
os_rename_new(const struct os_posix *o, int from_dir, const char *from,
    int to_dir, const char *to)
{
	struct stat st;

	if (!o->no_noreplace)
		return renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE);
	if (linkat(from_dir, from, to_dir, to, 0) == 0)
		return unlinkat(from_dir, from, 0);
	if (errno == EEXIST)
		return -1;
	/* No links here, or it is a directory. */
	if (fstatat(to_dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? renameat(from_dir, from, to_dir, to) : -1;
}

void
os_rename_back(const struct os_posix *o, int from_dir, const char *from,
    int to_dir, const char *to)
{
	int saved = errno;

	/* Where that cannot be, it is safe where it is. */
	int rc = os_rename_new(o, from_dir, from, to_dir, to);
	(void)rc;
	errno = saved;
}

int
os_name_possible(const struct os_posix *o, const char *name, struct err *e)
{
	size_t n = strlen(name);
	bool end =
	    o->fs.no_last_dot && (name[n - 1] == '.' || name[n - 1] == ' ');

	if (n <= o->fs.name_max && !end && strpbrk(name, o->banned) == NULL)
		return 0;
	if (end)
		return err_set(e, ERR_NAME_NOT_POSSIBLE,
		    "this file system holds no dot or space at a name's end");
	errno = EINVAL;
	return os_fail(o, name, "cannot give the name", e);
}

int
os_now(const struct os_posix *o, int fd, const struct os_stat *was,
    struct os_stat *now, struct err *e)
{
	if (os_look(o, fd, "", now, NULL) < 0)
		return err_sys(e, "cannot look at what was placed");
	now->is.size = was->is.size;
	now->is.mtime_ns = was->is.mtime_ns;
	return 0;
}
