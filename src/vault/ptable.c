/* SPDX-License-Identifier: ISC */
/* ptable.c: encoding and parsing of pack tables. */
#include "vault/ptable.h"

#include "vault/pack.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT 1

void
ptable_free(struct ptable *t)
{
	free(t->blocks);
	free(t->entries);
	*t = (struct ptable){ 0 };
}

void
ptable_clear(struct ptable *t)
{
	t->n_blocks = 0;
	t->n_entries = 0;
	t->blob_bytes = 0;
}

void
ptable_add_block(
    struct ptable *t, uint8_t method, uint32_t stored, uint32_t plain)
{
	uint32_t offset = 0;

	if (t->n_blocks > 0) {
		const struct ptable_block *b = &t->blocks[t->n_blocks - 1];
		offset = b->offset + b->stored;
	}
	if ((t->n_blocks & (t->n_blocks - 1)) == 0)
		t->blocks = mem_resize(t->blocks,
		    t->n_blocks == 0 ? 1 : 2 * (size_t)t->n_blocks,
		    sizeof *t->blocks);
	t->blocks[t->n_blocks++] = (struct ptable_block){
		.offset = offset,
		.stored = stored,
		.plain = plain,
		.method = method,
		.first = t->n_entries,
	};
}

void
ptable_add_entry(struct ptable *t, const struct digest *name, uint32_t length)
{
	struct ptable_block *b = &t->blocks[t->n_blocks - 1];
	uint32_t offset = 0;

	if (b->n > 0) {
		const struct ptable_entry *p = &t->entries[t->n_entries - 1];
		offset = p->offset + p->length;
	}
	if ((t->n_entries & (t->n_entries - 1)) == 0)
		t->entries = mem_resize(t->entries,
		    t->n_entries == 0 ? 1 : 2 * (size_t)t->n_entries,
		    sizeof *t->entries);
	t->entries[t->n_entries++] = (struct ptable_entry){
		.name = *name,
		.block = t->n_blocks - 1,
		.offset = offset,
		.length = length,
	};
	b->n++;
}

void
ptable_put(struct buf *out, const struct ptable *t)
{
	buf_put_u8(out, PTABLE_KIND);
	buf_put_u8(out, FORMAT);
	id_put(out, &t->pack);
	buf_put_u8(out, t->stream);
	buf_put_u32(out, t->blob_bytes);
	buf_put_varint(out, t->n_blocks);
	for (uint32_t i = 0; i < t->n_blocks; i++) {
		const struct ptable_block *b = &t->blocks[i];
		buf_put_varint(out, b->stored);
		buf_put_varint(out, b->plain);
		buf_put_u8(out, b->method);
		buf_put_varint(out, b->n);
		for (uint32_t k = b->first; k < b->first + b->n; k++) {
			digest_put(out, &t->entries[k].name);
			buf_put_varint(out, t->entries[k].length);
		}
	}
}

static int
corrupt(struct err *e)
{
	return err_set(
	    e, ERR_RECORD_CORRUPT, "a pack record is not well-formed");
}

static int
take_block(struct scan *s, struct ptable *t, uint64_t *end, struct err *e)
{
	uint64_t stored = scan_varint(s), plain = scan_varint(s);
	uint8_t method = scan_u8(s);
	uint64_t n = scan_varint(s), sum = 0;

	*end += stored;
	if (!scan_ok(s) || plain > PACK_BLOCK || stored > PACK_PLAIN_MAX ||
	    *end > PACK_PLAIN_MAX || n > PACK_ENTRIES - t->n_entries)
		return corrupt(e);
	ptable_add_block(t, method, (uint32_t)stored, (uint32_t)plain);
	for (uint64_t i = 0; i < n; i++) {
		struct digest name = digest_take(s);
		uint64_t length = scan_varint(s);
		sum += length;
		if (!scan_ok(s) || length > plain || sum > plain)
			return corrupt(e);
		ptable_add_entry(t, &name, (uint32_t)length);
	}
	return sum == plain ? 0 : corrupt(e);
}

int
ptable_parse(struct bytes x, struct ptable *out, struct err *e)
{
	struct scan s = scan_of(x);
	OWN(ptable_free) struct ptable t = { 0 };
	uint64_t end = 0;

	uint8_t kind = scan_u8(&s), format = scan_u8(&s);
	if (scan_ok(&s) && kind == PTABLE_KIND && format > FORMAT)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a pack record has format %u, newer than this version",
		    (unsigned)format);
	t.pack = id_take(&s);
	t.stream = scan_u8(&s);
	t.blob_bytes = scan_u32(&s);
	uint64_t blocks = scan_varint(&s);
	if (!scan_ok(&s) || kind != PTABLE_KIND || format != FORMAT ||
	    t.stream > PTABLE_SECRET || t.blob_bytes > PACK_BLOB_MAX ||
	    blocks > PACK_ENTRIES)
		return corrupt(e);
	for (uint64_t i = 0; i < blocks; i++)
		if (take_block(&s, &t, &end, e) < 0)
			return -1;
	if (!scan_done(&s))
		return corrupt(e);
	*out = t;
	t = (struct ptable){ 0 };
	return 0;
}
