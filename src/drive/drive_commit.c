/* SPDX-License-Identifier: ISC */
/* drive_commit.c: a plan's changes as records, in commits of the zone. */
/*
 * A commit stands on the very head that its plan was made at: whoever came in
 * between is pulled, and all is planned anew. Records of packs that wait go with
 * the first one.
 */
#include "drive/drive_in.h"

#include "base/now.h"
#include "drive/record.h"
#include "tree/valid.h"
#include "wire/limits.h"

#include <stdlib.h>
#include <string.h>

#define LOST_MAX 64 /* races in a row */

struct batch {
	struct drive_root *r;
	const struct plan_change *changes;
	size_t n;
	struct zcopy_edit *edits;
	size_t n_edits;
	struct buf *plain; /* of nodes and histories */
	size_t n_plain;
	struct buf bare; /* ids of what has to be read before */
	uint64_t now;
};

static void
batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->n_plain; i++)
		buf_free(&b->plain[i]);
	free(b->plain);
	free(b->edits);
	buf_free(&b->bare);
}

static void
add_edit(
    struct batch *b, const struct id *id, uint64_t expect, struct buf *plain)
{
	b->edits[b->n_edits++] = (struct zcopy_edit){ .id = *id,
		.plain = buf_bytes(plain),
		.expects = true,
		.expect = expect };
}

/* ---- packs ---- */

int
drive_commit_packs(struct drive *d, size_t more_than, struct err *e)
{
	return d->in == NULL ? 0 : content_in_commit(d->in, more_than, e);
}

/* ---- nodes ---- */

/* What it was goes to its history. */
static int
add_history(
    struct batch *b, const struct id *id, const struct node *was, struct err *e)
{
	struct buf *plain = &b->plain[b->n_plain++];
	struct id at = node_history_id(id);
	uint64_t version;

	if (record_history(b->r->d->zone, id, was, plain, &version, e) < 0)
		return -1;
	add_edit(b, &at, version, plain);
	return 0;
}

static void
set_flag(struct node *n, uint16_t flag, bool on)
{
	n->flags = (uint16_t)(on ? n->flags | flag : n->flags & ~flag);
}

static void
set_content(struct node *n, const struct drivedb_diff *x)
{
	int64_t ns = x->node.stat.mtime_ns;

	n->type = x->node.type;
	if (n->type == NODE_SYMLINK)
		n->target = x->content;
	else if (n->type == NODE_FILE)
		n->content = x->content;
	set_flag(n, NODE_SECRET, x->node.secret);
	n->mtime_s = ns / 1000000000 - (ns % 1000000000 < 0);
	n->mtime_ns = (uint32_t)(ns - n->mtime_s * 1000000000);
}

/*
 * What only moved here has its content from base: its number and not the bytes
 * of a record. They are wanted when the node there has another one by now.
 */
static bool
is_bare(const struct plan_change *c, const struct drive_diff *d)
{
	return c->type != NODE_DIR &&
	    (!d->found || (!d->x.gone && d->content.n == 0));
}

/* errors: conflict: the disk or the zone is not as it was planned. */
static int
add_change(
    struct batch *b, struct tx *tx, const struct plan_change *c, struct err *e)
{
	OWN(buf_free) struct buf old = { 0 };
	OWN(drive_diff_free) struct drive_diff d = { .found = false };
	struct node n = { .type = c->type };
	struct node was = n;
	uint64_t version;

