/* SPDX-License-Identifier: ISC */
/* plan_databases.h: databases of several files, and each state that one had. */
/*
 * P10: the files of one database in the zone, after each commit, are such as
 * were together on some disk when a program had done writing there.
 */
#pragma once

#include "plan_people.h"

#include "tree/dbfile.h"

struct state {
	uint64_t content[DBFILES]; /* 0: it is not there */
};
struct states {
	struct state list[CONTENTS_MAX];
	size_t n;
};

static inline void
companion_name(char *out, size_t max, struct bytes stem, unsigned i)
{
	(void)snprintf(out, max, "%.*s%.*s", (int)stem.n, (const char *)stem.p,
	    (int)dbfile_ends[i].n, (const char *)dbfile_ends[i].p);
}

/* What a program does to its database, all at once. */
static inline void
transact(struct world *w, struct device *d, const char *path, unsigned kind)
{
	static const char *const kinds[] = { "w...", "ww..", ".w..", "wr..",
		"w..w", "w..r", "www.", "wrrr", "rrrr" };
	const char *k = kinds[kind % ARRAY_SIZE(kinds)];
	struct state now = { { 0 } };

	for (unsigned i = 0; i < DBFILES; i++) {
		char at[400], name[NODE_NAME_MAX + 1];
		uint64_t parent;
		companion_name(at, sizeof at, bytes_str(path), i);
		struct object *o = walk(d, at, &parent, name);
		if (k[i] == 'w')
			write_file(w, d, at, 0, false);
		else if (k[i] == 'r' && o != NULL && o->type == NODE_FILE)
			erase(w, d, o);
		o = walk(d, at, &parent, name);
		if (o != NULL && o->type == NODE_FILE)
			now.content[i] = o->content;
	}
	if (w->states != NULL && w->states->n < CONTENTS_MAX)
		w->states->list[w->states->n++] = now;
}

static inline void
check_databases(struct world *w)
{
	if (w->states == NULL)
		return;
	for (size_t i = 0; i < w->zone.count; i++) {
		const struct plan_node *z = &w->zone.n[i];
		struct bytes stem = dbfile_stem(bytes_of(z->name, z->name_n));
		struct state is = { { 0 } };
		bool known = false;
		if (z->type != NODE_FILE || !visible_in(&w->zone, z))
			continue;
		for (unsigned k = 0; k < DBFILES; k++) {
			char name[NODE_NAME_MAX + 16];
			struct plan_node n;
			companion_name(name, sizeof name, stem, k);
			if (view_child(
				&w->zone, &z->parent, bytes_str(name), &n))
				is.content[k] = content_number(&n.content);
		}
		for (size_t k = 0; k < w->states->n && !known; k++)
			known =
			    memcmp(&w->states->list[k], &is, sizeof is) == 0;
		if (!known)
			fail(w, "a database is mixed", z->name);
	}
}
