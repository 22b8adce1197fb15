/* SPDX-License-Identifier: ISC */
/* repack.c: what lives where, choosing, copying, and renaming in snapshots. */
#include "backup/repack.h"

#include "backup/tree.h"
#include "base/file.h"
#include "base/idset.h"
#include "base/now.h"
#include "wire/limits.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define RUN_BYTES (2 * 1024 * 1024) /* fetched at once */
#define BATCH 500 /* records in one commit */
#define BATCH_BYTES (8 * 1024 * 1024) /* of plaintext and refs in it */

struct place {
	struct id id;
	uint8_t category, stream;
	uint32_t epoch; /* of its record */
	uint32_t blob_bytes, n;
	uint64_t plain, live;
	uint8_t *bits; /* one for each entry that is needed */
	bool named, chosen; /* by a snapshot; to be rewritten */
	struct buf moved; /* ids of new packs that hold what lived here */
};

struct snap_refs {
	struct buf old; /* refs of its records, as they are */
	uint8_t *needs; /* a bit for each pack */
};

struct repack {
	struct repo *repo;
	struct place *packs; /* by id */
	size_t n, cap;
	struct snapshot_list list;
	struct snap_refs *refs; /* of each snapshot */
	size_t at; /* the one being walked */
	struct source *src;
	struct sink *sink;
	struct chunkmap *fresh[CATEGORY_END]; /* of the new packs */
	struct chunkmap *left[CATEGORY_END]; /* of those no snapshot names */
	uint64_t seq[CATEGORY_END]; /* of the zones, as they were looked at */
	uint8_t category; /* of the zone being read */
	struct id run;
	struct buf run_plain;
	struct repack_result *out;
};

static void
repack_free(struct repack *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->packs[i].bits);
		buf_free(&k->packs[i].moved);
	}
	for (size_t i = 0; i < k->list.n && k->refs != NULL; i++) {
		buf_free(&k->refs[i].old);
		free(k->refs[i].needs);
	}
	for (size_t c = 0; c < CATEGORY_END; c++) {
		chunkmap_free(&k->fresh[c]);
		chunkmap_free(&k->left[c]);
	}
	free(k->packs);
	free(k->refs);
	sink_free(&k->sink);
	source_free(&k->src);
	snapshot_list_free(&k->list);
	buf_free(&k->run_plain);
}

static bool
bit(const uint8_t *bits, size_t i)
{
	return (bits[i / 8] >> i % 8 & 1) != 0;
}

static void
set_bit(uint8_t *bits, size_t i)
{
	bits[i / 8] = (uint8_t)(bits[i / 8] | 1U << i % 8);
}

/* ---- what lives ---- */

