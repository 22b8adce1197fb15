/* SPDX-License-Identifier: ISC */
/* memdisk_os.c: os.h over a disk of memory. */
#include "memdisk_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLE 4096 /* so many zeros at a multiple of it are a hole */

struct os_file {
	struct memdisk *d;
	size_t slot;
};

struct os_part {
	struct memdisk *d;
	size_t slot;
};

struct memdisk *
mem_disk(struct os *o)
{
	return (struct memdisk *)o;
}

int
mem_works(const struct memdisk *d, struct err *e)
{
	return d->crashed ? err_set(e, ERR_IO, "the machine is off") : 0;
}

void
mem_between(struct memdisk *d)
{
	void (*between)(void *ctx) = d->between;

	if (between == NULL)
		return;
	d->between = NULL; /* what it does is no effect itself */
	between(d->between_ctx);
	if (d->between == NULL)
		d->between = between;
}

/* Before each effect. */
int
mem_effect(struct memdisk *d, struct err *e)
{
	mem_between(d);
	d->crashed = d->crashed || (d->crash_in > 0 && --d->crash_in == 0);
	d->effects++;
	return mem_works(d, e);
}

int
mem_path(const char *path, struct err *e)
{
	size_t n = strlen(OS_OWN);

	if (strncmp(path, OS_OWN, n) != 0 ||
	    (path[n] != '\0' && path[n] != '/'))
		return 0;
	if (strncmp(path, OS_OWN "/gone/", n + 6) == 0)
		return 0; /* for file_open, and nobody else asks */
	return path[n] == '\0'
	    ? err_set(e, ERR_NAME_NOT_POSSIBLE, "that is our own folder")
	    : mem_conflict(path, e);
}

int
mem_missing(const char *path, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "%s: not there", path);
}

int
mem_conflict(const char *path, struct err *e)
{
	return err_set(e, ERR_CONFLICT, "%s: not as expected", path);
}

/* Does another file system begin on the way to it, or at it? */
bool
mem_crosses(const struct memdisk *d, const char *path)
{
	for (const char *end = path; *end != '\0'; end++) {
		end += strcspn(end, "/");
		OWN(mem_free) char *above = mem_text(path);
		above[end - path] = '\0';
		size_t slot = disk_at(d, above).slot;
		if (slot != NOWHERE && disk_inode(d, slot)->mount)
			return true;
		if (*end == '\0')
			break;
	}
	return false;
}

static int
find(const struct memdisk *d, const char *path, size_t *slot, struct err *e)
{
	if (mem_works(d, e) < 0 || mem_path(path, e) < 0)
		return -1;
	*slot = disk_at(d, path).slot;
	if (*slot == NOWHERE)
		return mem_missing(path, e);
	return 0;
}

/* ---- looking ---- */

static int
list_slot(struct memdisk *d, size_t slot, os_list_fn fn, void *ctx, bool *whole,
    struct err *e)
{
	const struct inode *x = disk_inode(d, slot);
	size_t n = x->n;

	*whole = d->tear == 0;
	if (!*whole) {
		d->tear--;
		d->random = d->random * 6364136223846793005U + 1;
		n = (size_t)(d->random >> 33) % (n + 1);
	}
	for (size_t i = 0; i < n; i++) {
		struct os_stat st = disk_stat(d, x->entries[i].slot);
		const char *name = x->entries[i].name;
		if (slot == TOP && strcmp(name, OS_OWN) == 0)
			continue;
		if (fn(ctx, bytes_str(name), &st, e) < 0)
			return -1;
	}
	return 0;
}

static int
mem_list(struct os *o, const char *path, os_list_fn fn, void *ctx, bool *whole,
    struct err *e)
{
	struct memdisk *d = mem_disk(o);
	size_t slot;

	if (find(d, path, &slot, e) < 0)
		return -1;
	if (disk_inode(d, slot)->type != NODE_DIR || mem_crosses(d, path))
		return mem_conflict(path, e);
	if (disk_inode(d, slot)->spoiled)
		return err_set(e, ERR_IO, "%s: input/output error", path);
	return list_slot(d, slot, fn, ctx, whole, e);
}

static int
mem_stat(struct os *o, const char *path, struct os_stat *st, struct err *e)
{
	size_t slot;

	if (find(mem_disk(o), path, &slot, e) < 0)
		return -1;
	*st = disk_stat(mem_disk(o), slot);
	return 0;
}

static int
mem_file_open(struct os *o, const char *path, struct os_stat *st,
    struct os_file **out, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	size_t slot;

	if (find(d, path, &slot, e) < 0)
		return -1;
	struct inode *x = disk_inode(d, slot);
	if (x->type != NODE_FILE || mem_crosses(d, path))
		return mem_conflict(path, e);
	if (x->spoiled)
		return err_set(e, ERR_IO, "%s: permission denied", path);
	x->opens++;
	*st = disk_stat(d, slot);
	*out = mem_new(sizeof **out);
	**out = (struct os_file){ d, slot };
	return 0;
}

