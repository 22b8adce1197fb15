/* SPDX-License-Identifier: ISC */
/* known.c: a line in the folder of each repository's copy. */
#include "client/known.h"

#include "base/file.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Resolved as far as it exists, the rest as it is typed. */
static char *
resolved(const char *path)
{
	OWN(buf_free) struct buf out = { 0 };
	OWN(mem_free) char *head = mem_text(path);
	char *real = realpath(path, NULL);
	char *slash = strrchr(head, '/');

	if (real != NULL)
		return real;
	if (slash == NULL) {
		real = getcwd(NULL, 0);
		buf_printf(&out, "%s/%s", real != NULL ? real : "", path);
		free(real);
		return mem_text(buf_text(&out));
	}
	if (slash[1] == '\0' && slash != head) {
		*slash = '\0'; /* a slash at the end */
		return resolved(head);
	}
	*slash = '\0';
	OWN(mem_free)
	char *above = slash == head ? mem_text("") : resolved(head);
	buf_printf(&out, "%s/%s", above, slash + 1);
	return mem_text(buf_text(&out));
}

static char *
note_of(const char *home, const char *name)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_printf(&b, "%s/repos/%s/path", home, name);
	return mem_text(buf_text(&b));
}

static bool
says(const char *file, const char *path)
{
	OWN(buf_free) struct buf b = { 0 };
	struct err ignored;

	return file_read(file, PATH_MAX, &b, &ignored) == 0 &&
	    bytes_equal(buf_bytes(&b), bytes_str(path));
}

void
known_note(const char *home, const struct id *uid, const char *path)
{
	OWN(mem_free) char *file = note_of(home, id_text(uid).s);
	OWN(mem_free) char *real = resolved(path);
	struct err ignored;

	if (!says(file, real))
		(void)!file_write(file, bytes_str(real), 0600, &ignored);
}

static void
close_dir(DIR **d)
{
	if (*d != NULL)
		(void)closedir(*d);
}

bool
known_at(const char *home, const char *path)
{
	OWN(mem_free) char *repos = file_join(home, "repos");
	OWN(mem_free) char *real = resolved(path);
	OWN(close_dir) DIR *d = opendir(repos);
	const struct dirent *x;

	while (d != NULL && (x = readdir(d)) != NULL) {
		OWN(mem_free) char *file = note_of(home, x->d_name);
		if (says(file, real))
			return true;
	}
	return false;
}
