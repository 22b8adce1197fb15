/* SPDX-License-Identifier: ISC */
/* stream.c: cutting a stream into chunks, and reading it back. */
#include "content/stream.h"

#include "content/chunklist.h"

#include <stdlib.h>
#include <string.h>

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
stream_ref_take(
    struct scan *s, enum category c, struct stream_ref *out, struct err *e)
{
	OWN(stream_ref_free) struct stream_ref r = { .category = c };

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

struct stream_out {
	struct sink *sink;
	unsigned lane;
	struct buf rest; /* bytes not cut yet */
	struct sink_block *block;
	struct chunklist chunks;
	atomic_uint pending;
	uint64_t length;
	uint32_t most; /* chunks of the reference */
	struct stream_out *up; /* the stream of its list, when that is long */
};

struct stream_out *
stream_out_new(struct sink *sink, unsigned lane)
{
	struct stream_out *w = mem_new(sizeof *w);

	w->sink = sink;
	w->lane = lane;
	w->most = STREAM_REF_CHUNKS;
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
	stream_out_free(&w->up);
	chunklist_free(&w->chunks);
	buf_free(&w->rest);
	free(w);
	*wp = NULL;
}

void
stream_out_most(struct stream_out *w, uint32_t chunks)
{
	w->most = chunks;
}

uint64_t
stream_out_length(const struct stream_out *w)
{
	return w->length;
}

static void
add_chunk(struct stream_out *w, const uint8_t *p, uint32_t n)
{
	if (!sink_room(w->sink, w->lane, n, &w->block))
		return; /* failed: stream_out_end says why */
	memcpy(w->block->data + w->block->used, p, n);
	sink_add(w->block, n, chunklist_add(&w->chunks, n), &w->pending);
}

static void
cut(struct stream_out *w, bool last)
{
	struct chunker *chunker = sink_part(w->sink, w->lane)->chunker;
	size_t at = 0;

	while (at < w->rest.n) {
		size_t n =
		    chunker_cut(chunker, w->rest.p + at, w->rest.n - at, last);
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

void
stream_out_hole(struct stream_out *w, uint64_t n)
{
	if (w->rest.n > 0)
		cut(w, true);
	w->length += n;
	while (n > 0) {
		uint32_t some = n < PACK_BLOCK ? (uint32_t)n : PACK_BLOCK;
		(void)chunklist_add(&w->chunks, some);
		n -= some;
	}
}

static int
settle(struct stream_out *w, struct err *e)
{
	if (w->rest.n > 0)
		cut(w, true);
	if (w->block != NULL)
		sink_submit(w->sink, w->block);
	w->block = NULL;
	return sink_wait(w->sink, &w->pending, e);
}

int
stream_out_end(struct stream_out *w, struct stream_ref *out, struct err *e)
{
	OWN(stream_ref_free) struct stream_ref r = { .length = w->length };

	r.category = sink_part(w->sink, w->lane)->keys;
	if (settle(w, e) < 0)
		return -1;
	chunklist_put(&r.list, &w->chunks);
	if (w->chunks.n > w->most) {
		w->up = stream_out_new(w->sink, w->lane);
		stream_out_most(w->up, w->most);
		stream_out_put(w->up, buf_bytes(&r.list));
		if (stream_out_end(w->up, out, e) < 0)
			return -1;
		out->depth++;
		out->length = w->length;
		return 0;
	}
	r.n = (uint32_t)w->chunks.n;
	*out = r;
	r = (struct stream_ref){ 0 };
	return 0;
}

int
stream_out_chunks(
    const struct stream_out *w, stream_chunk_fn fn, void *ctx, struct err *e)
{
	OWN(buf_free) struct buf list = { 0 };
	struct digest name;
	uint32_t n;

	for (; w != NULL; w = w->up) {
		buf_clear(&list);
		chunklist_put(&list, &w->chunks);
		struct scan s = scan_of(buf_bytes(&list));
		while (s.n > 0)
			if (chunklist_take(&s, &name, &n, e) < 0 ||
			    (!digest_zero(&name) && fn(ctx, &name, n, e) < 0))
				return -1;
	}
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

/* Follow the list of a reference, giving fn the wanted range. */
static int
read_list(struct source *src, const struct stream_ref *r,
    struct stream_range part, stream_fn fn, void *ctx, struct err *e)
{
	struct scan s = scan_of(buf_bytes(&r->list));
	OWN(buf_free) struct buf chunk = { 0 };
	uint64_t at = 0, end = part.from + part.n;

	while (s.n > 0 && at < end) {
		struct digest name;
		uint32_t n;
		if (chunklist_take(&s, &name, &n, e) < 0)
			return -1;
		if (at + n <= part.from) {
			at += n;
			continue;
		}
		buf_clear(&chunk);
		if (digest_zero(&name))
			memset(buf_grow(&chunk, n), 0, n);
		else if (source_chunk(src, r->category, &name, n, &chunk, e) <
		    0)
			return -1;
		uint64_t from = part.from > at ? part.from - at : 0;
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

#define ITEM_MAX (DIGEST_BYTES + 10) /* bytes, of a name and a varint */

/* Chunks are cut from CHUNKER_MIN on; but where a hole begins one ends, however
 * short: for each hole there are two, and one at the end. */
static uint64_t
leaves_max(uint64_t length)
{
	uint64_t n = 2 * (length / STREAM_HOLE_MIN) + 2;

	return n < STREAM_LEAVES_MAX ? n : STREAM_LEAVES_MAX;
}

/* A chunk that names itself many times over makes a long list of little. */
static int
too_long(struct err *e)
{
	return err_set(e, ERR_RECORD_CORRUPT,
	    "a stream is made of more than its length can be");
}

/* From a reference to a list of lists to one below it. */
static int
descend(struct source *src, struct stream_ref *r, struct err *e)
{
	OWN(buf_free) struct buf below = { 0 };
	struct stream_range all = { 0 };
	struct scan s = scan_of(buf_bytes(&r->list));
	struct digest name;
	uint32_t n;

	for (; s.n > 0; all.n += n)
		if (chunklist_take(&s, &name, &n, e) < 0)
			return -1;
	if (all.n / ITEM_MAX > leaves_max(r->length))
		return too_long(e);
	if (read_list(src, r, all, collect, &below, e) < 0)
		return -1;
	buf_clear(&r->list);
	buf_put_bytes(&r->list, buf_bytes(&below));
	r->depth--;
	return 0;
}

/* What descend may change. */
static struct stream_ref
copy_of(const struct stream_ref *ref)
{
	struct stream_ref r = *ref;

	r.list = (struct buf){ 0 };
	buf_put_bytes(&r.list, buf_bytes(&ref->list));
	return r;
}

int
stream_read(struct source *src, const struct stream_ref *ref,
    struct stream_range part, stream_fn fn, void *ctx, struct err *e)
{
	if (part.from > ref->length || part.n > ref->length - part.from)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a place lies outside its stream");
	OWN(stream_ref_free) struct stream_ref r = copy_of(ref);
	while (r.depth > 0)
		if (descend(src, &r, e) < 0)
			return -1;
	return read_list(src, &r, part, fn, ctx, e);
}

int
stream_chunks(struct source *src, const struct stream_ref *ref,
    stream_chunk_fn fn, void *ctx, struct err *e)
{
	OWN(stream_ref_free) struct stream_ref r = copy_of(ref);
	struct digest name;
	uint32_t n;

	for (;;) {
		struct scan s = scan_of(buf_bytes(&r.list));
		while (s.n > 0)
			if (chunklist_take(&s, &name, &n, e) < 0 ||
			    fn(ctx, &name, n, e) < 0)
				return -1;
		if (r.depth == 0)
			return 0;
		if (descend(src, &r, e) < 0)
			return -1;
	}
}

/* A walk down to depth 0: at each depth above, what no item is yet. */
struct leaves {
	struct source *src;
	enum category category;
	stream_chunk_fn fn;
	void *ctx;
	uint64_t left; /* bytes that they stand for */
	uint64_t n, most; /* so far, and at most */
	struct buf rest[STREAM_DEPTH_MAX + 1];
};

static void
leaves_free(struct leaves *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->rest); i++)
		buf_free(&l->rest[i]);
}

/* All whole items of a depth; at the end all must be. */
static int
take_items(struct leaves *l, unsigned depth, bool last, struct err *e)
{
	struct scan s = scan_of(buf_bytes(&l->rest[depth]));
	struct digest name;
	uint32_t n;

	while (s.n >= (last ? 1 : ITEM_MAX)) {
		if (chunklist_take(&s, &name, &n, e) < 0)
			return -1;
		if (depth == 0) {
			if (n > l->left || l->n++ == l->most)
				return too_long(e);
			l->left -= n;
			if (l->fn(l->ctx, &name, n, e) < 0)
				return -1;
			continue;
		}
		if (source_chunk(l->src, l->category, &name, n,
			&l->rest[depth - 1], e) < 0 ||
		    take_items(l, depth - 1, false, e) < 0)
			return -1;
	}
	if (s.n > 0)
		memmove(l->rest[depth].p, s.p, s.n);
	l->rest[depth].n = s.n;
	return last && depth > 0 ? take_items(l, depth - 1, true, e) : 0;
}

int
stream_leaves(struct source *src, const struct stream_ref *ref,
    stream_chunk_fn fn, void *ctx, struct err *e)
{
	OWN(leaves_free)
	struct leaves l = { .src = src,
		.category = ref->category,
		.fn = fn,
		.ctx = ctx,
		.left = ref->length,
		.most = leaves_max(ref->length) };

	if (ref->depth > STREAM_DEPTH_MAX)
		return err_set(e, ERR_RECORD_CORRUPT, "a stream is too deep");
	buf_put_bytes(&l.rest[ref->depth], buf_bytes(&ref->list));
	if (take_items(&l, ref->depth, true, e) < 0)
		return -1;
	if (l.left > 0)
		return err_set(e, ERR_SNAPSHOT_DAMAGED,
		    "a stream is shorter than its snapshot says");
	return 0;
}
