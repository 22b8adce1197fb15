/* SPDX-License-Identifier: ISC */
/* place_file.c: files begun, written and given their names. */
#include "files/place_in.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Make the file that is written to; its name is not the final one. */
static int
begin_part(struct place_file *f, const struct entry *x, struct err *e)
{
	place_part_name(f->part);
	f->fd = place_beneath(
	    f->dir->fd, f->part, O_RDWR | O_CREAT | O_EXCL, PLACE_PART_MODE);
	if (f->fd < 0)
		return beneath_fail(e, "cannot make the file");
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
		f->fd = place_beneath(s.dir->fd, s.name,
		    O_RDWR | O_CREAT | O_EXCL, PLACE_PART_MODE);
		if (f->fd < 0 && errno != EEXIST)
			return beneath_fail(e, "cannot make the file");
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
		return beneath_fail(e, "cannot open the file again");
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
	    place_part_move(f->dir->fd, f->part, f->name, f->replaces, e) < 0)
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
