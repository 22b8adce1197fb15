/* SPDX-License-Identifier: ISC */
/* release_order.c: ORDER, CANCEL, COLLECT: help by an operator, after a wait. */
#include "escrow/release_in.h"

#include "base/text.h"

#include <string.h>

bool
release_order_lives(const struct release_call *c)
{
	const struct ward_order *o = &c->w.order;

	return (o->state == WARD_ORDER_WAITS ||
		   o->state == WARD_ORDER_COLLECTED) &&
	    c->now_ms <= o->ends_ms + RELEASE_COLLECT_MS;
}

static void
word_order(struct release_call *c, const struct ward_order *o)
{
	struct id device = release_recipient_ref(o->kem_pk, o->sign_pk);

	release_word_id(c, "order", &o->id);
	release_word_id(c, "device", &device);
}

/* An order for keys that the account's circle has put here. */
static int
need_orderable(struct release_call *c, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };

	if (release_need_clock(c, e) < 0 || release_need_key(c, e) < 0 ||
	    ward_circle(c->k->wards, &c->w, &circle, e) < 0 ||
	    release_need_standard(c, &circle, e) < 0)
		return -1;
	uint64_t since = c->now_ms > (24 * RELEASE_HOUR_MS)
	    ? c->now_ms - (24 * RELEASE_HOUR_MS)
	    : 0;
	return release_need_below(
	    journal_count(c->k->journal, &c->w.uid, JOURNAL_VERB(ESCROW_ORDER),
		ESCROW_WILL_DO, since),
	    c->k->settings.orders_per_day, "orders a day", e);
}

/* The same one again, whose answer was lost? */
static bool
is_again(const struct ward_order *was, const struct ward_order *o)
{
	return was->state == WARD_ORDER_WAITS && id_equal(&was->id, &o->id) &&
	    release_same(was->kem_pk, o->kem_pk, KEM_PK_BYTES) &&
	    release_same(was->sign_pk, o->sign_pk, SIG_PK_BYTES);
}

int
release_order(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	struct ward_order o = { .state = WARD_ORDER_WAITS };
	OWN(buf_free) struct buf ends = { 0 };
	struct bytes reference = { 0 };

	o.id = id_take(body);
	scan_copy(body, o.kem_pk, sizeof o.kem_pk);
	scan_copy(body, o.sign_pk, sizeof o.sign_pk);
	if (release_take_text(body, 1, &reference, e) < 0)
		return -1;
	if (id_zero(&o.id))
		return release_malformed(e);
	word_order(c, &o);
	if (is_again(&c->w.order, &o)) {
		buf_put_u64(out, c->w.order.ends_ms);
		return 0;
	}
	if (release_need_recipient(o.kem_pk, e) < 0 || need_orderable(c, e) < 0)
		return -1;
	if (id_equal(&c->w.order.id, &o.id))
		return err_set(
		    e, ERR_CONFLICT, "there was an order of that id");
	o.ends_ms = c->now_ms + c->k->settings.recovery_wait_s * 1000;
	text_time(&ends, (int64_t)o.ends_ms);
	release_word(c, "ends", buf_text(&ends));
	if (c->w.order.state == WARD_ORDER_WAITS)
		release_word_id(c, "replaces", &c->w.order.id);
	release_word_quoted(c, "reference", reference);
	if (release_will_do(c, e) < 0)
		return -1;
	c->w.order = o;
	if (ward_store(c->k->wards, &c->w, e) < 0)
		return -1;
	buf_put_u64(out, o.ends_ms);
	return 0;
}

static int
need_order(const struct release_call *c, const struct id *id, struct err *e)
{
	return c->w.order.state != WARD_NO_ORDER && id_equal(&c->w.order.id, id)
	    ? 0
	    : err_set(e, ERR_NOT_FOUND,
		  "the escrow has no such order, or a newer one");
}

int
release_cancel(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	struct id id = id_take(body);
	struct bytes why = { 0 };

	(void)out;
	if (release_take_text(body, 0, &why, e) < 0)
		return -1;
	release_word_id(c, "order", &id);
	if (need_order(c, &id, e) < 0)
		return -1;
	if (c->w.order.state == WARD_ORDER_CANCELLED)
		return 0;
	release_word_quoted(c, "why", why);
	if (release_will_do(c, e) < 0)
		return -1;
	c->w.order.state = WARD_ORDER_CANCELLED;
	return ward_store(c->k->wards, &c->w, e);
}

static int
check_collect(const struct release_call *c, const struct id *id, struct err *e)
{
	OWN(buf_free) struct buf ends = { 0 };
	const struct ward_order *o = &c->w.order;

	if (release_need_clock(c, e) < 0 || release_need_key(c, e) < 0 ||
	    need_order(c, id, e) < 0)
		return -1;
	if (o->state == WARD_ORDER_CANCELLED)
		return release_refused(e, "the order was cancelled");
	if (c->now_ms < o->ends_ms) {
		text_time(&ends, (int64_t)o->ends_ms);
		return err_set(e, ERR_RECOVERY_WAITING,
		    "the keys are handed out from %s on", buf_text(&ends));
	}
	if (!release_order_lives(c))
		return release_refused(e, "the order is more than 14 days old");
	return release_need_hand_outs_left(c, e);
}

int
release_collect(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	OWN(release_keys_drop) struct release_keys h = { 0 };
	struct id id = id_take(body);
	struct bytes list = scan_v32(body), envelopes = scan_v32(body);

	if (!scan_done(body))
		return release_malformed(e);
	if (need_order(c, &id, e) == 0)
		word_order(c, &c->w.order);
	else
		release_word_id(c, "order", &id);
	if (check_collect(c, &id, e) < 0 ||
	    release_take_circle(c, list, &circle, e) < 0 ||
	    release_need_standard(c, &circle, e) < 0)
		return -1;
	for (unsigned i = 0; i < CATEGORY_END; i++)
		h.wanted[i] = category_escrowed(i);
	memcpy(h.recipient, c->w.order.kem_pk, sizeof h.recipient);
	if (release_open_all(c, &circle, envelopes, &h, e) < 0)
		return -1;
	release_word_keys(c, &h);
	if (release_will_do(c, e) < 0)
		return -1;
	c->w.order.state = WARD_ORDER_COLLECTED;
	if (ward_store(c->k->wards, &c->w, e) < 0)
		return -1;
	release_put(c, &id, &h, out);
	return 0;
}
