/* SPDX-License-Identifier: ISC */
/* scan.h: what is on the disk and not as base has it. */
/*
 * A scan lists directories and compares what it meets with base. What is equal
 * leaves no trace; each difference becomes a row of `diff`, keyed by node:
 * something that is new, changed, elsewhere, or gone. So the local tree is base
 * with the differences laid over it.
 *
 * Which node an object is: a directory by its identity (device, inode, birth
 * time), else by its path; a file by its path first (editors write anew and
 * rename over), else by its identity where its old path is empty. Below what
 * was not listed to its end, or is ignored, or is another file system, nothing
 * is gone.
 */
#pragma once

#include "drive/drivedb.h"
#include "drive/os.h"

struct scan_policy {
	/* Ignored paths are not ours; NULL: none is. */
	bool (*ignored)(void *ctx, struct bytes path, bool is_dir);
	void *ctx;
	int64_t granule_ns; /* of times on this file system */
	int64_t now_ns; /* times nearer to it than the granule are racy */
	/* Directories that other roots or homes are in: left out. */
	bool (*foreign)(void *ctx, const char *path);
};

struct scan_result {
	uint64_t dirs, objects;
	uint64_t changed, gone; /* rows of diff that came or changed */
	uint64_t unknown; /* directories that could not be listed to the end */
	uint64_t specials; /* sockets, devices: not carried */
	bool ignored_dropped; /* base rows went, for what is ignored now */
};

/* Called for what is not carried or cannot be read. */
typedef void (*scan_note_fn)(
    void *ctx, const char *path, enum err_code code, const char *why);

/*
 * Scan the whole root, or these directories (paths) and what is new below
 * them. One write transaction for each some thousand rows.
 *
 * touched  ids whose rows came, changed or went; 16 bytes each, appended.
 * errors   drive-root-missing when the top cannot be listed.
 */
MUST_CHECK int scan_root(struct os *o, struct drivedb *db, uint64_t root,
    const struct scan_policy *policy, const char *const *dirs, size_t n,
    struct buf *touched, struct scan_result *out, scan_note_fn note, void *ctx,
    struct err *e);
