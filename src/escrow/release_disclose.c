/* SPDX-License-Identifier: ISC */
/* release_disclose.c: DISCLOSE: what who runs the escrow is able to hand over. */
#include "escrow/release_in.h"

#include "base/text.h"

#define LINE_ROOM 1024 /* a line of the journal fits */

struct disclosure {
	struct id request;
	uint8_t escrow[SIG_PK_BYTES];
	uint32_t notify_s;
	struct bytes circle, envelopes, reference;
};

static int
take_disclosure(struct scan *body, struct disclosure *x, struct release_keys *h,
    struct err *e)
{
	x->request = id_take(body);
	scan_copy(body, h->recipient, sizeof h->recipient);
	scan_copy(body, x->escrow, sizeof x->escrow);
	x->notify_s = scan_u32(body);
	x->circle = scan_v32(body);
	x->envelopes = scan_v32(body);
	if (release_take_text(body, 1, &x->reference, e) < 0)
		return -1;
	return x->notify_s <= ESCROW_NOTIFY_S && !id_zero(&x->request)
	    ? 0
	    : release_malformed(e);
}

/* What the line says, of a refusal too: it is hidden as long. */
static void
word_disclosure(struct release_call *c, const struct disclosure *x,
    const struct release_keys *h)
{
	OWN(buf_free) struct buf until = { 0 };
	struct id to = release_recipient_ref(h->recipient, NULL);

	if (x->notify_s > 0) {
		text_time(
		    &until, (int64_t)(c->now_ms + x->notify_s * 1000ULL + 999));
		release_word(c, "notify_after", buf_text(&until));
	}
	release_word_id(c, "request", &x->request);
	release_word_id(c, "recipient", &to);
	release_word_quoted(c, "reference", x->reference);
}

/* Before a word is put into the line: whoever else asks may hide nothing. */
static int
need_owner(const struct release_call *c, struct err *e)
{
	return c->owner ? 0
			: err_set(e, ERR_PERMISSION,
			      "only who runs the escrow may disclose");
}

/* Is there a key that opens anything? *why says why not. */
static int
may_open(struct release_call *c, const struct disclosure *x,
    struct circle *circle, struct buf *why, struct err *e)
{
	struct err none = { 0 };

	if (c->w.there) {
		if (release_take_circle(c, x->circle, circle, e) < 0)
			return -1;
		if (release_need_standard(c, circle, &none) == 0)
			return 0;
	} else if (c->w.destroyed) {
		(void)release_refused(
		    &none, "the escrow's key of the account was destroyed");
	} else if (release_need_key(c, &none) == 0) {
		return 0;
	}
	buf_put_str(why, none.msg);
	return 0;
}

/* The line goes to the disk before anything is opened. */
int
release_disclose(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	OWN(release_keys_drop) struct release_keys h = { .part = true };
	OWN(buf_free) struct buf why = { 0 };
	OWN(buf_free) struct buf line = { 0 };
	OWN(buf_free) struct buf released = { 0 };
	struct disclosure x;

	if (need_owner(c, e) < 0 || take_disclosure(body, &x, &h, e) < 0)
		return -1;
	word_disclosure(c, &x, &h);
	if (!release_same(x.escrow, c->k->sign_pk, SIG_PK_BYTES))
		return err_set(e, ERR_ESCROW_CHANGED,
		    "the server was set up with another escrow than this one");
	if (release_need_clock(c, e) < 0 ||
	    release_need_recipient(h.recipient, e) < 0 ||
	    may_open(c, &x, &circle, &why, e) < 0)
		return -1;
	for (unsigned i = 0; i < CATEGORY_END; i++)
		h.wanted[i] = category_escrowed(i);
	release_word(c, "opens", why.n == 0 ? "standard" : "nothing");
	if (release_will_do(c, e) < 0 ||
	    (c->w.known && ward_store(c->k->wards, &c->w, e) < 0) ||
	    journal_lines(c->k->journal, &c->w.uid, c->head.n - 1, LINE_ROOM,
		&line, e) < 0)
		return -1;
	if (why.n == 0) {
		if (release_open_all(c, &circle, x.envelopes, &h, e) < 0)
			return -1;
		release_put(c, &x.request, &h, &released);
	}
	buf_put_bytes(out, buf_bytes(&line));
	buf_put_v8(out, buf_bytes(&why));
	buf_put_u32(out, h.closed);
	buf_put_v32(out, buf_bytes(&released));
	return 0;
}
