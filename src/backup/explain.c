/* SPDX-License-Identifier: ISC */
/* explain.c: a walk that goes only where something is asked about. */
#include "backup/backup_in.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NO_ANSWER "no-root"

static void
asking_free(struct asking *a)
{
	for (size_t i = 0; i < a->n; i++) {
		buf_free(&a->answers[i].at);
		free(a->paths[i]);
	}
	free(a->answers);
	free(a->paths);
}

/* ---- asking ---- */

/* The folder by its real path; the last name as it is, a link too. */
static char *
real_of(const char *asked)
{
	OWN(mem_free) char *path = mem_text(asked);
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	OWN(mem_free) char *real = NULL;
	if (name[0] == '\0' || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0) {
		real = realpath(path, NULL);
		return real == NULL ? NULL : mem_text(real + 1);
	}
	OWN(mem_free) char *above = file_above(path);
	real = realpath(above, NULL);
	if (real == NULL)
		return NULL;
	OWN(mem_free) char *whole = file_join(real, name);
	return mem_text(whole + strspn(whole, "/"));
}

static void
begin(struct asking *x, const char *const *asked, size_t n)
{
	x->answers = mem_array(n + 1, sizeof *x->answers);
	x->paths = mem_array(n + 1, sizeof *x->paths);
	for (x->n = 0; x->n < n; x->n++) {
		x->paths[x->n] = real_of(asked[x->n]);
		x->answers[x->n] =
		    (struct explain_answer){ .asked = asked[x->n],
			    .rule = { .code = NO_ANSWER,
				.words = "it is not in what is backed up" } };
	}
}

/* The walk asks about no name of the root, nor of what is not there. */
static void
end(struct run *r)
{
	struct stat st;

	for (size_t i = 0; i < r->asking->n; i++) {
		struct explain_answer *a = &r->asking->answers[i];
		const char *path = r->asking->paths[i];
		if (a->stored)
			continue;
		if (path == NULL || lstat(a->asked, &st) < 0 ||
		    a->rule.code == NULL) {
			a->rule = (struct backup_rule){ .code = "missing",
				.words = "it is not there" };
			buf_clear(&a->at);
		} else if (path[0] == '\0' && r->roots[0][1] == '\0') {
			a->stored = true;
			a->rule = (struct backup_rule){ 0 };
			a->type = ENTRY_DIRECTORY;
		}
	}
}

int
backup_explain(const struct backup_options *o, const char *const *asked,
    size_t n, explain_fn fn, void *ctx, struct err *e)
{
	struct backup_options quiet = *o;
	struct backup_result result = { 0 };
	OWN(asking_free) struct asking x = { 0 };
	struct run r = { .o = &quiet,
		.result = &result,
		.asking = &x,
		.detail = CAPTURE_DETAIL };
	struct digest none = { { 0 } };

	quiet.warn = NULL;
	quiet.progress = NULL;
	begin(&x, asked, n);
	int rc = backup_find_roots(&r, e) < 0 || backup_rules_load(&r, e) < 0
	    ? -1
	    : 0;
	r.seen = seen_open("", &none);
	r.capture = capture_new();
	if (rc == 0 && (rc = backup_walk(&r, e)) == 0)
		end(&r);
	for (size_t i = 0; rc == 0 && i < n; i++)
		fn(ctx, &x.answers[i]);
	backup_run_free(&r);
	return rc;
}
