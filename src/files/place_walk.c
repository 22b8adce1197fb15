/* SPDX-License-Identifier: ISC */
/* place_walk.c: directories kept open, and the way down to any other. */
#include "files/place_in.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

int
place_beneath(int at, const char *name, int flags, mode_t mode)
{
	return beneath_open(at, name, flags, mode, false);
}

enum entry_type
place_type(mode_t mode)
{
	return S_ISDIR(mode) ? ENTRY_DIRECTORY
	    : S_ISLNK(mode)  ? ENTRY_SYMLINK
	    : S_ISFIFO(mode) ? ENTRY_FIFO
	    : S_ISSOCK(mode) ? ENTRY_SOCKET
	    : S_ISCHR(mode)  ? ENTRY_CHARDEV
	    : S_ISBLK(mode)  ? ENTRY_BLOCKDEV
			     : ENTRY_REGULAR;
}

int
place_in_the_way(enum entry_type there, enum entry_type wanted, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "a %s is in the way of a %s",
	    entry_type_name(there), entry_type_name(wanted));
}

static uint64_t
hash_of(struct bytes x)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a, only to look things up */

	for (size_t i = 0; i < x.n; i++)
		h = (h ^ x.p[i]) * 1099511628211u;
	return h;
}

void
place_node_close(struct place_node **node)
{
	if (*node == NULL)
		return;
	fd_close(&(*node)->fd);
	free((void *)(uintptr_t)(*node)->path.p);
	free(*node);
	*node = NULL;
}

struct place_node *
place_node_new(struct bytes path, int fd)
{
	struct place_node *node = mem_new(sizeof *node);
	uint8_t *copy = mem_new(path.n + 1);
	char name[32];

	if (path.n > 0)
		memcpy(copy, path.p, path.n);
	node->path = bytes_of(copy, path.n);
	node->hash = hash_of(path);
	node->fd = fd;
	/* By its path: the descriptor may be one that only passes through. */
	(void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	node->acl = getxattr(name, "system.posix_acl_default", NULL, 0) > 0;
	return node;
}

void
place_release(struct place *p, struct place_node **node)
{
	if (*node == NULL)
		return;
	(void)pthread_mutex_lock(&p->lock);
	(*node)->refs--;
	(void)pthread_mutex_unlock(&p->lock);
	*node = NULL;
}

/* The open directory of exactly this path, or NULL. Under the lock. */
static struct place_node *
find_node(struct place *p, struct bytes path)
{
	uint64_t hash = hash_of(path);

	for (size_t i = 0; i < p->n; i++) {
		struct place_node *node = p->nodes[i];
		if (node->hash == hash && bytes_equal(node->path, path)) {
			node->refs++;
			node->used = ++p->clock;
			return node;
		}
	}
	return NULL;
}

/* The open directory nearest above this path. Under the lock. */
static struct place_node *
find_above(struct place *p, struct bytes path)
{
	struct place_node *best = p->nodes[0];

	for (size_t i = 1; i < p->n; i++) {
		struct place_node *node = p->nodes[i];
		size_t n = node->path.n;
		if (n > best->path.n && n < path.n && path.p[n] == '/' &&
		    bytes_equal(node->path, bytes_of(path.p, n)))
			best = node;
	}
	best->refs++;
	return best;
}

void
place_keep_node(struct place *p, struct place_node *node)
{
	size_t victim = 0;

	node->refs = 1;
	node->used = ++p->clock;
	for (size_t i = 1; p->n >= p->max && i < p->n; i++)
		if (p->nodes[i]->refs == 0 &&
		    (victim == 0 || p->nodes[i]->used < p->nodes[victim]->used))
			victim = i;
	if (victim > 0) {
		place_node_close(&p->nodes[victim]);
		p->nodes[victim] = node;
		return;
	}
	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 16 : p->cap * 2;
		p->nodes = mem_resize(p->nodes, p->cap, sizeof *p->nodes);
	}
	p->nodes[p->n++] = node;
}

