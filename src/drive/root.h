/* SPDX-License-Identifier: ISC */
/* root.h: the mark of a folder that is kept in sync, and which folders fit. */
/*
 * ROOT/.aumbry-drive/root says whose root it is. drive.db has its id and
 * generation, too: both count on at each start and every 10 minutes of
 * activity, the mark first. Where the two differ by more than one, the folder or
 * the database is not the one that was here before, and nothing may be deleted
 * because of it.
 *
 *   "AUMBRYDR" | u8 1 | account[16] | zone[16] | root[16] | u64 generation
 *   | SHA-256 of what is before it [32]
 */
#pragma once

#include "wire/id.h"

struct root_mark {
	struct id account, zone, root;
	uint64_t generation; /* from 1 */
};

/* Mark a folder: its own folder is made, 0700, with what os.h wants in it. */
MUST_CHECK int root_make(
    const char *dir, const struct root_mark *m, struct err *e);

/*
 * Read the mark.
 *
 * errors  drive-root-missing: no folder or no mark; drive-root-changed: it is
 *         damaged.
 */
MUST_CHECK int root_read(const char *dir, struct root_mark *out, struct err *e);

/*
 * Is it the root that `known` says, of this account and zone?
 *
 * errors  as root_read; drive-root-overlap: of another account or zone;
 *         drive-root-changed: another root, or a generation that is off by more
 *         than one.
 */
MUST_CHECK int root_check(
    const char *dir, const struct root_mark *known, struct err *e);

/* Check, and count on: known->generation is what the mark says then, and is to
 * be kept in drive.db. errors: as root_check; those of writing. */
MUST_CHECK int root_count(
    const char *dir, struct root_mark *known, struct err *e);

/*
 * May this folder be a root?
 *
 * mine    account and zone; a mark that is there must be theirs.
 * roots   those that this device knows, n of them; one that is not there is
 *         no hindrance. `dir` itself may be among them.
 * path    where it really is, in new memory.
 * errors  not-found; bad-usage: no directory, or "/"; drive-root-overlap:
 *         within another root or a home, around a root, or another account's.
 */
MUST_CHECK int root_fits(const char *dir, const struct root_mark *mine,
    const char *const *roots, size_t n, char **path, struct err *e);
