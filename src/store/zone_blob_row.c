/* SPDX-License-Identifier: ISC */
/* zone_blob_row.c: the rows of a blob and of a loose file. */
#include "store/zone_blob_in.h"

#include "base/file.h"
#include "store/sql.h"
#include "store/usage.h"

void
zone_blob_bind(struct stmt *s, int i, const struct blob_name *n)
{
	stmt_bytes(s, i, bytes_of(n->uid.b, ID_BYTES));
	stmt_bytes(s, i + 1, bytes_of(n->zone.b, ID_BYTES));
	stmt_bytes(s, i + 2, bytes_of(n->id.b, ID_BYTES));
}

void
zone_blob_bind_file(struct stmt *s, const struct blob_name *n)
{
	stmt_bytes(s, 1, bytes_of(n->uid.b, ID_BYTES));
	stmt_bytes(s, 2, bytes_of(n->zone.b, ID_BYTES));
	stmt_u64(s, 3, n->file);
}

struct blob_name
zone_blob_name(const struct zone_key *key, const struct id *id)
{
	return (struct blob_name){ key->uid, key->zone, *id, 0 };
}

/* Blobs */

int
zone_blob_find(struct tx *tx, const struct blob_name *name,
    struct zone_blob *out, bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"SELECT file, size, checksum, refs, finished_ms FROM blob"
		" WHERE uid = ? AND zone = ? AND id = ?",
		&s, e) < 0)
		return -1;
	zone_blob_bind(s, 1, name);
	if (stmt_next(s, found, e) < 0)
		return -1;
	if (!*found)
		return 0;
	out->name = *name;
	out->name.file = stmt_got_u64(s, 0);
	out->sum.size = stmt_got_u64(s, 1);
	stmt_got_copy(s, 2, out->sum.sum.b, CHECKSUM_BYTES);
	out->refs = stmt_got_u64(s, 3);
	out->finished_ms = stmt_got_i64(s, 4);
	return 0;
}

int
zone_blob_renew(
    struct tx *tx, const struct blob_name *name, int64_t now_ms, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"UPDATE blob SET finished_ms = ?"
		" WHERE uid = ? AND zone = ? AND id = ?",
		&s, e) < 0)
		return -1;
	stmt_i64(s, 1, now_ms);
	zone_blob_bind(s, 2, name);
	return stmt_run(s, e);
}

bool
zone_blob_whole(const struct zone_store *s, const struct zone_blob *b)
{
	OWN(fd_close) int fd = -1;
	struct err e = { 0 };
	uint64_t size;

	return blob_open(s->blobs, &b->name, &fd, &size, &e) == 0 &&
	    size == b->sum.size;
}

/* Loose files */

int
zone_blob_put_loose(struct tx *tx, const struct blob_name *n, uint64_t charged,
    enum loose_state state, int64_t now_ms, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"INSERT INTO loose (uid, zone, file, id, size, state, since_ms)"
		" VALUES (?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (uid, zone, file)"
		" DO UPDATE SET state = excluded.state, size = excluded.size,"
		" since_ms = excluded.since_ms",
		&s, e) < 0)
		return -1;
	zone_blob_bind_file(s, n);
	stmt_bytes(s, 4, bytes_of(n->id.b, ID_BYTES));
	stmt_u64(s, 5, charged);
	stmt_u64(s, 6, state);
	stmt_i64(s, 7, now_ms);
	return stmt_run(s, e);
}

int
zone_blob_drop_loose(struct tx *tx, const struct blob_name *n,
    enum loose_state state, bool *had, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"DELETE FROM loose"
		" WHERE uid = ? AND zone = ? AND file = ? AND state = ?",
		&s, e) < 0)
		return -1;
	zone_blob_bind_file(s, n);
	stmt_u64(s, 4, state);
	if (stmt_run(s, e) < 0)
		return -1;
	*had = tx_changes(tx) == 1;
	return 0;
}

int
zone_blob_throw_away(struct tx *tx, const struct blob_name *n, uint64_t charged,
    int64_t now_ms, struct err *e)
{
	struct usage_change c = { .bytes = -(int64_t)charged,
		.trash = (int64_t)charged };

	return usage_change(tx, &n->uid, &c, e) < 0
	    ? -1
	    : zone_blob_put_loose(tx, n, charged, LOOSE_REMOVING, now_ms, e);
}

int
zone_blob_doom(
    struct tx *tx, const struct zone_blob *b, int64_t now_ms, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"DELETE FROM blob WHERE uid = ? AND zone = ? AND id = ?", &s,
		e) < 0)
		return -1;
	zone_blob_bind(s, 1, &b->name);
	if (stmt_run(s, e) < 0)
		return -1;
	return zone_blob_throw_away(
	    tx, &b->name, usage_of_blob(b->sum.size), now_ms, e);
}

static int
note_one(
    struct tx *tx, const struct blob_name *n, int64_t now_ms, struct err *e)
{
	struct usage_change c = { .blobs = -1 };

	if (sql_run(tx, e,
		"UPDATE loose SET state = 3, since_ms = ? WHERE uid = ?"
		" AND zone = ? AND file = ? AND state = 2 AND size > 0",
		"niiu", now_ms, &n->uid, &n->zone, n->file) < 0 ||
	    sql_run(tx, e,
		"DELETE FROM loose WHERE uid = ? AND zone = ? AND file = ?"
		" AND state = 2 AND size = 0",
		"iiu", &n->uid, &n->zone, n->file) < 0)
		return -1;
	return tx_changes(tx) == 1 ? usage_change(tx, &n->uid, &c, e) : 0;
}

int
zone_blob_note_thrown(struct tx *tx, void *arg, struct err *e)
{
	const struct zone_blob_thrown *t = arg;

	for (size_t i = 0; i < t->n; i++)
		if (t->gone[i] && note_one(tx, &t->list[i], t->now_ms, e) < 0)
			return -1;
	return 0;
}

int
zone_blob_remove_file(const struct zone_store *s, const struct blob_name *n,
    int64_t now_ms, struct err *e)
{
	bool gone = true;
	struct zone_blob_thrown t = { n, &gone, 1, now_ms };

	if (blob_trash(s->blobs, n, now_ms, e) < 0)
		return -1;
	return db_write(s->db, zone_blob_note_thrown, &t, e);
}
