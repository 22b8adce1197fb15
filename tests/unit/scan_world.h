/* SPDX-License-Identifier: ISC */
/* scan_world.h: a disk of memory, a drive.db, and the rows a scan gives. */
#pragma once

#include "drive/scan.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "../sim/memdisk.h"
#include "scratch_dir.h"

#define MS 1000000
#define SECOND (1000 * (int64_t)MS)

struct world {
	struct scratch dir;
	struct memdisk *disk;
	struct drivedb *db;
	struct scan_root *scan;
	struct scan_policy policy;
	struct scan_result result;
	struct buf touched, notes;
	uint64_t drawn;
	const char *ignore; /* a name that is ignored, or NULL */
	const char *foreign;
};

/* Uniform, as ids have to be, and the same each time. */
static inline void
world_draw(void *ctx, struct id *id)
{
	struct world *w = ctx;
	uint8_t n[8];
	struct digest d;

	be64_put(n, ++w->drawn);
	digest_of(bytes_of(n, sizeof n), &d);
	memcpy(id->b, d.b, ID_BYTES);
}

static inline bool
world_ignored(void *ctx, struct bytes path, bool is_dir)
{
	const struct world *w = ctx;
	const uint8_t *slash = memrchr(path.p, '/', path.n);
	size_t at = slash == NULL ? 0 : (size_t)(slash - path.p) + 1;

	(void)is_dir;
	return w->ignore != NULL &&
	    bytes_equal(
		bytes_of(path.p + at, path.n - at), bytes_str(w->ignore));
}

static inline bool
world_foreign(void *ctx, const char *path)
{
	const struct world *w = ctx;

	return w->foreign != NULL && strcmp(w->foreign, path) == 0;
}

static inline void
world_note(void *ctx, const char *path, enum err_code code, const char *why)
{
	struct world *w = ctx;

	(void)why;
	buf_printf(&w->notes, "%s %s\n", err_name(code), path);
}

static inline void
world_open(struct world *w, const struct memdisk_kind *kind)
{
	struct err e;

	*w = (struct world){ .dir = scratch_new() };
	w->disk = memdisk_new(kind);
	OWN(mem_free) char *path = file_join(w->dir.path, "drive.db");
	assert_int_equal(drivedb_open(path, &w->db, &e), 0);
	w->policy = (struct scan_policy){ .ignored = world_ignored,
		.foreign = world_foreign,
		.note = world_note,
		.draw = world_draw,
		.ctx = w,
		.granule_ns = 20 * MS,
		.gone_after_ns = 2 * SECOND };
	w->scan = scan_root_new(memdisk_os(w->disk), w->db, 1, &w->policy);
}

static inline void
world_close(struct world *w)
{
	scan_root_free(&w->scan);
	drivedb_free(&w->db);
	memdisk_free(&w->disk);
	buf_free(&w->touched);
	buf_free(&w->notes);
	scratch_free(&w->dir);
}

/* Scan a while after what was done: all, or directories one after another. */
static inline void
world_scan(struct world *w, const char *dir, ...)
{
	OWN(buf_free) struct buf dirs = { 0 };
	struct err e;
	va_list more;

	memdisk_wait(w->disk, 100 * MS);
	va_start(more, dir);
	for (const char *x = dir; x != NULL; x = va_arg(more, const char *))
		buf_put(&dirs, x, strlen(x) + 1);
	va_end(more);
	buf_clear(&w->touched);
	buf_clear(&w->notes);
	if (scan_run(w->scan, memdisk_now(w->disk), dir == NULL ? NULL : &dirs,
		&w->touched, &w->result, &e) < 0)
		fail_msg("%s", e.msg);
}

/* What is due is looked at, as the engine does it; how many directories. */
static inline size_t
world_due(struct world *w)
{
	OWN(buf_free) struct buf dirs = { 0 };
	size_t n = 0;
	struct err e;

	(void)scan_due(w->scan, memdisk_now(w->disk), &dirs);
	for (size_t i = 0; i < dirs.n; i++)
		n += dirs.p[i] == '\0';
	if (n > 0 &&
	    scan_run(w->scan, memdisk_now(w->disk), &dirs, &w->touched,
		&w->result, &e) < 0)
		fail_msg("%s", e.msg);
	return n;
}

/* ---- the rows in words, sorted ---- */

struct words {
	struct drivedb_views *v;
	char *lines[512];
	size_t n;
};

static inline void
path_of(const struct plan_view *view, const struct id *id, struct buf *out)
{
	struct plan_node n;

	if (id_zero(id))
		return;
	if (!view->find(view->ctx, id, &n)) {
		buf_put_str(out, "?");
		return;
	}
	path_of(view, &n.parent, out);
	if (out->n > 0 && out->p[out->n - 1] != ' ')
		buf_put_u8(out, '/');
	buf_put(out, n.name, n.name_n);
}

static inline int
words_of(void *ctx, const struct drivedb_diff *x, struct err *e)
{
	struct words *w = ctx;
	OWN(buf_free) struct buf line = { 0 };
	struct plan_node base;
	bool was = w->v->base.find(w->v->base.ctx, &x->node.id, &base);

	(void)e;
	if (x->gone) {
		buf_put_str(&line, "- ");
		path_of(&w->v->base, &x->node.id, &line);
	} else if (!was ||
	    (id_equal(&base.parent, &x->node.parent) &&
		strcmp(base.name, x->node.name) == 0)) {
		buf_put_str(&line, was ? "~ " : "+ ");
		path_of(&w->v->local, &x->node.id, &line);
	} else {
		buf_put_str(&line, "> ");
		path_of(&w->v->base, &x->node.id, &line);
		buf_put_str(&line, " > ");
		path_of(&w->v->local, &x->node.id, &line);
	}
	if (!x->gone && x->node.unread)
		buf_put_str(&line, " unread");
	if (!x->gone && x->node.exec)
		buf_put_str(&line, " exec");
	assert_true(w->n < ARRAY_SIZE(w->lines));
	w->lines[w->n++] = mem_text(buf_text(&line));
	return 0;
}

