/* SPDX-License-Identifier: ISC */
/* scan_match.c: a listing against what was known of that directory. */
#include "drive/scan_in.h"

#include "drive/ignore.h"

#include <string.h>

/* The listing and the known children are merged: both in byte order. */
struct merge {
	struct pass *p;
	struct listing *l;
	size_t i; /* entries before it are done */
	struct buf path; /* of what is looked at */
	struct err *e;
	bool failed;
};

static bool
same_inode(const struct plan_stat *a, const struct plan_stat *b)
{
	return a->ino == b->ino && a->btime_ns == b->btime_ns;
}

bool
scan_same_object(const struct plan_stat *a, const struct plan_stat *b)
{
	return same_inode(a, b) && a->btime_ns != 0;
}

static bool
same_stat(const struct plan_stat *a, const struct plan_stat *b)
{
	return same_inode(a, b) && a->size == b->size &&
	    a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static bool
same_written(const struct plan_stat *a, const struct plan_stat *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns;
}

static struct bytes
node_name(const struct plan_node *n)
{
	return bytes_of(n->name, n->name_n);
}

static void
node_place(struct plan_node *n, const struct id *parent, struct bytes name)
{
	n->parent = *parent;
	n->name_n = (uint8_t)name.n;
	memcpy(n->name, name.p, name.n);
	n->name[name.n] = '\0';
}

static bool
at_place(const struct plan_node *n, const struct id *parent, struct bytes name)
{
	return id_equal(&n->parent, parent) && bytes_equal(node_name(n), name);
}

static struct bytes
entry_name(const struct listing *l, const struct entry *x)
{
	return bytes_of(l->names.p + x->at, x->n);
}

/* The path of a name in the directory of the listing. */
static const char *
merge_path(struct merge *m, struct bytes name)
{
	buf_clear(&m->path);
	buf_put_str(&m->path, m->l->dir.path);
	if (m->path.n > 0)
		buf_put_u8(&m->path, '/');
	buf_put_bytes(&m->path, name);
	return buf_text(&m->path);
}

static bool
is_ignored(struct merge *m, struct bytes name, bool is_dir)
{
	const struct scan_policy *policy = &m->p->s->policy;

	if (m->l->dir.path[0] == '\0' && bytes_equal(name, bytes_str(OS_OWN)))
		return true;
	if (policy->ignored == NULL)
		return false;
	(void)merge_path(m, name);
	return policy->ignored(policy->ctx, buf_bytes(&m->path), is_dir);
}

/* What is there, but is no part of the tree: its rows stay as they are. */
static bool
is_held(struct merge *m, struct bytes name, const struct os_stat *st)
{
	struct pass *p = m->p;
	const struct scan_policy *policy = &p->s->policy;

	if (st->type == NODE_NONE) {
		p->out->specials++;
		scan_note(p, merge_path(m, name), ERR_DRIVE_HELD,
		    "neither a file nor a directory nor a link");
		return true;
	}
	if (st->mount) {
		p->out->specials++;
		scan_note(p, merge_path(m, name), ERR_DRIVE_HELD,
		    "another file system begins here");
		return true;
	}
	if (st->type == NODE_DIR && policy->foreign != NULL &&
	    policy->foreign(policy->ctx, merge_path(m, name))) {
		p->out->specials++;
		return true;
	}
	return false;
}

/* A repository of git is carried as any folder, and may suffer by it. */
static void
warn_of(struct merge *m, struct bytes name, const struct os_stat *st)
{
	if (st->type == NODE_DIR && bytes_equal(name, bytes_str(".git")))
		scan_note(m->p, merge_path(m, name), ERR_DRIVE_REPOSITORY,
		    "a repository of git is not kept whole: its files are in "
		    "sync one by one");
}

/* ---- rows ---- */

static void
look_again_if_racy(struct pass *p, const struct plan_node *n, const char *path)
{
	if (n->type != NODE_FILE ||
	    !scan_racy(&n->stat, p->now_ns, p->s->policy.granule_ns))
		return;
	OWN(mem_free) char *dir = scan_path_dir(path);
	scan_later(p, LATER_RACY, &n->id, &n->parent, dir);
}

/* Did a pass before want it to be read again, and is it time? */
static bool
must_read(const struct pass *p, const struct id *id, const struct plan_stat *is)
{
	return scan_was(p, LATER_RACY, id) != NULL &&
	    !scan_racy(is, p->now_ns, p->s->policy.granule_ns);
}

void
scan_match_new(struct pass *p, const struct id *parent, const char *path,
    const struct os_stat *st)
{
	struct plan_node n = { .type = st->type,
		.exec = st->exec && st->type == NODE_FILE && !p->no_exec,
		.unread = st->type == NODE_FILE,
		.id = scan_draw(p),
		.stat = st->is };

	node_place(&n, parent, scan_path_name(path));
	struct row *row = scan_row(p, ROW_PUT, &n);
	if (n.type == NODE_SYMLINK)
		row->link = mem_text(path);
	look_again_if_racy(p, &n, path);
	if (n.type != NODE_DIR)
		return;
	(void)idset_add(&p->claimed, n.id.b);
	*LIST_ADD(&p->todo) = (struct todo){ mem_text(path), n.id, true, true };
}

/* Is it as base has it, so that it needs no row? */
static bool
as_base(const struct plan_node *base, const struct plan_node *n)
{
	return base->type == n->type && base->exec == n->exec &&
	    at_place(base, &n->parent, node_name(n)) &&
	    (n->type == NODE_DIR ? same_inode(&base->stat, &n->stat)
				 : same_stat(&base->stat, &n->stat));
}

int
scan_match_is(struct pass *p, const struct plan_node *n,
    const struct id *parent, const char *path, const struct os_stat *st,
    struct err *e)
{
	struct plan_node want = *n, base;
	bool moved = !at_place(n, parent, scan_path_name(path)), in_base;
	bool read = must_read(p, &n->id, &st->is);

	node_place(&want, parent, scan_path_name(path));
	want.stat = st->is;
	want.version = 0;
	if (n->type == NODE_FILE) {
		bool known = moved && !read &&
		    scan_same_object(&n->stat, &st->is) &&
		    same_written(&n->stat, &st->is);
		want.exec = p->no_exec ? n->exec : st->exec;
		want.unread = !known || n->unread;
		if (want.unread)
			memset(&want.content, 0, sizeof want.content);
		look_again_if_racy(p, &want, path);
	}
	if (drivedb_base_get(p->v->tx, p->s->root, &n->id, &base, &in_base, e) <
	    0)
		return -1;
	if (in_base && !read && as_base(&base, &want)) {
		(void)scan_row(p, ROW_CLEAN, &want);
		return 0;
	}
	struct row *row = scan_row(p, ROW_PUT, &want);
	row->keep = n->type == NODE_FILE && !want.unread;
	if (n->type == NODE_SYMLINK)
		row->link = mem_text(path);
	return 0;
}

/* ---- identity ---- */

struct by_identity {
	struct pass *p;
	enum node_type type;
	const struct plan_stat *is;
	struct plan_node *out;
	bool found;
};

static int
on_inode(void *ctx, const struct plan_node *base, struct err *e)
{
	struct by_identity *b = ctx;
	struct pass *p = b->p;
	struct plan_node n;

	(void)e;
	if (base->type != b->type || idset_has(&p->claimed, base->id.b) ||
	    (b->found && scan_missing(p, &base->id) == NULL))
		return 0;
	if (!p->v->local.find(p->v->local.ctx, &base->id, &n))
		n = *base;
	if (!scan_same_object(&n.stat, b->is) &&
	    (b->type == NODE_DIR || !same_inode(&n.stat, b->is) ||
		!same_written(&n.stat, b->is)))
		return 0;
	*b->out = n;
	b->found = true;
	return 0;
}

int
scan_match_identity(struct pass *p, enum node_type type,
    const struct plan_stat *is, struct plan_node *out, bool *found,
    struct err *e)
{
	struct by_identity b = { p, type, is, out, false };

	*found = false;
	if (p->base_empty || (type == NODE_DIR && is->btime_ns == 0))
		return 0;
	if (drivedb_base_inode(p->v->tx, p->s->root, is, on_inode, &b, e) < 0)
		return -1;
	*found = b.found;
	return 0;
}

int
scan_match_claim(struct pass *p, const struct plan_node *n,
    const struct waiting *here, bool deep, struct err *e)
{
	bool as_it_was =
	    at_place(n, &here->parent, scan_path_name(here->path)) &&
	    same_inode(&n->stat, &here->st.is);

	(void)idset_add(&p->claimed, n->id.b);
	if (deep || !as_it_was)
		*LIST_ADD(&p->todo) = (struct todo){ mem_text(here->path),
			n->id, deep || !as_it_was, false };
	return as_it_was
	    ? 0
	    : scan_match_is(p, n, &here->parent, here->path, &here->st, e);
}

/* ---- the merge ---- */

static void
is_missing(struct merge *m, const struct plan_node *n, bool taken)
{
	*LIST_ADD(&m->p->missing) = (struct missing){ .id = n->id,
		.parent = n->parent,
		.type = n->type,
		.is = n->stat,
		.taken = taken,
		.dir = mem_text(m->l->dir.path) };
}

static void
wait_for_rest(struct merge *m, const char *path, const struct os_stat *st,
    const struct id *candidate)
{
	struct waiting w = {
		.parent = m->l->dir.id, .path = mem_text(path), .st = *st
	};

	if (candidate == NULL) {
		*LIST_ADD(&m->p->fresh) = w;
		return;
	}
	w.candidate = *candidate;
	*LIST_ADD(&m->p->replaced) = w;
}

/* A node that base has by this name and that was taken for gone. */
static int
gone_before(struct merge *m, struct bytes name, enum node_type type,
    struct plan_node *out, bool *found, struct err *e)
{
	struct pass *p = m->p;
	struct plan_node n;

	*found = false;
	if (p->base_empty || m->l->dir.fresh)
		return 0;
	*found = p->v->base.child(p->v->base.ctx, &m->l->dir.id, name, out);
	if (p->v->failed) {
		*e = p->v->err;
		return -1;
	}
	*found = *found && out->type == type &&
	    !idset_has(&p->claimed, out->id.b) &&
	    !p->v->local.find(p->v->local.ctx, &out->id, &n);
	return 0;
}

/* A directory that is no known child of this one. */
static int
dir_alone(struct merge *m, const struct entry *x,
    const struct plan_node *by_path, struct err *e)
{
	struct bytes name = entry_name(m->l, x);
	OWN(mem_free) char *path = mem_text(merge_path(m, name));
	struct waiting here = {
		.parent = m->l->dir.id, .path = path, .st = x->st
	};
	struct plan_node n;
	bool found;

	if (scan_match_identity(m->p, NODE_DIR, &x->st.is, &n, &found, e) < 0)
		return -1;
	if (found)
		return scan_match_claim(m->p, &n, &here, m->l->dir.deep, e);
	if (by_path == NULL) {
		if (gone_before(m, name, NODE_DIR, &n, &found, e) < 0)
			return -1;
		by_path = found ? &n : NULL;
	}
	wait_for_rest(m, path, &x->st, by_path == NULL ? NULL : &by_path->id);
	return 0;
}

/* An entry that is no known child, or not of that type. */
static int
entry_alone(struct merge *m, const struct entry *x, struct err *e)
{
	struct bytes name = entry_name(m->l, x);
	struct pass *p = m->p;
	struct plan_node n;
	bool found;

	if (x->st.type == NODE_DIR)
		return dir_alone(m, x, NULL, e);
	const char *path = merge_path(m, name);
	if (gone_before(m, name, x->st.type, &n, &found, e) < 0)
		return -1;
	if (found)
		return scan_match_is(p, &n, &m->l->dir.id, path, &x->st, e);
	if (scan_match_identity(p, x->st.type, &x->st.is, &n, &found, e) < 0)
		return -1;
	if (found)
		*LIST_ADD(&p->unmatched) =
		    (struct unmatched){ m->l->dir.id, mem_text(path), x->st };
	else
		scan_match_new(p, &m->l->dir.id, path, &x->st);
	return 0;
}

static int
same_dir(struct merge *m, const struct entry *x, const struct plan_node *n,
    struct err *e)
{
	const struct plan_stat *is = &x->st.is;

	if (!same_inode(&n->stat, is) && n->stat.btime_ns != 0 &&
	    is->btime_ns != 0) {
		size_t before = m->p->replaced.n;
		if (dir_alone(m, x, n, e) < 0)
			return -1;
		if (m->p->replaced.n == before) /* another has its name */
			is_missing(m, n, true);
		return 0;
	}
	if (!m->l->dir.deep && same_inode(&n->stat, is)) {
		(void)idset_add(&m->p->claimed, n->id.b);
		return 0;
	}
	OWN(mem_free)
	char *path = mem_text(merge_path(m, entry_name(m->l, x)));
	struct waiting here = {
		.parent = m->l->dir.id, .path = path, .st = x->st
	};
	return scan_match_claim(m->p, n, &here, m->l->dir.deep, e);
}

static int
same_file(struct merge *m, const struct entry *x, const struct plan_node *n,
    struct err *e)
{
	struct pass *p = m->p;
	bool exec = n->type != NODE_FILE || p->no_exec || n->exec == x->st.exec;

	if (!exec || !same_stat(&n->stat, &x->st.is) ||
	    must_read(p, &n->id, &x->st.is))
		return scan_match_is(p, n, &m->l->dir.id,
		    merge_path(m, entry_name(m->l, x)), &x->st, e);
	if (scan_racy(&n->stat, p->now_ns, p->s->policy.granule_ns))
		look_again_if_racy(p, n, merge_path(m, entry_name(m->l, x)));
	return 0;
}

static bool
is_elsewhere(const struct merge *m, const struct plan_node *n)
{
	return idset_has(&m->p->claimed, n->id.b);
}

static int
both(struct merge *m, const struct entry *x, const struct plan_node *n,
    struct err *e)
{
	struct bytes name = entry_name(m->l, x);
	bool is_dir = x->st.type == NODE_DIR;

	if (is_ignored(m, name, is_dir)) {
		if (!is_elsewhere(m, n))
			*LIST_ADD(&m->p->forget) = n->id;
		return 0;
	}
	if (is_held(m, name, &x->st) || n->type == NODE_SHARE)
		return 0;
	warn_of(m, name, &x->st);
	if (is_elsewhere(m, n))
		return entry_alone(m, x, e);
	if (n->type == x->st.type)
		return is_dir ? same_dir(m, x, n, e) : same_file(m, x, n, e);
	is_missing(m, n, true);
	return entry_alone(m, x, e);
}

static int
entry_only(struct merge *m, const struct entry *x, struct err *e)
{
	struct bytes name = entry_name(m->l, x);

	if (is_ignored(m, name, x->st.type == NODE_DIR) ||
	    is_held(m, name, &x->st))
		return 0;
	warn_of(m, name, &x->st);
	return entry_alone(m, x, e);
}

static void
child_only(struct merge *m, const struct plan_node *n)
{
	if (is_elsewhere(m, n) || n->type == NODE_SHARE)
		return;
	if (is_ignored(m, node_name(n), n->type == NODE_DIR))
		*LIST_ADD(&m->p->forget) = n->id;
	else if (m->l->whole)
		is_missing(m, n, false);
}

static int
on_child(void *arg, const struct plan_node *n)
{
	struct merge *m = arg;
	struct listing *l = m->l;
	int order = 1;

	while (m->i < l->n) {
		const struct entry *x = &l->entries[m->i];
		order = bytes_cmp(entry_name(l, x), node_name(n));
		if (order > 0)
			break;
		m->i++;
		int rc =
		    order == 0 ? both(m, x, n, m->e) : entry_only(m, x, m->e);
		m->failed = rc < 0;
		if (m->failed)
			return -1;
		if (order == 0)
			return 0;
	}
	child_only(m, n);
	return 0;
}

/* The top of another root, or a home: nothing of it is ours. */
static const char *
why_other(const struct pass *p, const struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (ignore_own(entry_name(l, &l->entries[i])))
			return scan_other(p, l->dir.path);
	return NULL;
}

int
scan_match_listing(struct pass *p, struct listing *l, struct err *e)
{
	struct merge m = { .p = p, .l = l, .e = e };

	const char *why = l->dir.path[0] == '\0' ? NULL : why_other(p, l);
	p->out->dirs++;
	if (why != NULL) {
		p->out->unknown++;
		scan_note(p, l->dir.path, ERR_DRIVE_ROOT_OVERLAP, why);
		return 0;
	}
	p->out->objects += l->n;
	if (!l->dir.fresh)
		(void)p->v->local.children(
		    p->v->local.ctx, &l->dir.id, on_child, &m);
	int rc = m.failed ? -1 : 0;
	for (; rc == 0 && m.i < l->n; m.i++)
		rc = entry_only(&m, &l->entries[m.i], e);
	buf_free(&m.path);
	return rc;
}
