/* SPDX-License-Identifier: ISC */
/* plan_large.h: trees of many nodes, for what the planner costs. */
#pragma once

#include "tree/planner.h"

#include "base/rune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tree in arrays: by id, and by place. */
struct large {
	struct plan_node *n;
	size_t count, cap;
	const struct plan_node **by_place;
	bool sorted;
};

static inline void
large_free(struct large *t)
{
	free(t->n);
	free(t->by_place);
}

static inline struct plan_node *
large_add(struct large *t)
{
	if (t->count == t->cap) {
		t->cap = t->cap == 0 ? 1024 : 2 * t->cap;
		t->n = mem_resize(t->n, t->cap, sizeof *t->n);
	}
	t->sorted = false;
	return &t->n[t->count++];
}

static inline int
large_by_id(const void *a, const void *b)
{
	return id_cmp(a, b); /* the id is the first member */
}

static inline int
large_place_cmp(
    const struct plan_node *n, const struct id *parent, struct bytes name)
{
	int d = id_cmp(&n->parent, parent);

	return d != 0 ? d : bytes_cmp(bytes_of(n->name, n->name_n), name);
}

static inline int
large_by_place(const void *a, const void *b)
{
	const struct plan_node *y = *(const struct plan_node *const *)b;

	return large_place_cmp(*(const struct plan_node *const *)a, &y->parent,
	    bytes_of(y->name, y->name_n));
}

static inline void
large_sort(struct large *t)
{
	if (t->sorted || t->count == 0)
		return;
	qsort(t->n, t->count, sizeof *t->n, large_by_id);
	t->by_place = mem_resize(t->by_place, t->count, sizeof(*t->by_place));
	for (size_t i = 0; i < t->count; i++)
		t->by_place[i] = &t->n[i];
	qsort(t->by_place, t->count, sizeof(*t->by_place), large_by_place);
	t->sorted = true;
}

static inline struct plan_node *
large_get(const struct large *t, const struct id *id)
{
	return t->count == 0
	    ? NULL
	    : bsearch(id, t->n, t->count, sizeof *t->n, large_by_id);
}

static inline bool
large_find(void *ctx, const struct id *id, struct plan_node *out)
{
	const struct plan_node *n = large_get(ctx, id);

	if (n != NULL)
		*out = *n;
	return n != NULL;
}

static inline size_t
large_first(const struct large *t, const struct id *parent, struct bytes name)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (large_place_cmp(t->by_place[mid], parent, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static inline bool
large_child(void *ctx, const struct id *parent, struct bytes name,
    struct plan_node *out)
{
	const struct large *t = ctx;
	size_t i = large_first(t, parent, name);

	for (;
	     i < t->count && large_place_cmp(t->by_place[i], parent, name) == 0;
	     i++)
		if (!t->by_place[i]->trashed) {
			*out = *t->by_place[i];
			return true;
		}
	return false;
}

static inline int
large_children(void *ctx, const struct id *parent,
    int (*fn)(void *arg, const struct plan_node *n), void *arg)
{
	const struct large *t = ctx;

	for (size_t i = large_first(t, parent, bytes_of("", 0));
	     i < t->count && id_equal(&t->by_place[i]->parent, parent); i++)
		if (fn(arg, t->by_place[i]) < 0)
			return -1;
	return 0;
}

struct large_trees {
	struct large base, local, remote;
	struct plan_out out;
};

static inline void
large_trees_free(struct large_trees *t)
{
	large_free(&t->base);
	large_free(&t->local);
	large_free(&t->remote);
	planner_free(&t->out);
}

/* In no order, as random ones are. */
static inline struct id
large_id(size_t i)
{
	struct id id = { { 0 } };

	be64_put(id.b, (i + 1) * UINT64_C(0x9e3779b97f4a7c15));
	return id;
}

/* Folder i / in_dir has file i; the folders are files 0, in_dir, … */
static inline struct plan_node
large_node(size_t i, size_t in_dir)
{
	struct plan_node n = { .id = large_id(i),
		.type = i % in_dir == 0 ? NODE_DIR : NODE_FILE,
		.version = 1 };

	if (n.type == NODE_FILE) {
		n.parent = large_id(i - i % in_dir);
		be64_put(n.content.b, i + 1);
		n.stat.ino = i + 1;
	}
	n.name_n = (uint8_t)snprintf(n.name, sizeof n.name, "name-%zu", i);
	return n;
}

static inline void
large_plan(struct large_trees *t, const struct plan_policy *policy,
    const struct id *touched, size_t n)
{
	const struct plan_view b = { &t->base, large_find, large_child,
		large_children };
	const struct plan_view l = { &t->local, large_find, large_child,
		large_children };
	const struct plan_view r = { &t->remote, large_find, large_child,
		large_children };
	const struct plan_trees all = { &b, &l, &r };

	planner_free(&t->out);
	planner_plan(&all, policy, touched, n, &t->out);
}

static inline struct plan_policy
large_policy(void)
{
	return (struct plan_policy){ .fs = { .name_max = 255 },
		.device = bytes_str("device"),
		.day = bytes_str("2026-11-30") };
}
