/* SPDX-License-Identifier: ISC */
/* backup_walk.c: directories, from the roots down. */
/*
 * One walk from "/" serves all roots, since the tree wants its directories in
 * order. A directory is either wanted with all in it, or it is only on the way
 * to roots, which may lie anywhere below: in one that is left out, on another
 * file system, in another root. What the walk stands in is a list of levels
 * and not the stack of this program, and of deep ones only the last
 * OPEN_LEVELS are open, so that no tree is too deep.
 */
#include "backup/backup_in.h"

#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPEN_LEVELS 128 /* of 1,024 descriptors that a process usually may */

/* A directory that is gone into later. */
struct sub {
	size_t name_at; /* in the level's names */
	const char *name; /* set when it is gone into */
	uint64_t dev, ino;
	uint32_t lo, hi; /* roots below it */
	bool inside; /* all that is in it is wanted */
	bool named; /* it is a root */
	bool kept; /* a pattern of the user takes it back */
};

/* A directory that the walk is in. */
struct level {
	struct level *up;
	int fd; /* -1: closed, to have descriptors for what lies below */
	uint64_t dev, ino;
	struct buf names; /* of subs, each with its NUL */
	struct sub *subs;
	size_t n_subs, next;
	size_t path_n; /* of r->path, when it is this directory's */
	size_t root_n;
	uint64_t root_dev;
};

struct walk {
	struct run *r;
	struct level *top;
};

static size_t
path_push(struct run *r, const char *name, size_t n)
{
	size_t before = r->path.n;

	if (before > 0)
		buf_put_u8(&r->path, '/');
	buf_put(&r->path, name, n);
	return before;
}

static void
path_pop(struct run *r, size_t before)
{
	r->path.n = before;
	if (r->path.p != NULL)
		r->path.p[before] = '\0';
}

static void
free_list(struct capture_list **l)
{
	capture_list_free(l);
}

static void
level_free(struct level *l)
{
	free(l->subs);
	buf_free(&l->names);
	fd_close(&l->fd);
	free(l);
}

static void
walk_free(struct walk *w)
{
	while (w->top != NULL) {
		struct level *up = w->top->up;
		level_free(w->top);
		w->top = up;
	}
}

static int
open_passage(int at, const char *name, int *fd, struct err *e)
{
	*fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd < 0 ? err_sys(e, "cannot pass") : 0;
}

/* ---- what is in a directory ---- */

/* One name: listed, or the way to roots, or both. */
struct child {
	const char *name;
	size_t n;
	bool listed, named;
	size_t lo, hi; /* roots that are it or lie below it */
};

struct children {
	const struct run *r;
	const struct capture_list *list; /* NULL: only the way to roots */
	size_t i; /* in list */
	size_t lo, hi, skip; /* roots; bytes of each that lead here */
	char *name; /* of a root's component, owned */
};

static void
children_free(struct children *c)
{
	free(c->name);
}

/* The next component of the first root left; NULL when none is. */
static const char *
way(struct children *c)
{
	free(c->name);
	c->name = NULL;
	if (c->lo == c->hi)
		return NULL;
	const char *at = c->r->roots[c->lo] + c->skip;
	c->name = strndup(at, strcspn(at, "/"));
	if (c->name == NULL)
		abort();
	return c->name;
}

/* Roots and names stand in the same order, so this merges the two. */
static bool
children_next(struct children *c, struct child *out)
{
	const char *root = way(c);
	const char *listed = c->list != NULL && c->i < capture_size(c->list)
	    ? capture_name(c->list, c->i)
	    : NULL;
	int order = root == NULL ? 1 : listed == NULL ? -1 : 0;

	if (root == NULL && listed == NULL)
		return false;
	if (order == 0)
		order = strcmp(root, listed);
	*out = (struct child){ .name = order <= 0 ? root : listed,
		.listed = order >= 0,
		.lo = c->lo,
		.hi = c->lo };
	out->n = strlen(out->name);
	c->i += order >= 0;
	if (order > 0)
		return true;
	for (; c->lo < c->hi; c->lo++) {
		const char *at = c->r->roots[c->lo] + c->skip;
		if (strncmp(at, root, out->n) != 0 ||
		    (at[out->n] != '/' && at[out->n] != '\0'))
			break;
		if (at[out->n] == '\0') /* it sorts before what is below */
			out->named = true;
	}
	out->hi = c->lo;
	return true;
}

