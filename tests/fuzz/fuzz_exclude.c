/* SPDX-License-Identifier: ISC */
/* fuzz_exclude.c: any patterns against any path: first NUL parts the two. */
#include "files/secretfile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(exclude_free) struct exclude *x = exclude_new();
	const uint8_t *nul = size == 0 ? NULL : memchr(data, '\0', size);
	size_t n = nul == NULL ? size : (size_t)(nul - data);
	struct bytes path =
	    nul == NULL ? bytes_of(data, 0) : bytes_of(nul + 1, size - n - 1);
	struct err e;

	if (exclude_add_lines(x, bytes_of(data, n), &e) < 0)
		return 0;
	struct exclude_rule by = { 0 };
	for (int is_dir = 0; is_dir < 2; is_dir++)
		if (exclude_ask_by(x, path, is_dir != 0, &by) !=
			EXCLUDE_SILENT &&
		    (by.pattern.n == 0 || by.line == 0))
			abort();
	(void)secretfile_rule(path, x, &by);
	(void)secretfile_by_content(path, path.n);
	return 0;
}
