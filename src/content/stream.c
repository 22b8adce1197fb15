/* SPDX-License-Identifier: ISC */
/* stream.c: cutting a stream into chunks, and reading it back. */
#include "content/stream.h"

#include <stdlib.h>
#include <string.h>

#define PART 256 /* chunk references allocated at once; they never move */

void
stream_ref_free(struct stream_ref *r)
{
	buf_free(&r->list);
	*r = (struct stream_ref){ 0 };
}

void
stream_ref_put(struct buf *out, const struct stream_ref *r)
{
	buf_put_u8(out, r->depth);
	buf_put_varint(out, r->length);
	buf_put_varint(out, r->n);
	buf_put_bytes(out, buf_bytes(&r->list));
}

int
stream_ref_take(struct scan *s, struct stream_ref *out, struct err *e)
{
	OWN(stream_ref_free) struct stream_ref r = { 0 };

	r.depth = scan_u8(s);
	r.length = scan_varint(s);
	uint64_t n = scan_varint(s);
	if (!scan_ok(s) || r.depth > STREAM_DEPTH_MAX || n > STREAM_REF_CHUNKS)
		return err_set(e, ERR_RECORD_CORRUPT,
		    "a stream reference is not well-formed");
	for (uint64_t i = 0; i < n; i++) {
		struct bytes name = scan_take(s, DIGEST_BYTES);
		uint64_t length = scan_varint(s);
		if (!scan_ok(s) || length > PACK_BLOCK)
			return err_set(e, ERR_RECORD_CORRUPT,
			    "a stream reference is not well-formed");
		buf_put_bytes(&r.list, name);
		buf_put_varint(&r.list, length);
	}
	r.n = (uint32_t)n;
	*out = r;
	r = (struct stream_ref){ 0 };
	return 0;
}

/* ---- writing ---- */

struct part {
	struct part *next;
	struct digest names[PART];
	uint32_t lengths[PART];
	size_t n;
};

struct stream_out {
	struct sink *sink;
	struct chunker *chunker;
	struct buf rest; /* bytes not cut yet */
	struct sink_block *block;
	struct part *first, *last;
	atomic_uint pending;
	uint64_t length;
	uint64_t chunks;
};

struct stream_out *
stream_out_new(struct sink *sink, struct chunker *chunker)
{
	struct stream_out *w = mem_new(sizeof *w);

	w->sink = sink;
	w->chunker = chunker;
	w->first = w->last = mem_new(sizeof *w->first);
	return w;
}

void
stream_out_free(struct stream_out **wp)
{
	struct stream_out *w = *wp;

	if (w == NULL)
		return;
	if (w->block != NULL)
		sink_give_back(w->sink, w->block);
	while (w->first != NULL) {
		struct part *next = w->first->next;
		free(w->first);
		w->first = next;
	}
	buf_free(&w->rest);
	free(w);
	*wp = NULL;
}

uint64_t
stream_out_length(const struct stream_out *w)
{
	return w->length;
}

static void
add_chunk(struct stream_out *w, const uint8_t *p, uint32_t n)
{
	struct sink_block *b = w->block;

	if (b != NULL &&
	    (b->used + n > PACK_BLOCK || b->n == ARRAY_SIZE(b->pieces))) {
		sink_submit(w->sink, b);
		b = NULL;
	}
	if (b == NULL)
		b = sink_take(w->sink, SINK_TREE);
	w->block = b;
	if (b == NULL)
		return; /* failed: stream_out_end says why */
	if (w->last->n == PART) {
		w->last->next = mem_new(sizeof *w->last);
		w->last = w->last->next;
	}
	struct part *part = w->last;
	memcpy(b->data + b->used, p, n);
	b->used += n;
	(void)atomic_fetch_add(&w->pending, 1);
	b->pieces[b->n++] =
	    (struct sink_piece){ n, &part->names[part->n], &w->pending };
	part->lengths[part->n++] = n;
	w->chunks++;
}

static void
cut(struct stream_out *w, bool last)
{
	size_t at = 0;

	while (at < w->rest.n) {
		size_t n = chunker_cut(
		    w->chunker, w->rest.p + at, w->rest.n - at, last);
		if (n == 0)
			break;
		add_chunk(w, w->rest.p + at, (uint32_t)n);
		at += n;
	}
	memmove(w->rest.p, w->rest.p + at, w->rest.n - at);
	w->rest.n -= at;
}

void
stream_out_put(struct stream_out *w, struct bytes x)
{
	buf_put_bytes(&w->rest, x);
	w->length += x.n;
	if (w->rest.n >= 2 * CHUNKER_MAX)
		cut(w, false);
}

