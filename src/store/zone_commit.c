/* SPDX-License-Identifier: ISC */
/* zone_commit.c: a commit is applied whole or not at all. */
#include "store/zone_in.h"

#include "store/usage.h"

#include <stdlib.h>

/* One commit while it is applied. */
struct work {
	struct tx *tx;
	const struct zone_commit *in;
	struct zone_info now; /* seq 0 when the zone is new */
	struct stmt *get, *put, *ref_up, *ref_down;
	struct digest_state *sha;
	struct buf old_refs, new_refs; /* sorted ids */
	int64_t delta; /* bytes charged or given back */
	size_t head_n; /* those of the new head, which come on top */
};

static void
work_free(struct work *w)
{
	stmt_done(&w->get);
	stmt_done(&w->put);
	stmt_done(&w->ref_up);
	stmt_done(&w->ref_down);
	digest_free(&w->sha);
	buf_free(&w->old_refs);
	buf_free(&w->new_refs);
}

static int
check_place(struct work *w, struct err *e)
{
	const struct head *h = &w->in->commit->head;
	struct digest current = { { 0 } };
	bool found;

	if (!id_equal(&h->owner, &w->in->key.uid) ||
	    !id_equal(&h->zone, &w->in->key.zone))
		return err_set(
		    e, ERR_BAD_REQUEST, "the head is of another zone");
	if (!category_known(w->in->category))
		return err_set(e, ERR_BAD_REQUEST, "there is no category %u",
		    (unsigned)w->in->category);
	if (zone_look_up(w->tx, &w->in->key, &w->now, &found, e) < 0)
		return -1;
	if (found)
		digest_of(zone_head_of(&w->now), &current);
	if (h->seq != w->now.seq + 1 || !digest_equal(&h->prev, &current))
		return err_set(e, ERR_CONFLICT,
		    "the zone is at %llu and the commit does not follow it",
		    (unsigned long long)w->now.seq);
	if (found && w->now.category != w->in->category)
		return err_set(
		    e, ERR_CONFLICT, "the zone is of another category");
	return 0;
}

static int
check_rest(struct work *w, struct err *e)
{
	const struct head *h = &w->in->commit->head;
	uint64_t now = (uint64_t)w->in->now_ms;
	uint64_t off = h->time_ms > now ? h->time_ms - now : now - h->time_ms;
	struct head last = { .seq = 0 };

	if (w->now.seq > 0 && head_parse(zone_head_of(&w->now), &last, e) < 0)
		return -1;
	/* Times never fall: after a clock that was ahead they stand still. */
	if (off > LIMIT_CLOCK_SKEW_MS &&
	    (last.seq == 0 || last.time_ms != h->time_ms))
		return err_set(e, ERR_CLOCK_WRONG,
		    "the commit's time is %llu s off",
		    (unsigned long long)(off / 1000));
	if (h->tombstones_gone_below < w->now.tombstones_gone_below ||
	    h->tombstones_gone_below > h->seq)
		return err_set(e, ERR_BAD_REQUEST,
		    "tombstones_gone_below falls or is past the head");
	if (h->format < last.format)
		return err_set(e, ERR_BAD_REQUEST,
		    "the head of a shared zone comes as one of a zone that is "
		    "not");
	return w->in->judge(w->tx, h, w->in->arg, e);
}

static int
prepare(struct work *w, struct err *e)
{
	if (stmt_new(w->tx,
		"SELECT version, bytes, refs FROM record"
		" WHERE number = ? AND id = ?",
		&w->get, e) < 0 ||
	    stmt_new(w->tx,
		"INSERT INTO record (number, id, version, flags, key_epoch,"
		" seq, time_ms, bytes, sum, refs, ct)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (number, id) DO UPDATE SET"
		" version = excluded.version, flags = excluded.flags,"
		" key_epoch = excluded.key_epoch, seq = excluded.seq,"
		" time_ms = excluded.time_ms, bytes = excluded.bytes,"
		" sum = excluded.sum, refs = excluded.refs, ct = excluded.ct",
		&w->put, e) < 0 ||
	    stmt_new(w->tx,
		"UPDATE blob SET refs = refs + 1"
		" WHERE uid = ? AND zone = ? AND id = ?",
		&w->ref_up, e) < 0)
		return -1;
	w->sha = digest_new();
	return stmt_new(w->tx,
	    "UPDATE blob SET refs = refs - 1"
	    " WHERE uid = ? AND zone = ? AND id = ?",
	    &w->ref_down, e);
}

