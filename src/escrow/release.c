/* SPDX-License-Identifier: ISC */
/* release.c: the verbs, each with what must hold. */
#include "escrow/release_in.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define JOURNAL_BYTES (ESCROW_FRAME / 2) /* of one answer to JOURNAL */

/* ---- CREATE, STATE, NONCE, JOURNAL, DROP ---- */

static int
do_create(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	uint8_t sig[SIG_BYTES];

	if (!scan_done(body))
		return release_malformed(e);
	if (!c->w.there) {
		if (release_will_do(c, e) < 0 ||
		    ward_make_key(c->k->wards, &c->w, e) < 0 ||
		    ward_store(c->k->wards, &c->w, e) < 0)
			return -1;
	}
	id_put(&m, &c->w.uid);
	buf_put(&m, c->w.kem_pk, sizeof c->w.kem_pk);
	devkey_sign(c->k->identity, SIG_ESCROW_ACCOUNT, buf_bytes(&m), sig);
	buf_put(out, c->w.kem_pk, sizeof c->w.kem_pk);
	buf_put(out, sig, sizeof sig);
	return 0;
}

static int
do_state(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	struct journal_head head;
	struct escrow_state x = { .there = c->w.there,
		.registered = c->w.registered,
		.circle_seq = c->w.circle_seq,
		.circle_head = c->w.circle_head };

	if (!scan_done(body))
		return release_malformed(e);
	if (journal_shown(c->k->journal, &c->w.uid, c->now_ms, &head, e) < 0)
		return -1;
	x.journal_n = head.n;
	x.journal_head = head.hash;
	if (c->w.there)
		memcpy(x.kem_pk, c->w.kem_pk, sizeof x.kem_pk);
	if (release_order_lives(c)) {
		x.order = c->w.order.id;
		x.order_ends_ms = c->w.order.ends_ms;
	}
	escrow_state_put(out, &x);
	return 0;
}

static int
do_nonce(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	uint8_t nonce[ESCROW_NONCE];

	if (!scan_done(body))
		return release_malformed(e);
	if (release_need_key(c, e) < 0)
		return -1;
	keeper_draw(c->k, &c->w.uid, c->now_ms, nonce);
	buf_put(out, nonce, sizeof nonce);
	return 0;
}

static int
do_journal(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf lines = { 0 };
	uint64_t since = scan_u64(body);
	struct journal_head shown;

	if (!scan_done(body))
		return release_malformed(e);
	if (journal_shown(c->k->journal, &c->w.uid, c->now_ms, &shown, e) < 0 ||
	    journal_lines(
		c->k->journal, &c->w.uid, since, JOURNAL_BYTES, &lines, e) < 0)
		return -1;
	struct scan s = scan_of(buf_bytes(&lines));
	for (; s.n > 0 && since < shown.n; since++)
		buf_put_v16(out, scan_v16(&s));
	return 0;
}

static int
do_drop(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	(void)out;
	if (!scan_done(body))
		return release_malformed(e);
	if (!c->w.known)
		return 0;
	if (c->w.circle_seq > 0 || c->w.destroyed)
		return release_refused(
		    e, "the account has a circle that was verified");
	return release_will_do(c, e) < 0 ? -1
					 : ward_drop(c->k->wards, &c->w, e);
}

/* ---- REGISTER ---- */

static int
check_registration(const struct release_call *c, const struct circle *circle,
    const struct escrow_registration *r, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	const struct member *who = circle_member(circle, &r->dev_id);

	if (who == NULL || !who->active)
		return err_set(e, ERR_NOT_A_MEMBER,
		    "the release key comes from no active device");
	escrow_registration_signed(&c->w.uid, r->release_pk, r->time_ms, &m);
	if (!sig_valid(
		SIG_RELEASE_KEY, who->device.sign_pk, buf_bytes(&m), r->sig))
		return release_refused(
		    e, "the release key is not signed rightly");
	if (c->w.registered && r->time_ms <= c->w.registered_ms)
		return release_refused(e, "a newer release key is registered");
	/* One from the future would keep out each that is made until then. It
	 * is told again, and taken when its time has come; so it is when this
	 * escrow was away for long. */
	return r->time_ms <= c->now_ms + RELEASE_AHEAD_MS
	    ? 0
	    : err_set(e, ERR_CLOCK_WRONG,
		  "the release key was signed by a clock that is ahead");
}

