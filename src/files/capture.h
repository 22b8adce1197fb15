/* SPDX-License-Identifier: ISC */
/* capture.h: reading directories and files of this machine for a backup. */
/*
 * Everything is opened relative to a directory that is already open, never
 * through a symlink, and never so that a FIFO or device could block. Nothing is
 * written; access times stay where the kernel allows it (O_NOATIME).
 *
 * Messages hold no path: the caller knows it. Codes: ERR_NOT_FOUND when the
 * object has vanished, ERR_CONFLICT when it was replaced by another one since
 * it was listed (capture_stat shows the new one), ERR_IO when it cannot be read.
 *
 * A `struct capture` may be shared by threads; lists and details belong to one.
 */
#pragma once

#include "files/entry.h"

/* What one statx call tells: enough to know an unchanged file again. */
struct capture_item {
	const char *name; /* the caller's, NUL-terminated */
	uint16_t name_n; /* bytes */
	uint16_t mode; /* 07777 */
	enum entry_type type;
	uint32_t uid, gid, nlink;
	uint32_t mtime_ns, ctime_ns;
	int64_t mtime_s, ctime_s;
	uint64_t dev, ino, size, blocks; /* blocks of 512 bytes */
	uint64_t mount; /* changes at mount points, where the kernel tells */
	uint32_t rdev_major, rdev_minor;
};

struct capture; /* names of users and groups, remembered */
struct capture_list; /* one directory */

/* Heap. Names of users and groups, each asked for once. One thread. */
struct capture *capture_new(void);
void capture_free(struct capture **c);

/*
 * Open a directory for capture_list.
 *
 * at      where `name` starts, or AT_FDCWD.
 * errors  ERR_CONFLICT when it is no directory, or a symlink to one.
 */
MUST_CHECK int capture_open_dir(
    int at, const char *name, int *fd, struct err *e);

/* Look at one object, not through a symlink. item->name is `name`. */
MUST_CHECK int capture_stat(
    int at, const char *name, struct capture_item *item, struct err *e);

/*
 * List the names in a directory, sorted by their bytes, each once.
 *
 * dirfd   stays open and stays the caller's.
 * errors  when nothing could be read; after a part capture_list_error says why
 *         it ended early.
 * cost    the names in memory, and 8 bytes for each.
 */
MUST_CHECK int capture_list(
    int dirfd, struct capture_list **out, struct err *e);
size_t capture_size(const struct capture_list *list);
const char *capture_name(const struct capture_list *list, size_t i);
int capture_list_error(const struct capture_list *list); /* an errno, or 0 */
void capture_list_free(struct capture_list **list);

/* One object in full. Zero it once, use it for many objects, free it once. */
struct capture_detail {
	struct entry entry; /* borrows from the buffers and from the capture */
	int fd; /* regular file or directory, open; else -1 */
	struct capture_item now; /* what it was when it was opened */
	unsigned left_out; /* attributes that cannot be read, or do not fit */
	struct buf name, xattrs, extents, target, scratch;
};

#define CAPTURE_DETAIL \
	{ \
		.fd = -1 \
	}

/*
 * Read all about one object and open it when it is a file or a directory.
 *
 * item    as listed; the result tells what holds now.
 * d       replaced, a descriptor it held is closed. Take d->fd by setting -1.
 *         category, status and content are left to the caller.
 * errors  as above; d holds no descriptor then.
 */
MUST_CHECK int capture_detail(struct capture *c, int dirfd,
    const struct capture_item *item, struct capture_detail *d, struct err *e);
void capture_detail_free(struct capture_detail *d);

/* Fill an entry from what is listed, without looking at the object again. */
void capture_entry(
    struct capture *c, const struct capture_item *item, struct entry *x);

/* After reading: is the open file still what it was when it was opened? */
bool capture_unchanged(const struct capture_detail *d);

/*
 * Does this directory hold a file of that name whose first line is `line`, or
 * that may not be read? line: at most 64 bytes, with its newline.
 */
bool capture_has_marker(int dirfd, const char *name, const char *line);
