/* SPDX-License-Identifier: ISC */
/* drive_note.c: what a look leaves out of a root, kept until it is told. */
/*
 * A look at some folders says nothing of the others, so what was noted there
 * before holds on. What is no file, another file system or another root is not
 * ours and only told, and so is what is carried but may suffer by it; what should be here and cannot be looked at is held, and
 * looked at again by each pass.
 */
#include "drive/drive_in.h"

#include <stdlib.h>
#include <string.h>

#define NOTES_MAX 100 /* the rest is counted */
#define PATH_SHOWN 1000 /* bytes */

static bool
is_ours(enum err_code code)
{
	return code != ERR_DRIVE_HELD && code != ERR_DRIVE_ROOT_OVERLAP &&
	    code != ERR_DRIVE_REPOSITORY;
}

/* Notes of these come from the listing of the folder that it is in. */
static bool
is_of_parent(enum err_code code)
{
	return code == ERR_DRIVE_HELD || code == ERR_TOO_LARGE ||
	    code == ERR_DRIVE_REPOSITORY;
}

static void
drop(struct drive_notes *k, size_t i)
{
	free(k->list[i].path);
	free(k->list[i].reason);
	k->list[i] = k->list[--k->n];
}

void
drive_notes_clear(struct drive_notes *k)
{
	while (k->n > 0)
		drop(k, k->n - 1);
	free(k->list);
	*k = (struct drive_notes){ .n = 0 };
}

void
drive_note(struct drive_notes *k, const char *path, enum err_code code,
    const char *why)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->list[i].path, path) == 0) {
			drop(k, i);
			break;
		}
	if (k->n == NOTES_MAX) {
		k->more++;
		return;
	}
	drive_held_add(&k->list, &k->n, path, code, why);
}

static bool
lies_in(const char *path, const char *dir)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);

	return strlen(dir) == n && strncmp(path, dir, n) == 0;
}

void
drive_notes_listed(struct drive_notes *k, const char *dir)
{
	for (size_t i = k->n; i > 0; i--) {
		const struct drive_held *h = &k->list[i - 1];
		if (is_of_parent(h->code) ? lies_in(h->path, dir)
					  : strcmp(h->path, dir) == 0)
			drop(k, i - 1);
	}
}

void
drive_notes_again(const struct drive_notes *k, struct buf *dirs)
{
	for (size_t i = 0; i < k->n; i++)
		if (is_ours(k->list[i].code)) {
			buf_put_str(dirs, k->list[i].path);
			buf_put(dirs, "/", 2); /* all below it, and a NUL */
		}
}

static void
tell(struct drive_report *t, const struct drive_held *h)
{
	OWN(buf_free) struct buf path = { 0 };

	if (strlen(h->path) > PATH_SHOWN)
		buf_printf(&path, "%.*s...", PATH_SHOWN, h->path);
	else
		buf_put_str(&path, h->path);
	if (h->code == ERR_DRIVE_REPOSITORY)
		drive_held_add(&t->warned, &t->n_warned, buf_text(&path),
		    h->code, h->reason);
	else if (is_ours(h->code))
		drive_held_add(
		    &t->held, &t->n_held, buf_text(&path), h->code, h->reason);
	else
		drive_held_add(
		    &t->left, &t->n_left, buf_text(&path), h->code, h->reason);
}

void
drive_notes_tell(struct drive_root *r)
{
	struct drive_notes *k = &r->notes;
	struct os_stat st;
	struct err why;

	for (size_t i = k->n; i > 0; i--)
		/* It went with a folder above it. */
		if (r->os->ops->stat(r->os, k->list[i - 1].path, &st, &why) <
			0 &&
		    why.code == ERR_NOT_FOUND)
			drop(k, i - 1);
	for (size_t i = 0; i < k->n; i++)
		tell(r->report, &k->list[i]);
	r->report->left_more = k->more;
}
