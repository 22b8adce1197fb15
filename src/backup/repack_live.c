/* SPDX-License-Identifier: ISC */
/* repack_live.c: which packs there are, and what lives in them. */
#include "backup/repack_in.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

static int
take_pack(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct repack *k = ctx;
	OWN(ptable_free) struct ptable t = { 0 };
	struct repack_pack p = {
		.id = r->id, .category = k->category, .epoch = r->epoch
	};

	if (r->plain.n == 0 || r->plain.p[0] != PTABLE_KIND)
		return 0;
	if (ptable_parse(r->plain, &t, e) < 0) {
		if (e->code != ERR_RECORD_CORRUPT)
			return -1;
		err_clear(e); /* it stays as it is */
		return 0;
	}
	p.stream = t.stream;
	p.blob_bytes = t.blob_bytes;
	p.n = t.n_entries;
	for (uint32_t i = 0; i < t.n_blocks; i++)
		p.plain += t.blocks[i].plain;
	p.bits = mem_new(p.n / 8 + 1);
	if (k->n == k->cap) {
		k->cap = k->cap == 0 ? 64 : 2 * k->cap;
		k->packs = mem_resize(k->packs, k->cap, sizeof *k->packs);
	}
	k->packs[k->n++] = p;
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	const struct repack_pack *x = a, *y = b;

	for (size_t i = 0; i < ID_BYTES; i++)
		if (x->id.b[i] != y->id.b[i])
			return x->id.b[i] < y->id.b[i] ? -1 : 1;
	return 0;
}

static struct repack_pack *
pack_of(const struct repack *k, const struct id *id)
{
	struct repack_pack key = { .id = *id };

	return k->n == 0
	    ? NULL
	    : bsearch(&key, k->packs, k->n, sizeof *k->packs, by_id);
}

/* A tree_chunk_fn. */
static int
mark(void *ctx, enum category c, const struct digest *name, uint32_t length,
    struct err *e)
{
	struct repack *k = ctx;
	struct id id;
	uint32_t entry;
	struct repack_pack *p = NULL;

	/* What a killed repack copied counts, and is not copied again. */
	if (chunkmap_find(k->left[c], name->b, &id, &entry) ||
	    chunkmap_find(repo_part(k->repo, c)->map, name->b, &id, &entry))
		p = pack_of(k, &id);
	if (p == NULL || entry >= p->n)
		return err_set(e, ERR_SNAPSHOT_DAMAGED,
		    "a chunk that the snapshot needs is in no pack");
	repack_set_bit(k->refs[k->at].needs, (size_t)(p - k->packs));
	if (!repack_bit(p->bits, entry)) {
		repack_set_bit(p->bits, entry);
		p->live += length;
	}
	return 0;
}

static int
mark_entry(void *ctx, struct bytes dir, const struct entry *x, struct err *e)
{
	(void)dir;
	return tree_chunks(x, mark, ctx, e);
}

static int
mark_chunk(void *ctx, const struct digest *name, uint32_t length, struct err *e)
{
	return mark(ctx, CATEGORY_BACKUP, name, length, e);
}

/* Refs stand in a snapshot's own record and in its further ones. */
static int
take_refs(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct repack *k = ctx;
	struct scan s = scan_of(r->plain);
	uint8_t kind = scan_u8(&s);
	struct id id = r->id;

	(void)e;
	if (kind == SNAPSHOT_REFS_KIND)
		id = id_take(&s);
	else if (kind != SNAPSHOT_KIND)
		return 0;
	for (size_t i = 0; i < k->list.n && scan_ok(&s); i++)
		if (id_equal(&k->list.list[i].id, &id))
			buf_put_bytes(&k->refs[i].old, r->refs);
	return 0;
}

static void
note_named(struct repack *k, const struct buf *ids)
{
	struct scan s = scan_of(buf_bytes(ids));

	while (s.n >= ID_BYTES) {
		struct id id = id_take(&s);
		struct repack_pack *p = pack_of(k, &id);
		if (p != NULL)
			p->named = true;
	}
}

static int
gone(struct err *e)
{
	return err_set(e, ERR_CONFLICT,
	    "another process or device deleted a pack meanwhile");
}

int
repack_table(struct repack *k, enum category c, const struct id *pack,
    const struct ptable **out, struct err *e)
{
	if (source_table(k->src, c, pack, out, e) == 0)
		return 0;
	return e->code == ERR_NOT_FOUND ? gone(e) : -1;
}

/* Make a map of these packs alone. */
int
repack_index(struct repack *k, enum category c, const struct buf *ids,
    struct chunkmap **out, struct err *e)
{
	OWN(mem_free)
	char *path = file_join(k->repo->cache_dir, "repack");
	const struct repo_part *part = repo_part(k->repo, c);
	struct scan s = scan_of(buf_bytes(ids));
	const struct ptable *t;

	if (chunkmap_open(path, zcopy_zone(part->zone), out, e) < 0)
		return -1;
	while (s.n >= ID_BYTES) {
		struct id id = id_take(&s);
		if (repack_table(k, c, &id, &t, e) < 0)
			return -1;
		repo_index(*out, &id, t);
	}
	return 0;
}

static int
index_left(struct repack *k, enum category c, struct err *e)
{
	OWN(buf_free) struct buf ids = { 0 };

	for (size_t i = 0; i < k->n; i++)
		if (k->packs[i].category == (uint8_t)c && !k->packs[i].named)
			id_put(&ids, &k->packs[i].id);
	return repack_index(k, c, &ids, &k->left[c], e);
}

int
repack_look(struct repack *k, struct err *e)
{
	k->category = CATEGORY_BACKUP;
	if (zcopy_each(
		k->repo->parts[CATEGORY_BACKUP].zone, 0, take_pack, k, e) < 0)
		return -1;
	k->category = CATEGORY_KEYCHAIN;
	if (zcopy_each(k->repo->parts[CATEGORY_KEYCHAIN].zone, 0, take_pack, k,
		e) < 0 ||
	    snapshot_load(k->repo, &k->list, e) < 0)
		return -1;
	if (k->list.n_bad > 0)
		return err_set(e, ERR_SNAPSHOT_DAMAGED,
		    "what snapshot %s needs cannot be told",
		    id_short(&k->list.bad[0].id).s);
	if (k->n > 1)
		qsort(k->packs, k->n, sizeof *k->packs, by_id);
	k->refs = mem_array(k->list.n + 1, sizeof *k->refs);
	if (zcopy_each(
		k->repo->parts[CATEGORY_BACKUP].zone, 0, take_refs, k, e) < 0)
		return -1;
	for (size_t i = 0; i < k->list.n; i++) {
		note_named(k, &k->refs[i].old);
		note_named(k, &k->list.list[i].keychain_packs);
	}
	if (index_left(k, CATEGORY_BACKUP, e) < 0 ||
	    index_left(k, CATEGORY_KEYCHAIN, e) < 0)
		return -1;
	for (k->at = 0; k->at < k->list.n; k->at++) {
		const struct snapshot *s = &k->list.list[k->at];
		k->refs[k->at].needs = mem_new(k->n / 8 + 1);
		if (stream_chunks(k->src, &s->tree, mark_chunk, k, e) < 0 ||
		    stream_chunks(k->src, &s->index, mark_chunk, k, e) < 0 ||
		    tree_walk(k->src, s, bytes_str(""), mark_entry, k, e) < 0) {
			(void)err_in(e, "snapshot %s", id_short(&s->id).s);
			return err_remedy(
			    e, "Nothing was rewritten. Run: aumbry check");
		}
	}
	return 0;
}
