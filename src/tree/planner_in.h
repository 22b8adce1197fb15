/* SPDX-License-Identifier: ISC */
/* planner_in.h: what the parts of the planner share. For planner*.c only. */
#pragma once

#include "tree/planner.h"

#include "base/buf.h"
#include "tree/dbstems.h"

/* Where a node is, as the zone has it. */
enum plan_where {
	WHERE_UNKNOWN, /* not looked at yet */
	WHERE_NOWHERE, /* there is none, or it is in the trash */
	WHERE_HERE, /* below the top of this root */
	WHERE_OUTSIDE /* elsewhere in the Drive */
};

enum plan_tree { TREE_BASE, TREE_LOCAL, TREE_REMOTE, TREES };

/* One node under consideration, in all trees, and what becomes of it. */
struct item {
	struct id id;
	struct plan_node base, local, remote; /* NODE_NONE: not in that tree */
	/* The database that it is of by its place in each tree; NULL: of none. */
	struct database *of[TREES];
	bool met; /* so it was asked for */

	/* All from here on is found out, and forgotten when more is drawn in. */
	enum plan_where where; /* of remote */
	bool looking; /* `where` is being found out: a cycle */

	/* What both sides shall have. */
	bool decided, live;
	bool place_local; /* parent and name are those of the disk */
	bool content_local; /* so is the content */
	bool exec, conflict;
	enum node_type type;
	struct id parent;
	uint8_t name_n;
	char name[NODE_NAME_MAX + 1];
	struct id from; /* the local object that it is, or becomes */
	bool apart; /* it only has the content of `from` */
	struct item *taker; /* that becomes what is here of this node */
	struct item *again; /* the folder that takes this one's place */

	bool waits; /* its content is read first */
	bool gated; /* its deletion waits for a word */
	bool held; /* it cannot be here, and stays where it is */
	struct id clash; /* whose name it is to this disk; zeros: nobody's */
	bool later; /* it is held by who has the very name, and can leave */
	bool dropped; /* from the commits of this plan */
	bool files_known;
	uint64_t files; /* below it */
	struct plan_change *change; /* NULL: none */
	/* Numbers of operations, from 1: by which it comes to its place, and by
	 * which what is here of it leaves its own. */
	size_t comes, leaves;
};

struct work {
	const struct plan_view *base, *local, *remote;
	const struct plan_policy *policy;
	struct plan_out *out;
	void *by_id; /* of <search.h> */
	struct item **items; /* in the order in which they were met */
	size_t n, cap;
	bool changed; /* by the round of mending that goes on */
	void *taken; /* of <search.h>: places, by planner_tree.c */
	void *databases; /* of <search.h>, by planner_database.c */
	struct dbstems stems;
	void *folded; /* of <search.h>: folders, by planner_folded.c */
	struct id made; /* the directory that no record has: valid_recovered */
};

/* ---- items: planner_item.c ---- */

/* The item of an id, read from all three trees when it is new. */
struct item *planner_item(struct work *w, const struct id *id);
/* Is it the root's own folder? */
bool planner_is_top(const struct work *w, const struct id *id);
/* Is it the directory that no record has? It is neither moved nor trashed. */
bool planner_is_made(const struct work *w, const struct id *id);
/* Is the node in that tree? */
bool planner_in(const struct plan_node *n);
/* How many folders that are here a folder is below, itself counted. */
unsigned planner_depth(struct work *w, const struct id *folder);
/* Where the zone has it, when what is revived counts. */
enum plan_where planner_where(struct work *w, struct item *it);
/* Is it here, and its content not known yet? */
bool planner_unread(const struct item *it);
/* It lives where n is, with what that has: of the disk, if `local`. */
void planner_live_as(struct item *it, const struct plan_node *n, bool local);
void planner_take_place(struct item *it, const struct plan_node *n, bool local);
bool planner_same_places(const struct plan_node *a, const struct plan_node *b);
/* The node that ours becomes: what was committed keeps name and place. Others
 * of it have other numbers. */
struct item *planner_copy_of(
    struct work *w, const struct item *it, unsigned number);
/* The one that was committed, or the first. */
struct item *planner_copy_made(struct work *w, const struct item *it);
#define PLAN_COPIES 4 /* of one content, with others beside it each time */
/* It does so, by that name. */
void planner_copy(struct item *it, struct item *copy, struct bytes name);
/* Does the merged node differ from what the zone has? */
bool planner_differs(const struct item *it);
/* Is what is on the disk no other than base? */
bool planner_local_changed(const struct item *it);
bool planner_same_content(const struct plan_node *a, const struct plan_node *b);
/* A list of n with room for one more. */
void *planner_grown(void *list, size_t n, size_t size);
struct bytes planner_name(const struct item *it);
void planner_set_name(struct item *it, struct bytes name);
bool planner_same_place(
    const struct plan_node *n, const struct id *parent, struct bytes name);
