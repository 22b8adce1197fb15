/* SPDX-License-Identifier: ISC */
/* fuzz_scan.c: the cursor under any order of reads. */
#include "base/scan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One read chosen by `op`; touches what was borrowed. */
static void
step(struct scan *s, uint8_t op)
{
	struct bytes x = { NULL, 0 };
	uint8_t copy[16];

	switch (op % 10) {
	case 0:
		(void)scan_u8(s);
		break;
	case 1:
		(void)scan_u16(s);
		break;
	case 2:
		(void)scan_u32(s);
		break;
	case 3:
		(void)scan_u64(s);
		break;
	case 4:
		(void)scan_varint(s);
		break;
	case 5:
		x = scan_v8(s);
		break;
	case 6:
		x = scan_v16(s);
		break;
	case 7:
		x = scan_v32(s);
		break;
	case 8:
		x = scan_take(s, op);
		break;
	default:
		scan_copy(s, copy, sizeof copy);
	}
	for (size_t i = 0; i < x.n; i++)
		(void)*(volatile const uint8_t *)(x.p + i);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t ops = size / 4;
	struct scan s = scan_of(bytes_of(data + ops, size - ops));
	bool was_bad = false;

	for (size_t i = 0; i < ops; i++) {
		size_t before = s.n;
		step(&s, data[i]);
		if (s.n > before || (was_bad && scan_ok(&s)))
			abort();
		was_bad = !scan_ok(&s);
	}
	if (scan_done(&s) && (was_bad || s.n > 0))
		abort();
	return 0;
}
