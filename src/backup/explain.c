/* SPDX-License-Identifier: ISC */
/* explain.c: a walk that goes only where something is asked about. */
#include "backup/backup_in.h"

#include "base/file.h"
#include "files/secretfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_ANSWER "no-root"

struct asking {
	struct explain_answer *answers;
	char **paths; /* absolute, without leading slash; NULL: nowhere */
	size_t n;
};

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

/* Is path i what r->path names, or in it? */
static bool
is_at(const struct run *r, size_t i)
{
	if (r->asking->paths[i] == NULL)
		return false;
	struct bytes path = bytes_str(r->asking->paths[i]);
	struct bytes here = buf_bytes(&r->path);
	return here.n == 0 || bytes_equal(path, here) || tree_below(path, here);
}

bool
backup_asked(const struct run *r)
{
	if (r->asking == NULL)
		return true;
	for (size_t i = 0; i < r->asking->n; i++)
		if (is_at(r, i))
			return true;
	return false;
}

static void
answer(struct run *r, const struct backup_rule *rule, const struct err *why)
{
	for (size_t i = 0; r->asking != NULL && i < r->asking->n; i++) {
		struct explain_answer *a = &r->asking->answers[i];
		if (!is_at(r, i))
			continue;
		a->stored = false;
		a->rule = *rule;
		if (why != NULL)
			a->why = *why;
		buf_clear(&a->at);
		if (rule->code == NULL)
			continue;
		buf_put_u8(&a->at, '/');
		buf_put_bytes(&a->at, buf_bytes(&r->path));
	}
}

void
backup_answer_out(struct run *r)
{
	answer(r, &r->hit, NULL);
}

void
backup_answer_by(struct run *r, const char *code, const char *words)
{
	answer(r, &(struct backup_rule){ .code = code, .words = words }, NULL);
}

void
backup_answer_unread(struct run *r, const struct err *why)
{
	answer(r,
	    &(struct backup_rule){
		.code = "unreadable", .words = "it cannot be read" },
	    why);
}

/* As read_small sees it, without the rest of the pipeline. */
static bool
is_secret(struct run *r, struct backup_rule *out)
{
	uint8_t head[SECRETFILE_WHOLE];
	size_t got;
	struct err ignored;

	if (secretfile_rule(buf_bytes(&r->path), r->secrets, &out->by)) {
		out->code = "secret";
		out->words = "a pattern";
		return true;
	}
	if (r->detail.entry.size == 0 || !backup_is_small(&r->detail.entry) ||
	    file_pread_full(
		r->detail.fd, head, sizeof head, 0, &got, &ignored) < 0 ||
	    !secretfile_by_content(bytes_of(head, got), r->detail.entry.size))
		return false;
	out->code = "content";
	out->words = "its content is that of a private key";
	mem_wipe(head, sizeof head);
	return true;
}

void
backup_answer_in(struct run *r, int dirfd, const struct capture_item *item,
    bool named, bool kept)
{
	struct err why;

	if (r->asking == NULL)
		return;
	if (named) /* what was said of a folder above is no word on a root */
		answer(r, &(struct backup_rule){ 0 }, NULL);
	for (size_t i = 0; i < r->asking->n; i++) {
		struct explain_answer *a = &r->asking->answers[i];
		if (!is_at(r, i) ||
		    strcmp(r->asking->paths[i], buf_text(&r->path)) != 0)
			continue;
		a->rule = kept ? r->hit : (struct backup_rule){ 0 };
		a->type = item->type;
		if (capture_detail(r->capture, dirfd, item, &r->detail, &why) <
		    0) {
			backup_answer_unread(r, &why);
			continue;
		}
		a->stored = true;
		a->keychain =
		    item->type == ENTRY_REGULAR && is_secret(r, &a->secret);
		fd_close(&r->detail.fd);
	}
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
