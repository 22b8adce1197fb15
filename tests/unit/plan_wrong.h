/* SPDX-License-Identifier: ISC */
/* plan_wrong.h: plans by a rule that is wrong, so that a property fails. */
#pragma once

#include "plan_world.h"

enum wrong {
	RIGHT,
	/* P8 */
	HELD_STOPS_ALL,
	HELD_STOPS_ITS_FOLDER,
	HELD_STOPS_COMMITS,
	HELD_HOLDS_ITS_FOLDER,
	/* P9 */
	NAMED_FIRST_GOES_FIRST,
	NAMED_FIRST_COMMITS_FIRST,
	NAMED_LAST_IS_LEFT
};

static inline bool
in_its_folder(struct device *d, const struct plan_out *p, const struct id *id,
    const struct id *parent)
{
	for (size_t i = 0; i < p->n_held; i++) {
		const struct plan_node *n = find_in(&d->remote, &p->held[i].id);
		if (n != NULL && id_equal(&n->parent, parent) &&
		    !id_equal(&n->id, id))
			return true;
	}
	return false;
}

/* What is beside a held one does not come; and is it said to be held, too? */
static inline void
hold_folder(struct device *d, struct plan_out *p, bool said)
{
	size_t kept = 0, held = p->n_held;

	for (size_t i = 0; i < p->n_ops; i++) {
		const struct plan_op *op = &p->ops[i];
		if (!in_its_folder(d, p, &op->id, &op->parent)) {
			p->ops[kept++] = *op;
			continue;
		}
		if (!said)
			continue;
		p->held = mem_resize(p->held, held + 1, sizeof *p->held);
		p->held[held++] = (struct plan_held){ .id = op->id };
	}
	p->n_ops = kept;
	p->n_held = held;
}

static inline void
by_naming(struct plan_out *p, const struct id *ids, size_t n, bool commits)
{
	for (size_t at = 0, i = 0; !commits && i < n; i++)
		for (size_t k = at; k < p->n_ops; k++)
			if (id_equal(&p->ops[k].id, &ids[i])) {
				struct plan_op x = p->ops[k];
				p->ops[k] = p->ops[at];
				p->ops[at++] = x;
			}
	for (size_t at = 0, i = 0; commits && i < n; i++)
		for (size_t k = at; k < p->n_changes; k++)
			if (id_equal(&p->changes[k].id, &ids[i])) {
				struct plan_change x = p->changes[k];
				p->changes[k] = p->changes[at];
				p->changes[at++] = x;
			}
}

static inline void
leave_last(struct plan_out *p, const struct id *last)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n_rows; i++)
		if (!id_equal(&p->rows[i].node.id, last))
			p->rows[kept++] = p->rows[i];
	p->n_rows = kept;
}

/* ids: what was named to the planner, n of them in that order. */
static inline void
plan_wrongly(struct world *w, struct device *d, const struct id *ids, size_t n,
    struct plan_out *p)
{
	switch ((enum wrong)w->wrong) {
	case RIGHT:
		return;
	case HELD_STOPS_ALL:
		if (p->n_held > 0)
			p->n_ops = 0;
		return;
	case HELD_STOPS_ITS_FOLDER:
	case HELD_HOLDS_ITS_FOLDER:
		hold_folder(d, p, w->wrong == HELD_HOLDS_ITS_FOLDER);
		return;
	case HELD_STOPS_COMMITS:
		if (p->n_held > 0)
			p->n_changes = p->n_batches = 0;
		return;
	case NAMED_FIRST_GOES_FIRST:
	case NAMED_FIRST_COMMITS_FIRST:
		by_naming(p, ids, n, w->wrong == NAMED_FIRST_COMMITS_FIRST);
		return;
	case NAMED_LAST_IS_LEFT:
		if (n > 0)
			leave_last(p, &ids[n - 1]);
		return;
	}
}
