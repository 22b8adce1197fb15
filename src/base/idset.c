/* SPDX-License-Identifier: ISC */
/* idset.c: linear probing with backward-shift deletion. */
#include "base/idset.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t empty[IDSET_BYTES];

static bool
is_empty(const uint8_t *slot)
{
	return memcmp(slot, empty, IDSET_BYTES) == 0;
}

static size_t
home(const struct idset *s, const uint8_t *value)
{
	return (size_t)be64(value) & (s->cap - 1);
}

/* The slot that holds value, or the empty one where it would go. */
static size_t
probe(const struct idset *s, const uint8_t *value)
{
	size_t i = home(s, value);

	while (!is_empty(s->slots[i]) &&
	    memcmp(s->slots[i], value, IDSET_BYTES) != 0)
		i = (i + 1) & (s->cap - 1);
	return i;
}

void
idset_free(struct idset *s)
{
	free(s->slots);
	*s = (struct idset){ 0 };
}

static void
grow(struct idset *s)
{
	struct idset next = {
		.cap = s->cap == 0 ? 64 : 2 * s->cap, .n = s->n, .zero = s->zero
	};

	next.slots = mem_array(next.cap, IDSET_BYTES);
	for (size_t i = 0; i < s->cap; i++)
		if (!is_empty(s->slots[i]))
			memcpy(next.slots[probe(&next, s->slots[i])],
			    s->slots[i], IDSET_BYTES);
	free(s->slots);
	*s = next;
}

bool
idset_add(struct idset *s, const uint8_t *value)
{
	if (is_empty(value)) {
		bool fresh = !s->zero;
		s->zero = true;
		return fresh;
	}
	if (s->n * 2 >= s->cap)
		grow(s);
	size_t i = probe(s, value);
	if (!is_empty(s->slots[i]))
		return false;
	memcpy(s->slots[i], value, IDSET_BYTES);
	s->n++;
	return true;
}

bool
idset_has(const struct idset *s, const uint8_t *value)
{
	if (is_empty(value))
		return s->zero;
	return s->cap > 0 && !is_empty(s->slots[probe(s, value)]);
}

void
idset_remove(struct idset *s, const uint8_t *value)
{
	if (is_empty(value)) {
		s->zero = false;
		return;
	}
	if (s->cap == 0)
		return;
	size_t hole = probe(s, value), mask = s->cap - 1;
	if (is_empty(s->slots[hole]))
		return;
	s->n--;
	for (size_t i = (hole + 1) & mask; !is_empty(s->slots[i]);
	     i = (i + 1) & mask) {
		size_t want = home(s, s->slots[i]);
		/* May slot i move back to the hole? */
		if (((i - want) & mask) >= ((i - hole) & mask)) {
			memcpy(s->slots[hole], s->slots[i], IDSET_BYTES);
			hole = i;
		}
	}
	memset(s->slots[hole], 0, IDSET_BYTES);
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, IDSET_BYTES);
}

void
idset_put_sorted(const struct idset *s, struct buf *out)
{
	size_t start = out->n, count = 0;

	if (s->zero) {
		buf_put(out, empty, IDSET_BYTES);
		count++;
	}
	for (size_t i = 0; i < s->cap; i++)
		if (!is_empty(s->slots[i])) {
			buf_put(out, s->slots[i], IDSET_BYTES);
			count++;
		}
	if (count > 0)
		qsort(out->p + start, count, IDSET_BYTES, compare);
}
