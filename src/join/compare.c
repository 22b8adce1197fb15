/* SPDX-License-Identifier: ISC */
/* compare.c: both sides of a comparison. */
#include "join/compare.h"

#include "base/now.h"
#include "client/alerts.h"
#include "client/self_zones.h"
#include "join/pair_in.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_S 25
#define TRY_S 120 /* the other side answers by itself */

/* ---- what both say ---- */

struct sides {
	struct buf ci, ours, held; /* claims of oneself, and of the other */
	char address[PERSON_ADDRESS_MAX + 1]; /* one's own */
};

static void
sides_free(struct sides *x)
{
	buf_free(&x->ci);
	buf_free(&x->ours);
	buf_free(&x->held);
}

static void
put_sides(const struct self *s, const struct people_look *with, struct sides *x)
{
	const char *theirs = with->person.address;
	struct person_claim own, held;
	struct digest root;

	people_self(s, x->address, &root);
	bool first = strcmp(x->address, theirs) < 0;
	buf_put_str(&x->ci, COMPARE_LABEL);
	buf_put_v8(&x->ci, bytes_str(first ? x->address : theirs));
	buf_put_v8(&x->ci, bytes_str(first ? theirs : x->address));
	person_claim_of(x->address, &s->circle, &own);
	person_claim_put(&x->ours, &own);
	person_claim_of(theirs, &with->circle, &held);
	person_claim_put(&x->held, &held);
}

/* What the other one said: of himself, and what he holds of this account. */
struct said {
	struct bytes claim, held;
};

/* Whoever hears of more entries than are here looks again: what is withheld is
 * no list that can be verified. */
static int
catch_up(struct self *s, const struct people_look *with,
    const struct person_claim *he, const struct person_claim *me,
    struct people_looks *now, struct err *e)
{
	if (me->seq > s->circle.seq && self_refresh(s, e) < 0)
		return -1;
	return he->seq > with->circle.seq
	    ? people_check(s, &with->person, now, e)
	    : 0;
}

/* Is what he is what is held here, and what he holds what is here? */
static int
agree(struct self *s, const struct people_look *with, const struct sides *x,
    const struct said *said, bool *same, struct err *e)
{
	OWN(people_looks_free) struct people_looks now = { NULL, 0 };
	struct scan a = scan_of(said->claim), b = scan_of(said->held);
	struct person_claim he, me;

	if (person_claim_take(&a, &he, e) < 0 ||
	    person_claim_take(&b, &me, e) < 0 ||
	    catch_up(s, with, &he, &me, &now, e) < 0)
		return -1;
	*same = strcmp(he.address, with->person.address) == 0 &&
	    strcmp(me.address, x->address) == 0 &&
	    person_claim_fits(
		&he, now.n > 0 ? &now.list[0].circle : &with->circle) &&
	    person_claim_fits(&me, &s->circle);
	return 0;
}

/* ---- who asks ---- */

struct asking {
	struct self *s;
	const struct compare *c;
	struct relay r;
	struct id nonce;
	struct sides x;
};

static void
asking_free(struct asking *a)
{
	relay_free(&a->r);
	sides_free(&a->x);
}

static int
open_request(struct asking *a, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	id_random(&a->nonce);
	put_sides(a->s, a->c->with, &a->x);
	jsonio_put_id(ask, "uid", &a->c->with->person.uid);
	jsonio_put_bytes(ask, "claim", buf_bytes(&a->x.ours));
	jsonio_put_bytes(ask, "nonce", bytes_of(a->nonce.b, ID_BYTES));
	a->r = (struct relay){ .remote = a->s->remote,
		.path = COMPARE_PATH,
		.side = RELAY_SIDE_NEW,
		.deadline_ms = now_ms() + a->c->timeout_s * 1000LL };
	return control_call(
		   a->s->remote, "POST", COMPARE_PATH, ask, &answer, e) < 0
	    ? -1
	    : jsonio_id(answer, "verify", &a->r.join, e);
}

/* What was found here, and what is held of the other. */
static int
tell(struct asking *a, const struct relay_keys *k, bool found, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf m = { 0 };

	buf_put_u8(&plain, found);
	buf_put_bytes(&plain, buf_bytes(&a->x.held));
	relay_box(k, k->b_to_a, RELAY_SIGNED, buf_bytes(&plain), &m);
	return relay_send(&a->r, RELAY_SIGNED, buf_bytes(&m), e);
}