static int
copy_out(const struct memdisk *d, size_t slot, uint64_t offset, void *p,
    size_t n, size_t *got, struct err *e)
{
	const struct buf *data = &disk_inode(d, slot)->data;

	*got = 0;
	if (mem_works(d, e) < 0)
		return -1;
	if (offset >= data->n)
		return 0;
	*got = n < data->n - offset ? n : data->n - (size_t)offset;
	memcpy(p, data->p + offset, *got);
	return 0;
}

static int
mem_file_read(struct os_file *f, uint64_t offset, void *p, size_t n,
    size_t *got, struct err *e)
{
	return copy_out(f->d, f->slot, offset, p, n, got, e);
}

static bool
is_hole(const struct buf *data, size_t block)
{
	size_t at = block * HOLE;

	for (size_t i = at; i < at + HOLE && i < data->n; i++)
		if (data->p[i] != 0)
			return false;
	return at + HOLE <= data->n;
}

static int
mem_file_data(struct os_file *f, uint64_t offset, uint64_t *data,
    uint64_t *hole, struct err *e)
{
	const struct buf *x = &disk_inode(f->d, f->slot)->data;
	size_t block = (size_t)offset / HOLE;

	if (mem_works(f->d, e) < 0)
		return -1;
	while (block * HOLE < x->n && is_hole(x, block))
		block++;
	*data = block * HOLE < x->n ? block * HOLE : x->n;
	*data = *data < offset ? offset : *data;
	while (block * HOLE < x->n && !is_hole(x, block))
		block++;
	*hole = block * HOLE < x->n ? block * HOLE : x->n;
	return 0;
}

static int
mem_file_stat(struct os_file *f, struct os_stat *st, struct err *e)
{
	*st = disk_stat(f->d, f->slot);
	return mem_works(f->d, e);
}

static void
mem_file_close(struct os_file **f)
{
	if (*f == NULL)
		return;
	disk_close((*f)->d, (*f)->slot);
	free(*f);
	*f = NULL;
}

static int
mem_readlink(struct os *o, const char *path, struct buf *out, struct err *e)
{
	size_t slot;

	if (find(mem_disk(o), path, &slot, e) < 0)
		return -1;
	const struct inode *x = disk_inode(mem_disk(o), slot);
	if (x->type != NODE_SYMLINK)
		return mem_conflict(path, e);
	buf_put_bytes(out, buf_bytes(&x->data));
	return 0;
}

/* ---- our own folder ---- */

struct at
mem_own_at(
    struct memdisk *d, const char *folder, struct buf *path, const char *name)
{
	(void)memdisk_mkdir(d, OS_OWN);
	buf_printf(path, OS_OWN "/%s", folder);
	(void)memdisk_mkdir(d, buf_text(path));
	buf_printf(path, "/%s", name);
	return disk_at(d, buf_text(path));
}

static int
mem_part_open(struct os *o, const char *name, uint64_t size, uint64_t *have,
    struct os_part **out, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	OWN(buf_free) struct buf path = { 0 };

	if (mem_effect(d, e) < 0)
		return -1;
	struct at at = mem_own_at(d, "part", &path, name);
	if (at.slot == NOWHERE) {
		at.slot = disk_new(d, NODE_FILE);
		disk_add(d, &at, at.slot);
	}
	struct inode *x = disk_inode(d, at.slot);
	uint64_t more = size > x->data.n ? size - x->data.n : 0;
	if (d->kind.room != 0 && d->used + more > d->kind.room)
		return err_set(e, ERR_DISK_FULL_HERE, "no room");
	*have = x->data.n;
	x->opens++;
	*out = mem_new(sizeof **out);
	**out = (struct os_part){ d, at.slot };
	return 0;
}

static int
mem_part_put(struct os_part *p, uint64_t offset, struct bytes x, struct err *e)
{
	struct memdisk *d = p->d;

	if (mem_effect(d, e) < 0)
		return -1;
	struct buf *data = &disk_inode(d, p->slot)->data;
	size_t end = (size_t)offset + x.n;
	size_t more = end > data->n ? end - data->n : 0;
	if (d->kind.room != 0 && d->used + more > d->kind.room)
		return err_set(e, ERR_DISK_FULL_HERE, "no room");
	if (more > 0)
		memset(buf_grow(data, more), 0, more);
	d->used += more;
	if (x.n > 0)
		memcpy(data->p + offset, x.p, x.n);
	disk_inode(d, p->slot)->unsynced = true;
	return 0;
}

static int
mem_part_read(
    struct os_part *p, uint64_t offset, void *to, size_t n, struct err *e)
{
	size_t got;

	if (copy_out(p->d, p->slot, offset, to, n, &got, e) < 0)
		return -1;
	return got == n ? 0 : err_set(e, ERR_IO, "the part is shorter");
}

static void
part_close(struct os_part **p)
{
	if (*p != NULL)
		disk_close((*p)->d, (*p)->slot);
	free(*p);
	*p = NULL;
}

