/* SPDX-License-Identifier: ISC */
/* repack_rename.c: snapshots name the new packs. */
#include "backup/repack_in.h"

#include "base/idset.h"
#include "wire/limits.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 500 /* records in one commit */
#define BATCH_BYTES (8 * 1024 * 1024) /* of plaintext and refs in it */

static void
add_ids(struct idset *set, const struct buf *ids)
{
	for (size_t i = 0; i + ID_BYTES <= ids->n; i += ID_BYTES)
		(void)idset_add(set, ids->p + i);
}

/* What it named but for the chosen, and all places of what it needs. */
static void
new_refs(const struct repack *k, size_t i, enum category c,
    const struct buf *old, struct buf *out)
{
	OWN(idset_free) struct idset set = { 0 };

	add_ids(&set, old);
	for (size_t p = 0; p < k->n; p++) {
		const struct repack_pack *x = &k->packs[p];
		if (x->chosen)
			idset_remove(&set, x->id.b);
	}
	for (size_t p = 0; p < k->n; p++) {
		const struct repack_pack *x = &k->packs[p];
		if (x->category != (uint8_t)c ||
		    !repack_bit(k->refs[i].needs, p))
			continue;
		if (x->chosen)
			add_ids(&set, &x->moved);
		else
			(void)idset_add(&set, x->id.b);
	}
	idset_put_sorted(&set, out);
}

struct batch {
	struct repack *k;
	size_t first, end; /* snapshots in it */
	bool *changed; /* of all snapshots */
	size_t same;
	struct zcopy_edit *edits;
	size_t n;
	struct buf *bytes; /* what the edits borrow, a list */
	size_t n_bytes, size;
};

static void
batch_clear(struct batch *b)
{
	for (size_t i = 0; i < b->n_bytes; i++)
		buf_free(&b->bytes[i]);
	free(b->bytes);
	b->bytes = NULL;
	b->n_bytes = b->n = b->size = 0;
}

static void
batch_free(struct batch *b)
{
	batch_clear(b);
	free(b->edits);
	free(b->changed);
}

static struct bytes
batch_keep(struct batch *b, struct buf *x)
{
	b->bytes = mem_resize(b->bytes, b->n_bytes + 1, sizeof *b->bytes);
	b->bytes[b->n_bytes] = *x;
	*x = (struct buf){ 0 };
	b->size += b->bytes[b->n_bytes].n;
	return buf_bytes(&b->bytes[b->n_bytes++]);
}

static int
same_one(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct batch *b = ctx;

	(void)e;
	if (r->plain.n == 0 || r->plain.p[0] != SNAPSHOT_KIND)
		return 0;
	for (size_t i = b->first; i < b->end; i++)
		b->same += b->changed[i] && r->seq == b->k->list.list[i].seq &&
		    id_equal(&r->id, &b->k->list.list[i].id);
	return 0;
}

/* All that the snapshots are to name has to be there. */
static bool
all_recorded(struct repack *k)
{
	OWN(buf_free) struct buf fresh = { 0 };
	size_t n = 0;

	for (unsigned c = 1; c < CATEGORY_END; c++) {
		if (k->fresh[c] == NULL)
			continue;
		buf_clear(&fresh);
		sink_packs(k->sink, (enum category)c, &fresh);
		for (n = 0; n + ID_BYTES <= fresh.n; n += ID_BYTES) {
			struct id id;
			memcpy(id.b, fresh.p + n, ID_BYTES);
			if (!chunkmap_has_pack(
				repo_part(k->repo, (enum category)c)->map, &id))
				return false;
		}
	}
	for (n = 0; n < k->n; n++) {
		const struct repack_pack *p = &k->packs[n];
		enum category c = (enum category)p->category;
		if (p->live > 0 && !p->chosen &&
		    !chunkmap_has_pack(repo_part(k->repo, c)->map, &p->id))
			return false;
	}
	return true;
}

/*
 * Asked before each try: our run record has stood since before the first new
 * pack, and all packs are there, so nobody deletes them; and the snapshots are
 * as we read them.
 */