static void
add_sub(struct level *l, const struct child *c, const struct capture_item *item,
    bool inside, bool kept)
{
	if (l->n_subs == 0 || (l->n_subs & (l->n_subs - 1)) == 0)
		l->subs = mem_resize(l->subs,
		    l->n_subs == 0 ? 1 : 2 * l->n_subs, sizeof *l->subs);
	struct sub *s = &l->subs[l->n_subs++];
	*s = (struct sub){ .name_at = l->names.n,
		.dev = item->dev,
		.ino = item->ino,
		.lo = (uint32_t)(c->lo + c->named),
		.hi = (uint32_t)c->hi,
		.inside = inside,
		.named = c->named,
		.kept = kept };
	buf_put(&l->names, c->name, c->n + 1);
}

static void
warn(struct run *r, enum err_code code, const char *what, bool counts)
{
	struct err why;

	(void)err_set(&why, code, "%s", what);
	backup_warn(r, &why, counts);
}

/* Look at one child, which r->path names now. */
static int
take_child(struct run *r, struct level *l, const struct child *c,
    struct seen_dir *old, struct err *e)
{
	struct capture_item item;
	struct err why;
	bool kept = false;

	if (!backup_asked(r))
		return 0;
	if (!entry_name_ok(bytes_of(c->name, c->n))) {
		backup_answer_by(r, "name", "a backup cannot hold such a name");
		warn(r, ERR_IO, "a backup cannot hold such a name", true);
		return 0;
	}
	if (capture_stat(l->fd, c->name, &item, &why) < 0) {
		backup_answer_unread(r, &why);
		/* Gone since it was listed: as if it had never been there. */
		if (why.code != ERR_NOT_FOUND || c->lo < c->hi)
			backup_warn(r, &why, true);
		return 0;
	}
	bool wanted =
	    c->named || (c->listed && !backup_left_out(r, &item, &kept));
	bool leads = c->lo + c->named < c->hi, taken = false;
	if (!wanted && c->listed)
		backup_answer_out(r);
	if (!wanted && !leads)
		return 0;
	if (wanted)
		backup_answer_in(r, l->fd, &item, c->named, kept);
	r->passage = leads || !wanted;
	int rc = backup_take(r, l->fd, &item, old, &taken, e);
	r->passage = false;
	if (rc < 0)
		return -1;
	if (c->named && taken && item.type != ENTRY_DIRECTORY)
		r->roots_done++;
	bool inside = wanted && taken &&
	    (c->named || !r->o->one_file_system || item.dev == r->root_dev);
	if (wanted && taken && !inside && item.type == ENTRY_DIRECTORY)
		backup_answer_by(r, "file-system",
		    "it is another file system (--one-file-system)");
	if (item.type == ENTRY_DIRECTORY && (inside || leads))
		add_sub(l, c, &item, inside, kept);
	else if (leads)
		warn(r, ERR_NOT_FOUND, "what was to be backed up is not there",
		    true);
	return 0;
}

static int
take_children(struct run *r, struct level *l, const struct capture_list *list,
    const struct sub *s, struct err *e)
{
	OWN(children_free)
	struct children c = { r, list, 0, s->lo, s->hi,
		r->path.n + (r->path.n > 0) + 1, NULL };
	struct seen_dir old;
	struct child child;

	(void)backup_node(r, NODE_DIR, buf_bytes(&r->path));
	seen_dir_find(r->seen, buf_bytes(&r->path), &old);
	while (children_next(&c, &child)) {
		size_t before = path_push(r, child.name, child.n);
		int rc = take_child(r, l, &child, &old, e);
		path_pop(r, before);
		if (rc < 0)
			return -1;
	}
	(void)backup_node(r, NODE_END, bytes_str(""));
	return backup_drain(r, e);
}

/* ---- going into it ---- */

/* Open it, with its names when they are wanted; fd < 0 when it is left out. */
static int
open_sub(struct run *r, int at, const struct sub *s, struct capture_list **list,
    int *fd, struct err *why)
{
	bool crossed = r->parent_dev != s->dev;

	if (!s->inside)
		return open_passage(at, s->name, fd, why);
	if (capture_open_dir(at, s->name, fd, why) < 0 ||
	    capture_list(*fd, list, why) < 0)
		return -1;
	bool out = backup_opts_out(r, *fd, *list, s->named);
	out = out ||
	    (crossed && !s->named && !s->kept && backup_crossed_out(r, *fd));
	if (out) {
		backup_answer_out(r);
		capture_list_free(list);
	}
	return 0;
}