static int
do_register(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	struct bytes list = scan_v32(body);
	struct escrow_registration r;

	(void)out;
	if (escrow_registration_take(body, &r, e) < 0)
		return -1;
	if (!scan_done(body))
		return release_malformed(e);
	release_word(c, "device", id_text(&r.dev_id).s);
	if (release_need_key(c, e) < 0 ||
	    release_take_circle(c, list, &circle, e) < 0 ||
	    release_need_standard(c, &circle, e) < 0)
		return -1;
	if (c->w.registered && r.time_ms == c->w.registered_ms &&
	    release_same(r.release_pk, c->w.release_pk, SIG_PK_BYTES))
		return 0; /* the answer was lost */
	if (check_registration(c, &circle, &r, e) < 0 ||
	    release_will_do(c, e) < 0)
		return -1;
	c->w.registered = true;
	c->w.registered_ms = r.time_ms;
	memcpy(c->w.release_pk, r.release_pk, sizeof r.release_pk);
	return ward_store(c->k->wards, &c->w, e);
}

/* ---- RELEASE ---- */

struct asking {
	struct bytes ask, statement, circle, envelopes;
	uint8_t ask_sig[SIG_BYTES], statement_sig[SIG_BYTES];
	struct escrow_ask a;
	struct escrow_statement s;
};

/* A way of proving, as words have it: the server may not write the rest. */
static bool
is_way(struct bytes way)
{
	for (size_t i = 0; i < way.n; i++)
		if ((way.p[i] < 'a' || way.p[i] > 'z') &&
		    (way.p[i] < '0' || way.p[i] > '9') && way.p[i] != '-')
			return false;
	return true;
}

static int
take_asking(struct scan *body, struct asking *x, struct err *e)
{
	x->ask = scan_v16(body);
	scan_copy(body, x->ask_sig, sizeof x->ask_sig);
	x->statement = scan_v16(body);
	scan_copy(body, x->statement_sig, sizeof x->statement_sig);
	x->circle = scan_v32(body);
	x->envelopes = scan_v32(body);
	if (!scan_done(body))
		return release_malformed(e);
	if (escrow_ask_parse(x->ask, &x->a, e) < 0 ||
	    escrow_statement_parse(x->statement, &x->s, e) < 0)
		return -1;
	return is_way(x->s.way) ? 0 : release_malformed(e);
}

static void
word_asking(struct release_call *c, const struct asking *x)
{
	struct id to = release_recipient_ref(x->a.recipient, NULL);
	char way[33] = { 0 };

	memcpy(way, x->s.way.p, x->s.way.n);
	release_word_id(c, "request", &x->a.request);
	release_word(c, "way", way);
	release_word_id(c, "recipient", &to);
}

/* What the server says it has seen is of this very asking. */
static int
check_statement(
    const struct release_call *c, const struct asking *x, struct err *e)
{
	if (!sig_valid(
		SIG_FACTOR, c->k->server_pk, x->statement, x->statement_sig))
		return release_refused(e, "the statement is not this server's");
	if (!id_equal(&x->s.uid, &x->a.uid) ||
	    !id_equal(&x->s.request, &x->a.request) ||
	    !release_same(x->s.recipient, x->a.recipient, KEM_PK_BYTES))
		return release_refused(e, "the statement is of another asking");
	return release_need_recent(c, x->s.time_ms, e);
}

