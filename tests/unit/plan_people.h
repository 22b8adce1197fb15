/* SPDX-License-Identifier: ISC */
/* plan_people.h: what people do on their disks, and in a browser. */
#pragma once

#include "plan_zone.h"

/* ---- paths ---- */

/* The object at a path; *parent and *name of where it is or would be. */
static inline struct object *
walk(struct device *d, const char *path, uint64_t *parent, char *name)
{
	char part[NODE_NAME_MAX + 1];
	struct object *o = NULL;

	*parent = 1;
	while (*path != '\0') {
		size_t n = strcspn(path, "/");
		(void)snprintf(part, sizeof part, "%.*s", (int)n, path);
		path += n + (path[n] == '/');
		memcpy(name, part, sizeof part);
		o = object_at(d, *parent, part);
		if (*path == '\0')
			return o;
		if (o == NULL || o->type != NODE_DIR) {
			*parent = 0;
			return NULL;
		}
		*parent = o->ino;
	}
	return o;
}

static inline struct plan_node *
walk_zone(struct nodes *t, const char *path)
{
	struct id up = { { 0 } };
	struct plan_node n, *at = NULL;

	while (*path != '\0') {
		size_t k = strcspn(path, "/");
		if (!view_child(t, &up, bytes_of(path, k), &n))
			return NULL;
		at = find_in(t, &n.id);
		up = n.id;
		path += k + (path[k] == '/');
	}
	return at;
}

/* ---- what people do ---- */

static inline void
kill_content(struct world *w, const struct object *o)
{
	if (o->type == NODE_FILE)
		w->killed[o->content] = true;
}

static inline void
erase(struct world *w, struct device *d, struct object *o)
{
	if (o->type == NODE_DIR)
		for (size_t i = 0; i < d->n_objects; i++)
			if (d->objects[i].ino != 0 &&
			    d->objects[i].parent == o->ino)
				erase(w, d, &d->objects[i]);
	kill_content(w, o);
	*o = (struct object){ 0 };
}

static inline void
write_file(struct world *w, struct device *d, const char *path, uint64_t number,
    bool anew)
{
	char name[NODE_NAME_MAX + 1];
	uint64_t parent;
	struct object *o = walk(d, path, &parent, name);

	if (parent == 0 || (o != NULL && o->type != NODE_FILE))
		return;
	bool exec = o != NULL && o->exec;
	if (o != NULL)
		kill_content(w, o);
	if (o != NULL && anew)
		*o = (struct object){ 0 };
	if (o == NULL || anew)
		o = make_object(d, parent, name, NODE_FILE);
	o->exec = exec;
	o->content = number > 0 ? number : ++w->next_content;
	o->changed = ++w->clock;
	o->read = false;
	if (o->content >= CONTENTS_MAX)
		o->content = 1;
	w->killed[o->content] = false;
}

static inline void
move_object(struct world *w, struct device *d, const char *from, const char *to)
{
	char name[NODE_NAME_MAX + 1];
	uint64_t parent, ignored;
	struct object *o = walk(d, from, &ignored, name);
	struct object *at = walk(d, to, &parent, name);

	if (o == NULL || parent == 0 || o == at || is_below(d, parent, o->ino))
		return;
	if (at != NULL) {
		if ((at->type == NODE_DIR) != (o->type == NODE_DIR) ||
		    (at->type == NODE_DIR && has_children(d, at->ino)))
			return;
		kill_content(w, at);
		*at = (struct object){ 0 };
	}
	o->parent = parent;
	memcpy(o->name, name, sizeof o->name);
}

static inline void
swap_objects(struct device *d, const char *one, const char *other)
{
	char name[NODE_NAME_MAX + 1];
	uint64_t p, q;
	struct object *a = walk(d, one, &p, name);
	struct object *b = walk(d, other, &q, name);

	if (a == NULL || b == NULL || is_below(d, q, a->ino) ||
	    is_below(d, p, b->ino))
		return;
	memcpy(name, a->name, sizeof name);
	memcpy(a->name, b->name, sizeof name);
	memcpy(b->name, name, sizeof name);
	a->parent = q;
	b->parent = p;
}

static inline void
kill_zone(struct world *w, const struct plan_node *n)
{
	if (n->type == NODE_FILE)
		w->killed[content_number(&n->content)] = true;
	for (size_t i = 0; i < w->zone.count; i++)
		if (id_equal(&w->zone.n[i].parent, &n->id))
			kill_zone(w, &w->zone.n[i]);
}

static inline void
in_browser(struct world *w, const char *verb, const char *from, const char *to)
{
	static struct nodes next;
	struct plan_node *n = walk_zone(&w->zone, from);
	char name[NODE_NAME_MAX + 1];

	next = w->zone;
	if (strcmp(verb, "untrash") == 0)
		for (size_t i = 0; i < w->zone.count; i++)
			if (w->zone.n[i].trashed &&
			    strcmp(w->zone.n[i].name, from) == 0)
				n = &w->zone.n[i];
	if (n == NULL)
		return;
	struct plan_node *x = find_in(&next, &n->id);
	x->version++;
	if (strcmp(verb, "mv") == 0) {
		const char *slash = strrchr(to, '/');
		(void)snprintf(name, sizeof name, "%.*s",
		    slash == NULL ? 0 : (int)(slash - to), to);
		const struct plan_node *up = walk_zone(&w->zone, name);
		x->parent = (struct id){ { 0 } };
		if (name[0] != '\0') {
			if (up == NULL || up->type != NODE_DIR)
				return;
			x->parent = up->id;
		}
		(void)snprintf(x->name, sizeof x->name, "%s",
		    slash == NULL ? to : slash + 1);
		x->name_n = (uint8_t)strlen(x->name);
	} else {
		x->trashed = strcmp(verb, "trash") == 0;
	}
	if (invalid(&next) != NULL || (!x->trashed && !visible_in(&next, x)))
		return;
	if (x->trashed)
		kill_zone(w, n);
	w->zone = next;
	w->seq++;
}
