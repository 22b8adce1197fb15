/* SPDX-License-Identifier: ISC */
/* unread.c: what is unread, counted without being kept. */
#include "mail/unread.h"

#include <stdlib.h>
#include <string.h>

void
unread_free(struct unread_list *u)
{
	free(u->list);
	*u = (struct unread_list){ NULL, 0 };
}

int
unread_of(struct mail *m, struct unread_list *u, const struct id *conv,
    struct unread **out, struct err *e)
{
	struct page_conversation c;

	for (size_t i = 0; i < u->n; i++)
		if (id_equal(&u->list[i].conv, conv)) {
			*out = &u->list[i];
			return 0;
		}
	if (mail_noted(m, conv, &c, e) < 0)
		return -1;
	u->list = mem_resize(u->list, u->n + 1, sizeof *u->list);
	*out = &u->list[u->n++];
	**out = (struct unread){ .conv = *conv, .read_ms = c.read_ms };
	return 0;
}

/* ---- counting ---- */

/* A letter, or that its author has deleted it. */
struct one {
	struct id id, by;
	uint32_t of; /* in the list */
	uint64_t ms;
};

struct ones {
	struct one *list;
	size_t n, room;
};

struct counting {
	struct mail *m;
	struct unread_list u;
	struct ones letters, deletes;
};

static void
counting_free(struct counting *c)
{
	unread_free(&c->u);
	free(c->letters.list);
	free(c->deletes.list);
}

static void
add(struct ones *o, const struct one *x)
{
	if (o->n == o->room) {
		o->room = o->room * 2 + 64;
		o->list = mem_resize(o->list, o->room, sizeof *o->list);
	}
	o->list[o->n++] = *x;
}

/* A delete comes after its letter: what deletes one that is unread is, too. */
static int
count(void *ctx, const struct mail_letter *x, struct err *e)
{
	struct counting *c = ctx;
	struct unread *u;
	struct bytes text;
	struct err newer;
	struct id of;

	if (x->letter == NULL || mail_is_own(c->m, &x->from))
		return 0;
	if (unread_of(c->m, &c->u, &x->letter->conv, &u, e) < 0)
		return -1;
	if (x->received_ms <= u->read_ms)
		return 0;
	struct one one = { .id = x->id,
		.by = x->from,
		.of = (uint32_t)(u - c->u.list),
		.ms = x->received_ms };
	/* Of a newer version: it is shown, though not read. */
	if (letter_body(x->letter, &of, &text, &newer) < 0 ||
	    x->letter->kind == LETTER_TEXT) {
		add(&c->letters, &one);
	} else if (x->letter->kind == LETTER_DELETE) {
		one.id = of;
		add(&c->deletes, &one);
	}
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	const struct one *x = a, *y = b;
	int d = id_cmp(&x->id, &y->id);

	return d != 0 ? d : id_cmp(&x->by, &y->by);
}

static int
newest_first(const void *a, const void *b)
{
	const struct unread *x = a, *y = b;

	return (x->last_ms < y->last_ms) - (x->last_ms > y->last_ms);
}

static void
sum_up(struct counting *c)
{
	if (c->deletes.n > 0)
		qsort(c->deletes.list, c->deletes.n, sizeof *c->deletes.list,
		    by_id);
	for (size_t i = 0; i < c->letters.n; i++) {
		const struct one *x = &c->letters.list[i];
		struct unread *u = &c->u.list[x->of];
		if (c->deletes.n > 0 &&
		    bsearch(x, c->deletes.list, c->deletes.n,
			sizeof *c->deletes.list, by_id) != NULL)
			continue;
		u->n++;
		if (x->ms > u->last_ms)
			u->last_ms = x->ms;
	}
	if (c->u.n > 0)
		qsort(c->u.list, c->u.n, sizeof *c->u.list, newest_first);
}

int
unread_new(struct mail *m, struct unread_list *out, struct err *e)
{
	OWN(counting_free) struct counting c = { .m = m };

	if (mail_each_new(m, count, &c, e) < 0)
		return -1;
	sum_up(&c);
	*out = c.u;
	c.u = (struct unread_list){ NULL, 0 };
	return 0;
}
