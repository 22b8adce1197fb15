/* SPDX-License-Identifier: ISC */
/* backup_roots.c: what was named, as it is found. */
#include "backup/backup_in.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
by_text(const void *a, const void *b)
{
	/* A slash sorts first, so that siblings stand together. */
	const unsigned char *x = *(unsigned char *const *)a;
	const unsigned char *y = *(unsigned char *const *)b;

	while (*x != '\0' && *x == *y) {
		x++;
		y++;
	}
	int cx = *x == '/' ? 1 : *x == '\0' ? 0 : *x + 1;
	int cy = *y == '/' ? 1 : *y == '\0' ? 0 : *y + 1;
	return cx - cy;
}

/* One that is not there, or behind what may not be passed. */
static void
tell(struct run *r, const char *path)
{
	struct err why;

	(void)err_sys(&why, "it cannot be found");
	char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);

	/* Paths are told without the slash they begin with. */
	if (here != NULL) {
		buf_put_str(&r->path, here + (here[0] == '/'));
		buf_put_u8(&r->path, '/');
	}
	buf_put_str(&r->path, path + (path[0] == '/'));
	backup_warn(r, &why, true);
	buf_clear(&r->path);
	free(here);
}

/* Add what is between the slashes of path; false when that goes back up. */
static bool
add_names(struct buf *out, const char *path)
{
	for (size_t n; *path != '\0'; path += n) {
		n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.')
			return false;
		if (n > 0 && !(n == 1 && path[0] == '.')) {
			if (out->n > 0)
				buf_put_u8(out, '/');
			buf_put(out, path, n);
		}
		n += path[n] == '/';
	}
	return true;
}

/* Patterns are written with the names that people use: $HOME may be a link. */
static void
note_spelling(struct run *r, const char *path, const char *real)
{
	OWN(buf_free) struct buf named = { 0 };
	char *here = path[0] == '/' ? NULL : get_current_dir_name();

	if ((path[0] == '/' || (here != NULL && add_names(&named, here))) &&
	    add_names(&named, path) && named.n > 0 &&
	    strcmp(buf_text(&named), real + 1) != 0)
		r->spelled[r->n_spelled++] =
		    (struct spelling){ mem_text(real + 1),
			    mem_text(buf_text(&named)) };
	free(here);
}

static void
sort_roots(struct run *r)
{
	size_t kept = 0;

	qsort(r->roots, r->n_roots, sizeof *r->roots, by_text);
	for (size_t i = 0; i < r->n_roots; i++)
		if (kept > 0 && strcmp(r->roots[kept - 1], r->roots[i]) == 0)
			free(r->roots[i]);
		else
			r->roots[kept++] = r->roots[i];
	r->n_roots = kept;
}

int
backup_find_roots(struct run *r, struct err *e)
{
	const struct backup_options *o = r->o;
	OWN(mem_free) int *failed = mem_array(o->n_paths + 1, sizeof *failed);

	r->roots = mem_array(o->n_paths + 1, sizeof *r->roots);
	r->spelled = mem_array(o->n_paths + 1, sizeof *r->spelled);
	for (size_t i = 0; i < o->n_paths; i++) {
		char *real = realpath(o->paths[i], NULL);
		if (real == NULL) {
			failed[i] = errno;
			continue;
		}
		note_spelling(r, o->paths[i], real);
		r->roots[r->n_roots++] = real;
	}
	for (size_t i = 0; i < o->n_paths; i++) {
		if (failed[i] == 0)
			continue;
		errno = failed[i];
		if (r->n_roots == 0) {
			OWN(buf_free) struct buf shown = { 0 };
			text_show(&shown, bytes_str(o->paths[i]));
			errno = failed[i];
			(void)err_sys(e, "%s", buf_text(&shown));
			return err_remedy(e, "Check the path to back up.");
		}
		tell(r, o->paths[i]);
	}
	sort_roots(r);
	return 0;
}

void
backup_roots_free(struct run *r)
{
	for (size_t i = 0; i < r->n_roots; i++)
		free(r->roots[i]);
	free(r->roots);
	for (size_t i = 0; i < r->n_spelled; i++) {
		free(r->spelled[i].real);
		free(r->spelled[i].named);
	}
	free(r->spelled);
	buf_free(&r->as_spelled);
}
