/* SPDX-License-Identifier: ISC */
/* scan.h: what is on the disk and not as base has it. */
/*
 * A pass lists directories and compares what it meets with the local tree as it
 * was known: base with the rows of `diff` laid over it. What is equal leaves no
 * trace; each difference becomes a row: something that is new, changed,
 * elsewhere, or gone.
 *
 * Which node an object is: a directory by its identity (inode and birth time),
 * else by its path; a file by its path first (editors write anew and rename
 * over), else by its identity where its old path is empty. The device's number
 * says nothing: a root is one file system, and the number changes when the
 * machine starts. Without birth times identity proves no directory, and a file
 * only to be read.
 *
 * Below what was not listed to its end, or is ignored, another file system,
 * another root or a home of Aumbry, nothing is gone. Nor is what was missed
 * once: a row says so when a second look, policy.gone_after_ns later, misses it
 * too; or when another object has its name and it is found nowhere else.
 *
 * Rows that pass makes: a file is `unread`, with content zeros, unless it was
 * only moved; a symlink comes with its target as `content`. A directory that
 * was made anew at its path is a row with another stat and nothing else. A file
 * whose stat is that of its row stays as it is, so what was read is kept.
 */
#pragma once

#include "tree/drivedb.h"
#include "drive/os.h"

/* Called for what is not carried or cannot be read. */
typedef void (*scan_note_fn)(
    void *ctx, const char *path, enum err_code code, const char *why);

struct scan_policy {
	struct id top; /* the parent of what lies in the root */
	/* Ignored paths are not ours; NULL: none is. */
	bool (*ignored)(void *ctx, struct bytes path, bool is_dir);
	/* Directories that are other roots of this device; those that can be
	 * told from what is in them, and homes, are left out anyway. NULL: none. */
	bool (*foreign)(void *ctx, const char *path);
	/* Before a directory is listed, so that it can be watched: what changes
	 * from then on is not in the listing. NULL: nobody watches. */
	void (*listing)(void *ctx, const char *path);
	scan_note_fn note; /* NULL: nobody wants to know */
	void (*draw)(void *ctx, struct id *id); /* NULL: id_random */
	void *ctx;
	int64_t granule_ns; /* of times on this file system */
	int64_t gone_after_ns; /* between two looks that both miss something */
};

struct scan_result {
	uint64_t dirs, objects;
	uint64_t changed, gone; /* rows that came or changed */
	uint64_t missing; /* not there, and no row yet: see scan_due */
	uint64_t unknown; /* directories that could not be listed to the end */
	uint64_t specials; /* sockets, devices, mounts: not carried */
	bool ignored_dropped; /* base rows went, for what is ignored now */
};

/* What is kept of a root from one pass to the next; of one thread. */
struct scan_root;

/* All but o and db is copied. */
struct scan_root *scan_root_new(struct os *o, struct drivedb *db, uint64_t root,
    const struct scan_policy *policy);
void scan_root_free(struct scan_root **s);

/*
 * Scan the whole root, or some directories and what is new below them.
 *
 * now_ns   time as the file system's: what changed within a granule of it is
 *          read again later.
 * dirs     paths, each with its NUL, of what may have changed, and with a slash
 *          at the end all below it; of one that is not there any more, what is
 *          left above it is looked at. NULL: all.
 * touched  ids whose rows came, changed or went; 16 bytes each, appended.
 * errors   drive-root-missing when the top cannot be listed: no row changed.
 *          After another error what was written holds; scan again.
 */
MUST_CHECK int scan_run(struct scan_root *s, int64_t now_ns,
    const struct buf *dirs, struct buf *touched, struct scan_result *out,
    struct err *e);

/*
 * What has to be looked at again by now: paths for scan_run, appended.
 *
 * returns  in how many ns the next ones are due, when nothing was appended;
 *          -1: none are waited for.
 */
int64_t scan_due(const struct scan_root *s, int64_t now_ns, struct buf *dirs);

/*
 * May what has these times change without a trace? A base row that is written
 * while it is so must have a ctime of 0, so that the next pass reads the file.
 */
bool scan_racy(const struct plan_stat *st, int64_t now_ns, int64_t granule_ns);
