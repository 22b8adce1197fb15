/* SPDX-License-Identifier: ISC */
/* backup_in.h: what the parts of a backup share. For backup*.c only. */
/*
 *   backup.c       options in, snapshot out
 *   backup_roots.c what was named, as it is found
 *   backup_rules.c what is left out
 *   backup_walk.c  directories, from the roots down
 *   backup_count.c how much there is, counted ahead
 *   backup_read.c  objects: read, cut, hand to the sink
 *   backup_queue.c write down in order
 *   backup_tell.c  what the user is told
 *   backup_answer.c what it says of paths that are asked about
 *   backup_run.c   the end of what it holds
 *   explain.c      a walk that only answers
 */
#pragma once

#include "backup/backup.h"
#include "backup/explain.h"
#include "files/capture.h"
#include "files/exclude.h"
#include "backup/seen.h"
#include "backup/lane.h"
#include "content/chunklist.h"
#include "backup/tree.h"

#include <pthread.h>

/* What was met, in the order of the tree. */
enum node_kind { NODE_DIR, NODE_ITEM, NODE_END, NODE_DROPPED };

struct node {
	struct node *next;
	enum node_kind kind;
	atomic_uint pending; /* chunks without a name yet */
	bool final; /* bytes are the stored entry, content included */
	struct capture_item tuple;
	int64_t opened_s;
	struct chunklist chunks;
	struct digest one; /* name of the only chunk of a small file */
	uint32_t one_length;
	size_t n;
	uint8_t bytes[]; /* entry, or path of a directory */
};

#define BACKUP_SYSTEM 5 /* folders of the system */

/* A root as it is, and as it was named; without the slash they begin with. */
struct spelling {
	char *real, *named;
};

/* Paths that backup_explain asks about. */
struct asking {
	struct explain_answer *answers;
	char **paths; /* absolute, without leading slash; NULL: nowhere */
	size_t n;
};

/* One backup. */
struct run {
	struct repo *repo;
	const struct backup_options *o;
	struct backup_result *result;
	struct sink *sink;
	struct tree_out *tree;
	struct capture *capture;
	struct capture_detail detail;
	struct exclude *exclude, *defaults, *secrets;
	struct {
		uint64_t dev, ino;
	} system[BACKUP_SYSTEM]; /* what is left out wherever it is met */
	struct seen *seen;
	struct seen_out *seen_out;
	struct node *head, *tail;
	size_t queued; /* nodes */
	struct sink_block *block[LANE_END];
	struct buf path; /* absolute, without leading slash */
	size_t root_n; /* bytes of path that are the root's parent */
	uint64_t root_dev, parent_dev;
	struct buf scratch, content;
	bool passage; /* above the roots: what listing tells is enough */
	struct id run; /* the record that says a backup goes on */
	bool begun; /* it stands, and nothing ended it yet */
	struct backup_counter *counter; /* NULL: nobody counts ahead */
	const atomic_bool
	    *over; /* of a counter: nobody waits for it; or NULL */
	uint64_t backup_seq, keychain_seq; /* what the indexes know */
	bool uses_condemned[CATEGORY_END];
	char **roots; /* absolute, in the order of the tree, each once */
	size_t n_roots, roots_done;
	struct spelling *spelled; /* of roots that were named by way of links */
	size_t n_spelled;
	struct buf as_spelled;
	struct err first; /* the first warning that counts */
	struct backup_rule hit; /* the last that was found to hold */
	struct asking *asking; /* NULL but for backup_explain */
};

/* What there will be, counted ahead beside a backup. */
struct backup_counter {
	struct backup_options o;
	struct backup_result result;
	struct run *beside;
	int64_t begin_ns;
	void *(*count)(void *); /* what the thread does, with this */
	pthread_t thread;
	bool runs; /* the thread was started */
	atomic_bool stop, known;
	_Atomic uint64_t files, bytes;
};

/* ---- backup_run.c ---- */

