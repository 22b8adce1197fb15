/* SPDX-License-Identifier: ISC */
/* file.c: crash-safe replacing, whole reads and writes, locks. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void
fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

char *
file_join(const char *dir, const char *name)
{
	size_t n = strlen(dir), m = strlen(name);
	char *s = mem_new(n + m + 2);

	memcpy(s, dir, n);
	if (n > 0 && s[n - 1] != '/')
		s[n++] = '/';
	memcpy(s + n, name, m);
	return s;
}

bool
file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

#define FROM_HERE (-1) /* where the descriptor is, which moves on */

static int
read_full(int fd, void *p, size_t n, off_t at, size_t *got, struct err *e)
{
	size_t have = 0;

	while (have < n) {
		char *to = (char *)p + have;
		ssize_t r = at == FROM_HERE
		    ? read(fd, to, n - have)
		    : pread(fd, to, n - have, at + (off_t)have);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(e, "read");
		if (r == 0)
			break;
		have += (size_t)r;
	}
	*got = have;
	return 0;
}

int
file_read_full(int fd, void *p, size_t n, size_t *got, struct err *e)
{
	return read_full(fd, p, n, FROM_HERE, got, e);
}

int
file_pread_full(
    int fd, void *p, size_t n, uint64_t at, size_t *got, struct err *e)
{
	return read_full(fd, p, n, (off_t)at, got, e);
}

int
file_unnamed(int dir_fd, int *fd, struct err *e)
{
	char name[32];

	*fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return 0;
	/* Not every file system can. */
	for (unsigned i = 0; i < 100 && *fd < 0; i++) {
		(void)snprintf(
		    name, sizeof name, ".unnamed-%d-%u", (int)getpid(), i);
		*fd = openat(
		    dir_fd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	}
	if (*fd < 0)
		return err_sys(e, "a file without a name");
	(void)unlinkat(dir_fd, name, 0);
	return 0;
}

static int
write_all(int fd, struct bytes x, off_t at, struct err *e)
{
	size_t done = 0;

	while (done < x.n) {
		const uint8_t *p = x.p + done;
		ssize_t w = at == FROM_HERE
		    ? write(fd, p, x.n - done)
		    : pwrite(fd, p, x.n - done, at + (off_t)done);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_sys(e, "write");
		done += (size_t)w;
	}
	return 0;
}

int
file_write_all(int fd, struct bytes x, struct err *e)
{
	return write_all(fd, x, FROM_HERE, e);
}

int
file_pwrite_all(int fd, struct bytes x, uint64_t at, struct err *e)
{
	return write_all(fd, x, (off_t)at, e);
}

int
file_pieces(int fd, size_t size, file_piece_fn fn, void *ctx, struct err *e)
{
	OWN(buf_free) struct buf room = { 0 };
	uint8_t *p = buf_grow(&room, size);
	size_t got;

	do {
		if (file_read_full(fd, p, size, &got, e) < 0 ||
		    (got > 0 && fn(ctx, bytes_of(p, got), e) < 0))
			return -1;
	} while (got == size);
	return 0;
}

int
file_read_rest(
    int fd, const char *name, size_t limit, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf all = { 0 };
	size_t got;

	do {
		size_t step = 65536;
		uint8_t *p = buf_grow(&all, step);
		if (file_read_full(fd, p, step, &got, e) < 0)
			return err_in(e, "%s", name);
		all.n -= step - got;
		if (all.n > limit)
			return err_set(e, ERR_TOO_LARGE,
			    "%s is larger than %zu bytes", name, limit);
	} while (got == 65536);
	buf_put_bytes(out, buf_bytes(&all));
	return 0;
}

int
file_open_plain(const char *path, int flags, int *fd, struct err *e)
{
	OWN(fd_close)
	int f = open(
	    path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	struct stat st = { .st_mode = S_IFREG };

	/* A link; a pipe that nobody reads, or a socket. */
	bool odd = f < 0 && (errno == ELOOP || errno == ENXIO);
	if ((f < 0 && !odd) || (f >= 0 && fstat(f, &st) < 0))
		return err_sys(e, "%s", path);
	if (odd || !S_ISREG(st.st_mode))
		return err_set(
		    e, ERR_STATE_DAMAGED, "%s is no plain file", path);
	*fd = f;
	f = -1;
	return 0;
}

int
file_mkdir_plain(const char *path, mode_t mode, struct err *e)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST || lstat(path, &st) < 0)
		return err_sys(e, "%s", path);
	return S_ISDIR(st.st_mode)
	    ? 0
	    : err_set(e, ERR_CONFLICT, "%s is no folder", path);
}

