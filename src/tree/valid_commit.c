/* SPDX-License-Identifier: ISC */
/* valid_commit.c: will the tree be valid when a commit is on top of it? */
#include "tree/valid.h"

#include "tree/valid_in.h"
#include "store/sql.h"

#include <stdlib.h>

/* The changes, to be found by id, and by place. */
struct batch {
	struct tx *tx;
	const struct plan_change **by_id, **by_place;
	size_t n;
};

static void
batch_free(struct batch *b)
{
	free(b->by_id);
	free(b->by_place);
}

static int
cmp_id(const void *a, const void *b)
{
	const struct plan_change *const *x = a, *const *y = b;

	return id_cmp(&(*x)->id, &(*y)->id);
}

static struct bytes
name_of(const struct plan_change *x)
{
	return bytes_of(x->name, x->name_n);
}

static int
cmp_place(const void *a, const void *b)
{
	const struct plan_change *const *x = a, *const *y = b;
	int c = id_cmp(&(*x)->parent, &(*y)->parent);

	return c != 0 ? c : bytes_cmp(name_of(*x), name_of(*y));
}

static struct batch
batch_of(struct tx *tx, const struct plan_change *changes, size_t n)
{
	struct batch b = { .tx = tx,
		.by_id = mem_array(n, sizeof *b.by_id),
		.by_place = mem_array(n, sizeof *b.by_place),
		.n = n };

	for (size_t i = 0; i < n; i++)
		b.by_id[i] = b.by_place[i] = &changes[i];
	if (n > 1) {
		qsort(b.by_id, n, sizeof *b.by_id, cmp_id);
		qsort(b.by_place, n, sizeof *b.by_place, cmp_place);
	}
	return b;
}

static const struct plan_change *
change_of(const struct batch *b, const struct id *id)
{
	struct plan_change key = { .id = *id };
	const struct plan_change *p = &key;
	const struct plan_change **found =
	    bsearch(&p, b->by_id, b->n, sizeof *b->by_id, cmp_id);

	return found == NULL ? NULL : *found;
}

/* Where a node will be. */
static int
place_of(const struct batch *b, const struct id *id, struct valid_place *out,
    struct err *e)
{
	const struct plan_change *x = change_of(b, id);

	if (valid_place_of(b->tx, id, out, e) < 0)
		return -1;
	if (x == NULL)
		return 0;
	if (x->kind == PLAN_TRASH) {
		out->trashed = true;
		return 0;
	}
	out->there = true;
	out->trashed = false;
	out->parent = x->parent;
	out->type = x->type;
	return 0;
}

static int
never(const struct plan_change *x, const char *why, struct err *e)
{
	return err_set(e, ERR_DRIVE_TREE_INVALID, "\"%s\": %s", x->name, why);
}

static int
not_now(const struct plan_change *x, const char *why, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "\"%s\": %s", x->name, why);
}

/* ---- each by itself ---- */

static int
check_self(const struct batch *b, const struct plan_change *x, struct err *e)
{
	const struct id recovered = valid_recovered();
	struct valid_place now;

	if (id_zero(&x->id) || id_equal(&x->id, &recovered))
		return never(x, "this directory cannot be changed", e);
	if (valid_place_of(b->tx, &x->id, &now, e) < 0)
		return -1;
	if (now.there == (x->kind == PLAN_NEW))
		return not_now(x,
		    now.there ? "it is there already" : "it is not there", e);
	if (now.there && now.version != x->expect)
		return not_now(x, "another device has changed it", e);
	if (x->kind == PLAN_TRASH)
		return 0;
	if (!node_name_valid(name_of(x)))
		return never(x, "no name can be so", e);
	if (x->kind == PLAN_UPDATE && now.type != x->type &&
	    (now.type == NODE_DIR || x->type == NODE_DIR))
		return never(x, "a directory stays one", e);
	return 0;
}

/* ---- its parents ---- */

static int
check_above(const struct batch *b, const struct plan_change *x, struct err *e)
{
	struct id up = x->parent;
	struct valid_place at;
	unsigned depth = 1, height = 0;

	for (; !id_zero(&up); depth++) {
		if (id_equal(&up, &x->id))
			return not_now(x, "it would lie within itself", e);
		if (place_of(b, &up, &at, e) < 0)
			return -1;
		if (!at.there || at.type != NODE_DIR)
			return not_now(x, "its directory is not there", e);
		if (at.trashed)
			return not_now(x, "its directory is in the trash", e);
		if (depth >= NODE_DEPTH_MAX)
			return never(x, "it would lie too deep", e);
		up = at.parent;
	}
	if (x->kind == PLAN_UPDATE && x->type == NODE_DIR &&
	    valid_height(b->tx, &x->id, NODE_DEPTH_MAX, &height, e) < 0)
		return -1;
	return depth + height <= NODE_DEPTH_MAX
	    ? 0
	    : never(x, "what is in it would lie too deep", e);
}

/* ---- its siblings ---- */

/* Will this one still have the place where it is now? */
static bool
stays(const struct batch *b, const struct id *id, const struct plan_change *at)
{
	const struct plan_change *x = change_of(b, id);

	return x == NULL || (x->kind != PLAN_TRASH && cmp_place(&x, &at) == 0);
}

static int
check_twin(const struct batch *b, const struct plan_change *x, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (sql_ask(b->tx, e, &s,
		"SELECT id FROM tree WHERE parent = ? AND name = ?"
		" AND NOT flags & 2",
		"ib", &x->parent, name_of(x)) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		struct id id;
		stmt_got_copy(s, 0, id.b, ID_BYTES);
		if (!id_equal(&id, &x->id) && stays(b, &id, x))
			return not_now(x, "another has its name", e);
	}
	return row;
}

/* Two changes that say the same, where neither was before. */
static int
check_among(const struct batch *b, struct err *e)
{
	const struct plan_change *before = NULL;

	for (size_t i = 1; i < b->n; i++)
		if (id_equal(&b->by_id[i - 1]->id, &b->by_id[i]->id))
			return never(b->by_id[i], "it is changed twice", e);
	for (size_t i = 0; i < b->n; i++) {
		const struct plan_change *x = b->by_place[i];
		if (x->kind == PLAN_TRASH)
			continue;
		if (before != NULL && cmp_place(&before, &x) == 0)
			return never(x, "another would have its name", e);
		before = x;
	}
	return 0;
}

int
valid_commit(
    struct tx *tx, const struct plan_change *changes, size_t n, struct err *e)
{
	OWN(batch_free) struct batch b = batch_of(tx, changes, n);

	if (check_among(&b, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct plan_change *x = &changes[i];
		if (check_self(&b, x, e) < 0)
			return -1;
		if (x->kind != PLAN_TRASH &&
		    (check_above(&b, x, e) < 0 || check_twin(&b, x, e) < 0))
			return -1;
	}
	return 0;
}
