/* SPDX-License-Identifier: ISC */
/* seen.h: what the last backup of the same roots saw, to skip the unchanged. */
/*
 * Only a cache: without it a backup is slow, never wrong. An item is trusted
 * when device, inode, size, mtime and ctime are equal and it was not racy: its
 * times lay at least SEEN_RACY_S before the moment the file was opened, and not
 * in the future. A file that is damaged, torn or foreign is an empty cache.
 *
 *   "aumbry-seen v2\n" | rules[32] | directories | u64 files | u64 bytes
 *   | SHA-256 of all before
 *   directory  vv(path) | { u8 1 | item }... | u8 0
 *   item       varint dev, ino, size, zigzag mtime_s, mtime_ns, zigzag
 *              ctime_s, ctime_ns | u8 racy | vv(entry as stored in the tree)
 *   rules      what else decided how files were stored: a digest
 *
 * Directories are in the order of the tree. Both sides are walked in it, so
 * neither reading nor writing holds more than one item in memory.
 */
#pragma once

#include "files/capture.h"
#include "wire/digest.h"

#define SEEN_RACY_S 60

struct seen;

/* rules: those of now. Never NULL. */
struct seen *seen_open(const char *path, const struct digest *rules);
void seen_free(struct seen **s);

/* Were the rules the same when it was written? */
bool seen_same_rules(const struct seen *s);

/* What the last backup came to; 0 when there was none. */
struct seen_totals {
	uint64_t files, bytes;
};
struct seen_totals seen_totals(const struct seen *s);

/* Where one directory's items stand; they come sorted by name. */
struct seen_dir {
	struct seen *seen; /* NULL: it has none */
	struct bytes entry; /* of the item looked at now */
	struct entry parsed;
	struct capture_item tuple; /* only the compared fields */
	bool racy, valid;
};

/*
 * Step on to a directory. They must be asked for in the order of the tree, and
 * end what was found before.
 */
void seen_dir_find(struct seen *s, struct bytes path, struct seen_dir *out);

/*
 * The stored entry of an unchanged object, or n = 0. Names must be asked for in
 * ascending order.
 */
struct bytes seen_item(struct seen_dir *d, const struct capture_item *item);

/* ---- writing the next one ---- */

struct seen_out;

/* Begin a file beside `path`, which it replaces at its end. */
MUST_CHECK int seen_out_new(const char *path, const struct digest *rules,
    struct seen_out **out, struct err *e);
/* Drops one that was not ended. */
void seen_out_free(struct seen_out **w);
/* A directory, in the order of the tree; its items follow, and its end. */
void seen_out_begin(struct seen_out *w, struct bytes path);
/* opened_s: when the object was opened or listed in this run, UTC seconds. */
void seen_out_item(struct seen_out *w, const struct capture_item *item,
    int64_t opened_s, struct bytes entry);
void seen_out_end_dir(struct seen_out *w);
/* Put it in its place. errors: io-error, also of all before. */
MUST_CHECK int seen_out_end(
    struct seen_out *w, const struct seen_totals *t, struct err *e);
