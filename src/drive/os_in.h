/* SPDX-License-Identifier: ISC */
/* os_in.h: what the files of os share; for os_*.c only. */
#pragma once

#include "drive/os.h"

#include <pthread.h>
#include <sys/stat.h>

/* So many are waited for one by one; of more, the whole file system is. */
#define OS_NOTED 64
#define OS_NAME (NODE_NAME_MAX + 1)

/* What has changed and may not be on the disk yet. */
struct os_noted {
	pthread_mutex_t lock;
	size_t n;
	bool many; /* more than those */
	struct {
		int fd; /* owned */
		ino_t ino;
	} is[OS_NOTED];
};

struct os_posix {
	struct os os;
	int root, own, part, gone; /* directories */
	ino_t inos[3]; /* of own, part, gone */
	dev_t dev;
	uint64_t mount; /* number of the mount; 0: the kernel knows none */
	mode_t mode; /* of a new file */
	struct plan_fs fs;
	char banned[48];
	int64_t granule_ns;
	bool no_exchange, no_noreplace;
	struct os_noted filled; /* parts that were ended */
	struct os_noted changed; /* directories, and what others wrote */
};

/* Where an object is. */
struct os_spot {
	int dir; /* owned */
	const char *name; /* of the path */
};

#define OS_SPOT \
	{ \
		.dir = -1, .name = "" \
	}

/* ---- os_way.c ---- */

/* For the first argument of all calls of os.h. */
struct os_posix *os_posix_of(struct os *o);

/* An error of errno; `name` is one that was to be made, or NULL. */
MUST_CHECK int os_fail(const struct os_posix *o, const char *name,
    const char *what, struct err *e);
/* Always returns -1. */
MUST_CHECK int os_conflict(const char *what, struct err *e);

/* Open what is at a path, of any length; "" is the root. Sets errno. */
MUST_CHECK int os_open(const struct os_posix *o, const char *path, int flags);
/* Open the directory that a path is in, for OWN(os_leave). */
MUST_CHECK int os_find(const struct os_posix *o, const char *path,
    struct os_spot *s, struct err *e);
void os_leave(struct os_spot *s);

/* What is there, "" for `dir` itself. Sets errno. */
MUST_CHECK int os_look(const struct os_posix *o, int dir, const char *name,
    struct os_stat *st, struct statx *raw);
/* Is it what is expected; and is it still that, after it was renamed? */
bool os_expected(const struct os_stat *want, const struct os_stat *st);
bool os_still(const struct os_stat *was, const struct os_stat *st);

/* Rename to what is not there. Sets errno. */
MUST_CHECK int os_rename_new(const struct os_posix *o, int from_dir,
    const char *from, int to_dir, const char *to);
/* Back where it was, unless something is there now. Keeps errno. */
void os_rename_back(const struct os_posix *o, int from_dir, const char *from,
    int to_dir, const char *to);
/* Can this file system hold the name? */
MUST_CHECK int os_name_possible(
    const struct os_posix *o, const char *name, struct err *e);
/* As it was before it got its name, but for the ctime. */
MUST_CHECK int os_now(const struct os_posix *o, int fd,
    const struct os_stat *was, struct os_stat *now, struct err *e);

/* ---- os_list.c ---- */

/* List an open directory; what OS_OWN is, is left out. */
MUST_CHECK int os_list_fd(const struct os_posix *o, int fd, os_list_fn fn,
    void *ctx, bool *whole, struct err *e);
MUST_CHECK int os_list(struct os *os, const char *path, os_list_fn fn,
    void *ctx, bool *whole, struct err *e);

/* ---- os_sync.c ---- */

/* It has changed; takes a copy of fd, or with `take` itself. */
void os_note(struct os_noted *x, int fd, bool take);
/* Wait until what was noted is on the disk. */
MUST_CHECK int os_flush(
    const struct os_posix *o, struct os_noted *x, struct err *e);
bool os_sync_also(
    struct os *os, const char *path, const struct os_stat *expect);
MUST_CHECK int os_sync(struct os *os, struct err *e);
void os_noted_free(struct os_noted *x);

/* ---- os_part.c: as in os.h ---- */

/* Calls of the table. */
MUST_CHECK int os_part_open(struct os *os, const char *name, uint64_t size,
    uint64_t *have, struct os_part **out, struct err *e);
MUST_CHECK int os_part_put(
    struct os_part *p, uint64_t offset, struct bytes x, struct err *e);
MUST_CHECK int os_part_read(
    struct os_part *p, uint64_t offset, void *to, size_t n, struct err *e);
MUST_CHECK int os_part_end(struct os_part **p, uint64_t size, bool exec,
    bool secret, int64_t mtime_ns, struct err *e);
void os_part_abort(struct os_part **p, bool keep);
MUST_CHECK int os_part_drop(struct os *os, const char *name, struct err *e);
uint64_t os_room(struct os *os);

/* ---- os_meta.c ---- */

/* The mode with the x bits as they shall be. */
mode_t os_mode(mode_t mode, bool exec);
/* Give the new file what the old one had: mode, owner, attributes. */
MUST_CHECK int os_keep_meta(
    int old, const struct statx *was, int fd, bool exec, struct err *e);
/* What a program's new file would have from its directory. */
MUST_CHECK int os_inherit(int dir, int fd, bool exec, struct err *e);

/* ---- os_place.c: as in os.h ---- */

/* Calls of the table. */
MUST_CHECK int os_place(struct os *os, const char *part, const char *path,
    const struct os_stat *expect, struct os_stat *now, struct err *e);
MUST_CHECK int os_symlink(struct os *os, const char *target, const char *path,
    const struct os_stat *expect, struct os_stat *now, struct err *e);

/* ---- os_tree.c: as in os.h ---- */

/* Calls of the table. */
MUST_CHECK int os_mkdir(
    struct os *os, const char *path, struct os_stat *now, struct err *e);
MUST_CHECK int os_move(struct os *os, const char *from, const char *to,
    const struct os_stat *expect, struct os_stat *now, struct err *e);
MUST_CHECK int os_aside(struct os *os, const char *path, const char *part,
    const struct os_stat *expect, struct err *e);
MUST_CHECK int os_set_exec(struct os *os, const char *path, bool exec,
    const struct os_stat *expect, struct os_stat *now, struct err *e);
MUST_CHECK int os_rmdir(struct os *os, const char *path,
    const struct os_stat *expect, struct err *e);

/* ---- os_gone.c ---- */

/* Rename into gone/, under a name that says what it should be. Sets errno. */
MUST_CHECK int os_to_gone(const struct os_posix *o, int dir, const char *from,
    const struct os_stat *as, const char *name, char gone[static OS_NAME]);
bool os_in_use(struct os *os, const char *path);
MUST_CHECK int os_remove(struct os *os, const char *path,
    const struct os_stat *expect, struct err *e);
MUST_CHECK int os_gone_sweep(
    struct os *os, int64_t age_ms, os_list_fn fn, void *ctx, struct err *e);
MUST_CHECK int os_gone_drop(struct os *os, const char *name,
    const struct os_stat *expect, struct err *e);
MUST_CHECK int os_gone_back(struct os *os, const char *name, const char *path,
    struct os_stat *now, struct err *e);
MUST_CHECK int os_leftovers(
    struct os *os, bool gone, os_list_fn fn, void *ctx, struct err *e);

/* ---- os_probe.c ---- */

/* Try out what the file system can, in part/. */
MUST_CHECK int os_probe(struct os_posix *o, struct err *e);
