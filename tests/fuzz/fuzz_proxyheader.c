/* SPDX-License-Identifier: ISC */
/* fuzz_proxyheader.c: what a proxy says before a connection. */
#include "http/proxyheader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[ADDRESS_TEXT] = "";
	struct address from;
	size_t length = 0;

	if (proxyheader_read(bytes_of(data, size), &length, &from) !=
	    PROXYHEADER_WHOLE)
		return 0;
	if (from.n > 0)
		address_text((const struct sockaddr *)&from.sa, text);
	if (length == 0 || length > size || length > PROXYHEADER_MAX ||
	    (from.n > 0) != address_is(text))
		abort();
	return 0;
}
