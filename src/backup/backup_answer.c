/* SPDX-License-Identifier: ISC */
/* backup_answer.c: what the walk says of paths that are asked about. */
#include "backup/backup_in.h"

#include "base/file.h"
#include "files/secretfile.h"

#include <string.h>

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

/* As read_content sees it, without the rest of the pipeline. */
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
	if (r->detail.entry.size == 0 ||
	    file_pread_full(
		r->detail.fd, head, sizeof head, 0, &got, &ignored) < 0 ||
	    !secretfile_by_content(bytes_of(head, got), r->detail.entry.size))
		return false;
	out->code = "content";
	out->words = "it holds a private key or a code";
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
