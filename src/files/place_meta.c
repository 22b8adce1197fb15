/* SPDX-License-Identifier: ISC */
/* place_meta.c: giving back owner, mode, attributes, times and flags. */
#include "files/place_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define PATH_BY_FD 32 /* bytes for /proc/self/fd/N */

enum kind { KIND_USER, KIND_GROUP, KINDS };

struct owner {
	struct owner *next;
	char *name;
	bool known;
	uint32_t id;
};

struct place_meta {
	bool tame;
	bool numeric;
	uid_t uid;
	pthread_mutex_t lock; /* owners */
	struct owner *owners[KINDS];
	atomic_uint_fast64_t no_owner, no_mode, no_acl, no_xattr, no_flags;
};

struct place_meta *
place_meta_new(void)
{
	struct place_meta *m = mem_new(sizeof *m);

	m->uid = geteuid();
	(void)pthread_mutex_init(&m->lock, NULL);
	return m;
}

void
place_meta_free(struct place_meta **m)
{
	if (*m == NULL)
		return;
	for (int kind = 0; kind < KINDS; kind++) {
		struct owner *o = (*m)->owners[kind];
		while (o != NULL) {
			struct owner *next = o->next;
			free(o->name);
			free(o);
			o = next;
		}
	}
	(void)pthread_mutex_destroy(&(*m)->lock);
	free(*m);
	*m = NULL;
}

void
place_meta_tame(struct place_meta *m)
{
	m->tame = true;
}

bool
place_meta_tamed(const struct place_meta *m)
{
	return m->tame;
}

void
place_meta_numeric(struct place_meta *m)
{
	m->numeric = true;
}

struct place_counts
place_meta_counts(struct place_meta *m)
{
	return (struct place_counts){
		.owners = atomic_load(&m->no_owner),
		.modes = atomic_load(&m->no_mode),
		.acls = atomic_load(&m->no_acl),
		.xattrs = atomic_load(&m->no_xattr),
		.flags = atomic_load(&m->no_flags),
	};
}

static void
ask_system(enum kind kind, struct owner *o)
{
	OWN(buf_free) struct buf room = { 0 };
	struct passwd pw, *user = NULL;
	struct group gr, *group = NULL;

	for (size_t n = 4096; n <= (size_t)1 << 20; n *= 4) {
		buf_clear(&room);
		char *p = (char *)buf_grow(&room, n);
		int rc = kind == KIND_USER
		    ? getpwnam_r(o->name, &pw, p, n, &user)
		    : getgrnam_r(o->name, &gr, p, n, &group);
		if (rc != ERANGE)
			break;
	}
	o->known = user != NULL || group != NULL;
	if (user != NULL)
		o->id = user->pw_uid;
	if (group != NULL)
		o->id = group->gr_gid;
}

/* The id here of a name, or the one it had there. */
static uint32_t
id_here(struct place_meta *m, enum kind kind, struct bytes name, uint32_t id)
{
	struct owner *o;

	if (name.n == 0 || m->numeric)
		return id;
	(void)pthread_mutex_lock(&m->lock);
	for (o = m->owners[kind]; o != NULL; o = o->next)
		if (bytes_equal(bytes_str(o->name), name))
			break;
	if (o == NULL) {
		o = mem_new(sizeof *o);
		o->name = mem_new(name.n + 1);
		memcpy(o->name, name.p, name.n);
		ask_system(kind, o);
		o->next = m->owners[kind];
		m->owners[kind] = o;
	}
	(void)pthread_mutex_unlock(&m->lock);
	return o->known ? o->id : id;
}

static int
own(int fd, uid_t uid, gid_t gid, int flags)
{
	return flags == 0 ? fchown(fd, uid, gid)
			  : fchownat(fd, "", uid, gid, flags);
}

/* Give the owner; returns the mode that is safe with the owner it has. */
static mode_t
give_owner(struct place_meta *m, int fd, int flags, const struct entry *x)
{
	if (m->tame)
		return x->mode & 0777;
	uid_t uid = id_here(m, KIND_USER, x->user, x->uid);
	gid_t gid = id_here(m, KIND_GROUP, x->group, x->gid);
	mode_t mode = x->mode & 07777;

	if (own(fd, uid, gid, flags) == 0)
		return mode;
	/* A user may give what is theirs to a group that they are in. */
	bool group = own(fd, (uid_t)-1, gid, flags) == 0;
	atomic_fetch_add(&m->no_owner, 1);
	if (x->type == ENTRY_DIRECTORY)
		return mode;
	if (m->uid == 0 || uid != m->uid)
		mode &= ~(mode_t)S_ISUID;
	if (m->uid == 0 || !group)
		mode &= ~(mode_t)S_ISGID;
	return mode;
}

static void
path_by_fd(char out[static PATH_BY_FD], int fd)
{
	(void)snprintf(out, PATH_BY_FD, "/proc/self/fd/%d", fd);
}

