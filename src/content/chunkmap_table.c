/* SPDX-License-Identifier: ISC */
/* chunkmap_table.c: a hash table of what is new, beside a sorted file. */
#include "content/chunkmap_in.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

/* ---- entries ---- */

static inline int
name_cmp(struct chunkmap_key a, struct chunkmap_key b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

int
chunkmap_entry_cmp(const void *a, const void *b)
{
	const struct chunkmap_entry *x = a, *y = b;
	int c = name_cmp(x->name, y->name);

	if (c != 0)
		return c;
	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/*
 * The first sorted entry that is not below name. Names are uniform, so that
 * a guess by proportion lands close; halving bounds it for those that are not.
 */
static size_t
lower_bound(const struct chunkmap *m, struct chunkmap_key name)
{
	size_t low = 0, high = m->n_sorted;
	uint64_t from = 0, to = UINT64_MAX;

	for (unsigned step = 0; low < high; step++) {
		size_t mid = low + (high - low) / 2;
		if (step % 4 != 3 && from <= name.hi && name.hi <= to &&
		    from < to)
			mid = low +
			    (size_t)((double)(name.hi - from) /
				((double)(to - from) + 1) *
				(double)(high - low));
		if (mid >= high)
			mid = high - 1;
		struct chunkmap_key at = chunkmap_sorted_at(m, mid).name;
		if (name_cmp(at, name) < 0) {
			low = mid + 1;
			from = at.hi;
		} else {
			high = mid;
			to = at.hi;
		}
	}
	return low;
}

bool
chunkmap_find_sorted(const struct chunkmap *m, struct chunkmap_key name,
    uint32_t but, struct chunkmap_entry *out)
{
	for (size_t i = lower_bound(m, name); i < m->n_sorted; i++) {
		*out = chunkmap_sorted_at(m, i);
		if (name_cmp(out->name, name) != 0)
			return false;
		if (out->pack != but && chunkmap_entry_live(m, out))
			return true;
	}
	return false;
}

bool
chunkmap_find_added(const struct chunkmap *m, struct chunkmap_key name,
    uint32_t but, struct chunkmap_entry *out)
{
	if (m->cap_slots == 0)
		return false;
	for (size_t i = name.hi & (m->cap_slots - 1);
	     m->slots[i].pack != CHUNKMAP_NO_PACK;
	     i = (i + 1) & (m->cap_slots - 1)) {
		*out = m->slots[i];
		if (name_cmp(out->name, name) == 0 && out->pack != but &&
		    chunkmap_entry_live(m, out))
			return true;
	}
	return false;
}

void
chunkmap_slot_put(
    struct chunkmap_entry *slots, size_t cap, const struct chunkmap_entry *x)
{
	size_t i = x->name.hi & (cap - 1);

	while (slots[i].pack != CHUNKMAP_NO_PACK)
		i = (i + 1) & (cap - 1);
	slots[i] = *x;
}

void
chunkmap_slots_room(struct chunkmap *m, size_t more)
{
	size_t cap = m->cap_slots > 0 ? m->cap_slots : 1024;

	while ((m->n_slots + more) > cap / 4 * 3)
		cap *= 2;
	if (cap == m->cap_slots)
		return;
	struct chunkmap_entry *slots = mem_array(cap, sizeof *slots);
	for (size_t i = 0; i < cap; i++)
		slots[i].pack = CHUNKMAP_NO_PACK;
	for (size_t i = 0; i < m->cap_slots; i++)
		if (m->slots[i].pack != CHUNKMAP_NO_PACK)
			chunkmap_slot_put(slots, cap, &m->slots[i]);
	free(m->slots);
	m->slots = slots;
	m->cap_slots = cap;
}

static void
swap(struct chunkmap_entry *a, struct chunkmap_entry *b)
{
	struct chunkmap_entry x = *a;

	*a = *b;
	*b = x;
}

/*
 * Sort in place: qsort takes as much memory again. Names are uniform, so that
 * halves are about equal; the smaller one goes first, which bounds the depth
 * whatever they are.
 */
static void
sort(struct chunkmap_entry *x, size_t n)
{
	while (n > 16) {
		size_t i = 0, j = n - 1;
		struct chunkmap_entry mid = x[n / 2];
		for (;; i++, j--) {
			while (chunkmap_entry_cmp(&x[i], &mid) < 0)
				i++;
			while (chunkmap_entry_cmp(&mid, &x[j]) < 0)
				j--;
			if (i >= j)
				break;
			swap(&x[i], &x[j]);
		}
		/* [0, j] and [j + 1, n): all of one are below the other. */
		size_t left = j + 1;
		if (left < n - left) {
			sort(x, left);
			x += left;
			n -= left;
		} else {
			sort(x + left, n - left);
			n = left;
		}
	}
	for (size_t i = 1; i < n; i++)
		for (size_t k = i;
		     k > 0 && chunkmap_entry_cmp(&x[k], &x[k - 1]) < 0; k--)
			swap(&x[k], &x[k - 1]);
}

size_t
chunkmap_slots_sort(struct chunkmap *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->cap_slots; i++)
		if (chunkmap_entry_live(m, &m->slots[i]))
			m->slots[n++] = m->slots[i];
	sort(m->slots, n);
	return n;
}

void
chunkmap_slots_again(struct chunkmap *m, size_t n)
{
	OWN(mem_free) struct chunkmap_entry *old = m->slots;

	m->slots = NULL;
	m->cap_slots = m->n_slots = 0;
	chunkmap_slots_room(m, n);
	for (size_t i = 0; i < n; i++)
		chunkmap_slot_put(m->slots, m->cap_slots, &old[i]);
	m->n_slots = n;
}

/* ---- packs ---- */

size_t
chunkmap_id_slot(const struct chunkmap *m, const struct id *id)
{
	size_t i = (size_t)be64(id->b) & (m->cap_by_id - 1);

	while (m->by_id[i] != CHUNKMAP_NO_PACK &&
	    !id_equal(&m->packs[m->by_id[i]].id, id))
		i = (i + 1) & (m->cap_by_id - 1);
	return i;
}

uint32_t
chunkmap_pack_find(const struct chunkmap *m, const struct id *id)
{
	if (m->cap_by_id == 0)
		return CHUNKMAP_NO_PACK;
	uint32_t pack = m->by_id[chunkmap_id_slot(m, id)];
	return pack != CHUNKMAP_NO_PACK && !m->packs[pack].dropped
	    ? pack
	    : CHUNKMAP_NO_PACK;
}

static void
by_id_grow(struct chunkmap *m)
{
	free(m->by_id);
	m->cap_by_id = m->cap_by_id == 0 ? 64 : 2 * m->cap_by_id;
	m->by_id = mem_array(m->cap_by_id, sizeof *m->by_id);
	for (size_t i = 0; i < m->cap_by_id; i++)
		m->by_id[i] = CHUNKMAP_NO_PACK;
	for (uint32_t i = 0; i < m->n_packs; i++)
		m->by_id[chunkmap_id_slot(m, &m->packs[i].id)] = i;
}

uint32_t
chunkmap_pack_add(struct chunkmap *m, const struct id *id, uint32_t n)
{
	assert(m->n_packs < CHUNKMAP_NO_PACK - 1);
	if (m->n_packs == m->cap_packs) {
		m->cap_packs = m->cap_packs == 0 ? 64 : m->cap_packs * 2;
		m->packs = mem_resize(m->packs, m->cap_packs, sizeof *m->packs);
	}
	if ((size_t)m->n_packs * 2 >= m->cap_by_id)
		by_id_grow(m);
	uint32_t pack = m->n_packs;
	size_t slot =
	    chunkmap_id_slot(m, id); /* free, or of one that was dropped */
	m->packs[m->n_packs++] = (struct chunkmap_pack){ .id = *id, .n = n };
	m->by_id[slot] = pack;
	m->live += n;
	return pack;
}

/* ---- all of it ---- */

void
chunkmap_forget_all(struct chunkmap *m)
{
	if (m->map != NULL)
		(void)munmap(m->map, m->map_n);
	free(m->packs);
	free(m->by_id);
	free(m->slots);
	m->map = NULL;
	m->sorted = NULL;
	m->packs = NULL;
	m->by_id = NULL;
	m->slots = NULL;
	m->n_packs = m->cap_packs = 0;
	m->map_n = m->n_sorted = 0;
	m->cap_by_id = m->cap_slots = m->n_slots = m->live = 0;
	m->max_slots = CHUNKMAP_ADDED_MAX;
	m->seq = 0;
	m->changed = false;
}
