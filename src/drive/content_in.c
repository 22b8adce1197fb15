/* SPDX-License-Identifier: ISC */
/* content_in.c: what files hold, stored. */
#include "drive/content_in.h"

#include "files/secretfile.h"

#include <stdlib.h>
#include <string.h>

#define WHOLE_BYTES (64 * 1024) /* smaller files are one chunk */

enum { LANE_DATA, LANE_SECRET, LANES };

struct content_in {
	struct repo *repo;
	struct sink *sink;
	bool secrets; /* the keychain's keys are held */
	struct sink_block *block[LANES];
};

int
content_in_new(struct repo *repo, struct content_in **out, struct err *e)
{
	static const struct sink_lane lanes[LANES] = {
		{ CATEGORY_DRIVE, PTABLE_DATA, true },
		{ CATEGORY_KEYCHAIN, PTABLE_SECRET, false },
	};
	OWN(content_in_free) struct content_in *in = mem_new(sizeof *in);

	in->repo = repo;
	in->secrets = repo_has(repo, CATEGORY_KEYCHAIN);
	in->sink = sink_new(repo, lanes, in->secrets ? 2 : 1, 0);
	if (sink_hand_over(in->sink, e) < 0)
		return -1;
	*out = TAKE(in);
	return 0;
}

static void
drop_blocks(struct content_in *in)
{
	for (int l = 0; l < LANES; l++)
		if (in->block[l] != NULL) {
			sink_give_back(in->sink, in->block[l]);
			in->block[l] = NULL;
		}
}

void
content_in_drop(struct content_in *in)
{
	struct err ignored;

	drop_blocks(in);
	/* Workers may still write names. */
	(void)!sink_settle(in->sink, &ignored);
}

bool
content_in_failed(const struct content_in *in)
{
	return sink_failed(in->sink);
}

void
content_in_free(struct content_in **inp)
{
	struct content_in *in = *inp;

	if (in == NULL)
		return;
	if (in->sink != NULL) {
		content_in_drop(in);
		sink_free(&in->sink);
	}
	free(in);
	*inp = NULL;
}

void
content_in_taken_free(struct content_in_taken *x)
{
	buf_free(&x->head);
	buf_free(&x->packs);
	stream_ref_free(&x->ref);
}

/* ---- reading ---- */

static int
sink_error(struct content_in *in, struct err *e)
{
	return sink_settle(in->sink, e) < 0
	    ? -1
	    : err_set(e, ERR_INTERNAL, "the pipeline stopped");
}

static int
take_small(struct content_in *in, const struct content_in_file *f,
    struct content_in_taken *x, struct err *e)
{
	size_t got = 0, n;
	uint8_t *p = buf_grow(&x->head, WHOLE_BYTES);

	do {
		if (f->read(f->ctx, got, p + got, WHOLE_BYTES - got, &n, e) < 0)
			return -1;
		got += n;
	} while (n > 0 && got < WHOLE_BYTES);
	x->head.n = x->size = got;
	if (in->secrets && secretfile_by_content(buf_bytes(&x->head), got))
		x->secret = true;
	x->small = true;
	/* What is inline travels under the keys of the drive. */
	if (got == 0 || (got <= NODE_INLINE_MAX && !x->secret))
		return 0;
	unsigned lane = x->secret ? LANE_SECRET : LANE_DATA;
	if (!sink_room(in->sink, lane, got, &in->block[lane]))
		return sink_error(in, e);
	struct sink_block *b = in->block[lane];
	memcpy(b->data + b->used, p, got);
	sink_add(b, (uint32_t)got, &x->name, &x->pending);
	buf_free(&x->head);
	return 0;
}

/* Data as it is, holes as such, if they are worth it. */
static int
pour(struct content_in *in, const struct content_in_file *f,
    struct stream_out *out, struct err *e)
{
	OWN(buf_free) struct buf b = { 0 };
	uint64_t at = 0, data, hole;
	uint8_t *p = buf_grow(&b, PACK_BLOCK);
	size_t got;

	while (at < f->size) {
		if (f->data(f->ctx, at, &data, &hole, e) < 0)
			return -1;
		if (data - at >= STREAM_HOLE_MIN) {
			stream_out_hole(out, data - at);
			at = data;
		}
		for (; at < hole; at += got) {
			uint64_t left = hole - at;
			if (f->read(f->ctx, at, p,
				left < PACK_BLOCK ? (size_t)left : PACK_BLOCK,
				&got, e) < 0)
				return -1;
			if (got == 0)
				return 0; /* it shrank: seen by its size */
			stream_out_put(out, bytes_of(p, got));
			if (sink_failed(in->sink))
				return sink_error(in, e);
			if (content_in_commit(in, CONTENT_IN_EARLY, e) < 0)
				return -1;
		}
	}
	return 0;
}

