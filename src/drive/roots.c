/* SPDX-License-Identifier: ISC */
/* roots.c: the folders that this device keeps in sync. */
#include "drive/roots.h"

#include <stdlib.h>
#include <string.h>

struct each {
	drivedb_root_fn fn;
	void *ctx;
};

static int
each_job(struct tx *tx, void *arg, struct err *e)
{
	const struct each *g = arg;

	return drivedb_roots(tx, g->fn, g->ctx, e);
}

int
roots_each(struct drive *d, drivedb_root_fn fn, void *ctx, struct err *e)
{
	struct each g = { fn, ctx };

	return db_read(drivedb_db(drive_db(d)), each_job, &g, e);
}

struct enable {
	const char *path;
	bool on, there;
	struct drivedb_root row;
};

static int
match(void *ctx, const struct drivedb_root *r, struct err *e)
{
	struct enable *g = ctx;

	(void)e;
	if (g->there || strcmp(r->path, g->path) != 0)
		return 0;
	g->there = true;
	g->row = *r;
	g->row.path = mem_text(r->path);
	return 0;
}

static int
enable_job(struct tx *tx, void *arg, struct err *e)
{
	struct enable *g = arg;

	if (drivedb_roots(tx, match, g, e) < 0)
		return -1;
	if (!g->there)
		return err_set(
		    e, ERR_NOT_FOUND, "%s is not kept in sync", g->path);
	g->row.enabled = g->on;
	return drivedb_root_set(tx, &g->row, e);
}

int
roots_enable(struct drive *d, const char *path, bool on, struct err *e)
{
	struct enable g = { .path = path, .on = on };
	int rc = db_write(drivedb_db(drive_db(d)), enable_job, &g, e);

	drivedb_root_free(&g.row);
	return rc;
}

static int
invalid_job(struct tx *tx, void *arg, struct err *e)
{
	return drivedb_invalid(tx, arg, e);
}

int
roots_invalid(struct drive *d, uint64_t *n, struct err *e)
{
	return db_read(drivedb_db(drive_db(d)), invalid_job, n, e);
}
