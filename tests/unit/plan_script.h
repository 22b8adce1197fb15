/* SPDX-License-Identifier: ISC */
/* plan_script.h: what people do, line by line, and what must be true then. */
/*
 * A line is "DEVICE VERB …", with A, B, C as devices and W for who changes the
 * zone from a browser; a line that cannot be done does nothing. So any part of a
 * script is one, too, and a failing script can be made shorter.
 *
 *   A write PATH [N]   a file with new content, or with that of number N
 *   A new PATH         the same, in a new file that is renamed over it
 *   A mkdir|rm|rmr|exec PATH, A link PATH N, A mv FROM TO, A swap P Q
 *   A sync [N]         with the zone; cut off behind N effects
 *   A busy             with somebody who works on meanwhile
 *   A stale [N]        the same without asking the zone first
 *   A adopt            base is lost: a new installation
 *   A swapped          another disk, empty, is there: checked by the engine
 *   A folds | A plain | A short N | A ignore NAME | A skip PATH | A gate N
 *   W mv|trash|untrash PATH
 *   all                everybody syncs until nothing moves
 *   is A PATH [N] | no A PATH | copies N | held A N | commits N | gated A 0|1
 */
#pragma once

#include "plan_engine.h"

struct player {
	struct world w;
	struct plan_policy policy[DEVICES];
	struct id skips[DEVICES][4];
	char ignored[DEVICES][64];
	bool confirm; /* what waits at a gate goes in `all` */
	unsigned held[DEVICES];
	bool gated[DEVICES];
};

static inline bool
ignores(void *ctx, struct bytes path, bool is_dir)
{
	const char *name = ctx;
	size_t at = path.n;

	(void)is_dir;
	while (at > 0 && path.p[at - 1] != '/')
		at--;
	return name[0] != '\0' &&
	    bytes_equal(bytes_of(path.p + at, path.n - at), bytes_str(name));
}

static inline struct player *
player_new(uint64_t seed, bool talk)
{
	struct player *p = mem_new(sizeof *p);

	p->w.random = seed * 0x9e3779b97f4a7c15ULL + 1;
	p->w.talk = talk;
	p->w.next_content = 1000;
	p->confirm = true;
	for (unsigned i = 0; i < DEVICES; i++) {
		p->w.d[i].next_ino = 1 + 100000 * (i + 1);
		(void)snprintf(p->w.d[i].name, sizeof p->w.d[i].name,
		    "device-%c", 'A' + (int)i);
		p->policy[i].fs.name_max = 255;
		p->policy[i].ignored = ignores;
		p->policy[i].ctx = p->ignored[i];
		p->policy[i].skips = p->skips[i];
	}
	return p;
}

static inline void
player_free(struct player **p)
{
	free(*p);
}

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

/* ---- everybody ---- */

static inline void
sync_all(struct player *p)
{
	for (int i = 0; i < 40; i++) {
		uint64_t seq = p->w.seq;
		unsigned effects = 0;
		for (unsigned d = 0; d < DEVICES; d++)
			effects += sync_device(
			    &p->w, d, -1, true, p->confirm, &p->policy[d]);
		if (p->w.failed[0] != '\0' || (effects == 0 && seq == p->w.seq))
			return;
	}
	fail(&p->w, "never comes to rest", "");
}

/* P1: what is visible in the zone is on each disk, and nothing else. */
static inline void
check_same(struct world *w, struct device *d)
{
	size_t n = 0;

	scan(w, d);
	for (size_t i = 0; i < w->zone.count; i++) {
		const struct plan_node *z = &w->zone.n[i];
		if (!visible_in(&w->zone, z))
			continue;
		n++;
		struct object *o = object_by_node(d, &z->id);
		struct id up = o == NULL ? z->id : node_of_parent(d, o);
		if (o == NULL || !id_equal(&up, &z->parent) ||
		    strcmp(o->name, z->name) != 0 || o->type != z->type ||
		    (o->type == NODE_FILE &&
			(o->content != content_number(&z->content) ||
			    o->exec != z->exec)))
			fail(w, "a disk is not as the zone", z->name);
	}
	if (n != d->local.count)
		fail(w, "a disk has more than the zone", d->name);
}

/* P2 and P5: what nobody deleted is there to see. */
static inline void
check_kept(struct world *w)
{
	char text[32];

	for (uint64_t c = 1; c <= w->next_content && c < CONTENTS_MAX; c++) {
		bool written = false, seen = false;
		for (size_t i = 0; i < w->zone.count && !seen; i++)
			seen = w->zone.n[i].type == NODE_FILE &&
			    content_number(&w->zone.n[i].content) == c &&
			    visible_in(&w->zone, &w->zone.n[i]);
		written = c > 1000;
		(void)snprintf(text, sizeof text, "%u", (unsigned)c);
		if (written && !w->killed[c] && !seen)
			fail(w, "a content that nobody deleted is gone", text);
	}
}

static inline void
check_all(struct player *p)
{
	sync_all(p);
	for (unsigned d = 0; d < DEVICES; d++)
		check_same(&p->w, &p->w.d[d]);
	check_kept(&p->w);
}
