/* SPDX-License-Identifier: ISC */
/* fuzz_entry.c: tree entries of any bytes; what is taken is put as it was. */
#include "files/entry.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk_lists(const struct entry *x)
{
	struct bytes rest = x->xattrs, name, value;
	uint64_t end = 0, offset, length;

	while (entry_xattr_next(&rest, &name, &value))
		if (name.n == 0 || value.n > ENTRY_XATTR_MAX)
			abort();
	rest = x->extents;
	while (entry_extent_next(&rest, &end, &offset, &length))
		if (length == 0 || end > x->size)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan s = scan_of(bytes_of(data, size));
	struct entry x;
	struct err e;

	for (;;) {
		OWN(buf_free) struct buf again = { 0 };
		const uint8_t *from = s.p;
		uint64_t total;
		if (entry_take(&s, &x, &e) < 0)
			return 0;
		size_t n = (size_t)(s.p - from);
		walk_lists(&x);
		entry_put(&again, &x);
		if (!bytes_equal(buf_bytes(&again), bytes_of(from, n)) ||
		    !entry_total(bytes_of(from, n), &total) || total != n)
			abort();
	}
}
