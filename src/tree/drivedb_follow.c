/* SPDX-License-Identifier: ISC */
/* drivedb_follow.c: the tree follows the copy of the zone. */
#include "tree/drivedb_in.h"

#include "base/file.h"
#include "tree/valid.h"
#include "store/sql.h"

#define BATCH 10000 /* rows of one transaction */
#define BATCH_BYTES ((size_t)8 << 20)

#define TRIES 4

#define PAIR_BASE "base" /* zcopy_base of the copy */
#define PAIR_SEQ "seq" /* up to which all of it is in the tree */

enum what { NODE_CAME, NODE_BAD, NODE_GONE };

/*
 * What came and is not in the tree yet: n * (u8 what | id | u64 version
 * | u64 seq | v32(plain)).
 */
struct follow {
	struct drivedb *d;
	struct buf *touched; /* or NULL */
	uint64_t from, to; /* seq of the tree, before and after */
	uint64_t done; /* all before it is in the tree */
	bool finish;
	struct id base;
	struct buf batch;
	size_t n;
	uint64_t bad;
	struct buf ids; /* of this transaction */
};

static void
follow_free(struct follow *f)
{
	buf_free(&f->batch);
	buf_free(&f->ids);
}

static int
put_seq(struct tx *tx, uint64_t seq, struct err *e)
{
	uint8_t value[8];
	uint64_t now;

	if (drivedb_seq(tx, &now, e) < 0)
		return -1;
	be64_put(value, seq);
	return now >= seq
	    ? 0
	    : drivedb_keep(tx, PAIR_SEQ, bytes_of(value, sizeof value), e);
}

int
drivedb_seq(struct tx *tx, uint64_t *seq, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	uint8_t value[8] = { 0 };
	bool row;

	if (sql_first(tx, e, &s, &row, "SELECT value FROM pair WHERE name = ?",
		"s", PAIR_SEQ) < 0)
		return -1;
	if (row)
		stmt_got_copy(s, 0, value, sizeof value);
	*seq = be64(value);
	return 0;
}

int
drivedb_invalid(struct tx *tx, uint64_t *n, struct err *e)
{
	return sql_count(tx, e, n,
	    "SELECT count(*) FROM tree WHERE mark <> 0 AND mark & 7", "");
}

/* ---- one record ---- */

static int
is_bad(struct tx *tx, const struct id *id, struct err *e)
{
	return sql_run(
	    tx, e, "INSERT OR IGNORE INTO bad (id) VALUES (?)", "i", id);
}

static int
not_bad(struct tx *tx, const struct id *id, struct err *e)
{
	return sql_run(tx, e, "DELETE FROM bad WHERE id = ?", "i", id);
}

/* Unless it came again meanwhile, which another process saw. */
static int
gone(struct tx *tx, const struct id *id, uint64_t seq, bool *changed,
    struct err *e)
{
	if (not_bad(tx, id, e) < 0 ||
	    sql_run(tx, e, "DELETE FROM tree WHERE id = ? AND seq <= ?", "iu",
		id, seq) < 0)
		return -1;
	*changed = tx_changes(tx) > 0;
	return *changed ? drivedb_todo(tx, id, e) : 0;
}

struct item {
	enum what what;
	struct id id;
	uint64_t version, seq;
	struct bytes plain;
};

static int
take_in(struct tx *tx, const struct item *x, bool *changed, struct err *e)
{
	struct drivedb_entry entry;
	struct node n;
	struct err why;

	*changed = false;
	if (x->what == NODE_GONE)
		return gone(tx, &x->id, x->seq, changed, e);
	if (x->what == NODE_BAD || node_parse(x->plain, &n, &why) < 0 ||
	    drivedb_entry_of(&x->id, x->version, &n, &entry, &why) < 0)
		return is_bad(tx, &x->id, e);
	if (not_bad(tx, &x->id, e) < 0)
		return -1;
	return drivedb_tree_put(tx, &entry, n.flags, x->seq, changed, e);
}

/* ---- a transaction of them ---- */

static int
finish(struct tx *tx, struct follow *f, bool whole, struct err *e)
{
	if (valid_mend(tx, whole, &f->ids, e) < 0 ||
	    sql_count(tx, e, &f->bad, "SELECT count(*) FROM bad", "") < 0)
		return -1;
	return put_seq(tx, f->to, e);
}

