/* SPDX-License-Identifier: ISC */
/* prune.c: condemning, reviving and deleting packs. */
#include "backup/prune.h"

#include "base/file.h"
#include "base/idset.h"
#include "base/now.h"
#include "link/homedir.h"
#include "vault/ptable.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define ROOM_BYTES (64 << 20) /* packs on their way, and some */
#define BATCH 500 /* records in one commit: half of what is allowed */

struct id_list {
	struct id *list;
	size_t n;
};

static void
id_list_free(struct id_list *l)
{
	free(l->list);
	*l = (struct id_list){ 0 };
}

static void
id_list_add(struct id_list *l, const struct id *id)
{
	l->list = mem_resize(l->list, l->n + 1, sizeof *l->list);
	l->list[l->n++] = *id;
}

static struct id
condemned_id(const struct id *pack)
{
	OWN(digest_free) struct digest_state *d = digest_new();
	struct digest hash;
	struct id id;

	digest_add(d, bytes_str("aumbry condemned v1"));
	digest_add(d, bytes_of(pack->b, ID_BYTES));
	digest_end(d, &hash);
	memcpy(id.b, hash.b, ID_BYTES);
	return id;
}

/* ---- what the backup zone says ---- */

struct pack_info {
	struct id id;
	uint8_t category;
	uint64_t bytes;
};

struct mark {
	struct id pack;
	uint8_t category;
	uint64_t time_ms;
};

struct census {
	struct idset used[CATEGORY_END];
	struct pack_info *packs;
	size_t n_packs;
	struct mark *marks;
	size_t n_marks;
	struct repo *repo;
	uint64_t runs; /* live ones */
	struct prune_hold hold; /* the last of them */
	struct id_list dead; /* runs that are not */
	bool idle; /* no backup of this home goes on */
	bool end_runs;
	uint64_t now_ms;
	bool secrets_unknown; /* a snapshot does not say which it needs */
	uint8_t category; /* of the zone being read */
};

