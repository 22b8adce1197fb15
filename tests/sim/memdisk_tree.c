/* SPDX-License-Identifier: ISC */
/* memdisk_tree.c: what the Drive does to the tree on a disk of memory. */
#include "memdisk_in.h"

#include <stdio.h>
#include <string.h>

bool
mem_expected(const struct memdisk *d, size_t slot, const struct os_stat *want)
{
	struct os_stat is = disk_stat(d, slot);

	return is.type == want->type && is.is.ino == want->is.ino &&
	    (want->is.btime_ns == 0 || is.is.btime_ns == 0 ||
		is.is.btime_ns == want->is.btime_ns) &&
	    (is.type == NODE_DIR ||
		(is.is.size == want->is.size &&
		    is.is.mtime_ns == want->is.mtime_ns &&
		    is.is.ctime_ns == want->is.ctime_ns));
}

static int
find_expected(const struct memdisk *d, const char *path,
    const struct os_stat *expect, struct at *at, struct err *e)
{
	*at = disk_at(d, path);
	if (mem_path(path, e) < 0)
		return -1;
	if (at->dir == NOWHERE)
		return mem_missing(path, e);
	if (at->slot == NOWHERE || mem_crosses(d, path) ||
	    !mem_expected(d, at->slot, expect))
		return mem_conflict(path, e);
	return 0;
}

/* Out of the tree, to gone/. */
static void
to_gone(struct memdisk *d, const char *what)
{
	OWN(buf_free) struct buf path = { 0 };
	char name[24];

	(void)snprintf(name, sizeof name, "%u", ++d->gone_names);
	struct at to = mem_own_at(d, "gone", &path, name);
	struct at from = disk_at(d, what); /* not before its folder is there */
	disk_take(d, &from);
	disk_add(d, &to, from.slot);
	(void)disk_note(d, from.dir);
	(void)disk_note(d, to.dir);
	struct inode *x = disk_inode(d, from.slot);
	x->came_ns = d->now_ns;
	x->came = disk_stat(d, from.slot);
}

/* Where something is to be; what is expected there goes to gone/. */
static int
make_way(struct memdisk *d, const char *path, const struct os_stat *expect,
    struct at *at, struct err *e)
{
	*at = disk_at(d, path);
	if (mem_path(path, e) < 0)
		return -1;
	if (at->dir == NOWHERE)
		return mem_missing(path, e);
	if (mem_crosses(d, path))
		return mem_conflict(path, e);
	if (!disk_name_possible(d, at->name))
		return err_set(e, ERR_NAME_NOT_POSSIBLE, "%s", path);
	if (expect == NULL)
		return at->slot == NOWHERE ? 0 : mem_conflict(path, e);
	if (at->slot == NOWHERE || !mem_expected(d, at->slot, expect) ||
	    expect->type == NODE_DIR)
		return mem_conflict(path, e);
	to_gone(d, path);
	*at = disk_at(d, path);
	return 0;
}

static int
put_at(struct memdisk *d, const char *path, size_t slot, const struct at *from,
    const struct os_stat *expect, struct os_stat *now, struct err *e)
{
	struct at to;

	if (from != NULL && disk_within(d, slot, disk_at(d, path).dir))
		return mem_conflict(path, e);
	if (make_way(d, path, expect, &to, e) < 0)
		return -1;
	if (from != NULL) {
		disk_take(d, from);
		(void)disk_note(d, from->dir);
		to = disk_at(d, path);
	}
	disk_add(d, &to, slot);
	(void)disk_note(d, to.dir);
	*now = disk_stat(d, slot);
	return 0;
}

int
mem_place(struct os *o, const char *part, const char *path,
    const struct os_stat *expect, struct os_stat *now, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	OWN(buf_free) struct buf own = { 0 };

	if (mem_effect(d, e) < 0)
		return -1;
	struct at from = mem_own_at(d, "part", &own, part);
	if (from.slot == NOWHERE)
		return mem_missing(part, e);
	struct at aside = disk_at(d, buf_text(&own));
	return put_at(d, path, from.slot, &aside, expect, now, e);
}

int
mem_symlink(struct os *o, const char *target, const char *path,
    const struct os_stat *expect, struct os_stat *now, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	struct at to;

	if (mem_effect(d, e) < 0 || make_way(d, path, expect, &to, e) < 0)
		return -1;
	if (d->kind.fs.no_symlinks)
		return err_set(e, ERR_NAME_NOT_POSSIBLE, "no links here");
	size_t slot = disk_new(d, NODE_SYMLINK);
	disk_add(d, &to, slot);
	disk_fill(d, slot, bytes_str(target));
	(void)disk_note(d, to.dir);
	*now = disk_stat(d, slot);
	return 0;
}

int
mem_mkdir(struct os *o, const char *path, struct os_stat *now, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	struct at to;

	if (mem_effect(d, e) < 0 || make_way(d, path, NULL, &to, e) < 0)
		return -1;
	size_t slot = disk_new(d, NODE_DIR);
	disk_add(d, &to, slot);
	(void)disk_note(d, to.dir);
	*now = disk_stat(d, slot);
	return 0;
}