static inline int
line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline int
words_job(struct tx *tx, void *arg, struct err *e)
{
	struct drivedb_views v;
	struct words w = { .v = &v };

	drivedb_views(&v, tx, 1);
	int rc = drivedb_diffs(tx, 1, words_of, &w, e);
	qsort(w.lines, w.n, sizeof *w.lines, line_cmp);
	for (size_t i = 0; i < w.n; i++) {
		buf_printf(arg, "%s\n", w.lines[i]);
		free(w.lines[i]);
	}
	return rc;
}

/* "+ new", "~ changed at its place", "> from > to", "- gone". */
static inline void
world_rows_at(struct world *w, const char *want, int line)
{
	OWN(buf_free) struct buf got = { 0 };
	struct err e;

	assert_int_equal(db_read(drivedb_db(w->db), words_job, &got, &e), 0);
	if (strcmp(buf_text(&got), want) != 0)
		fail_msg("line %d: rows are\n%swhere\n%sare wanted", line,
		    buf_text(&got), want);
}
#define rows_are(w, want) world_rows_at(w, want, __LINE__)

/* ---- what the engine does ---- */

struct all_rows {
	struct drivedb_diff *x;
	size_t n;
};

static inline int
gather_row(void *ctx, const struct drivedb_diff *x, struct err *e)
{
	struct all_rows *all = ctx;

	(void)e;
	all->x = mem_resize(all->x, all->n + 1, sizeof *all->x);
	all->x[all->n] = *x;
	all->x[all->n++].content = bytes_of("", 0);
	return 0;
}

/* Both sides agree on all there is: base is as local. */
static inline int
agree_job(struct tx *tx, void *arg, struct err *e)
{
	struct all_rows all = { 0 };
	int rc = drivedb_diffs(tx, 1, gather_row, &all, e);

	(void)arg;
	for (size_t i = 0; rc == 0 && i < all.n; i++) {
		struct plan_node *n = &all.x[i].node;
		n->unread = false;
		n->version = 1;
		rc = all.x[i].gone ? drivedb_base_drop(tx, 1, &n->id, e)
				   : drivedb_base_put(tx, 1, n, e);
	}
	free(all.x);
	return rc < 0 ? -1 : drivedb_diffs_clear(tx, 1, e);
}

static inline void
world_agree(struct world *w)
{
	struct err e;

	assert_int_equal(db_write(drivedb_db(w->db), agree_job, NULL, &e), 0);
}

/* Every row was read. */
static inline int
read_job(struct tx *tx, void *arg, struct err *e)
{
	struct all_rows all = { 0 };
	int rc = drivedb_diffs(tx, 1, gather_row, &all, e);

	(void)arg;
	for (size_t i = 0; rc == 0 && i < all.n; i++) {
		all.x[i].node.unread = false;
		all.x[i].content = bytes_str("content");
		if (!all.x[i].gone)
			rc = drivedb_diff_put(tx, 1, &all.x[i], e);
	}
	free(all.x);
	return rc;
}

static inline void
world_read(struct world *w)
{
	struct err e;

	assert_int_equal(db_write(drivedb_db(w->db), read_job, NULL, &e), 0);
}

/* A world with two files and two folders that both sides agree on. */
static inline void
settled(struct world *w, const struct memdisk_kind *kind)
{
	static const struct memdisk_kind plain;

	world_open(w, kind == NULL ? &plain : kind);
	memdisk_mkdir(w->disk, "a");
	memdisk_mkdir(w->disk, "a/sub");
	memdisk_mkdir(w->disk, "b");
	memdisk_write(w->disk, "a/one", "1");
	memdisk_wait(w->disk, MS);
	memdisk_write(w->disk, "a/sub/deep", "deep");
	memdisk_write(w->disk, "top", "top");
	world_scan(w, NULL);
	world_agree(w);
}

#define WORLD(kind) \
	(void)state; \
	OWN(world_close) struct world w; \
	settled(&w, kind); \
	struct memdisk *d = w.disk

/* ---- at random ---- */

static inline uint64_t
dice(uint64_t *seed, uint64_t n)
{
	*seed = *seed * 6364136223846793005U + 1442695040888963407U;
	return (*seed >> 33) % n;
}

static inline const char *
any_path(uint64_t *seed, struct buf *out)
{
	static const char *const names[] = { "a", "b", "c", "D" };

	buf_clear(out);
	for (uint64_t depth = 1 + dice(seed, 3); depth > 0; depth--)
		buf_printf(out, "%s%s", out->n > 0 ? "/" : "",
		    names[dice(seed, ARRAY_SIZE(names))]);
	return buf_text(out);
}

/* How many nodes are below one. */
struct counting {
	const struct plan_view *view;
	size_t n;
};

static inline int
count_below(void *arg, const struct plan_node *n)
{
	struct counting *c = arg;

	c->n++;
	return n->type == NODE_DIR
	    ? c->view->children(c->view->ctx, &n->id, count_below, c)
	    : 0;
}
