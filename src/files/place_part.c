/* SPDX-License-Identifier: ISC */
/* place_part.c: names of what is not finished, and what a run left of it. */
#include "files/place_in.h"

#include "base/file.h"
#include "wire/id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PREFIX ".aumbry-part-"

void
place_part_name(char out[static 64])
{
	struct id id;

	id_random(&id);
	(void)snprintf(out, 64, PREFIX "%s", id_text(&id).s);
}

int
place_part_move(
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

/* May another run still be writing it? */
static bool
in_work(int dirfd, const char *name)
{
	OWN(fd_close)
	int fd = place_beneath(dirfd, name, O_WRONLY | O_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		fd = place_beneath(dirfd, name, O_RDONLY | O_NONBLOCK, 0);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* Is this a name that place_part_name makes? */
static bool
is_part(const char *name)
{
	const size_t n = sizeof PREFIX - 1;

	return strncmp(name, PREFIX, n) == 0 && strlen(name + n) == ID_TEXT &&
	    strspn(name + n, "0123456789abcdef") == ID_TEXT;
}

void
place_sweep(int dirfd)
{
	int list = place_beneath(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *d = list < 0 ? NULL : fdopendir(list);
	const struct dirent *child;

	if (d == NULL) {
		fd_close(&list);
		return;
	}
	while ((child = readdir(d)) != NULL)
		if (is_part(child->d_name) && !in_work(dirfd, child->d_name))
			(void)unlinkat(dirfd, child->d_name, 0);
	(void)closedir(d);
}