/* What both have found: the last word is the other one's. */
static int
hear(struct asking *a, const struct relay_keys *k, bool *same, struct err *e)
{
	OWN(buf_free) struct buf plain = { 0 };
	uint8_t kind;

	do {
		if (relay_receive(&a->r, &kind, e) < 0)
			return -1;
	} while (kind != RELAY_WELCOME);
	if (relay_unbox(k, k->a_to_b, RELAY_WELCOME, a->r.body, &plain, e) < 0)
		return -1;
	*same = *same && plain.n == 1 && plain.p[0] == 1;
	return 0;
}

/* Answer one code; right: tell what is held, and compare. */
static int
answer_code(struct asking *a, bool *right, bool *same, struct err *e)
{
	OWN(relay_keys_free) struct relay_keys k = { .label = COMPARE_LABEL };
	OWN(buf_free) struct buf claim = { 0 };
	OWN(buf_free) struct buf offer = { 0 };
	struct scan s = scan_of(a->r.body);

	(void)scan_take(&s, ID_BYTES + 32);
	buf_put_bytes(&claim, scan_v16(&s));
	struct pair_code t = { .c = &a->r,
		.ci = buf_bytes(&a->x.ci),
		.request = &a->r.join,
		.nonce = &a->nonce,
		.ours = buf_bytes(&a->x.ours),
		.theirs = bytes_str(""),
		.ask = a->c->ask,
		.ctx = a->c->ctx,
		.kind = SHOWN_VERIFY };
	if (pair_code_answer(&t, &k, &offer, right, e) < 0)
		return -1;
	if (!*right)
		return 0;
	if (agree(a->s, a->c->with, &a->x,
		&(struct said){ buf_bytes(&claim), buf_bytes(&offer) }, same,
		e) < 0)
		return -1;
	return tell(a, &k, *same, e) < 0 ? -1 : hear(a, &k, same, e);
}

static int
be_shown(struct asking *a, bool *same, struct err *e)
{
	uint8_t kind;
	bool right = false;

	if (a->c->waiting != NULL)
		a->c->waiting(a->c->ctx);
	while (!right) {
		if (relay_receive_last(&a->r, &kind, e) < 0)
			return -1;
		if (kind != RELAY_OPEN)
			continue;
		if (answer_code(a, &right, same, e) < 0)
			return -1;
		if (!right && !a->c->again)
			return err_set(
			    e, ERR_WRONG_CODE, "the code is wrong, and burnt");
	}
	return 0;
}

int
compare_ask(struct self *s, const struct compare *c, bool *same, struct err *e)
{
	OWN(asking_free) struct asking a = { .s = s, .c = c };

	if (open_request(&a, e) < 0)
		return -1;
	int rc = be_shown(&a, same, e);
	if (rc < 0)
		relay_end(&a.r); /* nobody shows a code to who has gone */
	return rc;
}

/* ---- who asks, step by step ---- */

struct compare_entry {
	struct asking a;
	struct compare c;
	struct bytes code;
};

static int
give_code(void *ctx, struct buf *code, struct err *e)
{
	const struct compare_entry *x = ctx;

	(void)e;
	buf_put_bytes(code, x->code);
	return 0;
}

int
compare_entry_new(struct self *s, const struct people_look *with,
    struct compare_entry **out, struct err *e)
{
	OWN(compare_entry_free) struct compare_entry *x = mem_new(sizeof *x);

	x->c = (struct compare){ .with = with, .ask = give_code, .ctx = x };
	x->a.s = s;
	x->a.c = &x->c;
	if (open_request(&x->a, e) < 0)
		return -1;
	*out = TAKE(x);
	return 0;
}

void
compare_entry_free(struct compare_entry **x)
{
	if (*x != NULL)
		asking_free(&(*x)->a);
	free(*x);
	*x = NULL;
}

void
compare_entry_cancel(struct compare_entry *x)
{
	relay_end(&x->a.r);
}

const struct id *
compare_entry_request(const struct compare_entry *x)
{
	return &x->a.r.join;
}

int
compare_entry_look(struct compare_entry *x, bool *shown, struct err *e)
{
	if (relay_look(&x->a.r, e) < 0)
		return -1;
	*shown = x->a.r.state == RELAY_ALLOWED;
	return 0;
}