static void
census_free(struct census *c)
{
	for (size_t i = 0; i < CATEGORY_END; i++)
		idset_free(&c->used[i]);
	free(c->packs);
	free(c->marks);
	id_list_free(&c->dead);
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
goes_on(const struct census *c, const struct id *run, const struct id *dev_id,
    uint64_t at)
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
take_run(struct census *c, const struct id *run, struct scan *s)
{
	(void)scan_u8(s);
	struct id dev_id = id_take(s);
	uint64_t at = scan_u64(s);

	if (!scan_done(s) || !goes_on(c, run, &dev_id, at)) {
		id_list_add(&c->dead, run);
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
take_pack(struct census *c, const struct zcopy_record *r, struct err *e)
{
	OWN(ptable_free) struct ptable t = { 0 };

	if (ptable_parse(r->plain, &t, e) < 0) {
		if (e->code != ERR_RECORD_CORRUPT)
			return -1;
		err_clear(e); /* as good as any, of unknown size */
	}
	c->packs = mem_resize(c->packs, c->n_packs + 1, sizeof *c->packs);
	c->packs[c->n_packs++] =
	    (struct pack_info){ r->id, c->category, t.blob_bytes };
	return 0;
}

static int
take_mark(struct census *c, struct scan *s)
{
	struct mark m;

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
	struct census *c = ctx;
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
	case SNAPSHOT_CONDEMNED_KIND:
		(void)scan_u8(&s);
		return take_mark(c, &s);
	default:
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the backup zone holds a record of kind %u, which this "
		    "version does not know: it must not delete anything",
		    (unsigned)kind);
	}
}

static int
count(struct repo *r, struct census *c, struct err *e)
{
	c->now_ms = (uint64_t)now_ms();
	c->repo = r;
	c->idle = home_is_idle(r);
	c->category = CATEGORY_BACKUP;
	if (zcopy_each(r->backup.zone, 0, take_record, c, e) < 0)
		return -1;
	c->category = CATEGORY_KEYCHAIN;
	return zcopy_each(r->keychain.zone, 0, take_record, c, e);
}

static bool
in_use(const struct census *c, uint8_t category, const struct id *pack)
{
	return idset_has(&c->used[category], pack->b) ||
	    (category == CATEGORY_KEYCHAIN && c->secrets_unknown);
}

static const struct mark *
mark_of(const struct census *c, const struct id *pack)
{
	for (size_t i = 0; i < c->n_marks; i++)
		if (id_equal(&c->marks[i].pack, pack))
			return &c->marks[i];
	return NULL;
}

/* ---- committing in batches ---- */

static int
commit_all(
    struct zcopy *z, const struct zcopy_edit *edits, size_t n, struct err *e)
{
	for (size_t at = 0; at < n; at += BATCH)
		if (zcopy_commit(z, edits + at, n - at < BATCH ? n - at : BATCH,
			NULL, NULL, e) < 0)
			return -1;
	return 0;
}

static int
put_marks(struct repo *r, const struct census *c, const size_t *which, size_t n,
    struct err *e)
{
	OWN(mem_free) struct zcopy_edit *edits = mem_array(n, sizeof *edits);
	OWN(buf_free) struct buf plains = { 0 };
	size_t each = 2 + 1 + ID_BYTES + 8;

	for (size_t i = 0; i < n; i++) {
		const struct pack_info *p = &c->packs[which[i]];
		buf_put_u8(&plains, SNAPSHOT_CONDEMNED_KIND);
		buf_put_u8(&plains, FORMAT);
		buf_put_u8(&plains, p->category);
		id_put(&plains, &p->id);
		buf_put_u64(&plains, c->now_ms);
	}
	for (size_t i = 0; i < n; i++) {
		edits[i].id = condemned_id(&c->packs[which[i]].id);
		edits[i].plain = bytes_of(plains.p + i * each, each);
	}
	return commit_all(r->backup.zone, edits, n, e);
}

static int
delete_records(struct zcopy *z, const struct id_list *ids, struct err *e)
{
	OWN(mem_free)
	struct zcopy_edit *edits = mem_array(ids->n, sizeof *edits);

	for (size_t i = 0; i < ids->n; i++)
		edits[i] =
		    (struct zcopy_edit){ .id = ids->list[i], .deleted = true };
	return commit_all(z, edits, ids->n, e);
}

/* ---- deleting ---- */

/* A backup may have begun since we counted: count again before each try. */
struct still {
	struct repo *r;
	struct census *first;
	const struct id_list *packs;
	uint8_t category;
};

static int
still_unused(void *ctx, struct err *e)
{
	struct still *s = ctx;
	OWN(census_free)
	struct census now = { .end_runs = s->first->end_runs };

	if (zcopy_pull(s->r->backup.zone, 0, e) < 0 || count(s->r, &now, e) < 0)
		return -1;
	if (now.runs > 0)
		return err_set(e, ERR_CONFLICT,
		    "a backup has begun meanwhile; nothing was deleted");
	for (size_t i = 0; i < s->packs->n; i++)
		if (in_use(&now, s->category, &s->packs->list[i]))
			return err_set(e, ERR_CONFLICT,
			    "a backup uses a pack again; nothing was deleted");
	return 0;
}

/* Records first, in one commit each batch, then blobs. */
static int
delete_packs(struct repo *r, struct census *c, enum category category,
    const struct id_list *packs, struct err *e)
{
	struct repo_part *part = repo_part(r, category);
	OWN(id_list_free) struct id_list marks = { 0 };
	struct still check = { r, c, packs, (uint8_t)category };

	for (size_t at = 0; at < packs->n; at += BATCH) {
		size_t n = packs->n - at < BATCH ? packs->n - at : BATCH;
		struct zcopy_edit edits[BATCH];
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
		struct id mark = condemned_id(&packs->list[i]);
		chunkmap_drop_pack(part->map, &packs->list[i]);
		id_list_add(&marks, &mark);
		/* What stays is collected by the server: nothing names it. */
		if (r->depot->ops->blob_delete(r->depot, zcopy_zone(part->zone),
			&packs->list[i], &why) < 0 &&
		    why.code == ERR_SERVER_UNREACHABLE) {
			*e = why;
			return -1;
		}
	}
	return delete_records(r->backup.zone, &marks, e);
}

static void
sort_out(struct census *c, const struct prune_options *o,
    struct prune_result *out, size_t *fresh, size_t *n_fresh,
    struct id_list *revived, struct id_list *doomed)
{
	for (size_t i = 0; i < c->n_packs; i++) {
		const struct pack_info *p = &c->packs[i];
		const struct mark *m = mark_of(c, &p->id);
		if (in_use(c, p->category, &p->id)) {
			struct id id = condemned_id(&p->id);
			if (m != NULL)
				id_list_add(revived, &id);
			continue;
		}
		bool old = m != NULL &&
		    c->now_ms >= m->time_ms + (uint64_t)o->grace_s * 1000;
		if (m == NULL)
			fresh[(*n_fresh)++] = i;
		if (old || o->grace_s == 0) {
			id_list_add(&doomed[p->category], &p->id);
			out->deleted_bytes += p->bytes;
		} else {
			out->waiting++;
		}
	}
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
	OWN(census_free) struct census c = { .end_runs = o->end_runs };
	const struct repack_options how = { .max_unused = o->max_unused,
		.before_epoch = o->before_epoch,
		.dry_run = o->dry_run };

	if (!o->dry_run && repack_clear(r, e) < 0)
		return -1;
	if (count(r, &c, e) < 0) /* refuses unknown kinds of records */
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
tidy(struct repo *r, const struct prune_options *o, const struct census *c,
    struct err *e)
{
	bool at_once = o->grace_s == 0 && c->runs == 0;

	return r->depot->ops->tidy == NULL
	    ? 0
	    : r->depot->ops->tidy(
		  r->depot, at_once ? (int64_t)c->now_ms : 0, e);
}

int
prune_run(struct repo *r, const struct prune_options *o,
    struct prune_result *out, struct err *e)
{
	OWN(census_free) struct census c = { .end_runs = o->end_runs };
	OWN(id_list_free) struct id_list revived = { 0 };
	OWN(mem_free) size_t *fresh = NULL;
	struct id_list doomed[CATEGORY_END] = { { 0 } };
	size_t n_fresh = 0;
	int rc = 0;

	*out = (struct prune_result){ 0 };
	if (repo_refresh(r, e) < 0 || repo_ask(r, e) < 0 ||
	    rewrite(r, o, out, e) < 0 || count(r, &c, e) < 0)
		return -1;
	fresh = mem_array(c.n_packs, sizeof *fresh);
	sort_out(&c, o, out, fresh, &n_fresh, &revived, doomed);
	out->packs = c.n_packs;
	out->runs = c.runs;
	out->hold = c.hold;
	out->condemned = n_fresh;
	out->revived = revived.n;
	if (!o->dry_run &&
	    (delete_records(r->backup.zone, &c.dead, e) < 0 ||
		put_marks(r, &c, fresh, n_fresh, e) < 0 ||
		delete_records(r->backup.zone, &revived, e) < 0))
		rc = -1;
	for (unsigned k = 1; k < CATEGORY_END && rc == 0; k++) {
		if (c.runs > 0) {
			out->waiting += doomed[k].n;
			out->deleted_bytes = 0;
			continue;
		}
		if (!o->dry_run && doomed[k].n > 0)
			rc = delete_packs(
			    r, &c, (enum category)k, &doomed[k], e);
		out->deleted += rc == 0 ? doomed[k].n : 0;
	}
	for (unsigned k = 0; k < CATEGORY_END; k++)
		id_list_free(&doomed[k]);
	if (rc < 0 || o->dry_run || tidy(r, o, &c, e) < 0)
		return o->dry_run ? rc : -1;
	return repo_save(r, e);
}

/* ---- for backups ---- */

struct own_runs {
	struct repo *repo;
	struct id_list *list;
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
		id_list_add(o->list, &r->id);
	return 0;
}

int
prune_run_begin(struct repo *r, struct id *run, struct err *e)
{
	OWN(id_list_free) struct id_list dead = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	struct own_runs own = { r, &dead };

	/* One backup of a home at a time: other runs of ours were cut off. */
	if (zcopy_each(r->backup.zone, 0, own_run, &own, e) < 0)
		return -1;
	size_t n = dead.n < BATCH ? dead.n : BATCH;
	OWN(mem_free)
	struct zcopy_edit *edits = mem_array(1 + n, sizeof *edits);
	buf_put_u8(&plain, SNAPSHOT_RUN_KIND);
	buf_put_u8(&plain, FORMAT);
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
	if (zcopy_commit(r->backup.zone, edits, 1 + n, NULL, NULL, e) < 0)
		return -1;
	return repo_ask(r, e);
}

int
prune_run_end(struct repo *r, const struct id *run, struct err *e)
{
	struct zcopy_edit edit = { .id = *run, .deleted = true };

	return zcopy_commit(r->backup.zone, &edit, 1, NULL, NULL, e);
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
	if (scan_u8(&s) != SNAPSHOT_CONDEMNED_KIND)
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

	return zcopy_each(r->backup.zone, 0, condemned_one, &j, e);
}
