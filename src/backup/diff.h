/* SPDX-License-Identifier: ISC */
/* diff.h: what differs between two snapshots. */
#pragma once

#include "backup/snapshot.h"
#include "files/entry.h"

enum diff_kind {
	DIFF_ADDED,
	DIFF_REMOVED,
	DIFF_CONTENT, /* bytes, holes, a link's target, a device's number */
	DIFF_METADATA, /* mode, owner, mtime, xattrs, flags */
	DIFF_TYPE,
	DIFF_KINDS
};

/*
 * path  no leading slash; borrowed, as the entries are.
 * old   NULL for what was added; new: NULL for what was removed.
 * -1 stops.
 */
typedef int (*diff_fn)(void *ctx, enum diff_kind kind, struct bytes path,
    const struct entry *old, const struct entry *new, struct err *e);

/*
 * Visit all differences, directory by directory. One directory of each tree is
 * in memory at a time.
 *
 * errors  record-corrupt, snapshot-damaged, blob-*; what fn returns.
 */
MUST_CHECK int diff_run(struct repo *r, const struct snapshot *old,
    const struct snapshot *new, diff_fn fn, void *ctx, struct err *e);