static int
open_dir(int at, const char *name, int *fd, struct err *e)
{
	struct stat st;

	*fd = place_beneath(at, name, O_RDONLY | O_DIRECTORY, 0);
	if (*fd < 0 && errno == EACCES)
		*fd = place_beneath(at, name, O_PATH | O_DIRECTORY, 0);
	if (*fd >= 0)
		return 0;
	if ((errno == ELOOP || errno == ENOTDIR) &&
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return place_in_the_way(
		    place_type(st.st_mode), ENTRY_DIRECTORY, e);
	return beneath_fail(e, "cannot open a directory on the way");
}

/* Copy the first component of *rest to name and step over it. */
static int
next_name(
    struct bytes *rest, char name[static ENTRY_NAME_MAX + 1], struct err *e)
{
	const uint8_t *slash =
	    rest->n == 0 ? NULL : memchr(rest->p, '/', rest->n);
	size_t n = slash == NULL ? rest->n : (size_t)(slash - rest->p);

	/* A slash at the end would leave an empty name: n + 1 == rest->n. */
	if (!entry_name_ok(bytes_of(rest->p, n)) ||
	    (slash != NULL && n + 1 == rest->n))
		return err_set(e, ERR_RECORD_CORRUPT,
		    "that is not a path within a backup");
	memcpy(name, rest->p, n);
	name[n] = '\0';
	size_t step = slash == NULL ? n : n + 1;
	*rest = bytes_of(rest->p + step, rest->n - step);
	return 0;
}

/* Walk down from an open directory. */
static int
walk(int at, struct bytes rest, int *out, struct err *e)
{
	OWN(fd_close) int fd = -1;

	*out = -1;
	while (rest.n > 0) {
		char name[ENTRY_NAME_MAX + 1];
		int next;
		if (next_name(&rest, name, e) < 0 ||
		    open_dir(fd < 0 ? at : fd, name, &next, e) < 0)
			return -1;
		fd_close(&fd);
		fd = next;
	}
	*out = fd;
	fd = -1;
	return 0;
}

/* The open directory of a path, to be released. */
static int
get_dir(
    struct place *p, struct bytes path, struct place_node **out, struct err *e)
{
	struct place_node *above = NULL;
	int fd;

	(void)pthread_mutex_lock(&p->lock);
	*out = find_node(p, path);
	if (*out == NULL)
		above = find_above(p, path);
	(void)pthread_mutex_unlock(&p->lock);
	if (*out != NULL)
		return 0;
	size_t skip = above->path.n == 0 ? 0 : above->path.n + 1;
	int rc =
	    walk(above->fd, bytes_of(path.p + skip, path.n - skip), &fd, e);
	place_release(p, &above);
	if (rc < 0)
		return -1;
	OWN(place_node_close)
	struct place_node *made = place_node_new(path, fd);
	(void)pthread_mutex_lock(&p->lock);
	*out = find_node(p, path); /* another thread may have been faster */
	if (*out == NULL)
		place_keep_node(p, *out = TAKE(made));
	(void)pthread_mutex_unlock(&p->lock);
	return 0;
}

void
place_leave(struct place_spot *s)
{
	place_release(s->place, &s->dir);
}

int
place_find(
    struct place *p, struct bytes path, struct place_spot *s, struct err *e)
{
	const uint8_t *slash =
	    path.n == 0 ? NULL : memrchr(path.p, '/', path.n);
	size_t above = slash == NULL ? 0 : (size_t)(slash - path.p);
	struct bytes name =
	    slash == NULL ? path : bytes_of(slash + 1, path.n - above - 1);

	s->place = p;
	s->dir = NULL;
	if (next_name(&name, s->name, e) < 0)
		return -1;
	if (slash == path.p && slash != NULL)
		return err_set(e, ERR_RECORD_CORRUPT,
		    "that is not a path within a backup");
	return get_dir(p, bytes_of(path.p, above), &s->dir, e);
}
