/* SPDX-License-Identifier: ISC */
/* zone_blob_gc.c: what nobody needs is collected. */
#include "store/zone_blob_in.h"

#include "store/sql.h"
#include "store/usage.h"

#include <stdlib.h>

#define GC_BATCH 256 /* rows moved in one transaction */
#define DROP_ROWS 2000 /* rows deleted in one */

struct batch {
	int64_t now_ms;
	const struct id *of; /* an account, or NULL: of all */
	int64_t before_ms; /* what went to the trash before that */
	int64_t idle_ms, upload_ms; /* what is older goes */
	struct blob_name list[GC_BATCH];
	uint64_t size[GC_BATCH];
	int64_t since_ms[GC_BATCH];
	size_t n;
};

/* Take the rows of a statement: uid, zone, id, file, size, since_ms. */
static int
fill(struct batch *b, struct stmt *s, struct err *e)
{
	bool row;

	for (b->n = 0; b->n < GC_BATCH; b->n++) {
		struct blob_name *n = &b->list[b->n];
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		stmt_got_copy(s, 0, n->uid.b, ID_BYTES);
		stmt_got_copy(s, 1, n->zone.b, ID_BYTES);
		stmt_got_copy(s, 2, n->id.b, ID_BYTES);
		n->file = stmt_got_u64(s, 3);
		b->size[b->n] = stmt_got_u64(s, 4);
		b->since_ms[b->n] = stmt_got_i64(s, 5);
	}
	return 0;
}

static int
doom(struct tx *tx, const struct batch *b, struct err *e)
{
	for (size_t i = 0; i < b->n; i++) {
		struct zone_blob x = { .name = b->list[i],
			.sum.size = b->size[i] };
		if (zone_blob_doom(tx, &x, b->now_ms, e) < 0)
			return -1;
	}
	return 0;
}

/* Uploads that nobody ended; some may have been written whole before a crash. */
static int
throw_away(struct tx *tx, const struct batch *b, struct err *e)
{
	for (size_t i = 0; i < b->n; i++)
		if (zone_blob_throw_away(
			tx, &b->list[i], b->size[i], b->now_ms, e) < 0)
			return -1;
	return 0;
}

static int
doom_idle(struct tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"SELECT uid, zone, id, file, size, 0 FROM blob"
		" WHERE refs = 0 AND finished_ms < ? LIMIT ?",
		&s, e) < 0)
		return -1;
	stmt_i64(s, 1, b->idle_ms);
	stmt_u64(s, 2, GC_BATCH);
	if (fill(b, s, e) < 0)
		return -1;
	stmt_done(&s);
	return doom(tx, b, e);
}

static int
doom_uploads(struct tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"SELECT uid, zone, id, file, size, since_ms FROM loose"
		" WHERE state = 1 AND since_ms < ? LIMIT ?",
		&s, e) < 0)
		return -1;
	stmt_i64(s, 1, b->upload_ms);
	stmt_u64(s, 2, GC_BATCH);
	if (fill(b, s, e) < 0)
		return -1;
	stmt_done(&s);
	return throw_away(tx, b, e);
}

/* ---- out of the trash ---- */

static int
forget_trash(
    struct tx *tx, const struct blob_name *n, uint64_t charged, struct err *e)
{
	struct usage_change c = { .trash = -(int64_t)charged, .blobs = -1 };
	bool had;

	if (zone_blob_drop_loose(tx, n, LOOSE_TRASH, &had, e) < 0)
		return -1;
	return had ? usage_change(tx, &n->uid, &c, e) : 0;
}

static int
forget_batch(struct tx *tx, void *arg, struct err *e)
{
	const struct batch *b = arg;

	for (size_t i = 0; i < b->n; i++)
		if (forget_trash(tx, &b->list[i], b->size[i], e) < 0)
			return -1;
	return 0;
}

