/* SPDX-License-Identifier: ISC */
/* plan_world.h: three disks of memory, a zone, and people who use them. */
/*
 * Everything the planner sees, small: disks with inodes, bases, the tree as the
 * zone has it. Contents are numbers; each is written once, so that where it
 * went can be asked.
 */
#pragma once

#include "tree/planner_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES 3
#define NODES_MAX 1024
#define CONTENTS_MAX 8192

struct object { /* on a disk */
	uint64_t ino, parent; /* 1: the root; 0: it is free */
	enum node_type type;
	bool exec;
	uint64_t content, changed; /* changed: stands for ctime */
	char name[NODE_NAME_MAX + 1];
	struct id node; /* by the last scan; zeros: not met yet */
	struct id was; /* which it was before, in this plan */
	bool read; /* its content is known since it changed */
	bool aside;
	char aside_name[NODE_NAME_MAX + 1];
};

struct nodes {
	struct plan_node n[NODES_MAX];
	size_t count;
};

/* What a disk and the settings of its device are like. */
struct habits {
	struct plan_fs fs;
	bool no_btime; /* inode numbers prove nothing, and are used again */
	char ignored[4][32]; /* names, or endings as "*.mp4" */
	struct id skips[4];
	size_t n_skips;
	uint64_t gate; /* files that go without a word; 0: all */
	unsigned percent;
};

struct device {
	struct object objects[NODES_MAX];
	size_t n_objects;
	uint64_t next_ino;
	struct nodes base, local, remote; /* remote: as it was pulled */
	uint64_t seq;
	char name[16];
	struct habits is;
	uint64_t torn; /* inode of a folder that is not listed to its end */
	bool anew; /* other folders are skipped: all is looked at */
	bool remembers; /* rows of what base does not have outlive a cut */
	bool news; /* a scan met an object that nobody knew */
	unsigned slice; /* ids that are planned at once; 0: all */
};

struct world {
	uint64_t random;
	struct device d[DEVICES];
	struct nodes zone;
	uint64_t seq, clock;
	uint64_t next_content;
	bool killed[CONTENTS_MAX]; /* a person deleted or overwrote it */
	bool committed[CONTENTS_MAX];
	unsigned commits, conflicts, ops;
	unsigned wrong; /* a rule of plan_wrong.h that plans break; 0: none */
	struct states *states; /* of databases; NULL: nobody asks */
	bool talk;
	bool lenient; /* some disk is not listed whole: no end is asked for */
	/* Somebody who works on while a device syncs; NULL: nobody does. */
	void (*meddle)(void *ctx, unsigned device);
	void *ctx;
	char failed[512];
};

#define SAY(w, ...) \
	do { \
		if ((w)->talk) \
			(void)fprintf(stderr, __VA_ARGS__); \
	} while (0)

static inline void
fail(struct world *w, const char *what, const char *name)
{
	if (w->failed[0] == '\0')
		(void)snprintf(
		    w->failed, sizeof w->failed, "%s: %s", what, name);
	SAY(w, "FAILED %s: %s\n", what, name);
}

static inline uint64_t
draw(struct world *w, uint64_t n)
{
	/* xorshift64*, Vigna 2016 */
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return (w->random * 0x2545f4914f6cdd1dULL >> 33) % n;
}

static inline struct id
draw_id(struct world *w)
{
	struct id id;

	for (int i = 0; i < ID_BYTES; i += 4)
		be32_put(id.b + i, (uint32_t)draw(w, 0xffffffff));
	return id;
}

static inline struct digest
content_of(uint64_t n, enum node_type type)
{
	struct digest d = { { 0 } };

	if (type != NODE_DIR) {
		be64_put(d.b, n);
		d.b[31] = 1;
	}
	return d;
}

static inline uint64_t
content_number(const struct digest *d)
{
	return be64(d->b);
}

/* ---- views over arrays ---- */

static inline struct plan_node *
find_in(struct nodes *t, const struct id *id)
{
	for (size_t i = 0; i < t->count; i++)
		if (id_equal(&t->n[i].id, id))
			return &t->n[i];
	return NULL;
}

static inline void
put_in(struct nodes *t, const struct plan_node *n)
{
	struct plan_node *at = find_in(t, &n->id);

	if (at == NULL)
		at = &t->n[t->count++];
	*at = *n;
}

static inline void
drop_in(struct nodes *t, const struct id *id)
{
	struct plan_node *at = find_in(t, id);

	if (at != NULL)
		*at = t->n[--t->count];
}

static inline bool
view_find(void *ctx, const struct id *id, struct plan_node *out)
{
	struct plan_node *n = find_in(ctx, id);

	if (n != NULL)
		*out = *n;
	return n != NULL;
}

static inline bool
view_child(void *ctx, const struct id *parent, struct bytes name,
    struct plan_node *out)
{
	struct nodes *t = ctx;

