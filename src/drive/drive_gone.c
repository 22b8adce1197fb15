/* SPDX-License-Identifier: ISC */
/* drive_gone.c: what waits in gone/ goes, or comes back when it was written to. */
/*
 * A program may have a file open that was removed or replaced, and write to it
 * then. After a minute such a file is a copy beside the others, unless the drive
 * has its content anyway, as it has that of a part which a crash left there.
 */
#include "drive/drive_in.h"

#include "base/now.h"
#include "drive/content_in.h"
#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

#define AGE_MS 60000
#define NAME_TRIES 100

struct changed {
	char name[NODE_NAME_MAX + 1]; /* in gone/ */
	struct os_stat st;
};

struct sweep {
	struct drive_root *r;
	struct changed *list;
	size_t n;
	struct content_in *in;
	struct os_file *file;
};

static void
sweep_free(struct sweep *s)
{
	if (s->file != NULL)
		s->r->os->ops->file_close(&s->file);
	content_in_free(&s->in);
	free(s->list);
}

static int
note(void *ctx, struct bytes name, const struct os_stat *st, struct err *e)
{
	struct sweep *s = ctx;

	(void)e;
	if (name.n > NODE_NAME_MAX)
		return 0;
	s->list = mem_resize(s->list, s->n + 1, sizeof *s->list);
	struct changed *c = &s->list[s->n++];
	*c = (struct changed){ .st = *st };
	memcpy(c->name, name.p, name.n);
	return 0;
}

/* ---- does the drive have its content? ---- */

static int
read_at(void *ctx, uint64_t at, void *p, size_t n, size_t *got, struct err *e)
{
	struct sweep *s = ctx;

	return s->r->os->ops->file_read(s->file, at, p, n, got, e);
}

static int
data_at(void *ctx, uint64_t at, uint64_t *data, uint64_t *hole, struct err *e)
{
	struct sweep *s = ctx;

	return s->r->os->ops->file_data(s->file, at, data, hole, e);
}

static int
content_of(struct sweep *s, uint64_t size, struct digest *out, struct err *e)
{
	OWN(buf_free) struct buf content = { 0 };
	struct content_in_taken x = { 0 };
	const struct content_in_file f = {
		.size = size, .read = read_at, .data = data_at, .ctx = s
	};

	int rc = content_in_take(s->in, &f, &x, e);
	if (rc == 0)
		rc = content_in_flush(s->in, e);
	if (rc == 0) {
		content_in_put(s->in, &x, &content);
		const struct node as = { .type = NODE_FILE,
			.content = buf_bytes(&content) };
		rc = node_content_id(&as, out, e);
	}
	content_in_taken_free(&x);
	return rc;
}

struct asking {
	struct digest content;
	uint64_t nodes;
};

static int
ask_job(struct tx *tx, void *arg, struct err *e)
{
	struct asking *a = arg;

	return sql_count(tx, e, &a->nodes,
	    "SELECT count(*) FROM tree WHERE content = ?", "d", &a->content);
}

static int
is_known(struct sweep *s, const struct changed *c, bool *known, struct err *e)
{
	const struct os_ops *o = s->r->os->ops;
	OWN(buf_free) struct buf path = { 0 };
	struct asking a = { .nodes = 0 };
	struct os_stat st;

	*known = false;
	if (c->st.type != NODE_FILE)
		return 0;
	if (s->in == NULL && content_in_new(s->r->d->repo, &s->in, e) < 0)
		return -1;
	buf_printf(&path, "%s/gone/%s", OS_OWN, c->name);
	if (o->file_open(s->r->os, buf_text(&path), &st, &s->file, e) < 0)
		return -1;
	int rc = content_of(s, st.is.size, &a.content, e);
	o->file_close(&s->file);
	if (rc < 0 || db_read(drivedb_db(s->r->d->db), ask_job, &a, e) < 0)
		return -1;
	*known = a.nodes > 0;
	return 0;
}

/* ---- back ---- */

/* "name (from DEVICE, day)" at the top, before what may be an ending. */
static void
copy_name(const struct drive_root *r, const char *name, int n, struct buf *out)
{
	const char *was =
	    strlen(name) > OS_GONE_HEAD ? name + OS_GONE_HEAD : name;
	const char *dot = strrchr(was, '.');
	size_t stem =
	    dot != NULL && dot > was ? (size_t)(dot - was) : strlen(was);
	OWN(buf_free) struct buf tail = { 0 };

	buf_printf(&tail, " (from %.*s, %s", (int)r->policy.device.n,
	    (const char *)r->policy.device.p, r->day);
	if (n > 1)
		buf_printf(&tail, ", %d", n);
	buf_printf(&tail, ")%s", was + stem);
	while (stem > 0 && stem + tail.n > r->policy.fs.name_max)
		do
			stem--;
		while (stem > 0 && ((unsigned char)was[stem] & 0xc0) == 0x80);
	buf_put(out, was, stem);
	buf_put_bytes(out, buf_bytes(&tail));
}

static int
bring_back(struct drive_root *r, const struct changed *c, struct err *e)
{
	struct os_stat now;

	for (int i = 1; i <= NAME_TRIES; i++) {
		OWN(buf_free) struct buf path = { 0 };
		copy_name(r, c->name, i, &path);
		if (r->os->ops->gone_back(
			r->os, c->name, buf_text(&path), &now, e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT)
			return -1;
	}
	return -1;
}

static int
one(struct sweep *s, const struct changed *c, struct err *e)
{
	struct drive_root *r = s->r;
	bool known;

	if (is_known(s, c, &known, e) < 0)
		return -1;
	if (known)
		return r->os->ops->gone_drop(r->os, c->name, &c->st, e);
	return bring_back(r, c, e);
}

int
drive_gone(struct drive_root *r, bool *back, struct err *e)
{
	OWN(sweep_free) struct sweep s = { .r = r };
	uint64_t now = (uint64_t)now_ms();
	struct err why;

	*back = false;
	if (r->swept_ms <= now && now - r->swept_ms < AGE_MS)
		return 0;
	r->swept_ms = now;
	if (r->os->ops->gone_sweep(r->os, AGE_MS, note, &s, e) < 0)
		return -1;
	for (size_t i = 0; i < s.n; i++)
		if (one(&s, &s.list[i], &why) == 0)
			*back = true;
		else if (!drive_goes_on(why.code)) {
			*e = why;
			return -1;
		}
	return 0;
}
