/* SPDX-License-Identifier: ISC */
/* zone_import.c: rows from frames, rows from files, and what follows. */
#include "store/zone_import.h"

#include "base/file.h"
#include "store/sql.h"
#include "store/usage.h"
#include "store/zone_check.h"
#include "store/zone_in.h"

#define READ_BYTES (1024 * 1024)

struct import {
	const struct zone_key *key;
	enum category category;
	struct bytes frames;
	uint64_t number;
	struct digest_state *sha;
};

static int
need_zone(struct tx *tx, struct import *m, struct err *e)
{
	static const uint8_t none[HEAD1_BYTES];
	OWN(stmt_done) struct stmt *s = NULL;
	struct zone_info now;

	if (stmt_new(tx,
		"INSERT INTO zone (uid, zone, category, seq,"
		" tombstones_gone_below, head) VALUES (?, ?, ?, 0, 0, ?)"
		" ON CONFLICT (uid, zone) DO NOTHING",
		&s, e) < 0)
		return -1;
	zone_bind_key(s, m->key);
	stmt_u64(s, 3, m->category);
	stmt_bytes(s, 4, bytes_of(none, sizeof none));
	if (stmt_run(s, e) < 0 || zone_find(tx, m->key, &now, e) < 0)
		return -1;
	m->number = now.number;
	return 0;
}

static int
put_head(struct tx *tx, struct import *m, struct bytes bytes, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct head h;

	if (head_parse(bytes, &h, e) < 0)
		return -1;
	if (!id_equal(&h.owner, &m->key->uid) ||
	    !id_equal(&h.zone, &m->key->zone))
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a head is of another zone");
	if (stmt_new(tx,
		"INSERT INTO head (uid, zone, seq, received_ms, bytes)"
		" VALUES (?, ?, ?, ?, ?) ON CONFLICT (uid, zone, seq)"
		" DO UPDATE SET bytes = excluded.bytes",
		&s, e) < 0)
		return -1;
	zone_bind_key(s, m->key);
	stmt_u64(s, 3, h.seq);
	stmt_u64(s, 4, h.time_ms <= INT64_MAX ? h.time_ms : INT64_MAX);
	stmt_bytes(s, 5, bytes);
	return stmt_run(s, e);
}

static int
put_record(struct tx *tx, struct import *m, uint64_t seq,
    const struct change *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (seq > INT64_MAX || c->version > INT64_MAX)
		return err_set(
		    e, ERR_RECORD_CORRUPT, "a record is out of range");
	if (stmt_new(tx,
		"INSERT INTO record (number, id, version, flags, key_epoch,"
		" seq, time_ms, bytes, sum, refs, ct)"
		" VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)"
		" ON CONFLICT (number, id) DO UPDATE SET"
		" version = excluded.version, flags = excluded.flags,"
		" key_epoch = excluded.key_epoch, seq = excluded.seq,"
		" bytes = excluded.bytes, sum = excluded.sum,"
		" refs = excluded.refs, ct = excluded.ct"
		" WHERE excluded.version > record.version",
		&s, e) < 0)
		return -1;
	stmt_u64(s, 1, m->number);
	stmt_bytes(s, 2, bytes_of(c->id.b, ID_BYTES));
	stmt_u64(s, 3, c->version);
	stmt_u64(s, 4, c->flags);
	stmt_u64(s, 5, c->key_epoch);
	stmt_u64(s, 6, seq);
	stmt_u64(s, 7, c->ct.n + c->refs.n + USAGE_RECORD);
	stmt_u64(s, 8, zone_record_sum(m->sha, c));
	stmt_bytes(s, 9, c->refs);
	stmt_bytes(s, 10, c->ct);
	return stmt_run(s, e);
}

static int
import(struct tx *tx, void *arg, struct err *e)
{
	struct import *m = arg;
	struct scan s = scan_of(m->frames);
	struct change c;

	if (need_zone(tx, m, e) < 0)
		return -1;
	while (s.n > 0) {
		uint8_t kind = scan_u8(&s);
		if (kind == FRAME_HEAD) {
			struct bytes h = head_take(&s);
			if (!scan_ok(&s) || put_head(tx, m, h, e) < 0)
				return -1;
		} else if (kind == FRAME_RECORD) {
			uint64_t seq = scan_u64(&s);
			if (change_take(&s, &c, e) < 0 ||
			    put_record(tx, m, seq, &c, e) < 0)
				return -1;
		} else if (kind == FRAME_END) {
			(void)scan_take(&s, 8 + DIGEST_BYTES);
		} else {
			return err_set(e, ERR_RECORD_CORRUPT,
			    "there is no frame of kind %u", (unsigned)kind);
		}
	}
	return scan_done(&s)
	    ? 0
	    : err_set(e, ERR_RECORD_CORRUPT, "frames are not well-formed");
}

