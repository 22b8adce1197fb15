/* SPDX-License-Identifier: ISC */
/* trash.c: what was thrown away comes back, or goes for good. */
#include "drive/trash.h"

#include "base/text.h"
#include "drive/edit_in.h"

#include <string.h>

#define ID_DIGITS_MIN 8 /* typed of an id: as they are shown */

/* ---- which ---- */

struct choice {
	struct tx *tx;
	const char *what;
	struct drivedb_entry x;
	bool found, several, by_id;
	size_t depth; /* bytes of the path of the one that was thrown away */
};

/* What is below it, by the rest of the path. */
static int
find_within(struct choice *c, const struct drivedb_entry *top, const char *rest,
    struct err *e)
{
	struct drivedb_entry at = *top;
	bool found = true;

	for (const char *p = rest; found && *p != '\0';) {
		p += strspn(p, "/");
		struct bytes name = bytes_of(p, strcspn(p, "/"));
		p += name.n;
		if (name.n > 0 &&
		    edit_child(c->tx, &at.node.id, name, &at, &found, e) < 0)
			return -1;
	}
	if (found) {
		c->x = at;
		c->found = true;
	}
	return 0;
}

/* They come newest first. */
static int
choose(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct choice *c = ctx;
	OWN(buf_free) struct buf path = { 0 };

	if (c->what[0] != '/') {
		if (strlen(c->what) < ID_DIGITS_MIN ||
		    !id_begins(&x->node.id, c->what))
			return 0;
		c->several = c->found;
		c->x = *x;
		c->found = true;
		return 0;
	}
	if (c->found || drivedb_path(c->tx, &x->node.id, &path, e) < 0)
		return c->found ? 0 : -1;
	const char *rest = c->what + path.n;
	if (path.n <= 1 || strncmp(c->what, buf_text(&path), path.n) != 0 ||
	    (*rest != '\0' && *rest != '/'))
		return 0;
	return find_within(c, x, rest, e);
}

static int
choose_one(
    struct tx *tx, const char *what, struct drivedb_entry *out, struct err *e)
{
	struct choice c = { .tx = tx, .what = what };
	OWN(buf_free) struct buf shown = { 0 };

	text_show(&shown, bytes_str(what));
	if (drivedb_trash(tx, choose, &c, e) < 0)
		return -1;
	if (c.several)
		return err_set(e, ERR_USAGE,
		    "several things in the trash have an ID that begins "
		    "with %s",
		    buf_text(&shown));
	if (!c.found) {
		(void)err_set(e, ERR_NOT_FOUND, "%s is not in the trash",
		    buf_text(&shown));
		return err_remedy(e, "What is there: aumbry drive trash list");
	}
	*out = c.x;
	return 0;
}

/* ---- where to ---- */

/* Where it was: each directory that is there no more is made. */
static int
dir_again(
    struct edit_batch *b, const struct id *was, struct id *out, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };
	struct drivedb_entry at = { .node = { .type = NODE_DIR } };
	bool found = true;

	if (drivedb_path(b->tx, was, &path, e) < 0)
		return -1;
	for (const char *p = buf_text(&path); *p != '\0';) {
		p += strspn(p, "/");
		struct bytes name = bytes_of(p, strcspn(p, "/"));
		p += name.n;
		if (name.n == 0)
			break;
		struct id parent = at.node.id;
		if (found &&
		    edit_child(b->tx, &parent, name, &at, &found, e) < 0)
			return -1;
		if (found && at.node.type != NODE_DIR) {
			(void)err_set(e, ERR_DRIVE_EXISTS,
			    "a file is now where its directory was");
			return err_remedy(e, "Say where it shall go: --to");
		}
		if (!found)
			edit_new_dir(b, &parent, name, &at.node.id);
	}
	*out = at.node.id;
	return 0;
}

/* ---- restoring ---- */

struct restoring {
	const struct trash_ask *ask;
	struct id id; /* what came back */
	struct buf name; /* by which it is there */
};

/* --to: a directory, or a path that is free. */
static int
place_at(struct edit_batch *b, struct restoring *r, struct bytes name,
    struct id *parent, struct err *e)
{
	struct drivedb_entry to;
	struct edit_place p;
	struct err why;

