/* SPDX-License-Identifier: ISC */
/* past.c: a former content of a file becomes the newest. */
#include "drive/past_in.h"

#include <stdlib.h>

struct one {
	struct edit *d;
	const struct past_ask *ask;
	uint64_t number;
	uint64_t at_ms; /* when it came */
	bool others; /* it is a file of a database that has more */
};

/* One of the versions of a file. */
struct version {
	struct node_history *history;
	struct buf plain; /* which it borrows from */
	const struct node_version *v;
};

static void
version_free(struct version *x)
{
	free(x->history);
	buf_free(&x->plain);
}

/* errors: version-gone. */
static int
find(struct zcopy *zone, const struct id *id, uint64_t number,
    struct version *out, struct err *e)
{
	uint64_t version;

	out->history = mem_new(sizeof *out->history);
	if (record_history_of(
		zone, id, out->history, &out->plain, &version, e) < 0)
		return -1;
	for (size_t i = 0; i < out->history->n; i++)
		if (out->history->v[i].edits == number) {
			out->v = &out->history->v[i];
			return 0;
		}
	return err_set(e, ERR_VERSION_GONE, "there is no version %llu of it",
	    (unsigned long long)number);
}

static int
version_plan(struct edit_batch *b, void *ctx, struct err *e)
{
	const struct one *o = ctx;
	OWN(edit_node_free) struct edit_node node = { 0 };
	OWN(version_free) struct version was = { NULL };
	struct drivedb_entry x;

	if (edit_find(b->tx, o->ask->path, &x, e) < 0 ||
	    edit_load(b->d, &x.node.id, &node, e) < 0 ||
	    find(b->d->zone, &x.node.id, o->number, &was, e) < 0 ||
	    edit_keep(b, &x.node.id, &node.n, e) < 0)
		return -1;
	struct node n = node.n;
	past_take(&n, was.v);
	edit_put(b, &x.node.id, node.version, &n);
	return 0;
}

static int
has_others(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	bool *any = ctx;

	(void)x;
	(void)e;
	*any = true;
	return 0;
}

static int
ask_job(struct tx *tx, void *arg, struct err *e)
{
	struct one *o = arg;
	OWN(version_free) struct version was = { NULL };
	struct drivedb_entry x;

	if (edit_find(tx, o->ask->path, &x, e) < 0)
		return -1;
	if (x.node.type != NODE_FILE)
		return err_set(
		    e, ERR_USAGE, "only files have versions, and it is none");
	if (x.edits == o->number)
		return err_set(
		    e, ERR_USAGE, "that version is what the file has now");
	if (find(o->d->zone, &x.node.id, o->number, &was, e) < 0)
		return -1;
	o->at_ms = was.v->changed_ms;
	return past_beside(tx, &x, has_others, &o->others, e);
}

int
past_version(
    struct edit *d, const struct past_ask *ask, uint64_t number, struct err *e)
{
	struct one o = { .d = d, .ask = ask, .number = number };
	struct past_result told;

	if (db_read(drivedb_db(d->db), ask_job, &o, e) < 0)
		return -1;
	if (!o.others)
		return edit_commit(d, version_plan, &o, e);
	struct past_ask then = *ask;
	then.at_ms = o.at_ms;
	then.dry = false;
	return past_restore(d, &then, &told, e);
}