static int
check_asking(
    const struct release_call *c, const struct asking *x, struct err *e)
{
	struct id_text request = id_text(&x->a.request);
	struct journal_said said = { ESCROW_RELEASE, "request", request.s };
	bool before;

	if (!c->w.registered)
		return release_refused(e, "no release key is registered");
	if (!sig_valid(SIG_RELEASE, c->w.release_pk, x->ask, x->ask_sig))
		return release_refused(
		    e, "it is not signed with the release key");
	if (!keeper_spend(c->k, &c->w.uid, x->a.nonce, c->now_ms))
		return err_set(e, ERR_CODE_EXPIRED,
		    "the nonce is not this escrow's, too old, or used");
	if (release_need_recent(c, x->a.time_ms, e) < 0 ||
	    check_statement(c, x, e) < 0 ||
	    release_need_recipient(x->a.recipient, e) < 0 ||
	    journal_has(c->k->journal, &c->w.uid, &said, &before, e) < 0)
		return -1;
	return before ? release_refused(e, "that was released before") : 0;
}

static int
want(const struct escrow_ask *a, struct release_keys *h, struct err *e)
{
	for (size_t i = 0; i < a->n; i++) {
		if (!category_escrowed(a->categories[i]))
			return err_set(e, ERR_CATEGORY_CLOSED,
			    "the escrow has no key of the category %s",
			    category_name(a->categories[i]));
		h->wanted[a->categories[i]] = true;
	}
	memcpy(h->recipient, a->recipient, sizeof h->recipient);
	return 0;
}

static int
do_release(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	OWN(release_keys_drop) struct release_keys h = { 0 };
	struct asking x;

	if (take_asking(body, &x, e) < 0 || release_meet(c, &x.a.uid, e) < 0)
		return -1;
	word_asking(c, &x);
	if (release_need_clock(c, e) < 0 || release_need_key(c, e) < 0 ||
	    check_asking(c, &x, e) < 0 || want(&x.a, &h, e) < 0 ||
	    release_need_hand_outs_left(c, e) < 0 ||
	    release_take_circle(c, x.circle, &circle, e) < 0 ||
	    release_need_standard(c, &circle, e) < 0 ||
	    release_open_all(c, &circle, x.envelopes, &h, e) < 0)
		return -1;
	release_word_keys(c, &h);
	if (release_will_do(c, e) < 0 || ward_store(c->k->wards, &c->w, e) < 0)
		return -1;
	release_put(c, &x.a.request, &h, out);
	return 0;
}

/* ---- DESTROY ---- */

/* What the account's devices decided last: no escrow, or no account. */
static int
need_end(
    const struct release_call *c, const struct circle *circle, struct err *e)
{
	if (circle->seq == 0 ||
	    (circle->protection != PROTECTION_ADVANCED && !circle->closed))
		return release_refused(
		    e, "the account is under standard protection");
	if (c->w.there && c->w.destroyed &&
	    circle->protection_clock <= c->w.destroyed_clock)
		return release_refused(
		    e, "a key was destroyed for that, and this is a newer one");
	return 0;
}

static int
do_destroy(
    struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	struct bytes list = scan_v32(body);
	char clock[16];

	(void)out;
	if (!scan_done(body))
		return release_malformed(e);
	if (!c->w.known)
		return 0;
	if (release_take_circle(c, list, &circle, e) < 0 ||
	    need_end(c, &circle, e) < 0)
		return -1;
	if (!c->w.there && c->w.destroyed &&
	    circle.protection_clock <= c->w.destroyed_clock)
		return 0;
	(void)snprintf(
	    clock, sizeof clock, "%lu", (unsigned long)circle.protection_clock);
	release_word(c, "clock", clock);
	if (release_will_do(c, e) < 0)
		return -1;
	return ward_destroy(c->k->wards, &c->w, circle.protection_clock, e);
}

/* ---- HELLO, and all of them ---- */

static int
hello(struct keeper *k, struct scan *body, bool *greeted, struct buf *out,
    struct err *e)
{
	struct journal_head head = journal_head(k->journal);
	uint8_t pk[SIG_PK_BYTES];

	scan_copy(body, pk, sizeof pk);
	if (!scan_done(body))
		return release_malformed(e);
	if (keeper_pin(k, pk, e) < 0)
		return -1;
	*greeted = true;
	buf_put(out, k->sign_pk, sizeof k->sign_pk);
	buf_put_u32(out, (uint32_t)k->settings.recovery_wait_s);
	buf_put_u64(out, head.n);
	digest_put(out, &head.hash);
	return 0;
}

