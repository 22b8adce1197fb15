/* SPDX-License-Identifier: ISC */
/* zone.c: tables of zones, commits and the stream of changes. */
#include "store/zone.h"

#include "store/sql.h"
#include "store/usage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BYTES (64 * 1024) /* handed to the sink at once */

/*
 * The account comes first in each key; a record's is its zone's number, of one
 * account: both ids there would more than double the indexes and halve the
 * speed of commits. `sum` is zone_record_sum, `bytes` what
 * the record is charged, `refs` of a blob how many records name it. `loose`
 * holds files that no row of `blob` vouches for: 1 being written, 2 to be
 * removed, 3 in the trash (zone_blob.c). WITHOUT ROWID is SQLite's; another engine gets a
 * script of its own.
 */
static const char *const schema[] = {
	"CREATE TABLE zone ("
	" number INTEGER PRIMARY KEY,"
	" uid BLOB NOT NULL, zone BLOB NOT NULL, category INTEGER NOT NULL,"
	" seq INTEGER NOT NULL, head BLOB NOT NULL,"
	" tombstones_gone_below INTEGER NOT NULL,"
	" UNIQUE (uid, zone), UNIQUE (uid, category));"
	"CREATE TABLE head ("
	" uid BLOB NOT NULL, zone BLOB NOT NULL, seq INTEGER NOT NULL,"
	" received_ms INTEGER NOT NULL, bytes BLOB NOT NULL,"
	" PRIMARY KEY (uid, zone, seq)) WITHOUT ROWID;"
	"CREATE TABLE record ("
	" number INTEGER NOT NULL, id BLOB NOT NULL,"
	" version INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" key_epoch INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" time_ms INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" sum INTEGER NOT NULL, refs BLOB NOT NULL, ct BLOB NOT NULL,"
	" PRIMARY KEY (number, id));"
	"CREATE INDEX record_seq ON record (number, seq);"
	"CREATE INDEX record_tombstone ON record (number, seq)"
	" WHERE flags = 1;"
	"CREATE TABLE blob ("
	" uid BLOB NOT NULL, zone BLOB NOT NULL, id BLOB NOT NULL,"
	" file INTEGER NOT NULL, size INTEGER NOT NULL, checksum BLOB NOT NULL,"
	" refs INTEGER NOT NULL, finished_ms INTEGER NOT NULL,"
	" PRIMARY KEY (uid, zone, id)) WITHOUT ROWID;"
	"CREATE INDEX blob_idle ON blob (finished_ms) WHERE refs = 0;"
	"CREATE TABLE loose ("
	" uid BLOB NOT NULL, zone BLOB NOT NULL, file INTEGER NOT NULL,"
	" id BLOB NOT NULL, size INTEGER NOT NULL, state INTEGER NOT NULL,"
	" since_ms INTEGER NOT NULL,"
	" PRIMARY KEY (uid, zone, file)) WITHOUT ROWID;"
	"CREATE TABLE usage ("
	" uid BLOB PRIMARY KEY, bytes INTEGER NOT NULL, quota INTEGER NOT "
	"NULL)",
	/* 4096 is USAGE_BLOB; `size` of a loose row is what it is charged. */
	"ALTER TABLE usage ADD COLUMN trash INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE usage ADD COLUMN blobs INTEGER NOT NULL DEFAULT 0;"
	"UPDATE loose SET size = MAX(size, 4096) WHERE state = 1;"
	"UPDATE loose SET size = 0 WHERE state = 2;"
	"UPDATE usage SET bytes = (SELECT COALESCE(SUM(r.bytes), 0)"
	"  FROM record AS r JOIN zone AS z ON z.number = r.number"
	"  WHERE z.uid = usage.uid) +"
	" (SELECT COUNT(*) * 364 FROM head AS h WHERE h.uid = usage.uid) +"
	" (SELECT COALESCE(SUM(MAX(b.size, 4096)), 0) FROM blob AS b"
	"  WHERE b.uid = usage.uid) +"
	" (SELECT COALESCE(SUM(l.size), 0) FROM loose AS l"
	"  WHERE l.uid = usage.uid AND l.state = 1),"
	" blobs = (SELECT COUNT(*) FROM blob AS b WHERE b.uid = usage.uid) +"
	" (SELECT COUNT(*) FROM loose AS l WHERE l.uid = usage.uid);"
	"CREATE INDEX loose_writing ON loose (since_ms) WHERE state = 1;"
	"CREATE INDEX loose_removing ON loose (uid, zone, file)"
	" WHERE state = 2;"
	"CREATE INDEX loose_trash ON loose (since_ms) WHERE state = 3;"
	"CREATE INDEX loose_trash_of ON loose (uid, since_ms)"
	" WHERE state = 3;",
};

