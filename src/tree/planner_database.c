/* SPDX-License-Identifier: ISC */
/* planner_database.c: the files of one database, which go together. */
/*
 * They wait for each other's content, and are written by one commit. When both
 * sides changed some of them, then all of what was committed keeps its places,
 * and the copy takes all that is here: so each of the two is a database that
 * was, and not one's file beside another's journal. Where one side has nothing
 * left of it, what the other has lives whole.
 *
 * Of a database that one side moved and the other changed the files go on as
 * they were changed, where they were moved to: then one that is gone is gone,
 * though it was moved. When both changed it, it is as above.
 */
#include "tree/planner_in.h"

#include "tree/dbfile.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS 1000 /* conflict copies of one name on one day */

struct database {
	struct id parent;
	struct item *in[TREES][DBFILES]; /* at its places; NULL: none */
	bool some; /* there are companions */
	uint8_t stem_n;
	char stem[NODE_NAME_MAX + 1];
};

/* ---- which they are ---- */

static int
by_place(const void *a, const void *b)
{
	const struct database *x = a, *y = b;
	int d = id_cmp(&x->parent, &y->parent);

	return d != 0 ? d
		      : bytes_cmp(bytes_of(x->stem, x->stem_n),
			    bytes_of(y->stem, y->stem_n));
}

void
planner_databases_free(struct work *w)
{
	tdestroy(w->databases, free);
	dbstems_free(&w->stems);
}

static const struct plan_view *
view(const struct work *w, enum plan_tree which)
{
	return which == TREE_BASE ? w->base
	    : which == TREE_LOCAL ? w->local
				  : w->remote;
}

static const struct plan_node *
node(const struct item *it, enum plan_tree which)
{
	return which == TREE_BASE ? &it->base
	    : which == TREE_LOCAL ? &it->local
				  : &it->remote;
}

static struct bytes
member_name(struct bytes stem, unsigned i, struct buf *out)
{
	buf_clear(out);
	buf_put_bytes(out, stem);
	buf_put_bytes(out, dbfile_ends[i]);
	return buf_bytes(out);
}

static struct database
key_of(const struct id *parent, struct bytes name)
{
	struct bytes stem = dbfile_stem(name);
	struct database key = { .parent = *parent, .stem_n = (uint8_t)stem.n };

	memcpy(key.stem, stem.p, stem.n);
	return key;
}

/* What is at its places in one tree. */
static void
load(struct work *w, struct database *d, enum plan_tree which)
{
	const struct plan_view *v = view(w, which);
	OWN(buf_free) struct buf name = { 0 };
	struct plan_node n;

	for (unsigned i = 0; i < DBFILES; i++) {
		struct bytes at =
		    member_name(bytes_of(d->stem, d->stem_n), i, &name);
		if (at.n > NODE_NAME_MAX || dbfile_stem(at).n != d->stem_n ||
		    !v->child(v->ctx, &d->parent, at, &n) ||
		    n.type != NODE_FILE)
			continue;
		struct item *it = planner_item(w, &n.id);
		d->in[which][i] = it;
		it->of[which] = d;
		d->some |= i > 0;
	}
}

/* That of a file of this name. */
static struct database *
database_at(struct work *w, const struct id *parent, struct bytes name)
{
	const struct database key = key_of(parent, name);
	struct database **found = tfind(&key, &w->databases, by_place);

	if (found != NULL)
		return *found;
	struct database *d = mem_new(sizeof *d);
	*d = key;
	for (enum plan_tree t = 0; t < TREES; t++)
		load(w, d, t);
	if (tsearch(d, &w->databases, by_place) == NULL)
		abort(); /* out of memory, as everywhere */
	return d;
}

static void
meet_at(struct work *w, const struct plan_node *n)
{
	struct bytes name = bytes_of(n->name, n->name_n);

	if (n->type == NODE_FILE && dbstems_has(&w->stems, &n->parent, name))
		(void)database_at(w, &n->parent, name);
}

void
planner_meet_databases(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct item *it = w->items[i];
		if (it->met)
			continue;
		it->met = true;
		for (enum plan_tree t = 0; t < TREES; t++)
			if (planner_in(node(it, t)))
				meet_at(w, node(it, t));
	}
}

/* ---- what becomes of them ---- */

static bool
waits(const struct database *d)
{
	for (unsigned i = 0; d != NULL && d->some && i < DBFILES; i++)
		if (d->in[TREE_LOCAL][i] != NULL &&
		    planner_unread(d->in[TREE_LOCAL][i]))
			return true;
	return false;
}

