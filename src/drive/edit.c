/* SPDX-License-Identifier: ISC */
/* edit.c: directories made, things moved and thrown away by hand. */
#include "drive/edit_in.h"

#include "base/text.h"

#include <string.h>

/* "/a/b" as a person can take it, in an error. */
static int
refuse(struct err *e, enum err_code code, const char *path, const char *why)
{
	OWN(buf_free) struct buf shown = { 0 };

	text_show(&shown, bytes_str(path));
	return err_set(e, code, "%s: %s", buf_text(&shown), why);
}

static int
too_many(size_t n, struct err *e)
{
	if (n <= EDIT_PATHS_MAX)
		return 0;
	return err_set(
	    e, ERR_USAGE, "more than %d paths at once", EDIT_PATHS_MAX);
}

/* ---- directories ---- */

struct making {
	const char *path;
	bool parents;
};

static int
make_plan(struct edit_batch *b, void *ctx, struct err *e)
{
	const struct making *m = ctx;
	struct edit_place p;
	struct id id;

	if (edit_place(b->tx, m->path, &p, e) < 0)
		return -1;
	if (p.taken)
		return refuse(e, ERR_DRIVE_EXISTS, m->path,
		    "there is something of that name");
	edit_new_dir(b, &p.parent, p.name, &id);
	return 0;
}

static int
make_all_plan(struct edit_batch *b, void *ctx, struct err *e)
{
	const struct making *m = ctx;
	struct drivedb_entry at = { .node = { .type = NODE_DIR } };
	bool found = true;

	if (m->path[0] != '/')
		return refuse(
		    e, ERR_USAGE, m->path, "a path in the drive begins with /");
	for (const char *p = m->path + strspn(m->path, "/"); *p != '\0';) {
		struct bytes name = bytes_of(p, strcspn(p, "/"));
		p += name.n;
		p += strspn(p, "/");
		if (!node_name_valid(name))
			return refuse(e, ERR_USAGE, m->path,
			    "no name in the drive can be so");
		if (found &&
		    edit_child(b->tx, &at.node.id, name, &at, &found, e) < 0)
			return -1;
		if (found && at.node.type != NODE_DIR)
			return refuse(e, ERR_DRIVE_EXISTS, m->path,
			    "a file has the name of a directory");
		if (found)
			continue;
		if (edit_full(b))
			return refuse(e, ERR_USAGE, m->path, "it is too deep");
		struct id parent = at.node.id;
		edit_new_dir(b, &parent, name, &at.node.id);
	}
	return 0;
}

int
edit_mkdir(struct edit *d, const char *path, bool parents, struct err *e)
{
	struct making m = { path, parents };

	return edit_commit(d, parents ? make_all_plan : make_plan, &m, e);
}

/* ---- moving ---- */

struct moving {
	const char *const *paths;
	size_t n;
	const char *to;
	bool force;
};

/* Does something else have the place? What is there goes, or it is said. */
static int
clear_place(struct edit_batch *b, const struct moving *m,
    const struct drivedb_entry *x, const struct edit_place *p, struct err *e)
{
	OWN(edit_node_free) struct edit_node old = { 0 };
	bool within;

	if (!p->taken)
		return 0;
	if (!m->force)
		return refuse(e, ERR_DRIVE_EXISTS, m->to,
		    "there is something of that name");
	if (edit_below(b->tx, &x->node.id, &p->there.node.id, &within, e) < 0)
		return -1;
	if (within)
		return refuse(
		    e, ERR_USAGE, m->to, "what would be moved lies in it");
	if (edit_load(b->d, &p->there.node.id, &old, e) < 0)
		return -1;
	edit_trash(b, &p->there.node.id, &old);
	return 0;
}

static int
move_one(struct edit_batch *b, const struct moving *m, const char *path,
    struct edit_place *p, struct err *e)
{
	OWN(edit_node_free) struct edit_node node = { 0 };
	struct drivedb_entry x;
	bool within;

	if (edit_find(b->tx, path, &x, e) < 0)
		return -1;
	if (id_zero(&x.node.id))
		return refuse(e, ERR_USAGE, path, "the root stays where it is");
	if (p->name.n == 0) {
		p->name = bytes_of(x.node.name, x.node.name_n);
		if (edit_child(b->tx, &p->parent, p->name, &p->there, &p->taken,
			e) < 0)
			return -1;
	}
	if (p->taken && id_equal(&p->there.node.id, &x.node.id))
		return refuse(e, ERR_USAGE, path, "it is there already");
	if (edit_below(b->tx, &p->parent, &x.node.id, &within, e) < 0)
		return -1;
	if (within)
		return refuse(
		    e, ERR_USAGE, path, "it cannot be moved into itself");
	if (clear_place(b, m, &x, p, e) < 0 ||
	    edit_load(b->d, &x.node.id, &node, e) < 0)
		return -1;
	node.n.parent = p->parent;
	node.n.name = p->name;
	edit_put(b, &x.node.id, node.version, &node.n);
	return 0;
}

