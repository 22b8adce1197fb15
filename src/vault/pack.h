/* SPDX-License-Identifier: ISC */
/* pack.h: many blocks in one blob whose inner boundaries nobody can see. */
/*
 * A pack's plaintext is compressed blocks laid end to end, then zeros up to a
 * padded length. It is cut into segments of 128 KiB, each sealed alone.
 *
 *   blob    = header[42] | segments
 *   header  = "PPK1" | u8 format 1 | u8 algorithm | u32 key epoch
 *             | random[16] | dev_id[16]
 *   segment = ChaCha20-Poly1305(128 KiB of plaintext, the last one shorter)
 *             | tag[16]
 *
 * key = HKDF(K, "pack" | id | random | dev_id), nonce = zeros[8] | u32 segment
 * number, associated data = "aumbry pack v1\0" | header | uid | u8 category
 * | pack id | u32 segment number | u8 last. The plaintext length is padded to
 * the next of 32 steps per power of two, at least 4 KiB.
 * source  docs/FORMAT.md "Pack".
 */
#pragma once

#include "vault/secret.h"
#include "wire/id.h"

#define PACK_PLAIN_MAX (16 * 1024 * 1024) /* bytes, before sealing */
/* A writer closes at this: four packs in work are 16 MiB of memory. */
#define PACK_FULL (4 * 1024 * 1024)
#define PACK_SEGMENT (128 * 1024) /* plaintext bytes */
#define PACK_TAG 16
#define PACK_SLOT (PACK_SEGMENT + PACK_TAG) /* of a segment in the blob */
#define PACK_HEADER 42
#define PACK_ENTRIES 4096 /* chunks in one pack: its record fits 256 KiB */
#define PACK_BLOCK (1024 * 1024) /* plaintext bytes in one block, at most */
#define PACK_ALG_CHACHA20_POLY1305 1
#define PACK_BLOB_MAX \
	(PACK_HEADER + PACK_PLAIN_MAX + \
	    PACK_PLAIN_MAX / PACK_SEGMENT * PACK_TAG)

/* What binds a pack to its place. */
struct pack_place {
	struct id uid;
	uint8_t category;
	struct id pack; /* the blob's id */
};

/* ---- writing: one pack after another in one buffer ---- */

struct pack_out;

/* With the buffer of one pack; what is in work is dropped with it. */
struct pack_out *pack_out_new(void);
void pack_out_free(struct pack_out **w);
/* Is there room for n more stored bytes? */
bool pack_out_fits(const struct pack_out *w, size_t n);
bool pack_out_empty(const struct pack_out *w);
/* Append one block's stored bytes. It must fit. */
void pack_out_add(struct pack_out *w, struct bytes stored);
/*
 * Pad, draw id and header, seal. The writer then holds the blob until
 * pack_out_reset.
 *
 * place  uid and category in; the pack's id out.
 */
void pack_out_seal(struct pack_out *w, const struct secret *key, uint32_t epoch,
    const struct id *dev_id, struct pack_place *place);
struct bytes pack_out_blob(const struct pack_out *w); /* after seal */
void pack_out_reset(struct pack_out *w);

/* ---- reading ---- */

struct pack_in;

/* The key epoch a header names. errors: blob-corrupt, update-needed. */
MUST_CHECK int pack_header_epoch(
    struct bytes header, uint32_t *epoch, struct err *e);

/*
 * header     the first PACK_HEADER bytes of the blob.
 * key        K of the category and the epoch that the header names.
 * blob_size  bytes of the whole blob: tells which segment is the last.
 * errors     blob-corrupt, blob-truncated, update-needed.
 */
MUST_CHECK int pack_in_open(const struct secret *key,
    const struct pack_place *place, struct bytes header, uint64_t blob_size,
    struct pack_in **out, struct err *e);
void pack_in_free(struct pack_in **r);

/* Place of segment i in the blob: offset and sealed length. */
uint32_t pack_in_segments(const struct pack_in *r);
void pack_in_where(
    const struct pack_in *r, uint32_t i, uint64_t *offset, size_t *length);

/* Append the plaintext of segment i. errors: blob-corrupt. */
MUST_CHECK int pack_in_segment(struct pack_in *r, uint32_t i,
    struct bytes sealed, struct buf *out, struct err *e);

/* The padded length of n plaintext bytes. */
size_t pack_padded(size_t n);