	for (size_t i = 0; i < t->count; i++)
		if (!t->n[i].trashed && id_equal(&t->n[i].parent, parent) &&
		    bytes_equal(bytes_of(t->n[i].name, t->n[i].name_n), name)) {
			*out = t->n[i];
			return true;
		}
	return false;
}

static inline int
view_children(void *ctx, const struct id *parent,
    int (*fn)(void *arg, const struct plan_node *n), void *arg)
{
	struct nodes *t = ctx;

	for (size_t i = 0; i < t->count; i++)
		if (id_equal(&t->n[i].parent, parent) && fn(arg, &t->n[i]) < 0)
			return -1;
	return 0;
}

static inline struct plan_view
view_of(struct nodes *t)
{
	return (
	    struct plan_view){ t, view_find, view_child, view_children, NULL };
}

/* ---- disks ---- */

/* Are two names one to a file system? */
static inline bool
same_name(const struct plan_fs *fs, const char *a, const char *b)
{
	OWN(buf_free) struct buf x = { 0 };
	OWN(buf_free) struct buf y = { 0 };

	if (strcmp(a, b) == 0 || (!fs->folds && !fs->normalizes))
		return strcmp(a, b) == 0;
	planner_fold(bytes_str(a), fs, &x);
	planner_fold(bytes_str(b), fs, &y);
	return bytes_equal(buf_bytes(&x), buf_bytes(&y));
}

static inline bool
name_ignored(const struct habits *is, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(is->ignored); i++) {
		const char *x = is->ignored[i];
		size_t n = strlen(x), all = strlen(name);
		if (n == 0)
			continue;
		if (x[0] == '*' ? all >= n - 1 &&
			    strcmp(name + all - (n - 1), x + 1) == 0
				: strcmp(x, name) == 0)
			return true;
	}
	return false;
}

static inline struct object *
object_at(struct device *d, uint64_t parent, const char *name)
{
	for (size_t i = 0; i < d->n_objects; i++) {
		struct object *o = &d->objects[i];
		if (o->ino != 0 && !o->aside && o->parent == parent &&
		    same_name(&d->is.fs, o->name, name))
			return o;
	}
	return NULL;
}

static inline struct object *
object_by_ino(struct device *d, uint64_t ino)
{
	for (size_t i = 0; i < d->n_objects; i++)
		if (d->objects[i].ino == ino)
			return &d->objects[i];
	return NULL;
}

static inline struct object *
object_by_node(struct device *d, const struct id *id)
{
	for (size_t i = 0; i < d->n_objects; i++)
		if (d->objects[i].ino != 0 && id_equal(&d->objects[i].node, id))
			return &d->objects[i];
	return NULL;
}

/* A new number; where there is no time of birth one that was used before. */
static inline uint64_t
free_ino(struct device *d)
{
	if (d->is.no_btime)
		for (size_t i = d->base.count; i-- > 0;)
			if (d->base.n[i].stat.ino != 0 &&
			    object_by_ino(d, d->base.n[i].stat.ino) == NULL)
				return d->base.n[i].stat.ino;
	return ++d->next_ino;
}

static inline struct object *
make_object(
    struct device *d, uint64_t parent, const char *name, enum node_type type)
{
	struct object *o = NULL;

	for (size_t i = 0; i < d->n_objects && o == NULL; i++)
		if (d->objects[i].ino == 0)
			o = &d->objects[i];
	if (o == NULL)
		o = &d->objects[d->n_objects++];
	*o = (struct object){
		.ino = free_ino(d), .parent = parent, .type = type
	};
	(void)snprintf(o->name, sizeof o->name, "%s", name);
	return o;
}

static inline bool
is_below(struct device *d, uint64_t ino, uint64_t above)
{
	for (int i = 0; ino > 1 && i < 1000; i++) {
		if (ino == above)
			return true;
		struct object *o = object_by_ino(d, ino);
		ino = o == NULL ? 1 : o->parent;
	}
	return ino == above;
}

static inline bool
has_children(struct device *d, uint64_t ino)
{
	for (size_t i = 0; i < d->n_objects; i++)
		if (d->objects[i].ino != 0 && !d->objects[i].aside &&
		    d->objects[i].parent == ino)
			return true;
	return false;
}

/* "a/b" of an object, for people. */
static inline const char *
shown_path(struct device *d, const struct object *o)
{
	static char text[4][1024];
	static int which;
	char *out = text[which++ % 4];
	char tail[1024];

	(void)snprintf(out, sizeof text[0], "%s", o->name);
	for (int i = 0; o->parent > 1 && i < 20; i++) {
		o = object_by_ino(d, o->parent);
		if (o == NULL)
			break;
		(void)snprintf(tail, sizeof tail, "/%s", out);
		(void)snprintf(
		    out, sizeof text[0], "%.200s%.800s", o->name, tail);
	}
	return out;
}
