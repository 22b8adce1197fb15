/* SPDX-License-Identifier: ISC */
/* tidy_copy.c: what lives in bad packs goes into new ones. */
/*
 * New packs are stored first; then one commit has their records, and takes those
 * of the old ones away. Nodes stay as they are: chunks are found by name, and
 * their hints are hints. What is cut off before its commit leaves blobs that
 * nothing names.
 */
#include "drive/tidy_in.h"

#include "content/sink.h"

#include <stdlib.h>
#include <string.h>

#define GROUP_PACKS 100
#define GROUP_BYTES ((uint64_t)64 * 1024 * 1024)
/* New ones: by their bytes, by their entries, and one open of each lane. */
#define GROUP_NEW 150

enum lane { LANE_DATA, LANE_SECRET, LANES };

struct copy {
	struct tidy *t;
	struct census *c;
	struct sink *sink;
	struct source *src;
	struct census_pack *group[GROUP_PACKS];
	bool all[GROUP_PACKS]; /* merged: what is not used goes along */
	size_t n;
	uint64_t group_bytes, bytes;
	/* Of the pack that is read. */
	struct sink_block *block;
	enum lane lane;
	struct digest *names;
	size_t n_names;
	atomic_uint pending;
};

static void
copy_free(struct copy **kp)
{
	sink_free(&(*kp)->sink);
	source_free(&(*kp)->src);
	free(*kp);
}

/* ---- choosing ---- */

static bool
is_secret(const struct census_pack *p)
{
	return p->stream == PTABLE_SECRET;
}

static bool
is_small(const struct census_pack *p)
{
	return p->whole && p->open && !p->gone && p->n_live > 0 &&
	    2 * p->live >= p->plain && p->blob_bytes < TIDY_SMALL_BYTES;
}

static bool
many_small(const struct census *c, bool secret)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_packs; i++)
		n += is_secret(&c->packs[i]) == secret && is_small(&c->packs[i])
		    ? 1
		    : 0;
	return n > TIDY_SMALL_MOST;
}

/* ---- reading, and laying into new ones ---- */

static int
copy_chunk(void *ctx, uint32_t entry, struct bytes plain, struct err *e)
{
	struct copy *k = ctx;

	(void)entry;
	if (!sink_room(k->sink, k->lane, plain.n, &k->block))
		return sink_settle(k->sink, e) < 0
		    ? -1
		    : err_set(e, ERR_IO, "packs cannot be written");
	memcpy(k->block->data + k->block->used, plain.p, plain.n);
	sink_add(
	    k->block, (uint32_t)plain.n, &k->names[k->n_names++], &k->pending);
	return 0;
}

static bool
wanted(const struct copy *k, size_t i, const struct ptable_entry *x)
{
	return k->all[i] || idset_has(&k->c->used, x->name.b);
}

static int
copy_pack(struct copy *k, size_t i, struct err *e)
{
	const struct census_pack *p = k->group[i];
	OWN(ptable_free) struct ptable t = { 0 };

	if (census_table(k->c, p, &t, e) < 0)
		return -1;
	OWN(mem_free)
	uint32_t *entries = mem_array((size_t)t.n_entries + 1, sizeof *entries);
	OWN(mem_free)
	struct digest *names =
	    mem_array((size_t)t.n_entries + 1, sizeof *names);
	struct source_want w = { entries, 0, copy_chunk, k };
	for (uint32_t x = 0; x < t.n_entries; x++)
		if (wanted(k, i, &t.entries[x]))
			entries[w.n++] = x;
	k->lane = is_secret(p) ? LANE_SECRET : LANE_DATA;
	k->names = names;
	k->n_names = 0;
	int rc = w.n == 0
	    ? 0
	    : source_run(k->src,
		  is_secret(p) ? CATEGORY_KEYCHAIN : CATEGORY_DRIVE, &t, &w, e);
	if (k->block != NULL)
		sink_submit(k->sink, k->block);
	k->block = NULL;
	/* The workers write into names: wait for them in any case. */
	struct err why;
	if (sink_settle(k->sink, &why) < 0 && rc == 0) {
		*e = why;
		return -1;
	}
	return rc;
}

/* ---- one commit ---- */

/* Is all that is to live in the packs whose records these are? */
static int
all_there(
    struct copy *k, const struct zcopy_edit *edits, size_t n, struct err *e)
{
	OWN(idset_free) struct idset there = { 0 };
	OWN(ptable_free) struct ptable t = { 0 };

