/* SPDX-License-Identifier: ISC */
/* drive_place.c: contents fetched into parts, parts put where they belong. */
#include "drive/drive_in.h"

#include "tree/dbfile.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW_FILES 4096
#define WINDOW_BYTES (128 * 1024 * 1024)
#define KEPT_BYTES \
	(4 * 1024 * 1024) /* what was fetched of larger files stays */
#define LOCKS 64
#define THREADS 2

/* A file that comes. */
struct arrival {
	const struct plan_op *op;
	struct buf plain; /* its record; n borrows from it */
	struct node n;
	uint64_t size; /* bytes */
	struct os_part *part;
	uint64_t have; /* bytes that the part may have from another time */
	uint32_t left; /* chunks */
	bool whole, failed;
	bool database; /* it begins as a database of SQLite */
	struct err why;
};

struct arrivals {
	struct drive_root *r;
	struct arrival *list;
	size_t n;
	uint64_t bytes;
	struct source *source; /* for lists of lists */
	pthread_mutex_t locks[LOCKS];
};

static void
arrivals_free(struct arrivals *a)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->list[i].part != NULL)
			a->r->os->ops->part_abort(
			    &a->list[i].part, a->list[i].size >= KEPT_BYTES);
		buf_free(&a->list[i].plain);
	}
	for (int i = 0; i < LOCKS; i++)
		(void)pthread_mutex_destroy(&a->locks[i]);
	source_free(&a->source);
	free(a->list);
}

static void
fails(struct arrival *x, const struct err *why)
{
	if (!x->failed)
		x->why = *why;
	x->failed = true;
}

static void
part_name(const struct arrival *x, struct buf *out)
{
	drive_part_name(&x->op->id, &x->op->content, out);
}

/* ---- filling parts ---- */

static int
open_part(struct arrivals *a, struct arrival *x, struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };

	part_name(x, &name);
	return a->r->os->ops->part_open(
	    a->r->os, buf_text(&name), x->size, &x->have, &x->part, e);
}

static int
end_part(struct arrivals *a, struct arrival *x, struct err *e)
{
	if (a->r->os->ops->part_end(&x->part, x->size,
		(x->n.flags & NODE_EXEC) != 0, (x->n.flags & NODE_SECRET) != 0,
		node_mtime_ns(&x->n), e) < 0)
		return -1;
	x->whole = true;
	return 0;
}

static int
fill(struct arrivals *a, struct arrival *x, uint64_t offset, struct bytes plain,
    struct err *e)
{
	if (x->part == NULL && open_part(a, x, e) < 0)
		return -1;
	if (offset == 0 && dbfile_begins(plain))
		x->database = true;
	if (a->r->os->ops->part_put(x->part, offset, plain, e) < 0)
		return -1;
	x->left--;
	return x->left == 0 ? end_part(a, x, e) : 0;
}

static int
take(void *ctx, uint32_t tag, uint64_t offset, struct bytes plain)
{
	struct arrivals *a = ctx;
	struct arrival *x = &a->list[tag];
	struct err why;

	if (drive_stopped(a->r, &why))
		return -1;
	(void)pthread_mutex_lock(&a->locks[tag % LOCKS]);
	if (!x->failed && fill(a, x, offset, plain, &why) < 0)
		fails(x, &why);
	(void)pthread_mutex_unlock(&a->locks[tag % LOCKS]);
	return 0;
}

static int
fail(void *ctx, uint32_t tag, uint64_t offset, const struct err *why)
{
	struct arrivals *a = ctx;
	struct err say = *why;

	(void)offset;
	content_out_error(&say);
	(void)pthread_mutex_lock(&a->locks[tag % LOCKS]);
	fails(&a->list[tag], &say);
	(void)pthread_mutex_unlock(&a->locks[tag % LOCKS]);
	return 0;
}

static bool
fatal(const struct err *why)
{
	return !drive_goes_on(why->code);
}

/* ---- planning what to fetch ---- */

