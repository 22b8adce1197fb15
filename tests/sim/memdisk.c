/* SPDX-License-Identifier: ISC */
/* memdisk.c: inodes and names in memory, and what users do with them. */
#include "memdisk_in.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- inodes ---- */

struct inode *
disk_inode(const struct memdisk *d, size_t slot)
{
	return &d->now.inodes[slot];
}

int64_t
disk_time(const struct memdisk *d)
{
	int64_t granule = d->kind.granule_ns;

	return granule <= 1 ? d->now_ns : d->now_ns - d->now_ns % granule;
}

size_t
disk_new(struct memdisk *d, enum node_type type)
{
	size_t slot = 0;

	/* Not one that the disk still has another in, after a cut. */
	while ((slot < d->now.n && d->now.inodes[slot].used) ||
	    (slot < d->synced.n && d->synced.inodes[slot].used))
		slot++;
	disk_grow(&d->now, slot + 1);
	int64_t now = disk_time(d);
	d->now.inodes[slot] = (struct inode){ .used = true,
		.type = type,
		.unsynced = true,
		.ino = d->kind.new_inodes ? ++d->last_ino : slot + 2,
		.btime_ns = d->kind.no_btime ? 0 : now,
		.mtime_ns = now,
		.ctime_ns = now };
	return slot;
}

void
disk_let_go(struct memdisk *d, size_t slot)
{
	struct inode *x = disk_inode(d, slot);

	if (x->links > 0 || x->opens > 0 || slot == TOP)
		return;
	if (x->type == NODE_FILE)
		d->used -= x->data.n;
	disk_forget(x);
}

void
disk_close(struct memdisk *d, size_t slot)
{
	if (disk_inode(d, slot)->opens > 0) /* a power cut closes all */
		disk_inode(d, slot)->opens--;
	disk_let_go(d, slot);
}

void
disk_fill(struct memdisk *d, size_t slot, struct bytes x)
{
	struct inode *n = disk_inode(d, slot);

	if (n->type == NODE_FILE)
		d->used += x.n - n->data.n;
	buf_clear(&n->data);
	buf_put_bytes(&n->data, x);
	n->mtime_ns = n->ctime_ns = disk_time(d);
	n->unsynced = true;
}

struct os_stat
disk_stat(const struct memdisk *d, size_t slot)
{
	const struct inode *x = disk_inode(d, slot);

	return (struct os_stat){ .type = x->type,
		.exec = x->exec,
		.mount = x->mount,
		.is = { .ino = x->ino,
		    .btime_ns = x->btime_ns,
		    .mtime_ns = x->mtime_ns,
		    .ctime_ns = x->ctime_ns,
		    .size = x->type == NODE_DIR ? 0 : x->data.n } };
}

/* ---- names ---- */