static int
flush_job(struct tx *tx, void *arg, struct err *e)
{
	struct follow *f = arg;
	struct scan s = scan_of(buf_bytes(&f->batch));

	buf_clear(&f->ids);
	while (s.n > 0) {
		struct item x = { .what = scan_u8(&s) };
		bool changed;
		x.id = id_take(&s);
		x.version = scan_u64(&s);
		x.seq = scan_u64(&s);
		x.plain = scan_v32(&s);
		if (take_in(tx, &x, &changed, e) < 0)
			return -1;
		if (changed)
			id_put(&f->ids, &x.id);
	}
	if (f->finish)
		return finish(tx, f, false, e);
	return put_seq(tx, f->done, e);
}

/* What the job touched is told when it is there. */
static int
write_ids(struct follow *f, db_job_fn *job, void *arg, struct err *e)
{
	if (db_write(drivedb_db(f->d), job, arg, e) < 0)
		return -1;
	if (f->touched != NULL)
		buf_put_bytes(f->touched, buf_bytes(&f->ids));
	return 0;
}

static int
flush(struct follow *f, struct err *e)
{
	if (write_ids(f, flush_job, f, e) < 0)
		return -1;
	buf_clear(&f->batch);
	f->n = 0;
	return 0;
}

static int
add(struct follow *f, const struct item *x, struct err *e)
{
	buf_put_u8(&f->batch, (uint8_t)x->what);
	id_put(&f->batch, &x->id);
	buf_put_u64(&f->batch, x->version);
	buf_put_u64(&f->batch, x->seq);
	buf_put_v32(&f->batch, x->plain);
	f->n++;
	return f->n < BATCH && f->batch.n < BATCH_BYTES ? 0 : flush(f, e);
}

static int
came(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct follow *f = ctx;
	struct item x = { .what = r->bad != NULL ? NODE_BAD : NODE_CAME,
		.id = r->id,
		.version = r->version,
		.seq = r->seq,
		.plain = r->plain };

	/* Of its own commit more may follow. */
	f->done = r->seq - 1;
	/* Another kind has taken the place of what it may have been. */
	if (r->deleted || (r->bad == NULL && !node_is(r->plain))) {
		x.what = NODE_GONE;
		x.plain = bytes_of(NULL, 0);
	}
	return add(f, &x, e);
}

/* ---- a zone that comes whole ---- */

struct fill {
	struct follow *f;
	struct tx *tx;
	struct zcopy *zone;
};

static int
fill_one(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct fill *j = ctx;
	struct drivedb_entry entry;
	struct node n;
	struct err why;

	/* What changes meanwhile is followed then: so none comes twice. */
	if (r->seq > j->f->to || r->deleted ||
	    (r->bad == NULL && !node_is(r->plain)))
		return 0;
	if (r->bad != NULL || node_parse(r->plain, &n, &why) < 0 ||
	    drivedb_entry_of(&r->id, r->version, &n, &entry, &why) < 0)
		return is_bad(j->tx, &r->id, e);
	if (j->f->touched != NULL)
		id_put(&j->f->ids, &r->id);
	return drivedb_tree_add(j->tx, &entry, n.flags, r->seq, e);
}

/* In one transaction: until it ends, what was there before is seen. */
static int
fill_job(struct tx *tx, void *arg, struct err *e)
{
	struct fill *j = arg;
	struct follow *f = j->f;
	struct zcopy_point since = { .base = f->base };

	j->tx = tx;
	buf_clear(&f->ids);
	if (f->touched != NULL &&
	    drivedb_gather(tx, "SELECT id FROM tree", &f->ids, e) < 0)
		return -1;
	if (tx_script(tx,
		DRIVEDB_NO_INDEXES "DELETE FROM tree; DELETE FROM todo;"
				   "DELETE FROM bad;"
				   "DELETE FROM pair WHERE name IN "
				   "('" PAIR_BASE "', '" PAIR_SEQ "')",
		e) < 0 ||
	    drivedb_keep(tx, PAIR_BASE, bytes_of(f->base.b, ID_BYTES), e) < 0 ||
	    zcopy_news(j->zone, &since, fill_one, j, e) < 0 ||
	    tx_script(tx, DRIVEDB_INDEXES, e) < 0)
		return -1;
	return finish(tx, f, true, e);
}