static int
settle(struct stream_out *w, struct err *e)
{
	if (w->rest.n > 0)
		cut(w, true);
	if (w->block != NULL)
		sink_submit(w->sink, w->block);
	w->block = NULL;
	return sink_settle(w->sink, e);
}

int
stream_out_end(struct stream_out *w, struct stream_ref *out, struct err *e)
{
	OWN(stream_ref_free) struct stream_ref r = { .length = w->length };

	if (settle(w, e) < 0)
		return -1;
	for (const struct part *p = w->first; p != NULL; p = p->next)
		for (size_t i = 0; i < p->n; i++) {
			digest_put(&r.list, &p->names[i]);
			buf_put_varint(&r.list, p->lengths[i]);
		}
	if (w->chunks > STREAM_REF_CHUNKS) {
		OWN(stream_out_free)
		struct stream_out *up = stream_out_new(w->sink, w->chunker);
		stream_out_put(up, buf_bytes(&r.list));
		if (stream_out_end(up, out, e) < 0)
			return -1;
		out->depth++;
		out->length = w->length;
		return 0;
	}
	r.n = (uint32_t)w->chunks;
	*out = r;
	r = (struct stream_ref){ 0 };
	return 0;
}

/* ---- reading ---- */

static int
collect(void *ctx, struct bytes x, struct err *e)
{
	(void)e;
	buf_put_bytes(ctx, x);
	return 0;
}

/* Follow a list of chunks, giving fn the wanted range. */
static int
read_list(struct source *src, struct bytes list, uint64_t offset,
    uint64_t length, stream_fn fn, void *ctx, struct err *e)
{
	struct scan s = scan_of(list);
	OWN(buf_free) struct buf chunk = { 0 };
	uint64_t at = 0, end = offset + length;

	while (s.n > 0 && at < end) {
		struct digest name = digest_take(&s);
		uint64_t n = scan_varint(&s);
		if (!scan_ok(&s) || n == 0 || n > PACK_BLOCK)
			return err_set(e, ERR_RECORD_CORRUPT,
			    "a list of chunks is not well-formed");
		if (at + n <= offset) {
			at += n;
			continue;
		}
		buf_clear(&chunk);
		if (source_chunk(src, CATEGORY_BACKUP, &name, (uint32_t)n,
			&chunk, e) < 0)
			return -1;
		uint64_t from = offset > at ? offset - at : 0;
		uint64_t to = at + n > end ? end - at : n;
		if (fn(ctx, bytes_of(chunk.p + from, (size_t)(to - from)), e) <
		    0)
			return -1;
		at += n;
	}
	if (at < end)
		return err_set(e, ERR_SNAPSHOT_DAMAGED,
		    "a stream is shorter than its snapshot says");
	return 0;
}

/* The list of chunks below one of lists. */
static int
descend(struct source *src, struct buf *list, struct err *e)
{
	OWN(buf_free) struct buf below = { 0 };
	uint64_t total = 0;
	struct scan s = scan_of(buf_bytes(list));

	while (s.n > 0 && scan_ok(&s)) {
		(void)scan_take(&s, DIGEST_BYTES);
		total += scan_varint(&s);
	}
	if (read_list(src, buf_bytes(list), 0, total, collect, &below, e) < 0)
		return -1;
	buf_clear(list);
	buf_put_bytes(list, buf_bytes(&below));
	return 0;
}

int
stream_read(struct source *src, const struct stream_ref *ref, uint64_t offset,
    uint64_t length, stream_fn fn, void *ctx, struct err *e)
{
	OWN(buf_free) struct buf list = { 0 };

	if (offset > ref->length || length > ref->length - offset)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a place lies outside its stream");
	buf_put_bytes(&list, buf_bytes(&ref->list));
	for (unsigned d = 0; d < ref->depth; d++)
		if (descend(src, &list, e) < 0)
			return -1;
	return read_list(src, buf_bytes(&list), offset, length, fn, ctx, e);
}

int
stream_chunks(struct source *src, const struct stream_ref *ref,
    stream_chunk_fn fn, void *ctx, struct err *e)
{
	OWN(buf_free) struct buf list = { 0 };

	buf_put_bytes(&list, buf_bytes(&ref->list));
	for (unsigned d = 0;; d++) {
		struct scan s = scan_of(buf_bytes(&list));
		while (s.n > 0) {
			struct digest name = digest_take(&s);
			uint64_t n = scan_varint(&s);
			if (!scan_ok(&s) || n == 0 || n > PACK_BLOCK)
				return err_set(e, ERR_RECORD_CORRUPT,
				    "a list of chunks is not well-formed");
			if (fn(ctx, &name, (uint32_t)n, e) < 0)
				return -1;
		}
		if (d == ref->depth)
			return 0;
		if (descend(src, &list, e) < 0)
			return -1;
	}
}