	if (zcopy_look(b->r->d->zone, &c->id, &version, &old, e) < 0)
		return -1;
	if (version != c->expect)
		return err_set(e, ERR_CONFLICT, "it has moved on");
	if (old.n > 0) {
		if (node_parse(buf_bytes(&old), &n, e) < 0)
			return -1;
		was = n;
	}
	if (c->kind == PLAN_TRASH) {
		n.trashed_ms = b->now;
		set_flag(&n, NODE_TRASHED, true);
	} else {
		n.trashed_ms = 0;
		set_flag(&n, NODE_TRASHED, false);
		n.parent = c->parent;
		n.name = bytes_of(c->name, c->name_n);
		set_flag(&n, NODE_EXEC, c->exec);
		if (c->conflict)
			set_flag(&n, NODE_CONFLICT, true);
	}
	if (c->content || (c->kind == PLAN_NEW && c->type != NODE_DIR)) {
		if (drive_diff(tx, b->r, &c->from, &d, e) < 0)
			return -1;
		if (is_bare(c, &d)) {
			id_put(&b->bare, &c->from);
			return 0;
		}
		if (!d.found || d.x.gone || d.x.node.unread ||
		    (c->content &&
			!digest_equal(&d.x.node.content, &c->content_id)))
			return err_set(e, ERR_CONFLICT, "it has just changed");
		if (old.n > 0 && was.type == NODE_FILE &&
		    add_history(b, &c->id, &was, e) < 0)
			return -1;
		set_content(&n, &d.x);
		node_edited(&n);
	} else if (old.n == 0) {
		n.mtime_s = (int64_t)(b->now / 1000);
		n.edits = 1;
	}
	n.dev = b->r->d->from.dev_id;
	n.changed_ms = b->now;
	struct buf *plain = &b->plain[b->n_plain++];
	node_put(plain, &n);
	add_edit(b, &c->id, c->expect, plain);
	return 0;
}

static int
read_bare(struct tx *tx, void *arg, struct err *e)
{
	const struct batch *b = arg;
	struct drivedb_views v;

	drivedb_views(&v, tx, b->r->row.root);
	for (size_t at = 0; at < b->bare.n; at += ID_BYTES) {
		OWN(buf_free) struct buf path = { 0 };
		struct drivedb_diff x = { .gone = false };
		struct id id;
		struct err ignored;
		memcpy(id.b, b->bare.p + at, ID_BYTES);
		if (!v.local.find(v.local.ctx, &id, &x.node))
			continue;
		/* A link is read by the scan. */
		if (drive_path(&v, &b->r->row.top, &x.node, &path, &ignored) ==
		    0)
			drive_look_again(b->r, buf_text(&path));
		x.node.unread = x.node.type == NODE_FILE;
		if (x.node.unread)
			memset(&x.node.content, 0, sizeof x.node.content);
		if (drivedb_diff_put(tx, b->r->row.root, &x, e) < 0)
			return -1;
	}
	if (v.failed)
		*e = v.err;
	return v.failed ? -1 : 0;
}

static int
compose(struct tx *tx, void *arg, struct err *e)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->n; i++)
		if (add_change(b, tx, &b->changes[i], e) < 0)
			return -1;
	return b->bare.n == 0
	    ? 0
	    : err_set(e, ERR_CONFLICT, "it has to be read before");
}

/* ---- the commit ---- */

struct look {
	struct batch *b;
	uint64_t seq;
};

static int
look_job(struct tx *tx, void *arg, struct err *e)
{
	struct look *k = arg;

	if (drivedb_seq(tx, &k->seq, e) < 0)
		return -1;
	if (k->seq != k->b->r->planned_seq ||
	    k->seq != zcopy_seq(k->b->r->d->zone))
		return err_set(
		    e, ERR_CONFLICT, "the drive has moved on since the plan");
	return valid_commit(tx, k->b->changes, k->b->n, e);
}

/* Asked before each try: does it still stand on what was planned? */
static int
check(void *ctx, struct err *e)
{
	struct look k = { .b = ctx };

	return db_read(drivedb_db(k.b->r->d->db), look_job, &k, e);
}

static void
count(struct drive_report *t, const struct plan_change *c)
{
	if (c->kind == PLAN_TRASH)
		t->trashed++;
	else if (c->content && c->type == NODE_FILE)
		t->up_files++;
	else if (c->kind == PLAN_UPDATE)
		t->moved++;
}

struct noting {
	struct drive_root *r;
	const struct plan_change *changes;
	size_t n;
};

/* Of a conflict: where it was here, and where it is there. */
static int
note_conflicts(struct tx *tx, void *arg, struct err *e)
{
	struct noting *g = arg;
	struct drive_report *t = g->r->report;
	struct drivedb_views v;

	drivedb_views(&v, tx, g->r->row.root);
	for (size_t i = 0; i < g->n; i++) {
		const struct plan_change *c = &g->changes[i];
		OWN(buf_free) struct buf path = { 0 };
		OWN(buf_free) struct buf copy = { 0 };
		struct plan_node n;
		struct err ignored;
		if (!c->conflict || c->kind != PLAN_NEW)
			continue;
		if (drivedb_path(tx, &c->id, &copy, e) < 0)
			return -1;
		if (!v.local.find(v.local.ctx, &c->from, &n) ||
		    drive_path(&v, &g->r->row.top, &n, &path, &ignored) < 0)
			continue;
		t->conflicts = mem_resize(
		    t->conflicts, t->n_conflicts + 1, sizeof *t->conflicts);
		t->conflicts[t->n_conflicts++] =
		    (struct drive_conflict){ .path = mem_text(buf_text(&path)),
			    .copy = mem_text(buf_text(&copy)) };
	}
	return 0;
}

