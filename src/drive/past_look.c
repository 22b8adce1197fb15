/* SPDX-License-Identifier: ISC */
/* past_look.c: what is not as it was at a time. */
#include "drive/past_in.h"

#include "tree/dbfile.h"

#include <stdlib.h>
#include <string.h>

struct past {
	struct edit *d;
	const struct past_ask *ask;
	struct past_list *list;
	struct tx *tx;
	struct buf at; /* the path, without a slash behind */
	struct node_history *history;
	bool any_there; /* in the directory that is looked at */
};

void
past_list_begin(struct past_list *l)
{
	*l = (struct past_list){ NULL, NULL };
	l->last = &l->first;
}

/* All from there on. */
static void
cut_off(struct past_list *l, struct past_todo **from)
{
	struct past_todo *t = *from;

	while (t != NULL) {
		struct past_todo *next = t->next;
		buf_free(&t->path);
		free(t);
		t = next;
	}
	*from = NULL;
	l->last = from;
}

void
past_list_free(struct past_list *l)
{
	cut_off(l, &l->first);
}

static void
add(struct past *p, enum past_step kind, const struct id *id, uint64_t number)
{
	struct past_todo *t = mem_new(sizeof *t);

	t->kind = kind;
	t->id = *id;
	t->number = number;
	buf_put_bytes(&t->path, buf_bytes(&p->at));
	*p->list->last = t;
	p->list->last = &t->next;
}

/* ---- one thing ---- */

/* What it was then. */
struct then {
	bool there; /* as far as can be told */
	bool lost; /* its content is kept no more */
	uint64_t number; /* of its content; 0: what it has now */
};

static bool
before(const struct past *p, int64_t s, uint32_t ns)
{
	int64_t at = (int64_t)(p->ask->at_ms / 1000);

	return s < at ||
	    (s == at && ns / 1000000 <= (uint32_t)(p->ask->at_ms % 1000));
}

static bool
changed_before(const struct past *p, const struct drivedb_entry *x)
{
	int64_t s = x->mtime_ns / 1000000000, ns = x->mtime_ns % 1000000000;

	return ns < 0 ? before(p, s - 1, (uint32_t)(ns + 1000000000))
		      : before(p, s, (uint32_t)ns);
}

/* From its history, when what it has now came later. */
static int
look_back(struct past *p, const struct drivedb_entry *x, bool only_contents,
    struct then *t, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct node_history *h = p->history;
	uint64_t version;

	if (record_history_of(p->d->zone, &x->node.id, h, &plain, &version, e) <
	    0)
		return -1;
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].changed_ms <= p->ask->at_ms) {
			t->number = h->v[i].edits;
			return 0;
		}
	const struct node_version *oldest = h->n > 0 ? &h->v[h->n - 1] : NULL;
	uint64_t first = oldest != NULL ? oldest->edits : x->edits;
	if (first > 1)
		t->lost = true;
	else if (only_contents || oldest == NULL ||
	    !before(p, oldest->mtime_s, oldest->mtime_ns))
		t->there = false;
	else
		t->number = first;
	return 0;
}

/*
 * Each write of a record counts one version, each content one edit. Where both
 * are as many, nothing but contents ever changed, and when they came is known.
 * Else what tells the time of its last write may have been a move or the trash;
 * the time of the file itself then says what is likely.
 */
static int
look_then(struct past *p, const struct drivedb_entry *x, struct then *t,
    struct err *e)
{
	bool only_contents = x->node.version == x->edits;

	*t = (struct then){ .there = true };
	if (x->changed_ms <= p->ask->at_ms ||
	    (!only_contents && changed_before(p, x)))
		return 0;
	if (x->node.type == NODE_FILE)
		return look_back(p, x, only_contents, t, e);
	if (x->edits > 1)
		t->lost = true;
	else
		t->there = false;
	return 0;
}

/* A content that is what it has now is none to bring back. */
static int
drop_equal(struct past *p, const struct drivedb_entry *x, struct then *t,
    struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	struct digest is;
	uint64_t version;

	if (t->number == 0)
		return 0;
	if (record_history_of(
		p->d->zone, &x->node.id, p->history, &plain, &version, e) < 0)
		return -1;
	for (size_t i = 0; i < p->history->n; i++) {
		const struct node_version *v = &p->history->v[i];
		struct node as = { .type = NODE_FILE, .content = v->content };
		if (v->edits != t->number)
			continue;
		if (node_content_id(&as, &is, e) < 0)
			return -1;
		if (digest_equal(&is, &x->node.content) &&
		    x->node.exec == ((v->flags & NODE_EXEC) != 0))
			t->number = 0;
	}
	return 0;
}

