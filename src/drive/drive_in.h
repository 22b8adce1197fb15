/* SPDX-License-Identifier: ISC */
/* drive_in.h: what the parts of the engine share. For drive*.c only. */
#pragma once

#include "base/idset.h"
#include "drive/content_in.h"
#include "drive/content_out.h"
#include "drive/drive.h"
#include "drive/ignore.h"
#include "drive/scan.h"

struct drive {
	struct drive_from from;
	struct repo *repo;
	struct zcopy *zone;
	struct drivedb *db;
	struct content_in *in; /* NULL until something is stored */
	struct fetch *fetch; /* NULL until something is fetched */
	uint64_t bad; /* records that are no nodes though they say so */
	struct drive_root *roots; /* those that are open */
};

/* What was deleted here, as drive_gate.c counts it. */
struct drive_gate {
	struct id set; /* what it is called */
	uint64_t files;
	uint64_t all; /* files of base */
	uint64_t before; /* went to the trash within the window */
	bool confirmed; /* by this pass's word */
};

/* What looks left out, bounded: drive_note.c. */
struct drive_notes {
	struct drive_held *list;
	size_t n;
	uint64_t more; /* that found no room */
};

struct drive_root {
	struct drive *d;
	struct drive_root *next;
	struct buf retry; /* ids that were passed over: the next pass tries */
	struct buf news; /* ids that changed in the tree, not planned yet */
	struct drivedb_root row;
	struct os *os;
	int64_t gone_after_ns;
	struct ignore *ignore;
	struct scan_root *scan;
	struct plan_policy policy;
	struct buf skips; /* ids; policy borrows them */
	void (*listing)(void *ctx, const char *path); /* or NULL */
	void *listing_ctx;
	struct drive_notes notes;
	struct idset over; /* ids of files that were tried beyond the quota */
	char day[16];
	uint64_t swept_ms; /* when gone/ was looked through */
	bool in_memory; /* no folder has its mark */
	unsigned
	    lost; /* commits that others came before, one after the other */
	bool settled; /* the first full comparison was made */
	struct drive_boot boot;
	bool boot_noted; /* a sync came to its end in it */
	bool blank_is_lost; /* none did, but in a boot before */
	bool doubted; /* what the server has was looked for in this pass */

	/* Of the pass that goes on. */
	const struct drive_sync_ask *ask;
	struct drive_report *report;
	uint64_t
	    room; /* bytes that the account has, at least; 0: to be asked */
	bool tight; /* there is little: nothing of others waits */
	bool alone; /* it failed: files are read one by one */
	int64_t
	    quiet_ns; /* when a database can be read, perhaps; 0: none waits */
	struct buf todo; /* ids, 16 bytes each */
	struct buf dirs; /* to be looked at again, with NULs */
	void *tried; /* of <search.h>: what failed, and how often */
	struct drive_gate gate;
	uint64_t planned_seq; /* of the zone, that the plan was made at */
};

/* A difference, with its content. */
struct drive_diff {
	struct drivedb_diff x;
	struct buf content;
	bool found;
};
void drive_diff_free(struct drive_diff *d);
MUST_CHECK int drive_diff(struct tx *tx, const struct drive_root *r,
    const struct id *id, struct drive_diff *out, struct err *e);

/* ---- shared: drive_held.c ---- */

/* Note that something could not be done. It is passed over until the end of the
 * pass, or the next second look; a conflict is tried again a few times. */
void drive_hold(struct drive_root *r, struct tx *tx, const struct id *id,
    const struct err *why);
void drive_pass_over(struct drive_root *r, const struct id *id);
bool drive_passed(const struct drive_root *r, const struct id *id);
/* Something was done, so it is planned anew; without end it is not. */
void drive_did(struct drive_root *r, struct tx *tx, const struct id *id);
void drive_tried_clear(struct drive_root *r);
void drive_held_clear(struct drive_report *t);
void drive_held_free(struct drive_held *list, size_t n);
/* One more in a list of them; the texts are copied. */
void drive_held_add(struct drive_held **list, size_t *n, const char *path,
    enum err_code code, const char *reason);
