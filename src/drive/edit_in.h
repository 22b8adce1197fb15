/* SPDX-License-Identifier: ISC */
/* edit_in.h: what changes by hand share. For edit*.c, trash.c, put.c, past.c
 * and those that look. */
#pragma once

#include "drive/edit.h"
#include "tree/valid.h"

#define EDIT_PATHS_MAX 400 /* of one command: one commit holds them */

struct content_in;

struct edit {
	struct edit_from from;
	struct repo *repo;
	struct zcopy *zone;
	struct drivedb *db;
	struct content_in *in; /* NULL until something is stored */
};

/* One commit while it is planned. */
struct edit_batch {
	struct edit *d;
	struct tx *tx;
	uint64_t now, seq;
	struct plan_change *changes; /* of nodes that stay */
	size_t n;
	struct zcopy_edit *edits;
	size_t n_edits;
	struct buf *plain;
	size_t n_plain, bytes;
};

/* Plan it, on the tree as it is in this transaction. */
typedef int (*edit_plan_fn)(struct edit_batch *b, void *ctx, struct err *e);

/*
 * Plan, and commit with records of packs that wait; again when another device
 * was faster. The tree follows. A plan of nothing is no commit.
 */
MUST_CHECK int edit_commit(
    struct edit *d, edit_plan_fn fn, void *ctx, struct err *e);
/* Does it hold as much as a commit should? */
bool edit_full(const struct edit_batch *b);
/* errors: stopped. */
MUST_CHECK int edit_go_on(const struct edit *d, struct err *e);

/* A node as the copy of the zone has it. */
struct edit_node {
	struct buf plain; /* n borrows from it */
	struct node n;
	uint64_t version;
};
void edit_node_free(struct edit_node *x);
/* errors: conflict: it has just gone; those of node_parse. */
MUST_CHECK int edit_load(
    struct edit *d, const struct id *id, struct edit_node *out, struct err *e);

/* The node becomes so; expect 0: it is new. */
void edit_put(
    struct edit_batch *b, const struct id *id, uint64_t expect, struct node *n);
/* Into the trash. */
void edit_trash(struct edit_batch *b, const struct id *id, struct edit_node *x);
/* Its content as it was goes into its history. */
MUST_CHECK int edit_keep(struct edit_batch *b, const struct id *id,
    const struct node *was, struct err *e);
/* Its record goes for good, with that of its history. */
MUST_CHECK int edit_drop(
    struct edit_batch *b, const struct id *id, struct err *e);
/* A directory of that name. */
void edit_new_dir(struct edit_batch *b, const struct id *parent,
    struct bytes name, struct id *id);

/* ---- places ---- */

/* Where something shall be: a directory that is there, and a name in it. */
struct edit_place {
	struct id parent;
	struct bytes name; /* borrows from the path */
	bool taken;
	struct drivedb_entry there;
};
/* errors: not-found: its directory; bad-usage: no such name, the root. */
MUST_CHECK int edit_place(
    struct tx *tx, const char *path, struct edit_place *out, struct err *e);
/* The visible one of that name. */
MUST_CHECK int edit_child(struct tx *tx, const struct id *parent,
    struct bytes name, struct drivedb_entry *out, bool *found, struct err *e);
/* drivedb_resolve that says what may have been meant. */
MUST_CHECK int edit_find(
    struct tx *tx, const char *path, struct drivedb_entry *out, struct err *e);
/* Is it `above`, or does it lie below? */
MUST_CHECK int edit_below(struct tx *tx, const struct id *id,
    const struct id *above, bool *below, struct err *e);
/* The name itself, else "letter (restored 2026-11-30).txt", with a number where
 * siblings have that, too. */
MUST_CHECK int edit_free_name(const struct edit_batch *b,
    const struct id *parent, struct bytes name, struct buf *out, struct err *e);
