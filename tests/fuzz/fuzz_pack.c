/* SPDX-License-Identifier: ISC */
/* fuzz_pack.c: blobs that a server hands out as packs: none opens by chance. */
#include "vault/pack.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pack_place place = { .category = 2 };
	OWN(secret_free) struct secret *k = secret_new(32);
	OWN(pack_in_free) struct pack_in *r = NULL;
	OWN(buf_free) struct buf plain = { 0 };
	struct bytes blob = bytes_of(data, size);
	struct err e = { 0 };
	uint32_t epoch;

	if (pack_header_epoch(blob, &epoch, &e) < 0 ||
	    pack_in_open(k, &place, blob, size, &r, &e) < 0)
		return 0;
	for (uint32_t i = 0; i < pack_in_segments(r); i++) {
		uint64_t at;
		size_t n;
		pack_in_where(r, i, &at, &n);
		if (at > size || n > size - at)
			abort();
		if (pack_in_segment(r, i, bytes_of(data + at, n), &plain, &e) ==
		    0)
			abort(); /* nobody sealed this */
	}
	return 0;
}