static int
mem_part_end(struct os_part **p, uint64_t size, bool exec, bool secret,
    int64_t mtime_ns, struct err *e)
{
	struct memdisk *d = (*p)->d;
	int rc = mem_effect(d, e);
	struct inode *x = disk_inode(d, (*p)->slot);

	(void)secret; /* there is one user */
	if (rc == 0) {
		if (size > x->data.n) {
			size_t more = (size_t)size - x->data.n;
			memset(buf_grow(&x->data, more), 0, more);
			d->used += more;
		}
		d->used -= x->data.n - size;
		x->data.n = (size_t)size;
		x->exec = exec && !d->kind.fs.no_exec;
		x->mtime_ns = mtime_ns;
		x->ctime_ns = disk_time(d);
		disk_sync_file(d, (*p)->slot); /* at the latest by `place` */
	}
	part_close(p);
	return rc;
}

static int
mem_part_drop(struct os *o, const char *name, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	OWN(buf_free) struct buf path = { 0 };

	if (mem_effect(d, e) < 0)
		return -1;
	struct at at = mem_own_at(d, "part", &path, name);
	if (at.slot == NOWHERE)
		return mem_missing(name, e);
	(void)memdisk_remove_all(d, buf_text(&path));
	return 0;
}

static void
mem_part_abort(struct os_part **p, bool keep)
{
	if (*p == NULL)
		return;
	struct memdisk *d = (*p)->d;
	size_t part = disk_at(d, OS_OWN "/part").slot;
	for (size_t i = 0; !keep && !d->crashed && part != NOWHERE &&
	     i < disk_inode(d, part)->n;
	     i++) {
		struct dirent_ *x = &disk_inode(d, part)->entries[i];
		struct at at = { part, x->slot, i, x->name };
		if (x->slot != (*p)->slot)
			continue;
		disk_drop(d, &at);
		break;
	}
	part_close(p);
}

static int
mem_leftovers(struct os *o, bool gone, os_list_fn fn, void *ctx, struct err *e)
{
	struct memdisk *d = mem_disk(o);
	OWN(buf_free) struct buf path = { 0 };
	bool whole;

	if (mem_works(d, e) < 0)
		return -1;
	struct at at = mem_own_at(d, gone ? "gone" : "part", &path, "x");
	return list_slot(d, at.dir, fn, ctx, &whole, e);
}

static bool
mem_sync_also(struct os *o, const char *path, const struct os_stat *expect)
{
	struct memdisk *d = mem_disk(o);
	OWN(mem_free) char *there = mem_text(path);
	struct at at;

	mem_between(d);
	while ((at = disk_at(d, there)).dir == NOWHERE && there[0] != '\0') {
		char *slash = strrchr(there, '/');
		*(slash == NULL ? there : slash) = '\0';
	}
	(void)disk_note(d, at.dir);
	if (at.slot != NOWHERE && disk_inode(d, at.slot)->type == NODE_FILE)
		(void)disk_note(d, at.slot);
	return expect == NULL ||
	    (at.slot != NOWHERE && strcmp(there, path) == 0 &&
		mem_expected(d, at.slot, expect));
}

static int
mem_sync(struct os *o, struct err *e)
{
	struct memdisk *d = mem_disk(o);

	if (mem_effect(d, e) < 0)
		return -1;
	disk_sync(d);
	return 0;
}

static uint64_t
mem_room(struct os *o)
{
	const struct memdisk *d = mem_disk(o);

	return d->kind.room == 0     ? UINT64_MAX
	    : d->used < d->kind.room ? d->kind.room - d->used
				     : 0;
}

/* Who writes here opens, writes and closes in one step. */
static bool
mem_in_use(struct os *o, const char *path)
{
	(void)o;
	(void)path;
	return false;
}

static int64_t
mem_granule(struct os *o)
{
	int64_t granule = mem_disk(o)->kind.granule_ns;

	return granule < 1 ? 1 : granule;
}

static const struct plan_fs *
mem_fs(struct os *o)
{
	return &mem_disk(o)->kind.fs;
}

/* The disk is there longer than who works on it. */
static void
mem_free_os(struct os *o)
{
	(void)o;
}

const struct os_ops memdisk_ops = {
	.list = mem_list,
	.stat = mem_stat,
	.file_open = mem_file_open,
	.file_read = mem_file_read,
	.file_data = mem_file_data,
	.file_stat = mem_file_stat,
	.file_close = mem_file_close,
	.readlink = mem_readlink,
	.part_open = mem_part_open,
	.part_put = mem_part_put,
	.part_read = mem_part_read,
	.part_end = mem_part_end,
	.part_abort = mem_part_abort,
	.leftovers = mem_leftovers,
	.part_drop = mem_part_drop,
	.place = mem_place,
	.symlink = mem_symlink,
	.mkdir = mem_mkdir,
	.move = mem_move,
	.aside = mem_aside,
	.set_exec = mem_set_exec,
	.in_use = mem_in_use,
	.remove = mem_remove,
	.rmdir = mem_rmdir,
	.gone_sweep = mem_gone_sweep,
	.gone_drop = mem_gone_drop,
	.gone_back = mem_gone_back,
	.sync_also = mem_sync_also,
	.sync = mem_sync,
	.granule_ns = mem_granule,
	.room = mem_room,
	.fs = mem_fs,
	.free = mem_free_os,
};