/* May this error be about one thing, so that the rest can go on? */
bool drive_goes_on(enum err_code code);

/* ---- drive_boot.c ---- */

/* Which boot is it? boot NULL: as this machine says. */
MUST_CHECK int drive_boot_look(
    struct drive_root *r, const struct drive_boot *boot, struct err *e);
/* All is as it shall be. */
MUST_CHECK int drive_boot_note(struct drive_root *r, struct err *e);
/* A file that was read, and is empty or all zeros: is that from a power cut?
 * *lost: it is known no more, and may be removed. */
MUST_CHECK int drive_boot_lost(struct drive_root *r, struct tx *tx,
    const struct plan_node *n, bool *lost, struct err *e);
/* ---- drive_database.c ---- */

/* Are the files that go with this one as they are known; path is its own?
 * errors: conflict. */
enum drive_database {
	DATABASE_NO_MORE, /* some may be put aside, or gone */
	DATABASE_WHOLE
};
MUST_CHECK int drive_database_is(struct drive_root *r, struct drivedb_views *v,
    const struct id *parent, const char *path, enum drive_database how,
    struct err *e);
/* The same, and no program has one of them open to write? It would go on with
 * the one that it has, and with those that come by name: one's log beside
 * another. Who only reads is not asked. errors: conflict; file-changing. */
MUST_CHECK int drive_database_free(struct drive_root *r,
    struct drivedb_views *v, const struct id *parent, const char *path,
    enum drive_database how, struct err *e);
/* Has somebody else changed this one, which a program here has open? Then what
 * that wrote is to be copied and moved, which waits for it. */
bool drive_database_waits(struct drive_root *r, struct drivedb_views *v,
    const struct plan_node *n, const char *path, struct err *why);
/* Did nobody write them for a while? Else r->quiet_ns says when to ask again. */
bool drive_database_quiet(
    struct drive_root *r, const char *path, int64_t now_ns);

/* ---- drive_doubt.c ---- */

/* Of a root in doubt, what no pack has is read again in this pass. */
MUST_CHECK int drive_doubt_look(struct drive_root *r, struct err *e);
/* That was done, and is stored. */
MUST_CHECK int drive_doubt_end(struct drive_root *r, struct err *e);

/* ---- drive_quota.c ---- */

/* A file that is read. */
struct drive_taken {
	struct plan_node node;
	char *path;
	bool goes; /* with others: a database */
	bool blank; /* nothing but zeros, which may be by a power cut */
	bool lost; /* so it is by a power cut */
	struct content_in_taken in;
};
void drive_taken_free(struct drive_taken *t);
/* Of a new pass: nothing is known of the room. */
void drive_quota_begin(struct drive_root *r);
/* What there is room for, first, and what there is none for, as failed; the
 * rest is freed, for the next round. Returns how many are left. */
size_t drive_quota_choose(struct drive_root *r, struct drive_taken **list,
    size_t n, bool *failed, struct err *why);
/* Was it the quota? Then each file goes alone from now on, and of the one that
 * did, what was sent is taken back. */
bool drive_quota_failed(
    struct drive_root *r, const struct drive_taken *only, const struct err *e);
void drive_quota_why(
    struct drive_root *r, const struct drive_taken *x, struct err *why);

/* ---- drive_note.c ---- */

/* A look left it out. */
void drive_note(struct drive_notes *k, const char *path, enum err_code code,
    const char *why);
/* This folder is listed now: what its last listing noted counts no more. */
void drive_notes_listed(struct drive_notes *k, const char *dir);
void drive_notes_clear(struct drive_notes *k);
/* Folders that could not be looked at, to be tried again; appended. */
void drive_notes_again(const struct drive_notes *k, struct buf *dirs);
/* Into the report, what still is there. */
void drive_notes_tell(struct drive_root *r);

