/* SPDX-License-Identifier: ISC */
/* put_plan.c: what was read becomes nodes. */
#include "drive/put_in.h"

#include "base/text.h"

#include <string.h>

/* ---- where it goes ---- */

struct placing {
	struct put *p;
	struct buf *name; /* of the one, where it is said */
};

struct bytes
put_base_name(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	size_t from = n;
	while (from > 0 && path[from - 1] != '/')
		from--;
	return bytes_of(path + from, n - from);
}

static int
check_free(struct tx *tx, struct put *p, const struct id *dir,
    struct bytes name, struct err *e)
{
	OWN(buf_free) struct buf shown = { 0 };
	struct drivedb_entry there;
	bool taken;

	text_show(&shown, name);
	if (!node_name_valid(name))
		return err_set(e, ERR_USAGE,
		    "\"%s\" is no name; say which it shall have: /PATH/NAME",
		    buf_text(&shown));
	if (edit_child(tx, dir, name, &there, &taken, e) < 0)
		return -1;
	if (taken && !p->ask->force)
		return err_set(e, ERR_DRIVE_EXISTS,
		    "%s: there is something of that name", buf_text(&shown));
	return 0;
}

static int
check_all(struct tx *tx, struct put *p, const struct id *dir, struct err *e)
{
	for (size_t i = 0; i < p->ask->n; i++) {
		struct bytes name = put_base_name(p->ask->files[i]);
		if (check_free(tx, p, dir, name, e) < 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (bytes_equal(name, put_base_name(p->ask->files[k])))
				return err_set(e, ERR_DRIVE_EXISTS,
				    "two of them have the same name");
	}
	return 0;
}

static int
where_job(struct tx *tx, void *arg, struct err *e)
{
	struct placing *g = arg;
	struct put *p = g->p;
	struct drivedb_entry to;
	struct edit_place at;
	struct err why;

	buf_clear(&p->to);
	if (edit_find(tx, p->ask->to, &to, &why) == 0 &&
	    to.node.type == NODE_DIR) {
		buf_put_str(&p->to, p->ask->to);
		return check_all(tx, p, &to.node.id, e);
	}
	if (p->ask->n > 1) {
		*e = why;
		return err_set(e, ERR_NOT_FOUND,
		    "there is no such directory to put several into");
	}
	if (edit_place(tx, p->ask->to, &at, e) < 0 ||
	    check_free(tx, p, &at.parent, at.name, e) < 0)
		return -1;
	buf_put_bytes(g->name, at.name);
	return drivedb_path(tx, &at.parent, &p->to, e);
}

int
put_where(struct put *p, struct buf *name, struct err *e)
{
	struct placing g = { p, name };

	return db_read(drivedb_db(p->d->db), where_job, &g, e);
}

/* ---- planning ---- */

/* What has the place goes to the trash; folders stay, for their like. */
static int
make_way(struct edit_batch *b, const struct put *p,
    const struct drivedb_entry *there, struct err *e)
{
	OWN(edit_node_free) struct edit_node old = { 0 };

	if (!p->ask->force)
		return err_set(e, ERR_DRIVE_EXISTS,
		    "\"%s\": there is something of that name by now",
		    there->node.name);
	if (edit_load(b->d, &there->node.id, &old, e) < 0)
		return -1;
	edit_trash(b, &there->node.id, &old);
	return 0;
}

/* The directory, made where it is not there. */
static int
dir_of(struct edit_batch *b, struct put *p, struct put_dir *dir, struct id *id,
    struct err *e)
{
	struct drivedb_entry there;
	struct id parent;
	bool found;

	if (dir == NULL || dir->plan != p->plan) {
		if (dir == NULL) {
			if (edit_find(b->tx, buf_text(&p->to), &there, e) < 0)
				return -1;
			*id = there.node.id;
			return 0;
		}
		if (dir_of(b, p, dir->up, &parent, e) < 0 ||
		    edit_child(b->tx, &parent, buf_bytes(&dir->name), &there,
			&found, e) < 0)
			return -1;
		dir->plan = p->plan;
		if (found && there.node.type == NODE_DIR) {
			dir->id = there.node.id;
		} else {
			if (found && make_way(b, p, &there, e) < 0)
				return -1;
			edit_new_dir(
			    b, &parent, buf_bytes(&dir->name), &dir->id);
		}
	}
	*id = dir->id;
	return 0;
}

/* A node as what was read says. */
static void
fill_node(struct put *p, const struct put_item *x, struct buf *content,
    struct node *n)
{
	n->mtime_s = x->st.st_mtim.tv_sec;
	n->mtime_ns = (uint32_t)x->st.st_mtim.tv_nsec;
	n->flags = 0;
	node_edited(n);
	if (S_ISLNK(x->st.st_mode)) {
		n->type = NODE_SYMLINK;
		n->target = buf_bytes(&x->target);
		return;
	}
	n->type = NODE_FILE;
	if ((x->st.st_mode & 0111) != 0)
		n->flags |= NODE_EXEC;
	if (x->taken.secret)
		n->flags |= NODE_SECRET;
	content_in_put(p->d->in, &x->taken, content);
	n->content = buf_bytes(content);
}

/* Over one of its kind: the content is replaced, unless it is the same. */
static int
replace(struct edit_batch *b, struct put *p, struct put_item *x,
    const struct id *id, struct err *e)
{
	OWN(edit_node_free) struct edit_node old = { 0 };
	OWN(buf_free) struct buf content = { 0 };
	struct digest was, is;

	if (edit_load(b->d, id, &old, e) < 0)
		return -1;
	struct node n = old.n;
	fill_node(p, x, &content, &n);
	if (node_content_id(&old.n, &was, e) < 0 ||
	    node_content_id(&n, &is, e) < 0)
		return -1;
	x->same = digest_equal(&was, &is) &&
	    ((old.n.flags ^ n.flags) & NODE_EXEC) == 0;
	if (x->same)
		return 0;
	/* Of links no former target is kept. */
	if (n.type == NODE_FILE && edit_keep(b, id, &old.n, e) < 0)
		return -1;
	edit_put(b, id, old.version, &n);
	return 0;
}

static int
plan_item(
    struct edit_batch *b, struct put *p, struct put_item *x, struct err *e)
{
	OWN(buf_free) struct buf content = { 0 };
	struct drivedb_entry there;
	struct node n = { .edits = 0 };
	struct id id;
	bool found;

	x->same = false;
	if (dir_of(b, p, x->dir, &n.parent, e) < 0)
		return -1;
	if (x->is_dir)
		return 0;
	if (content_in_there(p->d->in, &x->taken, e) < 0)
		return -1;
	n.name = buf_bytes(&x->name);
	if (edit_child(b->tx, &n.parent, n.name, &there, &found, e) < 0)
		return -1;
	if (found && p->ask->force &&
	    there.node.type ==
		(S_ISLNK(x->st.st_mode) ? NODE_SYMLINK : NODE_FILE))
		return replace(b, p, x, &there.node.id, e);
	if (found && make_way(b, p, &there, e) < 0)
		return -1;
	fill_node(p, x, &content, &n);
	id_random(&id);
	edit_put(b, &id, 0, &n);
	return 0;
}

int
put_plan(struct edit_batch *b, void *ctx, struct err *e)
{
	struct put *p = ctx;

	p->plan++;
	for (size_t i = 0; i < p->n; i++) {
		struct put_item *x = p->items[i];
		x->planned = false;
		if (x->done || x->failed)
			continue;
		if (edit_full(b))
			break;
		if (plan_item(b, p, x, e) < 0)
			return -1;
		x->planned = true;
	}
	return 0;
}
