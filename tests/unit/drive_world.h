/* SPDX-License-Identifier: ISC */
/* drive_world.h: a zone with nodes, its copy, and a drive.db that follows. */
/* After <cmocka.h>. The zone is one of a repository: any category will do. */
#pragma once

#include "scratch_dir.h"

#include "base/file.h"
#include "tree/valid.h"
#include "link/depot_local.h"
#include "store/sql.h"

struct drive_world {
	struct scratch dir;
	struct depot_local_repo *repo;
	struct local *local;
	struct zcopy *z;
	struct drivedb *d;
	struct buf touched;
	uint64_t bad;
};

static inline void
ok(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s: %s", err_name(e->code), e->msg);
}

/* Another repository, of whose zone nothing is known. */
static inline void
drive_world_repo(struct drive_world *w, const char *name)
{
	OWN(mem_free) char *repo = file_join(w->dir.path, name);
	OWN(buf_free) struct buf state = { 0 };
	const struct bytes password = bytes_str("a password");
	struct err e;

	zcopy_free(&w->z);
	local_free(&w->local);
	depot_local_free(&w->repo);
	buf_printf(&state, "%s.db", repo);
	ok(depot_local_create(repo, password, &e), &e);
	ok(depot_local_open(repo, password, &w->repo, &e), &e);
	ok(local_open(buf_text(&state), &w->local, &e), &e);
	ok(zcopy_open(&w->repo->writer,
	       &(struct zcopy_of){ w->local, w->repo->depot, &w->repo->backup,
		   CATEGORY_BACKUP },
	       &w->z, &e),
	    &e);
}

/* Of all tests: a password is stretched once. */
static inline int
drive_world_begin(void **state)
{
	struct drive_world *w = mem_new(sizeof *w);

	w->dir = scratch_new();
	drive_world_repo(w, "repo");
	*state = w;
	return 0;
}

static inline int
drive_world_end(void **state)
{
	struct drive_world *w = *state;

	zcopy_free(&w->z);
	local_free(&w->local);
	depot_local_free(&w->repo);
	scratch_free(&w->dir);
	free(w);
	return 0;
}

/* Which test it is: each has nodes of its own. */
static unsigned drive_world_test;

static inline int
drive_world_up(void **state)
{
	struct drive_world *w = *state;
	OWN(buf_free) struct buf path = { 0 };
	struct err e;

	buf_printf(&path, "%s/%u.db", w->dir.path, ++drive_world_test);
	ok(drivedb_open(buf_text(&path), &w->d, &e), &e);
	return 0;
}

static inline int
drive_world_add(void *ctx, const struct zcopy_record *r, struct err *e)
{
	(void)e;
	id_put(ctx, &r->id);
	return 0;
}

static inline int
drive_world_down(void **state)
{
	struct drive_world *w = *state;
	static struct zcopy_edit edits[1000];
	OWN(buf_free) struct buf ids = { 0 };
	struct err e;

	drivedb_free(&w->d);
	buf_free(&w->touched);
	ok(zcopy_each(w->z, 0, drive_world_add, &ids, &e), &e);
	struct scan s = scan_of(buf_bytes(&ids));
	while (s.n > 0) {
		size_t n = 0;
		for (; s.n > 0 && n < 1000; n++)
			edits[n] = (struct zcopy_edit){ .id = id_take(&s),
				.deleted = true };
		ok(zcopy_commit(w->z, edits, n, NULL, NULL, &e), &e);
	}
	return 0;
}

/* The id of a number: its order is that of the numbers; 0 is the root. */
static inline struct id
nr(unsigned i)
{
	struct id id = { { 0 } };

	be32_put(id.b, i);
	be32_put(id.b + 12, i == 0 ? 0 : drive_world_test);
	return id;
}

/* One record of a commit, by numbers. */
struct rec {
	unsigned id, parent;
	const char *name;
	enum node_type type;
	uint16_t flags;
	bool gone;
};

static inline void
drive_world_node(const struct rec *r, struct buf *out)
{
	static const uint8_t empty[] = { 0, 0, 0 };
	struct node n = { .type = r->type,
		.flags = r->flags,
		.parent = nr(r->parent),
		.name = bytes_str(r->name),
		.edits = 1,
		.trashed_ms = r->flags & NODE_TRASHED ? 1000 + r->id : 0 };

	if (r->type == NODE_FILE)
		n.content = bytes_of(empty, sizeof empty);
	node_put(out, &n);
}

static inline void
drive_world_commit(struct drive_world *w, const struct rec *list, size_t n)
{
	struct zcopy_edit *edits = mem_array(n, sizeof *edits);
	struct buf *plain = mem_array(n, sizeof *plain);
	struct err e;

	for (size_t i = 0; i < n; i++) {
		edits[i] = (struct zcopy_edit){ .id = nr(list[i].id),
			.deleted = list[i].gone };
		if (list[i].gone)
			continue;
		drive_world_node(&list[i], &plain[i]);
		edits[i].plain = buf_bytes(&plain[i]);
	}
	ok(zcopy_commit(w->z, edits, n, NULL, NULL, &e), &e);
	for (size_t i = 0; i < n; i++)
		buf_free(&plain[i]);
	free(plain);
	free(edits);
}

static inline void
drive_world_follow(struct drive_world *w)
{
	struct err e;

	buf_clear(&w->touched);
	ok(drivedb_follow(w->d, w->z, &w->touched, &w->bad, &e), &e);
}

/* Was it among what the last follow touched? */
static inline bool
drive_world_touched_id(const struct drive_world *w, struct id id)
{
	for (size_t at = 0; at < w->touched.n; at += ID_BYTES)
		if (bytes_equal(bytes_of(w->touched.p + at, ID_BYTES),
			bytes_of(id.b, ID_BYTES)))
			return true;
	return false;
}

static inline bool
drive_world_touched(const struct drive_world *w, unsigned i)
{
	return drive_world_touched_id(w, nr(i));
}

/* Every path that is seen and what is there, "/a/b 7\n", in order; "-" is the
 * directory of what is lost. */
struct drive_world_list {
	struct tx *tx;
	struct buf *out;
};

static inline int
drive_world_each(void *ctx, const struct drivedb_entry *x, struct err *e)
{
	struct drive_world_list *l = ctx;
	const struct id home = valid_recovered();

	if (drivedb_path(l->tx, &x->node.id, l->out, e) < 0)
		return -1;
	if (id_equal(&x->node.id, &home))
		buf_put_str(l->out, " -\n");
	else
		buf_printf(l->out, " %u\n", be32(x->node.id.b));
	return x->node.type == NODE_DIR
	    ? drivedb_list(l->tx, &x->node.id, false, drive_world_each, l, e)
	    : 0;
}

static inline int
drive_world_list_job(struct tx *tx, void *arg, struct err *e)
{
	struct drive_world_list l = { tx, arg };
	const struct id top = { { 0 } };

	return drivedb_list(tx, &top, false, drive_world_each, &l, e);
}

static inline void
drive_world_shows(struct drive_world *w, const char *want)
{
	OWN(buf_free) struct buf out = { 0 };
	struct err e;

	ok(db_read(drivedb_db(w->d), drive_world_list_job, &out, &e), &e);
	assert_string_equal(buf_text(&out), want);
}

#define COMMIT(w, ...) \
	do { \
		const struct rec list_[] = { __VA_ARGS__ }; \
		drive_world_commit(w, list_, ARRAY_SIZE(list_)); \
	} while (0)
