/* SPDX-License-Identifier: ISC */
/* local.c: state.db of one device. */
#include "link/local_in.h"

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
	/*
	 * Records in the order in which they come, and where each is: an index
	 * by ids, which have no order, is made at once when a whole zone came.
	 * A slot is a copy of a zone's records; `zone` names the one that is
	 * seen, `slot` those that are being filled or go.
	 */
	"CREATE TABLE slot (slot INTEGER PRIMARY KEY AUTOINCREMENT);"
	"ALTER TABLE zone ADD COLUMN slot INTEGER NOT NULL DEFAULT 0;"
	"UPDATE zone SET slot = rowid;"
	"CREATE TABLE held (row INTEGER PRIMARY KEY, slot INTEGER NOT NULL,"
	" id BLOB NOT NULL, version INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" key_epoch INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" refs BLOB NOT NULL, ct BLOB NOT NULL);"
	"CREATE TABLE place (slot INTEGER NOT NULL, id BLOB NOT NULL,"
	" row INTEGER NOT NULL, PRIMARY KEY (slot, id)) WITHOUT ROWID;"
	"CREATE TABLE link (slot INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" hash BLOB NOT NULL, PRIMARY KEY (slot, seq)) WITHOUT ROWID;"
	"INSERT INTO held (slot, id, version, flags, key_epoch, seq, refs, ct)"
	" SELECT z.slot, r.id, r.version, r.flags, r.key_epoch, r.seq, r.refs,"
	" r.ct FROM record r JOIN zone z ON z.zone = r.zone ORDER BY r.seq;"
	"CREATE INDEX held_seq ON held (slot, seq, id);"
	"INSERT INTO place SELECT slot, id, row FROM held ORDER BY slot, id;"
	"INSERT INTO link SELECT z.slot, c.seq, c.hash FROM chain c"
	" JOIN zone z ON z.zone = c.zone;"
	"INSERT INTO slot SELECT max(rowid) FROM zone;"
	"DELETE FROM slot; DROP TABLE record; DROP TABLE chain;",
};

int
local_open(const char *path, struct local **out, struct err *e)
{
	OWN(local_free) struct local *l = mem_new(sizeof *l);

	l->path = mem_text(path);
	if (db_open(path, DB_OWN, &l->db, e) < 0 ||
	    db_migrate(l->db, "local", schema, ARRAY_SIZE(schema), e) < 0)
		return -1;
	*out = TAKE(l);
	return 0;
}

void
local_free(struct local **l)
{
	if (*l != NULL) {
		db_free(&(*l)->db);
		free((*l)->path);
	}
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

int
local_zone_in(struct tx *tx, const struct id *zone, struct local_zone *out,
    uint64_t *slot, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	*out = (struct local_zone){ 0 };
	*slot = 0;
	if (stmt_new(tx, "SELECT head, sum, slot FROM zone WHERE zone = ?", &s,
		e) < 0)
		return -1;
	stmt_bytes(s, 1, bytes_of(zone->b, ID_BYTES));
	if (stmt_next(s, &row, e) < 0)
		return -1;
	if (!row)
		return 0;
	stmt_got_copy(s, 1, out->sum.b, DIGEST_BYTES);
	*slot = stmt_got_u64(s, 2);
	if (head_parse(stmt_got_bytes(s, 0), &out->head, e) < 0)
		return err_set(e, ERR_STATE_DAMAGED,
		    "the local copy of a zone is damaged");
	return 0;
}

static int
zone_get_job(struct tx *tx, void *arg, struct err *e)
{
	struct zone_get_job *j = arg;
	uint64_t slot;

	return local_zone_in(tx, j->zone, j->out, &slot, e);
}

int
local_zone_get(struct local *l, const struct id *zone, struct local_zone *out,
    struct err *e)
{
	struct zone_get_job j = { zone, out };

	return db_read(l->db, zone_get_job, &j, e);
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
	if (stmt_new(tx,
		"SELECT hash FROM link WHERE seq = ? AND slot ="
		" (SELECT slot FROM zone WHERE zone = ?)",
		&s, e) < 0)
		return -1;
	stmt_u64(s, 1, j->seq);
	stmt_bytes(s, 2, bytes_of(j->zone->b, ID_BYTES));
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
};

int
local_each_in(struct tx *tx, uint64_t slot, uint64_t since, const struct id *id,
    const struct local_each *each, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const char *sql = id != NULL
	    ? "SELECT h.id, version, flags, key_epoch, seq, refs, ct"
	      " FROM place p JOIN held h ON h.row = p.row"
	      " WHERE p.slot = ? AND p.id = ?"
	    : "SELECT id, version, flags, key_epoch, seq, refs, ct FROM held"
	      " WHERE slot = ? AND seq > ? ORDER BY seq";

	if (stmt_new(tx, sql, &s, e) < 0)
		return -1;
	stmt_u64(s, 1, slot);
	if (id != NULL)
		stmt_bytes(s, 2, bytes_of(id->b, ID_BYTES));
	else
		stmt_u64(s, 2, since);
	for (;;) {
		struct local_record r;
		bool row;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		stmt_got_copy(s, 0, r.change.id.b, ID_BYTES);
		r.change.version = stmt_got_u64(s, 1);
		r.change.flags = (uint8_t)stmt_got_u64(s, 2);
		r.change.key_epoch = (uint32_t)stmt_got_u64(s, 3);
		r.seq = stmt_got_u64(s, 4);
		r.change.refs = stmt_got_bytes(s, 5);
		r.change.ct = stmt_got_bytes(s, 6);
		if (each->fn(each->ctx, &r, e) < 0)
			return -1;
	}
}

static int
each_job(struct tx *tx, void *arg, struct err *e)
{
	struct each_job *j = arg;
	const struct local_each each = { j->fn, j->ctx };
	struct local_zone at;
	uint64_t slot;

	if (local_zone_in(tx, j->zone, &at, &slot, e) < 0)
		return -1;
	return local_each_in(tx, slot, j->since, j->id, &each, e);
}

int
local_record_get(struct local *l, const struct id *zone, const struct id *id,
    local_record_fn fn, void *ctx, struct err *e)
{
	struct each_job j = { zone, id, 0, fn, ctx };

	return db_read(l->db, each_job, &j, e);
}

int
local_records_each(struct local *l, const struct id *zone, uint64_t since,
    local_record_fn fn, void *ctx, struct err *e)
{
	struct each_job j = { zone, NULL, since, fn, ctx };

	return db_read(l->db, each_job, &j, e);
}
