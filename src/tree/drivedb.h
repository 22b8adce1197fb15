/* SPDX-License-Identifier: ISC */
/* drivedb.h: drive.db: the tree as the zone has it, roots, bases, differences. */
/*
 * A cache of what the zone's copy holds (tree), and what only this device knows:
 * its roots, and of each the base and, as long as a program runs, differences.
 * Base never leads the disk: a base ahead of it would read as a deletion after
 * a power cut.
 */
#pragma once

#include "tree/planner.h"
#include "link/zcopy.h"
#include "store/db.h"

struct drivedb;

/* errors: as of db_open. */
MUST_CHECK int drivedb_open(
    const char *path, struct drivedb **out, struct err *e);
void drivedb_free(struct drivedb **d);
/* For db_read and db_write; jobs call what takes a tx here. */
struct db *drivedb_db(struct drivedb *d);

/* ---- the tree ---- */

/*
 * Bring the tree up to what the copy of the zone holds. Of a copy that was
 * replaced as a whole it is made anew. One thread at a time: it asks the copy
 * while it writes.
 *
 * touched  ids that changed, 16 bytes each, appended; NULL: not wanted.
 * bad      records that are no nodes though they say so, or do not open: how
 *          many there are now. What was known of them stays.
 */
MUST_CHECK int drivedb_follow(struct drivedb *d, struct zcopy *zone,
    struct buf *touched, uint64_t *bad, struct err *e);
/* Nodes that the rules of valid.h show elsewhere than they say: for status. */
MUST_CHECK int drivedb_invalid(struct tx *tx, uint64_t *n, struct err *e);
/* How far it follows. */
MUST_CHECK int drivedb_seq(struct tx *tx, uint64_t *seq, struct err *e);

/* What `ls` shows beside what the planner knows. */
struct drivedb_entry {
	struct plan_node node;
	uint64_t size, edits, changed_ms, trashed_ms;
	int64_t mtime_ns; /* the nearest that it can hold */
	struct id dev;
};
MUST_CHECK int drivedb_entry(struct tx *tx, const struct id *id,
    struct drivedb_entry *out, bool *found, struct err *e);
typedef int (*drivedb_entry_fn)(
    void *ctx, const struct drivedb_entry *x, struct err *e);
/* Visible children in byte order; `trashed`: those in the trash instead. */
MUST_CHECK int drivedb_list(struct tx *tx, const struct id *parent,
    bool trashed, drivedb_entry_fn fn, void *ctx, struct err *e);
/* All that are in the trash by a record of their own. */
MUST_CHECK int drivedb_trash(
    struct tx *tx, drivedb_entry_fn fn, void *ctx, struct err *e);
/* "/a/b" → node; "/" is the id of zeros. errors: not-found, bad-usage. */
MUST_CHECK int drivedb_resolve(
    struct tx *tx, const char *path, struct drivedb_entry *out, struct err *e);
/* The path of a node, "/" first; of one whose parents are not there "". */
MUST_CHECK int drivedb_path(
    struct tx *tx, const struct id *id, struct buf *out, struct err *e);
/* Take over what a commit of this device has just written; the next follow
 * looks whether the tree is valid. */
MUST_CHECK int drivedb_put(struct tx *tx, const struct id *id, uint64_t version,
    uint64_t seq, const struct node *n, struct err *e);

/* ---- roots ---- */

struct drivedb_root {
	uint64_t root; /* number */
	char *path; /* owned */
	struct id marker;
	uint64_t generation;
	struct id top;
	uint64_t seq; /* of the zone, up to which it was planned */
	bool enabled; /* the agent keeps it in sync */
};
void drivedb_root_free(struct drivedb_root *r);
MUST_CHECK int drivedb_root_add(
    struct tx *tx, struct drivedb_root *r, struct err *e); /* sets its number */
MUST_CHECK int drivedb_root_set(
    struct tx *tx, const struct drivedb_root *r, struct err *e);
MUST_CHECK int drivedb_root_drop(struct tx *tx, uint64_t root, struct err *e);
typedef int (*drivedb_root_fn)(
    void *ctx, const struct drivedb_root *r, struct err *e);
MUST_CHECK int drivedb_roots(
    struct tx *tx, drivedb_root_fn fn, void *ctx, struct err *e);

/* The boot of the machine in which a root was last as it shall be; zeros: that is
 * not known. */
MUST_CHECK int drivedb_boot(
    struct tx *tx, uint64_t root, struct id *boot, struct err *e);
MUST_CHECK int drivedb_boot_set(
    struct tx *tx, uint64_t root, const struct id *boot, struct err *e);

/*
 * The server may have lost what was stored: it was put back, or damage was
 * found. Each root is in doubt until its files were looked for there.
 */
MUST_CHECK int drivedb_doubt(struct drivedb *d, struct err *e);
MUST_CHECK int drivedb_doubts(
    struct tx *tx, uint64_t root, bool *is, struct err *e);
