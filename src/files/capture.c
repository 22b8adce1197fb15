/* SPDX-License-Identifier: ISC */
/* capture.c: directories listed, objects looked at, names of owners. */
#include "files/capture_in.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)256 << 10)
#define WANTED (STATX_BASIC_STATS | STATX_MNT_ID)

enum kind { KIND_USER, KIND_GROUP, KINDS };

struct owner {
	struct owner *next;
	uint32_t id;
	char *name; /* "" when the system knows none */
};

struct capture {
	pthread_mutex_t lock;
	struct owner *owners[KINDS];
};

/* Names live in blocks, each linked to the one before. */
struct block {
	struct block *next;
	size_t used, size;
	char text[];
};

struct capture_list {
	const char **names;
	size_t n, cap;
	struct block *blocks;
	int error; /* errno that ended the reading early */
};

struct capture *
capture_new(void)
{
	struct capture *c = mem_new(sizeof *c);

	(void)pthread_mutex_init(&c->lock, NULL);
	return c;
}

void
capture_free(struct capture **c)
{
	if (*c == NULL)
		return;
	for (int kind = 0; kind < KINDS; kind++) {
		struct owner *o = (*c)->owners[kind];
		while (o != NULL) {
			struct owner *next = o->next;
			free(o->name);
			free(o);
			o = next;
		}
	}
	(void)pthread_mutex_destroy(&(*c)->lock);
	free(*c);
	*c = NULL;
}

static char *
ask_system(enum kind kind, uint32_t id)
{
	OWN(buf_free) struct buf room = { 0 };
	struct passwd pw, *user = NULL;
	struct group gr, *group = NULL;
	const char *name = NULL;

	for (size_t n = 4096; n <= (size_t)1 << 20; n *= 4) {
		buf_clear(&room);
		char *p = (char *)buf_grow(&room, n);
		int rc = kind == KIND_USER
		    ? getpwuid_r((uid_t)id, &pw, p, n, &user)
		    : getgrgid_r((gid_t)id, &gr, p, n, &group);
		if (rc != ERANGE)
			break;
	}
	if (user != NULL)
		name = user->pw_name;
	if (group != NULL)
		name = group->gr_name;
	return mem_text(name == NULL || strlen(name) > 255 ? "" : name);
}

/* The name of an id, valid as long as c. */
static struct bytes
owner_name(struct capture *c, enum kind kind, uint32_t id)
{
	(void)pthread_mutex_lock(&c->lock);
	struct owner *o = c->owners[kind];
	while (o != NULL && o->id != id)
		o = o->next;
	if (o == NULL) {
		o = mem_new(sizeof *o);
		o->id = id;
		o->name = ask_system(kind, id);
		o->next = c->owners[kind];
		c->owners[kind] = o;
	}
	(void)pthread_mutex_unlock(&c->lock);
	return bytes_str(o->name);
}

int
capture_open_quietly(int at, const char *name, int flags)
{
	int all = flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(at, name, all | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(at, name, all);
	return fd;
}

int
capture_replaced(struct err *e)
{
	return err_set(e, ERR_CONFLICT,
	    "it was replaced by something else while being read");
}

int
capture_open_dir(int at, const char *name, int *fd, struct err *e)
{
	*fd = capture_open_quietly(at, name, O_DIRECTORY);
	if (*fd >= 0)
		return 0;
	if (errno == ENOTDIR || errno == ELOOP)
		return err_set(e, ERR_CONFLICT, "it is not a directory");
	return err_sys(e, "cannot open the directory");
}

static enum entry_type
type_of(unsigned mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return ENTRY_DIRECTORY;
	case S_IFLNK:
		return ENTRY_SYMLINK;
	case S_IFIFO:
		return ENTRY_FIFO;
	case S_IFSOCK:
		return ENTRY_SOCKET;
	case S_IFCHR:
		return ENTRY_CHARDEV;
	case S_IFBLK:
		return ENTRY_BLOCKDEV;
	default:
		return ENTRY_REGULAR;
	}
}

int
capture_fill(int at, const char *name, int flags, struct capture_item *item)
{
	struct statx st;

	if (statx(at, name, flags | AT_NO_AUTOMOUNT | AT_STATX_SYNC_AS_STAT,
		WANTED, &st) < 0)
		return -1;
	item->type = type_of(st.stx_mode);
	item->mode = st.stx_mode & 07777;
	item->uid = st.stx_uid;
	item->gid = st.stx_gid;
	item->nlink = st.stx_nlink;
	item->mtime_s = st.stx_mtime.tv_sec;
	item->mtime_ns = st.stx_mtime.tv_nsec;
	item->ctime_s = st.stx_ctime.tv_sec;
	item->ctime_ns = st.stx_ctime.tv_nsec;
	item->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	item->ino = st.stx_ino;
	item->size = item->type == ENTRY_REGULAR ? st.stx_size : 0;
	item->blocks = st.stx_blocks;
	item->mount = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0;
	item->rdev_major = st.stx_rdev_major;
	item->rdev_minor = st.stx_rdev_minor;
	return 0;
}