int
mem_move(struct os *o, const char *from, const char *to,
    const struct os_stat *expect, struct os_stat *now, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	struct at a, b;

	if (mem_effect(d, e) < 0 || find_expected(d, from, expect, &a, e) < 0)
		return -1;
	b = disk_at(d, to);
	/* Another spelling of its own name, on a disk that folds. */
	if (b.slot == a.slot && strcmp(a.name, b.name) != 0 && a.dir == b.dir &&
	    disk_name_possible(d, b.name)) {
		(void)memdisk_rename(d, from, to);
		(void)disk_note(d, a.dir);
		*now = disk_stat(d, a.slot);
		return 0;
	}
	return put_at(d, to, a.slot, &a, NULL, now, e);
}

int
mem_aside(struct os *o, const char *path, const char *part,
    const struct os_stat *expect, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	OWN(buf_free) struct buf own = { 0 };
	struct at from;

	if (mem_effect(d, e) < 0)
		return -1;
	struct at to = mem_own_at(d, "part", &own, part);
	if (find_expected(d, path, expect, &from, e) < 0)
		return -1;
	if (to.slot != NOWHERE)
		return mem_conflict(part, e);
	disk_take(d, &from);
	disk_add(d, &to, from.slot);
	(void)disk_note(d, from.dir);
	(void)disk_note(d, to.dir);
	return 0;
}

int
mem_set_exec(struct os *o, const char *path, bool exec,
    const struct os_stat *expect, struct os_stat *now, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	struct at at;

	if (mem_effect(d, e) < 0 || find_expected(d, path, expect, &at, e) < 0)
		return -1;
	(void)memdisk_exec(d, path, exec);
	(void)disk_note(d, at.slot);
	*now = disk_stat(d, at.slot);
	return 0;
}

int
mem_remove(
    struct os *o, const char *path, const struct os_stat *expect, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	struct at at;

	if (mem_effect(d, e) < 0 || find_expected(d, path, expect, &at, e) < 0)
		return -1;
	if (expect->type == NODE_DIR)
		return mem_conflict(path, e);
	to_gone(d, path);
	return 0;
}

int
mem_rmdir(
    struct os *o, const char *path, const struct os_stat *expect, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	struct at at;

	if (mem_effect(d, e) < 0 || find_expected(d, path, expect, &at, e) < 0)
		return -1;
	if (expect->type != NODE_DIR)
		return mem_conflict(path, e);
	if (disk_inode(d, at.slot)->n > 0)
		return err_set(e, ERR_DRIVE_NOT_EMPTY, "%s", path);
	disk_drop(d, &at);
	(void)disk_note(d, at.dir);
	return 0;
}

/* ---- gone/ ---- */

int
mem_gone_sweep(
    struct os *o, int64_t age_ms, os_list_fn fn, void *ctx, struct err *e)
{
	struct memdisk *d = mem_disk(o);

	if (mem_effect(d, e) < 0)
		return -1;
	size_t gone = disk_at(d, OS_OWN "/gone").slot;
	for (size_t i = 0; gone != NOWHERE && i < disk_inode(d, gone)->n;) {
		const struct dirent_ *entry = &disk_inode(d, gone)->entries[i];
		const struct inode *x = disk_inode(d, entry->slot);
		struct os_stat st = disk_stat(d, entry->slot);
		struct at at = { gone, entry->slot, i, entry->name };
		i++;
		if (d->now_ns - x->came_ns < age_ms * 1000000)
			continue;
		if (st.is.mtime_ns != x->came.is.mtime_ns ||
		    st.is.size != x->came.is.size) {
			if (fn(ctx, bytes_str(entry->name), &st, e) < 0)
				return -1;
		} else if (x->writers == 0) {
			disk_drop(d, &at);
			i--;
		}
	}
	return 0;
}

int
mem_gone_drop(
    struct os *o, const char *name, const struct os_stat *expect, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	OWN(buf_free) struct buf own = { 0 };

	if (mem_effect(d, e) < 0)
		return -1;
	struct at at = mem_own_at(d, "gone", &own, name);
	if (at.slot == NOWHERE)
		return mem_missing(name, e);
	if (!mem_expected(d, at.slot, expect) || expect->type == NODE_DIR ||
	    disk_inode(d, at.slot)->writers > 0)
		return mem_conflict(name, e);
	disk_drop(d, &at);
	return 0;
}

int
mem_gone_back(struct os *o, const char *name, const char *path,
    struct os_stat *now, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	OWN(buf_free) struct buf own = { 0 };

	if (mem_effect(d, e) < 0)
		return -1;
	struct at from = mem_own_at(d, "gone", &own, name);
	if (from.slot == NOWHERE)
		return mem_missing(name, e);
	return put_at(d, path, from.slot, &from, NULL, now, e);
}
