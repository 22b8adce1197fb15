/* SPDX-License-Identifier: ISC */
/* skips.h: directories of the Drive that a root does not have here. */
#pragma once

#include "drive/drive.h"

#define SKIPS_MAX 1000 /* of a root: each is looked for at every node */

/*
 * Leave a directory out, or take it in again. What is here of it and as both
 * sides knew it goes with the next sync; what changed here is sent first.
 *
 * dir     the root's.
 * path    in the Drive, from its root.
 * errors  not-found: no such root, or no such directory; bad-usage; too-large.
 */
MUST_CHECK int skips_set(
    struct drive *d, const char *dir, const char *path, bool on, struct err *e);

/* Their ids, 16 bytes each, appended in order. */
MUST_CHECK int skips_load(
    struct tx *tx, uint64_t root, struct buf *ids, struct err *e);

/* They are another root's from now on. */
MUST_CHECK int skips_move(
    struct tx *tx, uint64_t from, uint64_t to, struct err *e);

/* Their paths. errors: not-found. */
typedef int (*skips_fn)(void *ctx, const char *path, struct err *e);
MUST_CHECK int skips_each(
    struct drive *d, const char *dir, skips_fn fn, void *ctx, struct err *e);