int
file_read(const char *path, size_t limit, struct buf *out, struct err *e)
{
	OWN(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "%s", path);
	return file_read_rest(fd, path, limit, out, e);
}

int
file_read_regular(
    const char *path, size_t limit, struct buf *out, struct err *e)
{
	OWN(fd_close)
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "%s", path);
	return S_ISREG(st.st_mode)
	    ? file_read_rest(fd, path, limit, out, e)
	    : err_set(e, ERR_STATE_DAMAGED, "%s is no regular file", path);
}

size_t
fd_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		limit.rlim_cur = before;
	return (size_t)limit.rlim_cur;
}

void
file_hold_std(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null",
			fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) != fd)
			abort();
}

int
file_sync_dir(const char *path, struct err *e)
{
	OWN(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, "fsync %s", path);
	return 0;
}

int
file_printed(struct err *e)
{
	if (fflush(stdout) != 0)
		return errno == EPIPE ? 0 : err_sys(e, "standard output");
	return ferror(stdout) == 0
	    ? 0
	    : err_set(e, ERR_IO, "standard output cannot be written");
}

char *
file_above(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return mem_text(".");
	char *d = mem_text(path);
	d[slash == path ? 1 : slash - path] = '\0';
	return d;
}

int
file_write(const char *path, struct bytes x, mode_t mode, struct err *e)
{
	OWN(mem_free) char *dir = file_above(path);
	OWN(buf_free) struct buf tmp = { 0 };

	buf_printf(&tmp, "%s.new-XXXXXX", path);
	OWN(fd_close) int fd = mkostemp((char *)tmp.p, O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "%s", path);
	if (file_write_all(fd, x, e) < 0) {
		(void)unlink(buf_text(&tmp));
		return err_in(e, "%s", path);
	}
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0 ||
	    rename(buf_text(&tmp), path) < 0) {
		(void)err_sys(e, "%s", path);
		(void)unlink(buf_text(&tmp));
		return -1;
	}
	return file_sync_dir(dir, e);
}

int
file_mkdirs(const char *path, mode_t mode, struct err *e)
{
	OWN(mem_free) char *p = mem_text(path);
	struct stat st;

	for (char *s = p; *s != '\0'; s++) {
		if (*s != '/' || s == p)
			continue;
		*s = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return err_sys(e, "%s", p);
		*s = '/';
	}
	if (mkdir(p, mode) < 0 && errno != EEXIST)
		return err_sys(e, "%s", p);
	if (stat(p, &st) < 0)
		return err_sys(e, "%s", p);
	if (S_ISDIR(st.st_mode))
		return 0;
	errno = ENOTDIR;
	return err_sys(e, "%s", p);
}

static int
lock(const char *path, int how, int *fd, struct err *e)
{
	OWN(fd_close) int f = -1;

	if (file_open_plain(path, O_RDWR | O_CREAT, &f, e) < 0)
		return -1;
	while (flock(f, how) < 0) {
		if (errno == EWOULDBLOCK)
			return err_set(
			    e, ERR_HOME_BUSY, "another process holds %s", path);
		if (errno != EINTR)
			return err_sys(e, "%s", path);
	}
	*fd = f;
	f = -1;
	return 0;
}

int
file_lock(const char *path, int *fd, struct err *e)
{
	return lock(path, LOCK_EX | LOCK_NB, fd, e);
}

int
file_lock_wait(const char *path, int *fd, struct err *e)
{
	return lock(path, LOCK_EX, fd, e);
}

int
file_clear_socket(const struct sockaddr_un *a, const char *whose, struct err *e)
{
	OWN(fd_close) int fd = -1;
	struct stat st;

	if (lstat(a->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "%s", a->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!S_ISSOCK(st.st_mode) || fd < 0 ||
	    connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 ||
	    errno != ECONNREFUSED) {
		(void)err_set(e, ERR_CONFLICT,
		    "%s is there already, and no socket that a stopped %s left",
		    a->sun_path, whose);
		return err_remedy(
		    e, "Name another path, or stop what answers there.");
	}
	return unlink(a->sun_path) < 0 ? err_sys(e, "%s", a->sun_path) : 0;
}
