/* SPDX-License-Identifier: ISC */
/* zone_blob.c: rows of blobs and of loose files. */
#include "store/zone_blob.h"

#include "base/file.h"
#include "store/sql.h"
#include "store/usage.h"

#include <stdlib.h>
#include <string.h>

#define GC_BATCH 256 /* rows moved in one transaction */

enum loose_state { LOOSE_WRITING = 1, LOOSE_REMOVING = 2, LOOSE_TRASH = 3 };

static void
bind_blob(struct stmt *s, int i, const struct blob_name *n)
{
	stmt_bytes(s, i, bytes_of(n->uid.b, ID_BYTES));
	stmt_bytes(s, i + 1, bytes_of(n->zone.b, ID_BYTES));
	stmt_bytes(s, i + 2, bytes_of(n->id.b, ID_BYTES));
}

static void
bind_file(struct stmt *s, const struct blob_name *n)
{
	stmt_bytes(s, 1, bytes_of(n->uid.b, ID_BYTES));
	stmt_bytes(s, 2, bytes_of(n->zone.b, ID_BYTES));
	stmt_u64(s, 3, n->file);
}

static struct blob_name
name_of(const struct zone_key *key, const struct id *id)
{
	return (struct blob_name){ key->uid, key->zone, *id, 0 };
}

/* Single rows */

/* Look for the blob of name's uid, zone and id. */
static int
find(struct tx *tx, const struct blob_name *name, struct zone_blob *out,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"SELECT file, size, checksum, refs, finished_ms FROM blob"
		" WHERE uid = ? AND zone = ? AND id = ?",
		&s, e) < 0)
		return -1;
	bind_blob(s, 1, name);
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

static int
renew(
    struct tx *tx, const struct blob_name *name, int64_t now_ms, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"UPDATE blob SET finished_ms = ?"
		" WHERE uid = ? AND zone = ? AND id = ?",
		&s, e) < 0)
		return -1;
	stmt_i64(s, 1, now_ms);
	bind_blob(s, 2, name);
	return stmt_run(s, e);
}

/* charged: bytes, of the account's; in the trash once it is not written. */
static int
put_loose(struct tx *tx, const struct blob_name *n, uint64_t charged,
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
	bind_file(s, n);
	stmt_bytes(s, 4, bytes_of(n->id.b, ID_BYTES));
	stmt_u64(s, 5, charged);
	stmt_u64(s, 6, state);
	stmt_i64(s, 7, now_ms);
	return stmt_run(s, e);
}

/* Delete a loose row of that state; *had says whether it was there. */
static int
drop_loose(struct tx *tx, const struct blob_name *n, enum loose_state state,
    bool *had, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"DELETE FROM loose"
		" WHERE uid = ? AND zone = ? AND file = ? AND state = ?",
		&s, e) < 0)
		return -1;
	bind_file(s, n);
	stmt_u64(s, 4, state);
	if (stmt_run(s, e) < 0)
		return -1;
	*had = tx_changes(tx) == 1;
	return 0;
}

struct thrown {
	const struct blob_name *list;
	const bool *gone;
	size_t n;
	int64_t now_ms;
};

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

/* Their files lie in the trash since then, where they are charged. */
static int
note_thrown(struct tx *tx, void *arg, struct err *e)
{
	const struct thrown *t = arg;

	for (size_t i = 0; i < t->n; i++)
		if (t->gone[i] && note_one(tx, &t->list[i], t->now_ms, e) < 0)
			return -1;
	return 0;
}

/* Move the file of a row that says so to the trash. */
static int
remove_file(const struct zone_store *s, const struct blob_name *n,
    int64_t now_ms, struct err *e)
{
	bool gone = true;
	struct thrown t = { n, &gone, 1, now_ms };

	if (blob_trash(s->blobs, n, now_ms, e) < 0)
		return -1;
	return db_write(s->db, note_thrown, &t, e);
}

static bool
sum_equal(const struct blob_sum *a, const struct blob_sum *b)
{
	return a->size == b->size && checksum_equal(&a->sum, &b->sum);
}

