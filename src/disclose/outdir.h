/* SPDX-License-Identifier: ISC */
/* outdir.h: the folder that a disclosure is written into. */
/*
 * Paths are relative to the folder, "metadata/log.json"; what is missing above
 * one is made with mode 0700, files have 0600. Nothing that is there is
 * replaced.
 */
#pragma once

#include "base/buf.h"

#define OUTDIR_WORK ".work" /* removed before the manifest is written */

/*
 * Make the folder, or take one that is empty.
 *
 * errors  repository-exists when there is something in it, or it is none.
 */
MUST_CHECK int outdir_make(const char *path, struct err *e);

/* Remove a folder below it, and all that is in there. */
void outdir_drop(const char *path, const char *name);

/* A file that is being written. */
struct outfile {
	int fd;
	char *path;
	struct buf waits;
};

#define OUTFILE \
	{ \
		.fd = -1 \
	}

/* For OWN; what was written stays. */
void outfile_free(struct outfile *f);
/* Make "dir/name", and the folders above it; nothing of that name is there. */
MUST_CHECK int outfile_open(
    const char *dir, const char *name, struct outfile *f, struct err *e);
/* Append. */
MUST_CHECK int outfile_put(struct outfile *f, struct bytes x, struct err *e);
/* Write what waits, and wait for the disk. */
MUST_CHECK int outfile_done(struct outfile *f, struct err *e);

/* All at once. */
MUST_CHECK int outdir_write(
    const char *dir, const char *name, struct bytes x, struct err *e);
