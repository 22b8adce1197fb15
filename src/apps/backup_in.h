/* SPDX-License-Identifier: ISC */
/* backup_in.h: what the parts of a backup share. For backup*.c only. */
/*
 *   backup.c       options in, snapshot out
 *   backup_walk.c  directories, from the roots down
 *   backup_read.c  objects: read, cut, hand to the sink, write down in order
 */
#pragma once

#include "apps/backup.h"
#include "apps/capture.h"
#include "apps/exclude.h"
#include "apps/seen.h"
#include "apps/sink.h"
#include "apps/tree.h"

/* What was met, in the order of the tree. */
enum node_kind { NODE_DIR, NODE_ITEM, NODE_END, NODE_DROPPED };

struct node;

/* One backup. */
struct run {
	struct repo *repo;
	const struct backup_options *o;
	struct backup_result *result;
	struct sink *sink;
	struct tree_out *tree;
	struct capture *capture;
	struct capture_detail detail;
	struct exclude *exclude, *secrets;
	struct seen *seen;
	struct seen_out *seen_out;
	struct node *head, *tail;
	size_t queued; /* nodes */
	struct sink_block *block[SINK_LANES];
	struct buf path; /* absolute, without leading slash */
	size_t root_n; /* bytes of path that are the root's parent */
	uint64_t root_dev;
	struct buf scratch, content;
	bool passage; /* above the roots: what listing tells is enough */
	struct id run; /* the record that says a backup goes on */
	uint64_t backup_seq, keychain_seq; /* what the indexes know */
	bool uses_condemned[CATEGORY_END];
	char **roots; /* sorted, absolute, none within another */
	size_t n_roots;
};

void backup_warn(struct run *r, const struct err *why, bool counts);

/* ---- backup_read.c ---- */

/* Put a node at the end of the queue: an entry, or a directory's path. */
struct node *backup_node(
    struct run *r, enum node_kind kind, struct bytes bytes);
/* Let everything out that is complete, in order. */
MUST_CHECK int backup_drain(struct run *r, struct err *e);
/* Hand the lane's block to the workers, full or not. */
void backup_submit(struct run *r, enum sink_lane lane);
/* Take in one object: what is known of it when it is unchanged, else itself. */
MUST_CHECK int backup_take(struct run *r, int dirfd,
    const struct capture_item *item, struct seen_dir *old, struct err *e);
void backup_queue_free(struct run *r); /* the workers have ended */

/* ---- backup_walk.c ---- */

/* Fill r->roots from the options. errors: not-found with the path. */
MUST_CHECK int backup_find_roots(struct run *r, struct err *e);
/* A directory that may be passed need not be readable. */
MUST_CHECK int backup_open_passage(
    int at, const char *name, int *fd, struct err *e);
/*
 * Walk what lies below the roots [lo, hi). The directories above them hold
 * nothing but the way to them.
 *
 * skip  bytes of each root (behind its first slash) that r->path has.
 */
MUST_CHECK int backup_walk(
    struct run *r, int fd, size_t lo, size_t hi, size_t skip, struct err *e);
