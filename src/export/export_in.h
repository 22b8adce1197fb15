/* SPDX-License-Identifier: ISC */
/* export_in.h: what the files of export share. For export*.c only. */
#pragma once

#include "export/export.h"
#include "files/place.h"
#include "wire/jsonio.h"

#include <sys/stat.h>

/* The first words of README.txt. */
#define EXPORT_TITLE "What this is: an export of "

/* A snapshot that is there, or was begun. */
struct export_unit {
	struct id id;
	struct buf folder, line; /* that says it is done */
	uint64_t errors; /* when it was listed */
	uint64_t gone, changed; /* files, since */
	uint64_t from; /* where in the journal its lines begin */
	bool done;
};

/* A file that is of no snapshot. */
struct export_record {
	char *path;
	struct digest sha, was; /* of the last line of it, and the one before */
	struct buf line;
};

struct export
{
	char *dir;
	int fd; /* of it, locked */
	struct export_from from;
	struct buf account, server; /* what `from` names */
	export_warn_fn *warn;
	void *ctx;
	uint64_t begun_ms;
	bool finished; /* there is a manifest.json */
	bool goes_on; /* there was a partial one */
	bool begun; /* this run writes */
	bool coarse; /* its times have no fractions */
	int journal; /* or -1: there is none yet */
	uint64_t end; /* of the journal */
	struct export_unit *units;
	size_t n_units;
	struct export_record *records;
	size_t n_records;
	struct export_kept *kept;
	size_t n_kept, room_kept;
	uint32_t *slots; /* numbers in kept, from 1; by name */
	size_t n_slots; /* power of two, or 0 */
	struct place *place; /* the folder, while the Drive is written */
	struct buf waits; /* lines of it */
	uint64_t waiting; /* bytes of files that they name */
	json_t *lacks; /* not of a snapshot */
	struct buf lacked; /* the same of the run before, as lines */
	struct export_counts counts;
};

/* ---- export_dir.c ---- */

/* "DIR/name" in new memory. */
char *export_path(const struct export *x, const char *name);
/* Open a file of this program's in the folder: no link is followed. */
MUST_CHECK int export_open_file(const struct export *x, const char *name,
    int flags, int *fd, struct err *e);

/* No part of what is below the folder is a link: it could lead anywhere, on a
 * disk that others had. errors: conflict. */
MUST_CHECK int export_no_link(
    const struct export *x, const char *path, struct err *e);
/* Is it this snapshot alone that cannot be had, and not the next? */
bool export_of_snapshot(enum err_code code);

/* ---- export_journal.c ---- */

/* Read what an earlier run has left; a line that is cut off goes. */
MUST_CHECK int export_load(struct export *x, struct err *e);
/* Begin to write: make the journal, of manifest.json if there is one. */
MUST_CHECK int export_begin(struct export *x, struct err *e);
/* Append lines, and take them for done. */
MUST_CHECK int export_append(
    struct export *x, struct bytes lines, bool sync, struct err *e);
/* The unit of a snapshot, made if there is none. */
struct export_unit *export_unit(struct export *x, const struct id *id);
struct export_record *export_find_record(
    const struct export *x, const char *path);
struct export_record *export_new_record(struct export *x, const char *path);

typedef int (*export_each_fn)(
    void *ctx, const struct export_line *l, struct bytes line, struct err *e);
/* All lines of files and of what is missing that count, of snapshots and of
 * the Drive. */
MUST_CHECK int export_each(
    struct export *x, export_each_fn fn, void *ctx, struct err *e);

/* ---- export_put.c ---- */

/* What is said of a path. */
struct export_file {
	struct bytes path; /* below the folder */
	const struct stat *st;
	const struct digest *sha; /* of a regular file */
	bool data_only;
	struct bytes target; /* of a link */
	const struct id *snapshot; /* NULL: of the account */
	struct bytes source;
	bool secret;
	const struct digest *content; /* of the Drive's; or NULL */
};
void export_put_file(struct buf *out, const struct export_file *f);
json_t *export_lacks_json(
    struct bytes path, const struct err *why, const struct id *snapshot);
void export_put_json(struct buf *out, json_t *j); /* a line; takes j */
void export_put_unit(struct buf *out, const struct snapshot *s,
    struct bytes folder, const struct export_counts *c);
/* What the journal begins with; manifest.json's first line too, when ended. */
void export_put_head(
    struct buf *out, const struct export *x, uint64_t ended_ms);

/* ---- export_look.c ---- */

/* What becomes of a line of a file. */
struct export_looked {
	struct export_file line;
	struct stat st;
	struct digest sha;
};

/*
 * Read a file that is on the disk, and keep a secret from others: path below
 * that place. Its line has size, time and sum then.
 *
 * errors  conflict: something else is there; not-found, io-error.
 */
MUST_CHECK int export_look(struct place *place, struct bytes path,
    struct export_looked *f, struct err *e);
/* As it was stored: not every disk keeps a mode. */
struct stat export_stat(const struct entry *x);

/* ---- export_kept.c ---- */

enum export_state {
	EXPORT_SAME, /* as its line says */
	EXPORT_GONE,
	EXPORT_CHANGED /* by somebody */
};

/* What the Drive had, and is there: of each path the last line counts. */
struct export_kept {
	uint8_t name[16]; /* of its path's digest */
	struct digest content;
	uint64_t at; /* its line, in the journal or in manifest.json */
	enum export_state state;
	bool seen; /* the Drive has it now */
	bool met; /* it is there as the Drive has it */
	bool former; /* the Drive has it no more */
	bool dropped; /* nor is it here */
};

struct export_kept *export_find_kept(const struct export *x, struct bytes path);
/* One that is there, or a new one. Others move then. */
struct export_kept *export_keep(struct export *x, struct bytes path);
void export_kept_free(struct export *x);

/* ---- export_drive.c ---- */

/* Is what a line names still so? */
void export_check_drive(
    struct export *x, struct place *place, const struct export_line *l);
/* Tell what somebody changed or removed, and this run did not look at. */
MUST_CHECK int export_say_drive(struct export *x, struct err *e);

/* ---- export_link.c ---- */

/*
 * Make what is unchanged since `base`, which is there, another name of it: then
 * the restore has it already. What cannot be linked it writes.
 *
 * errors  of what makes going on senseless.
 */
MUST_CHECK int export_link(struct export *x, struct repo *repo,
    const struct snapshot *base, const struct snapshot *s, struct err *e);

/* ---- export_record.c ---- */

/* export_record of any path below the folder. */
MUST_CHECK int export_put_record(struct export *x, const char *path,
    struct bytes content, const char *source, struct err *e);
