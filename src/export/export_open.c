/* SPDX-License-Identifier: ISC */
/* export_open.c: the folder of an export: whose is it, and is it whole? */
#include "export/export_in.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void
dir_close(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
	*d = NULL;
}

static void
place_leave_dir(struct place **p)
{
	place_free(p);
}

void
export_free(struct export **out)
{
	struct export *x = *out;

	if (x == NULL)
		return;
	for (size_t i = 0; i < x->n_units; i++) {
		buf_free(&x->units[i].folder);
		buf_free(&x->units[i].line);
	}
	for (size_t i = 0; i < x->n_records; i++) {
		free(x->records[i].path);
		buf_free(&x->records[i].line);
	}
	export_kept_free(x);
	place_free(&x->place);
	buf_free(&x->waits);
	free(x->units);
	free(x->records);
	jsonio_free(&x->lacks);
	buf_free(&x->lacked);
	buf_free(&x->account);
	buf_free(&x->server);
	fd_close(&x->journal);
	fd_close(&x->fd);
	free(x->dir);
	free(x);
	*out = NULL;
}

/* ---- what is in it ---- */

/* What file systems and desktops put into their roots by themselves. */
static bool
is_of_disk(const char *name)
{
	static const char *const names[] = { ".", "..", "lost+found",
		"System Volume Information", "$RECYCLE.BIN" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strncmp(name, ".Trash", 6) == 0;
}

/*
 * With a manifest of ours whatever else is there does no harm. Without one,
 * README.txt says that it was one.
 */
static bool
was_export(const struct export *x)
{
	OWN(buf_free) struct buf text = { 0 };
	OWN(mem_free) char *readme = export_path(x, EXPORT_README);
	OWN(mem_free) char *whole = export_path(x, EXPORT_MANIFEST);
	OWN(mem_free) char *partial = export_path(x, EXPORT_PARTIAL);
	struct err ignored;

	return file_exists(whole) || file_exists(partial) ||
	    (file_read_regular(readme, EXPORT_LINE_MAX, &text, &ignored) == 0 &&
		strncmp(buf_text(&text), EXPORT_TITLE, strlen(EXPORT_TITLE)) ==
		    0);
}

static int
look(const struct export *x, struct err *e)
{
	OWN(dir_close) DIR *d = opendir(x->dir);
	const struct dirent *child;

	if (d == NULL)
		return err_sys(e, "%s", x->dir);
	if (was_export(x))
		return 0;
	while ((child = readdir(d)) != NULL) {
		if (is_of_disk(child->d_name))
			continue;
		(void)err_set(e, ERR_CONFLICT,
		    "%s is not empty, and no export was begun there", x->dir);
		return err_remedy(e, "Name a new folder, or an empty one.");
	}
	return 0;
}

static int
open_dir(struct export *x, struct err *e)
{
	struct stat st;

	if (stat(x->dir, &st) == 0 && !S_ISDIR(st.st_mode)) {
		(void)err_set(e, ERR_CONFLICT, "%s is no folder", x->dir);
		return err_remedy(e, "Name a new folder, or an empty one.");
	}
	if (file_mkdirs(x->dir, 0700, e) < 0)
		return -1;
	x->fd = open(x->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->fd < 0)
		return err_sys(e, "%s", x->dir);
	if (flock(x->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return err_set(
		    e, ERR_HOME_BUSY, "another aumbry exports into %s", x->dir);
	return fstat(x->fd, &st) < 0 ? err_sys(e, "%s", x->dir) : 0;
}

/* ---- is it still so? ---- */

struct checking {
	struct export *x;
	struct place *place;
};

/* A file is as it was, or gone, or somebody's own now. */
static int
check_one(
    void *ctx, const struct export_line *l, struct bytes line, struct err *e)
{
	struct checking *c = ctx;
	const struct entry want = { .type = ENTRY_REGULAR,
		.size = l->size,
		.mtime_s = l->mtime_s,
		.mtime_ns = l->mtime_ns };
	OWN(fd_close) int fd = -1;
	struct err why = { 0 };
	bool same = false;

	(void)line;
	(void)e;
	if (l->drive)
		export_check_drive(c->x, c->place, l);
	if (l->kind != EXPORT_FILE || !l->regular || id_zero(&l->snapshot))
		return 0;
	struct bytes path = buf_bytes(&l->path);
	if (place_same(c->place, path, &want, &same, &why) == 0 && same)
		return 0;
	struct export_unit *u = export_unit(c->x, &l->snapshot);
	if (place_read(c->place, path, &fd, &why) < 0 &&
	    why.code == ERR_NOT_FOUND) {
		u->gone++;
		return 0;
	}
	(void)err_set(&why, ERR_CONFLICT,
	    "it was changed since it was exported, and stays as it is");
	u->changed++;
	c->x->counts.errors++;
	c->x->warn(c->x->ctx, path, &why);
	return 0;
}

static int
check(struct export *x, struct err *e)
{
	OWN(place_leave_dir) struct place *place = NULL;

	if (x->n_units == 0 && x->n_kept == 0)
		return 0;
	if (place_open(x->dir, PLACE_NEVER, &place, e) < 0)
		return -1;
	struct checking c = { x, place };
	return export_each(x, check_one, &c, e);
}

int
export_open(const char *dir, const struct export_from *from,
    export_warn_fn *warn, void *ctx, struct export **out, struct err *e)
{
	OWN(export_free) struct export *x = mem_new(sizeof *x);

	x->fd = x->journal = -1;
	x->dir = mem_text(dir);
	x->from = *from;
	buf_put_str(&x->account, from->account);
	buf_put_str(&x->server, from->server);
	x->warn = warn;
	x->ctx = ctx;
	x->begun_ms = from->now_ms;
	x->lacks = json_array();
	if (open_dir(x, e) < 0 || look(x, e) < 0 || export_load(x, e) < 0 ||
	    check(x, e) < 0)
		return -1;
	*out = TAKE(x);
	return 0;
}

/* ---- what it holds ---- */

bool
export_is_open(const struct export *x)
{
	struct stat st;

	return fstat(x->fd, &st) == 0 &&
	    ((st.st_mode & 077) != 0 || st.st_uid != geteuid());
}

bool
export_goes_on(const struct export *x)
{
	return x->goes_on;
}

bool
export_has(const struct export *x, const struct id *snapshot)
{
	for (size_t i = 0; i < x->n_units; i++)
		if (id_equal(&x->units[i].id, snapshot))
			return x->units[i].done && x->units[i].errors == 0 &&
			    x->units[i].gone == 0;
	return false;
}

struct export_counts
export_counts(const struct export *x)
{
	return x->counts;
}