static bool
same_name(const struct memdisk *d, const char *a, const char *b)
{
	return d->kind.fs.folds ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

bool
disk_name_possible(const struct memdisk *d, const char *name)
{
	unsigned most = d->kind.fs.name_max;
	const char *banned = d->kind.fs.banned;
	size_t n = strlen(name);

	return n > 0 && n <= (most == 0 ? NODE_NAME_MAX : most) &&
	    (banned == NULL || strpbrk(name, banned) == NULL) &&
	    !(d->kind.fs.no_last_dot &&
		(name[n - 1] == '.' || name[n - 1] == ' '));
}

/* Where the name is in a directory, or would be. */
static size_t
find_name(const struct memdisk *d, size_t dir, const char *name, bool *found)
{
	const struct inode *x = disk_inode(d, dir);
	size_t i = 0;

	*found = true;
	for (size_t k = 0; k < x->n; k++)
		if (same_name(d, x->entries[k].name, name))
			return k;
	*found = false;
	while (i < x->n && strcmp(x->entries[i].name, name) < 0)
		i++;
	return i;
}

size_t
disk_child(const struct memdisk *d, size_t dir, const char *name)
{
	bool found;
	size_t i = find_name(d, dir, name, &found);

	return found ? disk_inode(d, dir)->entries[i].slot : NOWHERE;
}

struct at
disk_at(const struct memdisk *d, const char *path)
{
	struct at at = { .dir = NOWHERE, .slot = TOP, .name = path };

	while (*path != '\0') {
		char name[NODE_TARGET_MAX + 1];
		size_t n = strcspn(path, "/");
		if (at.slot == NOWHERE || n >= sizeof name ||
		    disk_inode(d, at.slot)->type != NODE_DIR)
			return (struct at){ NOWHERE, NOWHERE, 0, path };
		memcpy(name, path, n);
		name[n] = '\0';
		bool found;
		at.dir = at.slot;
		at.i = find_name(d, at.dir, name, &found);
		at.slot =
		    found ? disk_inode(d, at.dir)->entries[at.i].slot : NOWHERE;
		at.name = path;
		path += n + (path[n] == '/');
	}
	return at;
}

static void
dir_changed(struct memdisk *d, size_t dir)
{
	struct inode *x = disk_inode(d, dir);

	x->mtime_ns = x->ctime_ns = disk_time(d);
}

void
disk_add(struct memdisk *d, const struct at *at, size_t slot)
{
	struct inode *x = disk_inode(d, at->dir);

	x->entries = mem_resize(x->entries, x->n + 1, sizeof *x->entries);
	memmove(x->entries + at->i + 1, x->entries + at->i,
	    (x->n - at->i) * sizeof *x->entries);
	x->entries[at->i] = (struct dirent_){ mem_text(at->name), slot };
	x->n++;
	dir_changed(d, at->dir);
	disk_inode(d, slot)->links++;
	disk_inode(d, slot)->ctime_ns = disk_time(d);
}

void
disk_take(struct memdisk *d, const struct at *at)
{
	struct inode *x = disk_inode(d, at->dir);

	free(x->entries[at->i].name);
	memmove(x->entries + at->i, x->entries + at->i + 1,
	    (x->n - at->i - 1) * sizeof *x->entries);
	x->n--;
	dir_changed(d, at->dir);
	disk_inode(d, at->slot)->links--;
	disk_inode(d, at->slot)->ctime_ns = disk_time(d);
}

void
disk_drop(struct memdisk *d, const struct at *at)
{
	disk_take(d, at);
	disk_let_go(d, at->slot);
}

bool
disk_within(const struct memdisk *d, size_t slot, size_t dir)
{
	const struct inode *x = disk_inode(d, slot);

	if (slot == dir)
		return true;
	for (size_t i = 0; x->type == NODE_DIR && i < x->n; i++)
		if (disk_within(d, x->entries[i].slot, dir))
			return true;
	return false;
}

/* ---- the disk ---- */

struct memdisk *
memdisk_new(const struct memdisk_kind *kind)
{
	struct memdisk *d = mem_new(sizeof *d);

	d->os.ops = &memdisk_ops;
	d->kind = *kind;
	d->random = kind->seed;
	d->last_ino = 100;
	d->now_ns = (int64_t)1796000000 * 1000000000;
	(void)disk_new(d, NODE_DIR);
	(void)memdisk_mkdir(d, OS_OWN);
	disk_copy(&d->now, &d->synced);
	return d;
}

void
memdisk_free(struct memdisk **d)
{
	if (*d == NULL)
		return;
	disk_free(&(*d)->now);
	disk_free(&(*d)->synced);
	free(*d);
	*d = NULL;
}

struct os *
memdisk_os(struct memdisk *d)
{
	return &d->os;
}

int64_t
memdisk_now(const struct memdisk *d)
{
	return d->now_ns;
}

void
memdisk_wait(struct memdisk *d, int64_t ns)
{
	d->now_ns += ns;
}

/* ---- users ---- */

/* A place where something can be made. */
static bool
free_place(const struct memdisk *d, const char *path, struct at *at)
{
	*at = disk_at(d, path);
	return at->dir != NOWHERE && at->slot == NOWHERE &&
	    disk_name_possible(d, at->name);
}

static bool
make(struct memdisk *d, const char *path, enum node_type type, struct bytes x)
{
	struct at at;

	if (!free_place(d, path, &at))
		return false;
	size_t slot = disk_new(d, type);
	disk_add(d, &at, slot);
	if (type == NODE_FILE || type == NODE_SYMLINK)
		disk_fill(d, slot, x);
	return true;
}

bool
memdisk_write_bytes(struct memdisk *d, const char *path, struct bytes x)
{
	struct at at = disk_at(d, path);

	if (d->kind.room != 0 && d->used + x.n > d->kind.room)
		return false;
	if (at.slot == NOWHERE)
		return make(d, path, NODE_FILE, x);
	if (disk_inode(d, at.slot)->type != NODE_FILE)
		return false;
	disk_fill(d, at.slot, x);
	return true;
}

bool
memdisk_write(struct memdisk *d, const char *path, const char *text)
{
	return memdisk_write_bytes(d, path, bytes_str(text));
}

bool
memdisk_mkdir(struct memdisk *d, const char *path)
{
	return make(d, path, NODE_DIR, bytes_str(""));
}

bool
memdisk_symlink(struct memdisk *d, const char *target, const char *path)
{
	return make(d, path, NODE_SYMLINK, bytes_str(target));
}

bool
memdisk_special(struct memdisk *d, const char *path)
{
	return make(d, path, NODE_NONE, bytes_str(""));
}

bool
memdisk_link(struct memdisk *d, const char *from, const char *to)
{
	struct at a = disk_at(d, from), b;

	if (a.slot == NOWHERE || disk_inode(d, a.slot)->type == NODE_DIR ||
	    !free_place(d, to, &b))
		return false;
	disk_add(d, &b, a.slot);
	return true;
}

bool
memdisk_rename(struct memdisk *d, const char *from, const char *to)
{
	struct at a = disk_at(d, from), b = disk_at(d, to);

	if (a.slot == NOWHERE || a.slot == TOP || b.dir == NOWHERE ||
	    disk_within(d, a.slot, b.dir) || !disk_name_possible(d, b.name))
		return false;
	if (b.slot != NOWHERE && b.slot != a.slot) {
		const struct inode *y = disk_inode(d, b.slot);
		bool dir = disk_inode(d, a.slot)->type == NODE_DIR;
		if (dir != (y->type == NODE_DIR) || (dir && y->n > 0))
			return false;
		disk_drop(d, &b);
	} else if (b.slot == a.slot && a.dir == b.dir &&
	    strcmp(a.name, b.name) == 0)
		return true;
	a = disk_at(d, from);
	disk_take(d, &a);
	b = disk_at(d, to);
	disk_add(d, &b, a.slot);
	return true;
}

bool
memdisk_remove(struct memdisk *d, const char *path)
{
	struct at at = disk_at(d, path);

	if (at.slot == NOWHERE || at.slot == TOP ||
	    disk_inode(d, at.slot)->n > 0)
		return false;
	disk_drop(d, &at);
	return true;
}

static void
empty(struct memdisk *d, size_t dir)
{
	while (disk_inode(d, dir)->n > 0) {
		struct at at = { .dir = dir,
			.slot = disk_inode(d, dir)->entries[0].slot };
		empty(d, at.slot);
		disk_drop(d, &at);
	}
}

bool
memdisk_remove_all(struct memdisk *d, const char *path)
{
	struct at at = disk_at(d, path);

	if (at.slot == NOWHERE)
		return false;
	empty(d, at.slot);
	return at.slot == TOP || memdisk_remove(d, path);
}

bool
memdisk_exec(struct memdisk *d, const char *path, bool exec)
{
	size_t slot = disk_at(d, path).slot;

	if (slot == NOWHERE || d->kind.fs.no_exec)
		return false;
	disk_inode(d, slot)->exec = exec;
	disk_inode(d, slot)->ctime_ns = disk_time(d);
	return true;
}

bool
memdisk_touch(struct memdisk *d, const char *path, int64_t mtime_ns)
{
	size_t slot = disk_at(d, path).slot;

	if (slot == NOWHERE)
		return false;
	disk_inode(d, slot)->mtime_ns = mtime_ns;
	disk_inode(d, slot)->ctime_ns = disk_time(d);
	return true;
}

bool
memdisk_read(struct memdisk *d, const char *path, struct buf *out)
{
	size_t slot = disk_at(d, path).slot;

	if (slot == NOWHERE)
		return false;
	if (out != NULL)
		buf_put_bytes(out, buf_bytes(&disk_inode(d, slot)->data));
	return true;
}

bool
memdisk_holds(struct memdisk *d, const char *path, const char *text)
{
	size_t slot = disk_at(d, path).slot;

	return slot != NOWHERE &&
	    bytes_equal(buf_bytes(&disk_inode(d, slot)->data), bytes_str(text));
}

bool
memdisk_stat(struct memdisk *d, const char *path, struct os_stat *out)
{
	size_t slot = disk_at(d, path).slot;

	if (slot == NOWHERE)
		return false;
	*out = disk_stat(d, slot);
	return true;
}

size_t
memdisk_open(struct memdisk *d, const char *path)
{
	size_t slot = disk_at(d, path).slot;

	if (slot == NOWHERE || slot == TOP)
		return 0;
	disk_inode(d, slot)->opens++;
	disk_inode(d, slot)->writers++;
	return slot;
}

void
memdisk_write_open(struct memdisk *d, size_t file, const char *text)
{
	disk_fill(d, file, bytes_str(text));
}

void
memdisk_close(struct memdisk *d, size_t file)
{
	if (disk_inode(d, file)->writers > 0)
		disk_inode(d, file)->writers--;
	disk_close(d, file);
}

static void
each(const struct memdisk *d, size_t dir, struct buf *path, memdisk_fn fn,
    void *ctx)
{
	const struct inode *x = disk_inode(d, dir);
	size_t before = path->n;

	for (size_t i = 0; i < x->n; i++) {
		size_t slot = x->entries[i].slot;
		struct os_stat st = disk_stat(d, slot);
		if (before > 0)
			buf_put_u8(path, '/');
		buf_put_str(path, x->entries[i].name);
		fn(ctx, buf_text(path), &st,
		    buf_bytes(&disk_inode(d, slot)->data));
		if (st.type == NODE_DIR)
			each(d, slot, path, fn, ctx);
		path->n = before;
	}
}

void
memdisk_each(const struct memdisk *d, memdisk_fn fn, void *ctx)
{
	OWN(buf_free) struct buf path = { 0 };

	each(d, TOP, &path, fn, ctx);
}