struct noting {
	struct content_in *in;
	unsigned lane;
	struct buf *packs;
};

/* Those that no commit of ours brings. */
static int
note_pack(void *ctx, const struct digest *name, uint32_t length, struct err *e)
{
	struct noting *k = ctx;
	struct id pack;
	uint32_t entry;

	(void)length;
	(void)e;
	if (sink_where(k->in->sink, k->lane, name, &pack, &entry) !=
	    SINK_RECORDED)
		return 0;
	/* Neighbors lie in one. */
	if (k->packs->n < ID_BYTES ||
	    !bytes_equal(
		bytes_of(k->packs->p + k->packs->n - ID_BYTES, ID_BYTES),
		bytes_of(pack.b, ID_BYTES)))
		id_put(k->packs, &pack);
	return 0;
}

static int
take_large(struct content_in *in, const struct content_in_file *f,
    struct content_in_taken *x, struct err *e)
{
	uint8_t head[64];
	size_t got;

	if (f->read(f->ctx, 0, head, sizeof head, &got, e) < 0)
		return -1;
	if (in->secrets && secretfile_by_content(bytes_of(head, got), f->size))
		x->secret = true;
	OWN(stream_out_free)
	struct stream_out *out =
	    stream_out_new(in->sink, x->secret ? LANE_SECRET : LANE_DATA);
	stream_out_most(out, NODE_LIST_MAX);
	struct noting k = { in, x->secret ? LANE_SECRET : LANE_DATA,
		&x->packs };
	if (pour(in, f, out, e) < 0 || stream_out_end(out, &x->ref, e) < 0 ||
	    stream_out_chunks(out, note_pack, &k, e) < 0)
		return -1;
	x->size = x->ref.length;
	return 0;
}

int
content_in_take(struct content_in *in, const struct content_in_file *f,
    struct content_in_taken *out, struct err *e)
{
	if (f->size > NODE_SIZE_MAX)
		return err_set(
		    e, ERR_TOO_LARGE, "a file of the Drive is at most 256 GiB");
	out->secret = in->secrets && f->secret;
	return f->size < WHOLE_BYTES ? take_small(in, f, out, e)
				     : take_large(in, f, out, e);
}

int
content_in_flush(struct content_in *in, struct err *e)
{
	for (int l = 0; l < LANES; l++)
		if (in->block[l] != NULL && !sink_failed(in->sink)) {
			sink_submit(in->sink, in->block[l]);
			in->block[l] = NULL;
		}
	if (sink_flush(in->sink, e) == 0)
		return 0;
	drop_blocks(in);
	sink_reset(in->sink);
	return -1;
}

/* ---- what was read becomes content ---- */

/* A run of entries of one pack. */
struct run {
	struct id pack;
	uint32_t first, n;
};

static void
end_run(struct run *r, struct node_content *c, struct buf *hints)
{
	if (r->n == 0)
		return;
	id_put(hints, &r->pack);
	buf_put_varint(hints, r->first);
	buf_put_varint(hints, r->n);
	c->n_hints++;
	r->n = 0;
}

/* Where its chunks lie, as far as that is known. */
static void
put_hints(struct content_in *in, unsigned lane, struct node_content *c,
    struct buf *hints)
{
	struct scan s = scan_of(c->list);
	struct run r = { .n = 0 };

	for (uint32_t i = 0; i < c->n; i++) {
		struct digest name = digest_take(&s);
		struct id pack;
		uint32_t entry;
		(void)scan_varint(&s);
		if (digest_zero(&name))
			continue;
		enum sink_where w =
		    sink_where(in->sink, lane, &name, &pack, &entry);
		if (w != SINK_WAITS && w != SINK_RECORDED)
			break; /* those so far are hints, too */
		if (r.n > 0 && id_equal(&pack, &r.pack) &&
		    entry == r.first + r.n) {
			r.n++;
			continue;
		}
		end_run(&r, c, hints);
		r = (struct run){ pack, entry, 1 };
	}
	end_run(&r, c, hints);
	c->hints = buf_bytes(hints);
}

