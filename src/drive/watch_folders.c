/* SPDX-License-Identifier: ISC */
/* watch_folders.c: a tree of names with two tables into it. */
#include "drive/watch_in.h"

#include <stdlib.h>
#include <string.h>

#define BITS_FIRST 6

static uint32_t
hash(const struct folders *f, uint64_t x)
{
	return (uint32_t)((x * 0x9e3779b97f4a7c15U) >> (64 - f->bits));
}

static uint32_t *
wd_chain(const struct folders *f, int32_t wd)
{
	return &f->by_wd[hash(f, (uint64_t)wd)];
}

static uint32_t *
name_chain(const struct folders *f, uint32_t above, struct bytes name)
{
	uint64_t x = above;

	for (size_t i = 0; i < name.n; i++)
		x = x * 1099511628211U + name.p[i];
	return &f->by_name[hash(f, x)];
}

static struct bytes
name_of(const struct folders *f, uint32_t i)
{
	return bytes_str(f->p[i].name);
}

/* ---- chains ---- */

static void
wd_in(struct folders *f, uint32_t i)
{
	uint32_t *chain = wd_chain(f, f->p[i].wd);

	f->p[i].same_wd = *chain;
	*chain = i;
}

static void
wd_out(struct folders *f, uint32_t i)
{
	uint32_t *at = wd_chain(f, f->p[i].wd);

	while (*at != i)
		at = &f->p[*at].same_wd;
	*at = f->p[i].same_wd;
}

static void
name_in(struct folders *f, uint32_t i)
{
	uint32_t *chain = name_chain(f, f->p[i].above, name_of(f, i));

	f->p[i].same_name = *chain;
	*chain = i;
}

static void
name_out(struct folders *f, uint32_t i)
{
	uint32_t *at = name_chain(f, f->p[i].above, name_of(f, i));

	while (*at != i)
		at = &f->p[*at].same_name;
	*at = f->p[i].same_name;
}

static void
tables_make(struct folders *f, unsigned bits)
{
	size_t n = (size_t)1 << bits;

	f->bits = bits;
	free(f->by_wd);
	free(f->by_name);
	f->by_wd = mem_array(n, sizeof *f->by_wd);
	f->by_name = mem_array(n, sizeof *f->by_name);
	memset(f->by_wd, 0xff, n * sizeof *f->by_wd);
	memset(f->by_name, 0xff, n * sizeof *f->by_name);
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->p[i].name == NULL)
			continue;
		name_in(f, i);
		if (f->p[i].wd >= 0)
			wd_in(f, i);
	}
}

/* ---- the tree ---- */

static void
place(struct folders *f, uint32_t i, uint32_t above, struct bytes name)
{
	struct folder *x = &f->p[i];

	x->name = mem_new(name.n + 1);
	memcpy(x->name, name.p, name.n);
	x->above = above;
	if (above != NO_FOLDER) {
		x->next = f->p[above].below;
		f->p[above].below = i;
	}
	name_in(f, i);
}

static void
unplace(struct folders *f, uint32_t i)
{
	struct folder *x = &f->p[i];

	name_out(f, i);
	uint32_t *at = &f->p[x->above].below;
	while (*at != i)
		at = &f->p[*at].next;
	*at = x->next;
	free(x->name);
	x->name = NULL;
}

void
watch_folders_init(struct folders *f)
{
	*f = (struct folders){ .free = NO_FOLDER };
	tables_make(f, BITS_FIRST);
	(void)watch_folders_new(f, NO_FOLDER, bytes_str(""));
}

void
watch_folders_free(struct folders *f)
{
	for (uint32_t i = 0; i < f->n; i++)
		free(f->p[i].name);
	free(f->p);
	free(f->by_wd);
	free(f->by_name);
	*f = (struct folders){ 0 };
}

uint32_t
watch_folders_child(const struct folders *f, uint32_t above, struct bytes name)
{
	uint32_t i = *name_chain(f, above, name);

	while (i != NO_FOLDER &&
	    (f->p[i].above != above || !bytes_equal(name_of(f, i), name)))
		i = f->p[i].same_name;
	return i;
}

uint32_t
watch_folders_wd(const struct folders *f, int32_t wd)
{
	uint32_t i = *wd_chain(f, wd);

	while (i != NO_FOLDER && f->p[i].wd != wd)
		i = f->p[i].same_wd;
	return i;
}

uint32_t
watch_folders_find(const struct folders *f, const char *path)
{
	uint32_t at = TOP_FOLDER;

	while (*path != '\0' && at != NO_FOLDER) {
		size_t n = strcspn(path, "/");
		at = watch_folders_child(f, at, bytes_of(path, n));
		path += n + (path[n] == '/');
	}
	return at;
}

uint32_t
watch_folders_new(struct folders *f, uint32_t above, struct bytes name)
{
	uint32_t i = f->free;

	if (f->used >> f->bits != 0)
		tables_make(f, f->bits + 1);
	if (i != NO_FOLDER) {
		f->free = f->p[i].next;
	} else {
		if (f->n == f->cap) {
			f->cap = f->cap == 0 ? 16 : f->cap + f->cap / 4;
			f->p = mem_resize(f->p, f->cap, sizeof *f->p);
		}
		i = f->n++;
	}
	f->p[i] =
	    (struct folder){ .below = NO_FOLDER, .next = NO_FOLDER, .wd = -1 };
	place(f, i, above, name);
	f->used++;
	return i;
}

void
watch_folders_drop(struct folders *f, uint32_t i)
{
	watch_folders_set_wd(f, i, -1);
	unplace(f, i);
	f->p[i].next = f->free;
	f->free = i;
	f->used--;
}

void
watch_folders_move(
    struct folders *f, uint32_t i, uint32_t above, struct bytes name)
{
	unplace(f, i);
	place(f, i, above, name);
}

void
watch_folders_set_wd(struct folders *f, uint32_t i, int32_t wd)
{
	if (f->p[i].wd >= 0)
		wd_out(f, i);
	f->p[i].wd = wd;
	if (wd >= 0)
		wd_in(f, i);
}

bool
watch_folders_above(const struct folders *f, uint32_t above, uint32_t i)
{
	while (i != NO_FOLDER && i != above)
		i = f->p[i].above;
	return i == above;
}

void
watch_folders_path(const struct folders *f, uint32_t i, struct buf *out)
{
	if (i == TOP_FOLDER)
		return;
	uint32_t above = f->p[i].above;
	watch_folders_path(f, above, out);
	if (above != TOP_FOLDER)
		buf_put_u8(out, '/');
	buf_put_str(out, f->p[i].name);
}
