/* SPDX-License-Identifier: ISC */
/* os_tree.c: directories, moves and the exec bit. */
#include "drive/os_in.h"
#include "files/place_meta.h"
#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
os_mkdir(struct os *os, const char *path, struct os_stat *now, struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT;

	if (os_find(o, path, &s, e) < 0 || os_name_possible(o, s.name, e) < 0)
		return -1;
	if (mkdirat(s.dir, s.name, 0777) < 0)
		return os_fail(o, s.name, "cannot make the folder", e);
	os_note(&o->changed, s.dir, false);
	if (os_look(o, s.dir, s.name, now, NULL) < 0)
		return os_fail(o, NULL, "cannot look at the folder", e);
	return now->type == NODE_DIR
	    ? 0
	    : os_conflict("something took the folder's place", e);
}

/* Open what is expected there, only to know it again. */
static int
open_expected(const struct os_posix *o, const struct os_spot *s,
    const struct os_stat *expect, int *fd, struct os_stat *st, struct err *e)
{
	*fd = openat(s->dir, s->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT)
		return os_conflict("it is gone", e);
	if (*fd < 0 || os_look(o, *fd, "", st, NULL) < 0)
		return os_fail(o, NULL, "cannot look at it", e);
	if (st->mount || !os_expected(expect, st))
		return os_conflict("it is not what was expected", e);
	return 0;
}

/* Rename what was opened, and see that it was that. */
static int
move_it(const struct os_posix *o, const struct os_spot *s, int to_dir,
    const char *to, const struct os_stat *was, struct err *e)
{
	struct os_stat st;

	if (os_rename_new(o, s->dir, s->name, to_dir, to) < 0)
		return errno == ENOENT ? os_conflict("it is gone", e)
				       : os_fail(o, to, "cannot move it", e);
	if (os_look(o, to_dir, to, &st, NULL) < 0 || os_still(was, &st))
		return 0; /* gone: somebody went on with it */
	/* Theirs is at the old path again, or a new one is there already. */
	os_rename_back(o, to_dir, to, s->dir, s->name);
	return os_conflict("it changed meanwhile", e);
}

/* A second name of the object itself: on a disk that folds names. */
static bool
is_itself(const struct os_posix *o, const struct os_spot *to,
    const struct os_stat *was)
{
	struct os_stat st;

	return (o->fs.folds || o->fs.normalizes) &&
	    os_look(o, to->dir, to->name, &st, NULL) == 0 && os_still(was, &st);
}

/* By a third name, since the first and the second are one to the kernel. */
static int
move_folded(const struct os_posix *o, const struct os_spot *from,
    const struct os_spot *to, const struct os_stat *was, struct err *e)
{
	const struct os_spot aside = { o->part, OS_ASIDE "folded" };

	if (move_it(o, from, aside.dir, aside.name, was, e) < 0)
		return -1;
	if (move_it(o, &aside, to->dir, to->name, was, e) == 0)
		return 0;
	os_rename_back(o, aside.dir, aside.name, from->dir, from->name);
	return -1;
}

int
os_move(struct os *os, const char *from, const char *to,
    const struct os_stat *expect, struct os_stat *now, struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT, t = OS_SPOT;
	OWN(fd_close) int fd = -1;
	struct os_stat was = { 0 };
	size_t n = strlen(from);

	if (strncmp(from, to, n) == 0 && to[n] == '/')
		return os_conflict("a folder cannot go into itself", e);
	if (os_find(o, from, &s, e) < 0 || os_find(o, to, &t, e) < 0 ||
	    os_name_possible(o, t.name, e) < 0 ||
	    open_expected(o, &s, expect, &fd, &was, e) < 0)
		return -1;
	int rc = is_itself(o, &t, &was)
	    ? move_folded(o, &s, &t, &was, e)
	    : move_it(o, &s, t.dir, t.name, &was, e);
	if (rc < 0)
		return -1;
	os_note(&o->changed, s.dir, false);
	os_note(&o->changed, t.dir, false);
	return os_now(o, fd, &was, now, e);
}

int
os_aside(struct os *os, const char *path, const char *part,
    const struct os_stat *expect, struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT;
	OWN(fd_close) int fd = -1;
	struct os_stat was = { 0 };

	assert(strncmp(part, OS_ASIDE, sizeof OS_ASIDE - 1) == 0);
	if (os_find(o, path, &s, e) < 0 ||
	    open_expected(o, &s, expect, &fd, &was, e) < 0 ||
	    move_it(o, &s, o->part, part, &was, e) < 0)
		return -1;
	os_note(&o->changed, s.dir, false);
	os_note(&o->changed, o->part, false);
	return 0;
}

int
os_set_exec(struct os *os, const char *path, bool exec,
    const struct os_stat *expect, struct os_stat *now, struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT;
	OWN(fd_close) int fd = -1;
	struct os_stat was = { 0 };
	struct stat st;

	if (os_find(o, path, &s, e) < 0 ||
	    open_expected(o, &s, expect, &fd, &was, e) < 0)
		return -1;
	if (was.type != NODE_FILE)
		return os_conflict("it is no file", e);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at it");
	/* Set-id bits go: they were for who could run it before. */
	mode_t mode = os_mode(st.st_mode & 0777, exec);
	if (was.exec != exec && place_meta_chmod(fd, mode) < 0)
		return err_sys(e, "cannot change who may run it");
	os_note(&o->changed, fd, false);
	return os_now(o, fd, &was, now, e);
}

int
os_rmdir(struct os *os, const char *path, const struct os_stat *expect,
    struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT;
	OWN(fd_close) int fd = -1;
	struct os_stat was = { 0 };

	if (os_find(o, path, &s, e) < 0 ||
	    open_expected(o, &s, expect, &fd, &was, e) < 0)
		return -1;
	if (unlinkat(s.dir, s.name, AT_REMOVEDIR) == 0) {
		os_note(&o->changed, s.dir, false);
		return 0;
	}
	if (errno == ENOTEMPTY || errno == EEXIST)
		return err_set(
		    e, ERR_DRIVE_NOT_EMPTY, "there is something in the folder");
	return errno == ENOENT ? os_conflict("it is gone", e)
			       : os_fail(o, NULL, "cannot remove it", e);
}