int
compare_entry_try(
    struct compare_entry *x, struct bytes code, bool *same, struct err *e)
{
	char digits[SHOWN_DIGITS_MAX + 1];
	bool right = false;
	uint8_t kind;

	/* What is no such code is sent nowhere. */
	if (shown_code_parse(SHOWN_VERIFY, code, digits, e) < 0)
		return -1;
	mem_wipe(digits, sizeof digits);
	x->code = code;
	x->a.r.deadline_ms = now_ms() + TRY_S * 1000LL;
	do {
		if (relay_receive_last(&x->a.r, &kind, e) < 0)
			return -1;
	} while (kind != RELAY_OPEN);
	if (answer_code(&x->a, &right, same, e) < 0)
		return -1;
	return right ? 0
		     : err_set(e, ERR_WRONG_CODE,
			   "the code is wrong, and burnt; the other device "
			   "shows a new one");
}

/* ---- who shows ---- */

void
compare_request_free(struct compare_request *r)
{
	buf_free(&r->claim);
}

static int
take_request(const json_t *v, struct compare_request *out, struct err *e)
{
	OWN(buf_free) struct buf nonce = { 0 };

	buf_clear(&out->claim);
	if (jsonio_id(v, "verify", &out->id, e) < 0 ||
	    jsonio_id(v, "uid", &out->uid, e) < 0 ||
	    jsonio_bytes(v, "nonce", ID_BYTES, &nonce, e) < 0 ||
	    jsonio_bytes(v, "claim", 0, &out->claim, e) < 0 ||
	    jsonio_u64(v, "created_ms", &out->created_ms, e) < 0)
		return -1;
	memcpy(out->nonce.b, nonce.p, ID_BYTES);
	return 0;
}

void
compare_requests_free(struct compare_requests *r)
{
	for (size_t i = 0; i < r->n; i++)
		compare_request_free(&r->list[i]);
	free(r->list);
	*r = (struct compare_requests){ NULL, 0 };
}

int
compare_requests(struct self *s, unsigned wait_s, struct compare_requests *out,
    struct err *e)
{
	OWN(compare_requests_free) struct compare_requests all = { NULL, 0 };
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, COMPARE_PATH "?wait=%u", wait_s);
	const struct control_wait w = { .path = buf_text(&path),
		.wait_s = wait_s };
	if (control_wait(s->remote, &w, &answer, e) < 0)
		return -1;
	const json_t *rows = json_object_get(answer, "requests");
	all.list = mem_array(json_array_size(rows) + 1, sizeof *all.list);
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (take_request(
			json_array_get(rows, i), &all.list[all.n++], e) < 0)
			return -1;
	*out = all;
	all = (struct compare_requests){ NULL, 0 };
	return 0;
}

/* *found false: nobody of that account asks. */
static int
look_for(struct self *s, const struct id *uid, unsigned wait_s,
    struct compare_request *out, bool *found, struct err *e)
{
	OWN(compare_requests_free) struct compare_requests all = { NULL, 0 };

	*found = false;
	if (compare_requests(s, wait_s, &all, e) < 0)
		return -1;
	for (size_t i = 0; !*found && i < all.n; i++)
		if (id_equal(&all.list[i].uid, uid)) {
			*out = all.list[i];
			all.list[i].claim = (struct buf){ 0 };
			*found = true;
		}
	return 0;
}

int
compare_wait(struct self *s, const struct id *uid, unsigned wait_s,
    struct compare_request *out, struct err *e)
{
	const int64_t end_ms = now_ms() + wait_s * 1000LL;
	bool found = false;

	for (;;) {
		int64_t left_s = (end_ms - now_ms()) / 1000;
		if (look_for(s, uid,
			left_s > POLL_S ? POLL_S
					: (unsigned)(left_s > 0 ? left_s : 0),
			out, &found, e) < 0)
			return -1;
		if (found)
			return 0;
		if (now_ms() >= end_ms)
			return err_set(
			    e, ERR_CODE_EXPIRED, "nobody asked in time");
		/* Others may ask: they answer each time, at once. */
		(void)sleep(1);
	}
}

static int
allow(struct self *s, const struct id *request, struct err *e)
{
	OWN(buf_free) struct buf path = { 0 };

	buf_printf(&path, COMPARE_PATH "/%s/allow", id_text(request).s);
	return control_call(s->remote, "POST", buf_text(&path), NULL, NULL, e);
}

struct showing {
	struct self *s;
	const struct compare *c;
	const struct compare_request *request;
	struct relay r;
	struct sides x;
};

