/* SPDX-License-Identifier: ISC */
/* place.c: files, directories and links put below one directory. */
#include "apps/place.h"

#include "apps/place_meta.h"
#include "base/file.h"
#include "wire/id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NODES_MAX 128 /* directories kept open, beyond those in use */
#define PART_PREFIX ".aumbry-part-"
#define PART_MODE 01200 /* no finished file looks so */

struct place_node {
	struct bytes path; /* owned */
	uint64_t hash, used;
	unsigned refs;
	int fd;
	bool acl; /* what is made here inherits an ACL */
};

struct place {
	pthread_mutex_t lock; /* nodes, n, cap, clock and refs */
	int target; /* the descriptor of nodes[0] */
	struct place_node **nodes; /* the first is the target, never closed */
	size_t n, cap;
	uint64_t clock;
	enum place_rule rule;
	struct place_meta *meta;
};

/* Where an object belongs. */
struct spot {
	struct place *place;
	struct place_node *dir;
	char name[ENTRY_NAME_MAX + 1];
};

static int
open_beneath(int at, const char *name, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		    RESOLVE_NO_MAGICLINKS,
	};

	for (int tries = 0;; tries++) {
		long fd = syscall(SYS_openat2, at, name, &how, sizeof how);
		/* EAGAIN: a rename elsewhere disturbed the check. */
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR) ||
		    tries == 1000)
			return (int)fd;
	}
}

static int
fail(struct err *e, const char *what)
{
	if (errno == ENOSYS)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "%s: this kernel is older than 5.6 and has no openat2",
		    what);
	return err_sys(e, "%s", what);
}

static enum entry_type
type_of(mode_t mode)
{
	return S_ISDIR(mode) ? ENTRY_DIRECTORY
	    : S_ISLNK(mode)  ? ENTRY_SYMLINK
	    : S_ISFIFO(mode) ? ENTRY_FIFO
	    : S_ISSOCK(mode) ? ENTRY_SOCKET
	    : S_ISCHR(mode)  ? ENTRY_CHARDEV
	    : S_ISBLK(mode)  ? ENTRY_BLOCKDEV
			     : ENTRY_REGULAR;
}

static int
in_the_way(enum entry_type there, enum entry_type wanted, struct err *e)
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

static void
node_close(struct place_node **node)
{
	if (*node == NULL)
		return;
	fd_close(&(*node)->fd);
	free((void *)(uintptr_t)(*node)->path.p);
	free(*node);
	*node = NULL;
}

static struct place_node *
node_new(struct bytes path, int fd)
{
	struct place_node *node = mem_new(sizeof *node);
	uint8_t *copy = mem_new(path.n + 1);

	if (path.n > 0)
		memcpy(copy, path.p, path.n);
	node->path = bytes_of(copy, path.n);
	node->hash = hash_of(path);
	node->fd = fd;
	node->acl = fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
	return node;
}

static void
release(struct place *p, struct place_node **node)
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

