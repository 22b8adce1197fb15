/* SPDX-License-Identifier: ISC */
/* place_rule.c: what is there already, and may it be replaced? */
#include "files/place_in.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

bool
place_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	    (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

bool
place_older(const struct stat *st, const struct entry *x)
{
	const struct timespec t = { x->mtime_s, (long)x->mtime_ns };

	return place_before(&st->st_mtim, &t);
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
	return S_ISREG(st->st_mode) &&
	    (st->st_mode & 07777) == PLACE_PART_MODE && st->st_nlink == 1;
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
	return *fd < 0 ? beneath_fail(e, "cannot read what is there") : 0;
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
