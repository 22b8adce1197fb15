/* SPDX-License-Identifier: ISC */
/* edit_commit.c: changes by hand, planned and committed on the head. */
#include "drive/edit_in.h"

#include "base/file.h"
#include "base/now.h"
#include "drive/content_in.h"
#include "drive/record.h"
#include "wire/limits.h"

#include <stdlib.h>
#include <string.h>

#define TRIES 50 /* others were faster each time */
#define FULL_EDITS 800 /* of LIMIT_COMMIT_RECORDS; packs come beside */
#define FULL_BYTES ((size_t)4 << 20)

int
edit_open(const struct edit_from *from, struct edit **out, struct err *e)
{
	OWN(edit_free) struct edit *d = mem_new(sizeof *d);
	OWN(mem_free) char *path = file_join(from->dir, "drive.db");

	d->from = *from;
	d->repo = from->repo;
	d->zone = repo_part(from->repo, CATEGORY_DRIVE)->zone;
	if (drivedb_open(path, &d->db, e) < 0)
		return -1;
	*out = TAKE(d);
	return 0;
}

void
edit_free(struct edit **dp)
{
	struct edit *d = *dp;

	if (d == NULL)
		return;
	content_in_free(&d->in);
	drivedb_free(&d->db);
	free(d);
	*dp = NULL;
}

static int
follow(struct edit *d, struct err *e)
{
	uint64_t bad;

	if (d->in != NULL && content_in_recorded(d->in, e) < 0)
		return -1;
	return drivedb_follow(d->db, d->zone, NULL, &bad, e);
}

int
edit_pull(struct edit *d, struct err *e)
{
	if (zcopy_pull(d->zone, e) < 0 || repo_follow(d->repo, e) < 0)
		return -1;
	return follow(d, e);
}

int
edit_go_on(const struct edit *d, struct err *e)
{
	if (d->from.stop == NULL || !d->from.stop())
		return 0;
	return err_set(e, ERR_STOPPED, "it was asked to stop");
}

/* ---- a batch ---- */

static void
batch_free(struct edit_batch *b)
{
	for (size_t i = 0; i < b->n_plain; i++)
		buf_free(&b->plain[i]);
	free(b->plain);
	free(b->edits);
	free(b->changes);
	*b = (struct edit_batch){ 0 };
}

static void
batch_begin(struct edit_batch *b, struct edit *d)
{
	*b = (struct edit_batch){ .d = d, .now = (uint64_t)now_ms() };
	b->changes = mem_array(LIMIT_COMMIT_RECORDS, sizeof *b->changes);
	b->edits = mem_array(LIMIT_COMMIT_RECORDS, sizeof *b->edits);
	b->plain = mem_array(LIMIT_COMMIT_RECORDS, sizeof *b->plain);
}

bool
edit_full(const struct edit_batch *b)
{
	return b->n_edits >= FULL_EDITS || b->bytes >= FULL_BYTES;
}

static void
add_edit(struct edit_batch *b, const struct id *id, uint64_t expect,
    const struct buf *plain)
{
	b->edits[b->n_edits++] = (struct zcopy_edit){ .id = *id,
		.deleted = plain == NULL,
		.plain = plain == NULL ? bytes_of(NULL, 0) : buf_bytes(plain),
		.expects = true,
		.expect = expect };
	b->bytes += plain == NULL ? 0 : plain->n;
}

static void
put_as(struct edit_batch *b, const struct plan_change *c, struct node *n)
{
	struct buf *plain = &b->plain[b->n_plain++];

	n->dev = b->d->from.dev_id;
	n->changed_ms = b->now;
	node_put(plain, n);
	add_edit(b, &c->id, c->expect, plain);
	b->changes[b->n++] = *c;
}

static struct plan_change
change_of(const struct id *id, uint64_t expect, const struct node *n)
{
	struct plan_change c = { .kind = expect == 0 ? PLAN_NEW : PLAN_UPDATE,
		.id = *id,
		.expect = expect,
		.parent = n->parent,
		.type = n->type };

	c.name_n = (uint8_t)(n->name.n <= NODE_NAME_MAX ? n->name.n : 0);
	memcpy(c.name, n->name.p, c.name_n);
	return c;
}

void
edit_put(
    struct edit_batch *b, const struct id *id, uint64_t expect, struct node *n)
{
	struct plan_change c = change_of(id, expect, n);

	n->flags &= (uint16_t)~NODE_TRASHED;
	n->trashed_ms = 0;
	put_as(b, &c, n);
}

void
edit_trash(struct edit_batch *b, const struct id *id, struct edit_node *x)
{
	struct plan_change c = change_of(id, x->version, &x->n);

	c.kind = PLAN_TRASH;
	x->n.flags |= NODE_TRASHED;
	x->n.trashed_ms = b->now;
	put_as(b, &c, &x->n);
}

