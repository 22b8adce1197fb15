/* SPDX-License-Identifier: ISC */
/* capture.c: directories listed, files opened safely, their metadata read. */
#include "apps/capture.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)256 << 10)
#define WANTED (STATX_BASIC_STATS | STATX_MNT_ID)
#define MARKER "aumbry-home"
#define MARKER_LINE "aumbry-home v1\n"

/* Linux 6.13; one number on all architectures but alpha. */
#define CALL_GETXATTRAT 464
#define CALL_LISTXATTRAT 465

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
	struct capture_item *items;
	size_t n, cap;
	struct block *blocks;
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

/* Open relative to a directory, without moving the access time if we may. */
static int
open_quietly(int at, const char *name, int flags)
{
	int all = flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(at, name, all | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(at, name, all);
	return fd;
}

static int
replaced(struct err *e)
{
	return err_set(e, ERR_CONFLICT,
	    "it was replaced by something else while being read");
}

int
capture_open_dir(int at, const char *name, int *fd, struct err *e)
{
	*fd = open_quietly(at, name, O_DIRECTORY);
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

/* Returns 0 or an errno, which is in item->error as well. */
static int
fill_item(int at, const char *name, int flags, struct capture_item *item)
{
	struct statx st;

	item->error = 0;
	if (statx(at, name, flags | AT_NO_AUTOMOUNT | AT_STATX_SYNC_AS_STAT,
		WANTED, &st) < 0)
		return item->error = errno;
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
	if (fill_item(at, name, AT_SYMLINK_NOFOLLOW, item) != 0)
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
	const struct capture_item *x = a, *y = b;

	/* Both end in NUL and hold none: strcmp is the order of the bytes. */
	return strcmp(x->name, y->name);
}

static void
add_child(struct capture_list *list, int dirfd, const char *name)
{
	struct capture_item item = { 0 };
	size_t n = strlen(name);

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if (fill_item(dirfd, name, AT_SYMLINK_NOFOLLOW, &item) == ENOENT)
		return; /* gone since: as if it had never been there */
	item.name = keep_name(list, name, n);
	item.name_n = (uint16_t)n;
	if (list->n == list->cap) {
		list->cap = list->cap == 0 ? 16 : list->cap * 2;
		list->items =
		    mem_resize(list->items, list->cap, sizeof *list->items);
	}
	list->items[list->n++] = item;
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
	fd = open_quietly(dirfd, ".", O_DIRECTORY);
	if (fd < 0 || (d = fdopendir(fd)) == NULL)
		return err_sys(e, "cannot read the directory");
	fd = -1;
	for (;;) {
		errno = 0;
		const struct dirent *child = readdir(d);
		if (child == NULL)
			break;
		add_child(list, dirfd, child->d_name);
	}
	if (errno != 0)
		return err_sys(e, "cannot read the directory");
	if (list->n > 1)
		qsort(list->items, list->n, sizeof *list->items, by_name);
	*out = TAKE(list);
	return 0;
}

size_t
capture_size(const struct capture_list *list)
{
	return list->n;
}

const struct capture_item *
capture_at(const struct capture_list *list, size_t i)
{
	return &list->items[i];
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
	free((*list)->items);
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

/* Where attributes are read from: an open file, or a name that is no file. */
struct source {
	int fd; /* the file, or the directory when name is set */
	const char *name;
};

static ssize_t
list_names(const struct source *from, void *p, size_t n)
{
	if (from->name == NULL)
		return flistxattr(from->fd, p, n);
	return syscall(
	    CALL_LISTXATTRAT, from->fd, from->name, AT_SYMLINK_NOFOLLOW, p, n);
}

static ssize_t
get_value(const struct source *from, const char *name, void *p, size_t n)
{
	struct {
		_Alignas(8) uint64_t value;
		uint32_t size, flags;
	} args = { (uint64_t)(uintptr_t)p, (uint32_t)n, 0 };

	if (from->name == NULL)
		return fgetxattr(from->fd, name, p, n);
	return syscall(CALL_GETXATTRAT, from->fd, from->name,
	    AT_SYMLINK_NOFOLLOW, name, &args, sizeof args);
}

/* Of the kernel's own space only ACLs can be given back. */
static bool
wanted_xattr(const char *name)
{
	return strncmp(name, "system.", 7) != 0 ||
	    strncmp(name, "system.posix_acl_", 17) == 0;
}

static void
add_xattr(const struct source *from, const char *name, struct capture_detail *d)
{
	struct bytes key = bytes_str(name);

	buf_clear(&d->scratch);
	uint8_t *p = buf_grow(&d->scratch, ENTRY_XATTR_MAX);
	ssize_t n = get_value(from, name, p, ENTRY_XATTR_MAX);
	if (n < 0) {
		/* Gone since is as if it had never been there. */
		d->xattrs_left_out += errno != ENODATA;
		return;
	}
	if (key.n + (size_t)n + 8 > ENTRY_XATTRS_MAX - d->xattrs.n) {
		d->xattrs_left_out++;
		return;
	}
	entry_xattr_put(&d->xattrs, key, bytes_of(p, (size_t)n));
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
read_xattrs(const struct source *from, struct capture_detail *d)
{
	char first[1024];
	ssize_t n = list_names(from, first, sizeof first);
	OWN(buf_free) struct buf all = { 0 };
	OWN(mem_free) const char **names = NULL;
	size_t count = 0;

	if (n < 0 && errno == ERANGE) {
		char *p = (char *)buf_grow(&all, ENTRY_XATTR_MAX);
		n = list_names(from, p, ENTRY_XATTR_MAX);
	} else if (n > 0) {
		buf_put(&all, first, (size_t)n);
	}
	if (n <= 0)
		return; /* none, or a file system without them */
	all.n = (size_t)n;
	names = mem_array(all.n, sizeof *names);
	for (const char *p = (char *)all.p; p < (char *)all.p + all.n;
	     p += strlen(p) + 1)
		if (wanted_xattr(p))
			names[count++] = p;
	/* The kernel's order may change from one reading to the next. */
	if (count > 1)
		qsort(names, count, sizeof *names, by_text);
	for (size_t i = 0; i < count; i++)
		add_xattr(from, names[i], d);
	d->entry.xattrs = buf_bytes(&d->xattrs);
}

static uint32_t
read_flags(int fd)
{
	/* Filled as an int, whatever the ioctl's number says. */
	long flags = 0;
	int low;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return 0;
	memcpy(&low, &flags, sizeof low);
	return (uint32_t)low & ENTRY_FLAGS;
}

/*
 * Map what is data. Returns 1 when there are holes, 0 when
 * there are none or no usable map can be had: the file counts as whole then.
 */
static int
map_extents(int fd, uint64_t size, struct buf *map)
{
	uint64_t end = 0;

	while (end < size) {
		off_t data = lseek(fd, (off_t)end, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return 0;
		if (data < 0 || (uint64_t)data >= size)
			return 1; /* a hole up to the end */
		off_t hole = lseek(fd, data, SEEK_HOLE);
		if (hole <= data || map->n > ENTRY_EXTENTS_MAX - 32)
			return 0;
		if ((uint64_t)data == end && map->n > 0)
			return 0; /* it is being written this moment */
		uint64_t to = (uint64_t)hole > size ? size : (uint64_t)hole;
		if (data == 0 && to == size)
			return 0;
		entry_extent_put(
		    map, &end, (uint64_t)data, to - (uint64_t)data);
	}
	return 1;
}

static void
read_extents(int fd, struct capture_detail *d)
{
	d->entry.sparse = map_extents(fd, d->entry.size, &d->extents) == 1;
	if (d->entry.sparse)
		d->entry.extents = buf_bytes(&d->extents);
	(void)lseek(fd, 0, SEEK_SET);
}

static int
read_target(
    int dirfd, const char *name, struct capture_detail *d, struct err *e)
{
	char *p = (char *)buf_grow(&d->target, ENTRY_TARGET_MAX + 1);
	ssize_t n = readlinkat(dirfd, name, p, ENTRY_TARGET_MAX + 1);

	if (n < 0 && errno == EINVAL)
		return replaced(e);
	if (n < 0)
		return err_sys(e, "cannot read the link");
	if (n == 0 || n > ENTRY_TARGET_MAX)
		return err_set(e, ERR_IO,
		    "the link's target is empty or above %d bytes",
		    ENTRY_TARGET_MAX);
	d->target.n = (size_t)n;
	d->entry.target = buf_bytes(&d->target);
	return 0;
}

/* Open and make sure that it is what was listed; now holds what it is now. */
static int
open_item(int dirfd, const struct capture_item *item, int *fd,
    struct capture_item *now, struct err *e)
{
	bool dir = item->type == ENTRY_DIRECTORY;

	*fd = open_quietly(dirfd, item->name, dir ? O_DIRECTORY : 0);
	if (*fd < 0 && (errno == ELOOP || errno == ENOTDIR || errno == ENXIO))
		return replaced(e);
	if (*fd < 0)
		return err_sys(e, "cannot open it");
	*now = *item;
	if (fill_item(*fd, "", AT_EMPTY_PATH, now) != 0)
		return err_sys(e, "cannot look at it");
	if (now->type != item->type || now->ino != item->ino ||
	    now->dev != item->dev)
		return replaced(e);
	return 0;
}

static void
start_over(struct capture_detail *d)
{
	fd_close(&d->fd);
	d->fd = -1;
	d->xattrs_left_out = 0;
	buf_clear(&d->name);
	buf_clear(&d->xattrs);
	buf_clear(&d->extents);
	buf_clear(&d->target);
	d->entry = (struct entry){ 0 };
}

static int
detail_open(struct capture *c, int dirfd, const struct capture_item *item,
    struct capture_detail *d, struct err *e)
{
	OWN(fd_close) int fd = -1;
	struct capture_item now;

	if (open_item(dirfd, item, &fd, &now, e) < 0)
		return -1;
	capture_entry(c, &now, &d->entry);
	read_xattrs(&(struct source){ fd, NULL }, d);
	d->entry.flags = read_flags(fd);
	if (now.type == ENTRY_REGULAR && now.blocks * 512 < now.size)
		read_extents(fd, d);
	d->fd = fd;
	fd = -1;
	return 0;
}

int
capture_detail(struct capture *c, int dirfd, const struct capture_item *item,
    struct capture_detail *d, struct err *e)
{
	start_over(d);
	if (item->error != 0) {
		errno = item->error;
		return err_sys(e, "cannot look at it");
	}
	if (item->type == ENTRY_REGULAR || item->type == ENTRY_DIRECTORY) {
		if (detail_open(c, dirfd, item, d, e) < 0)
			return -1;
	} else {
		capture_entry(c, item, &d->entry);
		if (item->type == ENTRY_SYMLINK &&
		    read_target(dirfd, item->name, d, e) < 0)
			return -1;
		read_xattrs(&(struct source){ dirfd, item->name }, d);
	}
	buf_put(&d->name, item->name, item->name_n);
	d->entry.name = buf_bytes(&d->name);
	return 0;
}

void
capture_detail_free(struct capture_detail *d)
{
	start_over(d);
	buf_free(&d->name);
	buf_free(&d->xattrs);
	buf_free(&d->extents);
	buf_free(&d->target);
	buf_free(&d->scratch);
}

bool
capture_unchanged(int fd, const struct entry *x)
{
	struct capture_item now = { 0 };

	return fill_item(fd, "", AT_EMPTY_PATH, &now) == 0 &&
	    now.size == x->size && now.mtime_s == x->mtime_s &&
	    now.mtime_ns == x->mtime_ns && now.ctime_s == x->ctime_s &&
	    now.ctime_ns == x->ctime_ns;
}

bool
capture_is_aumbry_home(int dirfd)
{
	const size_t want = sizeof MARKER_LINE - 1;
	char line[sizeof MARKER_LINE];
	OWN(fd_close) int fd = open_quietly(dirfd, MARKER, 0);
	struct stat st;

	if (fd < 0)
		return errno == EACCES &&
		    fstatat(dirfd, MARKER, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	ssize_t n = read(fd, line, want);
	if (n == (ssize_t)want - 1) /* the newline may be missing at the end */
		line[n++] = '\n';
	return n > 0 &&
	    bytes_equal(bytes_of(line, (size_t)n), bytes_str(MARKER_LINE));
}
