/* SPDX-License-Identifier: ISC */
/* place.c: files, directories and links put below one directory. */
#include "files/place_in.h"

#include "base/file.h"
#include "wire/id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NODES_MAX 128 /* directories kept open, beyond those in use */
#define PART_MODE 01200 /* no finished file looks so */

/*
 * What time it is where the target is. What is changed after this returns has
 * a later one: clocks of file systems move in steps of some milliseconds.
 */
static struct timespec
time_there(int target)
{
	OWN(fd_close)
	int fd = openat(target, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	const struct timespec step = { .tv_nsec = 1000000 };
	struct timespec began = { 0 }, now = { 0 };
	struct stat st;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &began);
	for (int i = 0; i < 20; i++) {
		(void)nanosleep(&step, NULL);
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
		if (place_before(&began, &now))
			break;
	}
	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ctim : began;
}

/* How many directories may be kept open, beyond those in use. */
static size_t
nodes_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur / 8 >= NODES_MAX)
		return NODES_MAX;
	return limit.rlim_cur / 8 > 4 ? (size_t)limit.rlim_cur / 8 : 4;
}

int
place_open(
    const char *target, enum place_rule rule, struct place **out, struct err *e)
{
	OWN(fd_close) int fd = -1;
	struct stat st;

	*out = NULL;
	bool made = stat(target, &st) < 0;
	if (file_mkdirs(target, 0700, e) < 0)
		return -1;
	fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "cannot open %s", target);
	struct place *p = mem_new(sizeof *p);
	(void)pthread_mutex_init(&p->lock, NULL);
	p->rule = rule;
	p->made = made;
	p->max = nodes_max();
	p->meta = place_meta_new();
	p->target = fd;
	p->began = time_there(fd);
	place_sweep(fd);
	place_keep_node(p, place_node_new(bytes_of(NULL, 0), fd));
	fd = -1;
	*out = p;
	return 0;
}

