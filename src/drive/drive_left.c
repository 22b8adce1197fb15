/* SPDX-License-Identifier: ISC */
/* drive_left.c: what a crash left in part/. */
#include "drive/drive_in.h"

#include <stdlib.h>
#include <string.h>

#define ID_HEX 32 /* digits of an id */

void
drive_part_name(
    const struct id *id, const struct digest *content, struct buf *out)
{
	struct id of;

	/* Another content must not find what was fetched of this one. */
	memcpy(of.b, content->b, ID_BYTES);
	buf_put_str(out, id_text(id).s);
	buf_put_u8(out, '-');
	buf_put_str(out, id_text(&of).s);
}

struct left {
	struct drive_root *r;
	struct drivedb_views v;
	struct buf names; /* with NULs */
};

static void
left_free(struct left *l)
{
	buf_free(&l->names);
}

static int
note_left(void *ctx, struct bytes name, const struct os_stat *st, struct err *e)
{
	struct left *l = ctx;

	(void)st;
	(void)e;
	buf_put_bytes(&l->names, name);
	buf_put_u8(&l->names, '\0');
	return 0;
}

/* Back to its place, or beside it. */
static int
back(struct left *l, const char *name, struct err *e)
{
	const struct os_ops *o = l->r->os->ops;
	OWN(buf_free) struct buf path = { 0 };
	struct plan_node n;
	struct os_stat now;
	struct id id;
	struct err why;

	if (id_parse(bytes_str(name + strlen(OS_ASIDE)), &id) == 0 &&
	    l->v.base.find(l->v.base.ctx, &id, &n) &&
	    drive_path(&l->v, &l->r->row.top, &n, &path, &why) == 0 &&
	    o->place(l->r->os, name, buf_text(&path), NULL, &now, &why) == 0)
		return 0;
	buf_clear(&path);
	buf_printf(&path, "recovered-%.8s", name + strlen(OS_ASIDE));
	if (o->place(l->r->os, name, buf_text(&path), NULL, &now, &why) == 0 ||
	    why.code == ERR_CONFLICT)
		return 0;
	*e = why;
	return -1;
}

/* Is it of a content that shall come here? */
static bool
is_wanted(struct left *l, const char *name)
{
	OWN(buf_free) struct buf part = { 0 };
	struct plan_node n, b;
	struct id id;

	if (strlen(name) < ID_HEX ||
	    strncmp(name, OS_ASIDE, strlen(OS_ASIDE)) == 0 ||
	    id_parse(bytes_of(name, ID_HEX), &id) < 0 ||
	    !l->v.remote.find(l->v.remote.ctx, &id, &n) || n.trashed)
		return false;
	drive_part_name(&id, &n.content, &part);
	return strcmp(buf_text(&part), name) == 0 &&
	    (!l->v.base.find(l->v.base.ctx, &id, &b) ||
		!digest_equal(&b.content, &n.content));
}

static int
recover_job(struct tx *tx, void *arg, struct err *e)
{
	struct left *l = arg;
	const struct os_ops *o = l->r->os->ops;

	drivedb_views(&l->v, tx, l->r->row.root);
	for (size_t at = 0; at < l->names.n;) {
		const char *name = (const char *)l->names.p + at;
		struct err ignored;
		at += strlen(name) + 1;
		if (is_wanted(l, name))
			continue;
		if (strncmp(name, OS_ASIDE, strlen(OS_ASIDE)) != 0)
			(void)!o->part_drop(l->r->os, name, &ignored);
		else if (back(l, name, e) < 0)
			return -1;
	}
	return 0;
}

int
drive_recover(struct drive_root *r, struct err *e)
{
	OWN(left_free) struct left l = { .r = r };

	if (r->os->ops->leftovers(r->os, false, note_left, &l, e) < 0)
		return -1;
	if (l.names.n == 0)
		return 0;
	return db_read(drivedb_db(r->d->db), recover_job, &l, e);
}