/* The oldest in the trash; of one account, when there is one. */
static int
oldest_trash(struct tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	int rc = b->of == NULL
	    ? sql_ask(tx, e, &s,
		  "SELECT uid, zone, id, file, size, since_ms FROM loose"
		  " WHERE state = 3 AND since_ms < ?"
		  " ORDER BY since_ms LIMIT ?",
		  "nu", b->before_ms, (uint64_t)GC_BATCH)
	    : sql_ask(tx, e, &s,
		  "SELECT uid, zone, id, file, size, since_ms FROM loose"
		  " WHERE state = 3 AND uid = ? AND since_ms < ?"
		  " ORDER BY since_ms LIMIT ?",
		  "inu", b->of, b->before_ms, (uint64_t)GC_BATCH);
	return rc < 0 ? -1 : fill(b, s, e);
}

/* Empty a batch of the trash before its time. */
static int
expunge_batch(const struct zone_store *s, struct batch *b, struct err *e)
{
	if (db_read(s->db, oldest_trash, b, e) < 0)
		return -1;
	for (size_t i = 0; i < b->n; i++)
		if (blob_expunge(s->blobs, &b->list[i], b->since_ms[i], e) < 0)
			return -1;
	return b->n > 0 ? db_write(s->db, forget_batch, b, e) : 0;
}

/* Read the files to be removed that come after the last of the batch. */
static int
next_doomed(struct tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	struct blob_name after = { .file = 0 };

	if (b->n > 0)
		after = b->list[b->n - 1];
	if (stmt_new(tx,
		"SELECT uid, zone, id, file, size, since_ms FROM loose"
		" WHERE (uid, zone, file) > (?, ?, ?) AND state = 2"
		" ORDER BY uid, zone, file LIMIT ?",
		&s, e) < 0)
		return -1;
	zone_blob_bind_file(s, &after);
	stmt_u64(s, 4, GC_BATCH);
	return fill(b, s, e);
}

/* Finish all removals that have begun, also those a crash cut short. */
static int
remove_doomed(const struct zone_store *s, struct batch *b, struct err *e)
{
	bool gone[GC_BATCH];
	struct err one;
	int rc = 0;

	b->n = 0;
	do {
		if (db_read(s->db, next_doomed, b, e) < 0)
			return -1;
		for (size_t i = 0; i < b->n; i++) {
			gone[i] = blob_trash(s->blobs, &b->list[i], b->now_ms,
				      &one) == 0;
			if (!gone[i] && rc == 0) {
				*e = one;
				rc = -1;
			}
		}
		struct zone_blob_thrown t = { b->list, gone, b->n, b->now_ms };
		if (b->n > 0 &&
		    db_write(s->db, zone_blob_note_thrown, &t, &one) < 0) {
			*e = one;
			return -1;
		}
	} while (b->n == GC_BATCH);
	return rc;
}

static void
batch_free(struct batch **b)
{
	free(*b);
	*b = NULL;
}

/* trash_ms: the moment for which the trash is purged. */
static int
collect(const struct zone_store *s, struct batch *b, int64_t trash_ms,
    struct zone_gc *out, struct err *e)
{
	struct err later = { 0 };

	*out = (struct zone_gc){ 0 };
	do {
		if (db_write(s->db, doom_idle, b, e) < 0)
			return -1;
		out->blobs += b->n;
	} while (b->n == GC_BATCH);
	do {
		if (db_write(s->db, doom_uploads, b, e) < 0)
			return -1;
		out->uploads += b->n;
	} while (b->n == GC_BATCH);
	int rc = remove_doomed(s, b, e);
	/* The files go by what their names say, also those without a row. */
	if (blob_purge(s->blobs, trash_ms, &out->purged, &later) < 0 &&
	    rc == 0) {
		*e = later;
		rc = -1;
	}
	b->before_ms =
	    trash_ms == INT64_MAX ? INT64_MAX : trash_ms - BLOB_TRASH_MS;
	do {
		if (db_read(s->db, oldest_trash, b, e) < 0 ||
		    (b->n > 0 && db_write(s->db, forget_batch, b, e) < 0))
			return -1;
	} while (b->n == GC_BATCH);
	return rc;
}

