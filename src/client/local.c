/* SPDX-License-Identifier: ISC */
/* local.c: state.db of one device. */
#include "client/local.h"

#include "store/db.h"

#include <stdlib.h>

static const char *const schema[] = {
	"CREATE TABLE pair (name TEXT PRIMARY KEY, value BLOB NOT NULL);"
	"CREATE TABLE zone (zone BLOB PRIMARY KEY, head BLOB NOT NULL,"
	" sum BLOB NOT NULL);"
	"CREATE TABLE record (zone BLOB NOT NULL, id BLOB NOT NULL,"
	" version INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" key_epoch INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" refs BLOB NOT NULL, ct BLOB NOT NULL, PRIMARY KEY (zone, id));"
	"CREATE INDEX record_seq ON record (zone, seq);",
	/* The hash of every head that was taken in. */
	"CREATE TABLE chain (zone BLOB NOT NULL, seq INTEGER NOT NULL,"
	" hash BLOB NOT NULL, PRIMARY KEY (zone, seq)) WITHOUT ROWID;",
};

struct local {
	struct db *db;
};

int
local_open(const char *path, struct local **out, struct err *e)
{
	OWN(local_free) struct local *l = mem_new(sizeof *l);

	if (db_open(path, DB_OWN, &l->db, e) < 0 ||
	    db_migrate(l->db, "local", schema, ARRAY_SIZE(schema), e) < 0)
		return -1;
	*out = TAKE(l);
	return 0;
}

void
local_free(struct local **l)
{
	if (*l != NULL)
		db_free(&(*l)->db);
	free(*l);
	*l = NULL;
}

/* ---- pairs ---- */

struct get_job {
	const char *key;
	struct buf *out;
};

static int
get_job(struct tx *tx, void *arg, struct err *e)
{
	struct get_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx, "SELECT value FROM pair WHERE name = ?", &s, e) < 0)
		return -1;
	stmt_text(s, 1, j->key);
	if (stmt_next(s, &row, e) < 0)
		return -1;
	if (row)
		buf_put_bytes(j->out, stmt_got_bytes(s, 0));
	return 0;
}

int
local_get(struct local *l, const char *key, struct buf *out, struct err *e)
{
	struct get_job j = { key, out };

	return db_read(l->db, get_job, &j, e);
}

struct put_job {
	const struct local_pair *pairs;
	size_t n;
};

static int
put_one(struct tx *tx, const struct local_pair *p, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (p->value.n == 0) {
		if (stmt_new(tx, "DELETE FROM pair WHERE name = ?", &s, e) < 0)
			return -1;
		stmt_text(s, 1, p->key);
		return stmt_run(s, e);
	}
	if (stmt_new(tx,
		"INSERT INTO pair (name, value) VALUES (?, ?)"
		" ON CONFLICT (name) DO UPDATE SET value = excluded.value",
		&s, e) < 0)
		return -1;
	stmt_text(s, 1, p->key);
	stmt_bytes(s, 2, p->value);
	return stmt_run(s, e);
}

static int
put_job(struct tx *tx, void *arg, struct err *e)
{
	struct put_job *j = arg;

	for (size_t i = 0; i < j->n; i++)
		if (put_one(tx, &j->pairs[i], e) < 0)
			return -1;
	return 0;
}

int
local_put_all(
    struct local *l, const struct local_pair *pairs, size_t n, struct err *e)
{
	struct put_job j = { pairs, n };

	return db_write(l->db, put_job, &j, e);
}

int
local_put(struct local *l, const char *key, struct bytes value, struct err *e)
{
	struct local_pair p = { key, value };

	return local_put_all(l, &p, 1, e);
}

/* ---- zones ---- */

struct zone_get_job {
	const struct id *zone;
	struct local_zone *out;
};

