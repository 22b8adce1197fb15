/* SPDX-License-Identifier: ISC */
/* bench_stages.c: each stage of backup and restore alone, in one thread. */
/*
 * Text is a tree of small files under ".", noise is one large stream. What a
 * stage leaves is what the next one takes. The best of ROUNDS; MB are 10^6
 * bytes of content, for seal and open those that are stored.
 */
#include "../unit/scratch_dir.h"

#include "files/capture.h"
#include "vault/chunker.h"
#include "vault/codec.h"
#include "vault/pack.h"
#include "wire/category.h"
#include "wire/digest.h"

#include "base/file.h"
#include "base/now.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DATA_BYTES ((size_t)32 << 20)
#define FILES 2944 /* of 11 KiB: what a kernel's sources have on average */
#define FILES_EACH 16 /* in one directory */
#define ROUNDS 5

/* The output of one stage is the input of another. */
struct bench {
	char *root;
	struct capture *capture;
	struct chunker *chunker;
	struct secret *key;
	struct mac *mac;
	struct codec *codec;
	struct buf data; /* text or noise */
	uint32_t *chunks; /* lengths */
	size_t n_chunks;
	struct buf packed; /* blocks, end to end */
	struct bytes *blocks;
	enum codec_method *methods;
	size_t n_blocks;
	struct pack_out *pack;
	struct pack_place place;
	struct buf scratch;
};

static void
must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", err_name(e->code), e->msg);
	exit(1);
}

/* ---- what is measured ---- */

static uint32_t
below(uint64_t *state, uint32_t limit)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)((*state >> 33) % limit);
}

/* Lines of words, some of them said before: zstd halves it twice. */
static void
fill_text(struct buf *out)
{
	uint64_t state = 20261123, words;
	uint8_t *p = buf_grow(out, DATA_BYTES);
	size_t n = 0;

	while (n < DATA_BYTES) {
		size_t line = n;
		size_t back = 1 + below(&state, 60000);
		if (back < n && below(&state, 3) > 0) {
			for (; n < DATA_BYTES && n < line + 60; n++)
				p[n] = p[n - back];
			continue;
		}
		for (words = 1 + below(&state, 9); words > 0; words--) {
			uint64_t word = below(&state, 1 + below(&state, 5000));
			for (size_t i = 0; i < 7 && n < DATA_BYTES; i++)
				p[n++] = (uint8_t)('a' + below(&word, 26));
			if (n < DATA_BYTES)
				p[n++] = words == 1 ? '\n' : ' ';
		}
	}
}

static void
fill_noise(struct buf *out, const struct secret *seed)
{
	uint8_t *p = buf_grow(out, DATA_BYTES);

	randombytes_buf_deterministic(p, DATA_BYTES, secret_bytes(seed).p);
}

/* Lay the text out as FILES files. */
static void
make_files(struct bench *b)
{
	const size_t each = DATA_BYTES / FILES;
	char path[64];
	struct err e;

	for (unsigned i = 0; i < FILES; i++) {
		(void)snprintf(path, sizeof path, "dir-%04u", i / FILES_EACH);
		OWN(mem_free) char *dir = file_join(b->root, path);
		if (i % FILES_EACH == 0)
			must(file_mkdirs(dir, 0700, &e), &e);
		(void)snprintf(path, sizeof path, "file-%02u", i % FILES_EACH);
		OWN(mem_free) char *name = file_join(dir, path);
		OWN(fd_close)
		int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		must(file_write_all(
			 fd, bytes_of(b->data.p + i * each, each), &e),
		    &e);
	}
}

/* ---- stages: each returns how many bytes it did ---- */

/* List a tree; read its files too when `read`. */
static size_t
walk(struct bench *b, int fd, bool read)
{
	OWN(capture_list_free) struct capture_list *list = NULL;
	struct capture_detail d = CAPTURE_DETAIL;
	size_t bytes = 0, got;
	struct err e;

	must(capture_list(fd, &list, &e), &e);
	for (size_t i = 0; i < capture_size(list); i++) {
		struct capture_item item;
		must(capture_stat(fd, capture_name(list, i), &item, &e), &e);
		if (item.type == ENTRY_DIRECTORY) {
			OWN(fd_close) int sub = -1;
			must(capture_open_dir(fd, item.name, &sub, &e), &e);
			bytes += walk(b, sub, read);
			continue;
		}
		bytes += item.size;
		if (!read)
			continue;
		must(capture_detail(b->capture, fd, &item, &d, &e), &e);
		buf_clear(&b->scratch);
		uint8_t *p = buf_grow(&b->scratch, item.size);
		must(file_pread_full(d.fd, p, item.size, 0, &got, &e), &e);
	}
	capture_detail_free(&d);
	return bytes;
}

static size_t
walk_root(struct bench *b, bool read)
{
	OWN(fd_close) int fd = -1;
	struct err e;

	must(capture_open_dir(AT_FDCWD, b->root, &fd, &e), &e);
	return walk(b, fd, read);
}

static size_t
stage_walk(struct bench *b)
{
	return walk_root(b, false);
}

static size_t
stage_read(struct bench *b)
{
	return walk_root(b, true);
}

static size_t
stage_cut(struct bench *b)
{
	b->n_chunks = 0;
	for (size_t at = 0; at < b->data.n;) {
		size_t n = chunker_cut(
		    b->chunker, b->data.p + at, b->data.n - at, true);
		b->chunks[b->n_chunks++] = (uint32_t)n;
		at += n;
	}
	return b->data.n;
}

