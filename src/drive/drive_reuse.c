/* SPDX-License-Identifier: ISC */
/* drive_reuse.c: chunks of a large file that are here, in what it was before. */
/*
 * The history of its node says which chunks the content that lies here was made
 * of. Each is checked by its name before it is used: it may have been written to.
 */
#include "drive/drive_in.h"

#include "drive/record.h"

#include <stdlib.h>

struct chunk {
	struct digest name;
	uint64_t offset;
};

struct drive_reuse {
	struct os *os;
	struct os_file *file;
	struct buf chunks; /* struct chunk, by name */
	uint64_t at; /* while they are listed */
};

void
drive_reuse_free(struct drive_reuse **u)
{
	if (*u == NULL)
		return;
	if ((*u)->file != NULL)
		(*u)->os->ops->file_close(&(*u)->file);
	buf_free(&(*u)->chunks);
	free(*u);
	*u = NULL;
}

/* ---- where they lie ---- */

static int
note_chunk(void *ctx, const struct fetch_want *w, bool *have, struct err *e)
{
	struct drive_reuse *u = ctx;
	const struct chunk c = { w->name, w->offset };

	(void)e;
	buf_put(&u->chunks, &c, sizeof c);
	*have = true;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	const struct chunk *x = a, *y = b;

	return bytes_cmp(bytes_of(x->name.b, DIGEST_BYTES),
	    bytes_of(y->name.b, DIGEST_BYTES));
}

/* The version of that content. */
static bool
former(const struct node_history *h, const struct digest *content,
    struct node *out)
{
	for (size_t i = 0; i < h->n; i++) {
		struct digest id;
		struct err ignored;
		*out = (struct node){ .type = NODE_FILE,
			.flags = h->v[i].flags,
			.content = h->v[i].content };
		if (node_content_id(out, &id, &ignored) == 0 &&
		    digest_equal(&id, content))
			return true;
	}
	return false;
}

static int
list_chunks(struct drive_reuse *u, struct drive *d, const struct plan_op *op,
    struct source **source, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(mem_free) struct node_history *h = mem_new(sizeof *h);
	struct content_out o = {
		.repo = d->repo, .source = *source, .have = note_chunk, .ctx = u
	};
	struct node was;
	uint64_t version;
	uint32_t none;

	if (record_history_of(d->zone, &op->id, h, &plain, &version, e) < 0)
		return -1;
	if (!former(h, &op->here.content, &was))
		return 0;
	if (content_out_of(&was, &o, e) < 0)
		return -1;
	int rc = content_out_plan(&o, d->fetch, 0, &none, e);
	*source = o.source;
	size_t n = u->chunks.n / sizeof(struct chunk);
	if (n > 1)
		qsort(u->chunks.p, n, sizeof(struct chunk), by_name);
	return rc;
}

/* ---- the file ---- */

struct find {
	struct drive_root *r;
	const struct plan_op *op;
	struct buf *path;
};

/* What had to move has moved by now: it lies where it is replaced. */
static int
find_job(struct tx *tx, void *arg, struct err *e)
{
	const struct find *f = arg;
	struct drivedb_views v;

	drivedb_views(&v, tx, f->r->row.root);
	return drive_path_to(&v, &f->r->row.top, f->op, f->path, e);
}

int
drive_reuse_new(struct drive_root *r, const struct plan_op *op,
    struct source **source, struct drive_reuse **out, struct err *e)
{
	OWN(drive_reuse_free) struct drive_reuse *u = mem_new(sizeof *u);
	OWN(buf_free) struct buf path = { 0 };
	struct find f = { r, op, &path };
	struct os_stat st;

	*out = NULL;
	u->os = r->os;
	if (!op->replaces || op->here.type != NODE_FILE)
		return 0;
	if (list_chunks(u, r->d, op, source, e) < 0)
		return -1;
	if (u->chunks.n == 0)
		return 0;
	if (db_read(drivedb_db(r->d->db), find_job, &f, e) < 0 ||
	    r->os->ops->file_open(r->os, buf_text(&path), &st, &u->file, e) < 0)
		return -1;
	*out = u;
	u = NULL;
	return 0;
}

bool
drive_reuse_read(
    struct drive_reuse *u, const struct fetch_want *w, struct buf *out)
{
	const struct chunk key = { .name = w->name };
	const struct chunk *c = u == NULL
	    ? NULL
	    : bsearch(&key, u->chunks.p, u->chunks.n / sizeof key, sizeof key,
		  by_name);
	size_t got;
	struct err ignored;

	if (c == NULL)
		return false;
	buf_clear(out);
	uint8_t *p = buf_grow(out, w->length);
	return u->os->ops->file_read(
		   u->file, c->offset, p, w->length, &got, &ignored) == 0 &&
	    got == w->length;
}
