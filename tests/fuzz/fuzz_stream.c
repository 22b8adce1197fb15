/* SPDX-License-Identifier: ISC */
/* fuzz_stream.c: references to streams, and the lists of chunks they name. */
/*
 * Input: a reference, then what stands in chunks: a chunk begins at the first
 * byte of its name. No more than MOST bytes are given, as a disk would end.
 */
#include "content/stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_source_chunk(struct source *s, enum category c,
    const struct digest *name, uint32_t length, struct buf *out, struct err *e);

#define MOST (1u << 16)

static struct bytes store;
static size_t given;

int
__wrap_source_chunk(struct source *s, enum category c,
    const struct digest *name, uint32_t length, struct buf *out, struct err *e)
{
	(void)s;
	(void)c;
	given += length;
	if (given > MOST || store.n == 0)
		return err_set(e, ERR_SNAPSHOT_DAMAGED, "no such chunk");
	for (size_t at = name->b[0]; length > 0; length--)
		buf_put_u8(out, store.p[at++ % store.n]);
	return 0;
}

static int
count(void *ctx, struct bytes x, struct err *e)
{
	uint64_t *n = ctx;

	(void)e;
	*n += x.n;
	return 0;
}

static int
visit(void *ctx, const struct digest *name, uint32_t length, struct err *e)
{
	uint64_t *n = ctx;

	(void)name;
	*n += length;
	return *n > MOST ? err_set(e, ERR_TOO_LARGE, "enough") : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(stream_ref_free) struct stream_ref r = { 0 };
	struct scan s = scan_of(bytes_of(data, size));
	struct err e = { 0 };
	uint64_t n = 0, half;

	if (stream_ref_take(&s, CATEGORY_BACKUP, &r, &e) < 0)
		return 0;
	if (r.depth > STREAM_DEPTH_MAX || r.n > STREAM_REF_CHUNKS)
		abort();
	store = bytes_of(s.p, s.n);
	given = 0;
	if (stream_read(NULL, &r, (struct stream_range){ 0, r.length }, count,
		&n, &e) == 0 &&
	    n != r.length)
		abort();
	given = 0;
	n = 0;
	half = r.length / 2;
	if (stream_read(NULL, &r,
		(struct stream_range){ half, r.length - half }, count, &n,
		&e) == 0 &&
	    n != r.length - half)
		abort();
	given = 0;
	n = 0;
	(void)!stream_chunks(NULL, &r, visit, &n, &e);
	return 0;
}
