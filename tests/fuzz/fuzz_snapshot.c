/* SPDX-License-Identifier: ISC */
/* fuzz_snapshot.c: records of snapshots; one that parses is written the same. */
#include "backup/snapshot.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(snapshot_free) struct snapshot s = { 0 };
	OWN(snapshot_free) struct snapshot again = { 0 };
	OWN(buf_free) struct buf b = { 0 };
	OWN(buf_free) struct buf c = { 0 };
	struct err e = { 0 };

	if (snapshot_parse(bytes_of(data, size), &s, &e) < 0)
		return 0;
	/* Numbers may be longer than they need be: once is enough. */
	snapshot_put(&b, &s);
	if (snapshot_parse(buf_bytes(&b), &again, &e) < 0)
		abort();
	snapshot_put(&c, &again);
	if (!bytes_equal(buf_bytes(&b), buf_bytes(&c)))
		abort();
	return 0;
}