static const struct {
	release_fn *run;
	bool names_itself; /* the uid stands in what is asked */
} verbs[ESCROW_VERBS] = {
	[ESCROW_CREATE] = { do_create, false },
	[ESCROW_STATE] = { do_state, false },
	[ESCROW_REGISTER] = { do_register, false },
	[ESCROW_NONCE_ASK] = { do_nonce, false },
	[ESCROW_RELEASE] = { do_release, true },
	[ESCROW_ORDER] = { release_order, false },
	[ESCROW_CANCEL] = { release_cancel, false },
	[ESCROW_COLLECT] = { release_collect, false },
	[ESCROW_DESTROY] = { do_destroy, false },
	[ESCROW_JOURNAL] = { do_journal, false },
	[ESCROW_DROP] = { do_drop, false },
	[ESCROW_DISCLOSE] = { release_disclose, false },
};

static void
call_free(struct release_call *c)
{
	buf_free(&c->detail);
}

static int
run(struct release_call *c, struct scan *body, struct buf *out, struct err *e)
{
	if (!verbs[c->verb].names_itself) {
		struct id uid = id_take(body);
		if (!scan_ok(body))
			return release_malformed(e);
		if (release_meet(c, &uid, e) < 0)
			return -1;
	}
	return verbs[c->verb].run(c, body, out, e);
}

static int
judge(struct release_call *c, struct bytes request, bool *greeted,
    struct buf *out, struct err *e)
{
	struct scan s = scan_of(request);
	uint8_t version = scan_u8(&s), verb = scan_u8(&s);

	if (!scan_ok(&s))
		return release_malformed(e);
	if (version != ESCROW_VERSION)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the escrow does not know version %u of its protocol",
		    (unsigned)version);
	if (verb == ESCROW_HELLO)
		return hello(c->k, &s, greeted, out, e);
	if (verb >= ESCROW_VERBS || verbs[verb].run == NULL)
		return release_malformed(e);
	if (!*greeted && !(c->owner && verb == ESCROW_DISCLOSE))
		return err_set(e, ERR_PERMISSION, "say HELLO first");
	c->verb = (enum escrow_verb)verb;
	int rc = run(c, &s, out, e);
	return rc < 0 && !id_zero(&c->w.uid) ? release_note_refusal(c, e) : rc;
}

void
release_put_error(const struct err *e, struct buf *answer)
{
	OWN(buf_free) struct buf body = { 0 };

	buf_put_u8(&body, 1);
	buf_put_v8(&body, bytes_str(err_name(e->code)));
	buf_put_v16(&body, bytes_str(e->msg));
	buf_put_v32(answer, buf_bytes(&body));
}

/* uid: whose account it is about; zeros: none's. */
static enum err_code
answer_call(struct release_call *c, struct bytes request, bool *greeted,
    struct buf *out, struct id *uid)
{
	OWN(buf_free) struct buf body = { 0 };
	struct err e = { 0 };

	buf_put_u8(&body, 0);
	int rc = judge(c, request, greeted, &body, &e);
	*uid = c->w.uid;
	if (rc < 0) {
		release_put_error(&e, out);
		return e.code;
	}
	assert(body.n <= ESCROW_FRAME);
	buf_put_v32(out, buf_bytes(&body));
	return ERR_NONE;
}

enum err_code
release_answer(struct keeper *k, struct bytes request, bool *greeted,
    uint64_t now_ms, struct buf *answer, struct id *uid)
{
	OWN(call_free)
	struct release_call c = { .k = k, .now_ms = now_ms };

	return answer_call(&c, request, greeted, answer, uid);
}

enum err_code
release_answer_owner(struct keeper *k, struct bytes request, bool *greeted,
    uint64_t now_ms, struct buf *answer, struct id *uid)
{
	OWN(call_free)
	struct release_call c = { .k = k, .now_ms = now_ms, .owner = true };

	return answer_call(&c, request, greeted, answer, uid);
}
