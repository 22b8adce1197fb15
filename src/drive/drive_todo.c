/* SPDX-License-Identifier: ISC */
/* drive_todo.c: what a pass has to do, and where things are here. */
#include "drive/drive_in.h"

#include <string.h>

bool
drive_stopped(struct drive_root *r, struct err *e)
{
	if (r->d->from.stop == NULL || !r->d->from.stop())
		return false;
	(void)err_set(e, ERR_STOPPED, "it was ended before it was done");
	return true;
}

void
drive_todo(struct drive_root *r, const struct id *id)
{
	if (!id_equal(id, &r->row.top))
		id_put(&r->todo, id);
}

void
drive_take_news(struct drive_root *r)
{
	buf_put_bytes(&r->todo, buf_bytes(&r->news));
	buf_clear(&r->news);
}

void
drive_look_again(struct drive_root *r, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);

	buf_put(&r->dirs, path, n);
	buf_put_u8(&r->dirs, '\0');
}

void
drive_diff_free(struct drive_diff *d)
{
	buf_free(&d->content);
}

int
drive_diff(struct tx *tx, const struct drive_root *r, const struct id *id,
    struct drive_diff *out, struct err *e)
{
	*out = (struct drive_diff){ .found = false };
	if (drivedb_diff_get(tx, r->row.root, id, &out->x, &out->found, e) <
		0 ||
	    drivedb_diff_content(tx, r->row.root, id, &out->content, e) < 0)
		return -1;
	out->x.content = buf_bytes(&out->content);
	return 0;
}

int
drive_path(struct drivedb_views *v, const struct id *top,
    const struct plan_node *n, struct buf *out, struct err *e)
{
	struct plan_node up = *n;
	OWN(buf_free) struct buf tail = { 0 };

	buf_put(out, n->name, n->name_n);
	for (unsigned d = 0; !id_equal(&up.parent, top); d++) {
		struct id parent = up.parent;
		if (d > NODE_DEPTH_MAX ||
		    !v->local.find(v->local.ctx, &parent, &up))
			return err_set(
			    e, ERR_NOT_FOUND, "its folder is not here");
		buf_clear(&tail);
		buf_put(&tail, up.name, up.name_n);
		buf_put_u8(&tail, '/');
		buf_put_bytes(&tail, buf_bytes(out));
		buf_clear(out);
		buf_put_bytes(out, buf_bytes(&tail));
	}
	return 0;
}

int
drive_path_to(struct drivedb_views *v, const struct id *top,
    const struct plan_op *op, struct buf *out, struct err *e)
{
	struct plan_node n = { .parent = op->parent, .name_n = op->name_n };

	memcpy(n.name, op->name, sizeof n.name);
	return drive_path(v, top, &n, out, e);
}
