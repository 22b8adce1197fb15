/* SPDX-License-Identifier: ISC */
/* bench_drivedb.c: drive.db: a zone that comes, and what the planner asks. */
/*
 * bench_drivedb [nodes]: 100,000 of them when it is not said, ten in each
 * directory, in files of no byte.
 */
#include "../unit/scratch_dir.h"

#include "base/file.h"
#include "base/now.h"
#include "tree/drivedb.h"
#include "link/depot_local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_DIR 10

static void
must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", err_name(e->code), e->msg);
	exit(1);
}

struct world {
	struct scratch dir;
	struct depot_local_repo *repo;
	struct local *local;
	struct zcopy *z;
	struct drivedb *d;
	unsigned n;
};

/* In no order, as random ones are. */
static struct id
nr(unsigned i)
{
	struct id id = { { 0 } };

	be64_put(id.b, i * (uint64_t)0x9e3779b97f4a7c15);
	return id;
}

static bool
is_dir(unsigned i)
{
	return i % IN_DIR == 1;
}

static void
put(const struct world *w, unsigned i, const char *name, struct buf *out)
{
	static const uint8_t empty[] = { 0, 0, 0 };
	unsigned up = is_dir(i) ? i / IN_DIR : i - i % IN_DIR + 1;
	struct node n = { .type = is_dir(i) ? NODE_DIR : NODE_FILE,
		.name = bytes_str(name),
		.edits = 1 };

	/* A directory lies in an earlier one, or in the root. */
	if (is_dir(i))
		up = up - up % IN_DIR + 1;
	if (up != i && up <= w->n && up < i)
		n.parent = nr(up);
	if (n.type == NODE_FILE)
		n.content = bytes_of(empty, sizeof empty);
	node_put(out, &n);
}

static void
commit(struct world *w, unsigned from, unsigned n, const char *prefix)
{
	static struct zcopy_edit edits[1000];
	struct buf *plain = mem_array(n, sizeof *plain);
	struct err e;

	for (unsigned i = 0; i < n; i++) {
		char name[32];
		(void)snprintf(name, sizeof name, "%s %u", prefix, from + i);
		put(w, from + i, name, &plain[i]);
		edits[i] = (struct zcopy_edit){ .id = nr(from + i),
			.plain = buf_bytes(&plain[i]) };
	}
	must(zcopy_commit(w->z, edits, n, NULL, NULL, &e), &e);
	for (unsigned i = 0; i < n; i++)
		buf_free(&plain[i]);
	free(plain);
}

static void
set_up(struct world *w)
{
	const struct bytes password = bytes_str("a password");
	struct err e;

	w->dir = scratch_new();
	OWN(mem_free) char *repo = file_join(w->dir.path, "repo");
	OWN(mem_free) char *state = file_join(w->dir.path, "state.db");
	OWN(mem_free) char *db = file_join(w->dir.path, "drive.db");
	must(depot_local_create(repo, password, &e), &e);
	must(depot_local_open(repo, password, &w->repo, &e), &e);
	must(local_open(state, &w->local, &e), &e);
	must(zcopy_open(&w->repo->writer,
		 &(struct zcopy_of){ w->local, w->repo->depot, &w->repo->backup,
		     CATEGORY_BACKUP },
		 &w->z, &e),
	    &e);
	must(drivedb_open(db, &w->d, &e), &e);
	for (unsigned i = 1; i <= w->n; i += 1000)
		commit(w, i, 1000, "name");
}

static void
tear_down(struct world *w)
{
	drivedb_free(&w->d);
	zcopy_free(&w->z);
	local_free(&w->local);
	depot_local_free(&w->repo);
	scratch_free(&w->dir);
}

static void
say(const char *what, double n, int64_t from_ms)
{
	double s = (double)(now_ms() - from_ms) / 1000;

	(void)printf("%-28s %8.3f s %12.0f/s\n", what, s, s > 0 ? n / s : 0);
}

static void
follow(struct world *w, const char *what, unsigned n)
{
	int64_t from = now_ms();
	uint64_t bad;
	struct err e;

	must(drivedb_follow(w->d, w->z, NULL, &bad, &e), &e);
	say(what, n, from);
}

static int
add(void *arg, const struct plan_node *n)
{
	(void)n;
	++*(unsigned *)arg;
	return 0;
}

static int
views_job(struct tx *tx, void *arg, struct err *e)
{
	const struct world *w = arg;
	struct drivedb_views v;
	struct plan_node n;
	unsigned found = 0, children = 0;
	int64_t from = now_ms();

	(void)e;
	drivedb_views(&v, tx, 1);
	for (unsigned i = 1; i <= w->n; i++) {
		struct id id = nr(i);
		found += v.remote.find(v.remote.ctx, &id, &n) ? 1 : 0;
	}
	say("find in remote", found, from);
	from = now_ms();
	for (unsigned i = 1; i <= w->n; i++) {
		struct id id = nr(i);
		found += v.local.find(v.local.ctx, &id, &n) ? 1 : 0;
	}
	say("find in local", w->n, from);
	from = now_ms();
	for (unsigned i = 1; i <= w->n; i += IN_DIR) {
		struct id id = nr(i);
		(void)v.remote.children(v.remote.ctx, &id, add, &children);
	}
	say("children in remote", children, from);
	return v.failed ? -1 : 0;
}

static int
base_job(struct tx *tx, void *arg, struct err *e)
{
	const struct world *w = arg;
	struct drivedb_views v;
	struct plan_node n;

	drivedb_views(&v, tx, 1);
	for (unsigned i = 1; i <= w->n; i++) {
		struct id id = nr(i);
		if (v.remote.find(v.remote.ctx, &id, &n) &&
		    drivedb_base_put(tx, 1, &n, e) < 0)
			return -1;
	}
	return 0;
}

static int
touched_job(struct tx *tx, void *arg, struct err *e)
{
	OWN(buf_free) struct buf ids = { 0 };

	(void)arg;
	return drivedb_touched(tx, 1, &ids, e);
}

int
main(int argc, char **argv)
{
	struct world w = { .n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10)
					 : 100000 };
	struct err e;

	set_up(&w);
	follow(&w, "a zone comes", w.n);
	follow(&w, "nothing is new", 1);
	commit(&w, 1, 1, "moved");
	follow(&w, "one directory moves", 1);
	must(db_read(drivedb_db(w.d), views_job, &w, &e), &e);
	int64_t from = now_ms();
	must(db_write(drivedb_db(w.d), base_job, &w, &e), &e);
	say("base is written", w.n, from);
	must(db_read(drivedb_db(w.d), views_job, &w, &e), &e);
	from = now_ms();
	must(db_read(drivedb_db(w.d), touched_job, &w, &e), &e);
	say("touched of all", w.n, from);
	tear_down(&w);
	return 0;
}
