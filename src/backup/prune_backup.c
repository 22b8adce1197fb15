/* SPDX-License-Identifier: ISC */
/* prune_backup.c: what a backup tells a prune, and asks of it. */
#include "backup/prune_in.h"

#include "base/now.h"

struct own_runs {
	struct repo *repo;
	struct prune_ids *list;
};

static int
own_run(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct own_runs *o = ctx;
	struct scan s = scan_of(r->plain);

	(void)e;
	if (scan_u8(&s) != SNAPSHOT_RUN_KIND)
		return 0;
	(void)scan_u8(&s);
	struct id dev_id = id_take(&s);
	struct depot *d = o->repo->depot;
	/* A folder's homes all write as one device. */
	if (id_equal(&dev_id, &o->repo->self.dev_id) &&
	    (d->ops->run_goes_on == NULL || !d->ops->run_goes_on(d, &r->id)))
		prune_ids_add(o->list, &r->id);
	return 0;
}

int
prune_run_begin(struct repo *r, struct id *run, struct err *e)
{
	OWN(prune_ids_free) struct prune_ids dead = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	struct own_runs own = { r, &dead };

	/* One backup of a home at a time: other runs of ours were cut off. */
	if (zcopy_each(r->parts[CATEGORY_BACKUP].zone, 0, own_run, &own, e) < 0)
		return -1;
	size_t n = dead.n < PRUNE_BATCH ? dead.n : PRUNE_BATCH;
	OWN(mem_free)
	struct zcopy_edit *edits = mem_array(1 + n, sizeof *edits);
	buf_put_u8(&plain, SNAPSHOT_RUN_KIND);
	buf_put_u8(&plain, PRUNE_FORMAT);
	id_put(&plain, &r->self.dev_id);
	buf_put_u64(&plain, (uint64_t)now_ms());
	id_random(run);
	if (r->depot->ops->run_begin != NULL &&
	    r->depot->ops->run_begin(r->depot, run, e) < 0)
		return -1;
	edits[0].id = *run;
	edits[0].plain = buf_bytes(&plain);
	for (size_t i = 0; i < n; i++)
		edits[1 + i] =
		    (struct zcopy_edit){ .id = dead.list[i], .deleted = true };
	if (zcopy_commit(r->parts[CATEGORY_BACKUP].zone, edits, 1 + n, NULL,
		NULL, e) < 0)
		return -1;
	return repo_ask(r, e);
}

int
prune_run_end(struct repo *r, const struct id *run, struct err *e)
{
	struct zcopy_edit edit = { .id = *run, .deleted = true };

	return zcopy_commit(
	    r->parts[CATEGORY_BACKUP].zone, &edit, 1, NULL, NULL, e);
}

int
prune_hold_up(struct repo *r, enum category c, struct err *e)
{
	return zcopy_commit(repo_part(r, c)->zone, NULL, 0, NULL, NULL, e);
}

struct condemned_job {
	prune_used_fn used;
	void *ctx;
	struct buf *ids;
};

static int
condemned_one(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct condemned_job *j = ctx;
	struct scan s = scan_of(r->plain);

	(void)e;
	if (scan_u8(&s) != REPO_CONDEMNED_KIND)
		return 0;
	(void)scan_u8(&s);
	uint8_t category = scan_u8(&s);
	struct id pack = id_take(&s);
	if (scan_ok(&s) && category_known(category) &&
	    j->used(j->ctx, (enum category)category, &pack))
		id_put(j->ids, &r->id);
	return 0;
}

int
prune_condemned(struct repo *r, prune_used_fn used, void *ctx, struct buf *ids,
    struct err *e)
{
	struct condemned_job j = { used, ctx, ids };

	return zcopy_each(
	    r->parts[CATEGORY_BACKUP].zone, 0, condemned_one, &j, e);
}
