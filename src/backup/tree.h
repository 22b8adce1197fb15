/* SPDX-License-Identifier: ISC */
/* tree.h: the names and properties of everything in a snapshot. */
/*
 * One stream of directories, each before what lies in it, siblings in order of
 * their bytes:
 *
 *   directory = varint body length | vv(path) | varint n | n * entry (entry.h)
 *
 * The path is absolute, without its leading slash; "" is the root. A second
 * stream finds a directory without reading the first:
 *
 *   index = { vv(path) | varint distance from the directory before }...
 *
 * content of an entry: a list of chunks (chunklist.h).
 * source  docs/FORMAT.md "Tree".
 */
#pragma once

#include "files/entry.h"
#include "backup/snapshot.h"

#define TREE_PATH_MAX (1024 * 1024) /* bytes: it may be longer than PATH_MAX */

/* ---- writing ---- */

struct tree_out;

/* room: a folder for what a large directory holds until it is complete. */
struct tree_out *tree_out_new(struct sink *sink, const char *room);
void tree_out_free(struct tree_out **t);
void tree_out_begin(struct tree_out *t, struct bytes path);
void tree_out_entry(struct tree_out *t, struct bytes entry); /* stored form */
void tree_out_end_dir(struct tree_out *t);
MUST_CHECK int tree_out_end(struct tree_out *t, struct stream_ref *tree,
    struct stream_ref *index, struct err *e);

/* ---- reading ---- */

/*
 * dir    path without leading slash.
 * entry  borrowed until fn returns.
 * -1 stops.
 */
typedef int (*tree_fn)(
    void *ctx, struct bytes dir, const struct entry *entry, struct err *e);

/*
 * Visit all entries in `dir` and below it: none when it was not entered.
 *
 * errors  not-found; record-corrupt; what reading a stream says.
 */
MUST_CHECK int tree_walk(struct source *src, const struct snapshot *snap,
    struct bytes dir, tree_fn fn, void *ctx, struct err *e);

/* The same of the entries in `dir` alone. */
MUST_CHECK int tree_list(struct source *src, const struct snapshot *snap,
    struct bytes dir, tree_fn fn, void *ctx, struct err *e);

/*
 * Find one entry by its path (no leading slash, not empty). The entry's bytes
 * are kept in `raw`. errors: not-found.
 */
MUST_CHECK int tree_find(struct source *src, const struct snapshot *snap,
    struct bytes path, struct buf *raw, struct entry *out, struct err *e);

/* "a/b/c" → dir "a/b", name "c". */
void tree_split(struct bytes path, struct bytes *dir, struct bytes *name);

/* Where the chunks of an entry are. */
enum category tree_category(const struct entry *x);

/* name  of a chunk of `length` bytes; -1 stops. */
typedef int (*tree_chunk_fn)(void *ctx, enum category c,
    const struct digest *name, uint32_t length, struct err *e);

/*
 * Visit the chunks of an entry in order. The list is looked through first: of
 * one that is not well-formed fn sees nothing.
 */
MUST_CHECK int tree_chunks(
    const struct entry *x, tree_chunk_fn fn, void *ctx, struct err *e);

#define TREE_IDENTITY 16

/*
 * A value of all that names of one file have in common, but for the content,
 * which secrets have under other names. A number of an inode alone proves
 * nothing: while a backup runs, a file may go and another take its number.
 */
void tree_identity(const struct entry *x, uint8_t out[static TREE_IDENTITY]);

/* Is path in this directory, or further below? */
bool tree_below(struct bytes path, struct bytes dir);