bool
planner_waits(const struct item *it)
{
	return planner_unread(it) || waits(it->of[TREE_BASE]) ||
	    waits(it->of[TREE_LOCAL]) || waits(it->of[TREE_REMOTE]);
}

/* In that tree, and not thrown away there with what it lies in. */
static struct item *
member(
    struct work *w, const struct database *d, enum plan_tree which, unsigned i)
{
	struct item *it = d->in[which][i];

	return it == NULL ||
		(which == TREE_REMOTE && planner_where(w, it) == WHERE_NOWHERE)
	    ? NULL
	    : it;
}

static bool
same(const struct item *a, enum plan_tree in_a, const struct item *b,
    enum plan_tree in_b)
{
	return a == NULL || b == NULL
	    ? a == b
	    : planner_same_content(node(a, in_a), node(b, in_b));
}

/* Did that side change one that is not the same there by now? */
static bool
changed(struct work *w, const struct database *d, enum plan_tree here,
    enum plan_tree there)
{
	for (unsigned i = 0; i < DBFILES; i++) {
		const struct item *it = member(w, d, here, i);
		if (!same(it, here, d->in[TREE_BASE][i], TREE_BASE) &&
		    !same(it, here, member(w, d, there, i), there))
			return true;
	}
	return false;
}

static bool
is_empty(struct work *w, const struct database *d, enum plan_tree which)
{
	for (unsigned i = 0; i < DBFILES; i++)
		if (member(w, d, which, i) != NULL)
			return false;
	return true;
}

/* Is one of them elsewhere in another tree? */
static bool
is_moved(const struct database *d)
{
	for (enum plan_tree t = 0; t < TREES; t++)
		for (unsigned i = 0; i < DBFILES; i++) {
			const struct item *it = d->in[t][i];
			for (enum plan_tree o = 0; it != NULL && o < TREES; o++)
				if (planner_in(node(it, o)) &&
				    !node(it, o)->trashed && d->in[o][i] != it)
					return true;
		}
	return false;
}

/* ---- the copy ---- */

/* What becomes of each that is here. */
struct copies {
	struct item *of[DBFILES]; /* the node that it is then; NULL: of none */
	bool apart[DBFILES]; /* it stays, and another has its content, too */
	bool done; /* they were committed */
};

/* Were they committed, as one database? -1: some were. */
static int
are_there(const struct copies *c)
{
	const struct plan_node *first = NULL;
	unsigned all = 0, there = 0, beside = 0;

	for (unsigned i = 0; i < DBFILES; i++) {
		if (c->of[i] == NULL)
			continue;
		all++;
		const struct plan_node *r = &c->of[i]->remote;
		if (!planner_in(r))
			continue;
		there++;
		if (first == NULL)
			first = r;
		beside += id_equal(&r->parent, &first->parent) &&
		    bytes_equal(dbfile_stem(bytes_of(r->name, r->name_n)),
			dbfile_stem(bytes_of(first->name, first->name_n)));
	}
	return there == 0 ? 0 : beside == all ? 1 : -1;
}

/*
 * Those that were committed when only some of what follows was done; or new
 * ones, for copies of some of them were made before, here or elsewhere, when the
 * others were not as they are.
 */
static struct copies
copies_of(struct work *w, const struct database *d)
{
	struct copies c, made = { .done = false };
	bool fresh = false;

	for (unsigned k = 0; k < (fresh ? PLAN_COPIES : NUMBERS); k++) {
		c = (struct copies){ .done = false };
		for (unsigned i = 0; i < DBFILES; i++)
			if (d->in[TREE_LOCAL][i] != NULL)
				c.of[i] =
				    planner_copy_of(w, d->in[TREE_LOCAL][i], k);
		int there = are_there(&c);
		c.done = there > 0;
		if (c.done)
			break;
		if (there == 0 && !fresh) {
			made = c;
			fresh = true;
		}
	}
	if (!c.done)
		c = made;
	for (unsigned i = 0; i < DBFILES; i++) {
		const struct item *l = d->in[TREE_LOCAL][i];
		const struct item *r = member(w, d, TREE_REMOTE, i);
		c.apart[i] = l != NULL &&
		    (same(l, TREE_LOCAL, l, TREE_BASE) ||
			(l == r && same(l, TREE_LOCAL, r, TREE_REMOTE)));
	}
	return c;
}

