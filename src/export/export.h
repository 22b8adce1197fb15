/* SPDX-License-Identifier: ISC */
/* export.h: everything of an account, in a folder, as ordinary files. */
/*
 *   README.txt               what is what, for a person
 *   manifest.json            every file, and what is missing and why
 *   SHA256SUMS               for sha256sum -c
 *   account/NAME.json        what the account has beside its files
 *   backups/HOST/TIME_ID/    a snapshot, restored
 *   drive/                   what the Drive has
 *
 * While it goes on, and after it was cut off, manifest.partial.jsonl stands in
 * the place of manifest.json, or beside that of an earlier run, which still
 * says what that run has made. The next run goes on from it. What somebody has
 * changed in the folder since is never replaced.
 *
 * By one thread at a time.
 *
 * source  docs/FORMAT.md "Export".
 */
#pragma once

#include "backup/restore.h"
#include "export/export_line.h"

#define EXPORT_README "README.txt"
#define EXPORT_MANIFEST "manifest.json"
#define EXPORT_PARTIAL "manifest.partial.jsonl"
#define EXPORT_SUMS "SHA256SUMS"
#define EXPORT_DRIVE "drive" /* folder */

struct export_from {
	const char *account; /* "ana@host", or the path of a repository */
	const char *server; /* its address; "" for a folder */
	struct id uid;
	uint64_t now_ms;
};

/* Called for what is not there as it should be; path below the folder. */
typedef void export_warn_fn(
    void *ctx, struct bytes path, const struct err *why);

struct export_counts {
	uint64_t snapshots, files, bytes; /* added by this run */
	uint64_t errors; /* what is missing or changed, of all that is there */
	uint64_t damaged, closed; /* of those, as restore counts them */
	struct place_counts lost;
};

struct export;

/*
 * Take the folder: a new one, an empty one, or one that an export was begun in.
 * It gets the mode 0700 where it can. Whoever else exports into it waits.
 *
 * warn    is told here of each file that somebody changed or removed.
 * errors  conflict: something else is in it, an export of another account, or a
 *         manifest that cannot be read; home-busy; update-needed.
 */
MUST_CHECK int export_open(const char *dir, const struct export_from *from,
    export_warn_fn *warn, void *ctx, struct export **out, struct err *e);
void export_free(struct export **x);

/* May other users of this machine read it? */
bool export_is_open(const struct export *x);
/* Is it there and whole? What has errors is tried again. */
bool export_has(const struct export *x, const struct id *snapshot);
/* Was an earlier run cut off? */
bool export_goes_on(const struct export *x);
struct export_counts export_counts(const struct export *x);

/* Write README.txt, unless it is there. errors as of export_record. */
MUST_CHECK int export_readme(struct export *x, struct err *e);
/*
 * Write account/NAME, unless it is there and says the same.
 *
 * source  what made it: "aumbry device list --json".
 * errors  disk-full-here, io-error. What somebody changed there is told to warn.
 */
MUST_CHECK int export_record(struct export *x, const char *name,
    struct bytes content, const char *source, struct err *e);
/* Something is not there, and why: it stands in the manifest. */
void export_lacks(struct export *x, struct bytes path, const struct err *why);

/* The folder of a snapshot, below that of the export. */
void export_folder(const struct snapshot *s, struct buf *out);

/* How a snapshot is exported. */
struct export_how {
	/* One that is there, of the same files at another time: what did not
	 * change since has one file on the disk. NULL: none. */
	const struct snapshot *base;
	/* Of the restore, and of reading back what it wrote; or NULL. */
	void (*progress)(void *ctx, const struct restore_progress *p);
	void (*listed)(void *ctx, const struct restore_progress *p);
};

/*
 * Restore a snapshot, and list what is there then.
 *
 * errors  what makes going on senseless: the disk, the network. Of all else
 *         warn is told.
 */
MUST_CHECK int export_snapshot(struct export *x, struct repo *repo,
    const struct snapshot *s, const struct export_how *how, struct err *e);

/* ---- the Drive ---- */

/*
 * Whoever writes the Drive's files asks of each, and says what is there then.
 * One is known again by its path and content: what is there as it was written
 * and the Drive still has so is not read again. What the Drive has otherwise
 * now is replaced; what it has no more stays, and is listed as a former one.
 */
struct export_thing {
	struct bytes path; /* "drive/a/b", below the folder */
	const struct entry *x; /* as it is to be written */
	struct digest content; /* another for what differs in any way */
	bool secret;
};

/* errors: conflict: a link is in the way. */
MUST_CHECK int export_drive_begin(struct export *x, struct err *e);
/* A file or link. keep: it is there; else over: it may be written over what
 * is there, which is as an export has left it. warn is told of what somebody
 * changed, which is kept. */
void export_drive_choose(
    struct export *x, const struct export_thing *t, bool *keep, bool *over);
/* It is there now, also what was kept, and each directory. errors: the disk. */
MUST_CHECK int export_drive_there(
    struct export *x, const struct export_thing *t, struct err *e);
/* It could not be had: as export_lacks, counted as a restore counts. */
void export_drive_lacks(
    struct export *x, struct bytes path, const struct err *why);
/* It is not exported, by intent: it stands in the manifest, and is no error. */
void export_leaves(struct export *x, struct bytes path, const struct err *why);
/* all: the Drive was gone through to its end, and everything came. */
MUST_CHECK int export_drive_end(struct export *x, bool all, struct err *e);

/*
 * Write the manifest and the sums, if anything is new.
 *
 * fresh  is anything?
 */
MUST_CHECK int export_end(struct export *x, bool *fresh, struct err *e);
