/* SPDX-License-Identifier: ISC */
/* edit_place.c: paths of the Drive, and what may have been meant. */
#include "drive/edit_in.h"

#include "base/text.h"
#include "tree/planner_in.h"

#include <string.h>

int
edit_child(struct tx *tx, const struct id *parent, struct bytes name,
    struct drivedb_entry *out, bool *found, struct err *e)
{
	struct drivedb_views v;
	struct plan_node n;

	drivedb_views(&v, tx, 0);
	*found = v.remote.child(v.remote.ctx, parent, name, &n);
	if (v.failed) {
		*e = v.err;
		return -1;
	}
	return *found ? drivedb_entry(tx, &n.id, out, found, e) : 0;
}

/* ---- places ---- */

/* The path without slashes at its end; its last name. */
static struct bytes
last_name(const char *path, size_t *before)
{
	size_t n = strlen(path);

	while (n > 0 && path[n - 1] == '/')
		n--;
	size_t from = n;
	while (from > 0 && path[from - 1] != '/')
		from--;
	*before = from;
	return bytes_of(path + from, n - from);
}

int
edit_place(
    struct tx *tx, const char *path, struct edit_place *out, struct err *e)
{
	OWN(buf_free) struct buf shown = { 0 };
	OWN(mem_free) char *above = mem_text(path);
	struct edit_place p = { 0 };
	struct drivedb_entry dir;
	size_t before;

	text_show(&shown, bytes_str(path));
	if (path[0] != '/')
		return err_set(e, ERR_USAGE,
		    "%s: a path in the drive begins with /", buf_text(&shown));
	p.name = last_name(path, &before);
	if (p.name.n == 0)
		return err_set(
		    e, ERR_USAGE, "this cannot be done with the root, /");
	if (!node_name_valid(p.name))
		return err_set(e, ERR_USAGE,
		    p.name.n > NODE_NAME_MAX
			? "%s: a name has 255 bytes at most"
			: "%s: no name in the drive can be so",
		    buf_text(&shown));
	above[before] = '\0';
	if (edit_find(tx, above, &dir, e) < 0)
		return -1;
	if (dir.node.type != NODE_DIR)
		return err_set(e, ERR_NOT_FOUND,
		    "%s: what is above it is no directory", buf_text(&shown));
	p.parent = dir.node.id;
	if (edit_child(tx, &p.parent, p.name, &p.there, &p.taken, e) < 0)
		return -1;
	*out = p;
	return 0;
}

int
edit_below(struct tx *tx, const struct id *id, const struct id *above,
    bool *below, struct err *e)
{
	struct id at = *id;
	bool found = true;

	*below = false;
	for (int i = 0; found && i <= NODE_DEPTH_MAX; i++) {
		struct drivedb_entry x;
		if (id_equal(&at, above)) {
			*below = true;
			return 0;
		}
		if (id_zero(&at))
			return 0;
		if (drivedb_entry(tx, &at, &x, &found, e) < 0)
			return -1;
		at = x.node.parent;
	}
	return 0;
}

/* ---- names of what comes back ---- */

static void
restored_name(const struct edit_batch *b, struct bytes name, unsigned number,
    struct buf *out)
{
	OWN(buf_free) struct buf mark = { 0 };
	OWN(buf_free) struct buf day = { 0 };

	text_time(&day, (int64_t)b->now);
	buf_put_str(&mark, " (restored ");
	buf_put(&mark, day.p, 10);
	if (number > 1)
		buf_printf(&mark, ", %u", number);
	buf_put_str(&mark, ")");
	node_name_mark(name, buf_bytes(&mark), NODE_NAME_MAX, out);
}

/* Does this commit give the name to another? */
static bool
takes(const struct edit_batch *b, const struct id *parent, struct bytes name)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct plan_change *c = &b->changes[i];
		if (c->kind != PLAN_TRASH && id_equal(&c->parent, parent) &&
		    bytes_equal(bytes_of(c->name, c->name_n), name))
			return true;
	}
	return false;
}

int
edit_free_name(const struct edit_batch *b, const struct id *parent,
    struct bytes name, struct buf *out, struct err *e)
{
	struct drivedb_entry there;
	bool taken;

