/* SPDX-License-Identifier: ISC */
/* space.c: files and trash by the tree, the rest by records. */
#include "drive/space.h"

#include "base/idset.h"
#include "content/repo.h"
#include "drive/edit_in.h"
#include "tree/node.h"
#include "store/sql.h"

#include <string.h>

static int
tree_job(struct tx *tx, void *arg, struct err *e)
{
	struct space *s = arg;
	uint64_t all;

	if (sql_count(tx, e, &all, "SELECT sum(size) FROM tree WHERE type = 1",
		"") < 0 ||
	    sql_count(tx, e, &s->trash,
		"WITH RECURSIVE gone (id) AS ("
		" SELECT id FROM tree WHERE flags & 2"
		" UNION SELECT c.id FROM gone JOIN tree c"
		" ON c.parent = gone.id)"
		" SELECT sum(size) FROM tree WHERE type = 1"
		" AND id IN (SELECT id FROM gone)",
		"") < 0)
		return -1;
	s->files = all - s->trash;
	return 0;
}

struct count {
	struct space *s;
	struct idset marked; /* packs */
};

static void
count_free(struct count *c)
{
	idset_free(&c->marked);
}

static void
add_history(struct space *s, struct bytes plain)
{
	struct node_history *h = mem_new(sizeof *h);
	OWN(mem_free) struct node_history *keep = h;
	struct node_content c;
	struct err ignored;

	if (node_history_parse(plain, h, &ignored) < 0)
		return;
	for (size_t i = 0; i < h->n; i++)
		if (node_content_parse(h->v[i].content, &c, &ignored) == 0)
			s->history += c.size;
}

static int
first(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct count *c = ctx;
	struct scan s = scan_of(r->plain);
	uint8_t kind = scan_u8(&s);

	(void)e;
	if (kind == NODE_KIND_HISTORY)
		add_history(c->s, r->plain);
	if (kind != REPO_CONDEMNED_KIND)
		return 0;
	(void)scan_u8(&s);
	(void)scan_u8(&s);
	struct id pack = id_take(&s);
	if (scan_ok(&s))
		(void)idset_add(&c->marked, pack.b);
	return 0;
}

static int
second(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct count *c = ctx;
	OWN(ptable_free) struct ptable t = { 0 };
	struct err ignored;

	(void)e;
	if (idset_has(&c->marked, r->id.b) && r->plain.n > 0 &&
	    r->plain.p[0] == PTABLE_KIND &&
	    ptable_parse(r->plain, &t, &ignored) == 0)
		c->s->freeing += t.blob_bytes;
	return 0;
}

int
space_count(struct edit *d, struct space *out, struct err *e)
{
	struct space s = { 0 };
	OWN(count_free) struct count c = { .s = &s };

	if (db_read(drivedb_db(d->db), tree_job, &s, e) < 0 ||
	    zcopy_each_all(d->zone, 0, first, &c, e) < 0 ||
	    (c.marked.n > 0 && zcopy_each_all(d->zone, 0, second, &c, e) < 0))
		return -1;
	*out = s;
	return 0;
}
