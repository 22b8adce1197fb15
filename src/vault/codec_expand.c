/* SPDX-License-Identifier: ISC */
/* codec_expand.c: blocks that were compressed, as they were. */
#include "vault/codec_in.h"

#include <stdlib.h>

int
codec_expand(struct codec *c, unsigned method, struct bytes stored,
    size_t plain_n, struct buf *out, struct err *e)
{
	if (method == CODEC_RAW) {
		if (stored.n != plain_n)
			return err_set(e, ERR_BLOB_CORRUPT,
			    "a block has %zu bytes instead of %zu", stored.n,
			    plain_n);
		buf_put_bytes(out, stored);
		return 0;
	}
	if (method != CODEC_ZSTD)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a block is compressed by method %u, which this version "
		    "does not know",
		    method);
	if (c->out == NULL)
		c->out = ZSTD_createDCtx();
	if (c->out == NULL)
		abort();
	size_t before = out->n;
	uint8_t *to = buf_grow(out, plain_n);
	size_t n = ZSTD_decompressDCtx(c->out, to, plain_n, stored.p, stored.n);
	if (ZSTD_isError(n) || n != plain_n) {
		out->n = before;
		return err_set(
		    e, ERR_BLOB_CORRUPT, "a compressed block does not expand");
	}
	return 0;
}
