/* SPDX-License-Identifier: ISC */
/* scan.c: the walk of a pass, and the rows it writes. */
#include "drive/scan_in.h"

#include <stdlib.h>
#include <string.h>

#define LISTINGS_MAX 256 /* directories that are compared at once */

/* ---- between passes ---- */

struct scan_root *
scan_root_new(struct os *o, struct drivedb *db, uint64_t root,
    const struct scan_policy *policy)
{
	struct scan_root *s = mem_new(sizeof *s);

	*s = (struct scan_root){
		.os = o, .db = db, .root = root, .policy = *policy
	};
	return s;
}

static void
laters_free(struct later *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(p[i].dir);
	free(p);
}

void
scan_root_free(struct scan_root **s)
{
	if (*s == NULL)
		return;
	laters_free((*s)->laters, (*s)->n_laters);
	free(*s);
	*s = NULL;
}

static int64_t
due_ns(const struct scan_root *s, const struct later *l)
{
	return l->since_ns +
	    (l->why == LATER_RACY ? s->policy.granule_ns
				  : s->policy.gone_after_ns);
}

int64_t
scan_due(const struct scan_root *s, int64_t now_ns, struct buf *dirs)
{
	const char *last = NULL;
	int64_t next = -1;

	for (size_t i = 0; i < s->n_laters; i++) {
		const struct later *l = &s->laters[i];
		int64_t in = due_ns(s, l) - now_ns;
		if (in > 0 && l->since_ns <= now_ns) {
			next = next < 0 || in < next ? in : next;
			continue;
		}
		if (last != NULL && strcmp(last, l->dir) == 0)
			continue;
		last = l->dir;
		buf_put(dirs, l->dir, strlen(l->dir) + 1);
	}
	return last != NULL ? 0 : next;
}

/* ---- listings ---- */

static int
on_entry(void *ctx, struct bytes name, const struct os_stat *st, struct err *e)
{
	struct listing *l = ctx;

	(void)e;
	if (name.n == 0 || name.n > NODE_NAME_MAX)
		return 0; /* no file system of Linux has one */
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 16 : l->cap * 2;
		l->entries = mem_resize(l->entries, l->cap, sizeof *l->entries);
	}
	l->entries[l->n++] = (struct entry){ l->names.n, (uint8_t)name.n, *st };
	buf_put_bytes(&l->names, name);
	return 0;
}

static void
listing_clear(struct listing *l)
{
	free(l->dir.path);
	free(l->entries);
	buf_free(&l->names);
}

static void
listings_clear(struct pass *p)
{
	for (size_t i = 0; i < p->listings.n; i++)
		listing_clear(&p->listings.p[i]);
	p->listings.n = 0;
}

/* List one; what cannot be listed is unknown, but for the top. */
static int
list_one(struct pass *p, struct todo *dir, struct err *e)
{
	struct listing l = { .dir = *dir };
	struct os *o = p->s->os;
	struct err why;

	dir->path = NULL;
	if (p->s->policy.listing != NULL)
		p->s->policy.listing(p->s->policy.ctx, l.dir.path);
	if (o->ops->list(o, l.dir.path, on_entry, &l, &l.whole, &why) == 0) {
		*LIST_ADD(&p->listings) = l;
		if (!l.whole) {
			p->out->unknown++;
			scan_later(
			    p, LATER_TORN, &l.dir.id, &l.dir.id, l.dir.path);
		}
		return 0;
	}
	int rc = 0;
	if (l.dir.path[0] == '\0')
		rc = err_set(e, ERR_DRIVE_ROOT_MISSING,
		    "the folder cannot be listed: %s", why.msg);
	p->out->unknown++;
	scan_note(p, l.dir.path, why.code, why.msg);
	/* It moved, or is another by now: it may be back before we look. */
	if (why.code == ERR_NOT_FOUND || why.code == ERR_CONFLICT) {
		OWN(mem_free)
		char *again = scan_path_join(l.dir.path, bytes_str(""));
		scan_later(p, LATER_TORN, &l.dir.id, &l.dir.id, again);
	}
	listing_clear(&l);
	return rc;
}

