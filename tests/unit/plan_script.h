/* SPDX-License-Identifier: ISC */
/* plan_script.h: what people do, line by line, and what must be true then. */
/*
 * A line is "DEVICE VERB …", with A, B, C as devices and W for who changes the
 * zone from a browser; a line that cannot be done does nothing. So any part of a
 * script is one, too, and a failing script can be made shorter. In names "%20"
 * and the like stand for bytes.
 *
 *   A write PATH [N]   a file with new content, or with that of number N
 *   A new PATH         the same, in a new file that is renamed over it
 *   A tx PATH KIND     a program writes its database, as plan_databases.h has it
 *   A mkdir|rm|rmr|exec PATH, A link PATH N, A mv FROM TO, A swap P Q
 *   A sync [N]         with the zone; cut off behind N effects
 *   A busy             with somebody who works on meanwhile
 *   A faulty N         one operation of N fails
 *   A stale [N]        the same without asking the zone first
 *   A adopt            base is lost: a new installation
 *   A keep | A back    a copy of the disk; the disk is that copy, adopted
 *   A folds | A plain | A normalizes | A short N | A noexec | A nolinks
 *   A banned CHARS | A nodot | A nobtime | A slice N
 *   A ignore NAME | A heed | A skip PATH | A unskip | A gate N | A percent N
 *   A torn [PATH]      that folder is not listed to its end; none is
 *   A undo             what waits at the gate comes back
 *   W mv|trash|untrash|mkdir PATH
 *   all                everybody syncs until nothing moves
 *   all deny|confirm   what is said to deletions at the gate
 *   is A PATH [N] | no A PATH | same A PATH PATH | zone PATH | gone PATH
 *   copies N | held A N | commits N | gated A N | idle A | node PATH | kept PATH
 *                      kept: it is the node that `node` named last
 */
#pragma once

#include "plan_engine.h"

struct player {
	struct world w;
	bool deny; /* what waits at a gate stays there */
	size_t held[DEVICES], gated[DEVICES]; /* of the last sync */
	struct ids waiting[DEVICES]; /* at the gate */
	struct ids holds[DEVICES]; /* which ones it held */
	struct device kept;
	struct id node;
	unsigned commits; /* when they were counted last */
};

static inline struct player *
player_new(uint64_t seed, bool talk)
{
	struct player *p = mem_new(sizeof *p);

	p->w.random = seed * 0x9e3779b97f4a7c15ULL + 1;
	p->w.talk = talk;
	p->w.next_content = 1000;
	for (unsigned i = 0; i < DEVICES; i++) {
		p->w.d[i].next_ino = 1 + 100000 * (i + 1);
		(void)snprintf(p->w.d[i].name, sizeof p->w.d[i].name,
		    "device-%c", 'A' + (int)i);
		p->w.d[i].is.fs.name_max = 255;
	}
	return p;
}

static inline void
player_free(struct player **p)
{
	free(*p);
}

/* ---- everybody ---- */

static inline unsigned
sync_one(struct player *p, unsigned which, const struct sync_how *how)
{
	const struct run *r = sync_device(&p->w, which, how);

	p->held[which] = r->held.n;
	p->gated[which] = r->gated.n;
	p->waiting[which] = r->gated;
	p->holds[which] = r->held;
	return r->effects;
}

static inline void
sync_all(struct player *p)
{
	const struct sync_how how = { .budget = -1, .confirm = !p->deny };

	for (int i = 0; i < 40; i++) {
		uint64_t seq = p->w.seq;
		unsigned effects = 0;
		for (unsigned d = 0; d < DEVICES; d++)
			effects += sync_one(p, d, &how);
		if (p->w.failed[0] != '\0' || (effects == 0 && seq == p->w.seq))
			return;
	}
	fail(&p->w, "never comes to rest", "");
}

/* ---- what must be true of all ---- */

/* A disk that folds, or cannot hold a name, cannot have everything. */
static inline bool
may_be_held(
    struct nodes *zone, const struct device *d, const struct plan_node *n)
{
	const struct plan_fs *fs = &d->is.fs;

