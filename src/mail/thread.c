/* SPDX-License-Identifier: ISC */
/* thread.c: letters in their order, edited, deleted, missed, read. */
#include "mail/thread.h"

#include "base/now.h"
#include "base/text.h"
#include "mail/unread.h"

#include <stdlib.h>
#include <string.h>

#define LATE_MS (10 * 60 * 1000ULL) /* what did not come by then is missing */

void
thread_free(struct thread *t)
{
	for (size_t i = 0; i < t->n; i++) {
		buf_free(&t->lines[i].text);
		free(t->lines[i].words);
	}
	free(t->lines);
	*t = (struct thread){ NULL, 0 };
}

/* ---- gathering ---- */

/* An edit or a delete, until all letters are there. */
struct later {
	struct id of, by;
	uint64_t clock, time_ms;
	struct id id;
	bool deletes;
	struct buf text;
};

/* A letter that names some which were not there when it was visited. */
struct named {
	struct id mark; /* its own */
	uint8_t n;
	struct id marks[LETTER_MARKS];
};

struct gather {
	const struct id *conv; /* NULL: all */
	struct id with; /* who has it; zeros: nobody that is known */
	struct thread t;
	struct later *changes;
	size_t n_changes;
	struct idset marks; /* of all that is there, also changes */
	struct named *named;
	size_t n_named;
	size_t room, room_changes;
};

static void
gather_free(struct gather *g)
{
	thread_free(&g->t);
	for (size_t i = 0; i < g->n_changes; i++)
		buf_free(&g->changes[i].text);
	free(g->changes);
	free(g->named);
	idset_free(&g->marks);
}

static void
add_change(struct gather *g, const struct letter *l, const struct id *of,
    struct bytes text)
{
	if (g->n_changes == g->room_changes) {
		g->room_changes = g->room_changes * 2 + 16;
		g->changes =
		    mem_resize(g->changes, g->room_changes, sizeof *g->changes);
	}
	struct later *c = &g->changes[g->n_changes++];
	*c = (struct later){ .of = *of,
		.by = l->author,
		.clock = l->clock,
		.time_ms = l->time_ms,
		.id = l->id,
		.deletes = l->kind == LETTER_DELETE };
	buf_put_bytes(&c->text, text);
}

static struct thread_line *
add_line(struct gather *g)
{
	if (g->t.n == g->room) {
		g->room = g->room * 2 + 64;
		g->t.lines =
		    mem_resize(g->t.lines, g->room, sizeof *g->t.lines);
	}
	struct thread_line *x = &g->t.lines[g->t.n++];
	*x = (struct thread_line){ .why = ERR_NONE };
	return x;
}

/* Most name what was visited before them: those need no second look. */
static void
note_named(
    struct gather *g, const struct mail_letter *x, const struct letter *l)
{
	bool all = true;

	for (size_t i = 0; i < l->n_marks; i++)
		all &= idset_has(&g->marks, l->marks[i].b);
	if (all)
		return;
	g->named = mem_resize(g->named, g->n_named + 1, sizeof *g->named);
	struct named *n = &g->named[g->n_named++];
	*n = (struct named){ .mark = x->mark, .n = l->n_marks };
	memcpy(n->marks, l->marks, sizeof n->marks);
}

/* To the conversation; of what cannot be read only who sent it is known. */
static bool
belongs(const struct gather *g, const struct mail_letter *x)
{
	if (g->conv == NULL)
		return true;
	if (x->letter != NULL)
		return id_equal(&x->letter->conv, g->conv);
	return x->why != NULL && id_equal(&x->from, &g->with);
}

static int
gather(void *ctx, const struct mail_letter *x, struct err *e)
{
	struct gather *g = ctx;
	const struct letter *l = x->letter;
	struct bytes text = { NULL, 0 };
	struct err newer = { .code = ERR_NONE };
	struct id of;

	(void)e;
	if (!belongs(g, x))
		return 0;
	/* Of a newer version: said, not read. */
	if (l != NULL && letter_body(l, &of, &text, &newer) < 0)
		text = bytes_of(NULL, 0);
	else if (l != NULL && l->kind != LETTER_TEXT) {
		add_change(g, l, &of, text);
		return 0;
	}
	struct thread_line *line = add_line(g);
	line->id = x->id;
	line->mark = x->mark;
	line->from = x->from;
	line->received_ms = x->received_ms;
	line->gone = (x->flags & PAGE_GONE) != 0;
	line->out = (x->flags & PAGE_OUT) != 0;
	line->quiet = (x->flags & PAGE_QUIET) != 0;
	line->asked = (x->flags & PAGE_ASKED) != 0;
	const struct err *why = x->why != NULL ? x->why
	    : newer.code != ERR_NONE	       ? &newer
					       : NULL;
	if (why != NULL) {
		line->why = why->code;
		line->words = mem_text(why->msg);
	}
	line->clock = UINT64_MAX; /* behind all that can be read */
	if (l == NULL)
		return 0;
	line->conv = l->conv;
	line->time_ms = l->time_ms;
	line->clock = l->clock;
	buf_put_bytes(&line->text, text);
	if (g->conv != NULL)
		note_named(g, x, l);
	return 0;
}

