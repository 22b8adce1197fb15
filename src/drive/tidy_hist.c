/* SPDX-License-Identifier: ISC */
/* tidy_hist.c: histories are thinned by the rules. */
#include "drive/tidy_in.h"

#include "tree/node.h"

#include <stdlib.h>

#define BATCH_BYTES (4 * 1024 * 1024) /* of plaintexts in one commit */
/* What a version takes beside its content, at most: node.h. */
#define AROUND_BYTES (10 + 8 + ID_BYTES + 10 + 5 + 1 + 10)

/* Histories that are to be thinned, and what is left of them. */
struct thin {
	struct tidy *t;
	struct tx *tx;
	struct zcopy_edit edits[TIDY_BATCH];
	size_t offset[TIDY_BATCH], length[TIDY_BATCH]; /* in plains */
	struct buf plains;
	size_t n;
	uint64_t versions;
	uint64_t since; /* all before it were looked at */
};

static void
thin_free(struct thin **x)
{
	buf_free(&(*x)->plains);
	free(*x);
}

static size_t
keep_some(struct node_history *h, const struct hist_version *v)
{
	size_t n = 0, was = h->n;

	for (size_t i = 0; i < was; i++)
		if (v[i].keep)
			h->v[n++] = h->v[i];
	h->n = n;
	return was - n;
}

static void
add_edit(
    struct thin *x, const struct zcopy_record *r, const struct node_history *h)
{
	size_t before = x->plains.n;

	if (h->n > 0)
		node_history_put(&x->plains, h);
	x->edits[x->n] = (struct zcopy_edit){ .id = r->id,
		.deleted = h->n == 0,
		.expects = true,
		.expect = r->version };
	x->offset[x->n] = before;
	x->length[x->n++] = x->plains.n - before;
}

/* Of a node that is not in the tree nothing is known: it stays. */
static int
judge(struct thin *x, const struct zcopy_record *r, struct node_history *h,
    struct err *e)
{
	struct hist_version v[NODE_VERSIONS_MAX];
	struct drivedb_entry node;
	bool found;

	if (drivedb_entry(x->tx, &h->node, &node, &found, e) < 0)
		return -1;
	if (!found)
		return 0;
	for (size_t i = 0; i < h->n; i++)
		v[i] = (struct hist_version){ .changed_ms = h->v[i].changed_ms,
			.bytes = AROUND_BYTES + h->v[i].content.n };
	hist_judge(&x->t->policy, x->t->now_ms, node.changed_ms, v, h->n);
	size_t gone = keep_some(h, v);
	x->versions += gone;
	if (gone > 0 && !x->t->dry)
		add_edit(x, r, h);
	return 0;
}

static int
look_at(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct thin *x = ctx;
	struct err why;

	if (x->n == TIDY_BATCH || x->plains.n > BATCH_BYTES)
		return 0;
	x->since = r->seq - 1; /* others may be of the same commit */
	if (r->bad != NULL || r->plain.n == 0 ||
	    r->plain.p[0] != NODE_KIND_HISTORY)
		return 0;
	struct node_history *h = mem_new(sizeof *h);
	OWN(mem_free) struct node_history *keep = h;
	if (node_history_parse(r->plain, h, &why) < 0)
		return 0; /* the census says so */
	return judge(x, r, h, e);
}

static int
look_job(struct tx *tx, void *arg, struct err *e)
{
	struct thin *x = arg;

	x->tx = tx;
	return zcopy_each_all(x->t->zone, x->since, look_at, x, e);
}

/*
 * One commit of those that changed after *since; *more: there may be others.
 *
 * Returns 1 when others changed them meanwhile.
 */
static int
thin_some(struct tidy *t, uint64_t *since, bool *more, struct err *e)
{
	OWN(thin_free) struct thin *x = mem_new(sizeof *x);

	x->t = t;
	x->since = *since;
	*more = false;
	if (edit_pull(t->d, e) < 0 ||
	    db_read(drivedb_db(t->d->db), look_job, x, e) < 0)
		return -1;
	if (x->n == 0 || t->dry) {
		t->out->versions += x->versions;
		return 0;
	}
	for (size_t i = 0; i < x->n; i++)
		x->edits[i].plain =
		    bytes_of(x->plains.p + x->offset[i], x->length[i]);
	*more = true;
	if (zcopy_commit(t->zone, x->edits, x->n, NULL, NULL, e) == 0) {
		t->out->versions += x->versions;
		*since = x->since;
		return 0;
	}
	if (e->code != ERR_CONFLICT)
		return -1;
	err_clear(e);
	return 1;
}

int
tidy_hist(struct tidy *t, struct err *e)
{
	uint64_t since = 0;
	bool more = true;
	int lost = 0;

	while (more && lost < TIDY_TRIES) {
		if (edit_go_on(t->d, e) < 0)
			return -1;
		int rc = thin_some(t, &since, &more, e);
		if (rc < 0)
			return -1;
		lost += rc;
	}
	return 0;
}