int
zone_import(struct db *db, const struct zone_key *key, enum category c,
    struct bytes frames, struct err *e)
{
	OWN(digest_free) struct digest_state *sha = digest_new();
	struct import m = {
		.key = key, .category = c, .frames = frames, .sha = sha
	};

	return db_write(db, import, &m, e);
}

/* Blobs */

struct file_row {
	const struct blob_name *name;
	struct blob_sum sum;
	int64_t now_ms;
};

struct files {
	const struct zone_store *s;
	db_job_fn *put; /* of a struct file_row */
	bool unnamed; /* only those of which no row speaks */
	int64_t now_ms;
	uint64_t n;
};

static int
put_blob(struct tx *tx, void *arg, struct err *e)
{
	const struct file_row *f = arg;
	const struct blob_name *n = f->name;

	/* Two files of one blob: the longer one, which is whole. */
	return sql_run(tx, e,
	    "INSERT INTO blob (uid, zone, id, file, size, checksum, refs,"
	    " finished_ms) VALUES (?, ?, ?, ?, ?, ?, 0, ?)"
	    " ON CONFLICT (uid, zone, id) DO UPDATE SET"
	    " file = excluded.file, size = excluded.size,"
	    " checksum = excluded.checksum"
	    " WHERE excluded.size > blob.size",
	    "iiiuubn", &n->uid, &n->zone, &n->id, n->file, f->sum.size,
	    bytes_of(f->sum.sum.b, CHECKSUM_BYTES), f->now_ms);
}

static int
sum_of(int fd, struct blob_sum *out, struct err *e)
{
	OWN(checksum_free) struct checksum_state *c = checksum_new();
	OWN(buf_free) struct buf x = { 0 };
	uint8_t *p = buf_grow(&x, READ_BYTES);
	size_t got;

	out->size = 0;
	do {
		if (file_read_full(fd, p, READ_BYTES, &got, e) < 0)
			return -1;
		checksum_add(c, bytes_of(p, got));
		out->size += got;
	} while (got == READ_BYTES);
	checksum_end(c, &out->sum);
	return 0;
}

static int
adopt(struct tx *tx, void *arg, struct err *e)
{
	const struct file_row *f = arg;
	const struct blob_name *n = f->name;

	if (sql_run(tx, e,
		"INSERT INTO blob (uid, zone, id, file, size, checksum, refs,"
		" finished_ms) VALUES (?, ?, ?, ?, ?, ?, 0, ?)"
		" ON CONFLICT (uid, zone, id) DO NOTHING",
		"iiiuubn", &n->uid, &n->zone, &n->id, n->file, f->sum.size,
		bytes_of(f->sum.sum.b, CHECKSUM_BYTES), f->now_ms) < 0)
		return -1;
	/* What is there is charged, whatever the quota is. */
	struct usage_change c = {
		.bytes = (int64_t)usage_of_blob(f->sum.size),
		.blobs = 1,
		.beyond = USAGE_NO_QUOTA,
	};
	if (tx_changes(tx) == 1)
		return usage_change(tx, &n->uid, &c, e);
	/* One too many, which is removed: of it nothing was charged. */
	c.bytes = 0;
	return usage_change(tx, &n->uid, &c, e) < 0
	    ? -1
	    : sql_run(tx, e,
		  "INSERT INTO loose (uid, zone, file, id, size, state,"
		  " since_ms) VALUES (?, ?, ?, ?, 0, 2, ?)"
		  " ON CONFLICT (uid, zone, file) DO NOTHING",
		  "iiuin", &n->uid, &n->zone, n->file, &n->id, f->now_ms);
}

static int
take_file(const struct blob_name *name, void *arg, struct err *e)
{
	struct files *f = arg;
	struct file_row row = { .name = name, .now_ms = f->now_ms };
	OWN(fd_close) int fd = -1;
	struct err why;
	uint64_t size;
	bool named = false;

	if (f->unnamed && zone_file_named(f->s->db, name, &named, e) < 0)
		return -1;
	/* One that cannot be read is a lost pack, and no more; one that has
	 * gone meanwhile had a row when it was met. */
	if (named || blob_open(f->s->blobs, name, &fd, &size, &why) < 0 ||
	    sum_of(fd, &row.sum, &why) < 0)
		return 0;
	f->n++;
	return db_write(f->s->db, f->put, &row, e);
}

static int
take_files(struct files f, uint64_t *n, struct err *e)
{
	if (blob_each(f.s->blobs, take_file, &f, e) < 0)
		return -1;
	*n = f.n;
	return 0;
}

int
zone_import_blobs(
    const struct zone_store *s, int64_t now_ms, uint64_t *n, struct err *e)
{
	return take_files(
	    (struct files){ s, put_blob, false, now_ms, 0 }, n, e);
}

