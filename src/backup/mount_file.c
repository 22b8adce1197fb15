/* SPDX-License-Identifier: ISC */
/* mount_file.c: reading parts of a file from its chunks. */
#include "backup/mount_in.h"

#include <stdlib.h>
#include <string.h>

void
mount_file_free(struct mount_file **o)
{
	if (*o == NULL)
		return;
	buf_free(&(*o)->raw);
	extents_free(&(*o)->map);
	free((*o)->chunks);
	buf_free(&(*o)->plain);
	free(*o);
	*o = NULL;
}

struct finding {
	struct mount_file *o;
	size_t cap;
};

static int
find_chunk(void *ctx, enum category c, const struct digest *name,
    uint32_t length, struct err *e)
{
	struct finding *f = ctx;
	struct mount_file *o = f->o;

	(void)c;
	(void)e;
	if (o->n_chunks == f->cap) {
		f->cap = f->cap == 0 ? 16 : 2 * f->cap;
		o->chunks = mem_resize(o->chunks, f->cap, sizeof *o->chunks);
	}
	o->chunks[o->n_chunks++] = (struct chunk){ o->data, *name, length };
	o->data += length;
	return 0;
}

static int
find_chunks(struct mount_file *o, struct err *e)
{
	struct finding f = { o, 0 };

	if (tree_chunks(&o->x, find_chunk, &f, e) < 0)
		return -1;
	o->held = o->n_chunks;
	return 0;
}

/* The last chunk that begins at or before `data`, which some chunk has. */
static size_t
chunk_at(const struct mount_file *o, uint64_t data)
{
	size_t lo = 0, hi = o->n_chunks;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (o->chunks[mid].data <= data)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int
hold(struct mount *m, struct mount_file *o, size_t i, struct err *e)
{
	const struct chunk *c = &o->chunks[i];

	if (o->held == i)
		return 0;
	o->held = o->n_chunks;
	buf_clear(&o->plain);
	if (source_chunk(
		m->src, tree_category(&o->x), &c->name, c->n, &o->plain, e) < 0)
		return -1;
	o->held = i;
	return 0;
}

/* Copy n bytes of data from `data` on; what no chunk has stays zero. */
static int
copy_data(struct mount *m, struct mount_file *o, uint64_t data, char *to,
    uint64_t n, struct err *e)
{
	while (n > 0 && data < o->data) {
		size_t i = chunk_at(o, data);
		if (hold(m, o, i, e) < 0)
			return -1;
		uint64_t skip = data - o->chunks[i].data;
		uint64_t some = o->chunks[i].n - skip;
		some = some < n ? some : n;
		memcpy(to, o->plain.p + skip, (size_t)some);
		to += some;
		data += some;
		n -= some;
	}
	return 0;
}

int
mount_file_read(struct mount *m, struct mount_file *o, uint64_t at, char *to,
    size_t n, struct err *e)
{
	uint64_t end = at + n;

	memset(to, 0, n);
	for (size_t i = extents_at(&o->map, at);
	     i < o->map.n && o->map.list[i].at < end; i++) {
		const struct extent *x = &o->map.list[i];
		uint64_t from = x->at > at ? x->at : at;
		uint64_t until = x->at + x->n < end ? x->at + x->n : end;
		if (copy_data(m, o, x->data + (from - x->at), to + (from - at),
			until - from, e) < 0)
			return -1;
	}
	return 0;
}

int
mount_file_open(struct mount_file *o, struct err *e)
{
	struct scan s = scan_of(buf_bytes(&o->raw));

	if (entry_take(&s, &o->x, e) < 0 || find_chunks(o, e) < 0)
		return -1;
	extents_of(&o->x, &o->map);
	return 0;
}
