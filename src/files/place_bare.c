/* SPDX-License-Identifier: ISC */
/* place_bare.c: objects without content, and further names of files. */
#include "files/place_in.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

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
		return beneath_fail(e, "cannot open it");
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
		place_part_name(part);
		rc = make_bare(s.dir->fd, part, x);
	}
	if (rc < 0)
		return err_sys(e, "cannot make it");
	const char *made = part[0] == '\0' ? s.name : part;
	if (give_bare(&s, made, x, e) < 0 ||
	    (made == part &&
		place_part_move(s.dir->fd, part, s.name, there, e) < 0)) {
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
	place_part_name(part);
	if (linkat(from.dir->fd, from.name, to.dir->fd, part, 0) < 0)
		return err_sys(e, "cannot make another name of a file");
	if (place_part_move(to.dir->fd, part, to.name, there, e) < 0) {
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
