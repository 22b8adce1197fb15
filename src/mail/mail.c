/* SPDX-License-Identifier: ISC */
/* mail.c: what there is, as it is now, and a visit to each letter. */
#include "mail/mail_in.h"

#include "client/self_card.h"
#include "client/self_zones.h"

#include <assert.h>
#include <stdlib.h>

#define INBOX_MAX ((size_t)8 << 20) /* of one answer, bytes */
/* What an honest server has at most, with the numbers and times. */
#define INBOX_MOST (LIMIT_INBOX_BYTES + (size_t)LIMIT_INBOX_ITEMS * 64)

/* ---- the inbox ---- */

static int
fetch(struct mail *m, uint64_t since, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, "/v1/inbox?since=%llu", (unsigned long long)since);
	struct remote_call call = {
		.method = "GET", .path = buf_text(&path), .limit = INBOX_MAX
	};
	return remote_call(m->self->remote, &call, out, e);
}

static int
take_item(struct mail *m, struct bytes x, struct err *e)
{
	struct buf bytes = { 0 };
	struct mail_item item;

	m->bytes += x.n;
	if (m->n >= LIMIT_INBOX_ITEMS || m->bytes > INBOX_MOST)
		return err_set(e, ERR_BAD_REQUEST,
		    "the server lists more letters than an inbox holds");
	buf_put_bytes(&bytes, x);
	int rc = mail_judge(m, &bytes, &item, e);
	if (rc < 0 || item.item.number <= m->fetched) {
		mail_item_free(&item);
		return rc < 0 ? -1
			      : err_set(e, ERR_BAD_REQUEST,
				    "the server lists letters out of order");
	}
	m->fetched = item.item.number;
	m->items = mem_resize(m->items, m->n + 1, sizeof *m->items);
	m->items[m->n++] = item;
	return 0;
}

/* What came since. */
static int
fetch_all(struct mail *m, struct err *e)
{
	for (;;) {
		OWN(buf_free) struct buf page = { 0 };
		if (fetch(m, m->fetched, &page, e) < 0)
			return -1;
		if (page.n == 0)
			return 0;
		struct scan s = scan_of(buf_bytes(&page));
		while (s.n > 0 && scan_ok(&s)) {
			struct bytes x = scan_v32(&s);
			if (scan_ok(&s) && take_item(m, x, e) < 0)
				return -1;
		}
		if (!scan_ok(&s))
			return err_set(e, ERR_BAD_REQUEST,
			    "the list of letters is cut short");
	}
}

static void
forget_items(struct mail *m)
{
	for (size_t i = 0; i < m->n; i++)
		mail_item_free(&m->items[i]);
	free(m->items);
	m->items = NULL;
	m->n = m->bytes = 0;
}

uint64_t
mail_top(const struct mail *m)
{
	return m->top > m->fetched ? m->top : m->fetched;
}

void
mail_seen(struct mail *m, uint64_t top)
{
	m->top = top;
}

/* ---- as it is now ---- */

int
mail_look(struct mail *m, struct err *e)
{
	mail_forget_looks(m);
	if (self_state(m->self, e) < 0 || mail_load_people(m, e) < 0 ||
	    zcopy_pull(m->zone, e) < 0 || fetch_all(m, e) < 0)
		return -1;
	/* Who has just asked is one of them. */
	return m->stale ? mail_load_people(m, e) : 0;
}

int
mail_open(struct self *s, struct mail **out, struct err *e)
{
	OWN(mail_free) struct mail *m = mem_new(sizeof *m);
	struct id zone;

	m->self = s;
	if (self_card(s, e) < 0 ||
	    self_zone(s, CATEGORY_MESSAGES, &zone, e) < 0 ||
	    zcopy_open(&s->writer,
		&(struct zcopy_of){
		    s->local, s->depot, &zone, CATEGORY_MESSAGES },
		&m->zone, e) < 0 ||
	    mail_look(m, e) < 0)
		return -1;
	*out = TAKE(m);
	return 0;
}

