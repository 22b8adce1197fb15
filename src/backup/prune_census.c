/* SPDX-License-Identifier: ISC */
/* prune_census.c: what the zones say of packs, marks and runs. */
#include "backup/prune_in.h"

#include "base/file.h"
#include "base/now.h"
#include "link/homedir.h"
#include "vault/ptable.h"

#include <stdlib.h>

void
prune_ids_free(struct prune_ids *l)
{
	free(l->list);
	*l = (struct prune_ids){ 0 };
}

void
prune_ids_add(struct prune_ids *l, const struct id *id)
{
	l->list = mem_resize(l->list, l->n + 1, sizeof *l->list);
	l->list[l->n++] = *id;
}

void
prune_census_free(struct prune_census *c)
{
	for (size_t i = 0; i < CATEGORY_END; i++)
		idset_free(&c->used[i]);
	free(c->packs);
	free(c->marks);
	prune_ids_free(&c->dead);
}

/* Can this home see that a run of its own device has ended? */
static bool
home_is_idle(const struct repo *r)
{
	OWN(fd_close) int fd = -1;
	struct err ignored;

	return homedir_lock(r->dir, "backup", &fd, &ignored) == 0;
}

static bool
goes_on(const struct prune_census *c, const struct id *run,
    const struct id *dev_id, uint64_t at)
{
	const struct depot *d = c->repo->depot;

	/* One of the future is of a clock that jumped: young. */
	if (at <= c->now_ms && c->now_ms - at >= (uint64_t)PRUNE_GRACE_S * 1000)
		return false;
	/* Another prune of this device; repack_clear ends what was cut off. */
	const struct id rewriting = repack_run_id(c->repo);
	if (id_equal(run, &rewriting))
		return true;
	if (d->ops->run_goes_on != NULL)
		return d->ops->run_goes_on(c->repo->depot, run);
	if (id_equal(dev_id, &c->repo->self.dev_id))
		return !c->idle;
	return !c->end_runs && circle_active(c->repo->self.circle, dev_id);
}

static void
take_run(struct prune_census *c, const struct id *run, struct scan *s)
{
	(void)scan_u8(s);
	struct id dev_id = id_take(s);
	uint64_t at = scan_u64(s);

	if (!scan_done(s) || !goes_on(c, run, &dev_id, at)) {
		prune_ids_add(&c->dead, run);
		return;
	}
	if (c->runs++ == 0 || at > c->hold.time_ms)
		c->hold = (struct prune_hold){ dev_id, at };
}

static void
use_all(struct idset *set, struct bytes ids)
{
	for (size_t i = 0; i + ID_BYTES <= ids.n; i += ID_BYTES)
		(void)idset_add(set, ids.p + i);
}

static int
take_pack(struct prune_census *c, const struct zcopy_record *r, struct err *e)
{
	OWN(ptable_free) struct ptable t = { 0 };

	if (ptable_parse(r->plain, &t, e) < 0) {
		if (e->code != ERR_RECORD_CORRUPT)
			return -1;
		err_clear(e); /* as good as any, of unknown size */
	}
	c->packs = mem_resize(c->packs, c->n_packs + 1, sizeof *c->packs);
	c->packs[c->n_packs++] =
	    (struct prune_pack){ r->id, c->category, t.blob_bytes };
	return 0;
}

static int
take_mark(struct prune_census *c, struct scan *s)
{
	struct prune_mark m;

	m.category = scan_u8(s);
	m.pack = id_take(s);
	m.time_ms = scan_u64(s);
	if (!scan_done(s) || !category_known(m.category))
		return 0; /* says nothing: its pack is condemned anew */
	c->marks = mem_resize(c->marks, c->n_marks + 1, sizeof *c->marks);
	c->marks[c->n_marks++] = m;
	return 0;
}

static int
take_record(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct prune_census *c = ctx;
	struct scan s = scan_of(r->plain);
	uint8_t kind = scan_u8(&s);
	OWN(snapshot_free) struct snapshot snap = { 0 };

	switch (kind) {
	case SNAPSHOT_KIND:
		if (snapshot_parse(r->plain, &snap, e) < 0) {
			if (e->code != ERR_RECORD_CORRUPT)
				return -1;
			/* Its references are beside it, all but secrets. */
			err_clear(e);
			c->secrets_unknown = true;
		}
		use_all(&c->used[CATEGORY_BACKUP], r->refs);
		use_all(&c->used[CATEGORY_KEYCHAIN],
		    buf_bytes(&snap.keychain_packs));
		return 0;
	case SNAPSHOT_REFS_KIND:
		use_all(&c->used[CATEGORY_BACKUP], r->refs);
		return 0;
	case PTABLE_KIND:
		return take_pack(c, r, e);
	case SNAPSHOT_RUN_KIND:
		take_run(c, &r->id, &s);
		return 0;
	case REPO_CONDEMNED_KIND:
		(void)scan_u8(&s);
		return take_mark(c, &s);
	default:
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the backup zone holds a record of kind %u, which this "
		    "version does not know: it must not delete anything",
		    (unsigned)kind);
	}
}

int
prune_count(struct repo *r, struct prune_census *c, struct err *e)
{
	c->now_ms = (uint64_t)now_ms();
	c->repo = r;
	c->idle = home_is_idle(r);
	c->category = CATEGORY_BACKUP;
	if (zcopy_each(r->parts[CATEGORY_BACKUP].zone, 0, take_record, c, e) <
	    0)
		return -1;
	c->category = CATEGORY_KEYCHAIN;
	return zcopy_each(
	    r->parts[CATEGORY_KEYCHAIN].zone, 0, take_record, c, e);
}

bool
prune_in_use(
    const struct prune_census *c, uint8_t category, const struct id *pack)
{
	return idset_has(&c->used[category], pack->b) ||
	    (category == CATEGORY_KEYCHAIN && c->secrets_unknown);
}

const struct prune_mark *
prune_mark_of(const struct prune_census *c, const struct id *pack)
{
	for (size_t i = 0; i < c->n_marks; i++)
		if (id_equal(&c->marks[i].pack, pack))
			return &c->marks[i];
	return NULL;
}
