/* SPDX-License-Identifier: ISC */
/* tidy_packs.c: packs are condemned, pardoned and deleted. */
#include "drive/tidy_in.h"

#include <stdlib.h>

#define FORMAT 1 /* of a mark */
#define MARKS 500 /* of one commit */

/* Little enough that it goes, or is rewritten, after its time. */
static bool
is_low(const struct census_pack *p)
{
	return p->n_live == 0 || 2 * p->live < p->plain;
}

bool
tidy_old(const struct tidy *t, const struct census_pack *p)
{
	return p->whole && !p->gone && p->stream != PTABLE_SECRET &&
	    p->epoch < t->before_epoch;
}

bool
tidy_ripe(const struct tidy *t, const struct census_pack *p)
{
	return p->whole && p->open && !p->gone && is_low(p) &&
	    p->marked_ms != 0 &&
	    t->now_ms >= p->marked_ms + (uint64_t)TIDY_GRACE_MS;
}

int
tidy_unused(void *check, struct err *e)
{
	struct tidy_check *k = check;

	if (census_follow(k->c, e) < 0)
		return -1;
	if (k->c->unknown.code != ERR_NONE)
		return err_set(e, ERR_CONFLICT, "%s", k->c->unknown.msg);
	return k->c->hit
	    ? err_set(e, ERR_CONFLICT, "somebody uses a pack again")
	    : 0;
}

size_t
tidy_drop(const struct census_pack *p, struct zcopy_edit *edits)
{
	edits[0] = (struct zcopy_edit){ .id = p->id,
		.deleted = true,
		.expects = true,
		.expect = p->version };
	if (p->marked_ms == 0)
		return 1;
	edits[1] = (struct zcopy_edit){ .id = repo_condemned_id(&p->id),
		.deleted = true };
	return 2;
}

int
tidy_drop_blob(struct tidy *t, struct census_pack *p, struct err *e)
{
	struct depot *d = t->repo->depot;
	struct err why;

	p->gone = true;
	/* What stays is collected by the server: nothing names it. */
	if (d->ops->blob_delete(d, zcopy_zone(t->zone), &p->id, &why) == 0 ||
	    why.code != ERR_SERVER_UNREACHABLE)
		return 0;
	*e = why;
	return -1;
}

/* ---- marks ---- */

struct marking {
	struct tidy *t;
	struct buf plains;
	struct zcopy_edit edits[MARKS];
	size_t at[MARKS]; /* in plains */
	size_t n;
};

static void
marking_free(struct marking **m)
{
	buf_free(&(*m)->plains);
	free(*m);
}

static int
flush(struct marking *m, struct err *e)
{
	if (m->n == 0 || m->t->dry) {
		m->n = 0;
		buf_clear(&m->plains);
		return 0;
	}
	for (size_t i = 0; i < m->n; i++)
		if (!m->edits[i].deleted)
			m->edits[i].plain = bytes_of(
			    m->plains.p + m->at[i], 2 + 1 + ID_BYTES + 8);
	size_t n = m->n;
	m->n = 0;
	if (zcopy_commit(m->t->zone, m->edits, n, NULL, NULL, e) < 0)
		return -1;
	buf_clear(&m->plains);
	return 0;
}

static int
add(struct marking *m, const struct id *id, bool deleted, struct err *e)
{
	m->edits[m->n++] = (struct zcopy_edit){ .id = *id, .deleted = deleted };
	return m->n == MARKS ? flush(m, e) : 0;
}

static int
mark_one(struct marking *m, struct census_pack *p, struct err *e)
{
	struct id id = repo_condemned_id(&p->id);

	if (p->gone || !p->whole || !p->open)
		return 0;
	if (is_low(p) == (p->marked_ms != 0)) {
		m->t->out->waiting +=
		    p->marked_ms != 0 && !tidy_ripe(m->t, p) ? 1 : 0;
		return 0;
	}
	if (p->marked_ms != 0) {
		p->marked_ms = 0;
		m->t->out->revived++;
		return add(m, &id, true, e);
	}
	m->t->out->condemned++;
	m->at[m->n] = m->plains.n;
	buf_put_u8(&m->plains, REPO_CONDEMNED_KIND);
	buf_put_u8(&m->plains, FORMAT);
	buf_put_u8(&m->plains,
	    p->stream == PTABLE_SECRET ? CATEGORY_KEYCHAIN : CATEGORY_DRIVE);
	id_put(&m->plains, &p->id);
	buf_put_u64(&m->plains, m->t->now_ms);
	return add(m, &id, false, e);
}

int
tidy_mark(struct tidy *t, struct census *c, struct err *e)
{
	OWN(marking_free) struct marking *m = mem_new(sizeof *m);

	m->t = t;
	for (size_t i = 0; i < c->n_packs; i++)
		if (mark_one(m, &c->packs[i], e) < 0)
			return -1;
	for (size_t i = 0; i < c->n_marks; i++)
		if (c->marks[i].idle && add(m, &c->marks[i].id, true, e) < 0)
			return -1;
	return flush(m, e);
}

/* ---- deleting ---- */

static int
doom(struct census *c, const struct census_pack *p, struct err *e)
{
	OWN(ptable_free) struct ptable t = { 0 };

	if (census_table(c, p, &t, e) < 0)
		return -1;
	for (uint32_t i = 0; i < t.n_entries; i++)
		census_doom(c, &t.entries[i].name);
	return 0;
}

static int
delete_batch(struct tidy *t, struct census *c, struct census_pack **list,
    size_t n, struct err *e)
{
	struct zcopy_edit edits[2 * TIDY_BATCH];
	struct tidy_check check = { t, c };
	size_t n_edits = 0;

	census_doom_begin(c);
	for (size_t i = 0; i < n; i++) {
		if (doom(c, list[i], e) < 0)
			return -1;
		n_edits += tidy_drop(list[i], edits + n_edits);
	}
	if (zcopy_commit(t->zone, edits, n_edits, tidy_unused, &check, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		t->out->deleted++;
		t->out->deleted_bytes += list[i]->blob_bytes;
		if (tidy_drop_blob(t, list[i], e) < 0)
			return -1;
	}
	return repo_follow(t->repo, e);
}

int
tidy_delete(struct tidy *t, struct census *c, struct err *e)
{
	struct census_pack *list[TIDY_BATCH];
	size_t n = 0;

	for (size_t i = 0; i < c->n_packs; i++) {
		struct census_pack *p = &c->packs[i];
		if (p->n_live > 0 || (!tidy_ripe(t, p) && !tidy_old(t, p)))
			continue;
		if (t->dry) {
			t->out->deleted++;
			t->out->deleted_bytes += p->blob_bytes;
			continue;
		}
		list[n++] = p;
		if (n < TIDY_BATCH)
			continue;
		if (edit_go_on(t->d, e) < 0 ||
		    delete_batch(t, c, list, n, e) < 0)
			return -1;
		n = 0;
	}
	return n == 0 ? 0 : delete_batch(t, c, list, n, e);
}
