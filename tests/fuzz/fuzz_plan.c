/* SPDX-License-Identifier: ISC */
/* fuzz_plan.c: what a restore plans of the entries of a snapshot. */
/*
 * Input: entries, one behind the other. Of each that is refused nothing may be
 * planned; the chunks of all others must fill their files and no more.
 */
#include "backup/restore_in.h"
#include "content/fetch.h"

#include <stdlib.h>
#include <string.h>

#define PLANNED 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_fetch_plan(struct fetch *f, const struct fetch_want *w,
    const struct fetch_hint *hint, struct err *e);
size_t __wrap_fetch_planned(const struct fetch *f);
void __wrap_fetch_back(struct fetch *f, size_t n);

static struct fetch_want planned[PLANNED];
static size_t n_planned;

int
__wrap_fetch_plan(struct fetch *f, const struct fetch_want *w,
    const struct fetch_hint *hint, struct err *e)
{
	(void)f;
	(void)hint;
	if (w->name.b[0] == 0xff || n_planned == PLANNED)
		return err_set(e, ERR_SNAPSHOT_DAMAGED, "in no pack");
	planned[n_planned++] = *w;
	return 0;
}

size_t
__wrap_fetch_planned(const struct fetch *f)
{
	(void)f;
	return n_planned;
}

void
__wrap_fetch_back(struct fetch *f, size_t n)
{
	(void)f;
	n_planned = n;
}

static void
check(size_t from, uint32_t file, uint32_t chunks, uint64_t data)
{
	uint64_t at = 0;

	if (n_planned - from != chunks || (chunks == 0 && data != 0))
		abort();
	for (size_t i = from; i < n_planned; i++) {
		const struct fetch_want *w = &planned[i];
		if (w->tag != file || w->offset != at || w->length == 0)
			abort();
		at += w->length;
	}
	if (at != data)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan s = scan_of(bytes_of(data, size));
	struct restore r = { 0 };
	struct entry x;
	struct err e = { 0 };
	uint32_t file = 0;

	n_planned = 0;
	while (s.n > 0 && entry_take(&s, &x, &e) == 0) {
		size_t from = n_planned;
		uint32_t chunks = 0;
		bool first;
		if (restore_plan_chunks(&r, &x, file, &chunks, &e) == 0)
			check(from, file++, chunks, extents_bytes(&x));
		else if (n_planned != from)
			abort();
		if (x.nlink > 1)
			restore_link_at(restore_link(&r, &x, &first), x.name);
		restore_links_done(&r, false);
	}
	restore_links_done(&r, true);
	free(r.links);
	return 0;
}
