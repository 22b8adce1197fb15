/* SPDX-License-Identifier: ISC */
/* os_place.c: parts and links given their names, and what was there kept. */
#include "drive/os_in.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACK_TRIES 16 /* with a program that makes and removes the name */

/* What is to have a name, and where. */
struct placing {
	struct os_posix *o;
	struct os_spot at;
	const char *part; /* its name in part/ */
	int fd; /* of the part, that only passes through */
	struct os_stat was;
};

static void
placing_free(struct placing *p)
{
	fd_close(&p->fd);
	os_leave(&p->at);
}

/* The part is in gone/ and does not belong there. */
static void
part_back(const struct placing *p, const char *gone)
{
	struct os_stat st;
	int saved = errno;

	/* A part that somebody wrote to while it had the name is theirs. */
	if (os_look(p->o, p->o->gone, gone, &st, NULL) == 0 &&
	    os_still(&p->was, &st))
		os_rename_back(p->o, p->o->gone, gone, p->o->part, p->part);
	errno = saved;
}

/* What came out is not what was expected: put it back. */
static int
undo(const struct placing *p, const char *gone, struct err *e)
{
	const struct os_posix *o = p->o;

	for (int i = 0; i < BACK_TRIES; i++) {
		if (renameat2(o->gone, gone, p->at.dir, p->at.name,
			RENAME_EXCHANGE) == 0) {
			part_back(p, gone);
			break;
		}
		/* Somebody removed what they saw there. */
		if (errno != ENOENT ||
		    os_rename_new(o, o->gone, gone, p->at.dir, p->at.name) ==
			0 ||
		    errno != EEXIST)
			break;
	}
	return os_conflict("it changed meanwhile", e);
}

/* The two change places, and then it is looked at what came out. */
static int
exchange(const struct placing *p, const struct os_stat *was,
    const struct statx *raw, struct err *e)
{
	const struct os_posix *o = p->o;
	struct os_stat st;
	struct statx got;
	char gone[OS_NAME];

	if (os_to_gone(o, o->part, p->part, was, p->at.name, gone) < 0)
		return os_fail(o, NULL, "cannot prepare the exchange", e);
	if (renameat2(o->gone, gone, p->at.dir, p->at.name, RENAME_EXCHANGE) <
	    0) {
		part_back(p, gone);
		return errno == ENOENT
		    ? os_conflict("what should be replaced is gone", e)
		    : os_fail(o, p->at.name, "cannot replace it", e);
	}
	if (os_look(o, o->gone, gone, &st, &got) == 0 && os_still(was, &st) &&
	    got.stx_mode == raw->stx_mode && got.stx_uid == raw->stx_uid &&
	    got.stx_gid == raw->stx_gid)
		return 0;
	return undo(p, gone, e);
}

/* Without RENAME_EXCHANGE: the old one goes first, and comes back. */
static int
one_by_one(const struct placing *p, const struct os_stat *was, struct err *e)
{
	const struct os_posix *o = p->o;
	struct os_stat st;
	char gone[OS_NAME];

	if (os_to_gone(o, p->at.dir, p->at.name, was, p->at.name, gone) < 0)
		return errno == ENOENT
		    ? os_conflict("what should be replaced is gone", e)
		    : os_fail(o, NULL, "cannot replace it", e);
	if (os_look(o, o->gone, gone, &st, NULL) < 0 || !os_still(was, &st)) {
		os_rename_back(o, o->gone, gone, p->at.dir, p->at.name);
		return os_conflict("it changed meanwhile", e);
	}
	if (os_rename_new(o, o->part, p->part, p->at.dir, p->at.name) == 0)
		return 0;
	os_rename_back(o, o->gone, gone, p->at.dir, p->at.name);
	return os_fail(o, p->at.name, "cannot give the file its name", e);
}

static int
replace(const struct placing *p, const struct os_stat *expect, struct err *e)
{
	OWN(fd_close) int old = -1;
	struct os_stat st;
	struct statx raw;

	old = openat(p->at.dir, p->at.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (old < 0 && errno == ENOENT)
		return os_conflict("what should be replaced is gone", e);
	if (old < 0 || os_look(p->o, old, "", &st, &raw) < 0)
		return os_fail(p->o, NULL, "cannot look at what is there", e);
	if (!os_expected(expect, &st) ||
	    (st.type != NODE_FILE && st.type != NODE_SYMLINK))
		return os_conflict("it is not what was expected", e);
	if (st.type == NODE_FILE && p->was.type == NODE_FILE &&
	    os_keep_meta(old, &raw, p->fd, p->was.exec, e) < 0)
		return -1;
	return p->o->no_exchange ? one_by_one(p, &st, e)
				 : exchange(p, &st, &raw, e);
}

static int
give_name(struct placing *p, const char *path, const struct os_stat *expect,
    struct os_stat *now, struct err *e)
{
	struct os_posix *o = p->o;

	if (os_find(o, path, &p->at, e) < 0 ||
	    os_name_possible(o, p->at.name, e) < 0)
		return -1;
	p->fd = openat(o->part, p->part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (p->fd < 0 || os_look(o, p->fd, "", &p->was, NULL) < 0)
		return os_fail(o, NULL, "cannot open the part", e);
	if (expect != NULL) {
		if (replace(p, expect, e) < 0)
			return -1;
		os_note(&o->changed, o->gone, false);
	} else {
		if (p->was.type == NODE_FILE &&
		    strncmp(p->part, OS_ASIDE, sizeof OS_ASIDE - 1) != 0 &&
		    os_inherit(p->at.dir, p->fd, p->was.exec, e) < 0)
			return -1;
		if (os_rename_new(o, o->part, p->part, p->at.dir, p->at.name) <
		    0)
			return os_fail(
			    o, p->at.name, "cannot give it its name", e);
	}
	os_note(&o->changed, p->at.dir, false);
	os_note(&o->changed, o->part, false);
	return os_now(o, p->fd, &p->was, now, e);
}

int
os_place(struct os *os, const char *part, const char *path,
    const struct os_stat *expect, struct os_stat *now, struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	OWN(placing_free)
	struct placing p = { .o = o, .at = OS_SPOT, .part = part, .fd = -1 };

	if (os_flush(o, &o->filled, e) < 0)
		return -1;
	return give_name(&p, path, expect, now, e);
}

int
os_symlink(struct os *os, const char *target, const char *path,
    const struct os_stat *expect, struct os_stat *now, struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	struct id id;
	char part[ID_TEXT + 8];

	if (o->fs.no_symlinks)
		return err_set(e, ERR_NAME_NOT_POSSIBLE,
		    "this file system holds no links");
	id_random(&id);
	(void)snprintf(part, sizeof part, "link-%s", id_text(&id).s);
	OWN(placing_free)
	struct placing p = { .o = o, .at = OS_SPOT, .part = part, .fd = -1 };
	if (symlinkat(target, o->part, part) < 0)
		return os_fail(o, NULL, "cannot make the link", e);
	if (give_name(&p, path, expect, now, e) == 0)
		return 0;
	(void)unlinkat(o->part, part, 0);
	return -1;
}