/* ---- drive_gate.c ---- */

/* Count what was deleted here, and tell the planner whether it may go. */
MUST_CHECK int drive_gate_look(struct drive_root *r, struct err *e);
/* So many files went to the trash. */
MUST_CHECK int drive_gate_count(
    struct drive_root *r, uint64_t files, struct err *e);
/* Say in the report what waits. */
void drive_gate_note(struct drive_root *r);

/* ---- drive_gone.c ---- */

/* Each minute: what waits in gone/ goes, or is a copy at the top: *back. */
MUST_CHECK int drive_gone(struct drive_root *r, bool *back, struct err *e);

/* ---- drive_root.c ---- */

/* The day that conflict copies are named by. */
void drive_root_today(struct drive_root *r);
/* Is the folder still the one that it was? errors: as root_check. */
MUST_CHECK int drive_root_is(const struct drive_root *r, struct err *e);

/* ---- drive_todo.c ---- */

/* Shall it end? Then e says stopped. */
bool drive_stopped(struct drive_root *r, struct err *e);
/* To be planned, in this pass or the next. */
void drive_todo(struct drive_root *r, const struct id *id);
/* What came with pulls is to be planned. */
void drive_take_news(struct drive_root *r);
/* Look at the directory of this path again. */
void drive_look_again(struct drive_root *r, const char *path);
/* The path of a local node, inside a job. errors: not-found. */
MUST_CHECK int drive_path(struct drivedb_views *v, const struct id *top,
    const struct plan_node *n, struct buf *out, struct err *e);
/* The path where an operation puts its node. errors: not-found. */
MUST_CHECK int drive_path_to(struct drivedb_views *v, const struct id *top,
    const struct plan_op *op, struct buf *out, struct err *e);

/* ---- the steps of a round ---- */

/* Read files, store their contents: drive_take.c. */
MUST_CHECK int drive_take(
    struct drive_root *r, const struct plan_out *p, struct err *e);
/* All commits of a plan; *lost: others came first: drive_commit.c. */
MUST_CHECK int drive_commit(
    struct drive_root *r, const struct plan_out *p, bool *lost, struct err *e);
/* Commit records of packs that wait, when they are many. */
MUST_CHECK int drive_commit_packs(
    struct drive *d, size_t more_than, struct err *e);
/* Is it done by drive_place? So is what a database loses when some of it comes. */
static inline bool
drive_is_placed(const struct plan_op *op)
{
	return op->kind == PLAN_PLACE ||
	    (op->kind == PLAN_REMOVE && op->database != 0);
}
/* What is no placing: drive_do.c. */
MUST_CHECK int drive_do(struct drive_root *r, const struct plan_out *p,
    bool committed, struct err *e);
/* Fetch and place: drive_place.c. */
MUST_CHECK int drive_place(struct drive_root *r, const struct plan_out *p,
    bool committed, struct err *e);
/*
 * What lies here of a large file that another content replaces: its chunks, to
 * be read instead of fetched. *out is NULL when none are known.
 *
 * source  for lists of lists; made when it is needed.
 */
struct drive_reuse;
MUST_CHECK int drive_reuse_new(struct drive_root *r, const struct plan_op *op,
    struct source **source, struct drive_reuse **out, struct err *e);
void drive_reuse_free(struct drive_reuse **u);
/* Bytes that may be this chunk; whoever asks checks its name. u may be NULL. */
bool drive_reuse_read(
    struct drive_reuse *u, const struct fetch_want *w, struct buf *out);
/* A file or link goes; inside a job. */
MUST_CHECK int drive_leave(struct drive_root *r, struct drivedb_views *v,
    struct tx *tx, const struct plan_op *op, struct err *e);
/* The part of a node's content. */
void drive_part_name(
    const struct id *id, const struct digest *content, struct buf *out);
/* What crashes left: asides come back, parts that nobody wants go:
 * drive_left.c. */
MUST_CHECK int drive_recover(struct drive_root *r, struct err *e);
