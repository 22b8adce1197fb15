/* SPDX-License-Identifier: ISC */
/* fuzz_ptable.c: tables of packs; one that parses is written the same. */
#include "vault/ptable.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(ptable_free) struct ptable t = { 0 };
	OWN(buf_free) struct buf b = { 0 };
	struct bytes x = bytes_of(data, size);
	struct err e = { 0 };

	if (ptable_parse(x, &t, &e) < 0)
		return 0;
	ptable_put(&b, &t);
	if (!bytes_equal(buf_bytes(&b), x))
		abort();
	for (uint32_t i = 0; i < t.n_entries; i++) {
		const struct ptable_entry *p = &t.entries[i];
		if (p->block >= t.n_blocks ||
		    p->offset + p->length > t.blocks[p->block].plain)
			abort();
	}
	return 0;
}