bool
planner_is_alone(struct work *w, const struct id *parent, struct bytes name)
{
	static const struct id none;
	OWN(buf_free) struct buf room = { 0 };

	for (unsigned i = 0; i < DBFILES; i++) {
		struct bytes at = member_name(dbfile_stem(name), i, &room);
		if (!bytes_equal(at, name) && at.n <= NODE_NAME_MAX &&
		    !planner_is_free(w, parent, at, &none))
			return false;
	}
	return true;
}

void
planner_free_name(struct work *w, const struct id *parent, struct bytes name,
    struct item *const *own, struct buf *out)
{
	static const struct id none;
	unsigned max = w->policy->fs.name_max;
	OWN(buf_free) struct buf room = { 0 };

	if (max == 0 || max > NODE_NAME_MAX)
		max = NODE_NAME_MAX;
	if (!dbfile_is_companion(name) && max > 2 * DBFILE_END_MAX)
		max -= DBFILE_END_MAX;
	for (unsigned number = 1; number <= NUMBERS; number++) {
		bool all = true;
		buf_clear(out);
		planner_copy_name(w->policy, name, number, max, out);
		for (unsigned i = 0; all && i < DBFILES; i++) {
			struct bytes at = member_name(buf_bytes(out), i, &room);
			all = (i > 0 && at.n > NODE_NAME_MAX) ||
			    planner_is_free(w, parent, at,
				own[i] != NULL ? &own[i]->id : &none);
		}
		if (all)
			return;
	}
}

static void
copy_one(struct item *l, struct item *copy, bool apart, struct bytes name)
{
	if (!apart) {
		planner_copy(l, copy, name);
		return;
	}
	/* Until its content is safe it stays as it is. */
	l->waits = true;
	copy->decided = copy->live = copy->conflict = true;
	copy->content_local = copy->place_local = true;
	copy->apart = true;
	copy->from = l->id;
	copy->type = l->local.type;
	copy->exec = l->local.exec;
	copy->parent = l->local.parent;
	planner_set_name(copy, name);
}

/* What is here becomes copies, all of it. */
static void
copy_all(struct work *w, struct database *d, const struct copies *c)
{
	OWN(buf_free) struct buf stem = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	bool ours = false;

	/* Who only has less of what stays has nothing to keep. */
	for (unsigned i = 0; i < DBFILES; i++)
		ours |= d->in[TREE_LOCAL][i] != NULL &&
		    !same(d->in[TREE_LOCAL][i], TREE_LOCAL,
			member(w, d, TREE_REMOTE, i), TREE_REMOTE);
	if (!ours)
		return;
	planner_free_name(
	    w, &d->parent, bytes_of(d->stem, d->stem_n), c->of, &stem);
	/* They go together, too. */
	database_at(w, &d->parent, buf_bytes(&stem))->some = true;
	for (unsigned i = 0; i < DBFILES; i++) {
		if (c->of[i] != NULL && !(c->apart[i] && c->done))
			copy_one(d->in[TREE_LOCAL][i], c->of[i], c->apart[i],
			    member_name(buf_bytes(&stem), i, &name));
	}
}

struct item *
planner_moved_database(const struct item *it, struct bytes *end)
{
	const struct database *d = it->of[TREE_LOCAL];

	if (d == NULL || d->in[TREE_LOCAL][0] == NULL || !is_moved(d))
		return NULL;
	for (unsigned i = 1; i < DBFILES; i++)
		if (d->in[TREE_LOCAL][i] == it) {
			*end = dbfile_ends[i];
			return d->in[TREE_LOCAL][0];
		}
	return NULL;
}

/* ---- one that somebody moved ---- */

/* That of the last agreement, of a file that is, or is new beside, one of it. */
static struct database *
origin(const struct item *it)
{
	struct database *d = it->of[TREE_BASE];

	for (enum plan_tree t = TREE_LOCAL; d == NULL && t < TREES; t++)
		if (it->of[t] != NULL && it->of[t]->in[t][0] != NULL)
			d = it->of[t]->in[t][0]->of[TREE_BASE];
	return d;
}

/* Has it companions, in one of the places where it is? */
static bool
is_several(const struct database *d)
{
	const struct item *main = d->in[TREE_BASE][0];

	for (enum plan_tree t = 0; main != NULL && t < TREES; t++)
		if (main->of[t] != NULL && main->of[t]->some)
			return true;
	return false;
}

static struct item *
on_side(struct work *w, struct item *it, enum plan_tree side)
{
	return !planner_in(node(it, side)) ||
		(side == TREE_REMOTE && planner_where(w, it) == WHERE_NOWHERE)
	    ? NULL
	    : it;
}

