/* SPDX-License-Identifier: ISC */
/* os_list.c: a directory listed, sorted, and whether all of it was seen. */
#include "drive/os_in.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
dir_close(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

/* All names, each with its NUL. *whole: they were read to the end. */
static int
read_names(int fd, struct buf *names, size_t *n, bool *whole, struct err *e)
{
	OWN(fd_close)
	int copy = openat(fd, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a position of its own */
	OWN(dir_close) DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *x;

	if (d == NULL)
		return err_sys(e, "cannot list the folder");
	copy = -1;
	*n = 0;
	while (errno = 0, (x = readdir(d)) != NULL) {
		if (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0)
			continue;
		buf_put(names, x->d_name, strlen(x->d_name) + 1);
		(*n)++;
	}
	*whole = errno == 0;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
os_list_fd(const struct os_posix *o, int fd, os_list_fn fn, void *ctx,
    bool *whole, struct err *e)
{
	OWN(buf_free) struct buf names = { 0 };
	OWN(mem_free) const char **sorted = NULL;
	struct os_stat before, after, st;
	size_t n = 0;

	*whole = false;
	if (os_look(o, fd, "", &before, NULL) < 0)
		return err_sys(e, "cannot look at the folder");
	bool all = false;
	if (read_names(fd, &names, &n, &all, e) < 0)
		return -1;
	sorted = mem_array(n + 1, sizeof *sorted);
	const char *name = buf_text(&names);
	for (size_t i = 0; i < n; i++, name += strlen(name) + 1)
		sorted[i] = name;
	qsort(sorted, n, sizeof *sorted, by_name);
	for (size_t i = 0; i < n; i++) {
		if (os_look(o, fd, sorted[i], &st, NULL) < 0) {
			all &= errno == ENOENT;
			continue;
		}
		if (st.is.dev == 0 && st.is.ino == o->inos[0])
			continue;
		if (fn(ctx, bytes_str(sorted[i]), &st, e) < 0)
			return -1;
	}
	*whole = all && os_look(o, fd, "", &after, NULL) == 0 &&
	    before.is.mtime_ns == after.is.mtime_ns &&
	    before.is.ctime_ns == after.is.ctime_ns;
	return 0;
}

int
os_list(struct os *os, const char *path, os_list_fn fn, void *ctx, bool *whole,
    struct err *e)
{
	const struct os_posix *o = os_posix_of(os);
	OWN(fd_close) int fd = os_open(o, path, O_RDONLY | O_DIRECTORY);

	*whole = false;
	if (fd < 0)
		return os_fail(o, NULL, "cannot open the folder", e);
	return os_list_fd(o, fd, fn, ctx, whole, e);
}
