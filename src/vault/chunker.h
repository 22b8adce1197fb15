/* SPDX-License-Identifier: ISC */
/* chunker.h: where content is cut into chunks: a keyed gear hash. */
/*
 * The rule is part of the stored format: another cut only costs space, yet
 * what was stored before would not be found again.
 *
 *   table  256 numbers of 64 bits, big-endian: the first 2,048 bytes of the
 *          ChaCha20 key stream (RFC 8439) under the 32-byte seed, nonce zero,
 *          counter zero.
 *   hash   begins as 0 at offset CHUNKER_MIN - 64 of the chunk; each byte
 *          there and behind makes it h = (h << 1) + table[byte] modulo 2^64.
 *          So from CHUNKER_MIN on it depends on the last 64 bytes alone.
 *   cut    behind the first byte at offset i >= CHUNKER_MIN where the top
 *          CHUNKER_BITS_BEFORE bits of the hash are zero, if i < CHUNKER_AVG,
 *          or the top CHUNKER_BITS_BEHIND bits, if i >= CHUNKER_AVG; at the
 *          latest at CHUNKER_MAX bytes, and where the content ends.
 *
 * These bits make the mean 66 KiB on random data: 16 + 256 * (1 - s) + 8 * s,
 * where s = exp(-48 / 256) of the chunks reach CHUNKER_AVG.
 *
 * A chunker is read-only once made; any thread may use it.
 */
#pragma once

#include "vault/secret.h"

#define CHUNKER_MIN ((size_t)16 << 10) /* bytes */
#define CHUNKER_AVG ((size_t)64 << 10)
#define CHUNKER_MAX ((size_t)256 << 10)
#define CHUNKER_BITS_BEFORE 18
#define CHUNKER_BITS_BEHIND 13

struct chunker;

/* Make a chunker of a seed of SECRET_KEY bytes, which is not kept. */
struct chunker *chunker_new(const struct secret *seed);
void chunker_free(struct chunker **c); /* wipes */

/*
 * Find the length of the next chunk.
 *
 * p, n    what is at hand; it begins where the last chunk ended.
 * last    nothing follows these n bytes.
 * return  1..CHUNKER_MAX; 0 when no cut shows yet and more bytes are needed,
 *         which never happens with `last` or from CHUNKER_MAX bytes on, or
 *         when n is 0.
 */
size_t chunker_cut(
    const struct chunker *c, const uint8_t *p, size_t n, bool last);