static int
match_all(struct pass *p, void *arg, struct err *e)
{
	(void)arg;
	for (size_t i = 0; i < p->listings.n; i++)
		if (scan_match_listing(p, &p->listings.p[i], e) < 0)
			return -1;
	return 0;
}

static int
walk_batch(struct pass *p, struct err *e)
{
	size_t entries = 0;
	int rc = 0;

	while (rc == 0 && p->todo.n > 0 && entries < SCAN_BATCH &&
	    p->listings.n < LISTINGS_MAX) {
		struct todo dir = p->todo.p[--p->todo.n];
		size_t before = p->listings.n;
		if (idset_add(&p->listed, dir.id.b))
			rc = list_one(p, &dir, e);
		if (p->listings.n > before)
			entries += p->listings.p[before].n;
		free(dir.path);
	}
	if (rc == 0 && p->listings.n > 0)
		rc = scan_read(p, match_all, NULL, e);
	listings_clear(p);
	return rc < 0 ? -1 : scan_flush(p, e);
}

/* ---- where it begins ---- */

/* The known directory that a path is, as far as it is known and unchanged. */
static int
begin_at(struct pass *p, void *arg, struct err *e)
{
	const struct plan_view *local = &p->v->local;
	struct os *o = p->s->os;
	OWN(buf_free) struct buf path = { 0 };
	struct id at = p->s->policy.top;
	const char *rest = arg;
	size_t length = strlen(rest);
	bool deep = length > 0 && rest[length - 1] == '/';

	(void)e;
	buf_room(&path, 1);
	while (*rest != '\0') {
		size_t n = strcspn(rest, "/"), before = path.n;
		struct plan_node node;
		struct os_stat st;
		struct err why;
		if (!local->child(local->ctx, &at, bytes_of(rest, n), &node))
			break;
		if (before > 0)
			buf_put_u8(&path, '/');
		buf_put(&path, rest, n);
		if (node.type != NODE_DIR ||
		    o->ops->stat(o, buf_text(&path), &st, &why) < 0 ||
		    st.type != NODE_DIR || st.mount ||
		    st.is.ino != node.stat.ino ||
		    st.is.btime_ns != node.stat.btime_ns) {
			path.n = before;
			break;
		}
		at = node.id;
		rest += n + (rest[n] == '/');
	}
	/* Of what is left above it only what is new is looked into. */
	deep = deep && *rest == '\0';
	*LIST_ADD(&p->todo) =
	    (struct todo){ scan_path_join("", buf_bytes(&path)), at, deep,
		    false };
	return 0;
}

static int
begin(struct pass *p, const struct buf *dirs, struct err *e)
{
	const struct os_ops *ops = p->s->os->ops;
	struct os_stat st;
	struct err why;

	if (ops->stat(p->s->os, "", &st, &why) < 0)
		return err_set(e, ERR_DRIVE_ROOT_MISSING,
		    "the folder is not there: %s", why.msg);
	p->no_exec = ops->fs(p->s->os)->no_exec;
	if (dirs == NULL) {
		*LIST_ADD(&p->todo) = (struct todo){ mem_text(""),
			p->s->policy.top, true, false };
		return 0;
	}
	for (size_t at = 0; dirs != NULL && at < dirs->n;) {
		char *dir = (char *)dirs->p + at;
		if (scan_read(p, begin_at, dir, e) < 0)
			return -1;
		at += strlen(dir) + 1;
	}
	return 0;
}

static int
has_one(void *arg, const struct plan_node *n)
{
	(void)n;
	*(bool *)arg = false;
	return -1;
}

static int
ask_empty(struct pass *p, void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	p->base_empty = true;
	(void)p->v->base.children(
	    p->v->base.ctx, &p->s->policy.top, has_one, &p->base_empty);
	return 0;
}

