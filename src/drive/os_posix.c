/* SPDX-License-Identifier: ISC */
/* os_posix.c: a root opened, the way to what is in it, and files read. */
#include "drive/os_posix.h"

#include "drive/os_in.h"
#include "files/beneath.h"
#include "files/place_meta.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LINK_ROOM 4097 /* bytes: one more than the longest target */

struct os_file {
	const struct os_posix *o;
	int fd;
};

static int
stat_path(struct os *os, const char *path, struct os_stat *st, struct err *e)
{
	const struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT;

	if (path[0] != '\0' && os_find(o, path, &s, e) < 0)
		return -1;
	if (os_look(o, path[0] == '\0' ? o->root : s.dir,
		path[0] == '\0' ? "" : s.name, st, NULL) < 0)
		return os_fail(o, NULL, "cannot look at it", e);
	return 0;
}

static int
read_link(struct os *os, const char *path, struct buf *out, struct err *e)
{
	const struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT;
	char target[LINK_ROOM];

	if (os_find(o, path, &s, e) < 0)
		return -1;
	ssize_t n = readlinkat(s.dir, s.name, target, sizeof target);
	if (n < 0 && errno == EINVAL)
		return os_conflict("it is no link", e);
	if (n < 0)
		return os_fail(o, NULL, "cannot read the link", e);
	if ((size_t)n == sizeof target)
		return err_set(e, ERR_TOO_LARGE,
		    "the link's target has more than %d bytes",
		    NODE_TARGET_MAX);
	buf_put(out, target, (size_t)n);
	return 0;
}

/* ---- files read ---- */

static void
file_close(struct os_file **f)
{
	if (*f == NULL)
		return;
	fd_close(&(*f)->fd);
	free(*f);
	*f = NULL;
}

static int
file_stat(struct os_file *f, struct os_stat *st, struct err *e)
{
	if (os_look(f->o, f->fd, "", st, NULL) < 0)
		return err_sys(e, "cannot look at the file");
	return 0;
}

static int
file_open(struct os *os, const char *path, struct os_stat *st,
    struct os_file **out, struct err *e)
{
	const struct os_posix *o = os_posix_of(os);
	OWN(file_close) struct os_file *f = mem_new(sizeof *f);

	f->o = o;
	/* A pipe does not keep us waiting. */
	f->fd = os_open(o, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0 && errno == ENXIO)
		return os_conflict("it is no file", e);
	if (f->fd < 0)
		return os_fail(o, NULL, "cannot open the file", e);
	if (file_stat(f, st, e) < 0)
		return -1;
	if (st->type != NODE_FILE)
		return os_conflict("it is no file", e);
	*out = TAKE(f);
	return 0;
}

static int
file_read_at(struct os_file *f, uint64_t offset, void *p, size_t n, size_t *got,
    struct err *e)
{
	return file_pread_full(f->fd, p, n, offset, got, e);
}

static int
file_data(struct os_file *f, uint64_t offset, uint64_t *data, uint64_t *hole,
    struct err *e)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return err_sys(e, "cannot look at the file");
	off_t at = lseek(f->fd, (off_t)offset, SEEK_DATA);
	off_t end = at < 0 ? -1 : lseek(f->fd, at, SEEK_HOLE);
	if (at >= 0 && end < 0 && errno == ENXIO)
		at = -1; /* it was cut meanwhile */
	if (at < 0 && errno != ENXIO && errno != EINVAL)
		return err_sys(e, "cannot look for holes in the file");
	if (at >= 0 && end < 0)
		return err_sys(e, "cannot look for holes in the file");
	/* Where the file system tells of no holes, all is data. */
	bool rest = at < 0 && errno == EINVAL && offset < (uint64_t)st.st_size;
	*data = at >= 0 ? (uint64_t)at : rest ? offset : (uint64_t)st.st_size;
	*hole = at >= 0 ? (uint64_t)end : (uint64_t)st.st_size;
	return 0;
}

/* ---- the table ---- */

static const struct plan_fs *
plan_fs_of(struct os *os)
{
	return &os_posix_of(os)->fs;
}