int
place_meta_chmod(int fd, mode_t mode)
{
	char path[PATH_BY_FD];

	path_by_fd(path, fd);
	return chmod(path, mode);
}

static bool
is_acl(struct bytes name)
{
	return bytes_equal(name, bytes_str(ACL_ACCESS)) ||
	    bytes_equal(name, bytes_str(ACL_DEFAULT));
}

/* path NULL: by fd. Returns whether x brings an ACL of its own. */
static bool
give_xattrs(
    struct place_meta *m, int fd, const char *path, const struct entry *x)
{
	struct bytes rest = x->xattrs, name, value;
	bool acl = false, no_acl = false, no_xattr = false;

	while (!m->tame && entry_xattr_next(&rest, &name, &value)) {
		char key[256];
		memcpy(key, name.p, name.n);
		key[name.n] = '\0';
		acl |= strcmp(key, ACL_ACCESS) == 0;
		int rc = path == NULL
		    ? fsetxattr(fd, key, value.p, value.n, 0)
		    : setxattr(path, key, value.p, value.n, 0);
		no_acl |= rc < 0 && is_acl(name);
		no_xattr |= rc < 0 && !is_acl(name);
	}
	atomic_fetch_add(&m->no_acl, no_acl);
	atomic_fetch_add(&m->no_xattr, no_xattr);
	return acl;
}

void
place_meta_no_acl(int fd)
{
	char path[PATH_BY_FD];

	path_by_fd(path, fd);
	(void)removexattr(path, ACL_ACCESS);
	(void)removexattr(path, ACL_DEFAULT);
}

static bool
has_xattr(const struct entry *x, struct bytes wanted)
{
	struct bytes rest = x->xattrs, name, value;

	while (entry_xattr_next(&rest, &name, &value))
		if (bytes_equal(name, wanted))
			return true;
	return false;
}

void
place_meta_clear(int fd, const struct entry *x)
{
	OWN(buf_free) struct buf names = { 0 };
	ssize_t n = flistxattr(fd, NULL, 0);

	if (n <= 0)
		return;
	char *p = (char *)buf_grow(&names, (size_t)n);
	n = flistxattr(fd, p, (size_t)n);
	for (const char *end = p + n; n > 0 && p < end; p += strlen(p) + 1)
		if ((is_acl(bytes_str(p)) || strncmp(p, "user.", 5) == 0) &&
		    !has_xattr(x, bytes_str(p)))
			(void)fremovexattr(fd, p);
}

static void
times_of(const struct entry *x, struct timespec out[static 2])
{
	out[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	out[1] = (struct timespec){
		.tv_sec = x->mtime_s,
		.tv_nsec = (long)x->mtime_ns,
	};
}

int
place_meta_give(struct place_meta *m, int fd, const struct entry *x,
    bool inherited, struct err *e)
{
	struct timespec times[2];
	mode_t mode = give_owner(m, fd, 0, x);

	/* After the owner: chown takes capabilities away. */
	bool acl = give_xattrs(m, fd, NULL, x);
	if (inherited && !acl)
		(void)fremovexattr(fd, ACL_ACCESS);
	times_of(x, times);
	if (futimens(fd, times) < 0)
		return err_sys(e, "cannot set its time");
	/* Last, because the mode shows that the file is finished. */
	if (fchmod(fd, mode) < 0)
		atomic_fetch_add(&m->no_mode, 1);
	return 0;
}

int
place_meta_give_path(struct place_meta *m, int fd, const struct entry *x,
    bool inherited, struct err *e)
{
	const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;
	char path[PATH_BY_FD];
	struct timespec times[2];
	mode_t mode = give_owner(m, fd, flags, x);

	path_by_fd(path, fd);
	bool acl = give_xattrs(m, fd, path, x);
	if (inherited && !acl && x->type != ENTRY_SYMLINK)
		(void)removexattr(path, ACL_ACCESS);
	if (x->type != ENTRY_SYMLINK && chmod(path, mode) < 0)
		atomic_fetch_add(&m->no_mode, 1);
	times_of(x, times);
	if (utimensat(fd, "", times, flags) < 0)
		return err_sys(e, "cannot set its time");
	return 0;
}

void
place_meta_flags(struct place_meta *m, int fd, const struct entry *x)
{
	/* Filled as an int, whatever the ioctl's number says. */
	long room = 0;
	uint32_t low;

	if (x->flags == 0 || m->tame)
		return;
	if (ioctl(fd, FS_IOC_GETFLAGS, &room) == 0) {
		memcpy(&low, &room, sizeof low);
		low = (low & ~ENTRY_FLAGS) | (x->flags & ENTRY_FLAGS);
		memcpy(&room, &low, sizeof low);
		if (ioctl(fd, FS_IOC_SETFLAGS, &room) == 0)
			return;
	}
	atomic_fetch_add(&m->no_flags, 1);
}
