/* SPDX-License-Identifier: ISC */
/* node.h: records of the drive zone: files, directories, links, history. */
/*
 * A node is one file, directory or symlink of the Drive; its id is random and
 * stays for life, and the root directory is the id of zeros, without a record.
 *
 *   u8 kind 32 | u8 format 1 | u8 type | u16 flags | parent[16] | v8(name)
 *   | zigzag mtime_s | varint mtime_ns | dev[16] | u64 changed_ms
 *   | varint edits | u64 trashed_ms, if trashed | vv(attrs) | tail
 *   | zeros up to 160 * 2^k bytes
 *
 *   tail      directory: nothing; symlink: vv(target); share: owner[16]
 *             | zone[16]; file: content
 *   content   varint size | u8 form and
 *             0: vv(bytes, up to 256) 1: list
 *             2: u8 depth 1..4 | list of the chunks of a longer list
 *   list      varint n, up to 64 | n * (name[32] | varint length)
 *             | varint r | r * (pack[16] | varint first entry | varint count)
 *             lengths are up to 1 MiB; a name of zeros is a hole, of which
 *             form 2 has none; the r runs are hints where the first chunks
 *             lay, in their order, holes left out
 *
 * vv is a varint length and that many bytes. Zeros are checked.
 * source  docs/FORMAT.md "Drive".
 */
#pragma once

#include "wire/digest.h"
#include "wire/id.h"

#define NODE_KIND 32
#define NODE_KIND_HISTORY 33
#define NODE_KIND_TIDIED 35
#define NODE_FORMAT 1
#define NODE_PAD 160 /* bytes; the smallest record, doubled as needed */
#define NODE_NAME_MAX 255 /* bytes, of Linux */
#define NODE_DEPTH_MAX 512 /* directories above a node */
#define NODE_TARGET_MAX 4095 /* bytes: PATH_MAX of Linux */
#define NODE_ATTRS_MAX 4096 /* bytes */
#define NODE_INLINE_MAX 256 /* bytes: every record goes to every device */
#define NODE_LIST_MAX 64 /* chunks named in the record itself */
#define NODE_SIZE_MAX ((uint64_t)256 << 30) /* bytes of a file */
#define NODE_EDITS_MAX INT64_MAX /* contents of a file */

enum node_type {
	NODE_NONE,
	NODE_FILE = 1,
	NODE_DIR = 2,
	NODE_SYMLINK = 3,
	NODE_SHARE = 4
};

#define NODE_EXEC 0x01 /* executable */
#define NODE_TRASHED 0x02 /* and all below it */
#define NODE_SECRET 0x04 /* its chunks have the keys of keychain */
#define NODE_CONFLICT 0x08 /* a conflict copy */
#define NODE_FLAGS 0x0f /* others are refused */

enum node_form { NODE_INLINE = 0, NODE_LIST = 1, NODE_TREE = 2 };

struct node {
	enum node_type type;
	uint16_t flags;
	struct id parent;
	struct bytes name;
	int64_t mtime_s;
	uint32_t mtime_ns;
	struct id dev; /* of the last writer */
	uint64_t changed_ms; /* when it wrote */
	uint64_t edits; /* of the content, from 1 */
	uint64_t trashed_ms; /* 0 unless trashed */
	struct bytes attrs; /* n * (v8(name) | vv(value)), sorted; or nothing */
	/* By type: the target; or content in stored form, from size on. */
	struct bytes target;
	struct bytes content;
	struct id share_owner, share_zone;
};

/* A file's content, opened; borrows. */
struct node_content {
	uint64_t size;
	enum node_form form;
	struct bytes bytes; /* NODE_INLINE */
	uint8_t depth; /* NODE_TREE: 1..4 */
	uint32_t n; /* chunks */
	struct bytes list; /* n * (name | varint length) */
	uint32_t n_hints;
	struct bytes hints; /* n_hints * (pack | varint first | varint count) */
};

/* Does a name hold: 1..255 bytes, no slash, no NUL, not "." or ".."? */
bool node_name_valid(struct bytes name);
/* How many bytes of a name are up to n and end no character midway. */
size_t node_name_cut(struct bytes name, size_t n);
/* Append a name with a mark before its ending, cut to max bytes. */
void node_name_mark(
    struct bytes name, struct bytes mark, size_t max, struct buf *out);

/* Its mtime in ns since 1970; what is further away is the end of that. */
int64_t node_mtime_ns(const struct node *n);

/* It has another content now. Nobody gets to the end of the count but who says
 * so; there it stays. */
void node_edited(struct node *n);

/* Append a node in stored form, with its pad. It must be valid. */
void node_put(struct buf *out, const struct node *n);

/*
 * Take a record's plaintext; the result borrows from it.
 *
 * errors  record-corrupt: not well-formed, or a list that does not add up to
 *         its size; update-needed: a format that is not known. A name that
 *         does not hold is no error here: see drive-tree-invalid.
 */
MUST_CHECK int node_parse(struct bytes plain, struct node *out, struct err *e);

/* Is it a node's plaintext at all? */
bool node_is(struct bytes plain);

/* Append content in stored form, with what hints there are. */
void node_content_put(struct buf *out, const struct node_content *c);
/* errors: record-corrupt. */
MUST_CHECK int node_content_parse(
    struct bytes stored, struct node_content *out, struct err *e);

/*
 * The content id, by which equal contents are told: SHA-256 of the type, the
 * size, and names with lengths, bytes or target; of no hints. Zeros for
 * directories.
 */
MUST_CHECK int node_content_id(
    const struct node *n, struct digest *out, struct err *e);

/* ---- history: all former contents of one node ---- */

/*
 *   u8 kind 33 | u8 1 | node[16] | varint n, up to 100
 *   | n * (varint edits | u64 changed_ms | dev[16] | zigzag mtime_s
 *     | varint mtime_ns | u8 flags | vv(content)), newest first
 *   | zeros up to the pad
 */
#define NODE_VERSIONS_MAX 100
#define NODE_HISTORY_MAX (160 * 1024) /* bytes in all */

struct node_version {
	uint64_t edits, changed_ms;
	struct id dev;
	int64_t mtime_s;
	uint32_t mtime_ns;
	uint8_t flags; /* NODE_EXEC, NODE_SECRET */
	struct bytes content; /* stored form */
};

struct node_history {
	struct id node;
	size_t n;
	struct node_version v[NODE_VERSIONS_MAX];
};

/* The record's id: SHA-256("aumbry drive history v1" 0x00 | node)[0..16]. */
struct id node_history_id(const struct id *node);
MUST_CHECK int node_history_parse(
    struct bytes plain, struct node_history *out, struct err *e);
/* Append it; oldest ones that would go over the limit are left out. */
void node_history_put(struct buf *out, const struct node_history *h);