void
mail_free(struct mail **m)
{
	if (*m == NULL)
		return;
	forget_items(*m);
	mail_forget_looks(*m);
	idset_free(&(*m)->told);
	free((*m)->raws);
	people_free(&(*m)->people);
	free((*m)->convs);
	zcopy_free(&(*m)->zone);
	free(*m);
	*m = NULL;
}

/* ---- visiting ---- */

void
mail_show_item(const struct mail_item *x, struct mail_letter *out)
{
	bool right = x->why.code == ERR_NONE;

	*out = (struct mail_letter){ .letter = right ? &x->l : NULL,
		.id = right ? x->l.id : page_raw_id(buf_bytes(&x->bytes)),
		.mark = x->mark,
		.received_ms = x->item.received_ms,
		.flags = x->flags,
		.from = x->item.from,
		.why = right ? NULL : &x->why };
}

int
mail_show_entry(const struct page_entry *x, struct letter *l,
    struct mail_letter *out, struct err *e)
{
	*out = (struct mail_letter){ .received_ms = x->received_ms,
		.flags = x->flags };
	if ((x->flags & PAGE_GONE) != 0) {
		struct scan s = scan_of(x->letter);
		out->id = id_take(&s);
		out->mark = id_take(&s);
		return scan_done(&s) ? 0
				     : err_set(e, ERR_RECORD_CORRUPT,
					   "a message that was taken away left "
					   "no trace");
	}
	if (letter_take(x->letter, l, e) < 0)
		return -1;
	out->letter = l;
	out->id = l->id;
	out->mark = letter_mark(x->letter);
	out->from = l->author;
	return 0;
}

struct visit {
	struct mail *m;
	mail_visit_fn fn;
	void *ctx;
	struct idset *seen; /* marks */
	struct buf raws; /* v32 each: items, looked at when the copy is free */
	bool stopped; /* by fn */
};

static void
visit_free(struct visit *v)
{
	buf_free(&v->raws);
}

static int
show(struct visit *v, const struct mail_letter *x, struct err *e)
{
	/* What is no letter is known by its record; one that is not right may be
	 * later, and is news then. */
	bool wrong = v->seen == &v->m->told && x->why != NULL;
	const struct id *as = wrong || id_zero(&x->mark) ? &x->id : &x->mark;

	if (!id_zero(as) && !idset_add(v->seen, as->b))
		return 0;
	v->stopped = v->fn(v->ctx, x, e) < 0;
	return v->stopped ? -1 : 0;
}

static int
visit_page(struct visit *v, struct bytes plain, struct err *e)
{
	OWN(buf_free) struct buf entries = { 0 };
	struct page_entry x;

	if (page_open(plain, &entries, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&entries));
	while (page_next(&s, &x)) {
		struct mail_letter shown;
		struct letter l;
		if (mail_show_entry(&x, &l, &shown, e) < 0 ||
		    show(v, &shown, e) < 0)
			return -1;
	}
	return s.bad ? err_set(e, ERR_RECORD_CORRUPT,
			   "a page of messages is not well-formed")
		     : 0;
}

static int
visit_plain(struct visit *v, const struct zcopy_record *r, struct err *e)
{
	struct bytes item;

	if (r->bad != NULL) {
		*e = *r->bad;
		return -1;
	}
	switch (page_kind(r->plain)) {
	case PAGE_LETTERS_KIND:
		return visit_page(v, r->plain, e);
	case PAGE_RAW:
		if (page_take_raw(r->plain, &item, e) < 0)
			return -1;
		buf_put_v32(&v->raws, item);
		return 0;
	default: /* a conversation, or of a newer version */
		return 0;
	}
}

/* One record that is spoiled takes none of the others with it. */
static int
visit_record(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct visit *v = ctx;
	struct mail_letter spoiled = { .why = e };

	if (visit_plain(v, r, e) == 0)
		return 0;
	if (v->stopped || show(v, &spoiled, e) < 0)
		return -1;
	err_clear(e);
	return 0;
}

