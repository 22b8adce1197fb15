/* SPDX-License-Identifier: ISC */
/* drive_held.c: what could not be done, how often it was tried, and its words. */
#include "drive/drive_in.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 8 /* of what is not as it was planned */
#define TIMES 24 /* that something is done in one pass, and not done then */

struct tried {
	struct id id; /* first */
	unsigned failed, did;
	bool passed;
};

static int
by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

static struct tried *
tried(struct drive_root *r, const struct id *id)
{
	void *at = tfind(id, &r->tried, by_id);

	if (at != NULL)
		return *(struct tried **)at;
	struct tried *t = mem_new(sizeof *t);
	*t = (struct tried){ .id = *id };
	if (tsearch(t, &r->tried, by_id) == NULL)
		abort();
	return t;
}

void
drive_tried_clear(struct drive_root *r)
{
	tdestroy(r->tried, free);
	r->tried = NULL;
}

bool
drive_passed(const struct drive_root *r, const struct id *id)
{
	void *at = tfind(id, &r->tried, by_id);

	return at != NULL && (*(struct tried **)at)->passed;
}

void
drive_pass_over(struct drive_root *r, const struct id *id)
{
	struct tried *t = tried(r, id);

	if (!t->passed)
		id_put(&r->retry, id);
	t->passed = true;
}

bool
drive_goes_on(enum err_code code)
{
	switch (code) {
	case ERR_CONFLICT:
	case ERR_NOT_FOUND:
	case ERR_IO:
	case ERR_DISK_FULL_HERE:
	case ERR_NAME_NOT_POSSIBLE:
	case ERR_DRIVE_NOT_EMPTY:
	case ERR_DRIVE_HELD:
	case ERR_FILE_CHANGING:
	case ERR_TOO_LARGE:
	case ERR_SNAPSHOT_DAMAGED:
	case ERR_FILE_DAMAGED:
	case ERR_BLOB_CORRUPT:
	case ERR_BLOB_MISSING:
	case ERR_BLOB_TRUNCATED:
	case ERR_RECORD_CORRUPT:
	case ERR_CATEGORY_CLOSED:
	case ERR_PERMISSION:
		return true;
	default:
		return false;
	}
}

void
drive_held_add(struct drive_held **list, size_t *n, const char *path,
    enum err_code code, const char *reason)
{
	*list = mem_resize(*list, *n + 1, sizeof **list);
	(*list)[(*n)++] = (struct drive_held){
		.path = mem_text(path), .code = code, .reason = mem_text(reason)
	};
}

void
drive_held_free(struct drive_held *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].path);
		free(list[i].reason);
	}
	free(list);
}

void
drive_held_clear(struct drive_report *t)
{
	drive_held_free(t->held, t->n_held);
	t->held = NULL;
	t->n_held = 0;
}

/* Where it is here; else where it is there. */
static void
path_of(
    struct drive_root *r, struct tx *tx, const struct id *id, struct buf *out)
{
	struct drivedb_views v;
	struct plan_node n;
	struct err ignored;

	drivedb_views(&v, tx, r->row.root);
	if (v.local.find(v.local.ctx, id, &n) &&
	    drive_path(&v, &r->row.top, &n, out, &ignored) == 0)
		return;
	buf_clear(out);
	if (drivedb_path(tx, id, out, &ignored) < 0 || out->n == 0) {
		buf_clear(out);
		buf_put_str(out, id_text(id).s);
	}
}

void
drive_hold(struct drive_root *r, struct tx *tx, const struct id *id,
    const struct err *why)
{
	OWN(buf_free) struct buf path = { 0 };
	struct tried *t = tried(r, id);
	enum err_code code = why->code;

	if (t->passed)
		return;
	bool other = code == ERR_CONFLICT || code == ERR_NOT_FOUND;
	if (other && ++t->failed < TRIES) {
		drive_todo(r, id); /* after the next look */
		return;
	}
	drive_pass_over(r, id);
	path_of(r, tx, id, &path);
	if (other)
		code = ERR_FILE_CHANGING;
	drive_held_add(&r->report->held, &r->report->n_held, buf_text(&path),
	    code, why->msg);
}

void
drive_did(struct drive_root *r, struct tx *tx, const struct id *id)
{
	struct err why;

	drive_todo(r, id);
	if (++tried(r, id)->did < TIMES)
		return;
	(void)err_set(&why, ERR_DRIVE_HELD,
	    "it was done again and again, and is not done");
	drive_hold(r, tx, id, &why);
}
