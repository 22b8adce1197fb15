/* SPDX-License-Identifier: ISC */
/* zone_blob_put.c: blobs come in. */
#include "store/zone_blob_in.h"

#include "store/usage.h"

static bool
sum_equal(const struct blob_sum *a, const struct blob_sum *b)
{
	return a->size == b->size && checksum_equal(&a->sum, &b->sum);
}

static int
other_bytes(const struct id *id, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "blob %s is there with other bytes",
	    id_text(id).s);
}

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

	if (zone_blob_find(tx, &u->name, &b, &found, e) < 0)
		return -1;
	if (found && !sum_equal(&b.sum, &u->sum))
		return other_bytes(&u->name.id, e);
	/* A blob whose file got lost is uploaded again. */
	u->have = found && zone_blob_whole(a->s, &b);
	if (u->have)
		return zone_blob_renew(tx, &u->name, a->now_ms, e);
	uint64_t charged = usage_of_blob(u->sum.size);
	struct usage_change c = { .bytes = (int64_t)charged, .blobs = 1 };
	if (usage_change(tx, &u->name.uid, &c, e) < 0)
		return -1;
	return zone_blob_put_loose(
	    tx, &u->name, charged, LOOSE_WRITING, a->now_ms, e);
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
	zone_blob_bind(s, 1, &u->name);
	stmt_u64(s, 4, u->name.file);
	stmt_u64(s, 5, u->sum.size);
	stmt_bytes(s, 6, bytes_of(u->sum.sum.b, CHECKSUM_BYTES));
	stmt_i64(s, 7, a->now_ms);
	return stmt_run(s, e);
}

/* Of what was reserved nothing is there: it is given back at once. */
static int
give_back(struct tx *tx, const struct blob_name *n, uint64_t charged,
    int64_t now_ms, struct err *e)
{
	struct usage_change c = { .bytes = -(int64_t)charged };

	return usage_change(tx, &n->uid, &c, e) < 0
	    ? -1
	    : zone_blob_put_loose(tx, n, 0, LOOSE_REMOVING, now_ms, e);
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
	zone_blob_bind_file(s, &a->spare);
	if (stmt_run(s, e) < 0)
		return -1;
	if (tx_changes(tx) == 1)
		return 0;
	return usage_change(tx, &a->spare.uid, &c, e) < 0
	    ? -1
	    : zone_blob_put_loose(
		  tx, &a->spare, 0, LOOSE_REMOVING, a->now_ms, e);
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
	zone_blob_bind(s, 3, &a->u->name);
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
	if (zone_blob_find(tx, &u->name, &b, &found, e) < 0 ||
	    zone_blob_drop_loose(tx, &u->name, LOOSE_WRITING, &reserved, e) < 0)
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
	if (a->outcome == TWICE && !zone_blob_whole(a->s, &b))
		return swap_file(tx, a, &b, e);
	if (a->outcome == TWICE &&
	    zone_blob_renew(tx, &u->name, a->now_ms, e) < 0)
		return -1;
	a->spare = u->name;
	return zone_blob_throw_away(
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
		(void)!zone_blob_remove_file(s, &a.spare, now_ms, &later);
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
	if (zone_blob_drop_loose(tx, &u->name, LOOSE_WRITING, &had, e) < 0)
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
	return a.spare.file != 0 ? zone_blob_remove_file(s, &a.spare, now_ms, e)
				 : 0;
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
	struct zone_upload u = { .name = zone_blob_name(key, id) };
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