void
place_free(struct place **p)
{
	if (*p == NULL)
		return;
	for (size_t i = 0; i < (*p)->n; i++)
		place_node_close(&(*p)->nodes[i]);
	free((*p)->nodes);
	place_meta_free(&(*p)->meta);
	buf_free(&(*p)->above);
	idset_free(&(*p)->met);
	(void)pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

void
place_numeric_ids(struct place *p)
{
	place_meta_numeric(p->meta);
}

struct place_counts
place_counts(struct place *p)
{
	return place_meta_counts(p->meta);
}

int
place_sync(struct place *p, struct err *e)
{
	if (syncfs(p->target) < 0)
		return err_sys(e, "cannot write to the disk");
	return 0;
}

static bool
target_equal(int at, const char *name, struct bytes target)
{
	char there[ENTRY_TARGET_MAX + 1];
	ssize_t n = readlinkat(at, name, there, sizeof there);

	return n > 0 && bytes_equal(bytes_of(there, (size_t)n), target);
}

static bool
mtime_equal(const struct stat *st, const struct entry *x)
{
	return st->st_mtim.tv_sec == x->mtime_s &&
	    st->st_mtim.tv_nsec == (long)x->mtime_ns;
}

static bool
unfinished(const struct stat *st)
{
	return S_ISREG(st->st_mode) && (st->st_mode & 07777) == PART_MODE &&
	    st->st_nlink == 1;
}

/* Equal but for owner, mode and time? */
static bool
equal_inside(
    const struct place_spot *s, const struct stat *st, const struct entry *x)
{
	if (place_type(st->st_mode) != x->type)
		return false;
	switch (x->type) {
	case ENTRY_SYMLINK:
		return target_equal(s->dir->fd, s->name, x->target);
	case ENTRY_CHARDEV:
	case ENTRY_BLOCKDEV:
		return st->st_rdev == makedev(x->rdev_major, x->rdev_minor);
	case ENTRY_REGULAR:
		return (uint64_t)st->st_size == x->size && mtime_equal(st, x) &&
		    !unfinished(st);
	default:
		return true;
	}
}

int
place_same(struct place *p, struct bytes path, const struct entry *x,
    bool *same, struct err *e)
{
	OWN(place_leave) struct place_spot s = { 0 };
	struct stat st;

	*same = path.n == 0 && x->type == ENTRY_DIRECTORY;
	if (path.n == 0)
		return 0;
	if (place_find(p, path, &s, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	if (fstatat(s.dir->fd, s.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot look at it");
	*same = equal_inside(&s, &st, x) &&
	    (x->type == ENTRY_DIRECTORY || mtime_equal(&st, x));
	return 0;
}

int
place_read(struct place *p, struct bytes path, int *fd, struct err *e)
{
	OWN(place_leave) struct place_spot s = { 0 };

	*fd = -1;
	if (place_find(p, path, &s, e) < 0)
		return -1;
	*fd = place_beneath(s.dir->fd, s.name, O_RDONLY | O_NONBLOCK, 0);
	return *fd < 0 ? place_fail(e, "cannot read what is there") : 0;
}

/* As far as its file system knows. */
static bool
was_there(const struct place_spot *s)
{
	const struct timespec *began = &s->place->began;
	struct statx st;

	if (statx(s->dir->fd, s->name, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &st) <
		0 ||
	    (st.stx_mask & STATX_BTIME) == 0)
		return false;
	const struct timespec born = { .tv_sec = st.stx_btime.tv_sec,
		.tv_nsec = st.stx_btime.tv_nsec };
	return !place_before(began, &born);
}

/*
 * Not what a clock that was wrong has dated into the future; nor another name
 * of a file of which one was replaced, which changes it.
 */
static bool
made_since(const struct place_spot *s, const struct stat *st)
{
	struct timespec now;

	return place_before(&s->place->began, &st->st_ctim) &&
	    clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	    !place_before(&now, &st->st_ctim) && !was_there(s);
}

int
place_may_replace(const struct place_spot *s, const struct entry *x,
    bool *there, struct err *e)
{
	struct stat st;

	*there = false;
	if (fstatat(s->dir->fd, s->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot look at it");
	*there = true;
	if (S_ISDIR(st.st_mode))
		return place_in_the_way(ENTRY_DIRECTORY, x->type, e);
	if (made_since(s, &st))
		return err_set(e, ERR_CONFLICT,
		    "the %s that is there was made since this began: names "
		    "that differ in case only may be one here",
		    entry_type_name(place_type(st.st_mode)));
	/* Left by a run that was cut off, or no content to lose. */
	if (unfinished(&st) ||
	    (x->type != ENTRY_REGULAR && equal_inside(s, &st, x)))
		return 0;
	if (s->place->rule == PLACE_ALWAYS)
		return 0;
	if (s->place->rule == PLACE_NEVER)
		return err_set(e, ERR_CONFLICT, "another %s is already there",
		    entry_type_name(place_type(st.st_mode)));
	if (place_older(&st, x))
		return 0;
	return err_set(e, ERR_CONFLICT, "the %s that is there is not older",
	    entry_type_name(place_type(st.st_mode)));
}

static void
part_name(char out[static 64])
{
	struct id id;

	id_random(&id);
	(void)snprintf(out, 64, PLACE_PART_PREFIX "%s", id_text(&id).s);
}

/* Make the file that is written to; its name is not the final one. */
static int
begin_part(struct place_file *f, const struct entry *x, struct err *e)
{
	part_name(f->part);
	f->fd = place_beneath(
	    f->dir->fd, f->part, O_RDWR | O_CREAT | O_EXCL, PART_MODE);
	if (f->fd < 0)
		return place_fail(e, "cannot make the file");
	(void)flock(f->fd, LOCK_EX | LOCK_NB); /* so that sweep leaves it */
	if (x->sparse)
		return ftruncate(f->fd, (off_t)x->size) == 0
		    ? 0
		    : err_sys(e, "cannot make the file that large");
	/* Learn now that the disk is full. Without the call it shows later. */
	if (x->size > PLACE_SMALL &&
	    fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)x->size) < 0 &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return err_sys(e, "cannot make the file that large");
	return 0;
}

int
place_file_begin(struct place *p, struct bytes path, const struct entry *x,
    struct place_file *f, struct err *e)
{
	OWN(place_leave) struct place_spot s = { 0 };
	bool small = x->size <= PLACE_SMALL && !x->sparse && x->xattrs.n == 0 &&
	    x->flags == 0;

	*f = (struct place_file)PLACE_FILE;
	if (place_find(p, path, &s, e) < 0)
		return -1;
	if (small) {
		f->fd = place_beneath(
		    s.dir->fd, s.name, O_RDWR | O_CREAT | O_EXCL, PART_MODE);
		if (f->fd < 0 && errno != EEXIST)
			return place_fail(e, "cannot make the file");
		f->direct = f->fd >= 0;
	}
	if (!f->direct && place_may_replace(&s, x, &f->replaces, e) < 0)
		return -1;
	f->place = p;
	f->dir = TAKE(s.dir);
	memcpy(f->name, s.name, sizeof f->name);
	if (!f->direct && begin_part(f, x, e) < 0) {
		place_file_free(f);
		return -1;
	}
	return 0;
}

/* Give the part its final name; what appeared there since stays. */
static int
move_part(
    int dirfd, const char *part, const char *name, bool replaces, struct err *e)
{
	if (replaces) {
		if (renameat(dirfd, part, dirfd, name) == 0)
			return 0;
		return err_sys(e, "cannot replace what is there");
	}
	if (renameat2(dirfd, part, dirfd, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST)
		return err_set(
		    e, ERR_CONFLICT, "something else appeared there meanwhile");
	/* Not every file system knows RENAME_NOREPLACE. */
	if (errno == EINVAL && renameat(dirfd, part, dirfd, name) == 0)
		return 0;
	return err_sys(e, "cannot give the file its name");
}

void
place_file_park(struct place_file *f)
{
	struct stat st;

	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->mode = st.st_mode;
	f->parked = true;
	fd_close(&f->fd);
	place_release(f->place, &f->dir);
}

int
place_file_resume(struct place_file *f, struct bytes path, struct err *e)
{
	OWN(place_leave) struct place_spot s = { 0 };
	OWN(fd_close) int fd = -1;
	struct stat st;

	if (place_find(f->place, path, &s, e) < 0)
		return -1;
	/* The owner may not read it: it may be written all the same. */
	fd = place_beneath(
	    s.dir->fd, f->direct ? f->name : f->part, O_WRONLY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return place_fail(e, "cannot open the file again");
	/* Its number may be another's by now; its mode is none of a file. */
	if (st.st_dev != f->dev || st.st_ino != f->ino ||
	    st.st_mode != f->mode || st.st_nlink != 1)
		return err_set(
		    e, ERR_CONFLICT, "something else appeared there meanwhile");
	if (!f->direct)
		(void)flock(fd, LOCK_EX | LOCK_NB);
	f->fd = fd;
	fd = -1;
	f->dir = TAKE(s.dir);
	f->parked = false;
	return 0;
}

int
place_file_done(struct place_file *f, const struct entry *x, struct err *e)
{
	/* The old content must not go before the new one is there. */
	if (f->replaces) {
		struct place_spot s = { .place = f->place, .dir = f->dir };
		memcpy(s.name, f->name, sizeof s.name);
		if (place_may_replace(&s, x, &f->replaces, e) < 0)
			return -1;
		if (fsync(f->fd) < 0)
			return err_sys(e, "cannot write to the disk");
	}
	if (place_meta_give(f->place->meta, f->fd, x, f->dir->acl, e) < 0)
		return -1;
	if (!f->direct &&
	    move_part(f->dir->fd, f->part, f->name, f->replaces, e) < 0)
		return -1;
	if (x->flags != 0)
		place_meta_flags(f->place->meta, f->fd, x);
	fd_close(&f->fd);
	place_release(f->place, &f->dir);
	*f = (struct place_file)PLACE_FILE;
	return 0;
}

void
place_file_free(struct place_file *f)
{
	if (f->dir != NULL && f->fd >= 0)
		(void)unlinkat(f->dir->fd, f->direct ? f->name : f->part, 0);
	fd_close(&f->fd);
	if (f->dir != NULL)
		place_release(f->place, &f->dir);
	*f = (struct place_file)PLACE_FILE;
}

/* Make a link, fifo, socket or device, bare. Sets errno. */
static int
make_bare(int dirfd, const char *name, const struct entry *x)
{
	char target[ENTRY_TARGET_MAX + 1];
	dev_t dev = makedev(x->rdev_major, x->rdev_minor);

	switch (x->type) {
	case ENTRY_SYMLINK:
		if (x->target.n > 0)
			memcpy(target, x->target.p, x->target.n);
		target[x->target.n] = '\0';
		return symlinkat(target, dirfd, name);
	case ENTRY_FIFO:
		return mknodat(dirfd, name, S_IFIFO | 0600, 0);
	case ENTRY_SOCKET:
		return mknodat(dirfd, name, S_IFSOCK | 0600, 0);
	case ENTRY_CHARDEV:
		return mknodat(dirfd, name, S_IFCHR | 0600, dev);
	default:
		return mknodat(dirfd, name, S_IFBLK | 0600, dev);
	}
}

/* Give metadata to what was just made under this name, and to nothing else. */
static int
give_bare(const struct place_spot *s, const char *name, const struct entry *x,
    struct err *e)
{
	OWN(fd_close) int fd = place_beneath(s->dir->fd, name, O_PATH, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return place_fail(e, "cannot open it");
	if (place_type(st.st_mode) != x->type || st.st_nlink != 1)
		return err_set(
		    e, ERR_CONFLICT, "something else appeared there meanwhile");
	return place_meta_give_path(s->place->meta, fd, x, s->dir->acl, e);
}

static int
place_bare(
    struct place *p, struct bytes path, const struct entry *x, struct err *e)
{
	OWN(place_leave) struct place_spot s = { 0 };
	char part[64] = "";
	bool there = false;

	if (place_find(p, path, &s, e) < 0)
		return -1;
	int rc = make_bare(s.dir->fd, s.name, x);
	if (rc < 0 && errno == EEXIST) {
		if (place_may_replace(&s, x, &there, e) < 0)
			return -1;
		part_name(part);
		rc = make_bare(s.dir->fd, part, x);
	}
	if (rc < 0)
		return err_sys(e, "cannot make it");
	const char *made = part[0] == '\0' ? s.name : part;
	if (give_bare(&s, made, x, e) < 0 ||
	    (made == part &&
		move_part(s.dir->fd, part, s.name, there, e) < 0)) {
		(void)unlinkat(s.dir->fd, made, 0);
		return -1;
	}
	return 0;
}

int
place_symlink(
    struct place *p, struct bytes path, const struct entry *x, struct err *e)
{
	return place_bare(p, path, x, e);
}

void
place_tame(struct place *p)
{
	place_meta_tame(p->meta);
}

int
place_special(
    struct place *p, struct bytes path, const struct entry *x, struct err *e)
{
	bool device = x->type == ENTRY_CHARDEV || x->type == ENTRY_BLOCKDEV;

	if (device && place_meta_tamed(p->meta))
		return 0;
	if (device && geteuid() != 0)
		return err_set(e, ERR_WRITE_INCOMPLETE,
		    "only root can make a %s", entry_type_name(x->type));
	return place_bare(p, path, x, e);
}

static bool
same_inode(const struct place_spot *a, const struct place_spot *b)
{
	struct stat x, y;

	return fstatat(a->dir->fd, a->name, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(b->dir->fd, b->name, &y, AT_SYMLINK_NOFOLLOW) == 0 &&
	    x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int
place_hardlink(struct place *p, struct bytes existing, struct bytes path,
    const struct entry *x, struct err *e)
{
	OWN(place_leave) struct place_spot from = { 0 };
	OWN(place_leave) struct place_spot to = { 0 };
	char part[64];
	bool there;

	if (place_find(p, existing, &from, e) < 0 ||
	    place_find(p, path, &to, e) < 0)
		return -1;
	if (linkat(from.dir->fd, from.name, to.dir->fd, to.name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(e, "cannot make another name of a file");
	if (same_inode(&from, &to))
		return 0;
	if (place_may_replace(&to, x, &there, e) < 0)
		return -1;
	part_name(part);
	if (linkat(from.dir->fd, from.name, to.dir->fd, part, 0) < 0)
		return err_sys(e, "cannot make another name of a file");
	if (move_part(to.dir->fd, part, to.name, there, e) < 0) {
		(void)unlinkat(to.dir->fd, part, 0);
		return -1;
	}
	return 0;
}

void
place_flags(struct place *p, struct bytes path, const struct entry *x)
{
	OWN(fd_close) int fd = -1;
	struct err ignored;

	/* What cannot be opened counts as what lost its flags. */
	(void)!place_read(p, path, &fd, &ignored);
	place_meta_flags(p->meta, fd, x);
}
