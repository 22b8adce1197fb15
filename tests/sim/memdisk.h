/* SPDX-License-Identifier: ISC */
/* memdisk.h: a disk of memory behind os.h, and the users who work on it. */
/*
 * What a user does is done by memdisk_* with paths relative to the root; what
 * the Drive does by struct os. Both see one disk. Calls of users return false
 * where a real one would fail. Everything is repeatable: time stands until it
 * is moved, and what is random follows from the seed.
 */
#pragma once

#include "drive/os.h"

struct memdisk_kind {
	struct plan_fs fs;
	int64_t granule_ns; /* of times; 0: 1 ns */
	bool no_btime;
	bool new_inodes; /* numbers are not used again at once */
	uint64_t room; /* bytes of all files; 0: no end */
	uint64_t seed;
};

struct memdisk;

struct memdisk *memdisk_new(const struct memdisk_kind *kind);
void memdisk_free(struct memdisk **d);
struct os *memdisk_os(struct memdisk *d);

int64_t memdisk_now(const struct memdisk *d);
void memdisk_wait(struct memdisk *d, int64_t ns);

/* ---- users ---- */

/* A file is written as a whole, and made when it is not there. */
bool memdisk_write(struct memdisk *d, const char *path, const char *text);
bool memdisk_write_bytes(struct memdisk *d, const char *path, struct bytes x);
bool memdisk_mkdir(struct memdisk *d, const char *path);
/* As rename(2): a file goes over a file, a directory over an empty one. */
bool memdisk_rename(struct memdisk *d, const char *from, const char *to);
bool memdisk_link(struct memdisk *d, const char *from, const char *to);
bool memdisk_symlink(struct memdisk *d, const char *target, const char *path);
bool memdisk_special(struct memdisk *d, const char *path);
/* A file, a link or an empty directory; or with all that is in it. */
bool memdisk_remove(struct memdisk *d, const char *path);
bool memdisk_remove_all(struct memdisk *d, const char *path);
bool memdisk_exec(struct memdisk *d, const char *path, bool exec);
bool memdisk_touch(struct memdisk *d, const char *path, int64_t mtime_ns);
/* The content, or the target, appended; may be NULL. */
bool memdisk_read(struct memdisk *d, const char *path, struct buf *out);
bool memdisk_holds(struct memdisk *d, const char *path, const char *text);
bool memdisk_stat(struct memdisk *d, const char *path, struct os_stat *out);
/* A program that has a file open, and writes to it wherever it is by now. */
size_t memdisk_open(struct memdisk *d, const char *path); /* 0: not there */
void memdisk_write_open(struct memdisk *d, size_t file, const char *text);
void memdisk_close(struct memdisk *d, size_t file);

/* All there is, parents first, `.aumbry-drive` too. */
typedef void (*memdisk_fn)(void *ctx, const char *path,
    const struct os_stat *st, struct bytes content);
void memdisk_each(const struct memdisk *d, memdisk_fn fn, void *ctx);

/* ---- what goes wrong ---- */

/* Another file system is there, or is not any more. */
bool memdisk_mount(struct memdisk *d, const char *path, bool on);
/* A directory or file cannot be read: io-error. */
bool memdisk_spoil(struct memdisk *d, const char *path, bool on);
/* The next n listings end early. */
void memdisk_tear(struct memdisk *d, unsigned n);
void memdisk_room(struct memdisk *d, uint64_t bytes);
/* Called before each effect of the Drive: a user may be in between. */
void memdisk_between(struct memdisk *d, void (*fn)(void *ctx), void *ctx);
/* Effects of the Drive so far: all calls that change something. */
uint64_t memdisk_effects(const struct memdisk *d);
/* The n-th effect from now, 1 the next, is not done, and no call works until
 * memdisk_restart; 0: never. */
void memdisk_crash(struct memdisk *d, uint64_t n);

enum memdisk_cut {
	MEMDISK_KEPT, /* only the program was ended */
	MEMDISK_LOST, /* all that no sync waited for is as if it never was */
	MEMDISK_ZEROED, /* names are there, what was written so is zeros */
	MEMDISK_EMPTY /* the same, and of size 0 */
};
void memdisk_restart(struct memdisk *d, enum memdisk_cut cut);
