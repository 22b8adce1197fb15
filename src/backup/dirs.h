/* SPDX-License-Identifier: ISC */
/* dirs.h: the tree of a snapshot by directory: in order, or one by its path. */
/*
 * tree_walk pushes entries and finds its start by reading the whole index; who
 * steps through two trees at once, or browses, wants to pull directories and to
 * keep the index. All of it belongs to one thread, as its source does.
 */
#pragma once

#include "backup/snapshot.h"
#include "files/entry.h"

/* One directory, checked in full; its entries are in order of their names. */
struct dirs_dir {
	struct buf body;
	struct bytes path; /* no leading slash; borrows from body */
	size_t *at; /* where in body each entry begins */
	size_t n;
};

/* For OWN; it is empty then. */
void dirs_dir_free(struct dirs_dir *d);
/* Entry i < d->n; borrows from d. */
void dirs_entry(const struct dirs_dir *d, size_t i, struct entry *out);
/* The entry of that name; borrows from d. */
bool dirs_find(const struct dirs_dir *d, struct bytes name, struct entry *out);

/* The order of directories in a tree: each before what lies in it. */
int dirs_cmp(struct bytes a, struct bytes b);

/* ---- in order ---- */

struct dirs_reader;

/* src and snap are borrowed. */
struct dirs_reader *dirs_reader_new(
    struct source *src, const struct snapshot *snap);
void dirs_reader_free(struct dirs_reader **r);

/*
 * The next directory.
 *
 * out     replaced; empty at the end.
 * end     true when there was none left.
 * errors  record-corrupt, snapshot-damaged, blob-*.
 */
MUST_CHECK int dirs_next(
    struct dirs_reader *r, struct dirs_dir *out, bool *end, struct err *e);

/* ---- by path ---- */

struct dirs_index;

/*
 * Read where each directory of a snapshot stands; both are borrowed.
 *
 * cost    the paths of all directories in memory.
 * errors  record-corrupt, snapshot-damaged, blob-*.
 */
MUST_CHECK int dirs_index_open(struct source *src, const struct snapshot *snap,
    struct dirs_index **out, struct err *e);
void dirs_index_free(struct dirs_index **x);

/* Read one directory. errors: not-found and those above; out is replaced. */
MUST_CHECK int dirs_get(struct dirs_index *x, struct bytes path,
    struct dirs_dir *out, struct err *e);
