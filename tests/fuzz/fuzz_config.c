/* SPDX-License-Identifier: ISC */
/* fuzz_config.c: what is accepted is written back the same. */
#include "server/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	OWN(config_free) struct config a = { 0 }, b = { 0 };
	OWN(buf_free) struct buf one = { 0 }, two = { 0 };
	struct err e = { 0 };

	if (config_parse(bytes_of(p, n), "fuzz", &a, &e) < 0)
		return 0;
	config_text(&a, &one);
	if (config_parse(buf_bytes(&one), "fuzz", &b, &e) < 0)
		abort();
	config_text(&b, &two);
	if (!bytes_equal(buf_bytes(&one), buf_bytes(&two)))
		abort();
	return 0;
}
