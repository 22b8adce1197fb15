/* SPDX-License-Identifier: ISC */
/* memdisk_in.h: what users and the Drive share of a disk of memory. */
#pragma once

#include "memdisk.h"

#define TOP 0 /* slot of the root */
#define NOWHERE SIZE_MAX

struct dirent_ {
	char *name; /* owned */
	size_t slot;
};

struct inode {
	bool used;
	enum node_type type; /* NODE_NONE: special */
	bool exec, mount, spoiled;
	bool unsynced; /* its bytes are not on the disk */
	bool noted; /* they, or its names, are to be with the next sync */
	uint64_t ino;
	int64_t btime_ns, mtime_ns, ctime_ns;
	unsigned links, opens, writers; /* writers are among opens */
	struct buf data; /* content or target */
	struct dirent_ *entries; /* by the bytes of names */
	size_t n;
	/* In gone/: when it came, and what it was like. */
	int64_t came_ns;
	struct os_stat came;
};

struct disk { /* what a power cut turns back */
	struct inode *inodes;
	size_t n;
};

struct memdisk {
	struct os os;
	struct memdisk_kind kind;
	struct disk now, synced;
	uint64_t last_ino, random, effects, crash_in, used;
	int64_t now_ns;
	unsigned tear;
	bool crashed;
	void (*between)(void *ctx);
	void *between_ctx;
	unsigned gone_names;
};

/* Where a path leads: its directory and the entry in it, if it is there. */
struct at {
	size_t dir; /* NOWHERE: its directory is not there */
	size_t slot; /* NOWHERE: it is not there */
	size_t i; /* of the entry, or where it would be */
	const char *name;
};
struct at disk_at(const struct memdisk *d, const char *path);
size_t disk_child(const struct memdisk *d, size_t dir, const char *name);
size_t disk_new(struct memdisk *d, enum node_type type);
/* Let an entry be, or not be any more; the last name takes its inode along. */
void disk_add(struct memdisk *d, const struct at *at, size_t slot);
void disk_drop(struct memdisk *d, const struct at *at);
/* The same, and the inode stays. */
void disk_take(struct memdisk *d, const struct at *at);
/* It ends, if it has no name and nobody has it open. */
void disk_let_go(struct memdisk *d, size_t slot);
void disk_close(struct memdisk *d, size_t slot);
void disk_fill(struct memdisk *d, size_t slot, struct bytes x);
bool disk_within(const struct memdisk *d, size_t slot, size_t dir);
struct os_stat disk_stat(const struct memdisk *d, size_t slot);
int64_t disk_time(const struct memdisk *d);
bool disk_name_possible(const struct memdisk *d, const char *name);
struct inode *disk_inode(const struct memdisk *d, size_t slot);

/* ---- memdisk_sync.c ---- */

void disk_grow(struct disk *disk, size_t n);
void disk_forget(struct inode *x);
void disk_copy(const struct disk *from, struct disk *to);
void disk_free(struct disk *disk);
/* A directory whose names, or a file whose bytes, the next sync waits for;
 * NOWHERE is none. true: it was not noted yet. */
bool disk_note(struct memdisk *d, size_t slot);
/* The bytes of one file are on the disk, whatever its name is there. */
void disk_sync_file(struct memdisk *d, size_t slot);
/* All that was noted is. */
void disk_sync(struct memdisk *d);

extern const struct os_ops memdisk_ops;

/* ---- of os.h ---- */

struct memdisk *mem_disk(struct os *o);
/* Is it a path of the tree: not in our own folder? */
int mem_path(const char *path, struct err *e);
int mem_works(const struct memdisk *d, struct err *e);
/* A user may be in between. */
void mem_between(struct memdisk *d);
/* Before each effect. */
int mem_effect(struct memdisk *d, struct err *e);
int mem_missing(const char *path, struct err *e);
int mem_conflict(const char *path, struct err *e);
/* Does another file system begin on the way to it, or at it? */
bool mem_crosses(const struct memdisk *d, const char *path);
bool mem_expected(
    const struct memdisk *d, size_t slot, const struct os_stat *want);
/* In a folder of our own; its path is appended. */
struct at mem_own_at(
    struct memdisk *d, const char *folder, struct buf *path, const char *name);
int mem_place(struct os *o, const char *part, const char *path,
    const struct os_stat *expect, struct os_stat *now, struct err *e);
int mem_symlink(struct os *o, const char *target, const char *path,
    const struct os_stat *expect, struct os_stat *now, struct err *e);
int mem_mkdir(
    struct os *o, const char *path, struct os_stat *now, struct err *e);
int mem_move(struct os *o, const char *from, const char *to,
    const struct os_stat *expect, struct os_stat *now, struct err *e);
int mem_aside(struct os *o, const char *path, const char *part,
    const struct os_stat *expect, struct err *e);
int mem_set_exec(struct os *o, const char *path, bool exec,
    const struct os_stat *expect, struct os_stat *now, struct err *e);
int mem_remove(struct os *o, const char *path, const struct os_stat *expect,
    struct err *e);
int mem_rmdir(struct os *o, const char *path, const struct os_stat *expect,
    struct err *e);
int mem_gone_sweep(
    struct os *o, int64_t age_ms, os_list_fn fn, void *ctx, struct err *e);
int mem_gone_drop(struct os *o, const char *name, const struct os_stat *expect,
    struct err *e);
int mem_gone_back(struct os *o, const char *name, const char *path,
    struct os_stat *now, struct err *e);
