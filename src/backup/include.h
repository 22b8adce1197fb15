/* SPDX-License-Identifier: ISC */
/* include.h: what of a tree was asked for by patterns, and what leads to it. */
/*
 * Entries come in the order of a tree: a directory before what lies in it. What
 * lies in an included directory is included, unless a pattern with "!" takes it
 * back. A directory that is not included waits here until something below it
 * is. Paths and entries are borrowed and must outlive this.
 */
#pragma once

#include "files/exclude.h"
#include "backup/snapshot.h"

struct include;

/*
 * Ask patterns about a path of a snapshot as --exclude asks about one of a
 * backup: from what is restored, from what was backed up, and from the root.
 *
 * skip    how much of the path leads to what is restored.
 */
enum exclude_answer include_ask(const struct exclude *x,
    const struct snapshot *snap, struct bytes path, size_t skip, bool is_dir);

/*
 * snap    borrowed.
 * strip   leading part of its paths that those asked about below lack.
 */
struct include *include_new(const struct snapshot *snap);
void include_strip(struct include *x, struct bytes strip);
void include_free(struct include **x);

/* Add a pattern as of gitignore(5). errors: too-large. */
MUST_CHECK int include_add(
    struct include *x, struct bytes pattern, struct err *e);

/* Is it included? Its directory must have been noted. */
bool include_wants(struct include *x, struct bytes path, bool is_dir);

/* Note a directory; wanted: as include_wants says. */
void include_note(
    struct include *x, struct bytes path, struct bytes raw, bool wanted);

typedef int (*include_fn)(
    void *ctx, struct bytes path, struct bytes raw, struct err *e);

/* Hand out the directories above that wait, the highest first, each once. */
MUST_CHECK int include_above(struct include *x, struct bytes path,
    include_fn fn, void *ctx, struct err *e);
