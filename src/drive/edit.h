/* SPDX-License-Identifier: ISC */
/* edit.h: the Drive changed by hand: no folder here is kept equal to it. */
/*
 * Whoever works so shares drive.db with programs that keep roots in sync, and
 * needs no lock: every commit is planned on the tree of the zone's very head,
 * is valid by itself there, and is planned anew when another was faster.
 *
 * Paths of the Drive begin with a slash; a component is 1 to 255 bytes. What is
 * removed goes to the trash, and what is replaced into its history.
 */
#pragma once

#include "content/repo.h"
#include "tree/drivedb.h"

struct edit;

struct edit_from {
	struct repo *repo; /* with the drive's zone; borrowed */
	const char *dir; /* this device's home */
	struct id dev_id;
	bool (*stop)(void); /* end soon, in order; or NULL */
};

/* errors: those of drive.db. */
MUST_CHECK int edit_open(
    const struct edit_from *from, struct edit **out, struct err *e);
void edit_free(struct edit **d);

/* Pull, and bring index and tree up to it. */
MUST_CHECK int edit_pull(struct edit *d, struct err *e);

/*
 * Make a directory; `parents`: what is missing above it, too, and one that is
 * there is fine.
 *
 * errors  drive-exists; not-found: above it; bad-usage: no such name.
 */
MUST_CHECK int edit_mkdir(
    struct edit *d, const char *path, bool parents, struct err *e);

/*
 * Move or rename, all in one commit. Into `to` where that is a directory; else
 * there is one path, and `to` is its new one.
 *
 * force   what is at the new place goes to the trash.
 * errors  drive-exists; bad-usage: into itself; not-found.
 */
MUST_CHECK int edit_move(struct edit *d, const char *const *paths, size_t n,
    const char *to, bool force, struct err *e);

/*
 * Into the trash, all in one commit.
 *
 * trees   directories with what is in them.
 * errors  drive-not-empty, not-found, bad-usage: the root.
 */
MUST_CHECK int edit_remove(struct edit *d, const char *const *paths, size_t n,
    bool trees, struct err *e);
