/* SPDX-License-Identifier: ISC */
/* drive_place.c: contents fetched into parts, parts put where they belong. */
#include "drive/drive_in.h"

#include "content/stream.h"

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
	struct node_content c;
	struct os_part *part;
	uint64_t have; /* bytes that the part may have from another time */
	uint32_t left; /* chunks */
	bool whole, failed;
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
			    &a->list[i].part, a->list[i].c.size >= KEPT_BYTES);
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

static int64_t
mtime_of(const struct node *n)
{
	return n->mtime_s * 1000000000 + (int64_t)n->mtime_ns;
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
	    a->r->os, buf_text(&name), x->c.size, &x->have, &x->part, e);
}

static int
end_part(struct arrivals *a, struct arrival *x, struct err *e)
{
	if (a->r->os->ops->part_end(&x->part, x->c.size,
		(x->n.flags & NODE_EXEC) != 0, mtime_of(&x->n), e) < 0)
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

	(void)offset;
	(void)pthread_mutex_lock(&a->locks[tag % LOCKS]);
	fails(&a->list[tag], why);
	(void)pthread_mutex_unlock(&a->locks[tag % LOCKS]);
	return 0;
}

static bool
fatal(const struct err *why)
{
	return !drive_goes_on(why->code);
}

/* ---- planning what to fetch ---- */

struct wants {
	struct arrivals *a;
	struct arrival *x;
	struct buf plain; /* what the part has of a chunk */
	struct fetch_want w;
	struct scan hints;
	uint32_t hints_left, run_left;
	struct fetch_hint hint;
};

/* Did a try before fetch this chunk? */
static bool
is_here(struct wants *k)
{
	struct arrivals *a = k->a;
	struct err ignored;

	if (k->w.offset + k->w.length > k->x->have)
		return false;
	if (a->source == NULL)
		a->source = source_new(a->r->d->repo);
	buf_clear(&k->plain);
	uint8_t *p = buf_grow(&k->plain, k->w.length);
	return a->r->os->ops->part_read(
		   k->x->part, k->w.offset, p, k->w.length, &ignored) == 0 &&
	    source_named(
		a->source, k->w.category, &k->w.name, bytes_of(p, k->w.length));
}

static void
next_hint(struct wants *k)
{
	if (k->run_left > 0) {
		k->run_left--;
		k->hint.entry++;
	}
}

static int
want_chunk(void *ctx, const struct digest *name, uint32_t length, struct err *e)
{
	struct wants *k = ctx;
	const struct fetch_hint *hint = NULL;

	k->w.name = *name;
	k->w.length = length;
	if (digest_zero(name)) {
		k->w.offset += length;
		return 0;
	}
	if (k->run_left == 0 && k->hints_left > 0) {
		k->hint.pack = id_take(&k->hints);
		k->hint.entry = (uint32_t)scan_varint(&k->hints);
		k->run_left = (uint32_t)scan_varint(&k->hints);
		k->hints_left--;
	}
	if (k->run_left > 0)
		hint = &k->hint;
	if (!is_here(k)) {
		if (fetch_plan(k->a->r->d->fetch, &k->w, hint, e) < 0)
			return -1;
		k->x->left++;
	}
	next_hint(k);
	k->w.offset += length;
	return 0;
}

static int
want_list(struct wants *k, struct err *e)
{
	struct scan s = scan_of(k->x->c.list);

	k->hints = scan_of(k->x->c.hints);
	k->hints_left = k->x->c.n_hints;
	for (uint32_t i = 0; i < k->x->c.n; i++) {
		struct digest name = digest_take(&s);
		uint32_t length = (uint32_t)scan_varint(&s);
		if (want_chunk(k, &name, length, e) < 0)
			return -1;
	}
	return 0;
}

static int
want_tree(struct wants *k, struct err *e)
{
	struct stream_ref ref = { .category = k->w.category,
		.depth = k->x->c.depth,
		.length = k->x->c.size,
		.n = k->x->c.n };
	int rc;

	buf_put_bytes(&ref.list, k->x->c.list);
	if (k->a->source == NULL)
		k->a->source = source_new(k->a->r->d->repo);
	rc = stream_leaves(k->a->source, &ref, want_chunk, k, e);
	buf_free(&ref.list);
	return rc;
}

