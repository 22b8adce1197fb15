/* SPDX-License-Identifier: ISC */
/* restore_in.h: what the files of restore share; for restore*.c only. */
/*
 * A restore goes through the tree once, in windows of bounded memory. What a
 * window holds is planned (restore_plan.c), its chunks are fetched pack by pack
 * (content/fetch.c) and written (restore_write.c), then further names are linked and directories
 * that the walk has left are finished (restore_window.c); then the next begins.
 */
#pragma once

#include "files/extents.h"
#include "backup/include.h"
#include "backup/restore.h"
#include "backup/tree.h"
#include "content/fetch.h"

#include <pthread.h>
#include <stdatomic.h>

#define RESTORE_LOCKS 64

/* A file with several names. */
struct link {
	struct link *next; /* of the same hash */
	uint8_t key[TREE_IDENTITY];
	struct digest content;
	enum entry_category category;
	enum { LINK_PENDING, LINK_DONE, LINK_FAILED } state;
	enum err_code code; /* of a failure */
	uint32_t left; /* names still to come */
	uint32_t flags; /* given when all names are there */
	struct bytes path; /* of a name that is there; owned */
};

/* A file of several chunks that was begun. */
struct restore_open {
	struct place_file out;
	struct entry x;
	struct extents map;
	unsigned users; /* who writes just now */
};

struct restore_file {
	const uint8_t *raw; /* stored entry without content, then the path */
	uint32_t raw_n, path_n;
	struct link *link; /* NULL: it has one name */
	struct restore_open *open; /* NULL until begun, and in the end */
	atomic_uint left; /* chunks to come */
	atomic_bool failed;
	uint8_t lock; /* which of the locks */
	bool empty; /* it has no chunk */
	bool whole; /* it has one */
	enum err_code code; /* of its failure */
};

/* A further name of a file: the stored entry with its content. */
struct restore_name {
	struct bytes raw, path;
	struct link *link;
};

/* A directory that is not finished: its entry and path in one piece. */
struct restore_dir {
	struct place_dir how;
	uint32_t raw_n, path_n;
	uint8_t bytes[];
};

struct arena_part;
struct arena {
	struct arena_part *parts;
	size_t bytes;
};

struct restore {
	struct repo *repo;
	const struct restore_options *o;
	struct restore_result *result;
	struct place *place;
	struct source *src; /* of the walk */
	struct include *include; /* NULL: all */
	struct arena kept; /* for all of the run */
	struct bytes strip; /* leading part of paths that is not restored */
	struct buf scratch; /* to compare files */

	/* The window. */
	struct arena arena;
	struct restore_file *files;
	size_t n_files, cap_files;
	struct fetch *fetch; /* chunks; a tag is the number of a file */
	struct restore_name *names;
	size_t n_names, cap_names;

	struct restore_dir **dirs; /* each before what lies in it */
	size_t n_dirs, cap_dirs;
	struct link **links; /* by hash */
	size_t n_links, cap_links;

	struct restore_file **open; /* files with descriptors */
	size_t n_open, cap_open, max_open, hand;
	pthread_mutex_t open_lock; /* these */
	pthread_mutex_t locks[RESTORE_LOCKS]; /* open of files */
	pthread_mutex_t lock; /* result, err */
	struct err err; /* what stops everything */
	atomic_bool stopped;
};

/* ---- restore_shared.c ---- */

/* Copy into memory of the window, or of the run. */
struct bytes restore_keep(struct arena *a, struct bytes x);
void restore_arena_free(struct arena *a);

/* Room for one more; returns the array, maybe moved. */
void *restore_room(void *list, size_t n, size_t *cap, size_t size);

/* Count an object that could not be restored, and tell the user why. */
void restore_failed(
    struct restore *r, struct bytes path, const struct err *why);
/* Does it make going on senseless? Then restore_stop is next. */
bool restore_fatal(const struct err *why);
void restore_stop(struct restore *r, const struct err *why);

/* Read a stored entry; it borrows from raw. errors: record-corrupt. */
MUST_CHECK int restore_entry(struct bytes raw, struct entry *x, struct err *e);

/* ---- restore_plan.c ---- */

/* Plan one object under this path, of which x is the entry. */
MUST_CHECK int restore_plan(
    struct restore *r, struct bytes path, const struct entry *x, struct err *e);
/* Plan it as a file or link by itself, whatever other names it has. */
MUST_CHECK int restore_plan_again(struct restore *r, struct bytes path,
    const struct entry *x, struct link *link, struct err *e);
/* An include_fn of a restore: make the directory, and finish it later. */
MUST_CHECK int restore_plan_dir(
    void *ctx, struct bytes path, struct bytes raw, struct err *e);
/* Copy an entry without its content, in stored form. */
struct bytes restore_keep_entry(struct arena *a, const struct entry *x);
/* Is the file there already, and does the rule leave it there then? */
bool restore_same(struct restore *r, struct bytes path, const struct entry *x);
/* Plan it as a further name of that file. */
void restore_plan_name(struct restore *r, struct bytes path,
    const struct entry *x, struct link *link);

/*
 * Plan the chunks of a file: nothing is planned after a failure.
 *
 * chunks  how many there are.
 */
MUST_CHECK int restore_plan_chunks(struct restore *r, const struct entry *x,
    uint32_t file, uint32_t *chunks, struct err *e);

/* ---- restore_links.c ---- */

/*
 * The file with several names that x is a name of, made when it is the first.
 * Names that share a number but are not of one file then have one each.
 */
struct link *restore_link(
    struct restore *r, const struct entry *x, bool *first);
/* This is a name of it that is there, or will be. */
void restore_link_at(struct link *link, struct bytes path);
/* Drop those of which all names were met, or all of them; flags are given. */
void restore_links_done(struct restore *r, bool all);

/* ---- restore_window.c ---- */

/*
 * Write what is planned, and begin anew.
 *
 * at      the directory where the walk is; NULL: it is over.
 * errors  what stopped it.
 */
MUST_CHECK int restore_window(
    struct restore *r, const struct bytes *at, struct err *e);
/* Forget what is planned; what was begun is taken back. */
void restore_clear(struct restore *r);

/* ---- restore_write.c ---- */

/* Fetch all chunks and write all files of the window. */
void restore_write(struct restore *r);
/* Take back what was begun of files that are not done. */
void restore_drop(struct restore *r);
