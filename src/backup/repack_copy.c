/* SPDX-License-Identifier: ISC */
/* repack_copy.c: what lives goes into new packs. */
#include "backup/repack_in.h"

#include "backup/lane.h"
#include "base/idset.h"

#include <string.h>

#define RUN_BYTES (2 * 1024 * 1024) /* fetched at once */

struct copy {
	struct repack *k;
	struct sink_block *block;
	enum lane lane;
	struct digest *names; /* one for each chunk of the pack */
	size_t n;
	atomic_uint pending;
};

static int
copy_chunk(void *ctx, uint32_t entry, struct bytes plain, struct err *e)
{
	struct copy *c = ctx;

	(void)entry;
	if (!sink_room(c->k->sink, c->lane, plain.n, &c->block))
		return sink_settle(c->k->sink, e) < 0
		    ? -1
		    : err_set(e, ERR_IO, "packs cannot be written");
	memcpy(c->block->data + c->block->used, plain.p, plain.n);
	sink_add(c->block, (uint32_t)plain.n, &c->names[c->n++], &c->pending);
	return 0;
}

/* Fetch blocks with something alive in runs, and copy that. */
static int
copy_runs(struct copy *c, const struct repack_pack *p, const struct ptable *t,
    struct err *e)
{
	OWN(mem_free)
	uint32_t *wanted = mem_array((size_t)t->n_entries + 1, sizeof *wanted);
	struct source_want w = { wanted, 0, copy_chunk, c };
	uint32_t first = 0, last = 0;

	for (uint32_t i = 0; i <= t->n_entries; i++) {
		if (i < t->n_entries && !repack_bit(p->bits, i))
			continue;
		uint32_t b = i < t->n_entries ? t->entries[i].block : 0;
		if (w.n > 0 &&
		    (i == t->n_entries || b > last + 1 ||
			t->blocks[b].offset + t->blocks[b].stored -
				t->blocks[first].offset >
			    RUN_BYTES)) {
			if (source_run(c->k->src, (enum category)p->category, t,
				&w, e) < 0)
				return -1;
			w.n = 0;
		}
		if (i == t->n_entries)
			break;
		first = w.n == 0 ? b : first;
		last = b;
		wanted[w.n++] = i;
	}
	return 0;
}

static int
copy_pack(struct repack *k, const struct repack_pack *p, struct err *e)
{
	const struct ptable *t;
	struct copy c = { .k = k,
		.lane = lane_of((enum category)p->category,
		    (enum ptable_stream)p->stream) };

	if (repack_table(k, (enum category)p->category, &p->id, &t, e) < 0)
		return -1;
	OWN(mem_free)
	struct digest *names =
	    mem_array((size_t)t->n_entries + 1, sizeof *names);
	c.names = names;
	int rc = copy_runs(&c, p, t, e);
	if (c.block != NULL)
		sink_submit(k->sink, c.block);
	/* The workers write into names: wait for them in any case. */
	struct err why;
	if (sink_settle(k->sink, &why) < 0 && rc == 0) {
		*e = why;
		return -1;
	}
	return rc;
}

/* ---- where it went ---- */

static int
index_new(struct repack *k, enum category c, struct err *e)
{
	OWN(buf_free) struct buf ids = { 0 };

	sink_packs(k->sink, c, &ids);
	return repack_index(k, c, &ids, &k->fresh[c], e);
}

static int
follow(struct repack *k, struct repack_pack *p, struct err *e)
{
	OWN(idset_free) struct idset to = { 0 };
	const struct ptable *t;
	struct id id;
	uint32_t entry;

	if (repack_table(k, (enum category)p->category, &p->id, &t, e) < 0)
		return -1;
	for (uint32_t i = 0; i < t->n_entries; i++) {
		if (!repack_bit(p->bits, i))
			continue;
		if (!chunkmap_find(k->fresh[p->category], t->entries[i].name.b,
			&id, &entry))
			return err_set(e, ERR_BLOB_MISSING,
			    "chunk %u of pack %s was not copied", (unsigned)i,
			    id_short(&p->id).s);
		(void)idset_add(&to, id.b);
	}
	idset_put_sorted(&to, &p->moved);
	return 0;
}

int
repack_copy(struct repack *k, struct err *e)
{
	k->sink = lane_sink(k->repo, 0);
	sink_copies(k->sink);
	for (size_t i = 0; i < k->n; i++)
		if (k->packs[i].chosen && k->packs[i].live > 0 &&
		    copy_pack(k, &k->packs[i], e) < 0)
			return err_in(e, "rewriting packs");
	if (sink_flush(k->sink, e) < 0 ||
	    index_new(k, CATEGORY_BACKUP, e) < 0 ||
	    index_new(k, CATEGORY_KEYCHAIN, e) < 0)
		return -1;
	for (size_t i = 0; i < k->n; i++)
		if (k->packs[i].chosen && k->packs[i].live > 0 &&
		    follow(k, &k->packs[i], e) < 0)
			return -1;
	k->out->written_bytes = sink_totals(k->sink).stored_bytes;
	return 0;
}