static int
want_content(struct arrivals *a, struct arrival *x, struct err *e)
{
	struct fetch *f = a->r->d->fetch;
	size_t before = fetch_planned(f);
	struct wants k = { .a = a,
		.x = x,
		.w = { .category = (x->n.flags & NODE_SECRET) != 0
			? CATEGORY_KEYCHAIN
			: CATEGORY_DRIVE,
		    .tag = (uint32_t)(x - a->list) } };

	if (node_content_parse(x->n.content, &x->c, e) < 0)
		return -1;
	if (x->c.form == NODE_INLINE) {
		x->left = 1;
		return fill(a, x, 0, x->c.bytes, e);
	}
	if (x->c.size >= KEPT_BYTES) {
		if (open_part(a, x, e) < 0)
			return -1;
	} else if (x->c.size > a->r->os->ops->room(a->r->os)) {
		return err_set(
		    e, ERR_DISK_FULL_HERE, "there is no room for it here");
	}
	int rc = x->c.form == NODE_LIST ? want_list(&k, e) : want_tree(&k, e);
	buf_free(&k.plain);
	if (rc < 0) {
		fetch_back(f, before);
		return -1;
	}
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
	if (zcopy_get(a->r->d->zone, &op->id, &x->plain, &why) < 0 ||
	    node_parse(buf_bytes(&x->plain), &x->n, &why) < 0 ||
	    (x->n.type == NODE_FILE && want_content(a, x, &why) < 0))
		fails(x, &why);
	if (x->n.type == NODE_SYMLINK)
		x->whole = true;
	a->bytes += x->c.size;
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

static int
place_one(
    struct placing *g, struct arrival *x, struct os_stat *now, struct err *e)
{
	struct drive_root *r = g->a->r;
	const struct os_ops *o = r->os->ops;
	const struct plan_op *op = x->op;
	OWN(buf_free) struct buf to = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	struct plan_node at = { .parent = op->parent, .name_n = op->name_n };
	const struct os_stat want = { .type = op->here.type,
		.exec = op->here.exec,
		.is = op->here.stat };
	struct plan_node l;
	struct os_stat fresh = want;

	memcpy(at.name, op->name, sizeof at.name);
	if (drive_path(&g->v, &r->row.top, &at, &to, e) < 0)
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
	r->report->down_bytes += x->c.size;
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
		if (!x->failed && x->whole)
			g->done[i] = place_one(g, x, &g->now[i], &x->why) == 0;
		if (g->done[i]) {
			drive_did(a->r, tx, &x->op->id);
			continue;
		}
		if (!drive_goes_on(x->why.code)) {
			*e = x->why;
			return -1;
		}
		struct plan_node at = { .parent = x->op->parent,
			.name_n = x->op->name_n };
		struct err ignored;
		memcpy(at.name, x->op->name, sizeof at.name);
		buf_clear(&to);
		if (drive_path(&g->v, &a->r->row.top, &at, &to, &ignored) == 0)
			drive_look_again(a->r, buf_text(&to));
		drive_hold(a->r, tx, &x->op->id, &x->why);
	}
	if (a->r->os->ops->sync(a->r->os, e) < 0)
		return -1;
	let_times_move(a->r);
	for (size_t i = 0; i < a->n; i++)
		if (g->done[i] && row_of(g, &a->list[i], &g->now[i], e) < 0)
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
		a.list = mem_array(WINDOW_FILES, sizeof *a.list);
		for (int k = 0; k < LOCKS; k++)
			(void)pthread_mutex_init(&a.locks[k], NULL);
		if (r->d->fetch == NULL)
			r->d->fetch = fetch_new(r->d->repo);
		fetch_clear(r->d->fetch);
		bool more = true;
		for (; more && i < p->n_ops; i++) {
			const struct plan_op *op = &p->ops[i];
			if (op->kind == PLAN_PLACE &&
			    (!op->after_commits || committed))
				more = add_arrival(&a, op);
		}
		if (drive_stopped(r, e) || (a.n > 0 && place_window(&a, e) < 0))
			return -1;
	}
	return 0;
}
