/* SPDX-License-Identifier: ISC */
/* os_gone.c: what was removed or replaced, and waits in gone/. */
/*
 * A name there is when it came, and what it was expected to be:
 *
 *   ms since 1970 (12 hex digits) | inode (16) | mtime in ns (16)
 *   | size (12) | "-" | the name it had, cut at a character
 */
#include "drive/os_in.h"
#include "base/file.h"
#include "base/now.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE_DIGITS UINT64_C(0xffffffffffff)
#define MS_DIGITS 12
#define NAME_TRIES 1000 /* names of one millisecond */

static int
name_as(const struct os_stat *as, int64_t ms, char out[static OS_NAME])
{
	return snprintf(out, OS_NAME,
	    "%012" PRIx64 "%016" PRIx64 "%016" PRIx64 "%012" PRIx64 "-",
	    (uint64_t)ms & SIZE_DIGITS, as->is.ino, (uint64_t)as->is.mtime_ns,
	    as->is.size & SIZE_DIGITS);
}

static void
gone_name(const struct os_posix *o, int64_t ms, const struct os_stat *as,
    const char *name, char out[static OS_NAME])
{
	size_t head = (size_t)name_as(as, ms, out), n = strlen(name);

	if (head + n > o->fs.name_max) {
		n = o->fs.name_max > head ? o->fs.name_max - head : 0;
		while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(out + head, name, n);
	out[head + n] = '\0';
}

int
os_to_gone(const struct os_posix *o, int dir, const char *from,
    const struct os_stat *as, const char *name, char gone[static OS_NAME])
{
	int64_t ms = now_ms();

	for (int i = 0;; i++, ms++) {
		gone_name(o, ms, as, name, gone);
		if (os_rename_new(o, dir, from, o->gone, gone) == 0)
			return 0;
		if (errno != EEXIST || i == NAME_TRIES)
			return -1;
	}
}

/* When it came, by its name; -1: not a name of ours. */
static int64_t
came_ms(const char *name)
{
	char ms[MS_DIGITS + 1] = "";

	if (strlen(name) < OS_GONE_HEAD || name[OS_GONE_HEAD - 1] != '-' ||
	    strspn(name, "0123456789abcdef") != OS_GONE_HEAD - 1)
		return -1;
	memcpy(ms, name, MS_DIGITS);
	return (int64_t)strtoull(ms, NULL, 16);
}

/* Is it what its name says that it should be? */
static bool
as_named(const struct os_posix *o, const char *name, const struct os_stat *st)
{
	char head[OS_NAME];
	int64_t ms = came_ms(name);

	if (ms < 0 || (st->type != NODE_FILE && st->type != NODE_SYMLINK))
		return false;
	/* Within one tick, a write after it came may leave no trace. Times may
	 * be any: of ms no difference is too large. */
	if (st->type == NODE_FILE &&
	    llabs(ms - st->is.mtime_ns / 1000000) <=
		o->granule_ns / 1000000 + 1)
		return false;
	int n = name_as(st, ms, head);
	return bytes_equal(
	    bytes_of(name, (size_t)n), bytes_of(head, (size_t)n));
}

/* Does a program have it open to write? No lease is given for such. */
static bool
open_to_write(int dir, const char *name, const struct os_stat *st)
{
	OWN(fd_close) int fd = -1;

	if (st->type != NODE_FILE)
		return false;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	/* Broken within its microseconds, it sends what is ignored. */
	return fd >= 0 && fcntl(fd, F_SETSIG, SIGURG) == 0 &&
	    fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;
}

bool
os_in_use(struct os *os, const char *path)
{
	struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT;
	struct os_stat st;
	struct err ignored;

	return os_find(o, path, &s, &ignored) == 0 &&
	    os_look(o, s.dir, s.name, &st, NULL) == 0 &&
	    open_to_write(s.dir, s.name, &st);
}

int
os_remove(struct os *os, const char *path, const struct os_stat *expect,
    struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT;
	struct os_stat was, st;
	char gone[OS_NAME];

	if (os_find(o, path, &s, e) < 0)
		return -1;
	if (os_look(o, s.dir, s.name, &was, NULL) < 0)
		return errno == ENOENT
		    ? os_conflict("it is gone", e)
		    : os_fail(o, NULL, "cannot look at it", e);
	if (!os_expected(expect, &was) ||
	    (was.type != NODE_FILE && was.type != NODE_SYMLINK))
		return os_conflict("it is not what was expected", e);
	if (os_to_gone(o, s.dir, s.name, &was, s.name, gone) < 0)
		return errno == ENOENT
		    ? os_conflict("it is gone", e)
		    : os_fail(o, NULL, "cannot remove it", e);
	os_note(&o->changed, s.dir, false);
	os_note(&o->changed, o->gone, false);
	if (os_look(o, o->gone, gone, &st, NULL) == 0 && os_still(&was, &st))
		return 0;
	/* Where a new one is there already, it stays, and is not as named. */
	os_rename_back(o, o->gone, gone, s.dir, s.name);
	return os_conflict("it changed meanwhile", e);
}

struct sweep {
	struct os_posix *o;
	int64_t now_ms, age_ms;
	os_list_fn fn;
	void *ctx;
};

static int
sweep_one(void *ctx, struct bytes x, const struct os_stat *st, struct err *e)
{
	const struct sweep *s = ctx;
	const char *name = (const char *)x.p;
	int64_t came = came_ms(name);

	if (came >= 0 && came > s->now_ms - s->age_ms)
		return 0;
	if (!as_named(s->o, name, st))
		return s->fn(s->ctx, x, st, e);
	/* Who closed it before this look is seen by the next. */
	struct os_stat again;
	if (open_to_write(s->o->gone, name, st) ||
	    os_look(s->o, s->o->gone, name, &again, NULL) < 0)
		return 0;
	if (!as_named(s->o, name, &again))
		return s->fn(s->ctx, x, &again, e);
	if (unlinkat(s->o->gone, name, 0) < 0)
		return err_sys(e, "cannot remove what is gone");
	return 0;
}

int
os_gone_sweep(
    struct os *os, int64_t age_ms, os_list_fn fn, void *ctx, struct err *e)
{
	struct sweep s = {
		.o = os_posix_of(os),
		.now_ms = now_ms(),
		.age_ms = age_ms,
		.fn = fn,
		.ctx = ctx,
	};
	bool whole;

	/* What took its place is on the disk before it goes. */
	if (os_sync(os, e) < 0)
		return -1;
	return os_list_fd(s.o, s.o->gone, sweep_one, &s, &whole, e);
}

int
os_gone_drop(struct os *os, const char *name, const struct os_stat *expect,
    struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	struct os_stat st;

	if (os_sync(os, e) < 0)
		return -1;
	if (os_look(o, o->gone, name, &st, NULL) < 0)
		return err_sys(e, "cannot look at it");
	if (st.type == NODE_DIR || open_to_write(o->gone, name, &st) ||
	    os_look(o, o->gone, name, &st, NULL) < 0 ||
	    !os_expected(expect, &st))
		return os_conflict("it is not what was expected", e);
	if (unlinkat(o->gone, name, 0) < 0)
		return err_sys(e, "cannot remove what is gone");
	return 0;
}

int
os_gone_back(struct os *os, const char *name, const char *path,
    struct os_stat *now, struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT;
	OWN(fd_close) int fd = -1;
	struct os_stat was;

	if (os_find(o, path, &s, e) < 0 || os_name_possible(o, s.name, e) < 0)
		return -1;
	fd = openat(o->gone, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || os_look(o, fd, "", &was, NULL) < 0)
		return os_fail(o, NULL, "cannot look at it", e);
	if (os_rename_new(o, o->gone, name, s.dir, s.name) < 0)
		return os_fail(o, s.name, "cannot put it back", e);
	os_note(&o->changed, s.dir, false);
	os_note(&o->changed, o->gone, false);
	return os_now(o, fd, &was, now, e);
}

int
os_leftovers(struct os *os, bool gone, os_list_fn fn, void *ctx, struct err *e)
{
	const struct os_posix *o = os_posix_of(os);
	bool whole;

	return os_list_fd(o, gone ? o->gone : o->part, fn, ctx, &whole, e);
}
