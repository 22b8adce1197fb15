/* SPDX-License-Identifier: ISC */
/* include.h: what of a tree was asked for by patterns, and what leads to it. */
/*
 * Entries come in the order of a tree: a directory before what lies in it. What
 * lies in an included directory is included, unless a pattern with "!" takes it
 * back. A directory that is not included waits here until something below it
 * is. Paths and entries are borrowed and must outlive this.
 */
#pragma once

#include "base/buf.h"

struct include;

struct include *include_new(void);
void include_free(struct include **x);

/* Add a pattern as of gitignore(5). errors: too-large. */
MUST_CHECK int include_add(
    struct include *x, struct bytes pattern, struct err *e);

/* Is it included? Its directory must have been noted. */
bool include_wants(const struct include *x, struct bytes path, bool is_dir);

/* Note a directory; wanted: as include_wants says. */
void include_note(
    struct include *x, struct bytes path, struct bytes raw, bool wanted);

typedef int (*include_fn)(
    void *ctx, struct bytes path, struct bytes raw, struct err *e);

/* Hand out the directories above that wait, the highest first, each once. */
MUST_CHECK int include_above(struct include *x, struct bytes path,
    include_fn fn, void *ctx, struct err *e);
