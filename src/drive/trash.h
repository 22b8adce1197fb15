/* SPDX-License-Identifier: ISC */
/* trash.h: what was thrown away comes back, or goes for good. */
#pragma once

#include "drive/edit.h"

/* What shall come back. */
struct trash_ask {
	const char *what; /* the path it had, or the start of its id */
	const char *to; /* its new path, or a directory; NULL: where it was */
};

/*
 * Bring back one thing, with all that went with it. Where it was is made again
 * when that is gone; a name that is taken becomes "name (restored DAY)". Of
 * several that had one path it is the one thrown away last. What lies in a
 * directory that was thrown away can come back alone.
 *
 * path    where it is now, appended.
 * errors  not-found; drive-exists: `to` is taken; bad-usage: an id that begins
 *         several.
 */
MUST_CHECK int trash_restore(struct edit *d, const struct trash_ask *ask,
    struct buf *path, struct err *e);

/*
 * Delete what was thrown away before then for good, with its history: the
 * deepest first, so that each commit leaves a valid tree.
 *
 * *n  records of files and directories that went, also after an error.
 */
MUST_CHECK int trash_empty(
    struct edit *d, uint64_t before_ms, uint64_t *n, struct err *e);
