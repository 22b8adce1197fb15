/* SPDX-License-Identifier: ISC */
/* fuzz_chunkmap.c: files of any bytes, as they are or with sums made right. */
/*
 * The first byte says what is done: 1 the sums are put right, 2 packs are added
 * and dropped, 4 it is saved and opened again. The file follows.
 */
#include "content/chunkmap.h"

#include "base/file.h"
#include "wire/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIXED_BYTES 56
#define HEADER_BYTES 88
#define PACK_BYTES 20
#define ENTRY_BYTES 24
#define NAMES 8

static const struct id zone = { { 'z' } };

static uint64_t
stir(uint64_t lane, uint64_t word)
{
	lane = (lane ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return lane << 29 | lane >> 35;
}

static uint64_t
sum_of(struct bytes x)
{
	uint64_t lane[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, all = x.n;

	for (size_t at = 0; at < x.n; at += 64)
		for (size_t k = 0; k < 8; k++) {
			size_t from = at + 8 * k;
			size_t left = from < x.n ? x.n - from : 0;
			uint64_t word = 0;
			if (left > 0)
				memcpy(&word, x.p + from, left < 8 ? left : 8);
			lane[k] = stir(lane[k], word);
		}
	for (size_t k = 0; k < 8; k++)
		all = stir(all, lane[k]);
	return all;
}

/* Make counts, zone and sums those that the reader wants. */
static void
seal(uint8_t *p, size_t n)
{
	OWN(digest_free) struct digest_state *s = digest_new();
	struct digest d;

	if (n < HEADER_BYTES)
		return;
	size_t packs = be32(p + 12) % 9, body = n - HEADER_BYTES;
	while (packs > 0 && packs * PACK_BYTES > body)
		packs--;
	size_t table = packs * PACK_BYTES;
	uint64_t entries = (body - table) / ENTRY_BYTES, rest = entries;
	memcpy(p, "AUMBRYCM\0\0\0\1", 12);
	be32_put(p + 12, (uint32_t)packs);
	be64_put(p + 16, entries);
	memcpy(p + 32, zone.b, ID_BYTES);
	for (size_t i = 0; i < packs; i++) {
		uint8_t *count = p + HEADER_BYTES + i * PACK_BYTES + ID_BYTES;
		uint64_t mine = i + 1 == packs ? rest : be32(count) % 16;
		if (mine > rest)
			mine = rest;
		be32_put(count, (uint32_t)mine);
		rest -= mine;
	}
	be64_put(
	    p + 48, sum_of(bytes_of(p + HEADER_BYTES + table, body - table)));
	digest_add(s, bytes_of(p, FIXED_BYTES));
	digest_add(s, bytes_of(p + HEADER_BYTES, table));
	digest_end(s, &d);
	memcpy(p + FIXED_BYTES, d.b, sizeof d.b);
}

static void
look(struct chunkmap *m, struct bytes file)
{
	uint8_t name[CHUNKMAP_NAME] = { 0 };
	struct id pack;
	uint32_t entry;

	for (size_t at = 0; at + ENTRY_BYTES <= file.n; at += 4) {
		memcpy(name, file.p + at, 16);
		if (chunkmap_find(m, name, &pack, &entry) &&
		    entry >= chunkmap_size(m))
			abort();
	}
}

static void
change(struct chunkmap *m, struct bytes file)
{
	uint8_t names[NAMES][CHUNKMAP_NAME] = { { 0 } };
	struct id pack = { { 0 } };
	size_t n = 0;

	for (; n < NAMES && (n + 1) * ENTRY_BYTES <= file.n; n++)
		memcpy(names[n], file.p + file.n - (n + 1) * ENTRY_BYTES, 16);
	if (file.n >= HEADER_BYTES + ID_BYTES)
		memcpy(pack.b, file.p + HEADER_BYTES, ID_BYTES);
	chunkmap_drop_pack(m, &pack);
	pack.b[0] ^= 1;
	chunkmap_add(m, &pack, (const uint8_t(*)[CHUNKMAP_NAME])names, n);
	if (!chunkmap_has_pack(m, &pack))
		abort();
	look(m, file);
	chunkmap_set_seq(m, chunkmap_seq(m) + 1);
}

static void
must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s\n", e->msg);
	abort();
}

static void
put(const char *path, struct bytes x)
{
	FILE *f = fopen(path, "wb");

	if (f == NULL || fwrite(x.p, 1, x.n, f) != x.n || fclose(f) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/tmp/fuzz_chunkmap-XXXXXX";
	OWN(buf_free) struct buf file = { 0 };
	OWN(chunkmap_free) struct chunkmap *m = NULL;
	struct err e;

	if (size == 0 || mkdtemp(dir) == NULL)
		return 0;
	OWN(mem_free) char *path = file_join(dir, "map");
	buf_put(&file, data + 1, size - 1);
	if (data[0] & 1 && file.n > 0)
		seal(file.p, file.n);
	put(path, buf_bytes(&file));
	must(chunkmap_open(path, &zone, &m, &e), &e);
	look(m, buf_bytes(&file));
	if (data[0] & 2)
		change(m, buf_bytes(&file));
	if (data[0] & 4) {
		must(chunkmap_save(m, &e), &e);
		look(m, buf_bytes(&file));
	}
	(void)unlink(path);
	(void)rmdir(dir);
	return 0;
}
