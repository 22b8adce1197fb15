/* SPDX-License-Identifier: ISC */
/* mail_file.c: what waits in the inbox goes into the zone. */
#include "mail/mail_edits.h"
#include "mail/mail_in.h"

#include "base/now.h"

#include <stdlib.h>

#define DUE_LETTERS PAGE_LETTERS
#define DUE_MS (3600 * 1000ULL)
#define TRIES 8 /* when other devices file the same */
#define RAWS 500 /* that one commit files as they came */
#define MERGED (PAGE_LETTERS / 2) /* a page with fewer takes in more */

/* ---- the zone as it is ---- */

struct found {
	struct id id;
	uint64_t version;
};

struct raw {
	struct found at;
	struct buf item;
};

struct plan {
	struct mail *m;
	uint64_t seq; /* of the zone when it was looked at */
	struct idset filed; /* marks */
	struct idset raw_ids;
	struct raw *raws;
	size_t n_raws;
	struct found last; /* the newest page that has room; id zeros: none */
	struct buf last_entries;
	size_t last_n;
	struct mail_edits edits;
	struct buf entries; /* of the page that is being filled */
	size_t n_entries;
	bool merging; /* that page is `last` */
};

static void
plan_free(struct plan *p)
{
	idset_free(&p->filed);
	idset_free(&p->raw_ids);
	for (size_t i = 0; i < p->n_raws; i++)
		buf_free(&p->raws[i].item);
	free(p->raws);
	buf_free(&p->last_entries);
	mail_edits_free(&p->edits);
	buf_free(&p->entries);
}

static int
see_page(struct plan *p, const struct zcopy_record *r, struct err *e)
{
	OWN(buf_free) struct buf entries = { 0 };
	struct page_entry x;
	size_t n = 0;

	if (page_open(r->plain, &entries, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&entries));
	while (page_next(&s, &x)) {
		struct mail_letter shown;
		struct letter l;
		if (mail_show_entry(&x, &l, &shown, e) < 0)
			return -1;
		(void)idset_add(&p->filed, shown.mark.b);
		n++;
	}
	if (s.bad || n >= MERGED || entries.n >= PAGE_BYTES / 2)
		return 0;
	p->last = (struct found){ r->id, r->version };
	p->last_n = n;
	buf_clear(&p->last_entries);
	buf_put_bytes(&p->last_entries, buf_bytes(&entries));
	return 0;
}

static void
see_raw(struct plan *p, const struct zcopy_record *r)
{
	struct bytes item;
	struct err ignored;

	if (page_take_raw(r->plain, &item, &ignored) < 0)
		return;
	(void)idset_add(&p->raw_ids, r->id.b);
	p->raws = mem_resize(p->raws, p->n_raws + 1, sizeof *p->raws);
	struct raw *x = &p->raws[p->n_raws++];
	*x = (struct raw){ .at = { r->id, r->version } };
	buf_put_bytes(&x->item, item);
}

static int
see(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct plan *p = ctx;
	struct err spoiled;

	(void)e;
	/* What is spoiled stays as it is. */
	if (r->bad == NULL && page_kind(r->plain) == PAGE_LETTERS_KIND)
		(void)!see_page(p, r, &spoiled);
	if (r->bad == NULL && page_kind(r->plain) == PAGE_RAW)
		see_raw(p, r);
	return 0;
}

/* ---- edits ---- */

static void
end_page(struct plan *p)
{
	struct buf *plain;
	struct id id;

	if (p->n_entries == 0)
		return;
	id_random(&id);
	struct zcopy_edit *edit =
	    mail_edits_add(&p->edits, p->merging ? &p->last.id : &id, &plain);
	edit->expects = true;
	edit->expect = p->merging ? p->last.version : 0;
	page_put(plain, buf_bytes(&p->entries));
	buf_clear(&p->entries);
	p->n_entries = 0;
	p->merging = false;
}

static void
add_letter(struct plan *p, const struct mail_item *x)
{
	const struct page_entry entry = { .received_ms = x->item.received_ms,
		.flags = x->flags,
		.letter = buf_bytes(&x->letter) };

	if (!idset_add(&p->filed, x->mark.b))
		return;
	/* The first one goes to the page that has room. */
	if (p->n_entries == 0 && p->edits.n == 0 && !id_zero(&p->last.id)) {
		buf_put_bytes(&p->entries, buf_bytes(&p->last_entries));
		p->n_entries = p->last_n;
		p->merging = true;
	}
	if (p->n_entries >= PAGE_LETTERS ||
	    (p->n_entries > 0 && p->entries.n + x->letter.n + 13 > PAGE_BYTES))
		end_page(p);
	page_put_entry(&p->entries, &entry);
	p->n_entries++;
}