const char *const *
zone_schema(size_t *n)
{
	*n = ARRAY_SIZE(schema);
	return schema;
}

int
zone_open(struct db *db, struct err *e)
{
	return db_migrate(db, "zone", schema, ARRAY_SIZE(schema), e);
}

static void
bind_key(struct stmt *s, const struct zone_key *key)
{
	stmt_bytes(s, 1, bytes_of(key->uid.b, ID_BYTES));
	stmt_bytes(s, 2, bytes_of(key->zone.b, ID_BYTES));
}

/* Looking */

#define INFO_COLUMNS "zone, category, seq, tombstones_gone_below, head, number"

static void
got_info(struct stmt *s, struct zone_info *out)
{
	stmt_got_copy(s, 0, out->zone.b, ID_BYTES);
	out->category = (enum category)stmt_got_u64(s, 1);
	out->seq = stmt_got_u64(s, 2);
	out->tombstones_gone_below = stmt_got_u64(s, 3);
	stmt_got_copy(s, 4, out->head, HEAD_BYTES);
	out->number = stmt_got_u64(s, 5);
}

static int
find(struct tx *tx, const struct zone_key *key, struct zone_info *out,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"SELECT " INFO_COLUMNS " FROM zone WHERE uid = ? AND zone = ?",
		&s, e) < 0)
		return -1;
	bind_key(s, key);
	if (stmt_next(s, found, e) < 0)
		return -1;
	if (*found)
		got_info(s, out);
	return 0;
}

int
zone_find(struct tx *tx, const struct zone_key *key, struct zone_info *out,
    struct err *e)
{
	bool found;

	if (find(tx, key, out, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "there is no zone %s",
		    id_text(&key->zone).s);
	return 0;
}

struct heading {
	const struct zone_key *key;
	struct zone_info info;
};

static int
read_info(struct tx *tx, void *arg, struct err *e)
{
	struct heading *h = arg;

	return zone_find(tx, h->key, &h->info, e);
}

int
zone_head(
    struct db *db, const struct zone_key *key, struct buf *out, struct err *e)
{
	struct heading h = { .key = key };

	if (db_read(db, read_info, &h, e) < 0)
		return -1;
	buf_put(out, h.info.head, HEAD_BYTES);
	return 0;
}

struct listing {
	const struct id *uid;
	struct zone_info *list; /* owned */
	size_t n;
};

static int
read_list(struct tx *tx, void *arg, struct err *e)
{
	struct listing *l = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx,
		"SELECT " INFO_COLUMNS " FROM zone WHERE uid = ? ORDER BY zone",
		&s, e) < 0)
		return -1;
	stmt_bytes(s, 1, bytes_of(l->uid->b, ID_BYTES));
	while (stmt_next(s, &row, e) == 0) {
		if (!row)
			return 0;
		l->list = mem_resize(l->list, l->n + 1, sizeof *l->list);
		got_info(s, &l->list[l->n++]);
	}
	return -1;
}

int
zone_list(struct db *db, const struct id *uid, struct zone_info **out,
    size_t *n, struct err *e)
{
	struct listing l = { .uid = uid };

	if (db_read(db, read_list, &l, e) < 0) {
		free(l.list);
		return -1;
	}
	*out = l.list;
	*n = l.n;
	return 0;
}

#define ASIDE 256 /* category of a zone set aside: this and its number */

int
zone_set_aside(
    struct tx *tx, const struct id *uid, uint64_t keep, struct err *e)
{
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++)
		if ((keep >> c & 1) == 0 &&
		    sql_run(tx, e,
			"UPDATE zone SET category = ? + number WHERE uid = ?"
			" AND category = ?",
			"uiu", (uint64_t)ASIDE, uid, (uint64_t)c) < 0)
			return -1;
	return 0;
}

