/* SPDX-License-Identifier: ISC */
/* memdisk_sync.c: what a power cut leaves of a disk of memory. */
/*
 * As little as a real one promises: a sync brings the bytes of the files and the
 * names in the directories that were noted, and nothing else. A rename is there
 * at both ends or at none.
 */
#include "memdisk_in.h"

#include <stdlib.h>
#include <string.h>

/* ---- inodes ---- */

void
disk_grow(struct disk *disk, size_t n)
{
	size_t had = disk->n;

	if (n <= had)
		return;
	disk->n = n < 2 * had ? 2 * had : n;
	disk->inodes = mem_resize(disk->inodes, disk->n, sizeof *disk->inodes);
	memset(disk->inodes + had, 0, (disk->n - had) * sizeof *disk->inodes);
}

static void
drop_names(struct inode *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->entries[i].name);
	free(x->entries);
	x->entries = NULL;
	x->n = 0;
}

void
disk_forget(struct inode *x)
{
	drop_names(x);
	buf_free(&x->data);
	*x = (struct inode){ 0 };
}

static void
copy_names(const struct inode *from, struct inode *to)
{
	drop_names(to);
	to->entries = mem_array(from->n + 1, sizeof *to->entries);
	for (; to->n < from->n; to->n++)
		to->entries[to->n] =
		    (struct dirent_){ mem_text(from->entries[to->n].name),
			    from->entries[to->n].slot };
}

/* All of it but the names in it. */
static void
copy_inode(const struct inode *from, struct inode *to)
{
	struct dirent_ *entries = to->entries;
	struct buf data = to->data;
	size_t n = to->n;

	*to = *from;
	to->entries = entries;
	to->n = n;
	to->data = data;
	buf_clear(&to->data);
	buf_put_bytes(&to->data, buf_bytes(&from->data));
}

void
disk_free(struct disk *disk)
{
	for (size_t i = 0; i < disk->n; i++)
		disk_forget(&disk->inodes[i]);
	free(disk->inodes);
	*disk = (struct disk){ 0 };
}

void
disk_copy(const struct disk *from, struct disk *to)
{
	disk_free(to);
	disk_grow(to, from->n);
	for (size_t i = 0; i < from->n; i++) {
		if (!from->inodes[i].used)
			continue;
		copy_inode(&from->inodes[i], &to->inodes[i]);
		copy_names(&from->inodes[i], &to->inodes[i]);
	}
}

/* ---- what belongs together ---- */

static bool
has_name(const struct disk *disk, size_t dir, size_t slot)
{
	const struct inode *x = &disk->inodes[dir];

	for (size_t i = 0; dir < disk->n && i < x->n; i++)
		if (x->entries[i].slot == slot)
			return true;
	return false;
}

static size_t
dir_of(const struct disk *disk, size_t slot)
{
	size_t dir = 0;

	while (dir < disk->n && !has_name(disk, dir, slot))
		dir++;
	return dir < disk->n ? dir : NOWHERE;
}

static bool
is_used(const struct disk *disk, size_t slot)
{
	return slot < disk->n && disk->inodes[slot].used;
}

bool
disk_note(struct memdisk *d, size_t slot)
{
	if (!is_used(&d->now, slot) || d->now.inodes[slot].noted)
		return false;
	d->now.inodes[slot].noted = true;
	return true;
}

/* Where it was on the disk; a directory that is gone is so by what it was in. */
static size_t
came_from(const struct memdisk *d, size_t slot)
{
	size_t dir = dir_of(&d->synced, slot);

	while (dir != NOWHERE && !is_used(&d->now, dir))
		dir = dir_of(&d->synced, dir);
	return dir;
}

static bool
note_ends(struct memdisk *d, size_t dir)
{
	const struct inode *now = &d->now.inodes[dir];
	const struct inode *was = &d->synced.inodes[dir];
	bool more = false;

	if (dir != TOP && !is_used(&d->synced, dir))
		more |= disk_note(d, dir_of(&d->now, dir));
	for (size_t i = 0; i < now->n; i++)
		if (!has_name(&d->synced, dir, now->entries[i].slot))
			more |=
			    disk_note(d, came_from(d, now->entries[i].slot));
	for (size_t i = 0; i < was->n; i++)
		if (!has_name(&d->now, dir, was->entries[i].slot))
			more |=
			    disk_note(d, dir_of(&d->now, was->entries[i].slot));
	return more;
}

/* ---- sync ---- */

void
disk_sync_file(struct memdisk *d, size_t slot)
{
	disk_grow(&d->synced, d->now.n);
	d->now.inodes[slot].unsynced = false;
	copy_inode(&d->now.inodes[slot], &d->synced.inodes[slot]);
}

/* A name of what nobody synced has nothing behind it. */
static void
sync_names(struct memdisk *d, size_t dir)
{
	const struct inode *now = &d->now.inodes[dir];

	copy_inode(now, &d->synced.inodes[dir]);
	copy_names(now, &d->synced.inodes[dir]);
	for (size_t i = 0; i < now->n; i++) {
		size_t slot = now->entries[i].slot;
		struct inode *x = &d->synced.inodes[slot];
		if (x->used)
			continue;
		copy_inode(&d->now.inodes[slot], x);
		if (x->type == NODE_FILE && x->unsynced)
			buf_clear(&x->data);
	}
}

static void
count_links(struct memdisk *d)
{
	struct disk *disk = &d->synced;

	for (size_t i = 0; i < disk->n; i++)
		disk->inodes[i].links = 0;
	for (size_t i = 0; i < disk->n; i++)
		for (size_t k = 0; k < disk->inodes[i].n; k++)
			disk->inodes[disk->inodes[i].entries[k].slot].links++;
}

/* What has no name there and is not here either; true: there was some. */
static bool
drop_nameless(struct memdisk *d)
{
	bool any = false;

	count_links(d);
	for (size_t i = 0; i < d->synced.n; i++) {
		struct inode *x = &d->synced.inodes[i];
		if (i == TOP || !x->used || x->links > 0 || is_used(&d->now, i))
			continue;
		disk_forget(x);
		any = true;
	}
	return any;
}

void
disk_sync(struct memdisk *d)
{
	disk_grow(&d->synced, d->now.n);
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < d->now.n; i++)
			if (d->now.inodes[i].noted)
				more |= note_ends(d, i);
	}
	for (size_t i = 0; i < d->now.n; i++) {
		struct inode *x = &d->now.inodes[i];
		if (!x->noted)
			continue;
		if (x->type == NODE_DIR)
			sync_names(d, i);
		else
			disk_sync_file(d, i);
		x->noted = false;
	}
	while (drop_nameless(d))
		;
}
