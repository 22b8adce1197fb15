/* SPDX-License-Identifier: ISC */
/*
 * windows.c: does a store hold anything of the files it was given?
 *
 *     windows STORE FILES [INSTALLED…]
 *
 * Every 16 bytes in a row of the files below FILES, from every byte on, with at
 * least 10 distinct values, are looked for at every byte of the files below
 * STORE. What the programs and texts INSTALLED hold too proves nothing. Exit
 * status 1 when something is found.
 */
#include "base/buf.h"
#include "base/file.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define W 16 /* bytes of a window */
#define DISTINCT 10
#define FILE_MAX ((size_t)1 << 30)
#define FILTER_BITS 28

static struct buf all; /* the files, end to end */
static uint32_t *starts; /* of windows in `all`, sorted by what they hold */
static size_t n_starts;
static uint8_t *filter; /* one bit for each value of the hash */
static uint8_t *known; /* for each start: it is in what is installed */
static enum { LOAD, KNOW, SEARCH } phase;
static size_t searched, found;

static uint32_t
hash(const uint8_t *p)
{
	uint64_t a, b;

	memcpy(&a, p, 8);
	memcpy(&b, p + 8, 8);
	a = (a ^ b << 29 ^ b >> 35) * UINT64_C(0x9e3779b97f4a7c15);
	a ^= a >> 32;
	a = (a ^ b) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(a >> (64 - FILTER_BITS));
}

static bool
telling(const uint8_t *p)
{
	int distinct = 0;

	for (int i = 0; i < W; i++)
		distinct += memchr(p, p[i], (size_t)i) == NULL;
	return distinct >= DISTINCT;
}

static int
by_window(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return memcmp(all.p + *x, all.p + *y, W);
}

/* Numbers [*lo, *hi) of the starts that hold these bytes. */
static bool
find(const uint8_t *p, size_t *lo, size_t *hi)
{
	uint32_t h = hash(p);

	if ((filter[h / 8] >> h % 8 & 1) == 0)
		return false;
	size_t from = 0, to = n_starts;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (memcmp(all.p + starts[mid], p, W) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	for (to = from; to < n_starts && memcmp(all.p + starts[to], p, W) == 0;)
		to++;
	*lo = from;
	*hi = to;
	return from < to;
}

static void
load(const struct buf *data)
{
	for (size_t at = 0; at + W <= data->n; at++) {
		if (!telling(data->p + at))
			continue;
		starts = n_starts % 65536 == 0
		    ? mem_resize(starts, n_starts + 65536, sizeof *starts)
		    : starts;
		starts[n_starts++] = (uint32_t)(all.n + at);
	}
	buf_put_bytes(&all, buf_bytes(data));
}

static void
look(const char *name, const struct buf *data)
{
	size_t lo, hi;

	searched += phase == SEARCH ? data->n : 0;
	for (size_t at = 0; at + W <= data->n; at++) {
		if (!find(data->p + at, &lo, &hi))
			continue;
		if (phase == KNOW) {
			memset(known + lo, 1, hi - lo);
		} else if (!known[lo]) {
			(void)printf(
			    "%s has 16 bytes of a file at %zu\n", name, at);
			found++;
			return;
		}
	}
}

static int
visit(const char *name, const struct stat *st, int kind, struct FTW *w)
{
	OWN(buf_free) struct buf data = { 0 };
	struct err e = { 0 };

	(void)w;
	if (kind != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	if (file_read(name, FILE_MAX, &data, &e) < 0) {
		(void)fprintf(stderr, "%s: %s\n", name, e.msg);
		exit(2);
	}
	if (phase == LOAD)
		load(&data);
	else
		look(name, &data);
	return 0;
}

static void
walk(const char *path)
{
	if (nftw(path, visit, 16, FTW_PHYS) != 0) {
		perror(path);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		(void)fprintf(
		    stderr, "usage: windows STORE FILES [INSTALLED…]\n");
		return 2;
	}
	phase = LOAD;
	walk(argv[2]);
	filter = mem_new((size_t)1 << (FILTER_BITS - 3));
	known = mem_new(n_starts + 1);
	for (size_t i = 0; i < n_starts; i++) {
		uint32_t h = hash(all.p + starts[i]);
		filter[h / 8] = (uint8_t)(filter[h / 8] | 1U << h % 8);
	}
	if (n_starts > 1)
		qsort(starts, n_starts, sizeof *starts, by_window);
	phase = KNOW;
	for (int i = 3; i < argc; i++)
		walk(argv[i]);
	phase = SEARCH;
	walk(argv[1]);
	(void)printf(
	    "searched %zu bytes for %zu windows\n", searched, n_starts);
	buf_free(&all);
	free(starts);
	free(filter);
	free(known);
	return found != 0;
}
