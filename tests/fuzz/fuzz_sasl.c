/* SPDX-License-Identifier: ISC */
/* fuzz_sasl.c: questions in saslauthd's protocol; the login as a scope. */
#include "api/sasl.h"
#include "wire/scope.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *field[4];
	struct scope scope;
	struct err e = { 0 };
	size_t n = 0;

	int got = sasl_parse(bytes_of(data, size), field);
	for (int i = 0; i < 4; i++) {
		if ((field[i] != NULL) != (got == 1))
			abort();
		if (field[i] != NULL)
			n += 2 + strlen(field[i]);
	}
	if (got != 1)
		return 0;
	if (n != size)
		abort();
	if (scope_parse(field[0], &scope, &e) == 0 && scope.folder != NULL &&
	    (scope.kind != SCOPE_FILES || scope.folder[0] != '/' ||
		strstr(scope.folder, "/../") != NULL))
		abort();
	for (int i = 0; i < 4; i++)
		free(field[i]);
	return 0;
}
