/* SPDX-License-Identifier: ISC */
/* scan_end.c: what can be said only when the rest was seen: moved, new, gone. */
#include "drive/scan_in.h"

#include <stdlib.h>
#include <string.h>

/* ---- directories that wait ---- */

static int
by_inode(const void *a, const void *b)
{
	const struct missing *x = a, *y = b;

	return x->is.ino < y->is.ino ? -1 : x->is.ino > y->is.ino;
}

static void
sort_missing(struct pass *p, bool id)
{
	if (p->missing.n > 1)
		qsort(p->missing.p, p->missing.n, sizeof *p->missing.p,
		    id ? scan_missing_cmp : by_inode);
	p->missing_by_id = id;
}

/* The directory that was missed elsewhere and is this one: one that base does
 * not have yet, for of those it has match_identity has told. */
static const struct missing *
missed_dir(const struct pass *p, const struct plan_stat *is)
{
	struct missing key = { .is = *is };
	const struct missing *m = p->missing.n == 0
	    ? NULL
	    : bsearch(&key, p->missing.p, p->missing.n, sizeof key, by_inode);

	return m != NULL && m->type == NODE_DIR &&
		scan_same_object(&m->is, is) && !idset_has(&p->claimed, m->id.b)
	    ? m
	    : NULL;
}

struct chunk {
	struct waiting *w;
	size_t n;
};

static int
fresh_job(struct pass *p, void *arg, struct err *e)
{
	const struct chunk *c = arg;

	for (size_t i = 0; i < c->n; i++) {
		const struct waiting *w = &c->w[i];
		const struct missing *m = missed_dir(p, &w->st.is);
		struct plan_node n;
		if (w->path == NULL)
			continue;
		if (m == NULL || !p->v->local.find(p->v->local.ctx, &m->id, &n))
			scan_match_new(p, &w->parent, w->path, &w->st);
		else if (scan_match_claim(p, &n, w, true, e) < 0)
			return -1;
	}
	return 0;
}

/* One that we do not go into is no node at all. */
static bool
left_out(struct pass *p, const char *path)
{
	size_t above = 0;

	for (const char *s = path; *s != '\0'; s++)
		above += *s == '/';
	if (above >= NODE_DEPTH_MAX) {
		p->out->specials++;
		scan_note(p, path, ERR_TOO_LARGE,
		    "more than 512 directories above it");
		return true;
	}
	const char *why = scan_other(p, path);
	if (why == NULL)
		return false;
	p->out->unknown++;
	scan_note(p, path, ERR_DRIVE_ROOT_OVERLAP, why);
	return true;
}

static void
chunk_clear(struct chunk *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->w[i].path);
	free(c->w);
}

/* Take the last ones of a list. */
static struct chunk
chunk_take(struct waiting *list, size_t *n)
{
	struct chunk c = { .n = *n < SCAN_BATCH ? *n : SCAN_BATCH };

	c.w = mem_array(c.n, sizeof *c.w);
	*n -= c.n;
	memcpy(c.w, list + *n, c.n * sizeof *c.w);
	return c;
}

int
scan_end_fresh(struct pass *p, struct err *e)
{
	OWN(chunk_clear)
	struct chunk c = chunk_take(p->fresh.p, &p->fresh.n);

	for (size_t i = 0; i < c.n; i++)
		if (left_out(p, c.w[i].path))
			mem_free(&c.w[i].path);
	sort_missing(p, false);
	if (scan_read(p, fresh_job, &c, e) < 0)
		return -1;
	return scan_flush(p, e);
}

static int
replaced_job(struct pass *p, void *arg, struct err *e)
{
	struct chunk *c = arg;

	for (size_t i = 0; i < c->n; i++) {
		struct waiting *w = &c->w[i];
		const struct id *id = &w->candidate;
		struct plan_node n;
		bool found = !idset_has(&p->claimed, id->b);
		if (found && !p->v->local.find(p->v->local.ctx, id, &n) &&
		    drivedb_base_get(p->v->tx, p->s->root, id, &n, &found, e) <
			0)
			return -1;
		if (!found) {
			*LIST_ADD(&p->fresh) = *w;
			w->path = NULL;
		} else if (scan_match_claim(p, &n, w, true, e) < 0)
			return -1;
	}
	return 0;
}

int
scan_end_replaced(struct pass *p, struct err *e)
{
	OWN(chunk_clear)
	struct chunk c = chunk_take(p->replaced.p, &p->replaced.n);

	if (scan_read(p, replaced_job, &c, e) < 0)
		return -1;
	return scan_flush(p, e);
}

/* ---- files that moved ---- */

/* Some of what is unmatched, and the nodes they may be. */
struct moves {
	const struct unmatched *u;
	size_t n;
	struct move {
		bool found;
		struct plan_node node;
		char *path; /* owned; where it was; NULL: it is missing */
	} * moves;
};

char *
scan_known_path(const struct pass *p, const struct plan_node *n)
{
	const struct plan_view *local = &p->v->local;
	char *path = scan_path_join("", bytes_of(n->name, n->name_n));
	struct id at = n->parent;
	struct plan_node above;

	for (int depth = 0;
	     depth <= NODE_DEPTH_MAX && !id_equal(&at, &p->s->policy.top) &&
	     local->find(local->ctx, &at, &above);
	     depth++) {
		OWN(mem_free) char *below = path;
		path = scan_path_join(above.name, bytes_str(below));
		at = above.parent;
	}
	return path;
}

