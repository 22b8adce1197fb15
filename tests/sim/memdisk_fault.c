/* SPDX-License-Identifier: ISC */
/* memdisk_fault.c: what goes wrong with a disk of memory. */
#include "memdisk_in.h"

#include <string.h>

bool
memdisk_mount(struct memdisk *d, const char *path, bool on)
{
	size_t slot = disk_at(d, path).slot;

	if (slot == NOWHERE)
		return false;
	disk_inode(d, slot)->mount = on;
	return true;
}

bool
memdisk_spoil(struct memdisk *d, const char *path, bool on)
{
	size_t slot = disk_at(d, path).slot;

	if (slot == NOWHERE)
		return false;
	disk_inode(d, slot)->spoiled = on;
	return true;
}

void
memdisk_tear(struct memdisk *d, unsigned n)
{
	d->tear = n;
}

void
memdisk_room(struct memdisk *d, uint64_t bytes)
{
	d->kind.room = bytes;
}

void
memdisk_between(struct memdisk *d, void (*fn)(void *ctx), void *ctx)
{
	d->between = fn;
	d->between_ctx = ctx;
}

uint64_t
memdisk_effects(const struct memdisk *d)
{
	return d->effects;
}

void
memdisk_crash(struct memdisk *d, uint64_t n)
{
	d->crash_in = n;
}

static void
count_used(struct memdisk *d)
{
	d->used = 0;
	for (size_t i = 0; i < d->now.n; i++)
		if (d->now.inodes[i].type == NODE_FILE)
			d->used += d->now.inodes[i].data.n;
}

void
memdisk_restart(struct memdisk *d, enum memdisk_cut cut)
{
	if (cut == MEMDISK_LOST)
		disk_copy(&d->synced, &d->now);
	d->crashed = false;
	d->crash_in = 0;
	for (size_t i = 0; i < d->now.n; i++) {
		struct inode *x = &d->now.inodes[i];
		bool file = x->used && x->type == NODE_FILE && x->unsynced;
		if (cut == MEMDISK_EMPTY && file)
			buf_clear(&x->data);
		if (cut == MEMDISK_ZEROED && file && x->data.n > 0)
			memset(x->data.p, 0, x->data.n);
		x->noted = false;
		if (cut == MEMDISK_KEPT)
			continue;
		x->opens = x->writers = 0;
		x->unsynced = false;
		if (x->used)
			disk_let_go(d, i);
	}
	count_used(d);
	if (cut != MEMDISK_KEPT)
		disk_copy(&d->now, &d->synced);
}