/* The tree as the commit left it, for this root and the others. */
static int
follow(struct drive_root *r, struct err *e)
{
	OWN(buf_free) struct buf news = { 0 };

	if (drivedb_follow(r->d->db, r->d->zone, &news, &r->d->bad, e) < 0)
		return -1;
	for (struct drive_root *o = r->d->roots; o != NULL; o = o->next)
		buf_put_bytes(o == r ? &r->todo : &o->news, buf_bytes(&news));
	return 0;
}

static int
commit_batch(struct drive_root *r, const struct plan_change *changes, size_t n,
    struct err *e)
{
	struct drive *d = r->d;
	OWN(batch_free)
	struct batch b = {
		.r = r, .changes = changes, .n = n, .now = (uint64_t)now_ms()
	};

	b.edits = mem_array(LIMIT_COMMIT_RECORDS, sizeof *b.edits);
	b.plain = mem_array(2 * n + 1, sizeof *b.plain);
	/* What does not fit beside the nodes goes before them. */
	if (drive_commit_packs(d, CONTENT_IN_BESIDE, e) < 0)
		return -1;
	if (r->planned_seq != zcopy_seq(d->zone))
		return err_set(
		    e, ERR_CONFLICT, "the drive has moved on since the plan");
	if (db_read(drivedb_db(d->db), compose, &b, e) < 0) {
		struct err why;
		if (b.bare.n > 0 &&
		    db_write(drivedb_db(d->db), read_bare, &b, &why) < 0)
			*e = why;
		return -1;
	}
	if (d->in != NULL)
		b.n_edits += content_in_edits(d->in, b.edits + b.n_edits,
		    LIMIT_COMMIT_RECORDS - b.n_edits);
	if (zcopy_commit(d->zone, b.edits, b.n_edits, check, &b, e) < 0) {
		/* Packs that waited for days, as offline, were collected. */
		if (e->code == ERR_BLOB_MISSING && d->in != NULL)
			content_in_forget(d->in);
		return -1;
	}
	if (d->in != NULL && content_in_recorded(d->in, e) < 0)
		return -1;
	struct noting g = { r, changes, n };
	if (follow(r, e) < 0 ||
	    db_read(drivedb_db(d->db), note_conflicts, &g, e) < 0)
		return -1;
	r->planned_seq = zcopy_seq(d->zone);
	uint64_t trashed = 0;
	for (size_t i = 0; i < n; i++) {
		if (changes[i].kind == PLAN_TRASH)
			trashed += changes[i].files;
		count(r->report, &changes[i]);
		drive_todo(r, &changes[i].id);
		if (!id_equal(&changes[i].from, &changes[i].id))
			drive_todo(r, &changes[i].from);
	}
	r->report->commits++;
	return drive_gate_count(r, trashed, e);
}

int
drive_commit(
    struct drive_root *r, const struct plan_out *p, bool *lost, struct err *e)
{
	*lost = false;
	if (r->lost > LOST_MAX) {
		r->lost = 0;
		return err_set(e, ERR_CONFLICT,
		    "other devices change the drive faster than this one can");
	}
	for (size_t i = 0, end; i < p->n_changes; i = end) {
		for (end = i; end < p->n_changes &&
		     p->changes[end].batch == p->changes[i].batch;)
			end++;
		if (drive_stopped(r, e))
			return -1;
		if (commit_batch(r, &p->changes[i], end - i, e) == 0) {
			r->lost = 0;
			continue;
		}
		if (e->code != ERR_CONFLICT && e->code != ERR_BLOB_MISSING)
			return -1;
		err_clear(e);
		r->lost++;
		*lost = true;
		for (size_t k = i; k < p->n_changes; k++) {
			drive_todo(r, &p->changes[k].id);
			drive_todo(r, &p->changes[k].from);
		}
		if (drive_pull(r->d, e) < 0)
			return -1;
		drive_take_news(r);
		return 0;
	}
	return 0;
}