static size_t
stage_name(struct bench *b)
{
	struct digest name;
	size_t at = 0;

	for (size_t i = 0; i < b->n_chunks; at += b->chunks[i++])
		mac_of(b->mac, bytes_of(b->data.p + at, b->chunks[i]), &name);
	return at;
}

static size_t
stage_compress(struct bench *b)
{
	buf_clear(&b->packed);
	buf_room(&b->packed, b->data.n);
	b->n_blocks = 0;
	for (size_t at = 0; at < b->data.n; at += PACK_BLOCK) {
		struct bytes plain = bytes_of(b->data.p + at, PACK_BLOCK);
		size_t before = b->packed.n;
		enum codec_method m = codec_pack(b->codec, plain, &b->packed);
		if (m == CODEC_RAW)
			buf_put_bytes(&b->packed, plain);
		b->methods[b->n_blocks] = m;
		b->blocks[b->n_blocks++] =
		    bytes_of(b->packed.p + before, b->packed.n - before);
	}
	return b->data.n;
}

/* One pack again and again: a sealed blob is as large as an open one. */
static size_t
stage_seal(struct bench *b)
{
	size_t bytes = 0;

	for (unsigned packs = 0; packs < 4; packs++) {
		pack_out_reset(b->pack);
		for (size_t i = 0;
		     i < b->n_blocks && pack_out_fits(b->pack, b->blocks[i].n);
		     i++)
			pack_out_add(b->pack, b->blocks[i]);
		pack_out_seal(b->pack, b->key, 1, &b->place.uid, &b->place);
		bytes += pack_out_blob(b->pack).n;
	}
	return bytes;
}

static size_t
stage_open(struct bench *b)
{
	struct bytes blob = pack_out_blob(b->pack);
	OWN(pack_in_free) struct pack_in *in = NULL;
	uint64_t at;
	size_t n;
	struct err e;

	must(pack_in_open(b->key, &b->place, blob, blob.n, &in, &e), &e);
	for (uint32_t i = 0; i < pack_in_segments(in); i++) {
		buf_clear(&b->scratch);
		pack_in_where(in, i, &at, &n);
		must(pack_in_segment(
			 in, i, bytes_of(blob.p + at, n), &b->scratch, &e),
		    &e);
	}
	return blob.n;
}

static size_t
stage_expand(struct bench *b)
{
	struct err e;

	for (size_t i = 0; i < b->n_blocks; i++) {
		buf_clear(&b->scratch);
		must(codec_expand(b->codec, b->methods[i], b->blocks[i],
			 PACK_BLOCK, &b->scratch, &e),
		    &e);
	}
	return b->n_blocks * PACK_BLOCK;
}

/* ---- the bench ---- */

/* Returns the best time in ns. */
static int64_t
measure(struct bench *b, const char *stage, const char *what,
    size_t (*run)(struct bench *))
{
	int64_t best = INT64_MAX;
	size_t bytes = 0;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = now_mono_ns();
		bytes = run(b);
		int64_t took = now_mono_ns() - start + 1;
		best = took < best ? took : best;
	}
	(void)printf("stage_%s_%s_mb_per_s\t%.0f\n", stage, what,
	    (double)bytes * 1e3 / (double)best);
	return best;
}

static void
measure_content(struct bench *b, const char *what)
{
	(void)measure(b, "cut", what, stage_cut);
	(void)measure(b, "name", what, stage_name);
	(void)measure(b, "compress", what, stage_compress);
	(void)printf("stage_compress_%s_percent\t%.1f\n", what,
	    100 * (double)b->packed.n / (double)b->data.n);
	(void)measure(b, "seal", what, stage_seal);
	(void)measure(b, "open", what, stage_open);
	(void)measure(b, "expand", what, stage_expand);
}

int
main(void)
{
	const size_t n_blocks = DATA_BYTES / PACK_BLOCK;
	OWN(scratch_free) struct scratch root = scratch_new();
	OWN(secret_free) struct secret *key = secret_new(SECRET_KEY);
	OWN(chunker_free) struct chunker *chunker = chunker_new(key);
	OWN(capture_free) struct capture *capture = capture_new();
	OWN(mac_free) struct mac *mac = mac_new(secret_bytes(key));
	OWN(codec_free) struct codec *codec = codec_new(1);
	OWN(pack_out_free) struct pack_out *pack = pack_out_new();
	OWN(mem_free)
	uint32_t *chunks =
	    mem_array(DATA_BYTES / CHUNKER_MIN + 1, sizeof *chunks);
	OWN(mem_free)
	struct bytes *blocks = mem_array(n_blocks, sizeof *blocks);
	OWN(mem_free)
	enum codec_method *methods = mem_array(n_blocks, sizeof *methods);
	struct bench b = { .root = root.path,
		.capture = capture,
		.chunker = chunker,
		.key = key,
		.mac = mac,
		.codec = codec,
		.chunks = chunks,
		.blocks = blocks,
		.methods = methods,
		.pack = pack,
		.place.category = CATEGORY_BACKUP };

	fill_text(&b.data);
	make_files(&b);
	int64_t took = measure(&b, "walk", "text", stage_walk);
	(void)printf(
	    "stage_walk_files_per_s\t%.0f\n", FILES * 1e9 / (double)took);
	took = measure(&b, "read", "text", stage_read);
	(void)printf(
	    "stage_read_files_per_s\t%.0f\n", FILES * 1e9 / (double)took);
	measure_content(&b, "text");
	buf_clear(&b.data);
	fill_noise(&b.data, key);
	measure_content(&b, "noise");
	buf_free(&b.data);
	buf_free(&b.packed);
	buf_free(&b.scratch);
	return 0;
}
