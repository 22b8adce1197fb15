/* SPDX-License-Identifier: ISC */
/* backup_roots.c: what was named, as it is found. */
#include "apps/backup_in.h"

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
	for (size_t i = 0; i < o->n_paths; i++) {
		char *real = realpath(o->paths[i], NULL);
		if (real != NULL)
			r->roots[r->n_roots++] = real;
		else
			failed[i] = errno;
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