	buf_clear(out);
	buf_put_bytes(out, name);
	for (unsigned i = 1;; i++) {
		if (edit_child(
			b->tx, parent, buf_bytes(out), &there, &taken, e) < 0)
			return -1;
		if (!taken && !takes(b, parent, buf_bytes(out)))
			return 0;
		buf_clear(out);
		restored_name(b, name, i, out);
	}
}

/* ---- what may have been meant ---- */

/* The names of a path one by one, as far as they are there. */
struct wander {
	struct tx *tx;
	struct bytes missing; /* the first name that is not there */
	struct drivedb_entry meant;
	bool found; /* one that is written otherwise */
	struct buf key;
};

static int
compare(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	static const struct plan_fs any = { .folds = true, .normalizes = true };
	struct wander *w = ctx;
	OWN(buf_free) struct buf key = { 0 };

	(void)e;
	planner_fold(bytes_of(x->node.name, x->node.name_n), &any, &key);
	if (!w->found && bytes_equal(buf_bytes(&key), buf_bytes(&w->key))) {
		w->meant = *x;
		w->found = true;
	}
	return 0;
}

static int
look_around(struct wander *w, const char *path, struct err *e)
{
	static const struct plan_fs any = { .folds = true, .normalizes = true };
	struct drivedb_entry at = { .node = { .type = NODE_DIR } }, next;

	for (const char *p = path; *p != '\0';) {
		bool found;
		p += strspn(p, "/");
		struct bytes name = bytes_of(p, strcspn(p, "/"));
		p += name.n;
		if (name.n == 0)
			return 0;
		if (edit_child(w->tx, &at.node.id, name, &next, &found, e) < 0)
			return -1;
		if (!found) {
			w->missing = name;
			planner_fold(name, &any, &w->key);
			return drivedb_list(
			    w->tx, &at.node.id, false, compare, w, e);
		}
		at = next;
	}
	return 0;
}

struct in_trash {
	struct tx *tx;
	const char *path;
	bool found;
};

static int
compare_trash(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct in_trash *t = ctx;
	OWN(buf_free) struct buf path = { 0 };

	if (t->found)
		return 0;
	if (drivedb_path(t->tx, &x->node.id, &path, e) < 0)
		return -1;
	/* It, or a directory that it lay in. */
	t->found = path.n > 1 &&
	    strncmp(t->path, buf_text(&path), path.n) == 0 &&
	    (t->path[path.n] == '\0' || t->path[path.n] == '/');
	return 0;
}

/* Replace the remedy, where something better can be said. */
static int
say_what_was_meant(struct tx *tx, const char *path, struct err *e)
{
	OWN(buf_free) struct buf meant = { 0 };
	OWN(buf_free) struct buf shown = { 0 };
	struct in_trash t = { tx, path, false };
	struct wander w = { .tx = tx };
	struct err ignored;

	if (look_around(&w, path, &ignored) == 0 && w.found &&
	    drivedb_path(tx, &w.meant.node.id, &meant, &ignored) == 0) {
		text_show(&shown, buf_bytes(&meant));
		(void)err_remedy(e, "There is %s", buf_text(&shown));
	} else if (drivedb_trash(tx, compare_trash, &t, &ignored) == 0 &&
	    t.found) {
		(void)err_remedy(
		    e, "It is in the trash: aumbry drive trash restore PATH");
	}
	buf_free(&w.key);
	return -1;
}

int
edit_find(
    struct tx *tx, const char *path, struct drivedb_entry *out, struct err *e)
{
	OWN(buf_free) struct buf shown = { 0 };

	if (drivedb_resolve(tx, path, out, e) == 0)
		return 0;
	enum err_code code = e->code;
	if (code != ERR_NOT_FOUND && code != ERR_USAGE)
		return -1;
	/* What was typed may hold what a terminal would obey. */
	text_show(&shown, bytes_str(path));
	(void)err_set(e, code,
	    path[0] != '/' ? "%s: a path in the drive begins with /"
		: code == ERR_USAGE
		? "%s: no name in the drive can be so"
		: "%s: the drive has no such file or directory",
	    buf_text(&shown));
	return code == ERR_NOT_FOUND ? say_what_was_meant(tx, path, e) : -1;
}
