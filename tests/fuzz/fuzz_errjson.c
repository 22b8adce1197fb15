/* SPDX-License-Identifier: ISC */
/* fuzz_errjson.c: what a hostile server may answer. */
#include "wire/errjson.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	OWN(buf_free) struct buf detail = { 0 }, again = { 0 };
	struct err why = { 0 }, e = { 0 };

	if (errjson_parse(bytes_of(p, n), &why, &detail, &e) < 0)
		return 0;
	for (const char *s = why.msg; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20)
			abort();
	errjson_make(&why, buf_bytes(&detail), &again);
	return 0;
}