/* Keep a node and close the one unused for longest. Under the lock. */
static void
keep_node(struct place *p, struct place_node *node)
{
	size_t victim = 0;

	node->refs = 1;
	node->used = ++p->clock;
	for (size_t i = 1; p->n >= NODES_MAX && i < p->n; i++)
		if (p->nodes[i]->refs == 0 &&
		    (victim == 0 || p->nodes[i]->used < p->nodes[victim]->used))
			victim = i;
	if (victim > 0) {
		node_close(&p->nodes[victim]);
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

	*fd = open_beneath(at, name, O_RDONLY | O_DIRECTORY, 0);
	if (*fd < 0 && errno == EACCES)
		*fd = open_beneath(at, name, O_PATH | O_DIRECTORY, 0);
	if (*fd >= 0)
		return 0;
	if ((errno == ELOOP || errno == ENOTDIR) &&
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return in_the_way(type_of(st.st_mode), ENTRY_DIRECTORY, e);
	return fail(e, "cannot open a directory on the way");
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
	release(p, &above);
	if (rc < 0)
		return -1;
	OWN(node_close) struct place_node *made = node_new(path, fd);
	(void)pthread_mutex_lock(&p->lock);
	*out = find_node(p, path); /* another thread may have been faster */
	if (*out == NULL)
		keep_node(p, *out = TAKE(made));
	(void)pthread_mutex_unlock(&p->lock);
	return 0;
}

static void
spot_leave(struct spot *s)
{
	release(s->place, &s->dir);
}

static int
spot_find(struct place *p, struct bytes path, struct spot *s, struct err *e)
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

int
place_open(
    const char *target, enum place_rule rule, struct place **out, struct err *e)
{
	OWN(fd_close) int fd = -1;

	*out = NULL;
	if (file_mkdirs(target, 0700, e) < 0)
		return -1;
	fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "cannot open %s", target);
	struct place *p = mem_new(sizeof *p);
	(void)pthread_mutex_init(&p->lock, NULL);
	p->rule = rule;
	p->meta = place_meta_new();
	p->target = fd;
	keep_node(p, node_new(bytes_of(NULL, 0), fd));
	fd = -1;
	*out = p;
	return 0;
}

void
place_free(struct place **p)
{
	if (*p == NULL)
		return;
	for (size_t i = 0; i < (*p)->n; i++)
		node_close(&(*p)->nodes[i]);
	free((*p)->nodes);
	place_meta_free(&(*p)->meta);
	(void)pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

struct place_counts
place_counts(struct place *p)
{
	return place_meta_counts(p->meta);
}

int
place_sync(struct place *p, struct err *e)
{
	if (syncfs(p->target) < 0)
		return err_sys(e, "cannot write to the disk");
	return 0;
}

static bool
target_equal(int at, const char *name, struct bytes target)
{
	char there[ENTRY_TARGET_MAX + 1];
	ssize_t n = readlinkat(at, name, there, sizeof there);

	return n > 0 && bytes_equal(bytes_of(there, (size_t)n), target);
}

static bool
mtime_equal(const struct stat *st, const struct entry *x)
{
	return st->st_mtim.tv_sec == x->mtime_s &&
	    st->st_mtim.tv_nsec == (long)x->mtime_ns;
}

static bool
unfinished(const struct stat *st)
{
	return S_ISREG(st->st_mode) && (st->st_mode & 07777) == PART_MODE &&
	    st->st_nlink == 1;
}

/* Equal but for owner, mode and time? */
static bool
equal_inside(const struct spot *s, const struct stat *st, const struct entry *x)
{
	if (type_of(st->st_mode) != x->type)
		return false;
	switch (x->type) {
	case ENTRY_SYMLINK:
		return target_equal(s->dir->fd, s->name, x->target);
	case ENTRY_CHARDEV:
	case ENTRY_BLOCKDEV:
		return st->st_rdev == makedev(x->rdev_major, x->rdev_minor);
	case ENTRY_REGULAR:
		return (uint64_t)st->st_size == x->size && mtime_equal(st, x) &&
		    !unfinished(st);
	default:
		return true;
	}
}

int
place_same(struct place *p, struct bytes path, const struct entry *x,
    bool *same, struct err *e)
{
	OWN(spot_leave) struct spot s = { 0 };
	struct stat st;

	*same = path.n == 0 && x->type == ENTRY_DIRECTORY;
	if (path.n == 0)
		return 0;
	if (spot_find(p, path, &s, e) < 0) {
		if (e->code != ERR_NOT_FOUND)
			return -1;
		err_clear(e);
		return 0;
	}
	if (fstatat(s.dir->fd, s.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot look at it");
	*same = equal_inside(&s, &st, x) &&
	    (x->type == ENTRY_DIRECTORY || mtime_equal(&st, x));
	return 0;
}

/* Something is there, or not: may x take its place? */
static int
may_replace(
    const struct spot *s, const struct entry *x, bool *there, struct err *e)
{
	struct stat st;

	*there = false;
	if (fstatat(s->dir->fd, s->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot look at it");
	*there = true;
	if (S_ISDIR(st.st_mode))
		return in_the_way(ENTRY_DIRECTORY, x->type, e);
	/* Left by a run that was cut off, or no content to lose. */
	if (unfinished(&st) ||
	    (x->type != ENTRY_REGULAR && equal_inside(s, &st, x)))
		return 0;
	if (s->place->rule == PLACE_ALWAYS)
		return 0;
	if (s->place->rule == PLACE_NEVER)
		return err_set(e, ERR_CONFLICT, "another %s is already there",
		    entry_type_name(type_of(st.st_mode)));
	if (st.st_mtim.tv_sec < x->mtime_s ||
	    (st.st_mtim.tv_sec == x->mtime_s &&
		st.st_mtim.tv_nsec < (long)x->mtime_ns))
		return 0;
	return err_set(e, ERR_CONFLICT, "the %s that is there is newer",
	    entry_type_name(type_of(st.st_mode)));
}

static void
part_name(char out[static 64])
{
	struct id id;

	id_random(&id);
	(void)snprintf(out, 64, PART_PREFIX "%s", id_text(&id).s);
}

/* Remove what earlier runs left unfinished, unless one still holds it. */
static void
sweep(int dirfd)
{
	int list = open_beneath(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = list < 0 ? NULL : fdopendir(list);
	const struct dirent *child;

	if (d == NULL) {
		fd_close(&list);
		return;
	}
	while ((child = readdir(d)) != NULL) {
		struct stat st;
		if (strncmp(child->d_name, PART_PREFIX,
			sizeof PART_PREFIX - 1) != 0)
			continue;
		OWN(fd_close)
		int fd = open_beneath(
		    dirfd, child->d_name, O_WRONLY | O_NONBLOCK, 0);
		if (fd >= 0 && fstat(fd, &st) == 0 && unfinished(&st) &&
		    flock(fd, LOCK_EX | LOCK_NB) == 0)
			(void)unlinkat(dirfd, child->d_name, 0);
	}
	(void)closedir(d);
}

int
place_dir(struct place *p, struct bytes path, struct err *e)
{
	OWN(spot_leave) struct spot s = { 0 };
	OWN(fd_close) int fd = -1;
	struct stat st;

	if (path.n == 0) {
		sweep(p->target);
		return 0;
	}
	if (spot_find(p, path, &s, e) < 0)
		return -1;
	if (mkdirat(s.dir->fd, s.name, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(e, "cannot make the directory");
	fd = open_beneath(s.dir->fd, s.name, O_PATH | O_DIRECTORY, 0);
	if (fd < 0 &&
	    fstatat(s.dir->fd, s.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISDIR(st.st_mode))
		return in_the_way(type_of(st.st_mode), ENTRY_DIRECTORY, e);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, "cannot open the directory");
	/* An earlier run may have closed it to us: place_dir_done does again. */
	if (st.st_uid == geteuid() && (st.st_mode & 0700) != 0700 &&
	    place_meta_chmod(fd, (st.st_mode & 07777) | 0700) < 0)
		return err_sys(e, "cannot open up the directory");
	sweep(fd);
	return 0;
}

/* Open a directory that is there, "" the target; acl: it may inherit one. */
static int
reopen_dir(
    struct place *p, struct bytes path, int *fd, bool *acl, struct err *e)
{
	OWN(spot_leave) struct spot s = { 0 };
	int at = p->target;

	*acl = false;
	if (path.n > 0) {
		if (spot_find(p, path, &s, e) < 0)
			return -1;
		at = s.dir->fd;
		*acl = s.dir->acl;
	}
	*fd = open_beneath(
	    at, path.n > 0 ? s.name : ".", O_RDONLY | O_DIRECTORY, 0);
	return *fd < 0 ? fail(e, "cannot open the directory") : 0;
}

int
place_dir_done(
    struct place *p, struct bytes path, const struct entry *x, struct err *e)
{
	OWN(fd_close) int fd = -1;
	bool acl;

	if (reopen_dir(p, path, &fd, &acl, e) < 0 ||
	    place_meta_give(p->meta, fd, x, acl, e) < 0)
		return -1;
	place_meta_flags(p->meta, fd, x);
	return 0;
}

/* Make the file that is written to; its name is not the final one. */
static int
begin_part(struct place_file *f, const struct entry *x, struct err *e)
{
	part_name(f->part);
	f->fd = open_beneath(
	    f->dir->fd, f->part, O_RDWR | O_CREAT | O_EXCL, PART_MODE);
	if (f->fd < 0)
		return fail(e, "cannot make the file");
	(void)flock(f->fd, LOCK_EX | LOCK_NB); /* so that sweep leaves it */
	if (x->sparse)
		return ftruncate(f->fd, (off_t)x->size) == 0
		    ? 0
		    : err_sys(e, "cannot make the file that large");
	/* Learn now that the disk is full. Without the call it shows later. */
	if (x->size > PLACE_SMALL &&
	    fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)x->size) < 0 &&
	    (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return err_sys(e, "cannot make the file that large");
	return 0;
}

int
place_file_begin(struct place *p, struct bytes path, const struct entry *x,
    struct place_file *f, struct err *e)
{
	OWN(spot_leave) struct spot s = { 0 };
	bool small = x->size <= PLACE_SMALL && !x->sparse && x->xattrs.n == 0 &&
	    x->flags == 0;

	*f = (struct place_file)PLACE_FILE;
	if (spot_find(p, path, &s, e) < 0)
		return -1;
	if (small) {
		f->fd = open_beneath(
		    s.dir->fd, s.name, O_RDWR | O_CREAT | O_EXCL, PART_MODE);
		if (f->fd < 0 && errno != EEXIST)
			return fail(e, "cannot make the file");
		f->direct = f->fd >= 0;
	}
	if (!f->direct && may_replace(&s, x, &f->replaces, e) < 0)
		return -1;
	f->place = p;
	f->dir = TAKE(s.dir);
	memcpy(f->name, s.name, sizeof f->name);
	if (!f->direct && begin_part(f, x, e) < 0) {
		place_file_free(f);
		return -1;
	}
	return 0;
}

/* Give the part its final name; what appeared there since stays. */
static int
move_part(
    int dirfd, const char *part, const char *name, bool replaces, struct err *e)
{
	if (replaces) {
		if (renameat(dirfd, part, dirfd, name) == 0)
			return 0;
		return err_sys(e, "cannot replace what is there");
	}
	if (renameat2(dirfd, part, dirfd, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST)
		return err_set(
		    e, ERR_CONFLICT, "something else appeared there meanwhile");
	/* Not every file system knows RENAME_NOREPLACE. */
	if (errno == EINVAL && renameat(dirfd, part, dirfd, name) == 0)
		return 0;
	return err_sys(e, "cannot give the file its name");
}

int
place_file_done(struct place_file *f, const struct entry *x, struct err *e)
{
	/* The old content must not go before the new one is there. */
	if (f->replaces && fsync(f->fd) < 0)
		return err_sys(e, "cannot write to the disk");
	if (place_meta_give(f->place->meta, f->fd, x, f->dir->acl, e) < 0)
		return -1;
	if (!f->direct &&
	    move_part(f->dir->fd, f->part, f->name, f->replaces, e) < 0)
		return -1;
	if (x->flags != 0)
		place_meta_flags(f->place->meta, f->fd, x);
	fd_close(&f->fd);
	release(f->place, &f->dir);
	*f = (struct place_file)PLACE_FILE;
	return 0;
}

void
place_file_free(struct place_file *f)
{
	if (f->dir != NULL && f->fd >= 0)
		(void)unlinkat(f->dir->fd, f->direct ? f->name : f->part, 0);
	fd_close(&f->fd);
	if (f->dir != NULL)
		release(f->place, &f->dir);
	*f = (struct place_file)PLACE_FILE;
}

/* Make a link, fifo, socket or device, bare. Sets errno. */
static int
make_bare(int dirfd, const char *name, const struct entry *x)
{
	char target[ENTRY_TARGET_MAX + 1];
	dev_t dev = makedev(x->rdev_major, x->rdev_minor);

	switch (x->type) {
	case ENTRY_SYMLINK:
		if (x->target.n > 0)
			memcpy(target, x->target.p, x->target.n);
		target[x->target.n] = '\0';
		return symlinkat(target, dirfd, name);
	case ENTRY_FIFO:
		return mknodat(dirfd, name, S_IFIFO | 0600, 0);
	case ENTRY_SOCKET:
		return mknodat(dirfd, name, S_IFSOCK | 0600, 0);
	case ENTRY_CHARDEV:
		return mknodat(dirfd, name, S_IFCHR | 0600, dev);
	default:
		return mknodat(dirfd, name, S_IFBLK | 0600, dev);
	}
}

/* Give metadata to what was just made under this name, and to nothing else. */
static int
give_bare(const struct spot *s, const char *name, const struct entry *x,
    struct err *e)
{
	OWN(fd_close) int fd = open_beneath(s->dir->fd, name, O_PATH, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, "cannot open it");
	if (type_of(st.st_mode) != x->type || st.st_nlink != 1)
		return err_set(
		    e, ERR_CONFLICT, "something else appeared there meanwhile");
	return place_meta_give_path(s->place->meta, fd, x, e);
}

static int
place_bare(
    struct place *p, struct bytes path, const struct entry *x, struct err *e)
{
	OWN(spot_leave) struct spot s = { 0 };
	char part[64] = "";
	bool there = false;

	if (spot_find(p, path, &s, e) < 0)
		return -1;
	int rc = make_bare(s.dir->fd, s.name, x);
	if (rc < 0 && errno == EEXIST) {
		if (may_replace(&s, x, &there, e) < 0)
			return -1;
		part_name(part);
		rc = make_bare(s.dir->fd, part, x);
	}
	if (rc < 0)
		return err_sys(e, "cannot make it");
	const char *made = part[0] == '\0' ? s.name : part;
	if (give_bare(&s, made, x, e) < 0 ||
	    (made == part &&
		move_part(s.dir->fd, part, s.name, there, e) < 0)) {
		(void)unlinkat(s.dir->fd, made, 0);
		return -1;
	}
	return 0;
}

int
place_symlink(
    struct place *p, struct bytes path, const struct entry *x, struct err *e)
{
	return place_bare(p, path, x, e);
}

void
place_tame(struct place *p)
{
	place_meta_tame(p->meta);
}

int
place_special(
    struct place *p, struct bytes path, const struct entry *x, struct err *e)
{
	bool device = x->type == ENTRY_CHARDEV || x->type == ENTRY_BLOCKDEV;

	if (device && place_meta_tamed(p->meta))
		return 0;
	if (device && geteuid() != 0)
		return err_set(e, ERR_WRITE_INCOMPLETE,
		    "only root can make a %s", entry_type_name(x->type));
	return place_bare(p, path, x, e);
}

static bool
same_inode(const struct spot *a, const struct spot *b)
{
	struct stat x, y;

	return fstatat(a->dir->fd, a->name, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(b->dir->fd, b->name, &y, AT_SYMLINK_NOFOLLOW) == 0 &&
	    x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int
place_hardlink(struct place *p, struct bytes existing, struct bytes path,
    const struct entry *x, struct err *e)
{
	OWN(spot_leave) struct spot from = { 0 };
	OWN(spot_leave) struct spot to = { 0 };
	char part[64];
	bool there;

	if (spot_find(p, existing, &from, e) < 0 ||
	    spot_find(p, path, &to, e) < 0)
		return -1;
	if (linkat(from.dir->fd, from.name, to.dir->fd, to.name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(e, "cannot make another name of a file");
	if (same_inode(&from, &to))
		return 0;
	if (may_replace(&to, x, &there, e) < 0)
		return -1;
	part_name(part);
	if (linkat(from.dir->fd, from.name, to.dir->fd, part, 0) < 0)
		return err_sys(e, "cannot make another name of a file");
	if (move_part(to.dir->fd, part, to.name, there, e) < 0) {
		(void)unlinkat(to.dir->fd, part, 0);
		return -1;
	}
	return 0;
}