/* Committing */

/* One commit while it is applied. */
struct work {
	struct tx *tx;
	const struct zone_commit *in;
	struct zone_info now; /* seq 0 when the zone is new */
	struct stmt *get, *put, *ref_up, *ref_down;
	struct digest_state *sha;
	struct buf old_refs, new_refs; /* sorted ids */
	int64_t delta; /* bytes charged or given back */
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
	if (find(w->tx, &w->in->key, &w->now, &found, e) < 0)
		return -1;
	if (found)
		digest_of(bytes_of(w->now.head, HEAD_BYTES), &current);
	if (h->seq != w->now.seq + 1 || !digest_equal(&h->prev, &current))
		return err_set(e, ERR_CONFLICT,
		    "the zone is at %llu and the commit does not follow it",
		    (unsigned long long)w->now.seq);
	if (found && w->now.category != w->in->category)
		return err_set(
		    e, ERR_CONFLICT, "the zone is of another category");
	return 0;
}

/* Times never fall: after a clock that was ahead they stand still. */
static bool
stands_still(const struct work *w)
{
	struct head last;
	struct err ignored;

	return w->now.seq > 0 &&
	    head_parse(bytes_of(w->now.head, HEAD_BYTES), &last, &ignored) ==
	    0 &&
	    last.time_ms == w->in->commit->head.time_ms;
}

static int
check_rest(struct work *w, struct err *e)
{
	const struct head *h = &w->in->commit->head;
	uint64_t now = (uint64_t)w->in->now_ms;
	uint64_t off = h->time_ms > now ? h->time_ms - now : now - h->time_ms;

	if (off > LIMIT_CLOCK_SKEW_MS && !stands_still(w))
		return err_set(e, ERR_CLOCK_WRONG,
		    "the commit's time is %llu s off",
		    (unsigned long long)(off / 1000));
	if (h->tombstones_gone_below < w->now.tombstones_gone_below ||
	    h->tombstones_gone_below > h->seq)
		return err_set(e, ERR_BAD_REQUEST,
		    "tombstones_gone_below falls or is past the head");
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

	bind_key(s, &w->in->key);
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
	bind_key(s, &w->in->key);
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
	if (put_zone(w, buf_bytes(&head), e) < 0 ||
	    zone_find(w->tx, &w->in->key, &put, e) < 0)
		return -1;
	w->now.number = put.number; /* a new zone has just got one */
	if (stmt_new(w->tx,
		"INSERT INTO head (uid, zone, seq, received_ms, bytes)"
		" VALUES (?, ?, ?, ?, ?)",
		&s, e) < 0)
		return -1;
	bind_key(s, &w->in->key);
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
	bind_key(s, &w->in->key);
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
	struct usage_change c = { .bytes = w.delta + HEAD_BYTES,
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

uint64_t
zone_record_sum(struct digest_state *s, const struct change *c)
{
	struct digest d;

	digest_add(s, bytes_of(c->id.b, ID_BYTES));
	digest_add_u64(s, c->version);
	digest_add(s, bytes_of(&c->flags, 1));
	digest_add_u32(s, c->key_epoch);
	digest_add_u32(s, (uint32_t)c->refs.n);
	digest_add(s, c->refs);
	digest_add(s, c->ct);
	digest_end(s, &d);
	return be64(d.b) & INT64_MAX;
}

/* Streaming */

struct stream {
	const struct zone_key *key;
	uint64_t since;
	zone_sink_fn *sink;
	void *arg;
	struct buf out;
};

static int
flush(struct stream *t, size_t at_least, struct err *e)
{
	if (t->out.n < at_least || t->out.n == 0)
		return 0;
	if (t->sink(t->arg, buf_bytes(&t->out), e) < 0)
		return -1;
	buf_clear(&t->out);
	return 0;
}

static int
stream_heads(struct stream *t, struct tx *tx, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx,
		"SELECT bytes FROM head"
		" WHERE uid = ? AND zone = ? AND seq > ? ORDER BY seq",
		&s, e) < 0)
		return -1;
	bind_key(s, t->key);
	stmt_u64(s, 3, t->since);
	while (stmt_next(s, &row, e) == 0) {
		if (!row)
			return 0;
		struct bytes head = stmt_got_bytes(s, 0);
		if (head.n != HEAD_BYTES)
			return err_set(e, ERR_STATE_DAMAGED,
			    "a stored head has %zu bytes", head.n);
		buf_put_u8(&t->out, FRAME_HEAD);
		buf_put_bytes(&t->out, head);
		if (flush(t, STREAM_BYTES, e) < 0)
			return -1;
	}
	return -1;
}

