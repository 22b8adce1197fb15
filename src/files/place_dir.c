/* SPDX-License-Identifier: ISC */
/* place_dir.c: directories made, taken as they are, and finished. */
#include "files/place_in.h"

#include "base/file.h"
#include "wire/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DIR_MODE 01700 /* of a directory that is not finished */

/* Of directories side by side, two names may not mean one. */
static int
meet(struct place *p, struct bytes path, const struct stat *st, struct err *e)
{
	const uint8_t *slash = memrchr(path.p, '/', path.n);
	struct bytes above =
	    bytes_of(path.p, slash == NULL ? 0 : (size_t)(slash - path.p));
	OWN(buf_free) struct buf text = { 0 };
	struct digest hash;

	if (!bytes_equal(above, buf_bytes(&p->above)) || p->met.n == 0) {
		idset_free(&p->met);
		buf_clear(&p->above);
		buf_put_bytes(&p->above, above);
	}
	buf_put_u64(&text, st->st_dev);
	buf_put_u64(&text, st->st_ino);
	digest_of(buf_bytes(&text), &hash);
	if (idset_add(&p->met, hash.b))
		return 0;
	return err_set(e, ERR_CONFLICT,
	    "a directory whose name differs in case only is the same here");
}

/* Made by a run that was cut off? */
static bool
unfinished_dir(const struct stat *st)
{
	/* A parent with that bit gives it on. */
	return (st->st_mode & 07777 & ~(mode_t)S_ISGID) == DIR_MODE &&
	    st->st_uid == geteuid();
}

/* What the directory above gives on is not the backup's. */
static int
made_dir(int fd, bool acl, struct err *e)
{
	if (acl) {
		place_meta_no_acl(fd);
		if (place_meta_chmod(fd, DIR_MODE) < 0)
			return err_sys(e, "cannot open up the directory");
	}
	return 0;
}

static int
take_dir(struct place *p, struct bytes path, int fd, const struct entry *x,
    struct place_dir *d, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return beneath_fail(e, "cannot open the directory");
	d->mode = st.st_mode & 07777;
	d->mtime = st.st_mtim;
	d->there = !unfinished_dir(&st);
	d->kept = d->there &&
	    (path.n == 0 || p->rule == PLACE_NEVER ||
		(p->rule == PLACE_OLDER && !place_older(&st, x)));
	if (path.n > 0 && meet(p, path, &st, e) < 0)
		return -1;
	if (st.st_uid == geteuid() && (st.st_mode & 0700) != 0700) {
		if (place_meta_chmod(fd, d->mode | 0700) < 0)
			return err_sys(e, "cannot open up the directory");
		d->opened = true;
	}
	place_sweep(fd);
	return 0;
}

static int
place_target(
    struct place *p, const struct entry *x, struct place_dir *d, struct err *e)
{
	if (!p->made)
		return take_dir(p, bytes_str(""), p->target, x, d, e);
	if (fchmod(p->target, DIR_MODE) < 0)
		return err_sys(e, "cannot open up the directory");
	return made_dir(p->target, true, e);
}

/*
 * Make a directory, or open the one that is there. What stands there instead
 * goes where the rule lets it be replaced, but for a link: it may be the way to
 * where somebody keeps what belongs below it.
 */
static int
make_dir(const struct place_spot *s, const struct entry *x, bool *made, int *fd,
    struct err *e)
{
	struct stat st;
	bool there;

	*made = mkdirat(s->dir->fd, s->name, DIR_MODE) == 0;
	if (!*made && errno == EEXIST &&
	    fstatat(s->dir->fd, s->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISDIR(st.st_mode)) {
		if (S_ISLNK(st.st_mode) ||
		    place_may_replace(s, x, &there, e) < 0)
			return place_in_the_way(
			    place_type(st.st_mode), ENTRY_DIRECTORY, e);
		if (unlinkat(s->dir->fd, s->name, 0) < 0)
			return err_sys(e, "cannot replace what is there");
		*made = mkdirat(s->dir->fd, s->name, DIR_MODE) == 0;
	}
	if (!*made && errno != EEXIST)
		return err_sys(e, "cannot make the directory");
	*fd = place_beneath(s->dir->fd, s->name, O_PATH | O_DIRECTORY, 0);
	return *fd < 0 ? beneath_fail(e, "cannot open the directory") : 0;
}

int
place_dir(struct place *p, struct bytes path, const struct entry *x,
    struct place_dir *d, struct err *e)
{
	OWN(place_leave) struct place_spot s = { 0 };
	OWN(fd_close) int fd = -1;
	struct stat st;
	bool made;

	*d = (struct place_dir){ 0 };
	if (path.n == 0)
		return place_target(p, x, d, e);
	if (place_find(p, path, &s, e) < 0)
		return -1;
	if (make_dir(&s, x, &made, &fd, e) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return beneath_fail(e, "cannot open the directory");
	if (!made)
		return take_dir(p, path, fd, x, d, e);
	return meet(p, path, &st, e) < 0 ? -1 : made_dir(fd, s.dir->acl, e);
}

/* Open a directory that is there, "" the target. */
static int
reopen_dir(struct place *p, struct bytes path, int *fd, struct err *e)
{
	OWN(place_leave) struct place_spot s = { 0 };
	int at = p->target;

	if (path.n > 0) {
		if (place_find(p, path, &s, e) < 0)
			return -1;
		at = s.dir->fd;
	}
	*fd = place_beneath(
	    at, path.n > 0 ? s.name : ".", O_RDONLY | O_DIRECTORY, 0);
	return *fd < 0 ? beneath_fail(e, "cannot open the directory") : 0;
}

/* A directory that keeps its own is as it was. */
static void
leave_dir(int fd, const struct place_dir *d)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		d->mtime };

	struct stat st;

	if (fstat(fd, &st) == 0 &&
	    (place_before(&st.st_mtim, &d->mtime) ||
		place_before(&d->mtime, &st.st_mtim)))
		(void)futimens(fd, times); /* not ours: they see it change */
	if (d->opened)
		(void)fchmod(fd, d->mode);
}

int
place_dir_done(struct place *p, struct bytes path, const struct entry *x,
    const struct place_dir *d, struct err *e)
{
	OWN(fd_close) int fd = -1;

	if (reopen_dir(p, path, &fd, e) < 0)
		return d->kept && !d->opened ? 0 : -1;
	if (d->kept) {
		leave_dir(fd, d);
		return 0;
	}
	if (d->there)
		place_meta_clear(fd, x);
	if (place_meta_give(p->meta, fd, x, false, e) < 0)
		return -1;
	place_meta_flags(p->meta, fd, x);
	return 0;
}
