/* SPDX-License-Identifier: ISC */
/* export_kept.c: what an export has of the Drive, by path. */
#include "export/export_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 1024

static void
name_of(struct bytes path, uint8_t *name)
{
	struct digest whole;

	digest_of(path, &whole);
	memcpy(name, whole.b, sizeof((struct export_kept *)NULL)->name);
}

/* Its slot, or the free one where it belongs. There is one. */
static uint32_t *
slot_of(const struct export *x, const uint8_t *name)
{
	uint64_t at;

	memcpy(&at, name, sizeof at);
	for (;; at++) {
		uint32_t *slot = &x->slots[at & (x->n_slots - 1)];
		if (*slot == 0 ||
		    bytes_equal(
			bytes_of(x->kept[*slot - 1].name, sizeof x->kept->name),
			bytes_of(name, sizeof x->kept->name)))
			return slot;
	}
}

static void
grow(struct export *x)
{
	free(x->slots);
	x->n_slots = x->n_slots == 0 ? SLOTS_MIN : 2 * x->n_slots;
	x->slots = mem_array(x->n_slots, sizeof *x->slots);
	for (size_t i = 0; i < x->n_kept; i++)
		*slot_of(x, x->kept[i].name) = (uint32_t)i + 1;
}

struct export_kept *
export_find_kept(const struct export *x, struct bytes path)
{
	uint8_t name[sizeof x->kept->name];

	if (x->n_slots == 0)
		return NULL;
	name_of(path, name);
	uint32_t number = *slot_of(x, name);
	return number == 0 ? NULL : &x->kept[number - 1];
}

struct export_kept *
export_keep(struct export *x, struct bytes path)
{
	struct export_kept *k = export_find_kept(x, path);

	if (k != NULL)
		return k;
	if (2 * x->n_kept >= x->n_slots)
		grow(x);
	if (x->n_kept == x->room_kept) {
		x->room_kept = x->room_kept == 0 ? SLOTS_MIN : 2 * x->room_kept;
		x->kept = mem_resize(x->kept, x->room_kept, sizeof *x->kept);
	}
	assert(x->kept != NULL); /* from the first one on */
	k = &x->kept[x->n_kept++];
	*k = (struct export_kept){ .state = EXPORT_SAME };
	name_of(path, k->name);
	*slot_of(x, k->name) = (uint32_t)x->n_kept;
	return k;
}

void
export_kept_free(struct export *x)
{
	free(x->kept);
	free(x->slots);
	x->kept = NULL;
	x->slots = NULL;
	x->n_kept = x->room_kept = x->n_slots = 0;
}