void
content_in_put(
    struct content_in *in, const struct content_in_taken *x, struct buf *out)
{
	OWN(buf_free) struct buf list = { 0 };
	OWN(buf_free) struct buf hints = { 0 };
	struct node_content c = { .size = x->size, .form = NODE_LIST };

	if (x->small && digest_zero(&x->name)) {
		c.form = NODE_INLINE;
		c.bytes = buf_bytes(&x->head);
		node_content_put(out, &c);
		return;
	}
	if (x->small) {
		digest_put(&list, &x->name);
		buf_put_varint(&list, x->size);
		c.n = 1;
		c.list = buf_bytes(&list);
	} else {
		c.form = x->ref.depth == 0 ? NODE_LIST : NODE_TREE;
		c.depth = x->ref.depth;
		c.n = x->ref.n;
		c.list = buf_bytes(&x->ref.list);
	}
	put_hints(in, x->secret ? LANE_SECRET : LANE_DATA, &c, &hints);
	node_content_put(out, &c);
}

/* ---- packs ---- */

static int
gone(struct err *e)
{
	(void)err_set(e, ERR_BLOB_MISSING,
	    "what was stored before was deleted while it was read");
	return err_remedy(e, "Run the command again, with --force.");
}

int
content_in_there(
    struct content_in *in, const struct content_in_taken *x, struct err *e)
{
	struct zcopy *zone = repo_part(in->repo, CATEGORY_DRIVE)->zone;
	struct id pack;
	uint32_t entry;

	if (x->small && !digest_zero(&x->name)) {
		enum sink_where w =
		    sink_where(in->sink, x->secret ? LANE_SECRET : LANE_DATA,
			&x->name, &pack, &entry);
		if (w != SINK_WAITS && w != SINK_RECORDED)
			return gone(e);
	}
	for (size_t i = 0; i < x->packs.n; i += ID_BYTES) {
		OWN(buf_free) struct buf plain = { 0 };
		uint64_t version;
		memcpy(pack.b, x->packs.p + i, ID_BYTES);
		if (zcopy_look(zone, &pack, &version, &plain, e) < 0)
			return -1;
		if (plain.n == 0)
			return gone(e);
	}
	return 0;
}

size_t
content_in_edits(struct content_in *in, struct zcopy_edit *edits, size_t most)
{
	OWN(buf_free) struct buf ids = { 0 };
	size_t waiting = sink_waiting(in->sink, &ids), n = 0;

	for (size_t i = 0; i < waiting && n < most; i++) {
		struct id id;
		memcpy(id.b, ids.p + i * ID_BYTES, ID_BYTES);
		if (sink_edit(in->sink, &id, &edits[n]))
			n++;
	}
	return n;
}

int
content_in_commit(struct content_in *in, size_t more_than, struct err *e)
{
	struct zcopy *zone = repo_part(in->repo, CATEGORY_DRIVE)->zone;
	OWN(buf_free) struct buf ids = { 0 };
	struct zcopy_edit edits[CONTENT_IN_BESIDE];

	while (buf_clear(&ids), sink_waiting(in->sink, &ids) > more_than) {
		size_t n = content_in_edits(in, edits, ARRAY_SIZE(edits));
		if (n == 0)
			break;
		if (zcopy_commit(zone, edits, n, NULL, NULL, e) < 0) {
			if (e->code == ERR_BLOB_MISSING)
				content_in_forget(in);
			return -1;
		}
		if (sink_recorded(in->sink, e) < 0)
			return -1;
	}
	return 0;
}

int
content_in_recorded(struct content_in *in, struct err *e)
{
	return sink_recorded(in->sink, e);
}

bool
content_in_lost(const struct content_in *in)
{
	return sink_lost(in->sink);
}

void
content_in_forget(struct content_in *in)
{
	sink_forget(in->sink);
}

void
content_in_waiting(struct content_in *in, struct buf *ids)
{
	(void)sink_waiting(in->sink, ids);
}

void
content_in_idle(struct content_in *in)
{
	sink_idle(in->sink);
}

int
content_in_holds(struct content_in *in, struct err *e)
{
	if (!content_in_lost(in))
		return 0;
	(void)err_set(e, ERR_BLOB_MISSING,
	    "housekeeping deleted meanwhile what was found stored");
	return err_remedy(e, "Run the command again: that is sent then.");
}

uint64_t
content_in_stored(struct content_in *in)
{
	return sink_totals(in->sink).stored_bytes;
}