/* A level for the directory that r->path names; none when it cannot be had. */
static int
enter(struct walk *w, int at, const struct sub *s, struct err *e)
{
	struct run *r = w->r;
	OWN(free_list) struct capture_list *list = NULL;
	OWN(fd_close) int fd = -1;
	struct err why;

	if (r->path.n > TREE_PATH_MAX) {
		backup_answer_by(r, "name", "its path is too long");
		warn(r, ERR_TOO_LARGE, "its path is too long for a backup",
		    true);
		return 0;
	}
	if (backup_is_target(r, s->dev, s->ino, s->named || s->lo < s->hi)) {
		backup_answer_out(r);
		return 0;
	}
	if (open_sub(r, at, s, &list, &fd, &why) < 0) {
		backup_answer_unread(r, &why);
		backup_warn(r, &why, why.code != ERR_NOT_FOUND || s->named);
		fd_close(&fd);
		if (s->lo == s->hi || open_passage(at, s->name, &fd, &why) < 0)
			return 0;
	}
	if (list == NULL && s->inside && s->lo == s->hi)
		return 0; /* left out */
	if (list != NULL && s->named)
		r->roots_done++;
	struct level *l = mem_new(sizeof *l);
	*l = (struct level){ .up = w->top,
		.fd = fd,
		.dev = s->dev,
		.ino = s->ino,
		.path_n = r->path.n,
		.root_n = r->root_n,
		.root_dev = r->root_dev };
	fd = -1;
	w->top = l;
	if (s->named) {
		r->root_n = r->path.n + (r->path.n > 0);
		r->root_dev = s->dev;
	}
	if (take_children(r, l, list, s, e) < 0)
		return -1;
	if (list != NULL && capture_list_error(list) != 0) {
		errno = capture_list_error(list);
		(void)err_sys(&why, "the directory was read in part only");
		backup_warn(r, &why, true);
	}
	return 0;
}

/* Step by step from "/", where ".." does not lead back. */
static int
open_again(const struct run *r, int *fd)
{
	OWN(mem_free) char *path = mem_text(buf_text(&r->path));
	char *save = NULL;
	struct err ignored;

	if (open_passage(AT_FDCWD, "/", fd, &ignored) < 0)
		return -1;
	for (char *name = strtok_r(path, "/", &save); name != NULL;
	     name = strtok_r(NULL, "/", &save)) {
		OWN(fd_close) int at = *fd;
		if (open_passage(at, name, fd, &ignored) < 0)
			return -1;
	}
	return 0;
}

static bool
is_same(int fd, const struct level *l)
{
	struct capture_item now;
	struct err ignored;

	return capture_stat(fd, ".", &now, &ignored) == 0 &&
	    now.dev == l->dev && now.ino == l->ino;
}

/* Open the level above again, when it was closed for want of descriptors. */
static void
open_up(struct run *r, const struct level *l, struct level *up)
{
	struct err ignored;

	if (up->fd >= 0)
		return;
	if (l->fd >= 0 && open_passage(l->fd, "..", &up->fd, &ignored) == 0 &&
	    is_same(up->fd, up))
		return;
	fd_close(&up->fd);
	if (up->next == up->n_subs)
		return;
	if (open_again(r, &up->fd) == 0 && is_same(up->fd, up))
		return;
	fd_close(&up->fd);
	up->next = up->n_subs;
	warn(r, ERR_IO, "it was moved meanwhile; folders in it are missing",
	    true);
}

/* Back to the level above; r->path becomes its path. */
static void
leave(struct walk *w)
{
	struct run *r = w->r;
	struct level *l = w->top, *up = l->up;

	r->root_n = l->root_n;
	r->root_dev = l->root_dev;
	if (up != NULL) {
		path_pop(r, up->path_n);
		open_up(r, l, up);
	}
	level_free(l);
	w->top = up;
}

static void
close_above(struct walk *w)
{
	struct level *l = w->top;

	for (int i = 0; i < OPEN_LEVELS && l != NULL; i++)
		l = l->up;
	if (l != NULL)
		fd_close(&l->fd);
}

static int
walk_on(struct walk *w, struct err *e)
{
	struct run *r = w->r;

	while (w->top != NULL) {
		struct level *l = w->top;
		if (l->next == l->n_subs) {
			leave(w);
			continue;
		}
		struct sub *s = &l->subs[l->next++];
		s->name = (const char *)l->names.p + s->name_at;
		size_t before = path_push(r, s->name, strlen(s->name));
		r->parent_dev = l->dev;
		if (enter(w, l->fd, s, e) < 0)
			return -1;
		if (w->top == l)
			path_pop(r, before);
		else
			close_above(w);
	}
	return 0;
}

int
backup_walk(struct run *r, struct err *e)
{
	OWN(walk_free) struct walk w = { .r = r };
	bool whole = r->roots[0][1] == '\0'; /* "/" is the first in order */
	struct sub all = { .name = "/",
		.lo = whole,
		.hi = (uint32_t)r->n_roots,
		.inside = whole,
		.named = whole };
	struct capture_item item;

	if (capture_stat(AT_FDCWD, all.name, &item, e) < 0)
		return -1;
	all.dev = r->parent_dev = item.dev;
	all.ino = item.ino;
	if (enter(&w, AT_FDCWD, &all, e) < 0 || walk_on(&w, e) < 0)
		return -1;
	return backup_drain(r, e);
}