struct look {
	struct arrivals *a;
	struct arrival *x;
	struct content_out *o;
	struct drive_reuse *reuse; /* or NULL */
	struct buf plain; /* what may be the chunk */
};

static void
look_free(struct look *k)
{
	drive_reuse_free(&k->reuse);
	buf_free(&k->plain);
}

static bool
is_chunk(struct look *k, const struct fetch_want *w)
{
	return source_named(content_out_source(k->o), w->category, &w->name,
	    buf_bytes(&k->plain));
}

/* Did a try before fetch this chunk? */
static bool
is_in_part(struct look *k, const struct fetch_want *w)
{
	struct err ignored;

	if (w->offset + w->length > k->x->have)
		return false;
	buf_clear(&k->plain);
	uint8_t *p = buf_grow(&k->plain, w->length);
	return k->a->r->os->ops->part_read(
		   k->x->part, w->offset, p, w->length, &ignored) == 0 &&
	    is_chunk(k, w);
}

/* In the part, or in the file that it will replace? */
static int
is_here(void *ctx, const struct fetch_want *w, bool *have, struct err *e)
{
	struct look *k = ctx;

	*have = false;
	if (drive_stopped(k->a->r, e))
		return -1;
	*have = is_in_part(k, w);
	if (*have || !drive_reuse_read(k->reuse, w, &k->plain) ||
	    !is_chunk(k, w))
		return 0;
	*have = true;
	return k->a->r->os->ops->part_put(
	    k->x->part, w->offset, buf_bytes(&k->plain), e);
}

static int
plan_chunks(
    struct arrivals *a, struct arrival *x, struct content_out *o, struct err *e)
{
	OWN(look_free) struct look k = { .a = a, .x = x, .o = o };
	struct err ignored;

	/* What cannot be used is fetched. */
	if (x->part != NULL)
		(void)!drive_reuse_new(
		    a->r, x->op, &a->source, &k.reuse, &ignored);
	o->have = is_here;
	o->ctx = &k;
	o->source = a->source;
	int rc = content_out_plan(
	    o, a->r->d->fetch, (uint32_t)(x - a->list), &x->left, e);
	a->source = o->source;
	return rc;
}

/* Rules that cannot be read would stop everything. */
static int
check_rules(const struct arrivals *a, const struct plan_op *op, uint64_t size,
    struct err *e)
{
	if (size <= IGNORE_MAX || !id_equal(&op->parent, &a->r->row.top) ||
	    strcmp(op->name, IGNORE_NAME) != 0)
		return 0;
	return err_set(e, ERR_TOO_LARGE, "rules are at most 1 MiB");
}

static int
want_content(struct arrivals *a, struct arrival *x, struct err *e)
{
	struct content_out o = { .repo = a->r->d->repo };

	if (content_out_of(&x->n, &o, e) < 0)
		return -1;
	x->size = o.c.size;
	if (check_rules(a, x->op, x->size, e) < 0)
		return -1;
	if (o.c.form == NODE_INLINE) {
		x->left = 1;
		return fill(a, x, 0, o.c.bytes, e);
	}
	if (x->size >= KEPT_BYTES) {
		if (open_part(a, x, e) < 0)
			return -1;
	} else if (x->size > a->r->os->ops->room(a->r->os)) {
		return err_set(
		    e, ERR_DISK_FULL_HERE, "there is no room for it here");
	}
	if (plan_chunks(a, x, &o, e) < 0)
		return -1;
	if (x->left > 0)
		return 0;
	/* All of it is a hole, or was fetched before. */
	if (x->part == NULL && open_part(a, x, e) < 0)
		return -1;
	return end_part(a, x, e);
}