/* Is a content of it, wherever it is on that side, not what it was? */
static bool
changed_anywhere(struct work *w, const struct database *d, enum plan_tree side)
{
	const struct database *now = d->in[TREE_BASE][0]->of[side];

	for (unsigned i = 0; i < DBFILES; i++) {
		struct item *b = d->in[TREE_BASE][i];
		const struct item *x = now == NULL ? NULL : now->in[side][i];
		if ((b != NULL &&
			!same(on_side(w, b, side), side, b, TREE_BASE)) ||
		    (x != NULL && !planner_in(&x->base)))
			return true;
	}
	return false;
}

/* Those that one side removed go, though the other moved them. */
static void
remove_gone(struct work *w, const struct database *d, enum plan_tree side)
{
	for (unsigned i = 0; i < DBFILES; i++) {
		struct item *b = d->in[TREE_BASE][i];
		if (b != NULL && on_side(w, b, side) == NULL)
			b->decided = true;
	}
}

/* Both changed it, and one moved it: what was committed stands, the rest is the
 * copy. */
static bool
part(struct work *w, struct database *d, struct item *it)
{
	struct database *here = d->in[TREE_BASE][0]->of[TREE_LOCAL];

	if (here == NULL)
		return false;
	const struct copies c = copies_of(w, here);
	for (unsigned i = 0; i < DBFILES; i++) {
		struct item *b = d->in[TREE_BASE][i];
		struct item *l = here->in[TREE_LOCAL][i];
		if (l != NULL)
			l->decided = true;
		if (b == NULL)
			continue;
		b->decided = true;
		if (on_side(w, b, TREE_REMOTE) != NULL)
			planner_live_as(b, &b->remote, false);
	}
	copy_all(w, here, &c);
	return it->decided;
}

static bool
decide_moved(struct work *w, struct item *it)
{
	struct database *d = origin(it);

	if (d == NULL || !is_several(d) || planner_waits(it))
		return false;
	bool here = changed_anywhere(w, d, TREE_LOCAL);
	bool there = changed_anywhere(w, d, TREE_REMOTE);
	if (here && there)
		return part(w, d, it);
	if (here || there)
		remove_gone(w, d, here ? TREE_LOCAL : TREE_REMOTE);
	return it->decided;
}

bool
planner_decide_database(struct work *w, struct item *it)
{
	struct database *d = NULL;

	for (enum plan_tree t = 0; d == NULL && t < TREES; t++)
		d = it->of[t];
	if (d != NULL && is_moved(d))
		return decide_moved(w, it);
	if (d == NULL || !d->some || planner_waits(it) ||
	    !changed(w, d, TREE_LOCAL, TREE_REMOTE) ||
	    !changed(w, d, TREE_REMOTE, TREE_LOCAL))
		return false;
	const struct copies c = copies_of(w, d);
	enum plan_tree stays =
	    is_empty(w, d, TREE_REMOTE) && !c.done ? TREE_LOCAL : TREE_REMOTE;
	for (enum plan_tree t = 0; t < TREES; t++)
		for (unsigned i = 0; i < DBFILES; i++)
			if (d->in[t][i] != NULL)
				d->in[t][i]->decided = true;
	for (unsigned i = 0; i < DBFILES; i++) {
		struct item *x = member(w, d, stays, i);
		if (x != NULL)
			planner_live_as(x,
			    stays == TREE_LOCAL ? &x->local : &x->remote,
			    stays == TREE_LOCAL);
	}
	if (stays == TREE_REMOTE)
		copy_all(w, d, &c);
	return true;
}

const struct database *
planner_database_of(struct work *w, const struct item *it, enum plan_tree which)
{
	const struct database *d = it->of[which];

	if (it->live) {
		const struct database key =
		    key_of(&it->parent, planner_name(it));
		struct database **at = tfind(&key, &w->databases, by_place);
		d = at == NULL ? NULL : *at;
	}
	return d != NULL && d->some ? d : NULL;
}

int
planner_by_database(const void *a, const void *b)
{
	const struct of_database *x = a, *y = b;
	int d = by_place(x->of, y->of);

	if (d != 0)
		return d;
	return x->at < y->at ? -1 : x->at > y->at;
}

bool
planner_database_commits(const struct database *d)
{
	for (enum plan_tree t = 0; t < TREES; t++)
		for (unsigned i = 0; i < DBFILES; i++) {
			const struct item *it = d->in[t][i];
			if (it != NULL &&
			    (it->change != NULL ||
				(it->taker != NULL &&
				    it->taker->change != NULL)))
				return true;
		}
	return false;
}
