/* SPDX-License-Identifier: ISC */
/* planner.h: what has to be done so that two trees and what both were are one. */
/*
 * The planner is pure: no file, clock or random number; equal inputs give equal
 * bytes out. It sees three trees of nodes: `base`, as both sides were when they
 * last agreed; `local`, what is on the disk now; `remote`, what the zone's head
 * stands for. Its cost follows the ids that were touched, what is above them
 * and what has their names, never the size of the trees.
 *
 * What it gives is done in this order: `aliases` (then plan anew), `reads`
 * (then plan anew), commits, operations here, base rows. Each commit leaves a
 * valid tree. An operation that finds another thing than it expects is left,
 * and planned anew.
 */
#pragma once

#include "tree/node.h"

/* What a file is known by on its disk, and what tells that it changed. */
struct plan_stat {
	uint64_t dev, ino;
	int64_t btime_ns; /* 0: this file system knows none */
	int64_t mtime_ns, ctime_ns;
	uint64_t size;
};

/* A node in one of the trees. */
struct plan_node {
	struct id id, parent;
	enum node_type type;
	bool exec;
	bool trashed; /* remote: by its own record */
	bool unread; /* local: its content is not known yet */
	bool secret; /* its content has the keys of keychain */
	struct digest content; /* content id; zeros for directories */
	uint64_t version; /* remote: of its record; base: which was agreed on */
	struct plan_stat stat; /* local, base */
	uint8_t name_n;
	char name[NODE_NAME_MAX + 1]; /* NUL behind it */
};

/*
 * One tree. `remote` has all nodes there are, also those in the trash; local
 * and base have those of one root, where its top folder is the parent of all.
 *
 * find      false: it is not there.
 * child     the visible one of that name; of trashed ones none.
 * children  in the byte order of their names, trashed ones too; -1 stops.
 * companions  those of its children, or some more, that are named as companions
 *           of dbfile.h; NULL: they are looked for among all.
 */
struct plan_view {
	void *ctx;
	bool (*find)(void *ctx, const struct id *id, struct plan_node *out);
	bool (*child)(void *ctx, const struct id *parent, struct bytes name,
	    struct plan_node *out);
	int (*children)(void *ctx, const struct id *parent,
	    int (*fn)(void *arg, const struct plan_node *n), void *arg);
	int (*companions)(void *ctx, const struct id *parent,
	    int (*fn)(void *arg, const struct plan_node *n), void *arg);
};

/* What a file system can hold. */
struct plan_fs {
	bool folds; /* names that differ in case are one */
	bool normalizes; /* so are names that differ in composition */
	bool no_exec, no_symlinks;
	unsigned name_max; /* bytes */
	const char *banned; /* characters that no name may have */
	bool no_last_dot; /* nor a dot or space at its end */
};

struct plan_policy {
	struct plan_fs fs;
	struct id top; /* the folder that the root is */
	struct bytes device; /* its name, for conflict copies */
	struct bytes day; /* "2026-11-30", UTC */
	/* This path, relative to the root, or what it lies in. NULL: nothing
	 * is. */
	bool (*ignored)(void *ctx, struct bytes path, bool is_dir);
	void *ctx;
	/* At the top this name is a file's alone: that of rules, or nothing. */
	struct bytes rules;
	/* Folders that are not placed here. */
	const struct id *skips;
	size_t n_skips;
	/* Deletions here, in files: so many wait for a word. */
	struct {
		uint64_t files; /* of the root */
		uint64_t window; /* deleted within the window before */
		uint64_t most; /* that many go */
		unsigned percent; /* and that many of a hundred */
		uint64_t least; /* below which percent does not count */
		struct id confirmed; /* of a set; zeros: none */
	} gate;
};

enum plan_change_kind {
	PLAN_NEW,
	PLAN_UPDATE, /* place, content, exec, or back from the trash */
	PLAN_TRASH
};

/* One record of a commit. */
struct plan_change {
	enum plan_change_kind kind;
	unsigned batch; /* of one number go in one commit, in order */
	struct id id;
	uint64_t expect; /* its version now; 0: new */
	struct id parent;
	enum node_type type;
	bool exec;
	bool conflict; /* a conflict copy */
	bool content; /* it changes, and is that of `from` here */
	struct id from; /* the local node that has it; id but for copies */
	struct digest content_id;
	uint64_t files; /* trashed with it */
	uint8_t name_n;
	char name[NODE_NAME_MAX + 1];
};

enum plan_op_kind {
	PLAN_MKDIR,
	PLAN_PLACE, /* a file or link, from the remote record */
	PLAN_MOVE, /* also: it is another node from now on */
	PLAN_EXEC,
	PLAN_REMOVE, /* a file or link */
	PLAN_RMDIR,
	PLAN_ASIDE /* out of the way of a cycle; a PLAN_MOVE brings it back */
};

/* One operation on the disk, in the order in which they are done. */
struct plan_op {
	enum plan_op_kind kind;
	struct id id; /* the node it is, or becomes */
	struct id from; /* PLAN_MOVE: the local node it was */
	struct id parent; /* where to; zeros at the top */
	enum node_type type;
	bool exec;
	bool replaces; /* PLAN_PLACE: what `here` says is there */
	uint64_t version; /* remote record that this follows */
	struct digest content;
	struct plan_node here; /* what is expected on the disk; its place */
	/* It wants these commits first: a copy is safe before it is moved. */
	bool after_commits;
	/* Those of one number are of one database: what moves, is placed or
	 * removed is so together or not at all. 0: of none. */
	unsigned database;
	uint8_t name_n;
	char name[NODE_NAME_MAX + 1];
};

/* A base row that is true already: both sides are equal. */
struct plan_row {
	bool drop;
	struct plan_node node; /* with the local stat and remote version */
};

/* A local object is a node that is there already. */
struct plan_alias {
	struct id local, node;
};

struct plan_held {
	struct id id;
	enum err_code code;
	struct id other; /* whose name it is that clashes, or zeros */
};

struct plan_out {
	struct plan_alias *aliases;
	size_t n_aliases;
	struct id *reads; /* local nodes whose content is needed first */
	size_t n_reads;
	struct plan_change *changes; /* batches ascending */
	size_t n_changes;
	unsigned n_batches;
	struct plan_op *ops;
	size_t n_ops;
	struct plan_row *rows;
	size_t n_rows;
	struct plan_held *held;
	size_t n_held;
	/* Deletions here that wait: in no batch. */
	struct plan_change *gated;
	size_t n_gated;
	uint64_t gated_files;
	struct id gate; /* of that set; zeros: none waits */
};

/* For OWN. */
void planner_free(struct plan_out *p);

/* The three of them; all is borrowed. */
struct plan_trees {
	const struct plan_view *base, *local, *remote;
};

/*
 * Plan.
 *
 * touched  n of them, in any order: what may differ in one of the trees.
 */
void planner_plan(const struct plan_trees *trees,
    const struct plan_policy *policy, const struct id *touched, size_t n,
    struct plan_out *out);
