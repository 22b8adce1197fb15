/* SPDX-License-Identifier: ISC */
/* forget.c: the records of a snapshot, found and deleted. */
#include "backup/forget.h"

#include "backup/snapshot.h"

#include <stdlib.h>

/* A record, and the snapshot that it is of. */
struct piece {
	struct id snapshot, record;
};

struct pieces {
	const struct id *ids; /* of the snapshots that go */
	size_t n_ids;
	struct piece *list;
	size_t n;
};

static void
pieces_free(struct pieces *p)
{
	free(p->list);
}

static void
add(struct pieces *p, const struct id *snapshot, const struct id *record)
{
	for (size_t i = 0; i < p->n_ids; i++) {
		if (!id_equal(&p->ids[i], snapshot))
			continue;
		p->list = mem_resize(p->list, p->n + 1, sizeof *p->list);
		p->list[p->n++] = (struct piece){ *snapshot, *record };
		return;
	}
}

static int
take(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct scan s = scan_of(r->plain);

	(void)e;
	if (scan_u8(&s) != SNAPSHOT_REFS_KIND)
		return 0;
	struct id of = id_take(&s);
	if (scan_ok(&s))
		add(ctx, &of, &r->id);
	return 0;
}

/* Whole snapshots together; the record itself before what belongs to it. */
static int
by_snapshot(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	int c = id_cmp(&x->snapshot, &y->snapshot);

	if (c != 0)
		return c;
	bool first = id_equal(&x->record, &x->snapshot);
	bool second = id_equal(&y->record, &y->snapshot);
	return first != second ? (first ? -1 : 1)
			       : id_cmp(&x->record, &y->record);
}

/* How many of the next pieces go into one commit. */
static size_t
next_commit(const struct piece *list, size_t n)
{
	size_t whole = 0;

	if (n <= LIMIT_COMMIT_RECORDS)
		return n;
	for (size_t i = 1; i <= LIMIT_COMMIT_RECORDS; i++)
		if (!id_equal(&list[i].snapshot, &list[i - 1].snapshot))
			whole = i;
	return whole > 0 ? whole : LIMIT_COMMIT_RECORDS;
}

int
forget_snapshots(struct repo *r, const struct id *ids, size_t n, struct err *e)
{
	OWN(pieces_free) struct pieces p = { .ids = ids, .n_ids = n };
	OWN(mem_free)
	struct zcopy_edit *edits =
	    mem_array(LIMIT_COMMIT_RECORDS, sizeof *edits);

	for (size_t i = 0; i < n; i++)
		add(&p, &ids[i], &ids[i]);
	if (zcopy_each_all(r->parts[CATEGORY_BACKUP].zone, 0, take, &p, e) < 0)
		return -1;
	if (p.n > 1)
		qsort(p.list, p.n, sizeof *p.list, by_snapshot);
	for (size_t at = 0, some; at < p.n; at += some) {
		some = next_commit(p.list + at, p.n - at);
		for (size_t i = 0; i < some; i++)
			edits[i] =
			    (struct zcopy_edit){ .id = p.list[at + i].record,
				    .deleted = true };
		if (zcopy_commit(r->parts[CATEGORY_BACKUP].zone, edits, some,
			NULL, NULL, e) < 0)
			return -1;
	}
	return 0;
}
