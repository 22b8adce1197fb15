/* SPDX-License-Identifier: ISC */
/* fuzz_head.c: zone heads; one that parses is written the same. */
#include "wire/head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t pk[SIG_PK_BYTES] = { 1 };
	OWN(buf_free) struct buf b = { 0 };
	struct bytes x = bytes_of(data, size);
	struct err e = { 0 };
	struct head h;

	if (head_parse(x, &h, &e) < 0)
		return 0;
	head_put(&b, &h);
	if (!bytes_equal(buf_bytes(&b), x) || head_sig_valid(&h, pk))
		abort();
	return 0;
}