static int
visit_raw(struct visit *v, struct bytes item, struct err *e)
{
	OWN(mail_item_free) struct mail_item x = { .flags = 0 };
	struct buf bytes = { 0 };
	struct mail_letter shown;

	buf_put_bytes(&bytes, item);
	if (mail_judge(v->m, &bytes, &x, e) < 0)
		return -1;
	mail_show_item(&x, &shown);
	return x.dropped ? 0 : show(v, &shown, e);
}

static int
visit_raws(struct visit *v, struct err *e)
{
	struct scan s = scan_of(buf_bytes(&v->raws));

	while (s.n > 0)
		if (visit_raw(v, scan_v32(&s), e) < 0)
			return -1;
	return 0;
}

static int
visit_items(struct visit *v, struct err *e)
{
	for (size_t i = 0; i < v->m->n; i++) {
		struct mail_letter shown;
		mail_show_item(&v->m->items[i], &shown);
		if (!v->m->items[i].dropped && show(v, &shown, e) < 0)
			return -1;
	}
	return 0;
}

int
mail_each_marked(struct mail *m, struct idset *marks, mail_visit_fn fn,
    void *ctx, struct err *e)
{
	OWN(visit_free)
	struct visit v = { .m = m, .fn = fn, .ctx = ctx, .seen = marks };

	return zcopy_each_all(m->zone, 0, visit_record, &v, e) < 0 ||
		visit_raws(&v, e) < 0
	    ? -1
	    : visit_items(&v, e);
}

int
mail_each(struct mail *m, mail_visit_fn fn, void *ctx, struct err *e)
{
	OWN(idset_free) struct idset marks = { 0 };

	return mail_each_marked(m, &marks, fn, ctx, e);
}

/* ---- what is new ---- */

static void
keep_raw(struct mail *m, const struct id *id)
{
	for (size_t i = 0; i < m->n_raws; i++)
		if (id_equal(&m->raws[i], id))
			return;
	m->raws = mem_resize(m->raws, m->n_raws + 1, sizeof *m->raws);
	m->raws[m->n_raws++] = *id;
}

static int
visit_news(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct visit *v = ctx;
	struct bytes item;
	struct err spoiled;

	if (r->deleted)
		return 0;
	if (r->bad != NULL || page_kind(r->plain) != PAGE_RAW ||
	    page_take_raw(r->plain, &item, &spoiled) < 0)
		return visit_record(v, r, e);
	keep_raw(v->m, &r->id);
	return 0;
}

/* Those that are still there; one that was filed as a letter is gone. */
static int
visit_kept(struct visit *v, struct err *e)
{
	struct mail *m = v->m;

	for (size_t i = 0; i < m->n_raws;) {
		OWN(buf_free) struct buf plain = { 0 };
		struct bytes item;
		uint64_t version;
		struct err gone;
		if (zcopy_look(m->zone, &m->raws[i], &version, &plain, e) < 0)
			return -1;
		if (page_take_raw(buf_bytes(&plain), &item, &gone) < 0) {
			m->raws[i] = m->raws[--m->n_raws];
			continue;
		}
		if (visit_raw(v, item, e) < 0)
			return -1;
		i++;
	}
	return 0;
}

int
mail_each_new(struct mail *m, mail_visit_fn fn, void *ctx, struct err *e)
{
	OWN(visit_free)
	struct visit v = { .m = m, .fn = fn, .ctx = ctx, .seen = &m->told };
	int rc = zcopy_news(m->zone, &m->told_at, visit_news, &v, e);

	/* The copy was replaced: from its start, and marks say what is new. */
	if (rc < 0 && !v.stopped && e->code == ERR_RESYNC)
		rc = zcopy_news(m->zone, &m->told_at, visit_news, &v, e);
	return rc < 0 || visit_kept(&v, e) < 0 ? -1 : visit_items(&v, e);
}

struct idset *
mail_told(struct mail *m)
{
	return &m->told;
}
