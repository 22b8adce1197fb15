/* SPDX-License-Identifier: ISC */
/* scratch_dir.h: a real directory for one test, on the build's file system. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct scratch {
	char path[64];
	int fd;
};

/* Remove what is beneath, of any depth, closed or immutable as it may be. */
static inline void
scratch_empty(int dirfd)
{
	DIR *d = fdopendir(dirfd);
	const struct dirent *child;

	while (d != NULL && (child = readdir(d)) != NULL) {
		const char *name = child->d_name;
		struct stat st;
		int flags = 0;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISDIR(st.st_mode) && fchmodat(dirfd, name, 0700, 0) != 0)
			continue;
		int fd = S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)
		    ? openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
		    : -1;
		if (fd >= 0) {
			(void)ioctl(fd, FS_IOC_GETFLAGS, &flags);
			flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
			(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
		}
		if (S_ISDIR(st.st_mode) && fd >= 0)
			scratch_empty(fd);
		else if (fd >= 0)
			(void)close(fd);
		(void)unlinkat(
		    dirfd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	}
	if (d != NULL)
		(void)closedir(d);
}

static inline struct scratch
scratch_new(void)
{
	struct scratch s = { .fd = -1 };

	(void)mkdir("build", 0777);
	(void)snprintf(s.path, sizeof s.path, "build/scratch-XXXXXX");
	if (mkdtemp(s.path) != NULL)
		s.fd = open(s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.fd < 0)
		abort();
	return s;
}

static inline void
scratch_free(struct scratch *s)
{
	if (s->fd < 0)
		return;
	(void)fchmod(s->fd, 0700);
	scratch_empty(s->fd);
	s->fd = -1;
	(void)rmdir(s->path);
}

static inline void
scratch_write_at(int at, const char *name, const char *text)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	size_t n = strlen(text);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n || close(fd) != 0)
		abort();
}

/* Whether a file beneath holds exactly this text. */
static inline int
scratch_holds(int at, const char *name, const char *text)
{
	char got[4096];
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof got);

	if (fd >= 0)
		(void)close(fd);
	return n == (ssize_t)strlen(text) && strncmp(got, text, (size_t)n) == 0;
}
