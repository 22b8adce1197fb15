/* SPDX-License-Identifier: ISC */
/* chunker.h: where content is cut into chunks: a keyed gear hash. */
/*
 * The rule is part of the stored format: another cut only costs space, yet
 * what was stored before would not be found again.
 *
 *   table  32 numbers of 64 bits, big-endian: the first 256 bytes of the
 *          ChaCha20 key stream (RFC 8439) under the 32-byte seed, nonce zero,
 *          counter zero. The first 16 are high[0..15], the others low[0..15];
 *          table[b] = high[b >> 4] + low[b & 15] modulo 2^64.
 *   hash   begins as 0 at offset CHUNKER_MIN - 64 of the chunk; each byte
 *          there and behind makes it h = (h << 1) + table[byte] modulo 2^64.
 *          So from CHUNKER_MIN on it depends on the last 64 bytes alone.
 *   cut    behind the first byte at offset i >= CHUNKER_MIN where bits 5..15
 *          of the hash are zero (bit 0 is the lowest) and its top 7 bits too,
 *          if i < CHUNKER_AVG, or its top 2 bits, if i >= CHUNKER_AVG; at the
 *          latest at CHUNKER_MAX bytes, and where the content ends.
 *
 * So 18 bits decide before CHUNKER_AVG and 13 behind it, and the mean is 66 KiB
 * on random data: 16 + 256 * (1 - s) + 8 * s, where s = exp(-48 / 256) of the
 * chunks reach CHUNKER_AVG. The low 16 bits of the hash depend on 16 bytes
 * alone and the table is a sum of two small ones, so that vector code can look
 * for bits 5..15 at many offsets at once and compute few hashes in full.
 *
 * The seed keeps others from knowing the cuts beforehand, yet cuts that show
 * would give the table away: that lengths never show is the packs' duty.
 *
 * A chunker is read-only once made; any thread may use it.
 */
#pragma once

#include "vault/secret.h"

#define CHUNKER_MIN ((size_t)16 << 10) /* bytes */
#define CHUNKER_AVG ((size_t)64 << 10)
#define CHUNKER_MAX ((size_t)256 << 10)
#define CHUNKER_BITS_SIEVE 11 /* bits 5..15 */
#define CHUNKER_BITS_BEFORE 7 /* top bits */
#define CHUNKER_BITS_BEHIND 2

struct chunker;

/*
 * Make a chunker of a seed of SECRET_KEY bytes, which is not kept. It takes the
 * fastest code that this CPU runs; all find the same cuts.
 */
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
