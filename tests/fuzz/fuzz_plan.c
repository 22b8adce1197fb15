/* SPDX-License-Identifier: ISC */
/* fuzz_plan.c: what a restore plans of the entries of a snapshot. */
/*
 * Input: entries, one behind the other. Of each that is refused nothing may be
 * planned; the chunks of all others must fill their files and no more.
 */
#include "backup/restore_in.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_source_find(struct source *s, enum category c,
    const struct digest *name, struct id *pack, uint32_t *entry, struct err *e);

int
__wrap_source_find(struct source *s, enum category c, const struct digest *name,
    struct id *pack, uint32_t *entry, struct err *e)
{
	(void)s;
	(void)c;
	if (name->b[0] == 0xff)
		return err_set(e, ERR_SNAPSHOT_DAMAGED, "in no pack");
	memcpy(pack, name->b, sizeof *pack);
	*entry = name->b[31];
	return 0;
}

static void
check(const struct restore *r, size_t from, uint32_t file, uint32_t chunks,
    uint64_t data)
{
	uint64_t last = 0;

	if (r->n_tasks - from != chunks || (chunks == 0 && data != 0))
		abort();
	for (size_t i = from; i < r->n_tasks; i++) {
		const struct restore_task *t = &r->tasks[i];
		if (t->file != file || t->pack >= r->n_packs ||
		    t->offset >= data || (i > from && t->offset <= last) ||
		    (i == from && t->offset != 0))
			abort();
		last = t->offset;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan s = scan_of(bytes_of(data, size));
	struct restore r = { 0 };
	struct entry x;
	struct err e = { 0 };
	uint32_t file = 0;

	while (s.n > 0 && entry_take(&s, &x, &e) == 0) {
		size_t from = r.n_tasks;
		uint32_t chunks = 0;
		bool first;
		if (restore_plan_chunks(&r, &x, file, &chunks, &e) == 0)
			check(&r, from, file++, chunks, extents_bytes(&x));
		else if (r.n_tasks != from)
			abort();
		if (x.nlink > 1)
			restore_link_at(restore_link(&r, &x, &first), x.name);
		restore_links_done(&r, false);
	}
	restore_links_done(&r, true);
	free(r.tasks);
	free(r.packs);
	free(r.pack_slots);
	free(r.links);
	return 0;
}
