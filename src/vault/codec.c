/* SPDX-License-Identifier: ISC */
/* codec.c: zstd with reused contexts. */
#include "vault/codec.h"

#include <stdlib.h>
#include <zstd.h>

struct codec {
	ZSTD_CCtx *in; /* made at first use: a restore needs only the other */
	ZSTD_DCtx *out;
	int level;
};

struct codec *
codec_new(int level)
{
	struct codec *c = mem_new(sizeof *c);

	c->level = level;
	return c;
}

void
codec_free(struct codec **c)
{
	if (*c != NULL) {
		(void)ZSTD_freeCCtx((*c)->in);
		(void)ZSTD_freeDCtx((*c)->out);
	}
	free(*c);
	*c = NULL;
}

static void
compressor(struct codec *c)
{
	if (c->in != NULL)
		return;
	c->in = ZSTD_createCCtx();
	if (c->in == NULL ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(
		c->in, ZSTD_c_compressionLevel, c->level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c->in, ZSTD_c_checksumFlag, 0)))
		abort();
}

enum codec_method
codec_pack(struct codec *c, struct bytes plain, struct buf *out)
{
	size_t before = out->n, bound = ZSTD_compressBound(plain.n);

	compressor(c);
	uint8_t *to = buf_grow(out, bound);
	size_t n = ZSTD_compress2(c->in, to, bound, plain.p, plain.n);
	if (!ZSTD_isError(n) && n <= plain.n - plain.n / 32) {
		out->n = before + n;
		return CODEC_ZSTD;
	}
	out->n = before;
	return CODEC_RAW;
}

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