static void
showing_free(struct showing *g)
{
	relay_free(&g->r);
	sides_free(&g->x);
}

/* The code was right: tell what is held, hear what is held. */
static int
exchange(
    struct showing *g, const struct relay_keys *k, bool *same, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf held = { 0 };
	struct digest mac;
	uint8_t kind;

	relay_confirm(k->confirm_a, k, &mac);
	digest_put(&m, &mac);
	relay_box(k, k->a_to_b, RELAY_OFFER, buf_bytes(&g->x.held), &m);
	if (relay_send(&g->r, RELAY_OFFER, buf_bytes(&m), e) < 0)
		return -1;
	do {
		if (relay_receive(&g->r, &kind, e) < 0)
			return -1;
	} while (kind != RELAY_SIGNED);
	if (relay_unbox(k, k->b_to_a, RELAY_SIGNED, g->r.body, &held, e) < 0)
		return -1;
	struct scan x = scan_of(buf_bytes(&held));
	bool theirs = scan_u8(&x) == 1;
	if (agree(g->s, g->c->with, &g->x,
		&(struct said){
		    buf_bytes(&g->request->claim), bytes_of(x.p, x.n) },
		same, e) < 0)
		return -1;
	*same = *same && theirs;
	uint8_t found = *same;
	buf_clear(&m);
	relay_box(k, k->a_to_b, RELAY_WELCOME, bytes_of(&found, 1), &m);
	return relay_send(&g->r, RELAY_WELCOME, buf_bytes(&m), e);
}

static int
show_codes(struct showing *g, bool *same, struct err *e)
{
	OWN(relay_keys_free) struct relay_keys k = { .label = COMPARE_LABEL };
	const struct compare_request *r = g->request;
	struct pair_code t = { .c = &g->r,
		.ci = buf_bytes(&g->x.ci),
		.request = &r->id,
		.nonce = &r->nonce,
		.ours = buf_bytes(&g->x.ours),
		.theirs = buf_bytes(&r->claim),
		.show = g->c->show,
		.ctx = g->c->ctx,
		.kind = SHOWN_VERIFY };
	bool right;

	if (pair_codes(g->s, &t, &k, &right, e) < 0)
		return -1;
	return right ? exchange(g, &k, same, e)
		     : err_set(e, ERR_WRONG_CODE,
			   "the code was typed wrong %d times; the request is "
			   "over",
			   PAIR_CODES);
}

int
compare_show(struct self *s, const struct compare *c,
    const struct compare_request *r, bool *same, struct err *e)
{
	OWN(showing_free)
	struct showing g = { .s = s,
		.c = c,
		.request = r,
		.r = { .remote = s->remote,
		    .path = COMPARE_PATH,
		    .join = r->id,
		    .side = RELAY_SIDE_TRUSTED,
		    .state = RELAY_ALLOWED,
		    .deadline_ms = now_ms() + c->timeout_s * 1000LL } };

	/* One that another device answers is that device's to end. */
	put_sides(s, c->with, &g.x);
	if (pair_count_fail(s, false, e) < 0 || allow(s, &r->id, e) < 0)
		return -1;
	int rc = show_codes(&g, same, e);
	relay_end(
	    &g.r); /* who asked has all by then, or hears that it is over */
	return rc;
}

/* ---- what follows ---- */

/* The finding is for all devices, and what was verified is so no more. That he
 * began anew stays. */
static int
note_between(struct self *s, const struct people_look *l, const struct err *why,
    struct err *e)
{
	return self_state(s, e) < 0 ||
		alerts_raise(s, &l->person.uid, why, e) < 0 ||
		people_unverify(s, &l->person.uid, e) < 0
	    ? -1
	    : 0;
}

int
compare_settle(struct self *s, const struct people_look *l, bool same,
    struct err *unnoted, struct err *e)
{
	err_clear(unnoted);
	if (same)
		return people_accept(s, l, PERSON_WAY_CODE, e);
	(void)err_set(e, ERR_CONTACT_CHANGED,
	    "the code was right, but what the server shows you and %s of each "
	    "other is not what you have: somebody is in between",
	    l->person.address);
	if (note_between(s, l, e, unnoted) == 0)
		err_clear(unnoted);
	return err_remedy(e,
	    "Tell %s by another way, and send nothing that matters until it is "
	    "clear.",
	    l->person.address);
}
