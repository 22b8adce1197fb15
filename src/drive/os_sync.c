/* SPDX-License-Identifier: ISC */
/* os_sync.c: what has changed, and waiting until it is on the disk. */
#include "drive/os_in.h"
#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void
os_note(struct os_noted *x, int fd, bool take)
{
	struct stat st = { 0 };
	bool keep = fstat(fd, &st) == 0, known = false;

	(void)pthread_mutex_lock(&x->lock);
	for (size_t i = 0; i < x->n && !known; i++)
		known = keep && x->is[i].ino == st.st_ino;
	/* What only passes through cannot be waited for. */
	if ((fcntl(fd, F_GETFL) & O_PATH) != 0)
		keep = false;
	if (!known && keep && x->n < OS_NOTED && !x->many) {
		int own = take ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (own >= 0) {
			x->is[x->n].fd = own;
			x->is[x->n++].ino = st.st_ino;
			known = true;
			take = false;
		}
	}
	x->many |= !known;
	(void)pthread_mutex_unlock(&x->lock);
	if (take)
		fd_close(&fd);
}

int
os_flush(const struct os_posix *o, struct os_noted *x, struct err *e)
{
	int rc = 0;

	(void)pthread_mutex_lock(&x->lock);
	/* All begin before one is waited for: then one commit of the file
	 * system's journal is for all. */
	for (size_t i = 0; i < x->n && !x->many; i++)
		(void)sync_file_range(x->is[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; i < x->n; i++) {
		if (!x->many && rc == 0 && fsync(x->is[i].fd) < 0)
			rc = err_sys(e, "cannot write to the disk");
		fd_close(&x->is[i].fd);
	}
	if (x->many && syncfs(o->root) < 0)
		rc = err_sys(e, "cannot write to the disk");
	/* What failed is tried again as a whole. */
	x->many = rc < 0;
	x->n = 0;
	(void)pthread_mutex_unlock(&x->lock);
	return rc;
}

/* Where it would be: of what is gone with its folder the one above tells. */
static int
find_near(const struct os_posix *o, char *path, struct os_spot *s)
{
	struct err e;

	while (os_find(o, path, s, &e) < 0) {
		char *slash = strrchr(path, '/');
		if (slash == NULL ||
		    (e.code != ERR_NOT_FOUND && e.code != ERR_CONFLICT))
			return -1;
		*slash = '\0';
	}
	return 0;
}

bool
os_sync_also(struct os *os, const char *path, const struct os_stat *expect)
{
	struct os_posix *o = os_posix_of(os);
	OWN(os_leave) struct os_spot s = OS_SPOT;
	OWN(mem_free) char *at = mem_text(path);
	struct os_stat st = { .type = NODE_NONE };
	bool there = find_near(o, at, &s) == 0;

	/* What cannot be opened is waited for with all the rest. */
	os_note(&o->changed, there ? s.dir : -1, false);
	there = there && strcmp(at, path) == 0 &&
	    os_look(o, s.dir, s.name, &st, NULL) == 0;
	if (there && st.type == NODE_FILE) {
		int fd = openat(s.dir, s.name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		there = fd < 0 || os_look(o, fd, "", &st, NULL) == 0;
		os_note(&o->changed, fd, true);
	}
	return expect == NULL || (there && os_expected(expect, &st));
}

int
os_sync(struct os *os, struct err *e)
{
	struct os_posix *o = os_posix_of(os);

	if (os_flush(o, &o->filled, e) < 0)
		return -1;
	return os_flush(o, &o->changed, e);
}

void
os_noted_free(struct os_noted *x)
{
	while (x->n > 0)
		fd_close(&x->is[--x->n].fd);
	(void)pthread_mutex_destroy(&x->lock);
}
