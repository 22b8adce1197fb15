/* SPDX-License-Identifier: ISC */
/* scan_in.h: what the parts of a pass share. */
/*
 * scan.c walks: lists some directories, has them compared, and scan_rows.c
 * writes what came of it.
 * scan_match.c compares a listing with what was known. scan_end.c finds moved
 * files and says what is gone, when all that is there was seen.
 */
#pragma once

#include "base/idset.h"
#include "drive/scan.h"

#define SCAN_ROOT "it is another folder that is kept in sync"
#define SCAN_HOME "it is a home of Aumbry"
#define SCAN_BATCH 4096 /* entries and rows that are handled at once */

/* To be looked at again. */
enum later_why {
	LATER_MISSING,
	LATER_RACY, /* read again when its times are old enough */
	LATER_TORN /* id is the directory's */
};
struct later {
	struct id id, parent;
	enum later_why why;
	int64_t since_ns;
	char *dir; /* owned; where */
};

struct scan_root {
	struct os *os;
	struct drivedb *db;
	uint64_t root;
	struct scan_policy policy;
	struct later *laters; /* by id */
	size_t n_laters;
};

/* A directory to be listed. */
struct todo {
	char *path; /* owned */
	struct id id;
	bool deep; /* all below, too */
	bool fresh; /* drawn in this pass: base has nothing below */
};

/* A directory whose node is not known yet: what its parent's listing said. */
struct waiting {
	struct id parent, candidate; /* candidate: by its path, or zeros */
	char *path; /* owned */
	struct os_stat st;
};

/* A file or link that has no node by its path, but maybe by its identity. */
struct unmatched {
	struct id parent;
	char *path; /* owned */
	struct os_stat st;
};

struct missing {
	struct id id, parent;
	enum node_type type;
	struct plan_stat is;
	bool taken; /* another object has its name */
	char *dir; /* owned */
};

struct entry {
	size_t at; /* of its name in names */
	uint8_t n;
	struct os_stat st;
};

struct listing {
	struct todo dir;
	bool whole;
	struct buf names;
	struct entry *entries;
	size_t n, cap;
};

enum row_kind { ROW_PUT, ROW_CLEAN, ROW_GONE, ROW_FORGET };
/* A row to be written. ROW_CLEAN: equal to base again; FORGET: not ours. */
struct row {
	enum row_kind kind;
	bool keep; /* with the content that its row has */
	char *link; /* owned; path of a symlink whose target is wanted */
	size_t target_n; /* bytes; 0: it could not be read */
	struct plan_node node; /* but for PUT its id alone */
};

/* Grown as needed, by ARRAY_ADD. */
#define LIST_OF(type) \
	struct { \
		type *p; \
		size_t n, cap; \
	}
#define LIST_ADD(list) \
	((list)->n == (list)->cap \
		? ((list)->cap = (list)->cap == 0 ? 16 : (list)->cap * 2, \
		      (list)->p = mem_resize( \
			  (list)->p, (list)->cap, sizeof *(list)->p)) \
		: (list)->p, \
	    &(list)->p[(list)->n++])

struct pass {
	struct scan_root *s;
	int64_t now_ns;
	bool whole; /* of the root, not of some directories */
	bool base_empty;
	bool no_exec; /* this file system has no such bit */
	LIST_OF(struct todo) todo;
	LIST_OF(struct waiting) fresh;
	LIST_OF(struct waiting) replaced;
	LIST_OF(struct unmatched) unmatched;
	LIST_OF(struct missing) missing;
	bool missing_by_id; /* it is sorted: all that is there was seen */
	LIST_OF(struct id) forget; /* with all below: ignored now */
	LIST_OF(struct later) laters; /* of this pass */
	LIST_OF(struct row) rows;
	struct idset claimed; /* nodes found by identity, and directories */
	struct idset listed; /* directories */
	LIST_OF(struct listing) listings; /* of this batch */
	struct drivedb_views *v; /* inside db_read */
	struct buf *touched;
	struct scan_result *out;
};

/* ---- scan_pass.c ---- */

/* Orders, by id. */
int scan_later_cmp(const void *a, const void *b);
int scan_missing_cmp(const void *a, const void *b);

/* Say what is not carried. */
void scan_note(
    struct pass *p, const char *path, enum err_code code, const char *why);
/* Have it looked at again; what is missing keeps since when. */
void scan_later(struct pass *p, enum later_why why, const struct id *id,
    const struct id *parent, const char *dir);
/* A new id. */
struct id scan_draw(struct pass *p);
/* What the passes before left about it, or NULL. */
const struct later *scan_was(
    const struct pass *p, enum later_why why, const struct id *id);
/* Whose a folder is that is not ours, as SCAN_ROOT and SCAN_HOME; or NULL. */
const char *scan_other(const struct pass *p, const char *dir);
/* "dir/name" in new memory; dir may be "". */
char *scan_path_join(const char *dir, struct bytes name);
/* The last component of a path, and what is before it, in new memory. */
struct bytes scan_path_name(const char *path);
char *scan_path_dir(const char *path);
/* Where a node is, as it was known; inside a job. New memory. */
char *scan_known_path(const struct pass *p, const struct plan_node *n);
/* Run a job over one snapshot, with p->v. */
typedef int (*pass_job_fn)(struct pass *p, void *arg, struct err *e);
MUST_CHECK int scan_read(
    struct pass *p, pass_job_fn fn, void *arg, struct err *e);
const struct missing *scan_missing(const struct pass *p, const struct id *id);

/* ---- scan_rows.c ---- */

/* A row to be written with the next ones; the node is copied. */
struct row *scan_row(
    struct pass *p, enum row_kind kind, const struct plan_node *n);
/* Write the rows that wait. */
MUST_CHECK int scan_flush(struct pass *p, struct err *e);
void scan_rows_clear(struct pass *p);

/* ---- scan_match.c: inside db_read, p->v is set ---- */

/* Compare one; errors: of the database. */
MUST_CHECK int scan_match_listing(
    struct pass *p, struct listing *l, struct err *e);
/* A new node for an object; a directory is to be listed. */
void scan_match_new(struct pass *p, const struct id *parent, const char *path,
    const struct os_stat *st);
/* The object is this node, and here. */
MUST_CHECK int scan_match_is(struct pass *p, const struct plan_node *n,
    const struct id *parent, const char *path, const struct os_stat *st,
    struct err *e);
/* A node with that identity that nothing has claimed yet; one that was missed
 * rather than another. */
MUST_CHECK int scan_match_identity(struct pass *p, enum node_type type,
    const struct plan_stat *is, struct plan_node *out, bool *found,
    struct err *e);
/* It is there, and is listed when it moved or `deep`. */
MUST_CHECK int scan_match_claim(struct pass *p, const struct plan_node *n,
    const struct waiting *here, bool deep, struct err *e);
/* Proven, by birth times that are there. */
bool scan_same_object(const struct plan_stat *a, const struct plan_stat *b);

/* ---- scan_end.c ---- */

/* Give the directories that wait their nodes. */
MUST_CHECK int scan_end_fresh(struct pass *p, struct err *e);
MUST_CHECK int scan_end_replaced(struct pass *p, struct err *e);
MUST_CHECK int scan_end_moves(struct pass *p, struct err *e);
MUST_CHECK int scan_end_missing(struct pass *p, struct err *e);
