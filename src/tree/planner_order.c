/* SPDX-License-Identifier: ISC */
/* planner_order.c: an order in which what comes first is done first. */
/*
 * Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1
 * (1972): strongly connected components come out with what they need before
 * them. Without recursion: a chain may be as long as the plan.
 */
#include "tree/planner_in.h"

#include <stdlib.h>

struct sort {
	const struct plan_edge *edges; /* sorted by `after` */
	size_t n_edges;
	size_t *first; /* edge of each node; n + 1 */
	size_t *index, *low; /* from 1; 0: not met */
	bool *on;
	size_t *stack, n_stack;
	size_t *path, *at; /* nodes being visited, and the next edge of each */
	size_t met;
	size_t *order, *group, n_order, n_groups;
};

static int
by_after(const void *a, const void *b)
{
	const struct plan_edge *x = a, *y = b;

	if (x->after != y->after)
		return x->after < y->after ? -1 : 1;
	return x->before < y->before ? -1 : x->before > y->before;
}

static void
meet(struct sort *s, size_t v, size_t depth)
{
	s->index[v] = s->low[v] = ++s->met;
	s->stack[s->n_stack++] = v;
	s->on[v] = true;
	s->path[depth] = v;
	s->at[depth] = s->first[v];
}

static int
by_number(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

/* v is the root of a component: all that was met since is in it. */
static void
close_group(struct sort *s, size_t v)
{
	size_t from = s->n_order, u;

	do {
		u = s->stack[--s->n_stack];
		s->on[u] = false;
		s->group[s->n_order] = s->n_groups;
		s->order[s->n_order++] = u;
	} while (u != v);
	qsort(s->order + from, s->n_order - from, sizeof *s->order, by_number);
	s->n_groups++;
}

static void
visit(struct sort *s, size_t root)
{
	size_t depth = 0;

	meet(s, root, 0);
	for (;;) {
		size_t v = s->path[depth];
		if (s->at[depth] < s->first[v + 1]) {
			size_t u = s->edges[s->at[depth]++].before;
			if (s->index[u] == 0)
				meet(s, u, ++depth);
			else if (s->on[u] && s->index[u] < s->low[v])
				s->low[v] = s->index[u];
			continue;
		}
		if (s->low[v] == s->index[v])
			close_group(s, v);
		if (depth == 0)
			return;
		size_t up = s->path[--depth];
		if (s->low[v] < s->low[up])
			s->low[up] = s->low[v];
	}
}

void
planner_sort(size_t n, const struct plan_edge *edges, size_t n_edges,
    size_t *order, size_t *group)
{
	OWN(mem_free)
	struct plan_edge *list = mem_array(n_edges + 1, sizeof *list);
	OWN(mem_free) size_t *room = mem_array(6 * (n + 1), sizeof *room);
	OWN(mem_free) bool *on = mem_array(n + 1, sizeof *on);
	struct sort s = { .edges = list,
		.n_edges = n_edges,
		.first = room,
		.index = room + (n + 1),
		.low = room + 2 * (n + 1),
		.stack = room + 3 * (n + 1),
		.path = room + 4 * (n + 1),
		.at = room + 5 * (n + 1),
		.on = on,
		.order = order,
		.group = group };

	for (size_t i = 0; i < n_edges; i++)
		list[i] = edges[i];
	qsort(list, n_edges, sizeof *list, by_after);
	for (size_t v = 0, k = 0; v <= n; v++) {
		s.first[v] = k;
		while (k < n_edges && list[k].after == v)
			k++;
	}
	for (size_t v = 0; v < n; v++)
		if (s.index[v] == 0)
			visit(&s, v);
}
