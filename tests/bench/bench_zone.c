/* SPDX-License-Identifier: ISC */
/* bench_zone.c: commits and streams of a zone on the disk under ".". */
#include "../unit/scratch_dir.h"

#include "store/blob_dir.h"
#include "store/zone_blob.h"

#include "base/file.h"
#include "base/now.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMITS 100
#define CT_BYTES 200 /* a small record */

static void
must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", err_name(e->code), e->msg);
	exit(1);
}

static int
accept(struct tx *tx, const struct head *h, void *arg, struct err *e)
{
	(void)tx;
	(void)h;
	(void)arg;
	(void)e;
	return 0;
}

static int
sink(void *arg, struct bytes x, struct err *e)
{
	(void)e;
	*(uint64_t *)arg += x.n;
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	return id_cmp(
	    &((const struct change *)a)->id, &((const struct change *)b)->id);
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Commit COMMITS times n records, the same ids again when `again`. */
static void
commits(struct db *db, struct change *all, size_t n, struct head *h,
    const char *name)
{
	int64_t took[COMMITS];
	struct err e;

	for (size_t i = 0; i < COMMITS; i++) {
		struct commit c = { .changes = all + i * n, .n = n };
		struct zone_commit in = { { h->owner, h->zone },
			CATEGORY_BACKUP, &c, (int64_t)h->time_ms, accept,
			NULL };
		h->seq++;
		for (size_t k = 0; k < n; k++)
			c.changes[k].version++;
		qsort(c.changes, n, sizeof *c.changes, by_id);
		change_hash(c.changes, n, &h->changes_hash);
		c.head = *h;
		int64_t start = now_mono_ns();
		must(zone_commit_now(db, &in, &e), &e);
		took[i] = now_mono_ns() - start;
		head_hash(h, &h->prev);
	}
	qsort(took, COMMITS, sizeof *took, by_time);
	(void)printf(
	    "%s_median_ms\t%.2f\n", name, (double)took[COMMITS / 2] / 1e6);
	(void)printf(
	    "%s_p95_ms\t%.2f\n", name, (double)took[COMMITS * 95 / 100] / 1e6);
}

int
main(void)
{
	static uint8_t ct[CT_BYTES];
	OWN(scratch_free) struct scratch dir = scratch_new();
	const size_t n = LIMIT_COMMIT_RECORDS;
	OWN(db_free) struct db *db = NULL;
	OWN(mem_free) struct change *all = mem_array(COMMITS * n, sizeof *all);
	struct head h = { .time_ms = (uint64_t)now_ms() };
	uint64_t bytes = 0;
	struct err e;

	OWN(mem_free) char *path = file_join(dir.path, "x.db");
	id_random(&h.owner);
	id_random(&h.zone);
	for (size_t i = 0; i < COMMITS * n; i++) {
		id_random(&all[i].id);
		all[i].ct = bytes_of(ct, sizeof ct);
	}
	must(db_open(path, DB_SERVER, &db, &e), &e);
	must(zone_open(db, &e), &e);
	commits(db, all, n, &h, "zone_commit_1000_new");
	commits(db, all, n, &h, "zone_commit_1000_changed");

	const struct zone_key key = { h.owner, h.zone };
	int64_t start = now_mono_ns();
	must(zone_changes(db, &key, 0, sink, &bytes, &e), &e);
	double s = (double)(now_mono_ns() - start) / 1e9;
	(void)printf(
	    "zone_changes_records_per_s\t%.0f\n", (double)(COMMITS * n) / s);
	(void)printf("zone_changes_bytes_per_s\t%.0f\n", (double)bytes / s);
	return 0;
}
