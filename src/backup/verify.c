/* SPDX-License-Identifier: ISC */
/* verify.c: aumbry check and repair. */
#include "backup/verify.h"

#include "backup/forget.h"
#include "backup/tree.h"
#include "base/idset.h"
#include "vault/ptable.h"

#include <stdlib.h>
#include <string.h>

#define ASK 1024 /* packs asked for in one existence check */
#define RUN_BYTES (2 * 1024 * 1024)
#define BATCH 500

struct pack_ref {
	struct id id;
	uint8_t category;
};

struct verify {
	struct repo *repo;
	const struct verify_options *o;
	struct verify_result *out;
	struct pack_ref *packs;
	size_t n, cap;
	struct idset bad; /* ids */
	struct idset unread; /* ids of those that can not be read today */
	struct buf missing; /* of them: ids of those that are not stored */
	uint8_t category; /* of the zone being read */
	const struct snapshot *snap; /* being walked */
	bool snap_damaged;
	struct source *src;
};

static void
verify_free(struct verify *v)
{
	free(v->packs);
	idset_free(&v->bad);
	idset_free(&v->unread);
	buf_free(&v->missing);
	source_free(&v->src);
}

void
verify_result_free(struct verify_result *r)
{
	buf_free(&r->bad);
	buf_free(&r->unreadable);
}

static void
tell(struct verify *v, uint64_t *count, const struct snapshot *snap,
    const struct err *why)
{
	++*count;
	if (v->o->found != NULL)
		v->o->found(v->o->ctx, snap, why);
}

static void
found(struct verify *v, const struct snapshot *snap, const struct err *why)
{
	tell(v, &v->out->damages, snap, why);
}

static void
bad_pack(struct verify *v, const struct pack_ref *p, const struct err *why)
{
	if (!idset_add(&v->bad, p->id.b))
		return;
	buf_put_u8(&v->out->bad, p->category);
	id_put(&v->out->bad, &p->id);
	found(v, NULL, why);
}

static bool
is_damage(const struct err *e)
{
	return err_exit(e->code) == 6 && e->code != ERR_CERTIFICATE_CHANGED;
}

/* Of one file alone, whose disk or owner says no: the others go on. */
static bool
is_of_today(const struct err *e)
{
	return e->code == ERR_IO || e->code == ERR_PERMISSION;
}

static void
unread(struct verify *v, const struct snapshot *snap, const struct err *why)
{
	tell(v, &v->out->unread, snap, why);
}

static void
unread_pack(struct verify *v, const struct pack_ref *p, struct err *why)
{
	if (!idset_add(&v->unread, p->id.b))
		return;
	(void)err_in(why, "pack %s", id_short(&p->id).s);
	unread(v, NULL, why);
}

/* Told when it is known whether anything needs it. */
static void
missing_pack(struct verify *v, const struct pack_ref *p)
{
	if (!idset_add(&v->bad, p->id.b))
		return;
	buf_put_u8(&v->out->bad, p->category);
	id_put(&v->out->bad, &p->id);
	id_put(&v->missing, &p->id);
}

static void
tell_missing(struct verify *v)
{
	struct scan s = scan_of(buf_bytes(&v->missing));

	if (v->out->snapshots_damaged == 0) {
		v->out->unneeded = v->missing.n / ID_BYTES;
		return;
	}
	while (s.n > 0) {
		struct id id = id_take(&s);
		struct err why;
		(void)err_set(&why, ERR_BLOB_MISSING,
		    "pack %s is not stored in full", id_text(&id).s);
		found(v, NULL, &why);
	}
}

/* ---- packs ---- */

