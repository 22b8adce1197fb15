/* SPDX-License-Identifier: ISC */
/* os.h: every effect that the Drive has on the folder of a root. */
/*
 * One table of calls, so that a disk of memory can stand behind them in tests.
 * Paths are relative to the root, without a slash at either end; "" is the root
 * itself. No call follows a symlink, leaves the root or its file system, or
 * touches what it did not expect: that is ERR_CONFLICT, and all stays as it
 * was. What calls did is on the disk after os_sync.
 *
 * ROOT/.aumbry-drive/ (0700) has part/, where files are filled, and gone/, where
 * what was removed or replaced waits a while for programs that still have it
 * open.
 */
#pragma once

#include "drive/plan.h"

#define OS_OWN ".aumbry-drive"

struct os_stat {
	enum node_type type; /* NODE_NONE: special, not carried */
	bool exec; /* of a file: any x bit */
	bool mount; /* another file system begins here */
	struct plan_stat is;
};

/* An entry of a directory. */
typedef int (*os_list_fn)(
    void *ctx, struct bytes name, const struct os_stat *st, struct err *e);

struct os;
struct os_file; /* open for reading */
struct os_part; /* a file being filled */

struct os_ops {
	/*
	 * List a directory, sorted by the bytes of names; an entry that went
	 * meanwhile is left out.
	 *
	 * *whole  false: not listed to its end, or changed meanwhile: nothing
	 *         can be said of what was not listed.
	 * errors  not-found, conflict (no directory), io-error.
	 */
	int (*list)(struct os *o, const char *path, os_list_fn fn, void *ctx,
	    bool *whole, struct err *e);
	int (*stat)(
	    struct os *o, const char *path, struct os_stat *st, struct err *e);
	/* *st is of what was opened; read again at the end by file_stat. */
	int (*file_open)(struct os *o, const char *path, struct os_stat *st,
	    struct os_file **out, struct err *e);
	int (*file_read)(struct os_file *f, uint64_t offset, void *p, size_t n,
	    size_t *got, struct err *e);
	/* From offset on: where data begins, and where the hole behind it. */
	int (*file_data)(struct os_file *f, uint64_t offset, uint64_t *data,
	    uint64_t *hole, struct err *e);
	int (*file_stat)(struct os_file *f, struct os_stat *st, struct err *e);
	void (*file_close)(struct os_file **f);
	/* The target, appended. */
	int (*readlink)(
	    struct os *o, const char *path, struct buf *out, struct err *e);

	/*
	 * A file in part/ by that name, of which *have bytes were filled before
	 * and kept; size bytes of room are asked for. A hole is what is never
	 * put. errors: disk-full-here, too-large.
	 */
	int (*part_open)(struct os *o, const char *name, uint64_t size,
	    uint64_t *have, struct os_part **out, struct err *e);
	int (*part_put)(
	    struct os_part *p, uint64_t offset, struct bytes x, struct err *e);
	/* What was filled up to here is kept over a crash of this program. */
	int (*part_read)(struct os_part *p, uint64_t offset, void *to, size_t n,
	    struct err *e);
	/* Size, mode and time as they shall be; closed. */
	int (*part_end)(struct os_part **p, uint64_t size, bool exec,
	    int64_t mtime_ns, struct err *e);
	/* Closed; `keep`: what was filled stays for another try. */
	void (*part_abort)(struct os_part **p, bool keep);
	/* Names and sizes of what lies in part/ and in gone/. */
	int (*leftovers)(
	    struct os *o, bool gone, os_list_fn fn, void *ctx, struct err *e);
	int (*part_drop)(struct os *o, const char *name, struct err *e);

	/*
	 * Put a part where it belongs. expect NULL: nothing may be there. Else
	 * that must be there, and goes to gone/: exchanged and looked at, so
	 * that a program which writes in between loses nothing.
	 *
	 * errors  conflict; not-found: its directory is not there;
	 *         name-not-possible; disk-full-here.
	 */
	int (*place)(struct os *o, const char *part, const char *path,
	    const struct os_stat *expect, struct os_stat *now, struct err *e);
	int (*symlink)(struct os *o, const char *target, const char *path,
	    const struct os_stat *expect, struct os_stat *now, struct err *e);
	int (*mkdir)(
	    struct os *o, const char *path, struct os_stat *now, struct err *e);
	/* errors: conflict: something is at `to`, or `from` is not as
	 * expected (of directories: which one it is). */
	int (*move)(struct os *o, const char *from, const char *to,
	    const struct os_stat *expect, struct os_stat *now, struct err *e);
	/* Out of the tree into part/ under a name, and back by place. */
	int (*aside)(struct os *o, const char *path, const char *part,
	    const struct os_stat *expect, struct err *e);
	int (*set_exec)(struct os *o, const char *path, bool exec,
	    const struct os_stat *expect, struct os_stat *now, struct err *e);
	/* A file or link, to gone/. */
	int (*remove)(struct os *o, const char *path,
	    const struct os_stat *expect, struct err *e);
	/* errors: drive-not-empty; conflict. */
	int (*rmdir)(struct os *o, const char *path,
	    const struct os_stat *expect, struct err *e);
	/*
	 * Look through gone/: what is older than age_ms and was not written to
	 * since it came goes for good; what was written to since is given to
	 * `fn`, with its name in gone/, and stays until gone_drop.
	 */
	int (*gone_sweep)(struct os *o, int64_t age_ms, os_list_fn fn,
	    void *ctx, struct err *e);
	/* Give it a place in the tree again. errors: as of place. */
	int (*gone_back)(struct os *o, const char *name, const char *path,
	    struct os_stat *now, struct err *e);

	/* Everything so far is on the disk. */
	int (*sync)(struct os *o, struct err *e);
	/* Bytes free for this user, and what the file system can hold. */
	uint64_t (*room)(struct os *o);
	const struct plan_fs *(*fs)(struct os *o);
	void (*free)(struct os *o);
};

/* The first member of every implementation. */
struct os {
	const struct os_ops *ops;
};
