/* SPDX-License-Identifier: ISC */
/* fuzz_tree.c: streams of directories, and the index of where each stands. */
/*
 * Input: u16 length of the index | index | tree. Two readers look at it: what
 * the stricter one takes in order, the other must take as the same.
 */
#include "backup/dirs.h"
#include "backup/tree.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_stream_read(struct source *src, const struct stream_ref *ref,
    struct stream_range part, stream_fn fn, void *ctx, struct err *e);

#define PIECE 100 /* bytes given at once, so that entries come in parts */

static struct bytes trees, indices;
static struct snapshot snap;

int
__wrap_stream_read(struct source *src, const struct stream_ref *ref,
    struct stream_range part, stream_fn fn, void *ctx, struct err *e)
{
	struct bytes x = ref == &snap.index ? indices : trees;

	(void)src;
	if (part.from > x.n || part.n > x.n - part.from)
		return err_set(e, ERR_RECORD_CORRUPT, "outside");
	uint64_t end = part.from + part.n;
	for (uint64_t at = part.from; at < end; at += PIECE) {
		size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;
		if (fn(ctx, bytes_of(x.p + at, n), e) < 0)
			return -1;
	}
	return 0;
}

/* Entries as one text, to compare what two readers see. */
static void
note(struct buf *out, struct bytes dir, const struct entry *x)
{
	buf_put_bytes(out, dir);
	buf_put_u8(out, 0);
	entry_put(out, x);
}

static int
walked(void *ctx, struct bytes dir, const struct entry *x, struct err *e)
{
	(void)e;
	note(ctx, dir, x);
	return 0;
}

/* false when the tree is refused. */
static bool
in_order(struct buf *out)
{
	OWN(dirs_reader_free)
	struct dirs_reader *r = dirs_reader_new(NULL, &snap);
	OWN(dirs_dir_free) struct dirs_dir d = { 0 };
	struct err e = { 0 };
	bool end;

	for (;;) {
		if (dirs_next(r, &d, &end, &e) < 0)
			return false;
		if (end)
			return true;
		for (size_t i = 0; i < d.n; i++) {
			struct entry x, again;
			dirs_entry(&d, i, &x);
			if (!dirs_find(&d, x.name, &again) ||
			    !bytes_equal(x.name, again.name))
				abort();
			note(out, d.path, &x);
		}
	}
}

static void
by_path(struct bytes path)
{
	OWN(dirs_index_free) struct dirs_index *x = NULL;
	OWN(dirs_dir_free) struct dirs_dir d = { 0 };
	OWN(buf_free) struct buf raw = { 0 };
	struct entry found;
	struct err e = { 0 };

	if (dirs_index_open(NULL, &snap, &x, &e) == 0 &&
	    dirs_get(x, path, &d, &e) == 0 && !bytes_equal(d.path, path))
		abort();
	if (tree_find(NULL, &snap, path, &raw, &found, &e) == 0 &&
	    found.name.n > path.n)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(buf_free) struct buf a = { 0 };
	OWN(buf_free) struct buf b = { 0 };
	struct scan s = scan_of(bytes_of(data, size));
	struct err e = { 0 };

	indices = scan_v16(&s);
	if (!scan_ok(&s))
		return 0;
	trees = bytes_of(s.p, s.n);
	snap.index.length = indices.n;
	snap.tree.length = trees.n;
	if (in_order(&a) &&
	    (tree_walk(NULL, &snap, bytes_str(""), walked, &b, &e) < 0 ||
		!bytes_equal(buf_bytes(&a), buf_bytes(&b))))
		abort();
	by_path(bytes_str(""));
	by_path(bytes_str("a"));
	by_path(bytes_str("a/b"));
	return 0;
}