static int
take_pack(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct verify *v = ctx;
	struct pack_ref p = { r->id, v->category };
	OWN(ptable_free) struct ptable t = { 0 };
	struct err why;

	if (r->plain.n == 0 || r->plain.p[0] != PTABLE_KIND)
		return 0;
	if (ptable_parse(r->plain, &t, &why) < 0) {
		if (!is_damage(&why)) {
			*e = why;
			return -1;
		}
		(void)err_in(&why, "pack %s", id_text(&p.id).s);
		bad_pack(v, &p, &why);
		return 0;
	}
	if (v->n == v->cap) {
		v->cap = v->cap == 0 ? 64 : 2 * v->cap;
		v->packs = mem_resize(v->packs, v->cap, sizeof *v->packs);
	}
	v->packs[v->n++] = p;
	return 0;
}

/* Lost, or only not to be had by this user, or from this disk, today? */
static int
confirm_lost(struct verify *v, const struct pack_ref *p, struct err *e)
{
	OWN(buf_free) struct buf first = { 0 };
	struct depot *d = v->repo->depot;
	struct repo_part *part = repo_part(v->repo, (enum category)p->category);
	struct err why;

	if (d->ops->blob_get(d, zcopy_zone(part->zone), &p->id,
		(struct depot_part){ 0, 1 }, &first, &why) == 0 ||
	    why.code == ERR_NOT_FOUND || is_damage(&why)) {
		missing_pack(v, p);
		return 0;
	}
	if (is_of_today(&why)) {
		unread_pack(v, p, &why);
		return 0;
	}
	*e = why;
	return err_in(e, "pack %s", id_short(&p->id).s);
}