/* ---- the pass ---- */

static int
walk(struct pass *p, struct err *e)
{
	int rc = 0;

	while (rc == 0) {
		if (p->todo.n > 0)
			rc = walk_batch(p, e);
		else if (p->fresh.n > 0)
			rc = scan_end_fresh(p, e);
		else if (p->replaced.n > 0)
			rc = scan_end_replaced(p, e);
		else
			break;
	}
	return rc;
}

static bool
was_asked(const struct buf *dirs, const char *dir)
{
	for (size_t at = 0; dirs != NULL && at < dirs->n;) {
		const char *d = (const char *)dirs->p + at;
		if (strcmp(d, dir) == 0)
			return true;
		at += strlen(d) + 1;
	}
	return false;
}

/* Its directory was looked for and not met: where it is by now, or nowhere. */
static int
follow_later(struct pass *p, void *arg, struct err *e)
{
	struct later *l = arg;
	OWN(mem_free) char *path = NULL;
	struct plan_node n;

	(void)e;
	if (p->v->local.find(p->v->local.ctx, &l->parent, &n))
		path = scan_known_path(p, &n);
	bool nowhere = path == NULL || strcmp(path, l->dir) == 0;
	mem_free(&l->dir);
	if (!nowhere)
		l->dir = TAKE(path);
	return 0;
}

/* What is to be looked at again: of this pass, and what it did not visit. */
static int
keep_laters(struct pass *p, const struct buf *dirs, struct err *e)
{
	struct scan_root *s = p->s;

	for (size_t i = 0; i < s->n_laters; i++) {
		struct later *l = &s->laters[i];
		if (p->whole || idset_has(&p->listed, l->parent.b))
			continue;
		if (was_asked(dirs, l->dir) &&
		    scan_read(p, follow_later, l, e) < 0)
			return -1;
		if (l->dir != NULL)
			*LIST_ADD(&p->laters) = *l;
		l->dir = NULL;
	}
	laters_free(s->laters, s->n_laters);
	s->laters = p->laters.p;
	s->n_laters = p->laters.n;
	if (s->n_laters > 1)
		qsort(
		    s->laters, s->n_laters, sizeof *s->laters, scan_later_cmp);
	p->laters.p = NULL;
	p->laters.n = 0;
	return 0;
}

static void
waiting_clear(struct waiting *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(w[i].path);
	free(w);
}

static void
pass_clear(struct pass *p)
{
	for (size_t i = 0; i < p->todo.n; i++)
		free(p->todo.p[i].path);
	free(p->todo.p);
	waiting_clear(p->fresh.p, p->fresh.n);
	waiting_clear(p->replaced.p, p->replaced.n);
	for (size_t i = 0; i < p->unmatched.n; i++)
		free(p->unmatched.p[i].path);
	free(p->unmatched.p);
	for (size_t i = 0; i < p->missing.n; i++)
		free(p->missing.p[i].dir);
	free(p->missing.p);
	laters_free(p->laters.p, p->laters.n);
	scan_rows_clear(p);
	free(p->rows.p);
	free(p->forget.p);
	listings_clear(p);
	free(p->listings.p);
	idset_free(&p->claimed);
	idset_free(&p->listed);
}

int
scan_run(struct scan_root *s, int64_t now_ns, const struct buf *dirs,
    struct buf *touched, struct scan_result *out, struct err *e)
{
	OWN(pass_clear)
	struct pass p = { .s = s,
		.now_ns = now_ns,
		.whole = dirs == NULL,
		.touched = touched,
		.out = out };

	*out = (struct scan_result){ 0 };
	if (scan_read(&p, ask_empty, NULL, e) < 0 || begin(&p, dirs, e) < 0 ||
	    walk(&p, e) < 0 || scan_end_moves(&p, e) < 0 ||
	    scan_end_missing(&p, e) < 0)
		return -1;
	return keep_laters(&p, dirs, e);
}
