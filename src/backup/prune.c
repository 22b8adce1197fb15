/* SPDX-License-Identifier: ISC */
/* prune.c: condemning, reviving and deleting packs. */
#include "backup/prune_in.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_BYTES (64 << 20) /* packs on their way, and some */

/* ---- committing in batches ---- */

static int
commit_all(
    struct zcopy *z, const struct zcopy_edit *edits, size_t n, struct err *e)
{
	for (size_t at = 0; at < n; at += PRUNE_BATCH)
		if (zcopy_commit(z, edits + at,
			n - at < PRUNE_BATCH ? n - at : PRUNE_BATCH, NULL, NULL,
			e) < 0)
			return -1;
	return 0;
}

static int
put_marks(struct repo *r, const struct prune_census *c, const size_t *which,
    size_t n, struct err *e)
{
	OWN(mem_free) struct zcopy_edit *edits = mem_array(n, sizeof *edits);
	OWN(buf_free) struct buf plains = { 0 };
	size_t each = 2 + 1 + ID_BYTES + 8;

	for (size_t i = 0; i < n; i++) {
		const struct prune_pack *p = &c->packs[which[i]];
		buf_put_u8(&plains, REPO_CONDEMNED_KIND);
		buf_put_u8(&plains, PRUNE_FORMAT);
		buf_put_u8(&plains, p->category);
		id_put(&plains, &p->id);
		buf_put_u64(&plains, c->now_ms);
	}
	for (size_t i = 0; i < n; i++) {
		edits[i].id = repo_condemned_id(&c->packs[which[i]].id);
		edits[i].plain = bytes_of(plains.p + i * each, each);
	}
	return commit_all(r->parts[CATEGORY_BACKUP].zone, edits, n, e);
}

static int
delete_records(struct zcopy *z, const struct prune_ids *ids, struct err *e)
{
	OWN(mem_free)
	struct zcopy_edit *edits = mem_array(ids->n, sizeof *edits);

	for (size_t i = 0; i < ids->n; i++)
		edits[i] =
		    (struct zcopy_edit){ .id = ids->list[i], .deleted = true };
	return commit_all(z, edits, ids->n, e);
}

/* ---- deleting ---- */

/* A backup may have begun since we counted: prune_count again before each try. */
struct still {
	struct repo *r;
	struct prune_census *first;
	const struct prune_ids *packs;
	uint8_t category;
};

static int
still_unused(void *ctx, struct err *e)
{
	struct still *s = ctx;
	OWN(prune_census_free)
	struct prune_census now = { .end_runs = s->first->end_runs };

	if (zcopy_pull(s->r->parts[CATEGORY_BACKUP].zone, e) < 0 ||
	    prune_count(s->r, &now, e) < 0)
		return -1;
	if (now.runs > 0)
		return err_set(e, ERR_CONFLICT,
		    "a backup has begun meanwhile; nothing was deleted");
	for (size_t i = 0; i < s->packs->n; i++)
		if (prune_in_use(&now, s->category, &s->packs->list[i]))
			return err_set(e, ERR_CONFLICT,
			    "a backup uses a pack again; nothing was deleted");
	return 0;
}

