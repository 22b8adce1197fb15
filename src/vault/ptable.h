/* SPDX-License-Identifier: ISC */
/* ptable.h: what a pack holds: the plaintext of a pack record. */
/*
 *   u8 kind 2 | u8 format 1 | pack id[16] | u8 stream | u32 blob bytes
 *   | varint blocks
 *   | blocks * (varint stored | varint plain | u8 method | varint entries
 *               | entries * (name[32] | varint length))
 *
 * Blocks stand end to end in the pack's plaintext, chunks end to end in their
 * block, in this order; so no offset is written. Names are
 * HMAC-SHA-256(N of the category, chunk), in stream 2 with that of keychain. The
 * record's id is the pack's id.
 * source  docs/FORMAT.md "Pack record".
 */
#pragma once

#include "wire/digest.h"
#include "wire/id.h"

#define PTABLE_KIND 2

enum ptable_stream {
	PTABLE_DATA = 0,
	PTABLE_TREE = 1,
	PTABLE_SECRET = 2, /* a drive's, with the keys of the keychain */
};

struct ptable_block {
	uint32_t offset; /* of the stored bytes in the pack's plaintext */
	uint32_t stored;
	uint32_t plain;
	uint8_t method; /* enum codec_method */
	uint32_t first, n; /* entries */
};

struct ptable_entry {
	struct digest name;
	uint32_t block;
	uint32_t offset; /* in the block's plaintext */
	uint32_t length;
};

struct ptable {
	struct id pack;
	uint8_t stream;
	uint32_t blob_bytes;
	struct ptable_block *blocks;
	uint32_t n_blocks;
	struct ptable_entry *entries;
	uint32_t n_entries;
};

/* _clear keeps the memory for the next table. */
void ptable_free(struct ptable *t);
void ptable_clear(struct ptable *t);
/* Begin the next block; its entries follow by ptable_add_entry. */
void ptable_add_block(
    struct ptable *t, uint8_t method, uint32_t stored, uint32_t plain);
void ptable_add_entry(
    struct ptable *t, const struct digest *name, uint32_t length);
void ptable_put(struct buf *out, const struct ptable *t);
/* errors: record-corrupt, update-needed. */
MUST_CHECK int ptable_parse(struct bytes x, struct ptable *out, struct err *e);
