/* SPDX-License-Identifier: ISC */
/* pair_code.c: one code between two devices, shown here or typed here. */
#include "join/pair_in.h"

#include "base/now.h"
#include "vault/cpace.h"

#include <string.h>

#define DAY_MS (24 * 3600 * 1000LL)

int
pair_parse_code(
    struct bytes typed, char out[static PAIR_CODE_DIGITS + 1], struct err *e)
{
	char digits[SHOWN_DIGITS_MAX + 1];

	if (shown_code_parse(SHOWN_PAIR, typed, digits, e) < 0)
		return -1;
	memcpy(out, digits, PAIR_CODE_DIGITS + 1);
	return 0;
}

int
pair_count_fail(struct self *s, bool failed, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	OWN(buf_free) struct buf next = { 0 };

	if (local_get(s->local, "pair-fails", &kept, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&kept));
	int64_t since = (int64_t)scan_u64(&p);
	uint32_t n = scan_u32(&p);
	if (!scan_ok(&p) || now_ms() - since > DAY_MS) {
		since = now_ms();
		n = 0;
	}
	if (!failed)
		return n < PAIR_FAILS_A_DAY
		    ? 0
		    : err_set(e, ERR_TOO_MANY_ATTEMPTS,
			  "%d wrong codes were typed within a day; try again "
			  "tomorrow, or on another trusted device",
			  PAIR_FAILS_A_DAY);
	buf_put_u64(&next, (uint64_t)since);
	buf_put_u32(&next, n + 1);
	return local_put(s->local, "pair-fails", buf_bytes(&next), e);
}

/* The answer to a code that was just shown; it counts for PAIR_CODE_S. */
static int
receive_proof(struct relay *c, struct err *e)
{
	int64_t dead_ms = now_ms() + PAIR_CODE_S * 1000LL;
	int64_t all_ms = c->deadline_ms;
	uint8_t kind;
	int rc;

	if (dead_ms < all_ms)
		c->deadline_ms = dead_ms;
	do {
		rc = relay_receive(c, &kind, e);
	} while (rc == 0 && kind != RELAY_PROOF_B);
	c->deadline_ms = all_ms;
	if (now_ms() >= dead_ms && (rc == 0 || e->code == ERR_CODE_EXPIRED))
		return err_set(e, ERR_CODE_EXPIRED,
		    "a code is good for %d minutes, and they are over",
		    PAIR_CODE_S / 60);
	return rc;
}

int
pair_code_show(
    const struct pair_code *t, struct relay_keys *k, bool *right, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	OWN(secret_free) struct secret *isk = NULL;
	char code[SHOWN_DIGITS_MAX + 1], shown[SHOWN_TEXT_MAX];
	uint8_t ya[CPACE_SHARE], yb[CPACE_SHARE];
	struct digest want, got;
	struct id ra;

	shown_code_draw(t->kind, code);
	id_random(&ra);
	relay_session_id(t->request, t->nonce, &ra, &k->sid);
	OWN(cpace_free)
	struct cpace *cp = cpace_new(CPACE_INITIATOR, bytes_str(code), t->ci,
	    buf_bytes(&k->sid), t->ours);
	cpace_share(cp, NULL, ya);
	id_put(&m, &ra);
	buf_put(&m, ya, sizeof ya);
	buf_put_v16(&m, t->ours);
	if (relay_send(t->c, RELAY_OPEN, buf_bytes(&m), e) < 0)
		return -1;
	shown_code_text(t->kind, code, shown);
	mem_wipe(code, sizeof code);
	t->show(t->ctx, shown);
	mem_wipe(shown, sizeof shown);
	if (receive_proof(t->c, e) < 0)
		return -1;
	struct scan p = scan_of(t->c->body);
	scan_copy(&p, yb, sizeof yb);
	got = digest_take(&p);
	if (!scan_done(&p))
		return relay_malformed(e);
	*right = false;
	if (cpace_finish(cp, yb, t->theirs, &isk, &k->transcript, e) < 0)
		return e->code == ERR_WRONG_CODE ? 0 : -1;
	relay_keys_from(k, isk);
	relay_confirm(k->confirm_b, k, &want);
	*right = digest_equal(&want, &got);
	return 0;
}

int
pair_codes(struct self *s, const struct pair_code *t, struct relay_keys *k,
    bool *right, struct err *e)
{
	*right = false;
	for (int i = 0; i < PAIR_CODES; i++) {
		OWN(relay_keys_free)
		struct relay_keys one = { .label = k->label };
		if (pair_code_show(t, &one, right, e) < 0)
			return -1;
		if (*right) {
			*k = one;
			one = (struct relay_keys){ .label = NULL };
			return 0;
		}
		if (pair_count_fail(s, true, e) < 0 ||
		    relay_send(t->c, RELAY_BURNT, bytes_str(""), e) < 0)
			return -1;
	}
	return 0;
}

int
pair_code_answer(const struct pair_code *t, struct relay_keys *k,
    struct buf *offer, bool *right, struct err *e)
{
	OWN(buf_free) struct buf typed = { 0 };
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf other = { 0 };
	OWN(secret_free) struct secret *isk = NULL;
	char code[SHOWN_DIGITS_MAX + 1];
	uint8_t ya[CPACE_SHARE], yb[CPACE_SHARE], kind;
	struct digest mac, got;

	struct scan s = scan_of(t->c->body);
	struct id ra = id_take(&s);
	scan_copy(&s, ya, sizeof ya);
	buf_put_bytes(&other, scan_v16(&s));
	if (!scan_done(&s))
		return relay_malformed(e);
	if (t->ask(t->ctx, &typed, e) < 0 ||
	    shown_code_parse(t->kind, buf_bytes(&typed), code, e) < 0)
		return -1;
	relay_session_id(t->request, t->nonce, &ra, &k->sid);
	OWN(cpace_free)
	struct cpace *cp = cpace_new(CPACE_RESPONDER, bytes_str(code), t->ci,
	    buf_bytes(&k->sid), t->ours);
	mem_wipe(code, sizeof code);
	cpace_share(cp, NULL, yb);
	if (cpace_finish(cp, ya, buf_bytes(&other), &isk, &k->transcript, e) <
	    0)
		return -1;
	relay_keys_from(k, isk);
	relay_confirm(k->confirm_b, k, &mac);
	buf_put(&m, yb, sizeof yb);
	digest_put(&m, &mac);
	if (relay_send(t->c, RELAY_PROOF_B, buf_bytes(&m), e) < 0)
		return -1;
	do {
		if (relay_receive(t->c, &kind, e) < 0)
			return -1;
	} while (kind != RELAY_OFFER && kind != RELAY_BURNT);
	*right = kind == RELAY_OFFER;
	if (!*right)
		return 0;
	s = scan_of(t->c->body);
	got = digest_take(&s);
	relay_confirm(k->confirm_a, k, &mac);
	if (!scan_ok(&s) || !digest_equal(&mac, &got))
		return err_set(e, ERR_WRONG_CODE,
		    "the other device does not know the code");
	return relay_unbox(
	    k, k->a_to_b, RELAY_OFFER, bytes_of(s.p, s.n), offer, e);
}
