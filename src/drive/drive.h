/* SPDX-License-Identifier: ISC */
/* drive.h: a folder here and the drive zone, kept equal. */
/*
 * One thread calls everything here; reading, packing and fetching have threads
 * of their own below. A pass is: what is new in the zone, what is new on the
 * disk, a plan, and what it says: files read and stored, commits, operations on
 * the disk, base rows. It ends when a plan says nothing.
 *
 * Why a crash at any instant loses nothing: base rows are written last and what
 * they say is on the disk before them; a base behind the disk only has both
 * sides equal. A commit whose answer is lost is in the zone's copy at the next
 * pull, and agrees.
 */
#pragma once

#include "content/fetch.h"
#include "content/sink.h"
#include "tree/drivedb.h"
#include "drive/os.h"

struct drive;

struct drive_from {
	struct repo *repo; /* with the drive's zone; borrowed */
	const char *dir; /* this device's home */
	struct id uid, dev_id;
	const char *device; /* its name, for conflict copies */
	bool (*stop)(void); /* end soon, in order; or NULL */
	/* Bytes that the account has room for, UINT64_MAX: nobody knows; or
	 * NULL. */
	uint64_t (*room)(void *ctx);
	void *room_ctx;
};

/* errors: those of drive.db. */
MUST_CHECK int drive_open(
    const struct drive_from *from, struct drive **out, struct err *e);
void drive_free(struct drive **d);
struct drivedb *drive_db(struct drive *d);
struct zcopy *drive_zone(struct drive *d);

/* Pull, and bring index and tree up to it. */
MUST_CHECK int drive_pull(struct drive *d, struct err *e);

/* ---- a root ---- */

/* The server may have lost what was stored: each root looks for its files there
 * when it is next in sync, and stores again what is here. */
void drive_doubt(struct drive *d);
/* The same by who has the home alone, whether it has a Drive or not. */
MUST_CHECK int drive_doubt_home(const char *dir, struct err *e);

struct drive_root;

/* A boot of the machine, and when it began. */
struct drive_boot {
	struct id id;
	int64_t since_ns;
};

struct drive_root_ask {
	const char *dir; /* as typed */
	const char *folder; /* of the Drive, "/" unless it is made */
	bool adopt; /* both are brought together; nothing is deleted */
	bool make; /* it may become a root now */
	struct os
	    *os; /* instead of the folder's own disk, and taken; or NULL */
	const struct drive_boot *boot; /* instead of this one; or NULL */
	int64_t gone_after_ns; /* between two looks; 0: two seconds */
	/* Before a folder is listed, so that it can be watched; or NULL. */
	void (*listing)(void *ctx, const char *path);
	void *ctx;
};

/*
 * Open a folder as a root, or make it one: it is looked at whether it is the one
 * that it was.
 *
 * errors  drive-root-missing, drive-root-changed, drive-root-overlap;
 *         not-found: no such folder here, or in the Drive; bad-usage.
 */
MUST_CHECK int drive_root_open(struct drive *d,
    const struct drive_root_ask *ask, struct drive_root **out, struct err *e);
void drive_root_free(struct drive_root **r);
const struct drivedb_root *drive_root_row(const struct drive_root *r);
/* Is that path, or what it is in, ignored there? */
bool drive_root_ignores(
    const struct drive_root *r, struct bytes path, bool is_dir);

/* What was done, and what was not. */
struct drive_held {
	char *path;
	enum err_code code;
	char *reason;
};

struct drive_conflict {
	char *path, *copy;
};

struct drive_report {
	uint64_t up_files, up_bytes, stored_bytes, down_files, down_bytes;
	uint64_t moved, trashed, removed, commits;
	struct drive_held *held;
	size_t n_held;
	/* What is no file, another file system, another root: not ours. */
	struct drive_held *left;
	size_t n_left;
	uint64_t left_more; /* that were too many to be named */
	/* What is carried, and yet may suffer by it: repositories of git. */
	struct drive_held *warned;
	size_t n_warned;
	struct drive_conflict *conflicts;
	size_t n_conflicts;
	/* Deletions that wait for a word. */
	struct id gate;
	uint64_t gate_files;
	unsigned gate_percent;
	/* What was seen once, or changes just now, is to be looked at again in
	 * so many ns: of who does not wait for it; -1: nothing is. */
	int64_t due_ns;
};
void drive_report_free(struct drive_report *r);

struct drive_sync_ask {
	struct id confirm; /* deletions that may go; zeros: none */
	bool undo; /* those come back here instead */
	bool dry; /* plan, and do nothing */
	bool returns; /* do not wait for second looks: due_ns says when */
	/* Told meanwhile; may be NULL. */
	void (*progress)(void *ctx, const struct drive_report *so_far);
	void *ctx;
};

/*
 * Bring both sides together, until nothing is left to do.
 *
 * dirs    with NULs, what may have changed here; NULL: everything.
 * errors  what stops it all: server-unreachable, stopped, a lie. What concerns
 *         one thing is in the report.
 */
MUST_CHECK int drive_sync(struct drive_root *r, const struct buf *dirs,
    const struct drive_sync_ask *ask, struct drive_report *out, struct err *e);
