/* SPDX-License-Identifier: ISC */
/* chunklist.c: parts that never move, and how they are stored. */
#include "content/chunklist.h"

#include "vault/pack.h"

#include <stdlib.h>

#define PART 64 /* chunks allocated at once */

struct chunklist_part {
	struct chunklist_part *next;
	uint32_t n;
	uint32_t lengths[PART];
	struct digest names[PART];
};

void
chunklist_free(struct chunklist *l)
{
	while (l->first != NULL) {
		struct chunklist_part *next = l->first->next;
		free(l->first);
		l->first = next;
	}
	*l = (struct chunklist){ 0 };
}

struct digest *
chunklist_add(struct chunklist *l, uint32_t length)
{
	struct chunklist_part *p = l->last;

	if (p == NULL || p->n == PART) {
		p = mem_new(sizeof *p);
		if (l->last != NULL)
			l->last->next = p;
		else
			l->first = p;
		l->last = p;
	}
	p->lengths[p->n] = length;
	l->n++;
	return &p->names[p->n++];
}

void
chunklist_put_one(struct buf *out, const struct digest *name, uint32_t length)
{
	digest_put(out, name);
	buf_put_varint(out, length);
}

void
chunklist_put(struct buf *out, const struct chunklist *l)
{
	for (const struct chunklist_part *p = l->first; p != NULL; p = p->next)
		for (uint32_t i = 0; i < p->n; i++)
			chunklist_put_one(out, &p->names[i], p->lengths[i]);
}

int
chunklist_take(
    struct scan *s, struct digest *name, uint32_t *length, struct err *e)
{
	*name = digest_take(s);
	uint64_t n = scan_varint(s);
	if (!scan_ok(s) || n == 0 || n > PACK_BLOCK)
		return err_set(e, ERR_RECORD_CORRUPT,
		    "a list of chunks is not well-formed");
	*length = (uint32_t)n;
	return 0;
}