/* ---- order ---- */

static int
by_clock(const void *a, const void *b)
{
	const struct thread_line *x = a, *y = b;

	if (x->clock != y->clock)
		return x->clock < y->clock ? -1 : 1;
	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return id_cmp(&x->id, &y->id);
}

/* Over several conversations only the time is one order. */
static int
by_time(const void *a, const void *b)
{
	const struct thread_line *x = a, *y = b;

	if (x->received_ms != y->received_ms)
		return x->received_ms < y->received_ms ? -1 : 1;
	return id_cmp(&x->id, &y->id);
}

static int
by_later(const void *a, const void *b)
{
	const struct later *x = a, *y = b;
	int d = id_cmp(&x->of, &y->of);

	if (d != 0)
		return d;
	if (x->clock != y->clock)
		return x->clock < y->clock ? -1 : 1;
	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return id_cmp(&x->id, &y->id);
}

/* ---- edits ---- */

/* By who wrote it, the last word counts; what is deleted stays so. c: n of them,
 * all of that id, in order. */
static void
apply(struct thread_line *x, const struct later *c, size_t n)
{
	const struct later *last = NULL;

	for (size_t i = 0; i < n; i++)
		if (id_equal(&x->from, &c[i].by)) {
			x->deleted |= c[i].deletes;
			last = &c[i];
		}
	if (last == NULL || x->gone)
		return;
	buf_clear(&x->text);
	if (x->deleted)
		return;
	buf_put_bytes(&x->text, buf_bytes(&last->text));
	x->edited = true;
}