static int
got_change(struct stmt *s, struct change *c, struct err *e)
{
	stmt_got_copy(s, 1, c->id.b, ID_BYTES);
	c->version = stmt_got_u64(s, 2);
	c->flags = (uint8_t)stmt_got_u64(s, 3);
	c->key_epoch = (uint32_t)stmt_got_u64(s, 4);
	c->refs = stmt_got_bytes(s, 5);
	c->ct = stmt_got_bytes(s, 6);
	if (c->refs.n % ID_BYTES != 0 || c->refs.n > LIMIT_REFS * ID_BYTES ||
	    c->ct.n > LIMIT_RECORD_BYTES)
		return err_set(e, ERR_STATE_DAMAGED,
		    "record %s is not as it was stored", id_text(&c->id).s);
	return 0;
}

static int
stream_records(struct stream *t, struct tx *tx, uint64_t number, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct change c;
	bool row;

	if (stmt_new(tx,
		"SELECT seq, id, version, flags, key_epoch, refs, ct"
		" FROM record WHERE number = ? AND seq > ? ORDER BY seq",
		&s, e) < 0)
		return -1;
	stmt_u64(s, 1, number);
	stmt_u64(s, 2, t->since);
	while (stmt_next(s, &row, e) == 0) {
		if (!row)
			return 0;
		if (got_change(s, &c, e) < 0)
			return -1;
		buf_put_u8(&t->out, FRAME_RECORD);
		buf_put_u64(&t->out, stmt_got_u64(s, 0));
		change_put(&t->out, &c);
		if (flush(t, STREAM_BYTES, e) < 0)
			return -1;
	}
	return -1;
}

static int
stream_all(struct tx *tx, void *arg, struct err *e)
{
	struct stream *t = arg;
	struct zone_info now;
	struct digest hash;

	if (zone_find(tx, t->key, &now, e) < 0)
		return -1;
	if (t->since > 0 && t->since < now.tombstones_gone_below)
		return err_set(e, ERR_RESYNC,
		    "deletions before %llu are gone, changes since %llu would "
		    "not tell them",
		    (unsigned long long)now.tombstones_gone_below,
		    (unsigned long long)t->since);
	if (stream_heads(t, tx, e) < 0 ||
	    stream_records(t, tx, now.number, e) < 0)
		return -1;
	digest_of(bytes_of(now.head, HEAD_BYTES), &hash);
	buf_put_u8(&t->out, FRAME_END);
	buf_put_u64(&t->out, now.seq);
	digest_put(&t->out, &hash);
	return flush(t, 1, e);
}

int
zone_changes_in(struct tx *tx, const struct zone_key *key, uint64_t since,
    zone_sink_fn *sink, void *arg, struct err *e)
{
	struct stream t = { .key = key,
		.since = since < INT64_MAX ? since : INT64_MAX,
		.sink = sink,
		.arg = arg };

	buf_room(&t.out, STREAM_BYTES + 1024);
	int rc = stream_all(tx, &t, e);
	buf_free(&t.out);
	return rc;
}

int
zone_changes(struct db *db, const struct zone_key *key, uint64_t since,
    zone_sink_fn *sink, void *arg, struct err *e)
{
	struct stream t = { .key = key,
		.since = since < INT64_MAX ? since : INT64_MAX,
		.sink = sink,
		.arg = arg };

	buf_room(&t.out, STREAM_BYTES + 1024);
	int rc = db_read(db, stream_all, &t, e);
	buf_free(&t.out);
	return rc;
}
