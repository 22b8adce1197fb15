/* SPDX-License-Identifier: ISC */
/* place.h: writing restored objects below one directory and nowhere else. */
/*
 * Every path is relative to the target, "a/b/c", of any length, and is walked
 * component by component from descriptors that are already open, by openat2
 * with RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS. So
 * neither a link that is in a backup nor one that somebody plants in the target
 * while it is filled leads outside. The parent of what is placed must exist.
 *
 * An unfinished file has the mode 01200 or a name ".aumbry-part-…", an
 * unfinished directory the mode 01700; a later run replaces the first under any
 * rule, removes the second and finishes the third, so that it can go on where
 * an earlier one was cut off.
 *
 * What was made since place_open is never replaced: on a file system that takes
 * upper and lower case for one, two names of a backup meet there.
 *
 * One struct place may be used by several threads; a path by one at a time.
 *
 * Codes: ERR_CONFLICT when something is in the way (the rule forbids to replace
 * it, or it is a directory and should not be, or a link where a directory
 * should be: neither is ever replaced), ERR_NOT_FOUND
 * without a parent, ERR_DISK_FULL_HERE, ERR_RECORD_CORRUPT for a path that
 * cannot be one, ERR_UPDATE_NEEDED when the kernel is older than 5.6. Messages
 * hold no path: the caller knows it.
 */
#pragma once

#include "files/entry.h"

#include <sys/types.h>
#include <time.h>

/* Files up to this size are written in place when nothing is there yet. */
#define PLACE_SMALL ((uint64_t)1 << 20) /* bytes */

/* Which existing object that differs may be replaced. */
enum place_rule { PLACE_NEVER, PLACE_OLDER, PLACE_ALWAYS };

/* Objects that did not get all of what they had, by what it was. */
struct place_counts {
	uint64_t owners; /* not root: the files belong to who restores */
	uint64_t modes, acls, xattrs, flags; /* the file system or kernel */
};

struct place;
struct place_node; /* an open directory */

/* Open the target for restoring; it is made when it is not there. */
MUST_CHECK int place_open(const char *target, enum place_rule rule,
    struct place **out, struct err *e);
void place_free(struct place **p);

/*
 * From now on nothing can bite whom it is handed to: no owner is given, no
 * set-user-id or set-group-id bit, no attribute and no flag, and no device made.
 */
void place_tame(struct place *p);
/* From now on owners are given by number, not by name. */
void place_numeric_ids(struct place *p);

/* What could not be given to whom, so far. */
struct place_counts place_counts(struct place *p);

/* Wait until all that was placed is on the disk. */
MUST_CHECK int place_sync(struct place *p, struct err *e);

/*
 * Is x already there: type, size, times, or link target or device equal?
 *
 * same    a directory: there is one. False also when a parent is missing.
 */
MUST_CHECK int place_same(struct place *p, struct bytes path,
    const struct entry *x, bool *same, struct err *e);

/* Open a regular file to compare it. errors: not-found, io-error. */
MUST_CHECK int place_read(
    struct place *p, struct bytes path, int *fd, struct err *e);

/* What becomes of a directory when all that is in it is there. */
struct place_dir {
	bool kept; /* it was there before: it keeps what it has */
	bool there; /* it was there before */
	bool opened; /* this user had no right to it, and has for now */
	mode_t mode; /* that it had */
	struct timespec mtime;
};

/*
 * Make a directory, or take the one that is there. One that is there keeps its
 * own properties unless the rule lets x replace them. The empty path is the
 * target itself, which keeps them under any rule.
 *
 * errors  ERR_CONFLICT also for a second name that means the same directory.
 *         By one thread at a time.
 */
MUST_CHECK int place_dir(struct place *p, struct bytes path,
    const struct entry *x, struct place_dir *d, struct err *e);

/* All that is in it is there: the deepest first. */
MUST_CHECK int place_dir_done(struct place *p, struct bytes path,
    const struct entry *x, const struct place_dir *d, struct err *e);

/* A file being written. Zero-initialize with PLACE_FILE. */
struct place_file {
	int fd; /* write here, at any offset, in any order */
	bool direct; /* under its final name already */
	bool parked; /* begun, and not open now */
	bool replaces;
	struct place *place;
	struct place_node *dir;
	dev_t dev; /* of a parked one, to know it again */
	ino_t ino;
	mode_t mode;
	char name[ENTRY_NAME_MAX + 1];
	char part[64];
};

#define PLACE_FILE \
	{ \
		.fd = -1 \
	}

/*
 * Begin a regular file of x->size bytes. A sparse one has its full size at once
 * and consists of holes.
 *
 * errors  ERR_CONFLICT by the rule, also for an equal one: ask place_same.
 */
MUST_CHECK int place_file_begin(struct place *p, struct bytes path,
    const struct entry *x, struct place_file *f, struct err *e);

/* Give up its descriptors, and have them again: path as at the start. */
void place_file_park(struct place_file *f);
MUST_CHECK int place_file_resume(
    struct place_file *f, struct bytes path, struct err *e);

/* Give it its metadata and its name. f is empty afterwards, if this succeeds. */
MUST_CHECK int place_file_done(
    struct place_file *f, const struct entry *x, struct err *e);

/* For OWN: drop a file that was not done, and what was written of it. */
void place_file_free(struct place_file *f);

/* A link as it is, wherever it leads. errors as of place_file_begin. */
MUST_CHECK int place_symlink(
    struct place *p, struct bytes path, const struct entry *x, struct err *e);

/* fifo, socket, device. errors ERR_WRITE_INCOMPLETE for a device, not root. */
MUST_CHECK int place_special(
    struct place *p, struct bytes path, const struct entry *x, struct err *e);

/*
 * Make `path` another name of `existing`, which was placed before.
 *
 * x       the entry of both, for the rule.
 * errors  ERR_CONFLICT: `path` is taken. Others: no such link can be here.
 */
MUST_CHECK int place_hardlink(struct place *p, struct bytes existing,
    struct bytes path, const struct entry *x, struct err *e);

/* The flags of a file that was placed without them, for its further names. */
void place_flags(struct place *p, struct bytes path, const struct entry *x);
