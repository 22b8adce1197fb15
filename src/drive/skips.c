/* SPDX-License-Identifier: ISC */
/* skips.c: directories of the Drive that a root does not have here. */
#include "drive/skips.h"

#include "store/sql.h"

#include <string.h>

struct job {
	const char *dir, *path;
	bool on, there;
	uint64_t root;
	skips_fn fn;
	void *ctx;
};

static int
match(void *ctx, const struct drivedb_root *r, struct err *e)
{
	struct job *j = ctx;

	(void)e;
	if (strcmp(r->path, j->dir) == 0) {
		j->there = true;
		j->root = r->root;
	}
	return 0;
}

static int
find_root(struct tx *tx, struct job *j, struct err *e)
{
	if (drivedb_roots(tx, match, j, e) < 0)
		return -1;
	return j->there
	    ? 0
	    : err_set(e, ERR_NOT_FOUND, "%s is not kept in sync", j->dir);
}

int
skips_load(struct tx *tx, uint64_t root, struct buf *ids, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (sql_ask(tx, e, &s, "SELECT id FROM skip WHERE root = ? ORDER BY id",
		"u", root) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0)
		buf_put_bytes(ids, stmt_got_bytes(s, 0));
	return row;
}

int
skips_move(struct tx *tx, uint64_t from, uint64_t to, struct err *e)
{
	return sql_run(
	    tx, e, "UPDATE skip SET root = ? WHERE root = ?", "uu", to, from);
}

static int
set_job(struct tx *tx, void *arg, struct err *e)
{
	struct job *j = arg;
	struct drivedb_entry at;
	uint64_t n;

	if (find_root(tx, j, e) < 0 || drivedb_resolve(tx, j->path, &at, e) < 0)
		return -1;
	if (at.node.type != NODE_DIR || id_zero(&at.node.id))
		return err_set(e, ERR_USAGE,
		    "%s is no folder that can be left out", j->path);
	if (!j->on)
		return sql_run(tx, e,
		    "DELETE FROM skip WHERE root = ? AND id = ?", "ui", j->root,
		    &at.node.id);
	if (sql_count(tx, e, &n, "SELECT count(*) FROM skip WHERE root = ?",
		"u", j->root) < 0)
		return -1;
	if (n >= SKIPS_MAX)
		return err_set(e, ERR_TOO_LARGE,
		    "a folder here leaves out %d others at most", SKIPS_MAX);
	return sql_run(tx, e,
	    "INSERT OR REPLACE INTO skip (root, id) VALUES (?, ?)", "ui",
	    j->root, &at.node.id);
}

int
skips_set(
    struct drive *d, const char *dir, const char *path, bool on, struct err *e)
{
	struct job j = { .dir = dir, .path = path, .on = on };

	return db_write(drivedb_db(drive_db(d)), set_job, &j, e);
}

static int
each_job(struct tx *tx, void *arg, struct err *e)
{
	struct job *j = arg;
	OWN(buf_free) struct buf ids = { 0 };
	OWN(buf_free) struct buf path = { 0 };

	if (find_root(tx, j, e) < 0 || skips_load(tx, j->root, &ids, e) < 0)
		return -1;
	for (size_t at = 0; at < ids.n; at += ID_BYTES) {
		struct id id;
		memcpy(id.b, ids.p + at, ID_BYTES);
		buf_clear(&path);
		if (drivedb_path(tx, &id, &path, e) < 0 ||
		    j->fn(j->ctx, buf_text(&path), e) < 0)
			return -1;
	}
	return 0;
}

int
skips_each(
    struct drive *d, const char *dir, skips_fn fn, void *ctx, struct err *e)
{
	struct job j = { .dir = dir, .fn = fn, .ctx = ctx };

	return db_read(drivedb_db(drive_db(d)), each_job, &j, e);
}