	if (edit_find(b->tx, r->ask->to, &to, &why) == 0 &&
	    to.node.type == NODE_DIR) {
		*parent = to.node.id;
		return edit_free_name(b, parent, name, &r->name, e);
	}
	if (edit_place(b->tx, r->ask->to, &p, e) < 0)
		return -1;
	if (p.taken)
		return err_set(e, ERR_DRIVE_EXISTS,
		    "something is there already; choose another --to");
	*parent = p.parent;
	buf_clear(&r->name);
	buf_put_bytes(&r->name, p.name);
	return 0;
}

static int
restore_plan(struct edit_batch *b, void *ctx, struct err *e)
{
	struct restoring *r = ctx;
	OWN(edit_node_free) struct edit_node node = { 0 };
	struct drivedb_entry x;
	struct id parent = { { 0 } };

	if (choose_one(b->tx, r->ask->what, &x, e) < 0)
		return -1;
	struct bytes name = bytes_of(x.node.name, x.node.name_n);
	if (r->ask->to != NULL) {
		if (place_at(b, r, name, &parent, e) < 0)
			return -1;
	} else if (dir_again(b, &x.node.parent, &parent, e) < 0 ||
	    edit_free_name(b, &parent, name, &r->name, e) < 0) {
		return -1;
	}
	if (edit_load(b->d, &x.node.id, &node, e) < 0)
		return -1;
	node.n.parent = parent;
	node.n.name = buf_bytes(&r->name);
	r->id = x.node.id;
	edit_put(b, &x.node.id, node.version, &node.n);
	return 0;
}

struct where {
	const struct id *id;
	struct buf *path;
};

static int
where_job(struct tx *tx, void *arg, struct err *e)
{
	struct where *w = arg;

	return drivedb_path(tx, w->id, w->path, e);
}

int
trash_restore(struct edit *d, const struct trash_ask *ask, struct buf *path,
    struct err *e)
{
	struct restoring r = { .ask = ask };
	struct where w = { &r.id, path };

	int rc = edit_commit(d, restore_plan, &r, e);
	buf_free(&r.name);
	return rc < 0 ? -1 : db_read(drivedb_db(d->db), where_job, &w, e);
}

/* ---- emptying ---- */

struct emptying {
	struct edit_batch *b;
	uint64_t before_ms, n;
};

static bool
is_planned(const struct edit_batch *b, const struct id *id)
{
	for (size_t i = 0; i < b->n_edits; i++)
		if (id_equal(&b->edits[i].id, id))
			return true;
	return false;
}

static int drop_tree(
    struct emptying *m, const struct id *id, bool *whole, struct err *e);

struct dropping {
	struct emptying *m;
	bool whole;
};

/* Stops where nothing more fits. */
static int
drop_child(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct dropping *k = ctx;

	if (drop_tree(k->m, &x->node.id, &k->whole, e) < 0)
		return -1;
	return k->whole ? 0 : err_set(e, ERR_TOO_LARGE, "the commit is full");
}

/* What is in it goes before it. */
static int
drop_tree(struct emptying *m, const struct id *id, bool *whole, struct err *e)
{
	struct dropping k = { m, true };

	*whole = true;
	if (is_planned(m->b, id))
		return 0;
	for (int trashed = 0; trashed < 2; trashed++)
		if (drivedb_list(
			m->b->tx, id, trashed != 0, drop_child, &k, e) < 0) {
			*whole = k.whole;
			return k.whole ? -1 : 0;
		}
	*whole = !edit_full(m->b);
	if (!*whole)
		return 0;
	m->n++;
	return edit_drop(m->b, id, e);
}

static int
drop_old(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct emptying *m = ctx;
	bool whole;

	if (x->trashed_ms >= m->before_ms || edit_full(m->b))
		return 0;
	return drop_tree(m, &x->node.id, &whole, e);
}

static int
empty_plan(struct edit_batch *b, void *ctx, struct err *e)
{
	struct emptying *m = ctx;

	m->b = b;
	m->n = 0;
	return drivedb_trash(b->tx, drop_old, m, e);
}

int
trash_empty(struct edit *d, uint64_t before_ms, uint64_t *n, struct err *e)
{
	struct emptying m = { .before_ms = before_ms };

	*n = 0;
	do {
		if (edit_commit(d, empty_plan, &m, e) < 0)
			return -1;
		*n += m.n;
	} while (m.n > 0);
	return 0;
}
