/* SPDX-License-Identifier: ISC */
/* content_out.c: what a file of the Drive holds, fetched. */
#include "drive/content_out.h"

void
content_out_error(struct err *e)
{
	if (e->code == ERR_SNAPSHOT_DAMAGED) {
		e->code = ERR_FILE_DAMAGED;
		e->remedy[0] = '\0';
	}
}

int
content_out_of(const struct node *n, struct content_out *out, struct err *e)
{
	out->category =
	    (n->flags & NODE_SECRET) != 0 ? CATEGORY_KEYCHAIN : CATEGORY_DRIVE;
	return node_content_parse(n->content, &out->c, e);
}

struct source *
content_out_source(struct content_out *o)
{
	if (o->source == NULL)
		o->source = source_new(o->repo);
	return o->source;
}

static void
ref_of(const struct content_out *o, struct stream_ref *ref)
{
	*ref = (struct stream_ref){ .category = o->category,
		.depth = o->c.form == NODE_TREE ? o->c.depth : 0,
		.length = o->c.size,
		.n = o->c.n };
	buf_put_bytes(&ref->list, o->c.list);
}

/* ---- planning ---- */

struct wants {
	const struct content_out *o;
	struct fetch *f;
	struct fetch_want w;
	struct scan hints;
	uint32_t hints_left, run_left, chunks;
	struct fetch_hint hint;
};

static int
want_chunk(void *ctx, const struct digest *name, uint32_t length, struct err *e)
{
	struct wants *k = ctx;

	k->w.name = *name;
	k->w.length = length;
	if (digest_zero(name)) {
		k->w.offset += length;
		return 0;
	}
	if (k->run_left == 0 && k->hints_left > 0) {
		k->hint.pack = id_take(&k->hints);
		k->hint.entry = (uint32_t)scan_varint(&k->hints);
		k->run_left = (uint32_t)scan_varint(&k->hints);
		k->hints_left--;
	}
	bool have = false;
	if (k->o->have != NULL && k->o->have(k->o->ctx, &k->w, &have, e) < 0)
		return -1;
	if (!have) {
		if (fetch_plan(
			k->f, &k->w, k->run_left > 0 ? &k->hint : NULL, e) < 0)
			return -1;
		k->chunks++;
	}
	if (k->run_left > 0) {
		k->run_left--;
		k->hint.entry++;
	}
	k->w.offset += length;
	return 0;
}

static int
want_list(struct content_out *o, struct wants *k, struct err *e)
{
	struct scan s = scan_of(o->c.list);

	k->hints = scan_of(o->c.hints);
	k->hints_left = o->c.n_hints;
	for (uint32_t i = 0; i < o->c.n; i++) {
		struct digest name = digest_take(&s);
		uint32_t length = (uint32_t)scan_varint(&s);
		if (want_chunk(k, &name, length, e) < 0)
			return -1;
	}
	return 0;
}

int
content_out_plan(struct content_out *o, struct fetch *f, uint32_t tag,
    uint32_t *chunks, struct err *e)
{
	size_t before = fetch_planned(f);
	struct wants k = {
		.o = o, .f = f, .w = { .category = o->category, .tag = tag }
	};
	int rc = 0;

	if (o->c.form == NODE_LIST) {
		rc = want_list(o, &k, e);
	} else if (o->c.form == NODE_TREE) {
		OWN(stream_ref_free) struct stream_ref ref;
		ref_of(o, &ref);
		rc = stream_leaves(
		    content_out_source(o), &ref, want_chunk, &k, e);
	}
	*chunks = k.chunks;
	if (rc < 0) {
		fetch_back(f, before);
		content_out_error(e);
	}
	return rc;
}

/* ---- reading ---- */

int
content_out_read(struct content_out *o, stream_fn fn, void *ctx, struct err *e)
{
	OWN(stream_ref_free) struct stream_ref ref = { .n = 0 };
	const struct stream_range all = { 0, o->c.size };

	if (o->c.form == NODE_INLINE)
		return fn(ctx, o->c.bytes, e);
	ref_of(o, &ref);
	if (stream_read(content_out_source(o), &ref, all, fn, ctx, e) == 0)
		return 0;
	content_out_error(e);
	return -1;
}