/* false: nothing more fits into this window. */
static bool
add_arrival(struct arrivals *a, const struct plan_op *op)
{
	struct arrival *x = &a->list[a->n];
	struct err why;

	*x = (struct arrival){ .op = op };
	a->n++;
	if (op->kind == PLAN_REMOVE) {
		x->whole = true;
		return true;
	}
	if (zcopy_get(a->r->d->zone, &op->id, &x->plain, &why) < 0 ||
	    node_parse(buf_bytes(&x->plain), &x->n, &why) < 0 ||
	    (x->n.type == NODE_FILE && want_content(a, x, &why) < 0))
		fails(x, &why);
	if (x->n.type == NODE_SYMLINK)
		x->whole = true;
	a->bytes += x->size;
	return a->n < WINDOW_FILES && a->bytes < WINDOW_BYTES;
}

/* ---- placing ---- */

struct placing {
	struct arrivals *a;
	struct drivedb_views v;
	struct tx *tx;
	struct os_stat *now; /* of each */
	bool *done;
};

/* Is it the first one of its database? Of the others some are done by then. */
static bool
first_of(const struct arrivals *a, const struct arrival *x)
{
	return x == a->list || x[-1].op->database != x->op->database;
}

/* They come when all have, and none when one does not. */
static void
check_together(struct arrivals *a, size_t i)
{
	const unsigned number = a->list[i].op->database;
	size_t end = i;
	const struct err *why = NULL;

	if (number == 0 || !first_of(a, &a->list[i]))
		return;
	for (; end < a->n && a->list[end].op->database == number; end++)
		if (a->list[end].failed || !a->list[end].whole)
			why = &a->list[end].why;
	for (size_t k = i; why != NULL && k < end; k++)
		if (!a->list[k].failed)
			fails(&a->list[k], why);
}

/* One failed, so those of its database that follow do. */
static void
fail_rest(struct arrivals *a, size_t i)
{
	const unsigned number = a->list[i].op->database;

	for (size_t k = i + 1;
	     number != 0 && k < a->n && a->list[k].op->database == number; k++)
		if (!a->list[k].failed)
			fails(&a->list[k], &a->list[i].why);
}

static int
place_one(
    struct placing *g, struct arrival *x, struct os_stat *now, struct err *e)
{
	struct drive_root *r = g->a->r;
	const struct os_ops *o = r->os->ops;
	const struct plan_op *op = x->op;
	OWN(buf_free) struct buf to = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	const struct os_stat want = { .type = op->here.type,
		.exec = op->here.exec,
		.is = op->here.stat };
	struct plan_node l;
	struct os_stat fresh = want;

	if (drive_path_to(&g->v, &r->row.top, op, &to, e) < 0)
		return -1;
	/* What somebody has begun beside it is not its own. */
	if (op->type == NODE_FILE &&
	    (op->replaces || op->database != 0 || x->database) &&
	    drive_database_free(r, &g->v, &op->parent, buf_text(&to),
		op->database != 0 && first_of(g->a, x) ? DATABASE_WHOLE
						       : DATABASE_NO_MORE,
		e) < 0)
		return -1;
	/* It may have been moved in this plan, which changed its ctime. */
	if (op->replaces && g->v.local.find(g->v.local.ctx, &op->here.id, &l))
		fresh.is = l.stat;
	if (x->n.type == NODE_SYMLINK) {
		OWN(buf_free) struct buf target = { 0 };
		buf_put_bytes(&target, x->n.target);
		return o->symlink(r->os, buf_text(&target), buf_text(&to),
		    op->replaces ? &fresh : NULL, now, e);
	}
	part_name(x, &name);
	return o->place(r->os, buf_text(&name), buf_text(&to),
	    op->replaces ? &fresh : NULL, now, e);
}

static int
row_of(struct placing *g, const struct arrival *x, const struct os_stat *now,
    struct err *e)
{
	struct drive_root *r = g->a->r;
	const struct plan_op *op = x->op;
	struct plan_node n = { .id = op->id,
		.parent = op->parent,
		.type = op->type,
		.exec = op->exec,
		.secret = (x->n.flags & NODE_SECRET) != 0,
		.content = op->content,
		.version = op->version,
		.stat = now->is,
		.name_n = op->name_n };

