/* SPDX-License-Identifier: ISC */
/* os_part.c: files that are being filled, in part/. */
#include "drive/os_in.h"
#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FAT_MOST UINT32_MAX /* bytes of a file: its field has 32 bits */

struct os_part {
	struct os_posix *o;
	int fd;
	char name[OS_NAME];
};

uint64_t
os_room(struct os *os)
{
	struct statvfs v;

	if (fstatvfs(os_posix_of(os)->root, &v) < 0)
		return 0;
	return (uint64_t)v.f_bavail * v.f_frsize;
}

static int
room_for(struct os_posix *o, uint64_t size, uint64_t have, struct err *e)
{
	struct statfs fs;
	uint64_t room = os_room(&o->os);

	if (fstatfs(o->part, &fs) == 0 && fs.f_type == MSDOS_SUPER_MAGIC &&
	    size > FAT_MOST)
		return err_set(e, ERR_TOO_LARGE,
		    "this file system holds no file of %llu bytes",
		    (unsigned long long)size);
	if (size > have && size - have > room)
		return err_set(e, ERR_DISK_FULL_HERE,
		    "%llu bytes are needed, %llu are free",
		    (unsigned long long)(size - have),
		    (unsigned long long)room);
	return 0;
}

int
os_part_open(struct os *os, const char *name, uint64_t size, uint64_t *have,
    struct os_part **out, struct err *e)
{
	struct os_posix *o = os_posix_of(os);
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	OWN(fd_close) int fd = -1;
	struct stat st = { 0 };

	assert(strchr(name, '/') == NULL && strlen(name) < OS_NAME &&
	    strncmp(name, OS_ASIDE, sizeof OS_ASIDE - 1) != 0);
	fd = openat(o->part, name, flags);
	/* Of one with a second name that is in the tree, a crash cut the
	 * placing short. */
	if (fd >= 0 &&
	    (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1))
		fd_close(&fd);
	if (fd < 0) {
		if (unlinkat(o->part, name, 0) < 0 && errno != ENOENT)
			return os_fail(o, NULL, "cannot begin the file", e);
		fd = openat(o->part, name, flags | O_CREAT | O_EXCL, 0600);
		st.st_size = 0;
	}
	if (fd < 0)
		return os_fail(o, NULL, "cannot begin the file", e);
	if (room_for(o, size, (uint64_t)st.st_size, e) < 0)
		return -1;
	struct os_part *p = mem_new(sizeof *p);
	p->o = o;
	p->fd = fd;
	memcpy(p->name, name, strlen(name) + 1);
	fd = -1;
	*have = (uint64_t)st.st_size;
	*out = p;
	return 0;
}

int
os_part_put(struct os_part *p, uint64_t offset, struct bytes x, struct err *e)
{
	if (file_pwrite_all(p->fd, x, offset, e) == 0)
		return 0;
	return errno == EFBIG ? os_fail(p->o, NULL, "cannot write", e) : -1;
}

int
os_part_read(
    struct os_part *p, uint64_t offset, void *to, size_t n, struct err *e)
{
	size_t got;

	if (file_pread_full(p->fd, to, n, offset, &got, e) < 0)
		return -1;
	memset((uint8_t *)to + got, 0, n - got); /* a hole at its end */
	return 0;
}

static void
part_free(struct os_part **p)
{
	fd_close(&(*p)->fd);
	free(*p);
	*p = NULL;
}

int
os_part_end(struct os_part **part, uint64_t size, bool exec, bool secret,
    int64_t mtime_ns, struct err *e)
{
	struct os_part *p = *part;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

	times[1].tv_sec = mtime_ns / 1000000000;
	times[1].tv_nsec = mtime_ns % 1000000000;
	if (times[1].tv_nsec < 0) {
		times[1].tv_sec--;
		times[1].tv_nsec += 1000000000;
	}
	if (ftruncate(p->fd, (off_t)size) < 0)
		return os_fail(p->o, NULL, "cannot set its size", e);
	mode_t mode = os_mode(p->o->mode & (secret ? 0600 : 0666), exec);
	if (!p->o->fs.no_exec && fchmod(p->fd, mode) < 0)
		return err_sys(e, "cannot set its mode");
	if (futimens(p->fd, times) < 0)
		return err_sys(e, "cannot set its time");
	os_note(&p->o->filled, p->fd, true);
	p->fd = -1;
	part_free(part);
	return 0;
}

void
os_part_abort(struct os_part **p, bool keep)
{
	if (*p == NULL)
		return;
	if (!keep)
		(void)unlinkat((*p)->o->part, (*p)->name, 0);
	part_free(p);
}

int
os_part_drop(struct os *os, const char *name, struct err *e)
{
	struct os_posix *o = os_posix_of(os);

	if (strncmp(name, OS_ASIDE, sizeof OS_ASIDE - 1) == 0)
		return os_conflict("what was put aside is not ours", e);
	if (unlinkat(o->part, name, 0) < 0)
		return err_sys(e, "cannot drop the part");
	return 0;
}