static int
ask_some(struct verify *v, const struct pack_ref *list, size_t n, struct err *e)
{
	struct id ids[ASK];
	uint8_t there[ASK];
	struct depot *d = v->repo->depot;
	struct repo_part *part =
	    repo_part(v->repo, (enum category)list[0].category);

	for (size_t i = 0; i < n; i++)
		ids[i] = list[i].id;
	if (d->ops->blob_exists(d, zcopy_zone(part->zone), ids, n, there, e) <
	    0)
		return -1;
	size_t missing = 0;
	for (size_t i = 0; i < n; i++)
		missing += there[i] == 0;
	/* What another device deleted since is not missed. */
	if (missing > 0 && repo_refresh(v->repo, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (there[i] != 0 || !chunkmap_has_pack(part->map, &ids[i]))
			continue;
		if (confirm_lost(v, &list[i], e) < 0)
			return -1;
	}
	return 0;
}

static int
ask_all(struct verify *v, struct err *e)
{
	for (size_t at = 0; at < v->n;) {
		size_t n = 1;
		while (at + n < v->n && n < ASK &&
		    v->packs[at + n].category == v->packs[at].category)
			n++;
		if (ask_some(v, v->packs + at, n, e) < 0)
			return -1;
		at += n;
	}
	return 0;
}

static int
count_chunk(void *ctx, uint32_t entry, struct bytes plain, struct err *e)
{
	struct verify *v = ctx;

	(void)entry;
	(void)e;
	v->out->chunks_read++;
	v->out->bytes_read += plain.n;
	return 0;
}

/* Fetch, open, expand and name all of one pack. */
static int
read_pack(struct verify *v, const struct pack_ref *p, struct err *e)
{
	enum category c = (enum category)p->category;
	const struct ptable *t;

	if (source_table(v->src, c, &p->id, &t, e) < 0)
		return -1;
	OWN(mem_free) uint32_t *all = mem_array(t->n_entries, sizeof *all);
	for (uint32_t i = 0; i < t->n_entries; i++)
		all[i] = i;
	for (uint32_t first = 0, last; first < t->n_blocks; first = last + 1) {
		const struct ptable_block *a = &t->blocks[first];
		for (last = first; last + 1 < t->n_blocks &&
		     t->blocks[last + 1].offset + t->blocks[last + 1].stored -
			     a->offset <=
			 RUN_BYTES;
		     last++)
			;
		const struct ptable_block *b = &t->blocks[last];
		const struct source_want w = { all + a->first,
			b->first + b->n - a->first, count_chunk, v };
		if (source_run(v->src, c, t, &w, e) < 0)
			return -1;
	}
	return 0;
}

static int
read_some(struct verify *v, struct err *e)
{
	for (size_t i = 0; i < v->n; i++) {
		const struct pack_ref *p = &v->packs[i];
		struct err why;
		if (v->o->progress != NULL)
			v->o->progress(v->o->ctx, i, v->n);
		if (idset_has(&v->bad, p->id.b) ||
		    idset_has(&v->unread, p->id.b) ||
		    secret_number(100) >= v->o->read_percent)
			continue;
		v->out->packs_read++;
		if (read_pack(v, p, &why) == 0)
			continue;
		bool moved = false;
		if ((why.code == ERR_NOT_FOUND || is_damage(&why)) &&
		    repo_moved(v->repo, (enum category)p->category, &p->id,
			&moved, e) < 0)
			return -1;
		if (moved) /* deleted by another device since */
			continue;
		if (is_of_today(&why)) {
			unread_pack(v, p, &why);
			continue;
		}
		if (!is_damage(&why)) {
			*e = why;
			return -1;
		}
		bad_pack(v, p, &why);
	}
	return 0;
}

/* ---- snapshots ---- */

/* A tree_chunk_fn. */
static int
check_chunk(void *ctx, enum category c, const struct digest *name,
    uint32_t length, struct err *e)
{
	struct verify *v = ctx;
	struct id pack;
	uint32_t entry;

	(void)length;
	bool found = source_find(v->src, c, name, &pack, &entry, e) == 0;
	/* Closed, not lost: nothing can be told of it. */
	if (!found && e->code == ERR_CATEGORY_CLOSED) {
		err_clear(e);
		return 0;
	}
	if (!found && e->code != ERR_SNAPSHOT_DAMAGED)
		return -1;
	if (!found || idset_has(&v->bad, pack.b))
		return err_set(e, ERR_SNAPSHOT_DAMAGED,
		    "content of at least one file is lost");
	return 0;
}

static int
check_entry(void *ctx, struct bytes dir, const struct entry *x, struct err *e)
{
	(void)dir;
	return tree_chunks(x, check_chunk, ctx, e);
}

/* Forgotten by another device since the list was read? */
static int
forgotten(
    struct verify *v, const struct snapshot *snap, bool *yes, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct zcopy *z = v->repo->parts[CATEGORY_BACKUP].zone;

	*yes = false;
	if (repo_refresh(v->repo, e) < 0)
		return -1;
	if (zcopy_get(z, &snap->id, &plain, e) == 0)
		return 0;
	*yes = e->code == ERR_NOT_FOUND;
	return *yes ? 0 : -1;
}

static int
check_snapshot(struct verify *v, const struct snapshot *snap, struct err *e)
{
	struct err why;
	bool gone;

	if (tree_walk(v->src, snap, bytes_str(""), check_entry, v, &why) == 0)
		return 0;
	if (is_of_today(&why)) {
		unread(v, snap, &why);
		return 0;
	}
	if (!is_damage(&why)) {
		*e = why;
		return -1;
	}
	if (forgotten(v, snap, &gone, e) < 0)
		return -1;
	if (gone) {
		v->out->snapshots--;
		return 0;
	}
	v->out->snapshots_damaged++;
	found(v, snap, &why);
	return 0;
}

static void
unreadable(struct verify *v, const struct snapshot_bad *b)
{
	struct snapshot named = { .id = b->id };

	v->out->snapshots++;
	v->out->snapshots_damaged++;
	if (b->opened && b->why.code == ERR_RECORD_CORRUPT)
		id_put(&v->out->unreadable, &b->id);
	found(v, &named, &b->why);
}

static int
check_copy(struct verify *v, struct zcopy *z, struct err *e)
{
	struct err why;

	if (zcopy_verify(z, &why) == 0)
		return 0;
	if (!is_damage(&why)) {
		*e = why;
		return -1;
	}
	found(v, NULL, &why);
	return 0;
}

/* What a bad pack held may be in another one. */
static void
leave_out_bad(struct verify *v)
{
	struct scan s = scan_of(buf_bytes(&v->out->bad));

	while (s.n > 0) {
		uint8_t c = scan_u8(&s);
		struct id id = id_take(&s);
		chunkmap_drop_pack(
		    repo_part(v->repo, (enum category)c)->map, &id);
	}
}

int
verify_run(struct repo *r, const struct verify_options *o,
    struct verify_result *out, struct err *e)
{
	OWN(verify_free) struct verify v = { .repo = r, .o = o, .out = out };
	OWN(snapshot_list_free) struct snapshot_list list = { 0 };

	*out = (struct verify_result){ 0 };
	v.src = source_new(r);
	source_strict(v.src);
	if (repo_refresh(r, e) < 0 ||
	    check_copy(&v, r->parts[CATEGORY_BACKUP].zone, e) < 0 ||
	    check_copy(&v, r->parts[CATEGORY_KEYCHAIN].zone, e) < 0)
		return -1;
	if (out->damages > 0)
		return 0; /* nothing that is built on them can be trusted */
	/* The index is a cache: what it does not know may be there. */
	struct err ignored;
	if (repo_reindex(r, e) < 0)
		return -1;
	(void)!repo_save(r, &ignored);
	v.category = CATEGORY_BACKUP;
	if (zcopy_each(r->parts[CATEGORY_BACKUP].zone, 0, take_pack, &v, e) < 0)
		return -1;
	v.category = CATEGORY_KEYCHAIN;
	if (zcopy_each(r->parts[CATEGORY_KEYCHAIN].zone, 0, take_pack, &v, e) <
		0 ||
	    ask_all(&v, e) < 0 ||
	    (o->read_percent > 0 && read_some(&v, e) < 0) ||
	    snapshot_load(r, &list, e) < 0)
		return -1;
	out->packs = v.n;
	out->snapshots = list.n;
	for (size_t i = 0; i < list.n_bad; i++)
		unreadable(&v, &list.bad[i]);
	leave_out_bad(&v);
	for (size_t i = 0; i < list.n; i++)
		if (check_snapshot(&v, &list.list[i], e) < 0)
			return -1;
	tell_missing(&v);
	return 0;
}

/* ---- repair ---- */

static int
drop(struct repo *r, enum category c, const struct verify_result *v,
    struct err *e)
{
	struct repo_part *part = repo_part(r, c);
	struct zcopy_edit edits[BATCH];
	size_t n = 0;
	struct scan s = scan_of(buf_bytes(&v->bad));

	while (s.n > 0) {
		uint8_t category = scan_u8(&s);
		struct id id = id_take(&s);
		if (category != (uint8_t)c)
			continue;
		edits[n++] = (struct zcopy_edit){ .id = id, .deleted = true };
		if (n == BATCH &&
		    zcopy_commit(part->zone, edits, n, NULL, NULL, e) < 0)
			return -1;
		n %= BATCH;
	}
	return n > 0 ? zcopy_commit(part->zone, edits, n, NULL, NULL, e) : 0;
}

int
verify_repair(struct repo *r, const struct verify_result *v, struct err *e)
{
	size_t n = v->unreadable.n / ID_BYTES;
	OWN(mem_free) struct id *ids = mem_array(n + 1, sizeof *ids);
	struct scan s = scan_of(buf_bytes(&v->unreadable));

	for (size_t i = 0; i < n; i++)
		ids[i] = id_take(&s);
	if (forget_snapshots(r, ids, n, e) < 0 ||
	    drop(r, CATEGORY_BACKUP, v, e) < 0 ||
	    drop(r, CATEGORY_KEYCHAIN, v, e) < 0 || repo_refresh(r, e) < 0)
		return -1;
	return repo_save(r, e);
}