static int
candidates_job(struct pass *p, void *arg, struct err *e)
{
	struct moves *m = arg;

	for (size_t i = 0; i < m->n; i++) {
		const struct unmatched *u = &m->u[i];
		struct move *x = &m->moves[i];
		if (scan_match_identity(
			p, u->st.type, &u->st.is, &x->node, &x->found, e) < 0)
			return -1;
		if (x->found && scan_missing(p, &x->node.id) == NULL)
			x->path = scan_known_path(p, &x->node);
	}
	return 0;
}

static int
moves_job(struct pass *p, void *arg, struct err *e)
{
	struct moves *m = arg;

	for (size_t i = 0; i < m->n; i++) {
		const struct unmatched *u = &m->u[i];
		const struct move *x = &m->moves[i];
		/* Of two names for one file the first is the one that moved. */
		if (!x->found || !idset_add(&p->claimed, x->node.id.b))
			scan_match_new(p, &u->parent, u->path, &u->st);
		else if (scan_match_is(
			     p, &x->node, &u->parent, u->path, &u->st, e) < 0)
			return -1;
	}
	return 0;
}

/* Is its old place empty, or taken by what it cannot be? */
static bool
has_left(const struct pass *p, const struct move *x)
{
	struct os_stat st;
	struct err why;

	if (x->path == NULL)
		return true;
	if (p->s->os->ops->stat(p->s->os, x->path, &st, &why) < 0)
		return why.code == ERR_NOT_FOUND || why.code == ERR_CONFLICT;
	return st.type != x->node.type;
}

static int
moves_of(struct pass *p, struct moves *m, struct err *e)
{
	if (scan_read(p, candidates_job, m, e) < 0)
		return -1;
	for (size_t i = 0; i < m->n; i++)
		m->moves[i].found =
		    m->moves[i].found && has_left(p, &m->moves[i]);
	if (scan_read(p, moves_job, m, e) < 0)
		return -1;
	return scan_flush(p, e);
}

int
scan_end_moves(struct pass *p, struct err *e)
{
	int rc = 0;

	sort_missing(p, true);
	for (size_t at = 0; rc == 0 && at < p->unmatched.n;) {
		size_t left = p->unmatched.n - at;
		struct moves m = { .u = p->unmatched.p + at,
			.n = left < SCAN_BATCH ? left : SCAN_BATCH };
		m.moves = mem_array(m.n, sizeof *m.moves);
		rc = moves_of(p, &m, e);
		for (size_t i = 0; i < m.n; i++)
			free(m.moves[i].path);
		free(m.moves);
		at += m.n;
	}
	return rc;
}

/* ---- what is gone ---- */

struct doomed {
	LIST_OF(struct id) ids; /* with all that is below each */
	enum row_kind kind;
};

static int
add_child(void *arg, const struct plan_node *n)
{
	struct doomed *d = arg;

	*LIST_ADD(&d->ids) = n->id;
	return 0;
}

/* One batch of rows; what is below comes on the list. */
static int
doom_job(struct pass *p, void *arg, struct err *e)
{
	struct doomed *d = arg;

	while (d->ids.n > 0 && p->rows.n < SCAN_BATCH) {
		struct plan_node n = { .id = d->ids.p[--d->ids.n] };
		enum row_kind kind = d->kind;
		struct plan_node base;
		bool in_base;
		if (idset_has(&p->claimed, n.id.b))
			continue;
		if (drivedb_base_get(
			p->v->tx, p->s->root, &n.id, &base, &in_base, e) < 0)
			return -1;
		if (kind == ROW_FORGET && in_base)
			p->out->ignored_dropped = true;
		if (kind == ROW_GONE && !in_base)
			kind = ROW_CLEAN; /* nobody ever knew of it */
		(void)p->v->local.children(
		    p->v->local.ctx, &n.id, add_child, d);
		(void)scan_row(p, kind, &n);
	}
	return 0;
}

static int
doom(struct pass *p, struct doomed *d, struct err *e)
{
	while (d->ids.n > 0)
		if (scan_read(p, doom_job, d, e) < 0 || scan_flush(p, e) < 0)
			return -1;
	return 0;
}

static bool
is_gone(const struct pass *p, const struct missing *m)
{
	const struct later *was = scan_was(p, LATER_MISSING, &m->id);
	int64_t since = was == NULL ? p->now_ns : was->since_ns;

	return m->taken || p->now_ns - since >= p->s->policy.gone_after_ns;
}

int
scan_end_missing(struct pass *p, struct err *e)
{
	struct doomed gone = { .kind = ROW_GONE };
	struct doomed forget = { .kind = ROW_FORGET };

	for (size_t i = 0; i < p->missing.n; i++) {
		const struct missing *m = &p->missing.p[i];
		if (idset_has(&p->claimed, m->id.b))
			continue;
		if (is_gone(p, m)) {
			*LIST_ADD(&gone.ids) = m->id;
			continue;
		}
		p->out->missing++;
		scan_later(p, LATER_MISSING, &m->id, &m->parent, m->dir);
	}
	for (size_t i = 0; i < p->forget.n; i++)
		*LIST_ADD(&forget.ids) = p->forget.p[i];
	int rc = doom(p, &gone, e);
	if (rc == 0)
		rc = doom(p, &forget, e);
	free(gone.ids.p);
	free(forget.ids.p);
	return rc;
}