/* For OWN; it is empty then. */
void backup_run_free(struct run *r);

/* ---- backup_tell.c ---- */

/*
 * Tell the user what is wrong with the object of r->path.
 *
 * counts  it is not in the backup as it should be: the snapshot is partial.
 */
void backup_warn(struct run *r, const struct err *why, bool counts);

/*
 * Write into p what is known by now of how much there will be. Starts the
 * counter when its time has come.
 */
void backup_count_ask(struct run *r, struct backup_progress *p);

/* ---- backup_read.c ---- */

/* Is it to end now? Then e says so. */
bool backup_stopped(struct run *r, struct err *e);
/*
 * Take in one object: what is known of it when it is unchanged, else itself.
 *
 * taken  false: it is not in the backup, and the user was told.
 */
MUST_CHECK int backup_take(struct run *r, int dirfd,
    const struct capture_item *item, struct seen_dir *old, bool *taken,
    struct err *e);

/* ---- backup_queue.c ---- */

/* Put a node at the end of the queue: an entry, or a directory's path. */
struct node *backup_node(
    struct run *r, enum node_kind kind, struct bytes bytes);
/* Let everything out that is complete, in order. */
MUST_CHECK int backup_drain(struct run *r, struct err *e);
/* Hand the lane's block to the workers, full or not. */
void backup_submit(struct run *r, enum lane lane);
void backup_queue_free(struct run *r); /* the workers have ended */

/* ---- backup_rules.c ---- */

/* Read the patterns of the options, and those that always hold. */
MUST_CHECK int backup_rules_load(struct run *r, struct err *e);

/*
 * Do patterns leave out what r->path names?
 *
 * kept  true: a pattern of the user says that it is not.
 */
bool backup_left_out(
    struct run *r, const struct capture_item *item, bool *kept);

/* Is it of a file system that holds nothing but what a kernel makes up? */
bool backup_made_up(int fd);
/* The same of a directory that is to be left out then. */
bool backup_crossed_out(struct run *r, int fd);

/*
 * Does the directory r->path ask to be left out, or is it a store of this
 * program? Tells the user where that is no rule that everybody knows.
 */
bool backup_opts_out(
    struct run *r, int fd, const struct capture_list *list, bool named);

/*
 * Is it the repository that this backup is written to? What lies in it is never
 * stored, or it would hold itself. named: it, or something in it.
 */
bool backup_is_target(struct run *r, uint64_t dev, uint64_t ino, bool named);

/* ---- backup_answer.c: for backup_explain; else these do nothing ---- */

/* Is r->path, or something in it, asked about? True when nobody asks. */
bool backup_asked(const struct run *r);

/* All of that is left out by r->hit, or by another rule; unless more is said. */
void backup_answer_out(struct run *r);
void backup_answer_by(struct run *r, const char *code, const char *words);
/* It cannot be read. */
void backup_answer_unread(struct run *r, const struct err *why);

/*
 * r->path would be stored, if it can be read. named: and all in it that no rule
 * leaves out, whatever was said of what stands above.
 */
void backup_answer_in(struct run *r, int dirfd, const struct capture_item *item,
    bool named, bool kept);

/* ---- backup_roots.c ---- */

/*
 * Fill r->roots from the options. What cannot be found is told and counts.
 *
 * errors  not-found and others, with the path, when none is there.
 */
MUST_CHECK int backup_find_roots(struct run *r, struct err *e);
void backup_roots_free(struct run *r);

/* ---- backup_walk.c ---- */

/*
 * Walk to all roots, and all that lies in them. The directories above them
 * hold nothing but the way.
 */
MUST_CHECK int backup_walk(struct run *r, struct err *e);

/* ---- backup_count.c ---- */

/*
 * Find out what there will be: from the last backup of the same roots, else by
 * a thread that walks ahead.
 */
void backup_count_begin(struct run *r);
void backup_count_end(struct backup_counter **c); /* stops the thread */
