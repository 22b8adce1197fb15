/* SPDX-License-Identifier: ISC */
/* extents.c: decoding an entry's map of data and holes once. */
#include "files/extents.h"

#include <stdlib.h>

static void
add(struct extents *x, size_t *cap, struct extent one)
{
	if (x->n == *cap) {
		*cap = *cap == 0 ? 4 : 2 * *cap;
		x->list = mem_resize(x->list, *cap, sizeof *x->list);
	}
	x->list[x->n++] = one;
}

void
extents_of(const struct entry *x, struct extents *out)
{
	struct bytes rest = x->extents;
	struct extent one = { 0, x->size, 0 };
	uint64_t end = 0;
	size_t cap = 0;

	*out = (struct extents){ .data = extents_bytes(x) };
	if (!x->sparse && x->size > 0)
		add(out, &cap, one);
	while (x->sparse && entry_extent_next(&rest, &end, &one.at, &one.n)) {
		add(out, &cap, one);
		one.data += one.n;
	}
}

void
extents_free(struct extents *x)
{
	free(x->list);
	*x = (struct extents){ 0 };
}

uint64_t
extents_bytes(const struct entry *x)
{
	struct bytes rest = x->extents;
	uint64_t end = 0, at, n, sum = 0;

	if (!x->sparse)
		return x->size;
	while (entry_extent_next(&rest, &end, &at, &n))
		sum += n;
	return sum;
}

/* The first extent that ends behind `at`: in the data, or in the file. */
static size_t
first_behind(const struct extents *x, uint64_t at, bool in_data)
{
	size_t lo = 0, hi = x->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct extent *m = &x->list[mid];
		if ((in_data ? m->data : m->at) + m->n > at)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

size_t
extents_at(const struct extents *x, uint64_t at)
{
	return first_behind(x, at, false);
}

size_t
extents_of_data(const struct extents *x, uint64_t data)
{
	return first_behind(x, data, true);
}