int
zone_adopt(
    const struct zone_store *s, int64_t now_ms, uint64_t *n, struct err *e)
{
	return take_files((struct files){ s, adopt, true, now_ms, 0 }, n, e);
}

/* What follows from the rows */

static int
set_head(struct tx *tx, const struct zone_key *key, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(stmt_done) struct stmt *put = NULL;
	struct head h;
	bool row;

	if (stmt_new(tx,
		"SELECT bytes FROM head WHERE uid = ? AND zone = ?"
		" ORDER BY seq DESC LIMIT 1",
		&s, e) < 0 ||
	    stmt_new(tx,
		"UPDATE zone SET seq = ?, tombstones_gone_below = ?, head = ?"
		" WHERE uid = ? AND zone = ?",
		&put, e) < 0)
		return -1;
	zone_bind_key(s, key);
	if (stmt_next(s, &row, e) < 0)
		return -1;
	if (!row)
		return err_set(e, ERR_RECORD_CORRUPT, "there is no head");
	struct bytes bytes = stmt_got_bytes(s, 0);
	if (head_parse(bytes, &h, e) < 0)
		return -1;
	stmt_u64(put, 1, h.seq);
	stmt_u64(put, 2, h.tombstones_gone_below);
	stmt_bytes(put, 3, bytes);
	stmt_bytes(put, 4, bytes_of(key->uid.b, ID_BYTES));
	stmt_bytes(put, 5, bytes_of(key->zone.b, ID_BYTES));
	return stmt_run(put, e);
}

static int
gather_refs(struct tx *tx, uint64_t number, struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (stmt_new(tx, "SELECT refs FROM record WHERE number = ?", &s, e) < 0)
		return -1;
	stmt_u64(s, 1, number);
	do {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (row)
			buf_put_bytes(out, stmt_got_bytes(s, 0));
	} while (row);
	return 0;
}

static int
count_refs(
    struct tx *tx, const struct zone_key *key, uint64_t number, struct err *e)
{
	OWN(stmt_done) struct stmt *up = NULL;
	OWN(buf_free) struct buf refs = { 0 };

	if (gather_refs(tx, number, &refs, e) < 0 ||
	    stmt_new(tx,
		"UPDATE blob SET refs = refs + 1"
		" WHERE uid = ? AND zone = ? AND id = ?",
		&up, e) < 0)
		return -1;
	for (size_t i = 0; i + ID_BYTES <= refs.n; i += ID_BYTES) {
		zone_bind_key(up, key);
		stmt_bytes(up, 3, bytes_of(refs.p + i, ID_BYTES));
		if (stmt_run(up, e) < 0)
			return -1;
	}
	return 0;
}

static int
charge(
    struct tx *tx, const struct zone_key *key, uint64_t number, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT (SELECT COALESCE(SUM(bytes), 0) FROM record"
		"  WHERE number = ?) +"
		" (SELECT COALESCE(SUM(CASE WHEN LENGTH(bytes) = 400 THEN 400"
		"  ELSE 364 END), 0) FROM head WHERE uid = ? AND zone = ?) +"
		" (SELECT COALESCE(SUM(CASE WHEN size > 4096 THEN size"
		"  ELSE 4096 END), 0) FROM blob WHERE uid = ? AND zone = ?),"
		" (SELECT COUNT(*) FROM blob WHERE uid = ? AND zone = ?)",
		"uiiiiii", number, &key->uid, &key->zone, &key->uid, &key->zone,
		&key->uid, &key->zone) < 0)
		return -1;
	if (!row)
		return 0;
	struct usage_change c = { .bytes = stmt_got_i64(s, 0),
		.blobs = stmt_got_i64(s, 1),
		.beyond = USAGE_NO_QUOTA };
	return usage_change(tx, &key->uid, &c, e);
}

static int
finish(struct tx *tx, void *arg, struct err *e)
{
	const struct zone_key *key = arg;
	struct zone_info now;

	if (set_head(tx, key, e) < 0 || zone_find(tx, key, &now, e) < 0)
		return -1;
	OWN(stmt_done) struct stmt *s = NULL;
	if (stmt_new(tx,
		"DELETE FROM record WHERE number = ? AND seq < ?"
		" AND flags = 1",
		&s, e) < 0)
		return -1;
	stmt_u64(s, 1, now.number);
	stmt_u64(s, 2, now.tombstones_gone_below);
	return stmt_run(s, e) < 0 || count_refs(tx, key, now.number, e) < 0
	    ? -1
	    : charge(tx, key, now.number, e);
}

int
zone_import_end(struct db *db, const struct zone_key *key, struct err *e)
{
	struct zone_key copy = *key;

	return db_write(db, finish, &copy, e);
}
