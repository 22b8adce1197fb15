/* SPDX-License-Identifier: ISC */
/* depot.h: where zones and blobs are kept: a server, or a folder. */
/*
 * Everything above works on a depot and does not know which of the two it is.
 * Blob calls may come from several threads at once; the others from one, or one
 * after the other, as those of zcopy do. Waiting is none of them: that is
 * client/self_wait.h, beside all of them.
 */
#pragma once

#include "wire/category.h"
#include "wire/change.h"

struct depot;

/* Takes an answer in pieces; a connection that broke begins it anew. */
struct depot_sink {
	void (*begin)(void *ctx);
	int (*take)(void *ctx, struct bytes piece, struct err *e);
	void *ctx;
};

/* Bytes [offset, offset + n) of a blob; n 0: all of it. */
struct depot_part {
	uint64_t offset;
	size_t n;
};

struct depot_commit {
	const struct id *zone;
	enum category category;
	struct bytes body; /* of wire/change.h */
	/* The account's inbox up to this number is filed by it, and emptied in
	 * the same transaction; 0: nothing of it. For messages. */
	uint64_t taken;
};

struct depot_ops {
	/* errors: conflict, blob-missing, … */
	int (*commit)(
	    struct depot *d, const struct depot_commit *c, struct err *e);
	/* The frames after `since`, of heads only those from heads_from on: a
	 * depot may give the others, too. errors: not-found when there is no
	 * such zone, resync. */
	int (*changes)(struct depot *d, const struct id *zone, uint64_t since,
	    uint64_t heads_from, const struct depot_sink *sink, struct err *e);
	int (*blob_put)(struct depot *d, const struct id *zone,
	    const struct id *id, struct bytes body, struct err *e);
	/* Append a part of a blob. */
	int (*blob_get)(struct depot *d, const struct id *zone,
	    const struct id *id, struct depot_part part, struct buf *out,
	    struct err *e);
	int (*blob_delete)(struct depot *d, const struct id *zone,
	    const struct id *id, struct err *e);
	/* One byte each into `there`: 1 when the blob is complete. */
	int (*blob_exists)(struct depot *d, const struct id *zone,
	    const struct id *ids, size_t n, uint8_t *there, struct err *e);
	/* Append v16 entries after `since`. */
	int (*circle)(
	    struct depot *d, uint32_t since, struct buf *out, struct err *e);
	/* Entry and its envelopes (v16 each), one transaction. */
	int (*circle_submit)(struct depot *d, struct bytes entry,
	    struct bytes envelopes, struct err *e);
	/* Append v16 envelopes. */
	int (*keyring)(struct depot *d, struct buf *out, struct err *e);
	/*
	 * What only a folder has; NULL elsewhere.
	 *
	 * tidy           collect what nothing names, as a server does by
	 *                itself; left_ms not 0: also what is younger, as far as
	 *                it was left before that moment.
	 * room           bytes that are free where it lies.
	 * run_begin      a run of this process goes on, until the depot is
	 *                freed or the process ends.
	 * run_goes_on    does it, in any process on this machine?
	 */
	int (*tidy)(struct depot *d, int64_t left_ms, struct err *e);
	uint64_t (*room)(struct depot *d);
	int (*run_begin)(struct depot *d, const struct id *run, struct err *e);
	bool (*run_goes_on)(struct depot *d, const struct id *run);
	void (*free)(struct depot *d);
};

/* The first member of every implementation. */
struct depot {
	const struct depot_ops *ops;
};

/* Ends a run that was begun by it. */
void depot_free(struct depot **d);