static int
take_pack(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct repack *k = ctx;
	OWN(ptable_free) struct ptable t = { 0 };
	struct place p = {
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
	const struct place *x = a, *y = b;

	for (size_t i = 0; i < ID_BYTES; i++)
		if (x->id.b[i] != y->id.b[i])
			return x->id.b[i] < y->id.b[i] ? -1 : 1;
	return 0;
}

static struct place *
pack_of(const struct repack *k, const struct id *id)
{
	struct place key = { .id = *id };

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
	struct place *p = NULL;

	/* What a killed repack copied counts, and is not copied again. */
	if (chunkmap_find(k->left[c], name->b, &id, &entry) ||
	    chunkmap_find(repo_part(k->repo, c)->map, name->b, &id, &entry))
		p = pack_of(k, &id);
	if (p == NULL || entry >= p->n)
		return err_set(e, ERR_SNAPSHOT_DAMAGED,
		    "a chunk that the snapshot needs is in no pack");
	set_bit(k->refs[k->at].needs, (size_t)(p - k->packs));
	if (!bit(p->bits, entry)) {
		set_bit(p->bits, entry);
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
		struct place *p = pack_of(k, &id);
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

static int
table_of(struct repack *k, enum category c, const struct id *pack,
    const struct ptable **out, struct err *e)
{
	if (source_table(k->src, c, pack, out, e) == 0)
		return 0;
	return e->code == ERR_NOT_FOUND ? gone(e) : -1;
}

/* Make a map of these packs alone. */
static int
index_packs(struct repack *k, enum category c, const struct buf *ids,
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
		if (table_of(k, c, &id, &t, e) < 0)
			return -1;
		OWN(mem_free)
		uint8_t(*names)[DIGEST_BYTES] =
		    mem_array((size_t)t->n_entries + 1, DIGEST_BYTES);
		for (uint32_t i = 0; i < t->n_entries; i++)
			memcpy(names[i], t->entries[i].name.b, DIGEST_BYTES);
		chunkmap_add(*out, &id, (const uint8_t(*)[DIGEST_BYTES])names,
		    t->n_entries);
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
	return index_packs(k, c, &ids, &k->left[c], e);
}

static int
look(struct repack *k, struct err *e)
{
	k->category = CATEGORY_BACKUP;
	if (zcopy_each(k->repo->backup.zone, 0, take_pack, k, e) < 0)
		return -1;
	k->category = CATEGORY_KEYCHAIN;
	if (zcopy_each(k->repo->keychain.zone, 0, take_pack, k, e) < 0 ||
	    snapshot_load(k->repo, &k->list, e) < 0)
		return -1;
	if (k->list.n_bad > 0)
		return err_set(e, ERR_SNAPSHOT_DAMAGED,
		    "what snapshot %s needs cannot be told",
		    id_short(&k->list.bad[0].id).s);
	if (k->n > 1)
		qsort(k->packs, k->n, sizeof *k->packs, by_id);
	k->refs = mem_array(k->list.n + 1, sizeof *k->refs);
	if (zcopy_each(k->repo->backup.zone, 0, take_refs, k, e) < 0)
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
		    tree_walk(
			k->src, s, bytes_str(""), true, mark_entry, k, e) < 0) {
			(void)err_in(e, "snapshot %s", id_short(&s->id).s);
			return err_remedy(
			    e, "Nothing was rewritten. Run: aumbry check");
		}
	}
	return 0;
}

/* ---- choosing ---- */

static uint64_t
waste(const struct place *p)
{
	uint64_t dead = p->live < p->plain ? p->plain - p->live : 0;

	return p->plain == 0 ? 0 : p->blob_bytes * dead / p->plain;
}

static int
by_waste(const void *a, const void *b)
{
	const struct place *x = *(struct place *const *)a;
	const struct place *y = *(struct place *const *)b;
	uint64_t u = waste(x) * y->blob_bytes, v = waste(y) * x->blob_bytes;

	return (u < v) - (u > v);
}

/* What no snapshot names or needs is not ours: it goes without us. */
static void
choose(struct repack *k, const struct repack_options *o)
{
	unsigned max_unused = o->max_unused;
	OWN(mem_free) struct place **list = mem_array(k->n + 1, sizeof *list);
	uint64_t all = 0, unused = 0;
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++) {
		struct place *p = &k->packs[i];
		if (!p->named && p->live == 0)
			continue;
		if (p->epoch < o->before_epoch &&
		    category_escrowed((enum category)p->category)) {
			p->chosen = true;
			k->out->packs++;
			k->out->freed_bytes += waste(p);
			continue;
		}
		if (max_unused >= 100)
			continue;
		list[n++] = p;
		all += p->blob_bytes;
		unused += waste(p);
	}
	qsort(list, n, sizeof *list, by_waste);
	for (size_t i = 0; i < n; i++) {
		uint64_t w = waste(list[i]);
		if (w == 0 ||
		    (2 * w <= list[i]->blob_bytes &&
			unused * 100 <= all * max_unused))
			break;
		list[i]->chosen = true;
		unused -= w;
		all -= w;
		k->out->packs++;
		k->out->freed_bytes += w;
	}
}

/* ---- copying ---- */

