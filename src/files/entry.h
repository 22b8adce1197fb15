/* SPDX-License-Identifier: ISC */
/* entry.h: one file-system object and its bytes in a backup's tree stream. */
/*
 * Values only: no file is touched here. What entry_take yields borrows from the
 * scanned bytes and has been checked in full, so the iterators below cannot
 * fail on it. Any thread.
 *
 * Stored form. varint is LEB128 in its shortest form; v8(x) is u8 length | x;
 * vv(x) is varint length | x; zigzag maps 0, -1, 1, -2 … to 0, 1, 2, 3 …
 *
 *	entry  = varint body length | body
 *	body   = varint present      which optional fields follow
 *	       | u8 type             1 regular, 2 directory, 3 symlink, 4 fifo,
 *	                             5 socket, 6 character, 7 block device
 *	       | v8(name)            1..255 bytes as they are, no "/" or NUL, not
 *	                             "." or ".."
 *	       | varint mode         at most 07777
 *	       | varint uid | varint gid          at most 2^32 - 2
 *	       | v8(user) | v8(group)             empty when unknown, no NUL
 *	       | varint zigzag(mtime_s) | varint mtime_ns     ns below 10^9
 *	       | the optional fields, in the order of their bits
 *
 *	bit  field, when the bit is set       when it is not
 *	 0   varint zigzag(ctime_s - mtime_s)
 *	       mod 2^64 | varint ctime_ns     ctime equals mtime
 *	 1   varint dev | varint ino
 *	       | varint nlink (2 or more)     no other name: 0, 0, 1
 *	 2   varint size, 1..2^63 - 1         0; regular files only
 *	 3   varint major | varint minor      the two kinds of device must have it
 *	 4   vv(target), 1..4,096 bytes       a symlink must have it
 *	 5   vv(xattrs), 1..1 MiB             none
 *	 6   varint flags, not 0              none
 *	 7   u8 category: 5 keychain          category 2, backup
 *	 8   vv(extents), up to 16 MiB        no holes; regular files only
 *	 9   vv(content), 1..1 GiB            none
 *	10   u8 status: 1 changed while read  0, whole
 *
 *	xattrs  = { v8(name, 1..255) | vv(value, up to 64 KiB) } …
 *	extents = { varint gap since the end of the extent before | varint length }
 *	          …; a gap of 0 only at the start, no length of 0 or of size, all within
 *	          size.
 *	          What no extent covers is a hole. No extent: all of it is.
 *
 * There is one form for each entry: an optional field never holds what its
 * absence means, nothing follows the last field. A present or flags bit that
 * is not listed here was written by a newer version. Bits of `flags` are those
 * of FS_IOC_GETFLAGS. ACLs are the xattrs system.posix_acl_access and _default.
 * Directories never carry link identity.
 */
#pragma once

#include "base/scan.h"

#define ENTRY_NAME_MAX 255 /* NAME_MAX of Linux */
#define ENTRY_TARGET_MAX 4096 /* PATH_MAX of Linux */
#define ENTRY_XATTR_MAX ((size_t)64 << 10) /* bytes, XATTR_SIZE_MAX of Linux */
#define ENTRY_XATTRS_MAX ((size_t)1 << 20) /* bytes of the whole list */
#define ENTRY_EXTENTS_MAX ((size_t)16 << 20) /* bytes: a million extents */
#define ENTRY_CONTENT_MAX ((size_t)1 << 30) /* bytes: 32 million chunks */
#define ENTRY_MAX \
	(ENTRY_CONTENT_MAX + ENTRY_EXTENTS_MAX + ENTRY_XATTRS_MAX + 8192)

enum entry_type {
	ENTRY_REGULAR = 1,
	ENTRY_DIRECTORY,
	ENTRY_SYMLINK,
	ENTRY_FIFO,
	ENTRY_SOCKET,
	ENTRY_CHARDEV,
	ENTRY_BLOCKDEV
};

/* The numbers of the data categories. */
enum entry_category { ENTRY_BACKUP = 2, ENTRY_KEYCHAIN = 5 };

enum entry_status { ENTRY_WHOLE, ENTRY_CHANGED };

/* Flags worth keeping, with the values of FS_IOC_GETFLAGS. */
#define ENTRY_FLAG_SYNC 0x8u
#define ENTRY_FLAG_IMMUTABLE 0x10u
#define ENTRY_FLAG_APPEND 0x20u
#define ENTRY_FLAG_NODUMP 0x40u
#define ENTRY_FLAG_NOATIME 0x80u
#define ENTRY_FLAG_DIRSYNC 0x10000u
/* All of them. */
#define ENTRY_FLAGS \
	(ENTRY_FLAG_SYNC | ENTRY_FLAG_IMMUTABLE | ENTRY_FLAG_APPEND | \
	    ENTRY_FLAG_NODUMP | ENTRY_FLAG_NOATIME | ENTRY_FLAG_DIRSYNC)

struct entry {
	struct bytes name;
	enum entry_type type;
	enum entry_category category;
	enum entry_status status;
	bool sparse; /* extents hold, even when there are none */
	uint32_t mode; /* 07777 */
	uint32_t uid, gid;
	struct bytes user, group;
	int64_t mtime_s, ctime_s;
	uint32_t mtime_ns, ctime_ns;
	uint64_t dev, ino; /* stored only when nlink > 1, not of directories */
	uint32_t nlink;
	uint32_t flags;
	uint64_t size; /* 0 unless regular */
	uint32_t rdev_major, rdev_minor;
	struct bytes target;
	struct bytes xattrs; /* as entry_xattr_put makes them */
	struct bytes extents; /* as entry_extent_put makes them */
	struct bytes content; /* opaque here */
};

/* "regular file", "directory" …: what a sentence calls it. */
const char *entry_type_name(enum entry_type type);

/* May a file be called so? 1..255 bytes, no "/" or NUL, not "." or "..". */
bool entry_name_ok(struct bytes name);

/* Append the stored form of x, which is within all limits of this header. */
void entry_put(struct buf *out, const struct entry *x);

/*
 * How long the entry at the start of x is, its length prefix included.
 *
 * total   set when the result is true.
 * result  false: x is too short to tell, or no entry begins here; with 10 bytes
 *         or more it is the latter.
 */
bool entry_total(struct bytes x, uint64_t *total);

/*
 * Read one entry and check all of it. x borrows from the bytes of s.
 *
 * errors  ERR_RECORD_CORRUPT; ERR_UPDATE_NEEDED for unknown bits; s has moved
 *         past the entry only on success.
 */
MUST_CHECK int entry_take(struct scan *s, struct entry *x, struct err *e);

/* Append one to a list. The name has 1..255 bytes, the value 0..64 KiB. */
void entry_xattr_put(struct buf *xattrs, struct bytes name, struct bytes value);

/* Step through a list: begin with rest = x->xattrs; false at its end. */
bool entry_xattr_next(
    struct bytes *rest, struct bytes *name, struct bytes *value);

/*
 * Append data at offset..offset + length to a map; length is not 0.
 *
 * offset  beyond *end, or 0 for the first.
 * end     where the extent before ended; 0 at the start; moved on.
 */
void entry_extent_put(
    struct buf *extents, uint64_t *end, uint64_t offset, uint64_t length);

/* Step through a map: begin with rest = x->extents, *end = 0. */
bool entry_extent_next(
    struct bytes *rest, uint64_t *end, uint64_t *offset, uint64_t *length);