static int
zone_get_job(struct tx *tx, void *arg, struct err *e)
{
	struct zone_get_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	*j->out = (struct local_zone){ 0 };
	if (stmt_new(tx, "SELECT head, sum FROM zone WHERE zone = ?", &s, e) <
	    0)
		return -1;
	stmt_bytes(s, 1, bytes_of(j->zone->b, ID_BYTES));
	if (stmt_next(s, &row, e) < 0)
		return -1;
	if (!row)
		return 0;
	stmt_got_copy(s, 1, j->out->sum.b, DIGEST_BYTES);
	if (head_parse(stmt_got_bytes(s, 0), &j->out->head, e) < 0)
		return err_set(e, ERR_STATE_DAMAGED,
		    "the local copy of a zone is damaged");
	return 0;
}

int
local_zone_get(struct local *l, const struct id *zone, struct local_zone *out,
    struct err *e)
{
	struct zone_get_job j = { zone, out };

	return db_read(l->db, zone_get_job, &j, e);
}

struct zone_put_job {
	const struct id *zone;
	uint64_t before;
	const struct local_zone *z;
	const struct local_news *news;
};

static int
put_records(struct tx *tx, const struct zone_put_job *j, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"INSERT INTO record (zone, id, version, flags, key_epoch, seq,"
		" refs, ct) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (zone, id) DO UPDATE SET"
		" version = excluded.version, flags = excluded.flags,"
		" key_epoch = excluded.key_epoch, seq = excluded.seq,"
		" refs = excluded.refs, ct = excluded.ct",
		&s, e) < 0)
		return -1;
	for (size_t i = 0; i < j->news->n; i++) {
		const struct local_record *r = &j->news->records[i];
		stmt_bytes(s, 1, bytes_of(j->zone->b, ID_BYTES));
		stmt_bytes(s, 2, bytes_of(r->change.id.b, ID_BYTES));
		stmt_u64(s, 3, r->change.version);
		stmt_u64(s, 4, r->change.flags);
		stmt_u64(s, 5, r->change.key_epoch);
		stmt_u64(s, 6, r->seq);
		stmt_bytes(s, 7, r->change.refs);
		stmt_bytes(s, 8, r->change.ct);
		if (stmt_run(s, e) < 0)
			return -1;
	}
	return 0;
}

/* What is there from the first new head on goes: another history held there. */
static int
put_chain(struct tx *tx, const struct zone_put_job *j, struct err *e)
{
	OWN(stmt_done) struct stmt *drop = NULL;
	OWN(stmt_done) struct stmt *s = NULL;
	uint64_t first = j->z->head.seq - j->news->n_heads + 1;

	if (stmt_new(tx, "DELETE FROM chain WHERE zone = ? AND seq >= ?", &drop,
		e) < 0)
		return -1;
	stmt_bytes(drop, 1, bytes_of(j->zone->b, ID_BYTES));
	stmt_u64(drop, 2, first);
	if (stmt_run(drop, e) < 0 ||
	    stmt_new(tx, "INSERT INTO chain (zone, seq, hash) VALUES (?, ?, ?)",
		&s, e) < 0)
		return -1;
	for (size_t i = 0; i < j->news->n_heads; i++) {
		struct digest hash;
		head_hash(&j->news->heads[i], &hash);
		stmt_bytes(s, 1, bytes_of(j->zone->b, ID_BYTES));
		stmt_u64(s, 2, first + i);
		stmt_bytes(s, 3, bytes_of(hash.b, DIGEST_BYTES));
		if (stmt_run(s, e) < 0)
			return -1;
	}
	return 0;
}

static int
zone_put_job(struct tx *tx, void *arg, struct err *e)
{
	struct zone_put_job *j = arg;
	OWN(stmt_done) struct stmt *wipe = NULL;
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf head = { 0 };
	struct local_zone now;
	struct zone_get_job get = { j->zone, &now };

	if (zone_get_job(tx, &get, e) < 0)
		return -1;
	if (now.head.seq != j->before)
		return err_set(
		    e, ERR_CONFLICT, "another process has moved this copy");
	if (j->news->all) {
		if (stmt_new(
			tx, "DELETE FROM record WHERE zone = ?", &wipe, e) < 0)
			return -1;
		stmt_bytes(wipe, 1, bytes_of(j->zone->b, ID_BYTES));
		if (stmt_run(wipe, e) < 0)
			return -1;
	}
	if (put_records(tx, j, e) < 0 || put_chain(tx, j, e) < 0 ||
	    stmt_new(tx,
		"INSERT INTO zone (zone, head, sum) VALUES (?, ?, ?)"
		" ON CONFLICT (zone) DO UPDATE SET head = excluded.head,"
		" sum = excluded.sum",
		&s, e) < 0)
		return -1;
	head_put(&head, &j->z->head);
	stmt_bytes(s, 1, bytes_of(j->zone->b, ID_BYTES));
	stmt_bytes(s, 2, buf_bytes(&head));
	stmt_bytes(s, 3, bytes_of(j->z->sum.b, DIGEST_BYTES));
	return stmt_run(s, e);
}