	if (n->name_n > (fs->name_max > 0 ? fs->name_max : NODE_NAME_MAX) ||
	    (n->type == NODE_SYMLINK && fs->no_symlinks) ||
	    (fs->no_last_dot && strchr(". ", n->name[n->name_n - 1])) ||
	    (fs->banned != NULL && strpbrk(n->name, fs->banned) != NULL))
		return true;
	for (size_t i = 0; i < zone->count; i++)
		if (!zone->n[i].trashed &&
		    id_equal(&zone->n[i].parent, &n->parent) &&
		    !id_equal(&zone->n[i].id, &n->id) &&
		    same_name(fs, zone->n[i].name, n->name))
			return true;
	return false;
}

enum wanted { WANTED, HELD, NOT_WANTED };

static inline enum wanted
is_wanted(struct nodes *zone, const struct device *d, const struct plan_node *n)
{
	enum wanted w = WANTED;

	for (; n != NULL; n = find_in(zone, &n->parent)) {
		if (name_ignored(&d->is, n->name))
			return NOT_WANTED;
		for (size_t i = 0; i < d->is.n_skips; i++)
			if (id_equal(&d->is.skips[i], &n->id))
				return NOT_WANTED;
		if (may_be_held(zone, d, n))
			w = HELD;
	}
	return w;
}

/* Somebody who cannot leave is at its place, or at that of a folder above. */
static inline bool
is_in_the_way(struct nodes *zone, struct device *d, const struct plan_node *n)
{
	static const struct id top;

	for (; n != NULL; n = find_in(zone, &n->parent)) {
		const struct object *up = object_by_node(d, &n->parent);
		const struct object *o = NULL;
		if (up != NULL || id_equal(&n->parent, &top))
			o = object_at(d, up == NULL ? 1 : up->ino, n->name);
		if (o != NULL && !id_equal(&o->node, &n->id))
			return true;
	}
	return false;
}

/* P8: what is held holds up nothing else. */
#define BESIDE "beside what is held a disk is not as the zone"

/* P1: what is visible in the zone is on each disk, and nothing else. */
static inline void
check_same(struct world *w, struct device *d, bool holds_some)
{
	size_t n = 0;

	scan(w, d);
	for (size_t i = 0; i < w->zone.count; i++) {
		const struct plan_node *z = &w->zone.n[i];
		if (!visible_in(&w->zone, z))
			continue;
		enum wanted how = is_wanted(&w->zone, d, z);
		struct object *o = object_by_node(d, &z->id);
		if (holds_some && how == WANTED &&
		    is_in_the_way(&w->zone, d, z))
			how = HELD;
		n += how == WANTED || (how == HELD && o != NULL);
		if (how == HELD)
			continue;
		if (how == NOT_WANTED) {
			if (find_in(&d->local, &z->id) != NULL)
				fail(w, "a disk has what it skips", z->name);
			continue;
		}
		struct id up = o == NULL ? z->id : node_of_parent(d, o);
		if (o == NULL || !id_equal(&up, &z->parent) ||
		    strcmp(o->name, z->name) != 0 || o->type != z->type ||
		    (o->type == NODE_FILE &&
			(o->content != content_number(&z->content) ||
			    (o->exec != z->exec && !d->is.fs.no_exec))))
			fail(w,
			    holds_some ? BESIDE : "a disk is not as the zone",
			    z->name);
	}
	if (n != d->local.count)
		fail(w, holds_some ? BESIDE : "a disk has more than the zone",
		    d->name);
}

/* P8: each that is held has a reason of its own, or lies in one that has. */
static inline void
check_reasons(struct player *p, unsigned which)
{
	struct world *w = &p->w;
	struct device *d = &w->d[which];

	for (size_t i = 0; i < p->holds[which].n; i++) {
		const struct plan_node *z =
		    find_in(&w->zone, &p->holds[which].id[i]);
		if (z != NULL && is_wanted(&w->zone, d, z) == WANTED &&
		    !is_in_the_way(&w->zone, d, z))
			fail(w, "it is held without a reason", z->name);
	}
}

