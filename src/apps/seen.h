/* SPDX-License-Identifier: ISC */
/* seen.h: what the last backup of the same roots saw, to skip the unchanged. */
/*
 * Only a cache: without it a backup is slow, never wrong. An item is trusted
 * when device, inode, size, mtime and ctime are equal and it was not racy: its
 * times lay at least SEEN_RACY_S before the moment the file was opened, and not
 * in the future. A file that is damaged, torn or foreign is an empty cache.
 *
 *   "aumbry-seen v1\n" | directories | SHA-256 of all before
 *   directory  u32 length of the rest | vv(path) | items
 *   item       varint dev, ino, size, zigzag mtime_s, mtime_ns, zigzag
 *              ctime_s, ctime_ns | u8 racy | vv(entry as stored in the tree)
 */
#pragma once

#include "apps/capture.h"

#define SEEN_RACY_S 60

struct seen;

struct seen *seen_open(const char *path); /* never NULL */
void seen_free(struct seen **s);

/* Where one directory's items stand; they come sorted by name. */
struct seen_dir {
	struct scan s;
	struct bytes entry; /* of the item looked at now */
	struct entry parsed;
	struct capture_item tuple; /* only the compared fields */
	bool racy, valid;
};

void seen_dir_find(
    const struct seen *s, struct bytes path, struct seen_dir *out);

/*
 * The stored entry of an unchanged object, or n = 0. Names must be asked for in
 * ascending order.
 */
struct bytes seen_item(struct seen_dir *d, const struct capture_item *item);

/* ---- writing the next one ---- */

struct seen_out;

MUST_CHECK int seen_out_new(
    const char *path, struct seen_out **out, struct err *e);
void seen_out_free(struct seen_out **w); /* drops an unfinished one */
void seen_out_begin(struct seen_out *w, struct bytes path);
/* opened_s: when the object was opened or listed in this run, UTC seconds. */
void seen_out_item(struct seen_out *w, const struct capture_item *item,
    int64_t opened_s, struct bytes entry);
void seen_out_end_dir(struct seen_out *w);
MUST_CHECK int seen_out_end(struct seen_out *w, struct err *e);
