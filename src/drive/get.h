/* SPDX-License-Identifier: ISC */
/* get.h: files and folders of the Drive, written to this machine. */
#pragma once

#include "content/stream.h"
#include "drive/edit.h"
#include "files/entry.h"
#include "tree/node.h"

/* What becomes of a file or link. */
enum get_what {
	GET_WRITE, /* unless something is there: with `force`, over it */
	GET_OVER, /* over what is there */
	GET_LEAVE /* what is there is it */
};

/* One thing, as it is written here. */
struct get_one {
	struct bytes path; /* below the folder that it all goes into */
	const struct entry *x;
	const struct id *id;
	const struct node *n; /* NULL: a directory */
};

struct get_ask {
	const char *const *paths; /* of the Drive */
	size_t n;
	const struct drivedb_entry *found; /* one, in place of paths, or NULL */
	const char *to; /* a folder here; or, of one, its new path */
	/* Of one path, its name in `to`, which is a folder here: each file
	 * is asked for alone then, with `choose`. NULL: as above. */
	const char *as;
	enum get_what (*choose)(void *ctx, const struct get_one *one);
	/* It is there now, whole, or was left; a directory after all that is
	 * in it. -1 ends it all. Or NULL. */
	int (*there)(void *ctx, const struct get_one *one, struct err *e);
	bool force; /* over files that are there; folders are merged */
	/* Something that could not be written; the rest goes on. */
	void (*warn)(void *ctx, struct bytes path, const struct err *why);
	/* Now and then; or NULL. */
	void (*progress)(void *ctx, uint64_t files, uint64_t bytes);
	void *ctx;
};

struct get_result {
	uint64_t files, dirs, bytes;
	uint64_t failed;
	struct err first; /* the first of these failures */
};

/*
 * Write them; every byte is verified. Of a file no name is seen before it is
 * whole. Links stay links, wherever they lead.
 *
 * out     also after an error.
 * errors  drive-exists: something is there; not-found; what stops it all.
 */
MUST_CHECK int get_run(struct edit *d, const struct get_ask *ask,
    struct get_result *out, struct err *e);

/* What takes former contents: each is begun, comes in order, and ends; failed:
 * it could not be had, and why; or NULL. -1 of begin or end ends it all. */
struct get_former {
	int (*begin)(void *ctx, const struct node_version *v, struct err *e);
	stream_fn piece;
	int (*end)(void *ctx, const struct node_version *v,
	    const struct err *failed, struct err *e);
	void *ctx;
};
/* Read all that a file had and that is kept, newest first. errors: those of
 * its history; to's. */
MUST_CHECK int get_formers(struct edit *d, const struct id *id,
    const struct get_former *to, struct err *e);

/* Read one file in order. errors: not-found; bad-usage: it is none;
 * file-damaged; fn's. */
MUST_CHECK int get_read(
    struct edit *d, const char *path, stream_fn fn, void *ctx, struct err *e);
