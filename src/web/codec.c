/* SPDX-License-Identifier: ISC */
/* codec.c: vault/codec.h for the page, which expands and compresses nothing. */
/*
 * What compresses is larger than all else of zstd. A page of messages that a
 * browser files is stored as it is.
 */
#include "vault/codec_in.h"

#include <stdlib.h>

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
	if (*c != NULL)
		(void)ZSTD_freeDCtx((*c)->out);
	free(*c);
	*c = NULL;
}

enum codec_method
codec_pack(struct codec *c, struct bytes plain, struct buf *out)
{
	(void)c;
	(void)plain;
	(void)out;
	return CODEC_RAW;
}