static void
apply_all(struct gather *g)
{
	if (g->n_changes == 0)
		return;
	qsort(g->changes, g->n_changes, sizeof *g->changes, by_later);
	for (size_t i = 0; i < g->t.n; i++) {
		struct thread_line *x = &g->t.lines[i];
		size_t lo = 0, hi = g->n_changes;
		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;
			if (id_cmp(&g->changes[mid].of, &x->id) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		size_t n = 0;
		while (lo + n < g->n_changes &&
		    id_equal(&g->changes[lo + n].of, &x->id))
			n++;
		apply(x, &g->changes[lo], n);
	}
}

/* ---- what did not come ---- */

static int
by_mark(const void *a, const void *b)
{
	return id_cmp(
	    &((const struct named *)a)->mark, &((const struct named *)b)->mark);
}

/*
 * A letter names the newest that its writer had seen. After a reset of this
 * account its older ones are gone, and nobody held them back: then only what
 * stands between two that are there is missing.
 */
static bool
misses(const struct gather *g, const struct named *x, size_t before, bool reset)
{
	for (size_t i = 0; i < x->n; i++) {
		bool older = before >= LETTER_MARKS || !reset;
		if (idset_has(&g->marks, x->marks[i].b))
			continue;
		for (size_t k = i + 1; k < x->n; k++)
			older |= idset_has(&g->marks, x->marks[k].b);
		if (older)
			return true;
	}
	return false;
}

static void
find_missing(struct gather *g, bool reset)
{
	uint64_t now = (uint64_t)now_ms();

	if (g->n_named == 0)
		return;
	qsort(g->named, g->n_named, sizeof *g->named, by_mark);
	for (size_t i = 0; i < g->t.n; i++) {
		struct thread_line *x = &g->t.lines[i];
		const struct named key = { .mark = x->mark };
		const struct named *of =
		    bsearch(&key, g->named, g->n_named, sizeof key, by_mark);
		x->missing = of != NULL && x->received_ms + LATE_MS < now &&
		    misses(g, of, i, reset);
	}
}

/* ---- what is unread ---- */

static int
find_unread(struct mail *m, struct thread *t, struct err *e)
{
	OWN(unread_free) struct unread_list read = { NULL, 0 };

	for (size_t i = 0; i < t->n; i++) {
		struct thread_line *x = &t->lines[i];
		struct unread *c;
		if (id_zero(&x->conv))
			continue;
		if (unread_of(m, &read, &x->conv, &c, e) < 0)
			return -1;
		x->unread = !mail_is_own(m, &x->from) && !x->gone &&
		    !x->deleted && x->received_ms > c->read_ms;
	}
	return 0;
}

/* ---- threads ---- */

static int
read_some(struct mail *m, const struct id *conv, bool new, struct thread *out,
    struct err *e)
{
	OWN(gather_free) struct gather g = { .conv = conv };
	const struct person *with = conv != NULL ? mail_with(m, conv) : NULL;

	if (with != NULL)
		g.with = with->uid;
	if ((new ? mail_each_new(m, gather, &g, e)
		 : mail_each_marked(m, &g.marks, gather, &g, e)) < 0)
		return -1;
	if (g.t.n > 0)
		qsort(g.t.lines, g.t.n, sizeof *g.t.lines,
		    conv != NULL ? by_clock : by_time);
	apply_all(&g);
	if (conv != NULL)
		find_missing(&g, mail_was_reset(m));
	if (find_unread(m, &g.t, e) < 0)
		return -1;
	*out = g.t;
	g.t = (struct thread){ NULL, 0 };
	return 0;
}

int
thread_read(
    struct mail *m, const struct id *conv, struct thread *out, struct err *e)
{
	return read_some(m, conv, false, out, e);
}

int
thread_all(struct mail *m, struct thread *out, struct err *e)
{
	return read_some(m, NULL, false, out, e);
}

int
thread_new(struct mail *m, struct thread *out, struct err *e)
{
	return read_some(m, NULL, true, out, e);
}

static int
pass_over(void *ctx, const struct mail_letter *x, struct err *e)
{
	(void)ctx;
	(void)x;
	(void)e;
	return 0;
}

int
thread_looked(struct mail *m, struct err *e)
{
	return mail_each_new(m, pass_over, NULL, e);
}

int
thread_mark_read(struct mail *m, const struct id *conv, const struct thread *t,
    struct err *e)
{
	struct page_conversation c;
	uint64_t last = 0;

	if (mail_noted(m, conv, &c, e) < 0)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		if (t->lines[i].received_ms > last)
			last = t->lines[i].received_ms;
	if (last <= c.read_ms)
		return 0;
	c.read_ms = last;
	return mail_note(m, &c, e);
}

int
thread_find(const struct thread *t, const char *start, const struct id *from,
    const struct thread_line **out, struct err *e)
{
	size_t found = 0;

	for (size_t i = 0; i < t->n; i++)
		if ((from == NULL || id_equal(&t->lines[i].from, from)) &&
		    id_begins(&t->lines[i].id, start)) {
			*out = &t->lines[i];
			found++;
		}
	if (found == 0)
		return err_set(
		    e, ERR_NOT_FOUND, "there is no message %s", start);
	return found == 1
	    ? 0
	    : err_set(e, ERR_USAGE, "%zu messages begin with %s: say more",
		  found, start);
}

static bool
is_ascii(const char *s)
{
	while (*s != '\0' && (unsigned char)*s < 0x80)
		s++;
	return *s == '\0';
}

bool
thread_matches(const struct thread_line *l, const char *words)
{
	OWN(mem_free) char *all = mem_text(words);
	OWN(buf_free) struct buf folded = { 0 };
	const char *text = buf_text(&l->text);
	bool plain = is_ascii(text), any = false;
	char *next = NULL;

	if (!plain) {
		text_fold(&folded, buf_bytes(&l->text));
		text = buf_text(&folded);
	}
	for (char *w = strtok_r(all, " \t\n", &next); w != NULL;
	     w = strtok_r(NULL, " \t\n", &next)) {
		any = true;
		if ((plain ? strcasestr(text, w) : strstr(text, w)) == NULL)
			return false;
	}
	return any;
}

/* ---- at a glance ---- */

static int
newest_first(const void *a, const void *b)
{
	const struct thread_sum *x = a, *y = b;

	return by_time(y->last, x->last);
}

static struct thread_sum *
sum_of(struct thread_sum **list, size_t *n, const struct id *conv)
{
	for (size_t i = 0; i < *n; i++)
		if (id_equal(&(*list)[i].conv, conv))
			return &(*list)[i];
	*list = mem_resize(*list, *n + 1, sizeof **list);
	struct thread_sum *x = &(*list)[(*n)++];
	*x = (struct thread_sum){ .conv = *conv };
	return x;
}

int
thread_sums(struct mail *m, const struct thread *all, struct thread_sum **out,
    size_t *n, struct err *e)
{
	struct thread_sum *list = NULL;

	*n = 0;
	for (size_t i = 0; i < all->n; i++) {
		const struct thread_line *x = &all->lines[i];
		if (id_zero(&x->conv) || x->gone)
			continue;
		struct thread_sum *s = sum_of(&list, n, &x->conv);
		s->last = x;
		s->unread += x->unread;
	}
	for (size_t i = 0; i < *n; i++) {
		struct page_conversation c;
		list[i].with = mail_with(m, &list[i].conv);
		list[i].asks =
		    list[i].with != NULL && list[i].with->level == PERSON_ASKS;
		if (mail_noted(m, &list[i].conv, &c, e) < 0) {
			free(list);
			return -1;
		}
		list[i].muted = mail_muted(&c);
	}
	if (*n > 0)
		qsort(list, *n, sizeof *list, newest_first);
	*out = list;
	return 0;
}