/* An id that follows from others: equal inputs, equal id. */
struct id planner_derive(
    const char *what, const struct id *id, const struct digest *more);
/* The local object that is, or becomes, the node; NULL: none is. */
struct item *planner_object(struct work *w, struct item *it);

/* ---- what becomes of a node: planner_decide.c ---- */

/* Decide what becomes of it, by itself or with its database. */
void planner_decide(struct work *w, struct item *it);
/* Is it below the root's top, and not below what is skipped here? */
bool planner_wanted(struct work *w, struct item *it);

/* ---- databases: planner_database.c ---- */

/* Does it wait for its content, or with what it is a database with? */
bool planner_waits(const struct item *it);
/* Of what goes with a database that somebody moved: that, and its own ending. */
struct item *planner_moved_database(const struct item *it, struct bytes *end);

/* Draw in what is a database with what was. */
void planner_meet_databases(struct work *w);
/* Decide for all of its database; false: it is decided by itself. */
bool planner_decide_database(struct work *w, struct item *it);
/* The name of a conflict copy that is free in that folder, as are those of what
 * goes with it, or theirs whose own they are: DBFILES items or NULL. */
void planner_free_name(struct work *w, const struct id *parent,
    struct bytes name, struct item *const *own, struct buf *out);
/* Does no file of that folder go with one of this name? */
bool planner_is_alone(
    struct work *w, const struct id *parent, struct bytes name);
void planner_databases_free(struct work *w);
/* The database that it is of where it shall be, or, if that is nowhere, where it
 * is in that tree; NULL: of none. */
const struct database *planner_database_of(
    struct work *w, const struct item *it, enum plan_tree which);
/* Is something of it to be committed? */
bool planner_database_commits(const struct database *d);
/* A change or an operation, by its number, and the database that it is of. */
struct of_database {
	const struct database *of;
	size_t at;
};
/* For qsort: those of one beside each other. */
int planner_by_database(const void *a, const void *b);

/* ---- what is here and there already: planner_alias.c ---- */

/* Say which local objects are nodes that the zone has. */
void planner_aliases(struct work *w);

/* ---- the tree of what was decided: planner_tree.c ---- */

/* Make it valid: parents live, no cycles, no twins. */
void planner_mend(struct work *w);
/* "name (from DEVICE, DAY).ext", or with a number from 2. */
void planner_copy_name(const struct plan_policy *p, struct bytes name,
    unsigned number, unsigned max, struct buf *out);

/* ---- order: planner_order.c ---- */

struct plan_edge {
	size_t after, before; /* `after` is done later */
};
/*
 * Order 0..n-1 so that edges hold; what is in a cycle gets one group.
 *
 * order  n numbers.
 * group  n, by place in `order`: the same for those of one cycle.
 */
void planner_sort(size_t n, const struct plan_edge *edges, size_t n_edges,
    size_t *order, size_t *group);

/* ---- what comes out ---- */

/* Records to write, in batches: planner_commits.c. */
void planner_commits(struct work *w);
/* Operations and base rows: planner_ops.c. */
void planner_ops(struct work *w);
/* ---- names as this disk sees them: planner_folded.c ---- */

/* Are names one to it that differ in case or composition? */
bool planner_folds(const struct work *w);
/* The i-th of those that have that name here; false: there is none. */
bool planner_here(struct work *w, const struct id *parent, struct bytes name,
    size_t i, struct id *out);
/* Has nobody but this one that name, there or here? */
bool planner_is_free(struct work *w, const struct id *parent, struct bytes name,
    const struct id *own);
void planner_folded_free(struct work *w);

/* ---- names that this disk can hold: planner_clash.c ---- */

/* Mark what cannot come to its place here. */
void planner_clashes(struct work *w);
/* The folder that it comes into is here, or comes. */
bool planner_parent_comes(struct work *w, const struct item *it);
/* Is the place that it shall have ignored, or that which it has here? */
bool planner_ignored(struct work *w, const struct item *it, bool here);

/*
 * Not placed here: does what is here go? It does when both sides have it, and
 * not from a place that is ignored, which is not ours.
 */
bool planner_unplaced(struct work *w, const struct item *it);

/* What a name is to the file system, appended. */
void planner_fold(struct bytes name, const struct plan_fs *fs, struct buf *out);
void planner_hold(struct work *w, const struct item *it, enum err_code code,
    const struct id *other);
