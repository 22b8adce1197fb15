/* SPDX-License-Identifier: ISC */
/* codec.h: compression of blocks with zstd, contexts reused. */
#pragma once

#include "base/buf.h"

enum codec_method { CODEC_RAW = 0, CODEC_ZSTD = 1 };

/* Belongs to one thread. */
struct codec;

/* Contexts of zstd, kept from call to call. */
struct codec *codec_new(int level); /* zstd level; 1 is our default */
void codec_free(struct codec **c);

/* The room that compressing n bytes takes, before it is known to be less. */
size_t codec_bound(size_t n);

/*
 * Compress.
 *
 * out     appended to when the result is CODEC_ZSTD; untouched when compressing
 *         saves less than 1/32: then the caller stores plain as it is.
 * result  the method to note.
 */
enum codec_method codec_pack(
    struct codec *c, struct bytes plain, struct buf *out);

/*
 * Append exactly plain_n bytes.
 *
 * errors  blob-corrupt when the frame is damaged or of another length;
 *         update-needed for an unknown method.
 */
MUST_CHECK int codec_expand(struct codec *c, unsigned method,
    struct bytes stored, size_t plain_n, struct buf *out, struct err *e);