/* The file of a complete blob is there in full, so far as a look can tell. */
static bool
whole(const struct zone_store *s, const struct zone_blob *b)
{
	OWN(fd_close) int fd = -1;
	struct err e = { 0 };
	uint64_t size;

	return blob_open(s->blobs, &b->name, &fd, &size, &e) == 0 &&
	    size == b->sum.size;
}

static int
other_bytes(const struct id *id, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "blob %s is there with other bytes",
	    id_text(id).s);
}

/* Upload */

struct upload {
	const struct zone_store *s;
	struct zone_upload *u;
	int64_t now_ms;
	enum { KEPT, TWICE, OTHER, LATE } outcome;
	struct blob_name spare; /* a file to be removed; file 0: none */
};

static int
begin(struct tx *tx, void *arg, struct err *e)
{
	struct upload *a = arg;
	struct zone_upload *u = a->u;
	struct zone_blob b;
	bool found;

	if (find(tx, &u->name, &b, &found, e) < 0)
		return -1;
	if (found && !sum_equal(&b.sum, &u->sum))
		return other_bytes(&u->name.id, e);
	/* A blob whose file got lost is uploaded again. */
	u->have = found && whole(a->s, &b);
	if (u->have)
		return renew(tx, &u->name, a->now_ms, e);
	uint64_t charged = usage_of_blob(u->sum.size);
	struct usage_change c = { .bytes = (int64_t)charged, .blobs = 1 };
	if (usage_change(tx, &u->name.uid, &c, e) < 0)
		return -1;
	return put_loose(tx, &u->name, charged, LOOSE_WRITING, a->now_ms, e);
}

int
zone_blob_begin(const struct zone_store *s, struct zone_upload *u,
    int64_t now_ms, struct err *e)
{
	struct upload a = { .s = s, .u = u, .now_ms = now_ms };

	if (u->sum.size > LIMIT_BLOB_BYTES)
		return err_set(e, ERR_TOO_LARGE,
		    "a blob is larger than %d bytes", LIMIT_BLOB_BYTES);
	blob_name_new(&u->name.uid, &u->name.zone, &u->name.id, &u->name);
	if (db_write(s->db, begin, &a, e) == 0)
		return 0;
	uint64_t freed;
	/* What lies in the account's trash makes room for what comes. */
	if (e->code != ERR_QUOTA_EXCEEDED ||
	    zone_empty_trash(
		s, &u->name.uid, usage_of_blob(u->sum.size), &freed, e) < 0)
		return -1;
	return db_write(s->db, begin, &a, e);
}

static int
put_blob(struct tx *tx, const struct upload *a, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const struct zone_upload *u = a->u;

	if (stmt_new(tx,
		"INSERT INTO blob (uid, zone, id, file, size, checksum, refs,"
		" finished_ms) VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
		&s, e) < 0)
		return -1;
	bind_blob(s, 1, &u->name);
	stmt_u64(s, 4, u->name.file);
	stmt_u64(s, 5, u->sum.size);
	stmt_bytes(s, 6, bytes_of(u->sum.sum.b, CHECKSUM_BYTES));
	stmt_i64(s, 7, a->now_ms);
	return stmt_run(s, e);
}

/* From what is stored to what is thrown away. */
static int
throw_away(struct tx *tx, const struct blob_name *n, uint64_t charged,
    int64_t now_ms, struct err *e)
{
	struct usage_change c = { .bytes = -(int64_t)charged,
		.trash = (int64_t)charged };

	return usage_change(tx, &n->uid, &c, e) < 0
	    ? -1
	    : put_loose(tx, n, charged, LOOSE_REMOVING, now_ms, e);
}

/* Of what was reserved nothing is there: it is given back at once. */
static int
give_back(struct tx *tx, const struct blob_name *n, uint64_t charged,
    int64_t now_ms, struct err *e)
{
	struct usage_change c = { .bytes = -(int64_t)charged };

	return usage_change(tx, &n->uid, &c, e) < 0
	    ? -1
	    : put_loose(tx, n, 0, LOOSE_REMOVING, now_ms, e);
}