/* Two of them would have one name, or are one. */
static int
check_apart(
    const struct edit_batch *b, size_t before, const char *path, struct err *e)
{
	const struct plan_change *c = &b->changes[b->n - 1];

	for (size_t i = 0; i < before; i++) {
		const struct plan_change *o = &b->changes[i];
		if (id_equal(&o->id, &c->id))
			return refuse(e, ERR_USAGE, path,
			    "it is given twice, or lies in another's place");
		if (o->kind != PLAN_TRASH && id_equal(&o->parent, &c->parent) &&
		    strcmp(o->name, c->name) == 0)
			return refuse(e, ERR_DRIVE_EXISTS, path,
			    "two of them have the same name");
	}
	return 0;
}

static int
move_plan(struct edit_batch *b, void *ctx, struct err *e)
{
	const struct moving *m = ctx;
	struct drivedb_entry to;
	struct edit_place p = { 0 };
	struct err why;

	bool into =
	    edit_find(b->tx, m->to, &to, &why) == 0 && to.node.type == NODE_DIR;
	if (m->n > 1 && !into)
		return refuse(e, ERR_NOT_FOUND, m->to,
		    "there is no such directory to move several into");
	if (!into && edit_place(b->tx, m->to, &p, e) < 0)
		return -1;
	for (size_t i = 0; i < m->n; i++) {
		size_t before = b->n;
		if (into)
			p = (struct edit_place){ .parent = to.node.id };
		if (move_one(b, m, m->paths[i], &p, e) < 0 ||
		    check_apart(b, before, m->paths[i], e) < 0)
			return -1;
	}
	return 0;
}

int
edit_move(struct edit *d, const char *const *paths, size_t n, const char *to,
    bool force, struct err *e)
{
	struct moving m = { paths, n, to, force };

	return too_many(n, e) < 0 ? -1 : edit_commit(d, move_plan, &m, e);
}

/* ---- throwing away ---- */

struct removing {
	const char *const *paths;
	size_t n;
	bool trees;
};

static int
not_empty(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	(void)ctx;
	(void)x;
	return err_set(e, ERR_DRIVE_NOT_EMPTY, "it is not empty");
}

/* Will it go with another one of them, or is it one? */
static int
goes_already(
    struct edit_batch *b, const struct id *id, bool *goes, struct err *e)
{
	*goes = false;
	for (size_t i = 0; !*goes && i < b->n; i++)
		if (edit_below(b->tx, id, &b->changes[i].id, goes, e) < 0)
			return -1;
	return 0;
}

static int
remove_plan(struct edit_batch *b, void *ctx, struct err *e)
{
	const struct removing *r = ctx;

	for (size_t i = 0; i < r->n; i++) {
		OWN(edit_node_free) struct edit_node node = { 0 };
		struct drivedb_entry x;
		bool goes;
		if (edit_find(b->tx, r->paths[i], &x, e) < 0)
			return -1;
		if (id_zero(&x.node.id))
			return refuse(e, ERR_USAGE, r->paths[i],
			    "the root cannot be thrown away");
		if (x.node.type == NODE_DIR && !r->trees &&
		    drivedb_list(b->tx, &x.node.id, false, not_empty, NULL, e) <
			0)
			return e->code == ERR_DRIVE_NOT_EMPTY
			    ? refuse(e, ERR_DRIVE_NOT_EMPTY, r->paths[i],
				  "the directory is not empty")
			    : -1;
		if (goes_already(b, &x.node.id, &goes, e) < 0)
			return -1;
		if (goes)
			continue;
		if (edit_load(b->d, &x.node.id, &node, e) < 0)
			return -1;
		edit_trash(b, &x.node.id, &node);
	}
	return 0;
}

int
edit_remove(struct edit *d, const char *const *paths, size_t n, bool trees,
    struct err *e)
{
	struct removing r = { paths, n, trees };

	return too_many(n, e) < 0 ? -1 : edit_commit(d, remove_plan, &r, e);
}
