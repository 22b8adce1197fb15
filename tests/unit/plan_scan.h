/* SPDX-License-Identifier: ISC */
/* plan_scan.h: what is found on the disks of plan_world.h, as scan.h says it. */
#pragma once

#include "plan_world.h"

static inline struct id
node_of_parent(struct device *d, const struct object *o)
{
	static const struct id top;
	struct object *p = object_by_ino(d, o->parent);

	return o->parent == 1 || p == NULL ? top : p->node;
}

static inline struct plan_node *
base_child(struct nodes *base, const bool *claimed, const struct id *parent,
    const char *name, enum node_type type)
{
	for (size_t i = 0; i < base->count; i++)
		if (base->n[i].type == type && !claimed[i] &&
		    id_equal(&base->n[i].parent, parent) &&
		    strcmp(base->n[i].name, name) == 0)
			return &base->n[i];
	return NULL;
}

static inline struct plan_node *
base_ino(
    struct nodes *base, const bool *claimed, uint64_t ino, enum node_type type)
{
	for (size_t i = 0; i < base->count; i++)
		if (base->n[i].type == type && !claimed[i] &&
		    base->n[i].stat.ino == ino)
			return &base->n[i];
	return NULL;
}

static inline void
name_object(struct world *w, struct device *d, struct object *o,
    struct plan_node *b, bool *claimed)
{
	if (b != NULL) {
		o->node = b->id;
		claimed[b - d->base.n] = true;
	} else if (id_zero(&o->node) || find_in(&d->base, &o->node) != NULL) {
		o->node = draw_id(w);
		d->news = true;
	}
}

/* Is it met when its folder is listed? */
static inline bool
is_met(const struct device *d, const struct object *o, uint64_t in)
{
	return o->ino != 0 && !o->aside && o->parent == in && in != d->torn &&
	    !name_ignored(&d->is, o->name);
}

static inline bool
is_ignored(struct device *d, const struct object *o)
{
	for (int i = 0; o != NULL && i < 1000; i++) {
		if (name_ignored(&d->is, o->name))
			return true;
		o = o->parent == 1 ? NULL : object_by_ino(d, o->parent);
	}
	return false;
}

static inline void
scan_dirs(struct world *w, struct device *d, uint64_t in, bool *claimed)
{
	static const struct id top;
	struct object *parent = object_by_ino(d, in);
	const struct id *up = parent == NULL ? &top : &parent->node;

	for (size_t i = 0; i < d->n_objects; i++) {
		struct object *o = &d->objects[i];
		struct plan_node *b = NULL;
		if (!is_met(d, o, in) || o->type != NODE_DIR)
			continue;
		if (!d->is.no_btime)
			b = base_ino(&d->base, claimed, o->ino, NODE_DIR);
		if (b == NULL) {
			b = base_child(
			    &d->base, claimed, up, o->name, NODE_DIR);
			if (b != NULL && !d->is.no_btime &&
			    object_by_ino(d, b->stat.ino) != NULL)
				b = NULL;
		}
		name_object(w, d, o, b, claimed);
		scan_dirs(w, d, o->ino, claimed);
	}
}

static inline bool
reachable(struct device *d, const struct object *o)
{
	for (int i = 0; i < 1000; i++) {
		if (!is_met(d, o, o->parent))
			return false;
		if (o->parent == 1)
			return true;
		o = object_by_ino(d, o->parent);
		if (o == NULL)
			return false;
	}
	return false;
}

static inline void
add_local(struct device *d, struct object *o)
{
	struct plan_node n = { .id = o->node,
		.parent = node_of_parent(d, o),
		.type = o->type,
		.exec = o->exec,
		.stat = { .ino = o->ino,
		    .ctime_ns = (int64_t)o->changed,
		    .size = o->content } };
	const struct plan_node *b = find_in(&d->base, &o->node);

	if (d->is.fs.no_exec)
		n.exec = b != NULL && b->exec;
	n.name_n = (uint8_t)strlen(o->name);
	memcpy(n.name, o->name, sizeof n.name);
	if (o->type == NODE_FILE && !o->read) {
		if (b != NULL && b->stat.ino == o->ino &&
		    b->stat.ctime_ns == (int64_t)o->changed)
			n.content = b->content;
		else
			n.unread = true;
	} else {
		n.content = content_of(o->content, o->type);
	}
	put_in(&d->local, &n);
}

/* Files: by path, then by identity where the old path is empty. */
static inline void
scan_files(struct world *w, struct device *d, bool *claimed, bool by_path)
{
	for (size_t i = 0; i < d->n_objects; i++) {
		struct object *o = &d->objects[i];
		if (o->ino == 0 || o->type == NODE_DIR || !reachable(d, o))
			continue;
		struct id up = node_of_parent(d, o);
		struct plan_node *b = by_path
		    ? base_child(&d->base, claimed, &up, o->name, o->type)
		    : NULL;
		const struct plan_node *l = find_in(&d->local, &o->node);
		if (!by_path && l != NULL && l->stat.ino == o->ino &&
		    object_by_node(d, &o->node) == o)
			continue;
		if (!by_path)
			b = base_ino(&d->base, claimed, o->ino, o->type);
		if (by_path && b == NULL)
			continue;
		name_object(w, d, o, b, claimed);
		add_local(d, o);
	}
}

/* What lies in a folder that was not listed is as it was; and what is ignored
 * is not ours, here or there. */
static inline void
scan_unknown(struct device *d, const struct id *in, bool known, bool ours)
{
	for (size_t i = d->base.count; i-- > 0;) {
		struct plan_node n;
		if (i >= d->base.count || !id_equal(&d->base.n[i].parent, in))
			continue;
		n = d->base.n[i];
		const struct plan_node *l = find_in(&d->local, &n.id);
		if (l != NULL &&
		    !(id_equal(&l->parent, &n.parent) &&
			strcmp(l->name, n.name) == 0))
			continue; /* it is elsewhere */
		bool mine = ours && !name_ignored(&d->is, n.name);
		const struct object *o = object_by_node(d, &n.id);
		scan_unknown(
		    d, &n.id, known && (o == NULL || o->ino != d->torn), mine);
		if (!mine)
			drop_in(&d->base, &n.id);
		else if (!known && l == NULL)
			put_in(&d->local, &n);
	}
}

static inline void
scan(struct world *w, struct device *d)
{
	static const struct id top;
	bool claimed[NODES_MAX] = { false };

	for (size_t i = 0; i < d->n_objects; i++) {
		struct object *o = &d->objects[i];
		o->was = (struct id){ { 0 } };
		if (o->ino != 0 && is_ignored(d, o))
			o->node = (struct id){ { 0 } };
	}
	d->local.count = 0;
	scan_dirs(w, d, 1, claimed);
	scan_files(w, d, claimed, true);
	scan_files(w, d, claimed, false);
	for (size_t i = 0; i < d->n_objects; i++)
		if (d->objects[i].ino != 0 && d->objects[i].type == NODE_DIR &&
		    reachable(d, &d->objects[i]))
			add_local(d, &d->objects[i]);
	scan_unknown(d, &top, d->torn != 1, true);
}