/* It was given up before it came, and is charged no more. */
static int
too_late(struct tx *tx, struct upload *a, struct err *e)
{
	struct usage_change c = { .blobs = 1 };
	OWN(stmt_done) struct stmt *s = NULL;

	a->spare = a->u->name;
	if (stmt_new(tx,
		"UPDATE loose SET state = 2"
		" WHERE uid = ? AND zone = ? AND file = ?",
		&s, e) < 0)
		return -1;
	bind_file(s, &a->spare);
	if (stmt_run(s, e) < 0)
		return -1;
	if (tx_changes(tx) == 1)
		return 0;
	return usage_change(tx, &a->spare.uid, &c, e) < 0
	    ? -1
	    : put_loose(tx, &a->spare, 0, LOOSE_REMOVING, a->now_ms, e);
}

/* The row of a blob whose file got lost names the new file. */
static int
swap_file(
    struct tx *tx, struct upload *a, const struct zone_blob *old, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"UPDATE blob SET file = ?, finished_ms = ?"
		" WHERE uid = ? AND zone = ? AND id = ?",
		&s, e) < 0)
		return -1;
	stmt_u64(s, 1, a->u->name.file);
	stmt_i64(s, 2, a->now_ms);
	bind_blob(s, 3, &a->u->name);
	a->spare = old->name;
	if (stmt_run(s, e) < 0)
		return -1;
	/* Two uploads of one blob were charged twice. */
	return give_back(
	    tx, &old->name, usage_of_blob(old->sum.size), a->now_ms, e);
}

static int
done(struct tx *tx, void *arg, struct err *e)
{
	struct upload *a = arg;
	const struct zone_upload *u = a->u;
	struct zone_blob b;
	bool found, reserved;

	a->spare = (struct blob_name){ .file = 0 };
	if (find(tx, &u->name, &b, &found, e) < 0 ||
	    drop_loose(tx, &u->name, LOOSE_WRITING, &reserved, e) < 0)
		return -1;
	a->outcome = !reserved		  ? LATE
	    : !found			  ? KEPT
	    : !sum_equal(&b.sum, &u->sum) ? OTHER
	    : b.name.file == u->name.file ? KEPT
					  : TWICE;
	if (a->outcome == KEPT)
		return put_blob(tx, a, e);
	if (a->outcome == LATE)
		return too_late(tx, a, e);
	if (a->outcome == TWICE && !whole(a->s, &b))
		return swap_file(tx, a, &b, e);
	if (a->outcome == TWICE && renew(tx, &u->name, a->now_ms, e) < 0)
		return -1;
	a->spare = u->name;
	return throw_away(
	    tx, &u->name, usage_of_blob(u->sum.size), a->now_ms, e);
}

int
zone_blob_done(const struct zone_store *s, const struct zone_upload *u,
    int64_t now_ms, struct err *e)
{
	struct zone_upload copy = *u;
	struct upload a = { .s = s, .u = &copy, .now_ms = now_ms };
	struct err later = { 0 };

	if (db_write(s->db, done, &a, e) < 0)
		return -1;
	/* When this fails the row stays, for zone_gc. */
	if (a.spare.file != 0)
		(void)!remove_file(s, &a.spare, now_ms, &later);
	if (a.outcome == OTHER)
		return other_bytes(&u->name.id, e);
	if (a.outcome == LATE)
		return err_set(e, ERR_CONFLICT,
		    "the upload of blob %s was given up; send it again",
		    id_text(&u->name.id).s);
	return 0;
}

static int
cancel(struct tx *tx, void *arg, struct err *e)
{
	struct upload *a = arg;
	const struct zone_upload *u = a->u;
	bool had;

	a->spare = (struct blob_name){ .file = 0 };
	if (drop_loose(tx, &u->name, LOOSE_WRITING, &had, e) < 0)
		return -1;
	if (!had)
		return 0;
	a->spare = u->name;
	return give_back(
	    tx, &u->name, usage_of_blob(u->sum.size), a->now_ms, e);
}

int
zone_blob_cancel(const struct zone_store *s, const struct zone_upload *u,
    int64_t now_ms, struct err *e)
{
	struct zone_upload copy = *u;
	struct upload a = { .s = s, .u = &copy, .now_ms = now_ms };

	if (db_write(s->db, cancel, &a, e) < 0)
		return -1;
	return a.spare.file != 0 ? remove_file(s, &a.spare, now_ms, e) : 0;
}