MUST_CHECK int drivedb_doubt_end(struct tx *tx, uint64_t root, struct err *e);

/* ---- base and differences of one root ---- */

/* Ids of its files, appended. */
MUST_CHECK int drivedb_base_file_ids(
    struct tx *tx, uint64_t root, struct buf *ids, struct err *e);

/* Write, forget, and find one node of base. By name: see drivedb_views. */
MUST_CHECK int drivedb_base_put(
    struct tx *tx, uint64_t root, const struct plan_node *n, struct err *e);
MUST_CHECK int drivedb_base_drop(
    struct tx *tx, uint64_t root, const struct id *id, struct err *e);
MUST_CHECK int drivedb_base_get(struct tx *tx, uint64_t root,
    const struct id *id, struct plan_node *out, bool *found, struct err *e);
/* By identity: those with that device and inode, in the order of ids. */
typedef int (*drivedb_node_fn)(
    void *ctx, const struct plan_node *n, struct err *e);
MUST_CHECK int drivedb_base_inode(struct tx *tx, uint64_t root,
    const struct plan_stat *is, drivedb_node_fn fn, void *ctx, struct err *e);
/* In the byte order of names. */
MUST_CHECK int drivedb_base_children(struct tx *tx, uint64_t root,
    const struct id *parent, drivedb_node_fn fn, void *ctx, struct err *e);
/* Files that base has. */
MUST_CHECK int drivedb_base_files(
    struct tx *tx, uint64_t root, uint64_t *n, struct err *e);

/* A difference: the node as it is here, or that it is gone. */
struct drivedb_diff {
	bool gone;
	struct plan_node node; /* gone: only its id */
	struct bytes
	    content; /* what was read: stored form, target; or nothing */
};
MUST_CHECK int drivedb_diff_put(
    struct tx *tx, uint64_t root, const struct drivedb_diff *x, struct err *e);
MUST_CHECK int drivedb_diff_drop(
    struct tx *tx, uint64_t root, const struct id *id, struct err *e);
/* One, without its content; and that, appended: nothing when there is none. */
MUST_CHECK int drivedb_diff_get(struct tx *tx, uint64_t root,
    const struct id *id, struct drivedb_diff *out, bool *found, struct err *e);
MUST_CHECK int drivedb_diff_content(struct tx *tx, uint64_t root,
    const struct id *id, struct buf *out, struct err *e);
typedef int (*drivedb_diff_fn)(
    void *ctx, const struct drivedb_diff *x, struct err *e);
MUST_CHECK int drivedb_diffs(
    struct tx *tx, uint64_t root, drivedb_diff_fn fn, void *ctx, struct err *e);
MUST_CHECK int drivedb_diffs_clear(struct tx *tx, uint64_t root, struct err *e);
/* Forget what base has below directories that it does not have: what was gone
 * here, or on its way, when a program ended. It is new then on the side that
 * has it. */
MUST_CHECK int drivedb_base_orphans(
    struct tx *tx, const struct drivedb_root *r, struct err *e);
/* Files of all roots that were read are to be read again: what they named may
 * be stored no more. touched: their ids, appended. */
MUST_CHECK int drivedb_diffs_unread(
    struct tx *tx, struct buf *touched, struct err *e);
/* The object is another node from now on; so are parents of others. */
MUST_CHECK int drivedb_diff_rename(struct tx *tx, uint64_t root,
    const struct id *from, const struct id *to, struct err *e);

/* Nodes whose remote version is another than base agreed on, or that only one
 * of the two has; with them, all differences. 16 bytes each, appended. */
MUST_CHECK int drivedb_touched(
    struct tx *tx, uint64_t root, struct buf *touched, struct err *e);

/* ---- what was deleted here ---- */

/* Nodes that are gone here and are there as both sides knew them: how many of
 * them are files, and what this set of them is called; zeros: there is none. */
MUST_CHECK int drivedb_gone(struct tx *tx, uint64_t root, uint64_t *files,
    struct id *set, struct err *e);
/* They are new on the other side from now on, so that they come back here.
 * Their ids are appended. */
MUST_CHECK int drivedb_gone_undo(
    struct tx *tx, uint64_t root, struct buf *ids, struct err *e);
/* A small value by its name; what is kept goes when the zone was replaced. */
MUST_CHECK int drivedb_keep(
    struct tx *tx, const char *name, struct bytes value, struct err *e);
MUST_CHECK int drivedb_kept(
    struct tx *tx, const char *name, struct buf *out, struct err *e);

/* ---- as the planner sees it, inside one db_read ---- */

struct drivedb_views {
	struct tx *tx;
	uint64_t root;
	struct err
	    err; /* the first failure of a view, which finds nothing then */
	bool failed;
	struct plan_view base, local, remote;
};
void drivedb_views(struct drivedb_views *v, struct tx *tx, uint64_t root);