/* One of names that are one to a disk is there. */
static inline void
check_one_of(struct world *w, struct device *d)
{
	for (size_t i = 0; i < w->zone.count; i++) {
		const struct plan_node *z = &w->zone.n[i];
		struct plan_node up = *z;
		bool any = false;
		up.id = up.parent;
		const struct plan_node *in = find_in(&w->zone, &z->parent);
		if (!visible_in(&w->zone, z) ||
		    is_wanted(&w->zone, d, z) != HELD ||
		    (in != NULL && is_wanted(&w->zone, d, in) != WANTED) ||
		    z->name_n > d->is.fs.name_max || z->type == NODE_SYMLINK)
			continue;
		for (size_t k = 0; k < w->zone.count && !any; k++) {
			const struct plan_node *x = &w->zone.n[k];
			any = !x->trashed && id_equal(&x->parent, &z->parent) &&
			    same_name(&d->is.fs, x->name, z->name) &&
			    object_by_node(d, &x->id) != NULL;
		}
		if (!any && d->is.fs.banned == NULL && !d->is.fs.no_last_dot)
			fail(w, "of names that are one none is here", z->name);
	}
}

/* P2 and P5: what nobody deleted is there to see. */
static inline void
check_kept(struct world *w)
{
	char text[32];

	for (uint64_t c = 1001; c <= w->next_content && c < CONTENTS_MAX; c++) {
		bool seen = w->killed[c];
		for (size_t i = 0; i < w->zone.count && !seen; i++)
			seen = w->zone.n[i].type == NODE_FILE &&
			    content_number(&w->zone.n[i].content) == c &&
			    visible_in(&w->zone, &w->zone.n[i]);
		/* What is ignored stays on its disk alone. */
		for (unsigned d = 0; d < DEVICES && !seen; d++)
			for (size_t i = 0; i < w->d[d].n_objects && !seen; i++)
				seen = w->d[d].is.ignored[0][0] != '\0' &&
				    w->d[d].objects[i].ino != 0 &&
				    w->d[d].objects[i].type == NODE_FILE &&
				    w->d[d].objects[i].content == c;
		(void)snprintf(text, sizeof text, "%u", (unsigned)c);
		if (!seen)
			fail(w, "a content that nobody deleted is gone", text);
	}
}

/* P3: once more there is nothing to say. */
static inline void
check_idle(struct player *p, unsigned which)
{
	static struct run r;
	static struct ids all;
	OWN(planner_free) struct plan_out out = { 0 };

	r = (struct run){ .w = &p->w, .d = &p->w.d[which] };
	set_policy(&r);
	pull(&r);
	forget_unsure(r.d);
	scan(&p->w, r.d);
	all.n = 0;
	add_touched(&r, &all, true);
	make_plan(&r, &all, &out);
	if (out.n_aliases + out.n_changes + out.n_ops + out.n_rows > 0)
		fail(&p->w, "idle, and yet there is something to do",
		    out.n_ops > 0	    ? out.ops[0].name
			: out.n_changes > 0 ? out.changes[0].name
			: out.n_rows > 0    ? out.rows[0].node.name
					    : r.d->name);
}

/* Folders that stay because of what is ignored in them. */
static inline bool
has_residue(const struct world *w)
{
	for (unsigned d = 0; d < DEVICES; d++)
		if (w->d[d].is.ignored[0][0] != '\0')
			return true;
	return false;
}

static inline void
check_all(struct player *p)
{
	sync_all(p);
	if (p->w.failed[0] != '\0')
		return;
	check_kept(&p->w);
	if (p->w.lenient || has_residue(&p->w))
		return;
	for (unsigned d = 0; d < DEVICES; d++) {
		if (p->gated[d] > 0)
			continue;
		check_reasons(p, d);
		check_same(&p->w, &p->w.d[d], p->held[d] > 0);
		check_one_of(&p->w, &p->w.d[d]);
		check_idle(p, d);
	}
}