static int
write_file(const struct zone_store *s, const struct zone_upload *u,
    struct bytes x, struct err *e)
{
	OWN(blob_abort) struct blob_writer *w = NULL;

	if (blob_begin(s->blobs, &u->name, &u->sum, &w, e) < 0 ||
	    blob_add(w, x, e) < 0)
		return -1;
	return blob_finish(&w, e);
}

int
zone_blob_put(const struct zone_store *s, const struct zone_key *key,
    const struct id *id, struct bytes x, int64_t now_ms, struct err *e)
{
	struct zone_upload u = { .name = name_of(key, id) };
	struct err later = { 0 };

	u.sum.size = x.n;
	checksum_of(x, &u.sum.sum);
	if (zone_blob_begin(s, &u, now_ms, e) < 0)
		return -1;
	if (u.have)
		return 0;
	if (write_file(s, &u, x, e) < 0) {
		/* When this fails too, zone_gc does it. */
		(void)!zone_blob_cancel(s, &u, now_ms, &later);
		return -1;
	}
	return zone_blob_done(s, &u, now_ms, e);
}

/* Looking */

struct look {
	struct blob_name name;
	struct zone_blob *out;
};

static int
look(struct tx *tx, void *arg, struct err *e)
{
	const struct look *l = arg;
	bool found;

	if (find(tx, &l->name, l->out, &found, e) < 0)
		return -1;
	if (!found)
		return err_set(e, ERR_NOT_FOUND, "there is no blob %s",
		    id_text(&l->name.id).s);
	return 0;
}

int
zone_blob_get(const struct zone_store *s, const struct zone_key *key,
    const struct id *id, struct zone_blob *out, struct err *e)
{
	struct look l = { name_of(key, id), out };

	return db_read(s->db, look, &l, e);
}

int
zone_blob_open(const struct zone_store *s, const struct zone_key *key,
    const struct id *id, int *out, struct zone_blob *blob, struct err *e)
{
	OWN(fd_close) int fd = -1;
	uint64_t size;

	if (zone_blob_get(s, key, id, blob, e) < 0)
		return -1;
	if (blob_open(s->blobs, &blob->name, &fd, &size, e) < 0) {
		if (e->code == ERR_NOT_FOUND)
			e->code = ERR_BLOB_MISSING;
		return -1;
	}
	if (size != blob->sum.size)
		return err_set(e,
		    size < blob->sum.size ? ERR_BLOB_TRUNCATED
					  : ERR_BLOB_CORRUPT,
		    "blob %s has %llu of %llu bytes", id_text(id).s,
		    (unsigned long long)size,
		    (unsigned long long)blob->sum.size);
	*out = fd;
	fd = -1;
	return 0;
}

struct existing {
	const struct zone_store *s;
	const struct zone_key *key;
	struct bytes ids;
	int64_t now_ms;
	struct zone_blob *found; /* file 0: not there */
};

static int
exists(struct tx *tx, void *arg, struct err *e)
{
	const struct existing *x = arg;
	struct scan s = scan_of(x->ids);
	bool found;

	for (size_t i = 0; i < x->ids.n / ID_BYTES; i++) {
		struct id id = id_take(&s);
		struct blob_name n = name_of(x->key, &id);
		struct zone_blob *b = &x->found[i];
		*b = (struct zone_blob){ .name.file = 0 };
		if (find(tx, &n, b, &found, e) < 0)
			return -1;
		/* Only what nothing names is collected by its age. */
		if (found && b->refs == 0 && !db_looks(x->s->db) &&
		    b->finished_ms + ZONE_BLOB_RENEW_MS <= x->now_ms &&
		    renew(tx, &n, x->now_ms, e) < 0)
			return -1;
	}
	return 0;
}

int
zone_blob_exists(const struct zone_store *s, const struct zone_key *key,
    struct bytes ids, int64_t now_ms, uint8_t *bitmap, struct err *e)
{
	OWN(mem_free)
	struct zone_blob *found = mem_array(LIMIT_EXISTS_IDS, sizeof *found);
	struct existing x = { s, key, ids, now_ms, found };
	size_t n = ids.n / ID_BYTES;

