/* SPDX-License-Identifier: ISC */
/* os.h: every effect that the Drive has on the folder of a root. */
/*
 * One table of calls, so that a disk of memory can stand behind them in tests.
 * Paths are relative to the root, without a slash at either end; "" is the root
 * itself. No call follows a symlink, leaves the root or its file system, or
 * touches what it did not expect: that is ERR_CONFLICT, and all stays as it
 * was. What calls did is on the disk after `sync`. Any thread; one object by
 * one at a time.
 *
 * As expected is: type, identity and, but for directories, size, mtime and
 * ctime; a btime of 0 and the exec bit are not compared.
 *
 * ROOT/.aumbry-drive/ (0700) has part/, where files are filled, and gone/, where
 * what was removed or replaced waits a while for programs that still have it
 * open. No call has a way to what is in it but those that say so, and `list`
 * leaves it out.
 *
 * errors of all that have a path: not-found: its directory is not there;
 * conflict: what is on the way is a link, a file or another file system;
 * io-error. Of all that make a name: name-not-possible, disk-full-here.
 */
#pragma once

#include "tree/planner.h"

#define OS_OWN ".aumbry-drive"
/* What is put aside has a name in part/ that begins so. */
#define OS_ASIDE "aside-"
/* Bytes of a name in gone/ before the name that it had, cut if it is long. */
#define OS_GONE_HEAD 57

struct os_stat {
	enum node_type type; /* NODE_NONE: special, not carried */
	bool exec; /* of a file: any x bit */
	bool mount; /* another file system begins here */
	/* dev: 0 on the root's own, for numbers change when it is mounted
	 * again. Of a directory no size. */
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
	/* Does a program have this file open to write? false also where the
	 * system does not tell: of files of other users, and on file systems
	 * without leases. */
	bool (*in_use)(struct os *o, const char *path);
	/*
	 * *st is of what was opened; read again at the end by file_stat. Also
	 * of OS_OWN "/gone/NAME". errors: conflict: no file.
	 */
	int (*file_open)(struct os *o, const char *path, struct os_stat *st,
	    struct os_file **out, struct err *e);
	int (*file_read)(struct os_file *f, uint64_t offset, void *p, size_t n,
	    size_t *got, struct err *e);
	/* From offset on: where data begins, and where the hole behind it;
	 * where there is no more, both are the end of the file. */
	int (*file_data)(struct os_file *f, uint64_t offset, uint64_t *data,
	    uint64_t *hole, struct err *e);
	int (*file_stat)(struct os_file *f, struct os_stat *st, struct err *e);
	void (*file_close)(struct os_file **f);
	/* The target, appended. errors: conflict: no link. */
	int (*readlink)(
	    struct os *o, const char *path, struct buf *out, struct err *e);

	/*
	 * A file in part/ by that name. What was put is kept over a crash of
	 * this program: *have is where the last of it ended. size bytes of room
	 * are asked for, less those. A hole is what is never put. The name is
	 * valid, and none of OS_ASIDE. errors: disk-full-here, too-large.
	 */
	int (*part_open)(struct os *o, const char *name, uint64_t size,
	    uint64_t *have, struct os_part **out, struct err *e);
	int (*part_put)(
	    struct os_part *p, uint64_t offset, struct bytes x, struct err *e);
	int (*part_read)(struct os_part *p, uint64_t offset, void *to, size_t n,
	    struct err *e);
	/* Size, mode and time as they shall be; closed. `secret`: a new one is
	 * for this user alone. */
	int (*part_end)(struct os_part **p, uint64_t size, bool exec,
	    bool secret, int64_t mtime_ns, struct err *e);
	/* Closed; `keep`: what was filled stays for another try. */
	void (*part_abort)(struct os_part **p, bool keep);
	/*
	 * What lies in part/ and in gone/. A name of OS_ASIDE is the user's,
	 * and belongs back in the tree; other parts may be dropped.
	 */
	int (*leftovers)(
	    struct os *o, bool gone, os_list_fn fn, void *ctx, struct err *e);
	int (*part_drop)(struct os *o, const char *name, struct err *e);

	/*
	 * Put a part where it belongs, or what was put aside. expect NULL:
	 * nothing may be there. Else that file or link must be there, and goes
	 * to gone/: exchanged and looked at, so that a program which writes in
	 * between loses nothing; a file in its place has its mode and
	 * attributes. The bytes are on the disk before the name is: end many
	 * parts, then place them. After a conflict the part is still there,
	 * unless a program wrote to it.
	 *
	 * now     as it was put there; what somebody wrote since is not in it.
	 * errors  conflict; not-found also: no such part.
	 */
	int (*place)(struct os *o, const char *part, const char *path,
	    const struct os_stat *expect, struct os_stat *now, struct err *e);
	/* The same of a link that is made. */
	int (*symlink)(struct os *o, const char *target, const char *path,
	    const struct os_stat *expect, struct os_stat *now, struct err *e);
	int (*mkdir)(
	    struct os *o, const char *path, struct os_stat *now, struct err *e);
	/* errors: conflict: something is at `to`, or `from` is not as
	 * expected (of directories: which one it is). */
	int (*move)(struct os *o, const char *from, const char *to,
	    const struct os_stat *expect, struct os_stat *now, struct err *e);
	/* Out of the tree into part/ under a name of OS_ASIDE, and back by
	 * place. */
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
	 * Look through gone/: what came age_ms ago or before and is as it was
	 * expected goes for good, unless a program has it open to write; all
	 * else that old is given to `fn`, with its name in gone/, and stays
	 * until gone_drop or gone_back. So is what was last written within the
	 * granule before it came. It may be a part that a crash left
	 * there: what equals the content of a node needs no copy.
	 */
	int (*gone_sweep)(struct os *o, int64_t age_ms, os_list_fn fn,
	    void *ctx, struct err *e);
	/* A file or link in gone/, if it is as expected. */
	int (*gone_drop)(struct os *o, const char *name,
	    const struct os_stat *expect, struct err *e);
	/* Give it a place in the tree again. errors: as of place. */
	int (*gone_back)(struct os *o, const char *name, const char *path,
	    struct os_stat *now, struct err *e);

	/*
	 * What somebody else did shall be on the disk after the next `sync`,
	 * too: that this path has what it has, or nothing, and the bytes of a
	 * file. Cheap; the waiting is done by `sync`. false: it is not as
	 * expected, so that those of another file will be there; expect NULL:
	 * that is not asked.
	 */
	bool (*sync_also)(
	    struct os *o, const char *path, const struct os_stat *expect);
	/* Everything that these calls did so far is on the disk, and what they
	 * were told of. */
	int (*sync)(struct os *o, struct err *e);
	/* Bytes free for this user, and what the file system can hold. */
	uint64_t (*room)(struct os *o);
	const struct plan_fs *(*fs)(struct os *o);
	/* Times nearer to each other may be one here. */
	int64_t (*granule_ns)(struct os *o);
	void (*free)(struct os *o);
};

/* The first member of every implementation. */
struct os {
	const struct os_ops *ops;
};