int
zone_empty_trash(const struct zone_store *s, const struct id *uid,
    uint64_t bytes, uint64_t *freed, struct err *e)
{
	OWN(batch_free) struct batch *b = mem_new(sizeof *b);

	*freed = 0;
	b->of = uid;
	b->before_ms = INT64_MAX;
	do {
		if (expunge_batch(s, b, e) < 0)
			return -1;
		for (size_t i = 0; i < b->n; i++)
			*freed += b->size[i];
	} while (b->n == GC_BATCH && *freed < bytes);
	return 0;
}

int
zone_gc(const struct zone_store *s, int64_t now_ms, struct zone_gc *out,
    struct err *e)
{
	OWN(batch_free) struct batch *b = mem_new(sizeof *b);

	b->now_ms = now_ms;
	b->idle_ms = now_ms - ZONE_BLOB_IDLE_MS;
	b->upload_ms = now_ms - ZONE_BLOB_UPLOAD_MS;
	return collect(s, b, now_ms, out, e);
}

int
zone_gc_left(const struct zone_store *s, int64_t left_ms, struct zone_gc *out,
    struct err *e)
{
	OWN(batch_free) struct batch *b = mem_new(sizeof *b);

	b->now_ms = b->idle_ms = b->upload_ms = left_ms;
	return collect(s, b, INT64_MAX, out, e);
}

/* ---- an account's end ---- */

/* Blobs and uploads of one account, a batch of them, to be removed. */
static int
doom_account(struct tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT uid, zone, id, file, size, 0 FROM blob WHERE uid = ?"
		" LIMIT ?",
		"iu", b->of, (uint64_t)GC_BATCH) < 0 ||
	    fill(b, s, e) < 0)
		return -1;
	stmt_done(&s);
	if (b->n > 0)
		return doom(tx, b, e);
	if (sql_ask(tx, e, &s,
		"SELECT uid, zone, id, file, size, since_ms FROM loose"
		" WHERE uid = ? AND state = 1 LIMIT ?",
		"iu", b->of, (uint64_t)GC_BATCH) < 0 ||
	    fill(b, s, e) < 0)
		return -1;
	stmt_done(&s);
	return throw_away(tx, b, e);
}

/* Rows by the thousand, so that other writers come in between. */
static int
drop_rows(struct tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;
	static const char *const some[] = {
		"DELETE FROM record WHERE (number, id) IN (SELECT r.number,"
		" r.id FROM zone z JOIN record r ON r.number = z.number"
		" WHERE z.uid = ? LIMIT ?)",
		"DELETE FROM head WHERE (uid, zone, seq) IN (SELECT uid, zone,"
		" seq FROM head WHERE uid = ? LIMIT ?)"
	};

	b->n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(some) && b->n == 0; i++) {
		if (sql_run(tx, e, some[i], "iu", b->of, (uint64_t)DROP_ROWS) <
		    0)
			return -1;
		b->n = tx_changes(tx);
	}
	if (b->n > 0)
		return 0;
	return sql_run(tx, e, "DELETE FROM zone WHERE uid = ?", "i", b->of) <
		    0 ||
		sql_run(tx, e, "DELETE FROM loose WHERE uid = ?", "i", b->of) <
		    0
	    ? -1
	    : sql_run(tx, e, "DELETE FROM usage WHERE uid = ?", "i", b->of);
}

int
zone_forget(const struct zone_store *s, const struct id *uid, int64_t now_ms,
    struct err *e)
{
	OWN(batch_free) struct batch *b = mem_new(sizeof *b);
	uint64_t freed;

	b->of = uid;
	b->now_ms = now_ms;
	do {
		if (db_write(s->db, doom_account, b, e) < 0)
			return -1;
	} while (b->n > 0);
	if (remove_doomed(s, b, e) < 0 ||
	    zone_empty_trash(s, uid, UINT64_MAX, &freed, e) < 0)
		return -1;
	do {
		if (db_write(s->db, drop_rows, b, e) < 0)
			return -1;
	} while (b->n > 0);
	return 0;
}
