/* SPDX-License-Identifier: ISC */
/* tidy_trash.c: what was in the trash for its time, deepest first. */
/*
 * A directory takes all below it along, but what was deleted by itself later:
 * that waits, and the directory with it. A node goes when nothing is below it,
 * so that every commit leaves a valid tree.
 */
#include "drive/tidy_in.h"

#include "drive/node.h"
#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

struct doomed {
	struct id id;
	uint64_t version;
	bool skip; /* something is below it */
};

struct trash {
	struct tidy *t;
	struct doomed *list; /* deepest first */
	size_t n;
	size_t from, to; /* of this commit */
};

static void
trash_free(struct trash *x)
{
	free(x->list);
}

/* ---- which ---- */

/* All below what is over its time, with how deep they are below it. */
static int
list_job(struct tx *tx, void *arg, struct err *e)
{
	struct trash *x = arg;
	OWN(stmt_done) struct stmt *s = NULL;
	uint64_t before = x->t->now_ms > x->t->policy.trash_ms
	    ? x->t->now_ms - x->t->policy.trash_ms
	    : 0;
	int row;

	x->n = 0;
	if (sql_ask(tx, e, &s,
		"WITH RECURSIVE gone (id, depth) AS ("
		" SELECT id, 0 FROM tree WHERE flags & 2 AND trashed_ms <= ?"
		" UNION SELECT c.id, gone.depth + 1 FROM gone"
		" JOIN tree c ON c.parent = gone.id"
		" WHERE gone.depth < ?"
		" AND (NOT c.flags & 2 OR c.trashed_ms <= ?))"
		" SELECT tree.id, tree.version, max(depth) AS deepest FROM gone"
		" JOIN tree ON tree.id = gone.id GROUP BY tree.id"
		" ORDER BY deepest DESC",
		"uuu", before, (uint64_t)NODE_DEPTH_MAX, before) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		struct doomed d = { .version = stmt_got_u64(s, 1) };
		stmt_got_copy(s, 0, d.id.b, ID_BYTES);
		x->list = mem_resize(x->list, x->n + 1, sizeof *x->list);
		x->list[x->n++] = d;
	}
	return row;
}

static bool
in_batch(const struct trash *x, const struct id *id)
{
	for (size_t i = x->from; i < x->to; i++)
		if (!x->list[i].skip && id_equal(&x->list[i].id, id))
			return true;
	return false;
}

/* Will nothing be below it? */
static int
is_empty(struct tx *tx, const struct trash *x, const struct id *id, bool *empty,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	*empty = true;
	if (sql_ask(tx, e, &s, "SELECT id FROM tree WHERE parent = ?", "i",
		id) < 0)
		return -1;
	while (*empty && (row = sql_next(s, e)) != 0) {
		struct id child;
		if (row < 0)
			return -1;
		stmt_got_copy(s, 0, child.b, ID_BYTES);
		*empty = in_batch(x, &child);
	}
	return 0;
}

/* Is it, or what it lies in, in the trash for its time? */
static int
is_over(struct tx *tx, const struct trash *x, const struct doomed *d,
    bool *over, struct err *e)
{
	struct drivedb_entry at;
	struct id id = d->id;
	bool found;

	*over = false;
	for (unsigned depth = 0; depth <= NODE_DEPTH_MAX; depth++) {
		if (drivedb_entry(tx, &id, &at, &found, e) < 0)
			return -1;
		if (!found || id_zero(&id) ||
		    (depth == 0 && at.node.version != d->version))
			return 0;
		*over = at.node.trashed &&
		    hist_expired(
			&x->t->policy, x->t->now_ms, at.trashed_ms);
		if (at.node.trashed)
			return 0;
		id = at.node.parent;
	}
	return 0;
}

/* ---- a commit of them ---- */

/* The tree is that of the head, and all of them may go. */
static int
check_job(struct tx *tx, void *arg, struct err *e)
{
	struct trash *x = arg;
	uint64_t seq;

	if (drivedb_seq(tx, &seq, e) < 0)
		return -1;
	if (seq != zcopy_seq(x->t->zone))
		return err_set(e, ERR_CONFLICT, "the drive has moved on");
	for (size_t i = x->from; i < x->to; i++) {
		bool over, empty;
		if (x->list[i].skip)
			continue;
		if (is_over(tx, x, &x->list[i], &over, e) < 0 ||
		    is_empty(tx, x, &x->list[i].id, &empty, e) < 0)
			return -1;
		if (!over || !empty)
			return err_set(e, ERR_CONFLICT,
			    "somebody took something out of the trash");
	}
	return 0;
}

static int
check(void *ctx, struct err *e)
{
	struct trash *x = ctx;

	return db_read(drivedb_db(drive_db(x->t->d)), check_job, x, e);
}

/* Deepest first: what is skipped keeps what is above it. */
static int
skip_job(struct tx *tx, void *arg, struct err *e)
{
	struct trash *x = arg;

	for (size_t i = x->from; i < x->to; i++) {
		bool empty;
		if (is_empty(tx, x, &x->list[i].id, &empty, e) < 0)
			return -1;
		x->list[i].skip = !empty;
	}
	return 0;
}

static int
add_one(struct trash *x, const struct doomed *d, struct zcopy_edit *edits,
    size_t *n, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct zcopy_edit h = { .id = node_history_id(&d->id),
		.deleted = true,
		.expects = true };

	edits[(*n)++] = (struct zcopy_edit){ .id = d->id,
		.deleted = true,
		.expects = true,
		.expect = d->version };
	if (zcopy_look(x->t->zone, &h.id, &h.expect, &plain, e) < 0)
		return -1;
	if (h.expect != 0)
		edits[(*n)++] = h;
	return 0;
}

static int
purge_batch(struct trash *x, struct err *e)
{
	struct zcopy_edit edits[2 * TIDY_BATCH];
	size_t n = 0, nodes = 0;

	if (db_read(drivedb_db(drive_db(x->t->d)), skip_job, x, e) < 0)
		return -1;
	for (size_t i = x->from; i < x->to; i++) {
		if (x->list[i].skip)
			continue;
		if (add_one(x, &x->list[i], edits, &n, e) < 0)
			return -1;
		nodes++;
	}
	if (n == 0)
		return 0;
	if (zcopy_commit(x->t->zone, edits, n, check, x, e) < 0)
		return -1;
	x->t->out->purged += nodes;
	return drive_pull(x->t->d, e);
}

static int
purge_all(struct tidy *t, struct err *e)
{
	OWN(trash_free) struct trash x = { .t = t };

	if (drive_pull(t->d, e) < 0 ||
	    db_read(drivedb_db(drive_db(t->d)), list_job, &x, e) < 0)
		return -1;
	if (t->dry) {
		t->out->purged = x.n;
		return 0;
	}
	for (x.from = 0; x.from < x.n; x.from = x.to) {
		x.to = x.from + TIDY_BATCH < x.n ? x.from + TIDY_BATCH : x.n;
		if (tidy_goes_on(t, e) < 0 || purge_batch(&x, e) < 0)
			return -1;
	}
	return 0;
}

int
tidy_trash(struct tidy *t, struct err *e)
{
	for (int i = 0; i < TIDY_TRIES; i++) {
		if (purge_all(t, e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT)
			return -1;
		err_clear(e);
	}
	return 0; /* a busy day: tomorrow */
}