static void
add_raw(struct plan *p, const struct mail_item *x)
{
	struct id id = page_raw_id(buf_bytes(&x->bytes));
	struct buf *plain;

	if (!idset_add(&p->raw_ids, id.b))
		return;
	struct zcopy_edit *edit = mail_edits_add(&p->edits, &id, &plain);
	edit->expects = true;
	page_put_raw(plain, buf_bytes(&x->bytes));
}

/* One that could not be opened: can it be now? */
static int
retry(struct plan *p, struct raw *raw, struct err *e)
{
	OWN(mail_item_free) struct mail_item x = { .flags = 0 };
	struct buf bytes = raw->item;
	struct buf *plain;

	raw->item = (struct buf){ NULL, 0, 0 };
	if (mail_judge(p->m, &bytes, &x, e) < 0)
		return -1;
	if (!x.dropped && x.why.code != ERR_NONE)
		return 0;
	if (!x.dropped)
		add_letter(p, &x);
	end_page(p);
	struct zcopy_edit *edit =
	    mail_edits_add(&p->edits, &raw->at.id, &plain);
	edit->deleted = true;
	edit->expects = true;
	edit->expect = raw->at.version;
	return 0;
}

/*
 * What of the inbox goes into one commit; *upto: the number up to which all of
 * it does.
 */
static int
plan_edits(struct plan *p, uint64_t *upto, struct err *e)
{
	for (size_t i = 0; i < p->m->n; i++) {
		const struct mail_item *x = &p->m->items[i];
		if (p->edits.n >= RAWS)
			break;
		*upto = x->item.number;
		if (x->dropped)
			continue;
		if (x->why.code == ERR_NONE)
			add_letter(p, x);
		else
			add_raw(p, x);
	}
	end_page(p);
	for (size_t i = 0; i < p->n_raws && p->edits.n < RAWS; i++)
		if (retry(p, &p->raws[i], e) < 0)
			return -1;
	return 0;
}

static int
still(void *ctx, struct err *e)
{
	const struct plan *p = ctx;

	return zcopy_seq(p->m->zone) == p->seq
	    ? 0
	    : err_set(e, ERR_CONFLICT,
		  "another device has filed messages meanwhile");
}

/* ---- filing ---- */

static void
forget_filed(struct mail *m, uint64_t upto)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (m->items[i].item.number > upto)
			m->items[n++] = m->items[i];
		else
			mail_item_free(&m->items[i]);
	}
	m->n = n;
	m->bytes = 0;
	for (size_t i = 0; i < n; i++)
		m->bytes += m->items[i].bytes.n;
}

static int
file_once(struct mail *m, struct err *e)
{
	OWN(plan_free)
	struct plan p = { .m = m, .seq = zcopy_seq(m->zone) };
	uint64_t upto = 0;

	if (zcopy_each_all(m->zone, 0, see, &p, e) < 0 ||
	    plan_edits(&p, &upto, e) < 0)
		return -1;
	if (upto == 0 && p.edits.n == 0)
		return 0;
	/* A commit of nothing takes out what is filed already. */
	zcopy_takes(m->zone, upto);
	int rc = mail_edits_commit(m->zone, &p.edits, still, &p, e);
	zcopy_takes(m->zone, 0);
	if (rc == 0)
		forget_filed(m, upto);
	return rc;
}

int
mail_file(struct mail *m, struct err *e)
{
	for (int i = 0; i < TRIES;) {
		size_t before = m->n;
		if (file_once(m, e) == 0) {
			if (m->n == 0 || m->n == before)
				return 0;
			continue;
		}
		if (e->code != ERR_CONFLICT || zcopy_pull(m->zone, e) < 0)
			return -1;
		i++;
	}
	return err_set(e, ERR_CONFLICT,
	    "other devices file messages faster than this one can");
}

bool
mail_due(const struct mail *m)
{
	uint64_t hour_ago = (uint64_t)now_ms() - DUE_MS;

	/* What seems to come in the future has a time once it is filed. */
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].ahead)
			return true;
	return m->n >= DUE_LETTERS ||
	    (m->n > 0 && m->items[0].item.received_ms < hour_ago);
}
