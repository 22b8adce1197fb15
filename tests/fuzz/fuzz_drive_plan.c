/* SPDX-License-Identifier: ISC */
/* fuzz_drive_plan.c: the planner on three trees of any shape. */
/*
 * Trees need not be valid: folders in each other, folders that are nowhere,
 * files with something in them, one name twice. It must come to an end, and
 * what comes out must be well-formed, each node in no more than one change.
 */
#include "tree/planner.h"

#include <stdlib.h>
#include <string.h>

#define NODES 24 /* of all trees together */
#define IDS 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tree {
	struct plan_node n[NODES];
	size_t count;
};

/* ---- views ---- */

static bool
tree_find(void *ctx, const struct id *id, struct plan_node *out)
{
	const struct tree *t = ctx;

	for (size_t i = 0; i < t->count; i++)
		if (id_equal(&t->n[i].id, id)) {
			*out = t->n[i];
			return true;
		}
	return false;
}

static bool
tree_child(void *ctx, const struct id *parent, struct bytes name,
    struct plan_node *out)
{
	const struct tree *t = ctx;

	for (size_t i = 0; i < t->count; i++)
		if (!t->n[i].trashed && id_equal(&t->n[i].parent, parent) &&
		    bytes_equal(bytes_of(t->n[i].name, t->n[i].name_n), name)) {
			*out = t->n[i];
			return true;
		}
	return false;
}

static int
tree_children(void *ctx, const struct id *parent,
    int (*fn)(void *arg, const struct plan_node *n), void *arg)
{
	const struct tree *t = ctx;

	for (size_t i = 0; i < t->count; i++)
		if (id_equal(&t->n[i].parent, parent) && fn(arg, &t->n[i]) < 0)
			return -1;
	return 0;
}

/* ---- from bytes ---- */

static struct id
id_nr(unsigned n)
{
	struct id id = { { 0 } };

	id.b[0] = (uint8_t)(n % IDS);
	return id;
}

/*
 * Four bytes: which tree, which node, its parent, and what it is like. No tree
 * has an id twice, for a table with a key cannot; nor has one with the top's.
 */
static void
add(struct tree *trees, const uint8_t *p)
{
	static const char *const names[] = { "a", "A", "b", "a.txt",
		"caf\xc3\xa9", "cafe\xcc\x81", "a-name-that-is-too-long",
		"\xff" };
	struct tree *t = &trees[p[0] % 3];
	struct plan_node n = { .id = id_nr(p[1]),
		.parent = id_nr(p[2]),
		.type = NODE_FILE + p[3] % 3,
		.version = 1 + p[0] / 64,
		.exec = (p[3] & 32) != 0,
		.trashed = p[0] % 3 == 2 && (p[3] & 64) != 0,
		.unread = p[0] % 3 == 1 && (p[3] & 128) != 0 };
	const char *name = names[p[1] / 16 % 8];
	struct plan_node had;

	if (id_zero(&n.id) || t->count == NODES || tree_find(t, &n.id, &had))
		return;
	if (n.type != NODE_DIR)
		n.content.b[0] = 1 + p[2] / IDS % 3;
	n.unread = n.unread && n.type == NODE_FILE;
	n.stat.ino = 1 + p[1] % IDS;
	n.name_n = (uint8_t)strlen(name);
	memcpy(n.name, name, n.name_n);
	t->n[t->count++] = n;
}

static bool
ignored(void *ctx, struct bytes path, bool is_dir)
{
	(void)ctx;
	(void)is_dir;
	return path.n == 1 && path.p[0] == 'b';
}

static void
well_formed(const struct plan_out *p)
{
	for (size_t i = 0; i < p->n_changes; i++) {
		const struct plan_change *c = &p->changes[i];
		if (id_zero(&c->id) || c->batch >= p->n_batches ||
		    (i > 0 && c->batch < p->changes[i - 1].batch) ||
		    (c->kind != PLAN_TRASH && c->name_n == 0) ||
		    (c->kind == PLAN_NEW) != (c->expect == 0))
			abort();
		for (size_t k = 0; k < i; k++)
			if (id_equal(&p->changes[k].id, &c->id))
				abort();
	}
	for (size_t i = 0; i < p->n_ops; i++)
		if (id_zero(&p->ops[i].id) || p->ops[i].name_n == 0)
			abort();
	for (size_t i = 0; i < p->n_rows; i++)
		if (id_zero(&p->rows[i].node.id))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(planner_free) struct plan_out out = { 0 };
	struct tree trees[3] = { { .count = 0 } };
	struct plan_view v[3];
	struct id touched[IDS], skip = id_nr(3);
	size_t n = 0;

	if (size < 4 || size > 4 + 4 * NODES)
		return 0;
	for (size_t at = 4; at + 4 <= size; at += 4)
		add(trees, data + at);
	for (int i = 0; i < 3; i++)
		v[i] = (struct plan_view){ &trees[i], tree_find, tree_child,
			tree_children, NULL };
	for (unsigned i = 1; i < IDS; i++)
		if (((data[0] | data[1] << 8) >> i & 1) != 0)
			touched[n++] = id_nr(i);
	const struct plan_trees all = { &v[0], &v[1], &v[2] };
	const struct plan_policy policy = {
		.fs = { .folds = (data[2] & 1) != 0,
		    .normalizes = (data[2] & 2) != 0,
		    .no_exec = (data[2] & 4) != 0,
		    .no_symlinks = (data[2] & 8) != 0,
		    .name_max = (data[2] & 16) != 0 ? 10 : 255 },
		.top = id_nr((data[2] & 32) != 0 ? 4 : 0),
		.device = bytes_str("device"),
		.day = bytes_str("2026-11-30"),
		.ignored = (data[2] & 64) != 0 ? ignored : NULL,
		.skips = &skip,
		.n_skips = (data[2] & 128) != 0,
		.gate = { .files = 4, .most = data[3] % 4 },
	};
	planner_plan(&all, &policy, touched, n, &out);
	well_formed(&out);
	return 0;
}