/* Records first, in one commit each batch, then blobs. */
static int
delete_packs(struct repo *r, struct prune_census *c, enum category category,
    const struct prune_ids *packs, struct err *e)
{
	struct repo_part *part = repo_part(r, category);
	OWN(prune_ids_free) struct prune_ids marks = { 0 };
	struct still check = { r, c, packs, (uint8_t)category };

	for (size_t at = 0; at < packs->n; at += PRUNE_BATCH) {
		size_t n =
		    packs->n - at < PRUNE_BATCH ? packs->n - at : PRUNE_BATCH;
		struct zcopy_edit edits[PRUNE_BATCH];
		for (size_t i = 0; i < n; i++)
			edits[i] =
			    (struct zcopy_edit){ .id = packs->list[at + i],
				    .deleted = true };
		if (zcopy_commit(
			part->zone, edits, n, still_unused, &check, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < packs->n; i++) {
		struct err why;
		struct id mark = repo_condemned_id(&packs->list[i]);
		chunkmap_drop_pack(part->map, &packs->list[i]);
		prune_ids_add(&marks, &mark);
		/* What stays is collected by the server: nothing names it. */
		if (r->depot->ops->blob_delete(r->depot, zcopy_zone(part->zone),
			&packs->list[i], &why) < 0 &&
		    why.code == ERR_SERVER_UNREACHABLE) {
			*e = why;
			return -1;
		}
	}
	return delete_records(r->parts[CATEGORY_BACKUP].zone, &marks, e);
}

/* What is to become of packs and marks. */
struct sorted {
	size_t *fresh; /* numbers of packs to be condemned */
	size_t n_fresh;
	struct prune_ids revived; /* records of marks to be taken back */
	struct prune_ids doomed[CATEGORY_END]; /* packs to be deleted */
};

static void
sorted_free(struct sorted *s)
{
	free(s->fresh);
	prune_ids_free(&s->revived);
	for (size_t c = 0; c < CATEGORY_END; c++)
		prune_ids_free(&s->doomed[c]);
}

static void
sort_out(const struct prune_census *c, const struct prune_options *o,
    struct sorted *s, struct prune_result *out)
{
	s->fresh = mem_array(c->n_packs, sizeof *s->fresh);
	for (size_t i = 0; i < c->n_packs; i++) {
		const struct prune_pack *p = &c->packs[i];
		const struct prune_mark *m = prune_mark_of(c, &p->id);
		if (prune_in_use(c, p->category, &p->id)) {
			struct id id = repo_condemned_id(&p->id);
			if (m != NULL)
				prune_ids_add(&s->revived, &id);
			continue;
		}
		bool old = m != NULL &&
		    c->now_ms >= m->time_ms + (uint64_t)o->grace_s * 1000;
		if (m == NULL)
			s->fresh[s->n_fresh++] = i;
		if (old || o->grace_s == 0) {
			prune_ids_add(&s->doomed[p->category], &p->id);
			out->deleted_bytes += p->bytes;
		} else {
			out->waiting++;
		}
	}
	out->packs = c->n_packs;
	out->runs = c->runs;
	out->hold = c->hold;
	out->condemned = s->n_fresh;
	out->revived = s->revived.n;
}

/* What is deleted first must not lack what would be written. */
static bool
no_room(struct repo *r, struct err *why)
{
	struct depot *d = r->depot;

	if (d->ops->room == NULL || d->ops->room(d) >= ROOM_BYTES)
		return false;
	(void)err_set(why, ERR_DISK_FULL_HERE,
	    "less than %d MiB are free, and it writes before it deletes",
	    ROOM_BYTES >> 20);
	return true;
}

/* Not beside a backup: it may be about to use what would be rewritten. */
static int
rewrite(struct repo *r, const struct prune_options *o, struct prune_result *out,
    struct err *e)
{
	OWN(prune_census_free)
	struct prune_census c = { .end_runs = o->end_runs };
	const struct repack_options how = { .max_unused = o->max_unused,
		.before_epoch = o->before_epoch,
		.dry_run = o->dry_run };

	if (!o->dry_run && repack_clear(r, e) < 0)
		return -1;
	if (prune_count(r, &c, e) < 0) /* refuses unknown kinds of records */
		return -1;
	if (c.runs == 0 && !o->dry_run && no_room(r, &out->not_repacked))
		return 0;
	if (c.runs > 0 || repack_run(r, &how, &out->repack, e) == 0)
		return 0;
	/* What is unused can be deleted all the same. */
	if (e->code != ERR_SNAPSHOT_DAMAGED && e->code != ERR_CONFLICT &&
	    e->code != ERR_CATEGORY_CLOSED && e->code != ERR_DISK_FULL_HERE &&
	    e->code != ERR_SERVER_FULL && e->code != ERR_QUOTA_EXCEEDED)
		return -1;
	out->not_repacked = *e;
	out->repack = (struct repack_result){ 0 };
	err_clear(e);
	return 0;
}

/* A server does it by itself; a folder has nobody else. */
static int
tidy(struct repo *r, const struct prune_options *o,
    const struct prune_census *c, struct err *e)
{
	bool at_once = o->grace_s == 0 && c->runs == 0;

	return r->depot->ops->tidy == NULL
	    ? 0
	    : r->depot->ops->tidy(
		  r->depot, at_once ? (int64_t)c->now_ms : 0, e);
}

/* Not while a backup goes on: what is doomed waits then. */
static int
delete_doomed(struct repo *r, struct prune_census *c, bool dry_run,
    const struct prune_ids doomed[static CATEGORY_END],
    struct prune_result *out, struct err *e)
{
	for (unsigned k = 1; k < CATEGORY_END; k++) {
		if (c->runs > 0) {
			out->waiting += doomed[k].n;
			out->deleted_bytes = 0;
			continue;
		}
		if (!dry_run && doomed[k].n > 0 &&
		    delete_packs(r, c, (enum category)k, &doomed[k], e) < 0)
			return -1;
		out->deleted += doomed[k].n;
	}
	return 0;
}

int
prune_run(struct repo *r, const struct prune_options *o,
    struct prune_result *out, struct err *e)
{
	OWN(prune_census_free)
	struct prune_census c = { .end_runs = o->end_runs };
	OWN(sorted_free) struct sorted s = { 0 };

	*out = (struct prune_result){ 0 };
	if (repo_refresh(r, e) < 0 || repo_ask(r, e) < 0 ||
	    rewrite(r, o, out, e) < 0 || prune_count(r, &c, e) < 0)
		return -1;
	sort_out(&c, o, &s, out);
	struct zcopy *zone = r->parts[CATEGORY_BACKUP].zone;
	if (!o->dry_run &&
	    (delete_records(zone, &c.dead, e) < 0 ||
		put_marks(r, &c, s.fresh, s.n_fresh, e) < 0 ||
		delete_records(zone, &s.revived, e) < 0))
		return -1;
	if (delete_doomed(r, &c, o->dry_run, s.doomed, out, e) < 0)
		return -1;
	if (o->dry_run)
		return 0;
	return tidy(r, o, &c, e) < 0 ? -1 : repo_save(r, e);
}