static int64_t
granule_ns(struct os *os)
{
	return os_posix_of(os)->granule_ns;
}

static void
os_posix_free(struct os *os)
{
	struct os_posix *o = os_posix_of(os);

	os_noted_free(&o->filled);
	os_noted_free(&o->changed);
	fd_close(&o->gone);
	fd_close(&o->part);
	fd_close(&o->own);
	fd_close(&o->root);
	free(o);
}

static const struct os_ops ops = {
	.list = os_list,
	.stat = stat_path,
	.file_open = file_open,
	.file_read = file_read_at,
	.file_data = file_data,
	.file_stat = file_stat,
	.file_close = file_close,
	.readlink = read_link,
	.part_open = os_part_open,
	.part_put = os_part_put,
	.part_read = os_part_read,
	.part_end = os_part_end,
	.part_abort = os_part_abort,
	.leftovers = os_leftovers,
	.part_drop = os_part_drop,
	.place = os_place,
	.symlink = os_symlink,
	.mkdir = os_mkdir,
	.move = os_move,
	.aside = os_aside,
	.set_exec = os_set_exec,
	.in_use = os_in_use,
	.remove = os_remove,
	.rmdir = os_rmdir,
	.gone_sweep = os_gone_sweep,
	.gone_drop = os_gone_drop,
	.gone_back = os_gone_back,
	.sync_also = os_sync_also,
	.sync = os_sync,
	.room = os_room,
	.fs = plan_fs_of,
	.granule_ns = granule_ns,
	.free = os_posix_free,
};

/* Make one of our directories, or take the one that is there. */
static int
own_dir(struct os_posix *o, int at, const char *name, int *fd, ino_t *ino,
    struct err *e)
{
	struct stat st;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return os_fail(o, NULL, "cannot make " OS_OWN, e);
	*fd = beneath_open(at, name, O_RDONLY | O_DIRECTORY, 0, true);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return os_fail(o, NULL, "cannot open " OS_OWN, e);
	if (st.st_dev != o->dev || st.st_uid != geteuid())
		return os_conflict(
		    OS_OWN " is another user's, or on another disk", e);
	place_meta_no_acl(*fd);
	/* Where modes are the mount's, others are kept out by those. */
	if ((st.st_mode & 0777) != 0700)
		(void)fchmod(*fd, 0700);
	*ino = st.st_ino;
	return 0;
}

static void
free_half(struct os_posix **o)
{
	if (*o != NULL)
		os_posix_free(&TAKE(*o)->os);
}

int
os_posix_open(const char *root_dir, struct os **out, struct err *e)
{
	OWN(free_half) struct os_posix *o = mem_new(sizeof *o);
	struct stat st;
	struct os_stat top;
	struct statx x;

	o->os.ops = &ops;
	o->own = o->part = o->gone = -1;
	(void)pthread_mutex_init(&o->filled.lock, NULL);
	(void)pthread_mutex_init(&o->changed.lock, NULL);
	o->root = open(root_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->root < 0 || fstat(o->root, &st) < 0)
		return err_sys(e, "cannot open the folder");
	o->dev = st.st_dev;
	if (os_look(o, o->root, "", &top, &x) < 0)
		return err_sys(e, "cannot look at the folder");
	if ((x.stx_mask & STATX_MNT_ID) != 0)
		o->mount = x.stx_mnt_id;
	if (own_dir(o, o->root, OS_OWN, &o->own, &o->inos[0], e) < 0 ||
	    own_dir(o, o->own, "part", &o->part, &o->inos[1], e) < 0 ||
	    own_dir(o, o->own, "gone", &o->gone, &o->inos[2], e) < 0 ||
	    os_probe(o, e) < 0)
		return -1;
	*out = &TAKE(o)->os;
	return 0;
}

bool
os_posix_is(struct os *os, const char *root_dir)
{
	struct stat is, there;

	return fstat(os_posix_of(os)->root, &is) == 0 &&
	    stat(root_dir, &there) == 0 && is.st_dev == there.st_dev &&
	    is.st_ino == there.st_ino;
}
