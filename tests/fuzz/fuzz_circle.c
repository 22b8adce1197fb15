/* SPDX-License-Identifier: ISC */
/* fuzz_circle.c: a chain of entries, each with its length before it. */
#include "wire/circle.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(circle_free) struct circle c = { 0 };
	struct scan s = scan_of(bytes_of(data, size));

	while (s.n > 0 && scan_ok(&s)) {
		struct bytes entry = scan_v16(&s);
		struct entry_view v;
		struct err e = { 0 };
		uint32_t before = c.seq;
		(void)!circle_entry_parse(entry, &v, &e);
		int taken = circle_apply(&c, entry, &e) == 0;
		if (c.seq != before + (unsigned)taken || c.n_hashes != c.seq ||
		    circle_active_count(&c) > LIMIT_MEMBERS)
			abort();
	}
	return 0;
}