static int
still_ours(void *ctx, struct err *e)
{
	struct batch *b = ctx;
	struct zcopy *z = b->k->repo->parts[CATEGORY_BACKUP].zone;
	OWN(buf_free) struct buf run = { 0 };
	size_t wanted = 0;

	b->same = 0;
	for (size_t i = b->first; i < b->end; i++)
		wanted += b->changed[i];
	if (repo_refresh(b->k->repo, e) < 0)
		return -1;
	if (zcopy_get(z, &b->k->run, &run, e) < 0 ||
	    !bytes_equal(buf_bytes(&run), buf_bytes(&b->k->run_plain)))
		return err_set(e, ERR_CONFLICT,
		    "another backup or prune of this device began meanwhile");
	if (!all_recorded(b->k))
		return err_set(
		    e, ERR_CONFLICT, "another device deleted a pack meanwhile");
	if (zcopy_each(z, 0, same_one, b, e) < 0)
		return -1;
	return b->same == wanted
	    ? 0
	    : err_set(e, ERR_CONFLICT,
		  "another device changed or forgot a snapshot meanwhile");
}

static int
batch_commit(struct batch *b, size_t end, struct err *e)
{
	b->end = end;
	if (b->n > 0 &&
	    zcopy_commit(b->k->repo->parts[CATEGORY_BACKUP].zone, b->edits,
		b->n, still_ours, b, e) < 0)
		return -1;
	batch_clear(b);
	b->first = end;
	return 0;
}

/* The snapshot's record and those of its further refs, as they are to be. */
static int
put_snapshot(
    struct batch *b, struct snapshot *s, struct buf *refs, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf more = { 0 };
	OWN(buf_free) struct buf old = s->more_refs;
	size_t n = refs->n / ID_BYTES, had = old.n / ID_BYTES;
	size_t extra = n > LIMIT_REFS ? (n - 1) / LIMIT_REFS : 0;
	size_t records = 1 + (extra > had ? extra : had);

	s->more_refs = (struct buf){ 0 };
	if (records > LIMIT_COMMIT_RECORDS)
		return err_set(
		    e, ERR_TOO_LARGE, "a snapshot names too many packs");
	struct zcopy_edit *x = b->edits + b->n;
	struct bytes all = batch_keep(b, refs);
	buf_put_u8(&more, SNAPSHOT_REFS_KIND);
	id_put(&more, &s->id);
	struct bytes further = batch_keep(b, &more);
	for (size_t i = 0; i < records; i++) {
		size_t from = i * LIMIT_REFS, left = from < n ? n - from : 0;
		x[i] = (struct zcopy_edit){ .plain = further };
		x[i].deleted = i > extra;
		if (i == 0)
			x[i].id = s->id;
		else if (i <= had)
			memcpy(x[i].id.b, old.p + (i - 1) * ID_BYTES, ID_BYTES);
		else
			id_random(&x[i].id);
		if (x[i].deleted) {
			x[i].plain = bytes_of(NULL, 0);
			continue;
		}
		x[i].refs = bytes_of(all.p + (left > 0 ? from * ID_BYTES : 0),
		    (left < LIMIT_REFS ? left : LIMIT_REFS) * ID_BYTES);
		if (i > 0)
			id_put(&s->more_refs, &x[i].id);
	}
	snapshot_put(&plain, s);
	x[0].plain = batch_keep(b, &plain);
	b->n += records;
	return 0;
}

static bool
same_set(const struct buf *old, const struct buf *sorted)
{
	OWN(idset_free) struct idset set = { 0 };
	OWN(buf_free) struct buf x = { 0 };

	add_ids(&set, old);
	idset_put_sorted(&set, &x);
	return bytes_equal(buf_bytes(&x), buf_bytes(sorted));
}

int
repack_rename(struct repack *k, struct err *e)
{
	OWN(batch_free) struct batch b = { .k = k };

	b.edits = mem_array(BATCH + LIMIT_COMMIT_RECORDS, sizeof *b.edits);
	b.changed = mem_array(k->list.n + 1, sizeof *b.changed);
	for (size_t i = 0; i < k->list.n; i++) {
		struct snapshot *s = &k->list.list[i];
		OWN(buf_free) struct buf refs = { 0 };
		OWN(buf_free) struct buf secret = { 0 };
		new_refs(k, i, CATEGORY_BACKUP, &k->refs[i].old, &refs);
		new_refs(k, i, CATEGORY_KEYCHAIN, &s->keychain_packs, &secret);
		if (same_set(&k->refs[i].old, &refs) &&
		    same_set(&s->keychain_packs, &secret))
			continue;
		if ((b.n > 0 && b.n + 2 + s->more_refs.n / ID_BYTES > BATCH) ||
		    b.size > BATCH_BYTES)
			if (batch_commit(&b, i, e) < 0)
				return -1;
		buf_clear(&s->keychain_packs);
		buf_put_bytes(&s->keychain_packs, buf_bytes(&secret));
		b.changed[i] = true;
		if (put_snapshot(&b, s, &refs, e) < 0)
			return -1;
		k->out->snapshots++;
	}
	return batch_commit(&b, k->list.n, e);
}