/* ---- all of it ---- */

/* What is known, of this base; and is there anything to do? */
static int
known_job(struct tx *tx, void *arg, struct err *e)
{
	struct follow *f = arg;
	uint64_t same, todo;

	if (sql_count(tx, e, &same,
		"SELECT count(*) FROM pair WHERE name = ? AND value = ?", "sb",
		PAIR_BASE, bytes_of(f->base.b, ID_BYTES)) < 0 ||
	    sql_count(tx, e, &todo, "SELECT count(*) FROM todo", "") < 0 ||
	    sql_count(tx, e, &f->bad, "SELECT count(*) FROM bad", "") < 0 ||
	    drivedb_seq(tx, &f->from, e) < 0)
		return -1;
	if (same == 0)
		f->from = 0;
	f->finish = same > 0 && todo == 0 && f->from >= f->to;
	return 0;
}

static int
follow(struct follow *f, struct zcopy *zone, struct err *e)
{
	struct fill fill = { .f = f, .zone = zone };

	if (f->from == 0)
		return write_ids(f, fill_job, &fill, e);
	struct zcopy_point at = { .base = f->base, .seq = f->from };
	int rc = zcopy_news(zone, &at, came, f, e);
	f->to = at.seq;
	if (rc < 0)
		return -1;
	f->finish = true;
	return flush(f, e);
}

/* ---- beside other processes ---- */

static int
add_id(void *ctx, const struct zcopy_record *r, struct err *e)
{
	(void)e;
	id_put(ctx, &r->id);
	return 0;
}

static int
all_job(struct tx *tx, void *arg, struct err *e)
{
	return drivedb_gather(tx, "SELECT id FROM tree", arg, e);
}

/*
 * Another process may have brought the tree further than this one was told:
 * what it changed is touched, too.
 */
static int
tell_missed(struct follow *f, const struct drivedb_seen *seen,
    struct zcopy *zone, struct err *e)
{
	struct zcopy_point at = { .base = seen->base, .seq = seen->seq };

	if (f->touched == NULL || seen->seq == 0 || f->from <= seen->seq)
		return 0;
	if (id_equal(&seen->base, &f->base))
		return zcopy_news(zone, &at, add_id, f->touched, e);
	return db_read(drivedb_db(f->d), all_job, f->touched, e);
}

static int
ask(struct follow *f, struct zcopy *zone, struct err *e)
{
	f->to = zcopy_seq(zone);
	return zcopy_base(zone, &f->base, e) < 0
	    ? -1
	    : db_read(drivedb_db(f->d), known_job, f, e);
}

/* It may be replaced as a whole while it is read, but not for ever. */
static int
follow_all(struct follow *f, struct zcopy *zone, struct err *e)
{
	const struct drivedb_seen *seen = drivedb_seen(f->d);

	for (int tries = 0;; tries++) {
		if (ask(f, zone, e) < 0)
			return -1;
		if (tell_missed(f, seen, zone, e) < 0) {
			if (e->code != ERR_RESYNC || tries >= TRIES)
				return -1;
			continue;
		}
		if (f->finish)
			return 0;
		buf_clear(&f->batch);
		if (follow(f, zone, e) == 0)
			return 0;
		if (e->code != ERR_RESYNC || tries >= TRIES)
			return -1;
	}
}

int
drivedb_follow(struct drivedb *d, struct zcopy *zone, struct buf *touched,
    uint64_t *bad, struct err *e)
{
	OWN(follow_free) struct follow f = { .d = d, .touched = touched };
	OWN(fd_close) int lock = -1;
	struct drivedb_seen *seen = drivedb_seen(d);

	if (ask(&f, zone, e) < 0)
		return -1;
	if (!f.finish || f.from != seen->seq ||
	    !id_equal(&f.base, &seen->base)) {
		/* What one takes in late would undo what another knows. */
		if (file_lock_wait(seen->lock, &lock, e) < 0 ||
		    follow_all(&f, zone, e) < 0)
			return -1;
		seen->base = f.base;
		seen->seq = f.from > f.to ? f.from : f.to;
	}
	*bad = f.bad;
	return 0;
}
