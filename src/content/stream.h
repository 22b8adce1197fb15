/* SPDX-License-Identifier: ISC */
/* stream.h: a byte stream stored as chunks, and the reference that finds it. */
/*
 * A reference: u8 depth | varint length | varint n | n * (name[32] | varint
 * chunk length). At depth 0 the chunks are the stream; at depth d they are,
 * end to end, the list (name[32] | varint length)* of depth d - 1. So a
 * reference stays below STREAM_REF_CHUNKS chunks, however long the stream is.
 * Lists are those of chunklist.h.
 * source  docs/FORMAT.md "Stream".
 */
#pragma once

#include "content/sink.h"
#include "content/source.h"

#define STREAM_REF_CHUNKS 512 /* 18 KiB in a snapshot record */
#define STREAM_DEPTH_MAX 6 /* 512 * 1800^6 chunks */
#define STREAM_HOLE_MIN 4096 /* bytes; shorter ones are zeros that are stored */
#define STREAM_LEAVES_MAX (1 << 24) /* chunks: 256 GiB of the smallest */

struct stream_ref {
	enum category category; /* of the chunks; stands beside it, not in it */
	uint8_t depth;
	uint64_t length; /* bytes at depth 0 */
	struct buf list; /* n * (name | varint length) */
	uint32_t n;
};

/* For OWN. */
void stream_ref_free(struct stream_ref *r);
/* Append a reference in stored form. */
void stream_ref_put(struct buf *out, const struct stream_ref *r);
/* Take one of a stream whose chunks are of category c. errors: record-corrupt. */
MUST_CHECK int stream_ref_take(
    struct scan *s, enum category c, struct stream_ref *out, struct err *e);

/* Get a chunk's name; -1 stops. */
typedef int (*stream_chunk_fn)(
    void *ctx, const struct digest *name, uint32_t length, struct err *e);

/* ---- writing ---- */

struct stream_out;

/*
 * Heap. A stream that goes into packs of that lane; freed before the sink. One
 * that is not ended leaves chunks that nothing names.
 */
struct stream_out *stream_out_new(struct sink *sink, unsigned lane);
void stream_out_free(struct stream_out **w);

/* Let the reference have this many chunks, and not STREAM_REF_CHUNKS. */
void stream_out_most(struct stream_out *w, uint32_t chunks);
/* Append. What fails is told by stream_out_end. */
void stream_out_put(struct stream_out *w, struct bytes x);
/* Append n zeros that are not stored: chunks of PACK_BLOCK, named by zeros. Not
 * less than STREAM_HOLE_MIN: readers refuse what is made of too many pieces. */
void stream_out_hole(struct stream_out *w, uint64_t n);
/* Bytes that were put so far. */
uint64_t stream_out_length(const struct stream_out *w);
/* Store the rest, wait for all names. errors: the sink's. */
MUST_CHECK int stream_out_end(
    struct stream_out *w, struct stream_ref *out, struct err *e);
/* After that, visit all chunks that it needs: of its lists, too; no holes. */
MUST_CHECK int stream_out_chunks(
    const struct stream_out *w, stream_chunk_fn fn, void *ctx, struct err *e);

/* ---- reading ---- */

/* Get bytes in order; -1 stops. */
typedef int (*stream_fn)(void *ctx, struct bytes x, struct err *e);

struct stream_range {
	uint64_t from, n; /* bytes */
};

/*
 * Read a part of a stream.
 *
 * errors  snapshot-damaged when a chunk is not stored any more; blob-*;
 *         record-corrupt when it is made of more than its length can be, as
 *         with all below.
 */
MUST_CHECK int stream_read(struct source *src, const struct stream_ref *ref,
    struct stream_range part, stream_fn fn, void *ctx, struct err *e);

/*
 * Visit the chunks of which a stream is made, with those of its lists; what
 * lies in depth 0 is named, not read.
 */
MUST_CHECK int stream_chunks(struct source *src, const struct stream_ref *ref,
    stream_chunk_fn fn, void *ctx, struct err *e);

/*
 * Visit the chunks at depth 0 alone, with the holes among them, in order. Of
 * lists no more is in memory than a chunk for each depth.
 */
MUST_CHECK int stream_leaves(struct source *src, const struct stream_ref *ref,
    stream_chunk_fn fn, void *ctx, struct err *e);
