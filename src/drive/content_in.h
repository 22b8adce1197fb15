/* SPDX-License-Identifier: ISC */
/* content_in.h: what files hold, stored: their bytes in, node content out. */
/*
 * Files are read one after another by one thread and get their names in the
 * meantime; after content_in_flush each becomes content in stored form. What is
 * secret by nature goes to packs with the keys of the keychain, when they are
 * held. Packs wait for their records until a commit takes them along.
 */
#pragma once

#include "content/sink.h"
#include "content/stream.h"
#include "tree/node.h"

/* Packs that wait and are not committed before the nodes, but beside them. */
#define CONTENT_IN_BESIDE 100
/* Of a long upload: 128 MiB are not sent again. */
#define CONTENT_IN_EARLY 32

struct content_in;

/* Heap, and threads. errors: io-error. */
MUST_CHECK int content_in_new(
    struct repo *repo, struct content_in **out, struct err *e);
void content_in_free(struct content_in **in);

/* A file that is read: any offset, short counts only at its end. */
struct content_in_file {
	bool secret; /* by its path */
	uint64_t size;
	int (*read)(void *ctx, uint64_t at, void *p, size_t n, size_t *got,
	    struct err *e);
	/* From `at` on: where data begins, and where the hole behind it. */
	int (*data)(void *ctx, uint64_t at, uint64_t *data, uint64_t *hole,
	    struct err *e);
	void *ctx;
};

/* One that was read. Its place must not move before the flush. */
struct content_in_taken {
	uint64_t size; /* bytes that were read */
	bool secret;
	bool small; /* one chunk, or inline */
	struct buf head; /* while it is inline */
	struct digest name;
	atomic_uint pending;
	struct stream_ref ref; /* of a larger one */
	struct buf packs; /* ids: that it needs, and that were there before */
};
void content_in_taken_free(struct content_in_taken *x);

/* errors: too-large; those of read; what stops the sink. */
MUST_CHECK int content_in_take(struct content_in *in,
    const struct content_in_file *f, struct content_in_taken *out,
    struct err *e);
/* Everything taken has its names and is stored. After a failure here or in
 * content_in_take that is the sink's: nothing of it is. */
MUST_CHECK int content_in_flush(struct content_in *in, struct err *e);
/* Did something fail in the sink? Then a flush says what, and begins anew. */
bool content_in_failed(const struct content_in *in);
/* What was taken and not flushed is not wanted any more: its place may go. */
void content_in_drop(struct content_in *in);
/* Then: append its content in stored form. */
void content_in_put(
    struct content_in *in, const struct content_in_taken *x, struct buf *out);

/*
 * All that it needs waits, or is recorded at the head that the copy of the zone
 * is at: for a commit right behind it.
 *
 * errors  blob-missing: it is to be read again.
 */
MUST_CHECK int content_in_there(
    struct content_in *in, const struct content_in_taken *x, struct err *e);

/* Edits of packs that wait, `most` of them; returns how many. They borrow. */
size_t content_in_edits(
    struct content_in *in, struct zcopy_edit *edits, size_t most);
/* When more than so many wait: commit them by themselves. After blob-missing
 * they are forgotten, as below. */
MUST_CHECK int content_in_commit(
    struct content_in *in, size_t more_than, struct err *e);
/* After a commit or pull: what has records waits no more. */
MUST_CHECK int content_in_recorded(struct content_in *in, struct err *e);
/* Has what was read lost a pack? */
bool content_in_lost(const struct content_in *in);
/* The same. errors: blob-missing: read it again. */
MUST_CHECK int content_in_holds(struct content_in *in, struct err *e);
/* Packs that wait were collected (a commit said blob-missing): none waits any
 * more, and what is in them is to be read again. */
void content_in_forget(struct content_in *in);
/* Ids of the packs that wait, appended. */
void content_in_waiting(struct content_in *in, struct buf *ids);
/* Nothing comes for a while. After a flush. */
void content_in_idle(struct content_in *in);
uint64_t content_in_stored(struct content_in *in); /* bytes sent */
