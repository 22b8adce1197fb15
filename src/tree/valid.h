/* SPDX-License-Identifier: ISC */
/* valid.h: what a valid tree is; how one that is not is shown. */
/*
 * Valid: names hold; the parent of each node is a directory that is there, or
 * was made by the rule for what has none; no
 * cycles; at most NODE_DEPTH_MAX directories above a node, the root among them;
 * no two siblings of one name of which neither is in the trash. Every commit
 * leaves such a tree, so what is not valid is a fault or an attack. It is shown
 * by rule, which depends on the records alone and not on how they came:
 *
 *   a name that does not hold   "recovered-" and 8 digits of the id
 *   no parent, too deep, or of  below NODE_RECOVERED, a directory in the root
 *   a cycle the highest id      that is there while it has something
 *   siblings of one name        the lowest id keeps it, of others it is
 *                               followed by " (recovered-" 8 digits ")"
 */
#pragma once

#include "tree/drivedb.h"

#define VALID_RECOVERED "Recovered files"

/* The id of that directory: SHA-256("aumbry drive recovered")[0..16]. */
struct id valid_recovered(void);

/* What tree.mark says of a node. */
#define VALID_NAME 0x1 /* its own name does not hold */
#define VALID_LOST 0x2 /* its own parent cannot be */
#define VALID_TWIN 0x4 /* another has its name */
#define VALID_HOME 0x8 /* it is the directory of what is lost */

/* The name that a bad one is shown by, appended. */
void valid_name(struct buf *out, const struct id *id);

/*
 * Apply the rules after nodes came, moved or went (table todo).
 *
 * all      look at all, whatever is in todo
 * touched  ids that are shown elsewhere now, appended; may be NULL.
 */
MUST_CHECK int valid_mend(
    struct tx *tx, bool all, struct buf *touched, struct err *e);

/*
 * Will the tree be valid with these changes of one batch, each id once?
 *
 * errors  drive-tree-invalid: they never can be; conflict: not on top of what
 *         is there now, so plan anew.
 */
MUST_CHECK int valid_commit(
    struct tx *tx, const struct plan_change *changes, size_t n, struct err *e);