	memcpy(n.name, op->name, sizeof n.name);
	r->report->down_files++;
	r->report->down_bytes += x->size;
	return drivedb_base_put(g->tx, r->row.root, &n, e) < 0
	    ? -1
	    : drivedb_diff_drop(g->tx, r->row.root, &op->id, e);
}

/* So that what is written from now on shows in the times. */
static void
let_times_move(struct drive_root *r)
{
	int64_t ns = r->os->ops->granule_ns(r->os);
	struct timespec t = { .tv_nsec = ns };

	if (ns < 100000000)
		(void)nanosleep(&t, NULL);
}

static int
place_job(struct tx *tx, void *arg, struct err *e)
{
	struct placing *g = arg;
	struct arrivals *a = g->a;
	OWN(buf_free) struct buf to = { 0 };

	g->tx = tx;
	drivedb_views(&g->v, tx, a->r->row.root);
	for (size_t i = 0; i < a->n; i++) {
		struct arrival *x = &a->list[i];
		check_together(a, i);
		if (!x->failed && x->whole)
			g->done[i] = (x->op->kind == PLAN_REMOVE
					     ? drive_leave(a->r, &g->v, tx,
						   x->op, &x->why)
					     : place_one(g, x, &g->now[i],
						   &x->why)) == 0;
		if (g->done[i]) {
			drive_did(a->r, tx, &x->op->id);
			continue;
		}
		fail_rest(a, i);
		if (!drive_goes_on(x->why.code)) {
			*e = x->why;
			return -1;
		}
		struct err ignored;
		buf_clear(&to);
		if (drive_path_to(
			&g->v, &a->r->row.top, x->op, &to, &ignored) == 0)
			drive_look_again(a->r, buf_text(&to));
		drive_hold(a->r, tx, &x->op->id, &x->why);
	}
	if (a->r->os->ops->sync(a->r->os, e) < 0)
		return -1;
	let_times_move(a->r);
	for (size_t i = 0; i < a->n; i++)
		if (g->done[i] && a->list[i].op->kind == PLAN_PLACE &&
		    row_of(g, &a->list[i], &g->now[i], e) < 0)
			return -1;
	return 0;
}

static int
place_window(struct arrivals *a, struct err *e)
{
	struct drive *d = a->r->d;
	const struct fetch_to to = { take, fail, fatal, a };

	if (fetch_planned(d->fetch) > 0 &&
	    fetch_run(d->fetch, THREADS, &to, e) < 0) {
		/* Why the run was stopped is said better here. */
		(void)drive_stopped(a->r, e);
		return -1;
	}
	OWN(mem_free)
	struct os_stat *now = mem_array(a->n + 1, sizeof *now);
	OWN(mem_free) bool *done = mem_array(a->n + 1, sizeof *done);
	struct placing g = { .a = a, .now = now, .done = done };
	return db_write(drivedb_db(d->db), place_job, &g, e);
}

int
drive_place(struct drive_root *r, const struct plan_out *p, bool committed,
    struct err *e)
{
	size_t i = 0;

	while (i < p->n_ops) {
		OWN(arrivals_free) struct arrivals a = { .r = r };
		a.list = mem_array(WINDOW_FILES + 2 * DBFILES, sizeof *a.list);
		for (int k = 0; k < LOCKS; k++)
			(void)pthread_mutex_init(&a.locks[k], NULL);
		if (r->d->fetch == NULL)
			r->d->fetch = fetch_new(r->d->repo);
		fetch_clear(r->d->fetch);
		bool more = true;
		unsigned number = 0;
		for (; i < p->n_ops; i++) {
			const struct plan_op *op = &p->ops[i];
			/* What goes together is of one window. */
			if (!more && (number == 0 || op->database != number))
				break;
			if (!drive_is_placed(op) ||
			    (op->after_commits && !committed))
				continue;
			more = add_arrival(&a, op) && more;
			number = op->database;
		}
		if (drive_stopped(r, e) || (a.n > 0 && place_window(&a, e) < 0))
			return -1;
	}
	return 0;
}