struct copy {
	struct repack *k;
	struct sink_block *block;
	enum sink_lane lane;
	struct digest *names; /* one for each chunk of the pack */
	size_t n;
	atomic_uint pending;
};

static int
copy_chunk(void *ctx, uint32_t entry, struct bytes plain, struct err *e)
{
	struct copy *c = ctx;
	struct sink_block *b = c->block;

	(void)entry;
	if (b != NULL &&
	    (b->used + plain.n > PACK_BLOCK || b->n == ARRAY_SIZE(b->pieces))) {
		sink_submit(c->k->sink, b);
		b = NULL;
	}
	if (b == NULL)
		b = sink_take(c->k->sink, c->lane);
	c->block = b;
	if (b == NULL)
		return sink_settle(c->k->sink, e) < 0
		    ? -1
		    : err_set(e, ERR_IO, "packs cannot be written");
	memcpy(b->data + b->used, plain.p, plain.n);
	b->used += (uint32_t)plain.n;
	(void)atomic_fetch_add(&c->pending, 1);
	b->pieces[b->n++] = (struct sink_piece){ (uint32_t)plain.n,
		&c->names[c->n++], &c->pending };
	return 0;
}

/* Fetch blocks with something alive in runs, and copy that. */
static int
copy_runs(struct copy *c, const struct place *p, const struct ptable *t,
    struct err *e)
{
	OWN(mem_free)
	uint32_t *wanted = mem_array((size_t)t->n_entries + 1, sizeof *wanted);
	size_t n = 0;
	uint32_t first = 0, last = 0;

	for (uint32_t i = 0; i <= t->n_entries; i++) {
		if (i < t->n_entries && !bit(p->bits, i))
			continue;
		uint32_t b = i < t->n_entries ? t->entries[i].block : 0;
		if (n > 0 &&
		    (i == t->n_entries || b > last + 1 ||
			t->blocks[b].offset + t->blocks[b].stored -
				t->blocks[first].offset >
			    RUN_BYTES)) {
			if (source_run(c->k->src, (enum category)p->category, t,
				first, last, wanted, n, copy_chunk, c, e) < 0)
				return -1;
			n = 0;
		}
		if (i == t->n_entries)
			break;
		first = n == 0 ? b : first;
		last = b;
		wanted[n++] = i;
	}
	return 0;
}

static int
copy_pack(struct repack *k, const struct place *p, struct err *e)
{
	const struct ptable *t;
	struct copy c = { .k = k };

	c.lane = p->category == CATEGORY_KEYCHAIN ? SINK_KEYCHAIN
	    : p->stream == PTABLE_TREE		  ? SINK_TREE
						  : SINK_DATA;
	if (table_of(k, (enum category)p->category, &p->id, &t, e) < 0)
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
	return index_packs(k, c, &ids, &k->fresh[c], e);
}

