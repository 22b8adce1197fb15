/* SPDX-License-Identifier: ISC */
/* drive_in.h: what the parts of the engine share. For drive*.c only. */
#pragma once

#include "drive/drive.h"
#include "drive/ignore.h"
#include "drive/scan.h"

enum drive_lane { LANE_DATA, LANE_SECRET, LANES };

struct drive {
	struct drive_from from;
	struct repo *repo;
	struct zcopy *zone;
	struct drivedb *db;
	struct sink *sink; /* NULL until something is stored */
	struct fetch *fetch; /* NULL until something is fetched */
	bool secrets; /* the keychain's keys are held */
	uint64_t bad; /* records that are no nodes though they say so */
	struct drive_root *roots; /* those that are open */
};

/* Ids that a pass passes over: what concerns them was tried, and failed. */
struct passed {
	void *by_id; /* of <search.h> */
};

struct drive_root {
	struct drive *d;
	struct drive_root *next;
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
	char day[16];
	bool settled; /* the first full comparison was made */

	/* Of the pass that goes on. */
	const struct drive_sync_ask *ask;
	struct drive_report *report;
	struct buf todo; /* ids, 16 bytes each */
	struct buf dirs; /* to be looked at again, with NULs */
	struct passed passed;
	uint64_t planned_seq; /* of the zone, that the plan was made at */
	bool replan; /* others committed meanwhile */
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

/* ---- shared: drive_pass.c ---- */

bool drive_stopped(struct drive_root *r, struct err *e);
/* Note that something could not be done, and pass it over from now on. */
void drive_hold(struct drive_root *r, struct tx *tx, const struct id *id,
    const struct err *why);
void drive_todo(struct drive_root *r, const struct id *id);
/* What came with pulls is to be planned. */
void drive_take_news(struct drive_root *r);
/* Look at the directory of this path again. */
void drive_look_again(struct drive_root *r, const char *path);
/* The path of a local node, inside a job. errors: not-found. */
MUST_CHECK int drive_path(struct drivedb_views *v, const struct id *top,
    const struct plan_node *n, struct buf *out, struct err *e);
/* May this error be about one thing, so that the rest can go on? */
bool drive_goes_on(enum err_code code);

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
/* What is no placing: drive_do.c. */
MUST_CHECK int drive_do(struct drive_root *r, const struct plan_out *p,
    bool committed, struct err *e);
/* Fetch and place: drive_place.c. */
MUST_CHECK int drive_place(struct drive_root *r, const struct plan_out *p,
    bool committed, struct err *e);
/* What crashes left: asides come back, parts go: drive_do.c. */
MUST_CHECK int drive_recover(struct drive_root *r, struct err *e);