	if (ids.n % ID_BYTES != 0)
		return err_set(
		    e, ERR_BAD_REQUEST, "blob ids have %d bytes", ID_BYTES);
	if (ids.n > LIMIT_EXISTS_IDS * ID_BYTES)
		return err_set(e, ERR_TOO_LARGE,
		    "more than %d blob ids at once", LIMIT_EXISTS_IDS);
	if ((db_looks(s->db) ? db_read(s->db, exists, &x, e)
			     : db_write(s->db, exists, &x, e)) < 0)
		return -1;
	/* Outside of the transaction: others need not wait for the disk. */
	memset(bitmap, 0, (n + 7) / 8);
	for (size_t i = 0; i < n; i++)
		if (found[i].name.file != 0 && whole(s, &found[i]))
			bitmap[i / 8] |= (uint8_t)(1u << i % 8);
	return 0;
}

/* Removing */

/* The row moves to the files to be removed. */
static int
doom(struct tx *tx, const struct zone_blob *b, int64_t now_ms, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (stmt_new(tx,
		"DELETE FROM blob WHERE uid = ? AND zone = ? AND id = ?", &s,
		e) < 0)
		return -1;
	bind_blob(s, 1, &b->name);
	if (stmt_run(s, e) < 0)
		return -1;
	return throw_away(tx, &b->name, usage_of_blob(b->sum.size), now_ms, e);
}

struct deletion {
	struct blob_name name;
	int64_t now_ms;
};

static int delete (struct tx *tx, void *arg, struct err *e)
{
	struct deletion *d = arg;
	struct zone_blob b;
	struct look l = { d->name, &b };

	if (look(tx, &l, e) < 0)
		return -1;
	if (b.refs > 0)
		return err_set(e, ERR_CONFLICT, "%llu records name blob %s",
		    (unsigned long long)b.refs, id_text(&d->name.id).s);
	d->name = b.name;
	return doom(tx, &b, d->now_ms, e);
}

int
zone_blob_delete(const struct zone_store *s, const struct zone_key *key,
    const struct id *id, int64_t now_ms, struct err *e)
{
	struct deletion d = { name_of(key, id), now_ms };

	if (db_write(s->db, delete, &d, e) < 0)
		return -1;
	return remove_file(s, &d.name, now_ms, e);
}

/* Collecting */

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
	for (size_t i = 0; i < b->n; i++) {
		struct zone_blob x = { .name = b->list[i],
			.sum.size = b->size[i] };
		if (doom(tx, &x, b->now_ms, e) < 0)
			return -1;
	}
	return 0;
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
	/* Some may have been written whole before a crash. */
	for (size_t i = 0; i < b->n; i++)
		if (throw_away(tx, &b->list[i], b->size[i], b->now_ms, e) < 0)
			return -1;
	return 0;
}

/* ---- out of the trash ---- */

static int
forget_trash(
    struct tx *tx, const struct blob_name *n, uint64_t charged, struct err *e)
{
	struct usage_change c = { .trash = -(int64_t)charged, .blobs = -1 };
	bool had;

	if (drop_loose(tx, n, LOOSE_TRASH, &had, e) < 0)
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

	if (stmt_new(tx,
		b->of != NULL ? "SELECT uid, zone, id, file, size, since_ms"
				" FROM loose WHERE state = 3 AND uid = ?1"
				" AND since_ms < ?2 ORDER BY since_ms LIMIT ?3"
			      : "SELECT uid, zone, id, file, size, since_ms"
				" FROM loose WHERE state = 3"
				" AND since_ms < ?2 ORDER BY since_ms LIMIT ?3",
		&s, e) < 0)
		return -1;
	if (b->of != NULL)
		stmt_bytes(s, 1, bytes_of(b->of->b, ID_BYTES));
	stmt_i64(s, 2, b->before_ms);
	stmt_u64(s, 3, GC_BATCH);
	return fill(b, s, e);
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
	bind_file(s, &after);
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
		struct thrown t = { b->list, gone, b->n, b->now_ms };
		if (b->n > 0 && db_write(s->db, note_thrown, &t, &one) < 0) {
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