static int
by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

/* The ids of refs, sorted, each once. */
static void
sort_refs(struct buf *out, struct bytes refs)
{
	size_t n = 0;

	buf_clear(out);
	if (refs.n == 0)
		return;
	buf_put_bytes(out, refs);
	struct id *list = (struct id *)out->p; /* bytes only: no alignment */
	qsort(list, refs.n / ID_BYTES, ID_BYTES, by_id);
	for (size_t i = 0; i < refs.n / ID_BYTES; i++)
		if (n == 0 || !id_equal(&list[n - 1], &list[i]))
			list[n++] = list[i];
	out->n = n * ID_BYTES;
}

static int
count_ref(struct work *w, bool up, const struct id *blob, struct err *e)
{
	struct stmt *s = up ? w->ref_up : w->ref_down;

	zone_bind_key(s, &w->in->key);
	stmt_bytes(s, 3, bytes_of(blob->b, ID_BYTES));
	if (stmt_run(s, e) < 0)
		return -1;
	if (up && tx_changes(w->tx) != 1)
		return err_set(e, ERR_BLOB_MISSING,
		    "the commit names blob %s, which is not there",
		    id_text(blob).s);
	return 0;
}

/* Count what the new version names and the old did not, and the reverse. */
static int
count_refs(struct work *w, struct err *e)
{
	const struct id *was = (const struct id *)w->old_refs.p;
	const struct id *is = (const struct id *)w->new_refs.p;
	const size_t n_was = w->old_refs.n / ID_BYTES;
	const size_t n_is = w->new_refs.n / ID_BYTES;
	size_t i = 0, k = 0;

	while (i < n_was || k < n_is) {
		int c = i == n_was ? 1
		    : k == n_is	   ? -1
				   : id_cmp(&was[i], &is[k]);
		if (c > 0 && count_ref(w, true, &is[k], e) < 0)
			return -1;
		if (c < 0 && count_ref(w, false, &was[i], e) < 0)
			return -1;
		i += c <= 0;
		k += c >= 0;
	}
	return 0;
}

/*
 * A head that heals may go past the versions that a restored server has lost,
 * which are few: the last ones that there can be are never used up.
 */
static int
check_version(
    struct work *w, const struct change *c, uint64_t had, struct err *e)
{
	bool heals = !digest_zero(&w->in->commit->head.heals);

	if (c->version > had &&
	    c->version - had <= (heals ? LIMIT_HEALED_VERSIONS : 1))
		return 0;
	return err_set(e, ERR_CONFLICT,
	    "record %s is at version %llu, the commit brings %llu",
	    id_text(&c->id).s, (unsigned long long)had,
	    (unsigned long long)c->version);
}

static int
apply(struct work *w, const struct change *c, struct err *e)
{
	bool row;

	stmt_u64(w->get, 1, w->now.number);
	stmt_bytes(w->get, 2, bytes_of(c->id.b, ID_BYTES));
	if (stmt_next(w->get, &row, e) < 0)
		return -1;
	uint64_t had = row ? stmt_got_u64(w->get, 0) : 0;
	int64_t charged = row ? stmt_got_i64(w->get, 1) : 0;
	struct bytes refs = row ? stmt_got_bytes(w->get, 2) : c->refs;
	if (!row)
		refs.n = 0;
	sort_refs(&w->old_refs, refs);
	sort_refs(&w->new_refs, c->refs);
	if (row && stmt_next(w->get, &row, e) < 0)
		return -1;
	if (check_version(w, c, had, e) < 0 || count_refs(w, e) < 0)
		return -1;

	int64_t bytes = (int64_t)(c->ct.n + c->refs.n) + USAGE_RECORD;
	struct stmt *put = w->put;
	w->delta += bytes - charged;
	stmt_u64(put, 1, w->now.number);
	stmt_bytes(put, 2, bytes_of(c->id.b, ID_BYTES));
	stmt_u64(put, 3, c->version);
	stmt_u64(put, 4, c->flags);
	stmt_u64(put, 5, c->key_epoch);
	stmt_u64(put, 6, w->in->commit->head.seq);
	stmt_i64(put, 7, w->in->now_ms);
	stmt_i64(put, 8, bytes);
	stmt_u64(put, 9, zone_record_sum(w->sha, c));
	stmt_bytes(put, 10, c->refs);
	stmt_bytes(put, 11, c->ct);
	return stmt_run(put, e);
}

