/* SPDX-License-Identifier: ISC */
/* codec_in.h: what both directions share. For codec*.c, and the page's only. */
#pragma once

#include "vault/codec.h"

#include <zstd.h>

struct codec {
	ZSTD_CCtx *in; /* made at first use: a restore needs only the other */
	ZSTD_DCtx *out;
	int level;
	bool hard; /* the block before did not shrink */
};
