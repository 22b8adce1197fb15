/* SPDX-License-Identifier: ISC */
/* tidy.c: who keeps house today, and in which order. */
#include "drive/tidy_in.h"

#include "base/now.h"
#include "tree/node.h"
#include "drive/trash.h"

#define FORMAT 1
#define AHEAD_MS (3600 * 1000ULL) /* a clock may be so far ahead */

/* ---- whose turn it is ---- */

static struct id
tidied_id(void)
{
	static const char label[] = "aumbry drive tidied v1";

	return digest_id(bytes_of(label, sizeof label)); /* with its NUL */
}

/* What cannot be read, or is of a day to come, was never said. */
static uint64_t
last_time(const struct tidy *t, struct bytes plain)
{
	struct scan s = scan_of(plain);
	bool kind = scan_u8(&s) == NODE_KIND_TIDIED;
	bool format = scan_u8(&s) == FORMAT;
	uint64_t ms = scan_u64(&s);

	(void)id_take(&s);
	return scan_done(&s) && kind && format && ms <= t->now_ms + AHEAD_MS
	    ? ms
	    : 0;
}

/* Is it time? */
static int
look_at_turn(struct tidy *t, const struct tidy_ask *ask, uint64_t *version,
    struct err *e)
{
	OWN(buf_free) struct buf was = { 0 };
	const struct id id = tidied_id();

	if (zcopy_look(t->zone, &id, version, &was, e) < 0)
		return -1;
	uint64_t last = last_time(t, buf_bytes(&was));
	t->out->next_ms = last + (uint64_t)TIDY_EVERY_MS;
	t->out->ran = last == 0 || t->out->next_ms <= t->now_ms || ask->now;
	return 0;
}

/* Say that it is ours, if nobody else says so at the same time. */
static int
take_turn(struct tidy *t, uint64_t version, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct zcopy_edit edit = {
		.id = tidied_id(), .expects = true, .expect = version
	};

	if (t->dry)
		return 0;
	buf_put_u8(&plain, NODE_KIND_TIDIED);
	buf_put_u8(&plain, FORMAT);
	buf_put_u64(&plain, t->now_ms);
	id_put(&plain, &t->d->from.dev_id);
	edit.plain = buf_bytes(&plain);
	if (zcopy_commit(t->zone, &edit, 1, NULL, NULL, e) == 0)
		return 0;
	if (e->code != ERR_CONFLICT)
		return -1;
	err_clear(e);
	t->out->ran = false;
	return 0;
}

/* ---- records of other versions ---- */

static int
look_at_kind(void *ctx, const struct zcopy_record *r, struct err *e)
{
	(void)ctx;
	return r->bad != NULL
	    ? 0
	    : census_known(r->plain.n > 0 ? r->plain.p[0] : 0, e);
}

static bool
append_only(const struct zcopy_self *self)
{
	const struct member *m = circle_member(self->circle, &self->dev_id);

	return m != NULL && (m->device.rights & RIGHT_APPEND_ONLY) != 0;
}

/* ---- the trash ---- */

struct counting {
	const struct tidy *t;
	uint64_t n;
};

static int
count_old(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct counting *k = ctx;

	(void)e;
	k->n +=
	    hist_expired(&k->t->policy, k->t->now_ms, x->trashed_ms) ? 1 : 0;
	return 0;
}

static int
count_job(struct tx *tx, void *arg, struct err *e)
{
	return drivedb_trash(tx, count_old, arg, e);
}

static int
purge(struct tidy *t, struct err *e)
{
	struct counting k = { t, 0 };

	if (!t->dry)
		return t->now_ms < t->policy.trash_ms
		    ? 0
		    : trash_empty(t->d, t->now_ms - t->policy.trash_ms + 1,
			  &t->out->purged, e);
	if (db_read(drivedb_db(t->d->db), count_job, &k, e) < 0)
		return -1;
	t->out->purged = k.n;
	return 0;
}

/* ---- packs ---- */

static int
packs_once(struct tidy *t, struct err *e)
{
	OWN(census_free)
	struct census c = { .repo = t->repo, .zone = t->zone };
	struct tidy_result *out = t->out;

	out->condemned = out->revived = out->waiting = 0;
	if (edit_pull(t->d, e) < 0 || census_count(&c, e) < 0)
		return -1;
	out->packs = c.n_packs;
	out->kept = c.unknown;
	if (c.unknown.code != ERR_NONE)
		return 0;
	if (tidy_mark(t, &c, e) < 0 || tidy_delete(t, &c, e) < 0)
		return -1;
	if (tidy_copy(t, &c, e) == 0)
		return 0;
	/* It writes before it deletes: what there is no room for waits. */
	if (e->code != ERR_QUOTA_EXCEEDED && e->code != ERR_SERVER_FULL &&
	    e->code != ERR_DISK_FULL_HERE)
		return -1;
	out->kept = *e;
	err_clear(e);
	return 0;
}

int
tidy_packs(struct tidy *t, struct err *e)
{
	for (int i = 0; i < TIDY_TRIES; i++) {
		if (packs_once(t, e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT)
			return -1;
		t->out->kept = *e;
		err_clear(e);
	}
	return 0; /* a busy day: tomorrow */
}

/* ---- all of it ---- */

int
tidy_run(struct edit *d, const struct tidy_ask *ask, struct tidy_result *out,
    struct err *e)
{
	struct tidy t = { .d = d,
		.repo = d->repo,
		.zone = d->zone,
		.now_ms = (uint64_t)now_ms(),
		.dry = ask->dry,
		.out = out };

	uint64_t version;

	*out = (struct tidy_result){ 0 };
	if (append_only(&t.repo->self))
		return err_set(
		    e, ERR_PERMISSION, "an append-only device deletes nothing");
	if (edit_pull(d, e) < 0 || look_at_turn(&t, ask, &version, e) < 0)
		return -1;
	if (!out->ran)
		return 0;
	if (zcopy_each_all(t.zone, 0, look_at_kind, NULL, e) < 0 ||
	    retention_get(t.zone, &t.policy, e) < 0 ||
	    take_turn(&t, version, e) < 0)
		return -1;
	if (!out->ran)
		return 0;
	if (purge(&t, e) < 0 || tidy_hist(&t, e) < 0 || tidy_packs(&t, e) < 0)
		return -1;
	return t.dry ? 0 : edit_pull(d, e);
}