int
capture_stat(int at, const char *name, struct capture_item *item, struct err *e)
{
	size_t n = strlen(name);

	*item = (struct capture_item){ .name = name,
		.name_n = (uint16_t)(n > UINT16_MAX ? UINT16_MAX : n) };
	if (capture_fill(at, name, AT_SYMLINK_NOFOLLOW, item) < 0)
		return err_sys(e, "cannot look at it");
	return 0;
}

static const char *
keep_name(struct capture_list *list, const char *name, size_t n)
{
	struct block *b = list->blocks;

	if (b == NULL || b->size - b->used <= n) {
		/* A small directory gets by with a small first block. */
		size_t size = b == NULL ? 4096 : ARENA_BYTES;
		b = mem_new(sizeof *b + size);
		b->size = size;
		b->next = list->blocks;
		list->blocks = b;
	}
	char *at = b->text + b->used;
	memcpy(at, name, n + 1);
	b->used += n + 1;
	return at;
}

static int
by_name(const void *a, const void *b)
{
	/* Both end in NUL and hold none: strcmp is the order of the bytes. */
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
add_name(struct capture_list *list, const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if (list->n == list->cap) {
		list->cap = list->cap == 0 ? 16 : list->cap * 2;
		list->names =
		    mem_resize(list->names, list->cap, sizeof *list->names);
	}
	list->names[list->n++] = keep_name(list, name, strlen(name));
}

/* A file system that is written to meanwhile may give a name twice. */
static void
sort_names(struct capture_list *list)
{
	size_t kept = 1;

	if (list->n < 2)
		return;
	qsort(list->names, list->n, sizeof *list->names, by_name);
	for (size_t i = 1; i < list->n; i++)
		if (strcmp(list->names[i], list->names[kept - 1]) != 0)
			list->names[kept++] = list->names[i];
	list->n = kept;
}

static void
dir_close(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
	*d = NULL;
}

int
capture_list(int dirfd, struct capture_list **out, struct err *e)
{
	OWN(capture_list_free)
	struct capture_list *list = mem_new(sizeof *list);
	OWN(dir_close) DIR *d = NULL;
	OWN(fd_close) int fd = -1;

	*out = NULL;
	/* A descriptor of its own, so that the caller's keeps its position. */
	fd = capture_open_quietly(dirfd, ".", O_DIRECTORY);
	if (fd < 0 || (d = fdopendir(fd)) == NULL)
		return err_sys(e, "cannot read the directory");
	fd = -1;
	for (;;) {
		errno = 0;
		const struct dirent *child = readdir(d);
		if (child == NULL)
			break;
		add_name(list, child->d_name);
	}
	list->error = errno;
	if (list->error != 0 && list->n == 0)
		return err_sys(e, "cannot read the directory");
	sort_names(list);
	*out = TAKE(list);
	return 0;
}

size_t
capture_size(const struct capture_list *list)
{
	return list->n;
}

const char *
capture_name(const struct capture_list *list, size_t i)
{
	return list->names[i];
}

int
capture_list_error(const struct capture_list *list)
{
	return list->error;
}

void
capture_list_free(struct capture_list **list)
{
	if (*list == NULL)
		return;
	for (struct block *b = (*list)->blocks; b != NULL;) {
		struct block *next = b->next;
		free(b);
		b = next;
	}
	free((*list)->names);
	free(*list);
	*list = NULL;
}

void
capture_entry(
    struct capture *c, const struct capture_item *item, struct entry *x)
{
	*x = (struct entry){
		.name = bytes_of(item->name, item->name_n),
		.type = item->type,
		.category = ENTRY_BACKUP,
		.mode = item->mode,
		.uid = item->uid,
		.gid = item->gid,
		.user = owner_name(c, KIND_USER, item->uid),
		.group = owner_name(c, KIND_GROUP, item->gid),
		.mtime_s = item->mtime_s,
		.mtime_ns = item->mtime_ns,
		.ctime_s = item->ctime_s,
		.ctime_ns = item->ctime_ns,
		.dev = item->dev,
		.ino = item->ino,
		.nlink = item->nlink,
		.size = item->size,
		.rdev_major = item->rdev_major,
		.rdev_minor = item->rdev_minor,
	};
}