static int
follow(struct repack *k, struct place *p, struct err *e)
{
	OWN(idset_free) struct idset to = { 0 };
	const struct ptable *t;
	struct id id;
	uint32_t entry;

	if (table_of(k, (enum category)p->category, &p->id, &t, e) < 0)
		return -1;
	for (uint32_t i = 0; i < t->n_entries; i++) {
		if (!bit(p->bits, i))
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

static int
copy_all(struct repack *k, struct err *e)
{
	k->sink = sink_new(k->repo, 0);
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

/* ---- what the snapshots name ---- */

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
		const struct place *x = &k->packs[p];
		if (x->chosen)
			idset_remove(&set, x->id.b);
	}
	for (size_t p = 0; p < k->n; p++) {
		const struct place *x = &k->packs[p];
		if (x->category != (uint8_t)c || !bit(k->refs[i].needs, p))
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
		const struct place *p = &k->packs[n];
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
	struct zcopy *z = b->k->repo->backup.zone;
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
	    zcopy_commit(
		b->k->repo->backup.zone, b->edits, b->n, still_ours, b, e) < 0)
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

static int
rename_all(struct repack *k, struct err *e)
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

/* ---- the run record ---- */

struct id
repack_run_id(const struct repo *r)
{
	OWN(digest_free) struct digest_state *d = digest_new();
	struct digest hash;
	struct id id;

	digest_add(d, bytes_str("aumbry repack v1"));
	digest_add(d, bytes_of(r->self.dev_id.b, ID_BYTES));
	digest_end(d, &hash);
	memcpy(id.b, hash.b, ID_BYTES);
	return id;
}

/* What was chosen is true of the zones as they were looked at only. */
static int
as_looked_at(void *ctx, struct err *e)
{
	const struct repack *k = ctx;
	struct repo *r = k->repo;

	if (zcopy_pull(r->keychain.zone, 0, e) < 0)
		return -1;
	return zcopy_seq(r->backup.zone) == k->seq[CATEGORY_BACKUP] &&
		zcopy_seq(r->keychain.zone) == k->seq[CATEGORY_KEYCHAIN]
	    ? 0
	    : err_set(e, ERR_CONFLICT,
		  "another device changed the repository meanwhile");
}

static int
run_begin(struct repack *k, struct err *e)
{
	struct zcopy_edit edit = { .id = k->run };

	buf_put_u8(&k->run_plain, SNAPSHOT_RUN_KIND);
	buf_put_u8(&k->run_plain, FORMAT);
	id_put(&k->run_plain, &k->repo->self.dev_id);
	buf_put_u64(&k->run_plain, (uint64_t)now_ms());
	edit.plain = buf_bytes(&k->run_plain);
	if (zcopy_commit(k->repo->backup.zone, &edit, 1, as_looked_at, k, e) <
	    0)
		return -1;
	/* Whoever is about to delete what is left of secrets looks again. */
	for (size_t i = 0; i < k->n; i++) {
		const struct place *p = &k->packs[i];
		if (p->category == CATEGORY_KEYCHAIN && !p->named &&
		    p->live > 0)
			return zcopy_commit(
			    k->repo->keychain.zone, NULL, 0, NULL, NULL, e);
	}
	return 0;
}

int
repack_clear(struct repo *r, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct zcopy_edit edit = { .id = repack_run_id(r), .deleted = true };
	struct err why;

	if (zcopy_get(r->backup.zone, &edit.id, &plain, &why) < 0) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		*e = why;
		return -1;
	}
	return zcopy_commit(r->backup.zone, &edit, 1, NULL, NULL, e);
}

/* Not the record of another process of this device, which began since. */
static int
run_end(struct repack *k, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };

	if (zcopy_get(k->repo->backup.zone, &k->run, &plain, e) < 0)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	return bytes_equal(buf_bytes(&plain), buf_bytes(&k->run_plain))
	    ? repack_clear(k->repo, e)
	    : 0;
}

int
repack_run(struct repo *r, const struct repack_options *o,
    struct repack_result *out, struct err *e)
{
	OWN(repack_free) struct repack k = { .repo = r, .out = out };
	struct err why;

	*out = (struct repack_result){ 0 };
	if (o->max_unused >= 100 && o->before_epoch == 0)
		return 0;
	if (!r->keychain_open)
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "the key of keychain is not held here: what lives there "
		    "cannot be told");
	k.src = source_new(r);
	if (repo_refresh(r, e) < 0)
		return -1;
	k.seq[CATEGORY_BACKUP] = chunkmap_seq(r->backup.map);
	k.seq[CATEGORY_KEYCHAIN] = chunkmap_seq(r->keychain.map);
	if (look(&k, e) < 0)
		return -1;
	choose(&k, o);
	if (o->dry_run || out->packs == 0)
		return 0;
	k.run = repack_run_id(r);
	if (run_begin(&k, e) < 0)
		return -1;
	int rc = copy_all(&k, e) < 0 || rename_all(&k, e) < 0 ? -1 : 0;
	if (run_end(&k, rc < 0 ? &why : e) < 0 || rc < 0)
		return -1;
	return 0;
}
