/* SPDX-License-Identifier: ISC */
/* mail_drop.c: a letter is taken away from this account. */
#include "mail/mail_edits.h"
#include "mail/mail_in.h"

#define TRIES 8 /* when other devices change the same */

struct drop {
	struct id id,
	    mark; /* of the letter; of what is none the record alone */
	struct id author; /* zeros until it was found */
	struct mail_edits edits;
};

static void
drop_free(struct drop *d)
{
	mail_edits_free(&d->edits);
}

/* Is it what goes, or what its author said of it later? */
static bool
goes(const struct drop *d, const struct mail_letter *x)
{
	struct bytes text;
	struct err newer;
	struct id of;

	if (id_equal(&x->mark, &d->mark))
		return true;
	return x->letter != NULL && x->letter->kind != LETTER_TEXT &&
	    id_equal(&x->letter->author, &d->author) &&
	    letter_body(x->letter, &of, &text, &newer) == 0 &&
	    id_equal(&of, &d->id);
}

static struct zcopy_edit *
add_drop(struct drop *d, const struct zcopy_record *r, struct buf **plain)
{
	struct zcopy_edit *edit = mail_edits_add(&d->edits, &r->id, plain);

	edit->expects = true;
	edit->expect = r->version;
	return edit;
}

/* The page again, with id and mark in the place of what goes. */
static int
drop_from(struct drop *d, const struct zcopy_record *r, struct err *e)
{
	OWN(buf_free) struct buf entries = { 0 };
	OWN(buf_free) struct buf left = { 0 };
	struct page_entry x;
	struct buf *plain;
	bool found = false;

	if (page_open(r->plain, &entries, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&entries));
	while (page_next(&s, &x)) {
		OWN(buf_free) struct buf trace = { 0 };
		struct mail_letter shown;
		struct letter l;
		if (mail_show_entry(&x, &l, &shown, e) < 0)
			return -1;
		if (shown.letter != NULL && goes(d, &shown)) {
			id_put(&trace, &shown.id);
			id_put(&trace, &shown.mark);
			x.flags |= PAGE_GONE;
			x.letter = buf_bytes(&trace);
			found = true;
		}
		page_put_entry(&left, &x);
	}
	if (!found)
		return 0;
	(void)add_drop(d, r, &plain);
	page_put(plain, buf_bytes(&left));
	return 0;
}

static int
look_for(void *ctx, const struct zcopy_record *r, struct err *e)
{
	struct err spoiled;
	struct drop *d = ctx;
	struct buf *plain;

	(void)e;
	if (r->bad == NULL && page_kind(r->plain) == PAGE_LETTERS_KIND)
		(void)!drop_from(d, r, &spoiled);
	if (r->bad == NULL && page_kind(r->plain) == PAGE_RAW &&
	    id_equal(&r->id, &d->id))
		add_drop(d, r, &plain)->deleted = true;
	return 0;
}

int
mail_drop(struct mail *m, const struct mail_letter *x, struct err *e)
{
	if (mail_file(m, e) < 0)
		return -1;
	for (int i = 0; i < TRIES; i++) {
		OWN(drop_free)
		struct drop d = {
			.id = x->id, .mark = x->mark, .author = x->from
		};
		if (zcopy_each_all(m->zone, 0, look_for, &d, e) < 0)
			return -1;
		if (d.edits.n == 0)
			return err_set(
			    e, ERR_NOT_FOUND, "there is no such message");
		if (mail_edits_commit(m->zone, &d.edits, NULL, NULL, e) == 0)
			return 0;
		if (e->code != ERR_CONFLICT || zcopy_pull(m->zone, e) < 0)
			return -1;
	}
	return err_set(
	    e, ERR_CONFLICT, "other devices change the messages, too");
}
