/* SPDX-License-Identifier: ISC */
/* mount_in.h: what the files of mount share; for mount*.c only. */
#pragma once

#include "backup/dirs.h"
#include "files/extents.h"
#include "backup/mount.h"
#include "backup/tree.h"

#include <sys/types.h>

#define INDEXES 8 /* snapshots whose directories are known */
#define DIRS 64 /* directories held */
#define DIRS_BYTES ((size_t)64 << 20) /* of them together */
#define NAME_BYTES 48 /* time, dash, short id */

struct held_index {
	size_t snap;
	uint64_t used; /* 0: empty */
	struct dirs_index *index;
};

struct held_dir {
	size_t snap;
	uint64_t used; /* 0: empty */
	struct dirs_dir dir;
};

/* A snapshot keeps its place here as long as the mount lasts. */
struct shown {
	struct snapshot snapshot;
	char name[NAME_BYTES];
	bool gone; /* forgotten since */
};

struct mount {
	struct repo *repo;
	const struct mount_options *o;
	struct source *src;
	struct shown **snaps;
	size_t n_snaps, cap_snaps;
	size_t latest; /* one of them, if there is any */
	int64_t asked_ns; /* when they were last loaded */
	struct held_index indexes[INDEXES];
	struct held_dir dirs[DIRS];
	uint64_t clock; /* of use */
	uid_t uid;
	gid_t gid;
};

/* What a path means. */
enum place { PLACE_ROOT, PLACE_LATEST, PLACE_SNAPSHOT, PLACE_INSIDE };

struct mount_where {
	enum place place;
	size_t snap;
	struct bytes path; /* in the snapshot */
	struct entry x; /* PLACE_INSIDE; lives until the next lookup */
};

struct chunk {
	uint64_t data; /* where its bytes begin */
	struct digest name;
	uint32_t n;
};

struct mount_file {
	struct buf raw; /* x borrows from it */
	struct entry x;
	struct extents map;
	struct chunk *chunks;
	size_t n_chunks;
	uint64_t data; /* bytes in all chunks */
	size_t held; /* number of the chunk in `plain` */
	struct buf plain;
};

/* ---- mount_answer.c ---- */

struct fuse_operations;
/* The answers to all that the kernel asks; the private data is the mount. */
extern const struct fuse_operations mount_operations;

/* ---- mount_hold.c ---- */

/* Takes what is new out of the list, which is all there is now. */
void mount_take_list(struct mount *m, struct snapshot_list *list);
/* Are there later ones? Without an answer it stays as it is. */
void mount_look_again(struct mount *m);
/* Is there a snapshot that was not forgotten? */
bool mount_any_left(const struct mount *m);

/* out is borrowed until the next call. */
MUST_CHECK int mount_dir(struct mount *m, size_t snap, struct bytes path,
    const struct dirs_dir **out, struct err *e);
void mount_drop_dir(struct held_dir *h);

/* "/NAME/a/b" as libfuse gives it. errors: not-found. */
MUST_CHECK int mount_look_up(
    struct mount *m, const char *path, struct mount_where *out, struct err *e);

/* ---- mount_file.c ---- */

/* Open the file whose stored entry is o->raw. */
MUST_CHECK int mount_file_open(struct mount_file *o, struct err *e);
void mount_file_free(struct mount_file **o);
/* Read n bytes at `at`, which the file has; holes are zeros. */
MUST_CHECK int mount_file_read(struct mount *m, struct mount_file *o,
    uint64_t at, char *to, size_t n, struct err *e);
