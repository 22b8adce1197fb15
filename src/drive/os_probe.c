/* SPDX-License-Identifier: ISC */
/* os_probe.c: what a file system can hold, found out by trying, in part/. */
#include "drive/os_in.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PREFIX "probe-" /* no part begins so */
#define GRANULE_NEAR 20000000 /* ns: two ticks of the slowest kernel clock */
#define GRANULE_FAR 2000000000 /* ns: FAT's, and a server's clock */
#define NEW_FILE 0644 /* of a program's, less its umask */
#define EXFAT_MAGIC 0x2011bab0

/* False: that name cannot be. A full disk says nothing about names. */
static bool
make(const struct os_posix *o, const char *name)
{
	OWN(fd_close)
	int fd = openat(o->part, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd >= 0 || errno == ENOSPC || errno == EDQUOT;
}

static bool
is_there(const struct os_posix *o, const char *name)
{
	struct stat st;

	return fstatat(o->part, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
drop(const struct os_posix *o, const char *name)
{
	(void)unlinkat(o->part, name, 0);
}

/* Is what was made by the one name there by the other? */
static bool
same_name(const struct os_posix *o, const char *a, const char *b)
{
	bool same = make(o, a) && is_there(o, b);

	drop(o, a);
	drop(o, b);
	return same;
}

static bool
holds(const struct os_posix *o, size_t n)
{
	char name[OS_NAME];

	memset(name, 'p', n);
	memcpy(name, PREFIX, sizeof PREFIX - 1);
	name[n] = '\0';
	bool made = make(o, name);
	drop(o, name);
	return made;
}

/* The kernel's word is of what lies beneath, when that is in between. */
static unsigned
longest_name(const struct os_posix *o)
{
	long said = fpathconf(o->part, _PC_NAME_MAX);
	size_t most =
	    said > 0 && said < NODE_NAME_MAX ? (size_t)said : NODE_NAME_MAX;
	size_t least = sizeof PREFIX;

	if (holds(o, most))
		return (unsigned)most;
	while (most - least > 1) {
		size_t middle = least + (most - least) / 2;
		if (holds(o, middle))
			least = middle;
		else
			most = middle;
	}
	return (unsigned)least;
}

static void
probe_banned(struct os_posix *o)
{
	static const char suspects[] = "\\:*?\"<>|\x01\x1f\x7f";
	size_t n = 0;

	for (const char *c = suspects; *c != '\0'; c++) {
		char name[] = PREFIX "x-";
		name[sizeof PREFIX - 1] = *c;
		if (!make(o, name) && errno != EEXIST)
			o->banned[n++] = *c;
		drop(o, name);
	}
	/* Where one of those is, so are those between. */
	if (strchr(o->banned, 0x1f) != NULL)
		for (char c = 0x02; c < 0x1f; c++)
			o->banned[n++] = c;
	o->fs.banned = o->banned;
}

static void
probe_names(struct os_posix *o)
{
	o->fs.folds = same_name(o, PREFIX "case", "PROBE-CASE") ||
	    same_name(o, PREFIX "\xc3\xa4", PREFIX "\xc3\x84");
	o->fs.normalizes =
	    same_name(o, PREFIX "\xc3\xa9", PREFIX "e\xcc\x81") ||
	    same_name(o, PREFIX "e\xcc\x81", PREFIX "\xc3\xa9");
	o->fs.no_last_dot = same_name(o, PREFIX "dot.", PREFIX "dot") ||
	    same_name(o, PREFIX "space ", PREFIX "space");
	probe_banned(o);
	o->fs.name_max = longest_name(o);
}

/* One file: what its mode and its times hold. */
static int
probe_file(struct os_posix *o, struct err *e)
{
	const struct timespec times[2] = { { 1000000000, 123456789 },
		{ 1000000000, 123456789 } };
	OWN(fd_close)
	int fd = openat(o->part, PREFIX "file",
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, NEW_FILE);
	struct stat was, st;
	struct statfs fs;

	if (fd < 0 || fstat(fd, &was) < 0 || fstatfs(fd, &fs) < 0)
		return err_sys(e, "cannot make a file in " OS_OWN);
	o->mode = was.st_mode & NEW_FILE;
	o->fs.no_exec = fchmod(fd, 0700) < 0 || fstat(fd, &st) < 0 ||
	    (st.st_mode & 0100) == 0 || fchmod(fd, 0600) < 0 ||
	    fstat(fd, &st) < 0 || (st.st_mode & 0100) != 0;
	bool coarse = futimens(fd, times) < 0 || fstat(fd, &st) < 0 ||
	    st.st_mtim.tv_nsec == 0;
	switch ((unsigned long)fs.f_type) {
	case MSDOS_SUPER_MAGIC:
	case EXFAT_MAGIC:
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
	case FUSE_SUPER_MAGIC:
		coarse = true;
	}
	o->granule_ns = coarse ? GRANULE_FAR : GRANULE_NEAR;
	return 0;
}

static void
probe_renames(struct os_posix *o)
{
	const char *a = PREFIX "a", *b = PREFIX "b";

	/* Some rename for good, and say that they have exchanged. */
	o->no_exchange = !make(o, a) || mkdirat(o->part, b, 0700) < 0 ||
	    renameat2(o->part, a, o->part, b, RENAME_EXCHANGE) < 0 ||
	    unlinkat(o->part, a, AT_REMOVEDIR) < 0 || !is_there(o, b);
	(void)unlinkat(o->part, b, AT_REMOVEDIR);
	(void)make(o, a);
	(void)make(o, b);
	o->no_noreplace =
	    renameat2(o->part, a, o->part, b, RENAME_NOREPLACE) == 0 ||
	    errno != EEXIST;
	drop(o, a);
	drop(o, b);
	o->fs.no_symlinks = symlinkat("x", o->part, a) < 0;
	drop(o, a);
}

/* What a crash left of an earlier try. */
static int
drop_probe(
    void *ctx, struct bytes name, const struct os_stat *st, struct err *e)
{
	(void)st;
	(void)e;
	if (strncmp((const char *)name.p, PREFIX, sizeof PREFIX - 1) == 0)
		drop(ctx, (const char *)name.p);
	return 0;
}

int
os_probe(struct os_posix *o, struct err *e)
{
	bool whole;

	if (os_list_fd(o, o->part, drop_probe, o, &whole, e) < 0)
		return -1;
	int rc = probe_file(o, e);
	drop(o, PREFIX "file");
	if (rc < 0)
		return -1;
	probe_names(o);
	probe_renames(o);
	return 0;
}