int
edit_keep(struct edit_batch *b, const struct id *id, const struct node *was,
    struct err *e)
{
	struct buf *plain = &b->plain[b->n_plain++];
	struct id at = node_history_id(id);
	uint64_t version;

	if (record_history(b->d->zone, id, was, plain, &version, e) < 0)
		return -1;
	add_edit(b, &at, version, plain);
	return 0;
}

int
edit_drop(struct edit_batch *b, const struct id *id, struct err *e)
{
	const struct id ids[2] = { node_history_id(id), *id };

	for (size_t i = 0; i < 2; i++) {
		OWN(buf_free) struct buf plain = { 0 };
		uint64_t version;
		if (zcopy_look(b->d->zone, &ids[i], &version, &plain, e) < 0)
			return -1;
		if (version > 0)
			add_edit(b, &ids[i], version, NULL);
	}
	return 0;
}

void
edit_new_dir(struct edit_batch *b, const struct id *parent, struct bytes name,
    struct id *id)
{
	struct node n = { .type = NODE_DIR,
		.parent = *parent,
		.name = name,
		.mtime_s = (int64_t)(b->now / 1000),
		.edits = 1 };

	id_random(id);
	edit_put(b, id, 0, &n);
}

/* ---- nodes ---- */

void
edit_node_free(struct edit_node *x)
{
	buf_free(&x->plain);
}

int
edit_load(
    struct edit *d, const struct id *id, struct edit_node *out, struct err *e)
{
	const struct id made = valid_recovered();

	buf_clear(&out->plain);
	if (id_equal(id, &made))
		return err_set(e, ERR_DRIVE_TREE_INVALID,
		    "this directory is there while it has something, and "
		    "cannot be changed itself");
	if (zcopy_look(d->zone, id, &out->version, &out->plain, e) < 0)
		return -1;
	if (out->plain.n == 0)
		return err_set(e, ERR_CONFLICT, "it has just gone");
	return node_parse(buf_bytes(&out->plain), &out->n, e);
}

/* ---- the commit ---- */

struct planning {
	struct edit_batch *b;
	edit_plan_fn fn;
	void *ctx;
};

/* The tree is that of the head, and stays it: else all is planned anew. */
static int
at_head(struct edit_batch *b, struct tx *tx, uint64_t *seq, struct err *e)
{
	if (drivedb_seq(tx, seq, e) < 0)
		return -1;
	if (*seq != zcopy_seq(b->d->zone))
		return err_set(
		    e, ERR_CONFLICT, "the drive has moved on since the plan");
	return 0;
}

static int
plan_job(struct tx *tx, void *arg, struct err *e)
{
	struct planning *p = arg;

	p->b->tx = tx;
	if (at_head(p->b, tx, &p->b->seq, e) < 0)
		return -1;
	return p->fn(p->b, p->ctx, e);
}

static int
check_job(struct tx *tx, void *arg, struct err *e)
{
	struct edit_batch *b = arg;
	uint64_t seq;

	if (at_head(b, tx, &seq, e) < 0)
		return -1;
	if (seq != b->seq)
		return err_set(
		    e, ERR_CONFLICT, "the drive has moved on since the plan");
	if (b->d->in != NULL && content_in_holds(b->d->in, e) < 0)
		return -1;
	return valid_commit(tx, b->changes, b->n, e);
}

/* Asked before each try: does it still stand on what was planned? */
static int
check(void *ctx, struct err *e)
{
	struct edit_batch *b = ctx;

	return db_read(drivedb_db(b->d->db), check_job, b, e);
}

static int
try_once(struct edit *d, edit_plan_fn fn, void *ctx, struct err *e)
{
	OWN(batch_free) struct edit_batch b = { 0 };
	struct planning p = { &b, fn, ctx };

	batch_begin(&b, d);
	if (db_read(drivedb_db(d->db), plan_job, &p, e) < 0)
		return -1;
	if (b.n_edits == 0)
		return 0;
	if (d->in != NULL)
		b.n_edits += content_in_edits(d->in, b.edits + b.n_edits,
		    LIMIT_COMMIT_RECORDS - b.n_edits);
	if (zcopy_commit(d->zone, b.edits, b.n_edits, check, &b, e) < 0)
		return -1;
	return follow(d, e);
}

int
edit_commit(struct edit *d, edit_plan_fn fn, void *ctx, struct err *e)
{
	for (int i = 0; i < TRIES; i++) {
		if (edit_go_on(d, e) < 0)
			return -1;
		if (d->in != NULL &&
		    content_in_commit(d->in, CONTENT_IN_BESIDE, e) < 0)
			return -1;
		if (try_once(d, fn, ctx, e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT)
			return -1;
		err_clear(e);
		if (edit_pull(d, e) < 0)
			return -1;
	}
	return err_set(e, ERR_CONFLICT,
	    "other devices change the drive all the time; nothing was done");
}