	for (size_t i = 0; i < n; i++) {
		ptable_free(&t);
		if (ptable_parse(edits[i].plain, &t, e) < 0)
			return -1;
		for (uint32_t x = 0; x < t.n_entries; x++)
			(void)idset_add(&there, t.entries[x].name.b);
	}
	census_doom_begin(k->c);
	for (size_t i = 0; i < k->n; i++) {
		if (census_table(k->c, k->group[i], &t, e) < 0)
			return -1;
		for (uint32_t x = 0; x < t.n_entries; x++) {
			if (idset_has(&there, t.entries[x].name.b))
				continue;
			if (wanted(k, i, &t.entries[x]))
				return err_set(e, ERR_BLOB_MISSING,
				    "chunk %u of pack %s was not copied",
				    (unsigned)x, id_short(&k->group[i]->id).s);
			census_doom(k->c, &t.entries[x].name);
		}
	}
	return 0;
}

static int
commit_group(struct copy *k, struct err *e)
{
	struct zcopy_edit edits[GROUP_NEW + 2 * GROUP_PACKS];
	struct tidy_check check = { k->t, k->c };
	OWN(buf_free) struct buf ids = { 0 };
	size_t n = 0, new = sink_waiting(k->sink, &ids);

	if (new > GROUP_NEW)
		return err_set(e, ERR_INTERNAL, "%zu packs of %zu", new, k->n);
	for (size_t i = 0; i < new; i++) {
		struct id id;
		memcpy(id.b, ids.p + i * ID_BYTES, ID_BYTES);
		if (sink_edit(k->sink, &id, &edits[n]))
			n++;
	}
	if (all_there(k, edits, n, e) < 0)
		return -1;
	for (size_t i = 0; i < k->n; i++)
		n += tidy_drop(k->group[i], edits + n);
	return zcopy_commit(k->t->zone, edits, n, tidy_unused, &check, e) < 0
	    ? -1
	    : sink_recorded(k->sink, e);
}

static int
begin(struct copy *k, struct err *e)
{
	const struct sink_lane lanes[LANES] = {
		{ CATEGORY_DRIVE, PTABLE_DATA, true },
		{ CATEGORY_KEYCHAIN, PTABLE_SECRET, false },
	};

	if (k->sink != NULL)
		return 0;
	k->src = source_new(k->t->repo);
	k->sink = sink_new(k->t->repo, lanes,
	    repo_has(k->t->repo, CATEGORY_KEYCHAIN) ? 2 : 1, 1);
	if (sink_hand_over(k->sink, e) < 0)
		return -1;
	sink_copies(k->sink);
	return 0;
}

/* One that cannot be read whole stays: `check` names it. */
static int
copy_group(struct copy *k, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++) {
		if (edit_go_on(k->t->d, e) < 0)
			return -1;
		if (copy_pack(k, i, e) == 0) {
			k->group[n] = k->group[i];
			k->all[n++] = k->all[i];
			continue;
		}
		if (e->code != ERR_BLOB_MISSING &&
		    e->code != ERR_BLOB_CORRUPT &&
		    e->code != ERR_BLOB_TRUNCATED &&
		    e->code != ERR_SNAPSHOT_DAMAGED)
			return -1;
		k->t->out->kept = *e;
		err_clear(e);
	}
	k->n = n;
	return sink_flush(k->sink, e);
}

static int
finish_group(struct copy *k, struct err *e)
{
	if (k->n == 0)
		return 0;
	if (begin(k, e) < 0 || copy_group(k, e) < 0 ||
	    (k->n > 0 && commit_group(k, e) < 0))
		return -1;
	for (size_t i = 0; i < k->n; i++) {
		k->t->out->rewritten++;
		if (tidy_drop_blob(k->t, k->group[i], e) < 0)
			return -1;
	}
	k->t->out->written_bytes = sink_totals(k->sink).stored_bytes;
	k->n = 0;
	k->group_bytes = 0;
	return 0;
}

static int
take_pack(struct copy *k, struct census_pack *p, bool all, struct err *e)
{
	uint64_t bytes = all ? p->plain : p->live;

	if (k->t->dry) {
		k->t->out->rewritten++;
		return 0;
	}
	if (k->n == GROUP_PACKS || k->group_bytes + bytes > GROUP_BYTES) {
		if (finish_group(k, e) < 0)
			return -1;
	}
	k->all[k->n] = all;
	k->group[k->n++] = p;
	k->group_bytes += bytes;
	k->bytes += bytes;
	return 0;
}

int
tidy_copy(struct tidy *t, struct census *c, struct err *e)
{
	OWN(copy_free) struct copy *k = mem_new(sizeof *k);
	const bool merge[2] = { many_small(c, false), many_small(c, true) };

	k->t = t;
	k->c = c;
	for (size_t i = 0; i < c->n_packs; i++) {
		struct census_pack *p = &c->packs[i];
		bool old = p->n_live > 0 && tidy_old(t, p);
		bool small = !old && t->before_epoch == 0 &&
		    merge[is_secret(p) ? 1 : 0] && is_small(p);
		bool bad = p->n_live > 0 && tidy_ripe(t, p);
		if (!old && k->bytes > TIDY_COPY_BYTES)
			break;
		if ((small || old || bad) && take_pack(k, p, small, e) < 0)
			return -1;
	}
	return finish_group(k, e);
}