static void
decide(struct past *p, const struct drivedb_entry *x, const struct then *t)
{
	if (!t->there) {
		if (!x->node.trashed)
			add(p, PAST_TRASH, &x->node.id, 0);
	} else if (x->node.trashed) {
		add(p, t->number != 0 ? PAST_BOTH : PAST_BACK, &x->node.id,
		    t->number);
	} else if (t->number != 0) {
		add(p, PAST_CONTENT, &x->node.id, t->number);
	}
	if (t->there && t->lost)
		add(p, PAST_UNKNOWN, &x->node.id, 0);
}

/* ---- directories ---- */

static int look_at(void *ctx, const struct drivedb_entry *x, struct err *e);

static int
look_in(struct past *p, const struct id *dir, struct err *e)
{
	return drivedb_list(p->tx, dir, false, look_at, p, e) < 0
	    ? -1
	    : drivedb_list(p->tx, dir, true, look_at, p, e);
}

/* One that was not there stays, or comes back, for what is in it and was. */
static int
look_dir(struct past *p, const struct drivedb_entry *x, struct then *t,
    struct err *e)
{
	struct past_todo **from = p->list->last;
	bool outer = p->any_there, was_there = t->there;

	p->any_there = false;
	t->there = true;
	decide(p, x, t);
	if (look_in(p, &x->node.id, e) < 0)
		return -1;
	if (!was_there && !p->any_there) {
		cut_off(p->list, from);
		t->there = false;
		decide(p, x, t);
	}
	p->any_there = outer || t->there;
	return 0;
}

static int
look_at(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct past *p = ctx;
	size_t before_n = p->at.n;
	struct then t;

	/* It was in the trash then, too. */
	if (x->node.trashed && x->trashed_ms <= p->ask->at_ms)
		return 0;
	if (look_then(p, x, &t, e) < 0 || drop_equal(p, x, &t, e) < 0)
		return -1;
	buf_put_u8(&p->at, '/');
	buf_put(&p->at, x->node.name, x->node.name_n);
	int rc = 0;
	if (x->node.type == NODE_DIR) {
		rc = look_dir(p, x, &t, e);
	} else {
		decide(p, x, &t);
		p->any_there = p->any_there || t.there;
	}
	p->at.n = before_n;
	return rc;
}

struct beside {
	const struct drivedb_entry *file;
	drivedb_entry_fn fn;
	void *ctx;
};

static struct bytes
name_of(const struct drivedb_entry *x)
{
	return bytes_of(x->node.name, x->node.name_n);
}

static int
beside_one(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	const struct beside *b = ctx;

	if (x->node.type != NODE_FILE ||
	    id_equal(&x->node.id, &b->file->node.id) ||
	    !bytes_equal(
		dbfile_stem(name_of(x)), dbfile_stem(name_of(b->file))))
		return 0;
	return b->fn(b->ctx, x, e);
}

int
past_beside(struct tx *tx, const struct drivedb_entry *file,
    drivedb_entry_fn fn, void *ctx, struct err *e)
{
	struct beside b = { file, fn, ctx };
	const struct id *dir = &file->node.parent;

	if (file->node.type != NODE_FILE)
		return 0;
	return drivedb_list(tx, dir, false, beside_one, &b, e) < 0
	    ? -1
	    : drivedb_list(tx, dir, true, beside_one, &b, e);
}

static int
look_job(struct tx *tx, void *arg, struct err *e)
{
	struct past *p = arg;
	struct drivedb_entry x;

	p->tx = tx;
	if (edit_find(tx, p->ask->path, &x, e) < 0)
		return -1;
	if (id_zero(&x.node.id))
		return look_in(p, &x.node.id, e);
	if (drivedb_path(tx, &x.node.parent, &p->at, e) < 0)
		return -1;
	if (p->at.n == 1)
		buf_clear(&p->at);
	return look_at(p, &x, e) < 0 ? -1 : past_beside(tx, &x, look_at, p, e);
}

int
past_look(struct edit *d, const struct past_ask *ask, struct past_list *out,
    struct err *e)
{
	struct past p = { .d = d, .ask = ask, .list = out };

	p.history = mem_new(sizeof *p.history);
	int rc = db_read(drivedb_db(d->db), look_job, &p, e);
	buf_free(&p.at);
	free(p.history);
	return rc;
}