int
local_zone_put(struct local *l, const struct id *zone, uint64_t before,
    const struct local_zone *z, const struct local_news *news, struct err *e)
{
	struct zone_put_job j = { zone, before, z, news };

	return db_write(l->db, zone_put_job, &j, e);
}

struct chain_job {
	const struct id *zone;
	uint64_t seq;
	struct digest *out;
};

static int
chain_job(struct tx *tx, void *arg, struct err *e)
{
	struct chain_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	*j->out = (struct digest){ 0 };
	if (stmt_new(tx, "SELECT hash FROM chain WHERE zone = ? AND seq = ?",
		&s, e) < 0)
		return -1;
	stmt_bytes(s, 1, bytes_of(j->zone->b, ID_BYTES));
	stmt_u64(s, 2, j->seq);
	if (stmt_next(s, &row, e) < 0)
		return -1;
	if (row)
		stmt_got_copy(s, 0, j->out->b, DIGEST_BYTES);
	return 0;
}

int
local_chain_at(struct local *l, const struct id *zone, uint64_t seq,
    struct digest *out, struct err *e)
{
	struct chain_job j = { zone, seq, out };

	return db_read(l->db, chain_job, &j, e);
}

struct each_job {
	const struct id *zone;
	const struct id *id; /* one record, or NULL */
	uint64_t since;
	local_record_fn fn;
	void *ctx;
	bool found;
};

static int
each_job(struct tx *tx, void *arg, struct err *e)
{
	struct each_job *j = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	const char *sql = j->id != NULL
	    ? "SELECT id, version, flags, key_epoch, seq, refs, ct FROM record"
	      " WHERE zone = ? AND id = ?"
	    : "SELECT id, version, flags, key_epoch, seq, refs, ct FROM record"
	      " WHERE zone = ? AND seq > ? ORDER BY seq";

	if (stmt_new(tx, sql, &s, e) < 0)
		return -1;
	stmt_bytes(s, 1, bytes_of(j->zone->b, ID_BYTES));
	if (j->id != NULL)
		stmt_bytes(s, 2, bytes_of(j->id->b, ID_BYTES));
	else
		stmt_u64(s, 2, j->since);
	for (;;) {
		struct local_record r;
		bool row;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		j->found = true;
		stmt_got_copy(s, 0, r.change.id.b, ID_BYTES);
		r.change.version = stmt_got_u64(s, 1);
		r.change.flags = (uint8_t)stmt_got_u64(s, 2);
		r.change.key_epoch = (uint32_t)stmt_got_u64(s, 3);
		r.seq = stmt_got_u64(s, 4);
		r.change.refs = stmt_got_bytes(s, 5);
		r.change.ct = stmt_got_bytes(s, 6);
		if (j->fn(j->ctx, &r, e) < 0)
			return -1;
	}
}

int
local_record_get(struct local *l, const struct id *zone, const struct id *id,
    local_record_fn fn, void *ctx, bool *found, struct err *e)
{
	struct each_job j = { zone, id, 0, fn, ctx, false };

	if (db_read(l->db, each_job, &j, e) < 0)
		return -1;
	*found = j.found;
	return 0;
}

int
local_records_each(struct local *l, const struct id *zone, uint64_t since,
    local_record_fn fn, void *ctx, struct err *e)
{
	struct each_job j = { zone, NULL, since, fn, ctx, false };

	return db_read(l->db, each_job, &j, e);
}
