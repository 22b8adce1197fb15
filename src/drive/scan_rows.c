/* SPDX-License-Identifier: ISC */
/* scan_rows.c: the rows of a pass, written some thousand at once. */
#include "drive/scan_in.h"

#include <stdlib.h>

struct row *
scan_row(struct pass *p, enum row_kind kind, const struct plan_node *n)
{
	struct row *row = LIST_ADD(&p->rows);

	*row = (struct row){ .kind = kind, .node = *n };
	return row;
}

/* The targets of links, before the transaction that writes their rows. */
static void
read_links(struct pass *p, struct buf *targets)
{
	for (size_t i = 0; i < p->rows.n; i++) {
		struct row *row = &p->rows.p[i];
		size_t at = targets->n;
		struct err e;
		if (row->link == NULL)
			continue;
		const struct plan_node *n = &row->node;
		if (p->s->os->ops->readlink(p->s->os, row->link, targets, &e) <
		    0) {
			/* It went, or is another thing by now. */
			OWN(mem_free) char *dir = scan_path_dir(row->link);
			targets->n = at;
			scan_later(p, LATER_TORN, &n->parent, &n->parent, dir);
		}
		row->target_n = targets->n - at;
	}
}

static int
put_row(struct tx *tx, struct pass *p, const struct row *row,
    struct bytes target, struct err *e)
{
	struct drivedb_diff x = { .node = row->node };
	OWN(buf_free) struct buf content = { 0 };

	if (row->link != NULL && target.n == 0)
		return 0;
	if (row->link != NULL) {
		struct node link = { .type = NODE_SYMLINK, .target = target };
		if (node_content_id(&link, &x.node.content, e) < 0)
			return -1;
		x.content = target;
	}
	if (row->keep &&
	    drivedb_diff_content(tx, p->s->root, &row->node.id, &content, e) <
		0)
		return -1;
	if (content.n > 0)
		x.content = buf_bytes(&content);
	return drivedb_diff_put(tx, p->s->root, &x, e);
}

static int
write_row(struct tx *tx, struct pass *p, const struct row *row,
    struct bytes target, struct err *e)
{
	const struct id *id = &row->node.id;
	struct drivedb_diff gone = { .gone = true, .node.id = *id };

	switch (row->kind) {
	case ROW_PUT:
		return put_row(tx, p, row, target, e);
	case ROW_GONE:
		return drivedb_diff_put(tx, p->s->root, &gone, e);
	case ROW_FORGET:
		if (drivedb_base_drop(tx, p->s->root, id, e) < 0)
			return -1;
		return drivedb_diff_drop(tx, p->s->root, id, e);
	default:
		return drivedb_diff_drop(tx, p->s->root, id, e);
	}
}

struct writing {
	struct pass *p;
	struct bytes targets;
};

static int
flush_job(struct tx *tx, void *arg, struct err *e)
{
	const struct writing *w = arg;
	struct bytes rest = w->targets;

	for (size_t i = 0; i < w->p->rows.n; i++) {
		const struct row *row = &w->p->rows.p[i];
		struct bytes target = bytes_of(rest.p, row->target_n);
		if (write_row(tx, w->p, row, target, e) < 0)
			return -1;
		rest = bytes_of(rest.p + target.n, rest.n - target.n);
	}
	return 0;
}

void
scan_rows_clear(struct pass *p)
{
	for (size_t i = 0; i < p->rows.n; i++)
		free(p->rows.p[i].link);
	p->rows.n = 0;
}

int
scan_flush(struct pass *p, struct err *e)
{
	OWN(buf_free) struct buf targets = { 0 };

	if (p->rows.n == 0)
		return 0;
	buf_room(&targets, 1);
	read_links(p, &targets);
	struct writing w = { p, buf_bytes(&targets) };
	if (db_write(drivedb_db(p->s->db), flush_job, &w, e) < 0)
		return -1;
	for (size_t i = 0; i < p->rows.n; i++) {
		const struct row *row = &p->rows.p[i];
		id_put(p->touched, &row->node.id);
		if (row->kind == ROW_GONE)
			p->out->gone++;
		else if (row->kind == ROW_PUT)
			p->out->changed++;
	}
	scan_rows_clear(p);
	return 0;
}
