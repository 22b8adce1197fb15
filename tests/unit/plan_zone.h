/* SPDX-License-Identifier: ISC */
/* plan_zone.h: the zone's tree, and what makes it a valid one. */
#pragma once

#include "plan_world.h"

static inline bool
visible_in(struct nodes *t, const struct plan_node *n)
{
	static const struct id top;
	struct id up;

	for (int i = 0; i < 600; i++) {
		if (n == NULL || n->trashed)
			return false;
		up = n->parent;
		if (id_equal(&up, &top))
			return true;
		n = find_in(t, &up);
		if (n != NULL && n->type != NODE_DIR)
			return false;
	}
	return false;
}

/* Do names, folders and twins hold? */
static inline const char *
invalid(struct nodes *t)
{
	static const struct id top;

	for (size_t i = 0; i < t->count; i++) {
		struct plan_node *n = &t->n[i], *p = find_in(t, &n->parent);
		int steps = 0;
		if (!id_equal(&n->parent, &top) &&
		    (p == NULL || p->type != NODE_DIR))
			return "orphan";
		for (p = n; p != NULL && !id_equal(&p->parent, &top);
		     p = find_in(t, &p->parent))
			if (++steps > 600)
				return "cycle";
		if (n->trashed)
			continue;
		for (size_t k = 0; k < i; k++)
			if (!t->n[k].trashed && n->name_n == t->n[k].name_n &&
			    id_equal(&t->n[k].parent, &n->parent) &&
			    strcmp(t->n[k].name, n->name) == 0)
				return "twins";
	}
	return NULL;
}

static inline struct plan_node
record_of(struct nodes *zone, const struct plan_change *c)
{
	const struct plan_node *was = find_in(zone, &c->id);
	struct plan_node n = { .id = c->id };

	if (was != NULL)
		n = *was;
	n.version = c->expect + 1;
	n.trashed = c->kind == PLAN_TRASH;
	if (c->kind == PLAN_TRASH)
		return n;
	n.type = c->type;
	n.parent = c->parent;
	n.exec = c->exec;
	memcpy(n.name, c->name, sizeof n.name);
	n.name_n = c->name_n;
	if (c->content)
		n.content = c->content_id;
	return n;
}