static int
drop_tombstones(struct work *w, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const struct head *h = &w->in->commit->head;

	if (h->tombstones_gone_below == w->now.tombstones_gone_below)
		return 0;
	if (stmt_new(w->tx,
		"DELETE FROM record WHERE number = ? AND seq < ?"
		" AND flags = 1",
		&s, e) < 0)
		return -1;
	stmt_u64(s, 1, w->now.number);
	stmt_u64(s, 2, h->tombstones_gone_below);
	if (stmt_run(s, e) < 0)
		return -1;
	w->delta -= (int64_t)tx_changes(w->tx) * USAGE_RECORD;
	return 0;
}

static int
put_zone(struct work *w, struct bytes head, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const struct head *h = &w->in->commit->head;

	if (stmt_new(w->tx,
		"INSERT INTO zone (uid, zone, category, seq,"
		" tombstones_gone_below, head) VALUES (?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (uid, zone) DO UPDATE SET seq = excluded.seq,"
		" tombstones_gone_below = excluded.tombstones_gone_below,"
		" head = excluded.head",
		&s, e) < 0)
		return -1;
	zone_bind_key(s, &w->in->key);
	stmt_u64(s, 3, w->in->category);
	stmt_u64(s, 4, h->seq);
	stmt_u64(s, 5, h->tombstones_gone_below);
	stmt_bytes(s, 6, head);
	if (stmt_run(s, e) == 0)
		return 0;
	if (e->code == ERR_CONFLICT) /* UNIQUE (uid, category) */
		return err_set(e, ERR_CONFLICT,
		    "the account has another zone for %s",
		    category_name(w->in->category));
	return -1;
}

static int
put_head(struct work *w, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf head = { 0 };
	struct zone_info put;

	head_put(&head, &w->in->commit->head);
	w->head_n = head.n;
	if (put_zone(w, buf_bytes(&head), e) < 0 ||
	    zone_find(w->tx, &w->in->key, &put, e) < 0)
		return -1;
	w->now.number = put.number; /* a new zone has just got one */
	if (stmt_new(w->tx,
		"INSERT INTO head (uid, zone, seq, received_ms, bytes)"
		" VALUES (?, ?, ?, ?, ?)",
		&s, e) < 0)
		return -1;
	zone_bind_key(s, &w->in->key);
	stmt_u64(s, 3, w->in->commit->head.seq);
	stmt_i64(s, 4, w->in->now_ms);
	stmt_bytes(s, 5, buf_bytes(&head));
	return stmt_run(s, e);
}

/* Is it a commit that was applied, and whose answer was lost? */
static int
seen_before(struct work *w, bool *seen, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf head = { 0 };

	*seen = false;
	if (w->in->commit->head.seq > INT64_MAX)
		return 0;
	if (stmt_new(w->tx,
		"SELECT bytes FROM head WHERE uid = ? AND zone = ?"
		" AND seq = ?",
		&s, e) < 0)
		return -1;
	zone_bind_key(s, &w->in->key);
	stmt_u64(s, 3, w->in->commit->head.seq);
	head_put(&head, &w->in->commit->head);
	if (stmt_next(s, seen, e) < 0)
		return -1;
	*seen = *seen && bytes_equal(stmt_got_bytes(s, 0), buf_bytes(&head));
	return 0;
}

int
zone_commit(struct tx *tx, const struct zone_commit *in, struct err *e)
{
	OWN(work_free) struct work w = { .tx = tx, .in = in };
	bool seen;

	if (seen_before(&w, &seen, e) < 0)
		return -1;
	if (seen)
		return 0;
	if (check_place(&w, e) < 0 || check_rest(&w, e) < 0 ||
	    put_head(&w, e) < 0 || prepare(&w, e) < 0)
		return -1;
	for (size_t i = 0; i < in->commit->n; i++)
		if (apply(&w, &in->commit->changes[i], e) < 0)
			return -1;
	if (drop_tombstones(&w, e) < 0)
		return -1;
	/* A head is charged, but never the reason to refuse a deletion. */
	struct usage_change c = { .bytes = w.delta + (int64_t)w.head_n,
		.beyond = w.delta < 0 ? USAGE_NO_QUOTA : USAGE_RESERVE };
	return usage_change(tx, &in->key.uid, &c, e);
}

static int
commit_job(struct tx *tx, void *arg, struct err *e)
{
	return zone_commit(tx, arg, e);
}

int
zone_commit_now(struct db *db, const struct zone_commit *in, struct err *e)
{
	struct zone_commit copy = *in;

	return db_write(db, commit_job, &copy, e);
}
