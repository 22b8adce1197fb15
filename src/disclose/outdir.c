/* SPDX-License-Identifier: ISC */
/* outdir.c: making the folder, writing files, removing the work. */
#include "disclose/outdir.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITS (256 * 1024) /* bytes that are written at once */

static void
dir_close(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
	*d = NULL;
}

static int
must_be_empty(const char *path, struct err *e)
{
	OWN(dir_close) DIR *d = opendir(path);
	const struct dirent *x;

	if (d == NULL)
		return errno == ENOTDIR
		    ? err_set(e, ERR_REPO_EXISTS, "%s is no folder", path)
		    : err_sys(e, "%s", path);
	while ((x = readdir(d)) != NULL)
		if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
			return err_set(
			    e, ERR_REPO_EXISTS, "%s is not empty", path);
	return 0;
}

int
outdir_make(const char *path, struct err *e)
{
	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return err_sys(e, "%s", path);
	if (must_be_empty(path, e) < 0)
		return -1;
	return chmod(path, 0700) < 0 ? err_sys(e, "%s", path) : 0;
}

static int
drop_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	(void)remove(path);
	return 0;
}

void
outdir_drop(const char *path, const char *name)
{
	OWN(mem_free) char *all = file_join(path, name);

	(void)nftw(all, drop_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- files ---- */

void
outfile_free(struct outfile *f)
{
	fd_close(&f->fd);
	mem_free(&f->path);
	buf_free(&f->waits);
}

static int
make_above(const char *path, struct err *e)
{
	OWN(mem_free) char *above = file_above(path);

	return file_exists(above) ? 0 : file_mkdirs(above, 0700, e);
}

int
outfile_open(
    const char *dir, const char *name, struct outfile *f, struct err *e)
{
	f->path = file_join(dir, name);
	if (make_above(f->path, e) < 0)
		return -1;
	f->fd = open(f->path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return f->fd < 0 ? err_sys(e, "%s", f->path) : 0;
}

static int
flush(struct outfile *f, struct err *e)
{
	if (file_write_all(f->fd, buf_bytes(&f->waits), e) < 0)
		return err_in(e, "%s", f->path);
	buf_clear(&f->waits);
	return 0;
}

int
outfile_put(struct outfile *f, struct bytes x, struct err *e)
{
	buf_put_bytes(&f->waits, x);
	return f->waits.n < WAITS ? 0 : flush(f, e);
}

int
outfile_done(struct outfile *f, struct err *e)
{
	if (flush(f, e) < 0)
		return -1;
	if (fsync(f->fd) < 0)
		return err_sys(e, "%s", f->path);
	fd_close(&f->fd);
	return 0;
}

int
outdir_write(const char *dir, const char *name, struct bytes x, struct err *e)
{
	OWN(outfile_free) struct outfile f = OUTFILE;

	return outfile_open(dir, name, &f, e) < 0 || outfile_put(&f, x, e) < 0
	    ? -1
	    : outfile_done(&f, e);
}
