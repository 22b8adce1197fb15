/* SPDX-License-Identifier: ISC */
/* pair_join.c: the new device's side of pairing. */
#include "join/pair_in.h"

#include "base/file.h"
#include "base/now.h"
#include "client/chain.h"
#include "client/self_devices.h"
#include "client/self_zones.h"
#include "join/entering.h"
#include "join/newcomer.h"
#include "link/depot_remote.h"

#include <stdlib.h>

struct entrant {
	const struct pair_join *a;
	struct newcomer me;
	struct depot *depot;
	struct relay c;
	bool key; /* a security key was proven before */
	bool signed_add; /* so that the other side can let it in */
	/* What the trusted device vouched for. */
	struct digest circle_id, head;
	uint32_t seq;
	struct buf entries; /* v16 each, up to the ADD of this device */
	struct circle circle;
};

static void
entrant_free(struct entrant *n)
{
	relay_free(&n->c);
	depot_free(&n->depot);
	newcomer_free(&n->me);
	buf_free(&n->entries);
	circle_free(&n->circle);
}

/* Answer one code; *right when the trusted device's offer came back. */
static int
answer_code(struct entrant *n, struct relay_keys *k, struct buf *offer,
    bool *right, struct err *e)
{
	OWN(buf_free) struct buf ci = { 0 };

	relay_channel_id(n->me.host, &n->me.uid, &ci);
	struct pair_code t = { .c = &n->c,
		.ci = buf_bytes(&ci),
		.request = &n->c.join,
		.nonce = &n->me.nonce,
		.ours = buf_bytes(&n->me.record),
		.theirs = bytes_str(""),
		.ask = n->a->ask,
		.ctx = n->a->ctx };
	return pair_code_answer(&t, k, offer, right, e);
}

/* The circle differs from the vouched one: in a part, or is it another? */
static int
differs(const struct entrant *n, bool ours, enum err_code code, const char *how,
    struct err *e)
{
	if (!ours && n->circle.seq > 0)
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the server's list of devices does not begin as that of "
		    "the trusted device");
	return err_set(e, code, "the server's list of devices %s", how);
}

/* The circle must be whole and end in exactly the vouched head. */
static int
fetch_circle(struct entrant *n, bool with_add, struct err *e)
{
	OWN(buf_free) struct buf all = { 0 };
	uint32_t until = n->seq + (with_add ? 1 : 0);
	bool ours = false;

	if (n->depot->ops->circle(n->depot, 0, &all, e) < 0)
		return -1;
	circle_free(&n->circle);
	buf_clear(&n->entries);
	struct scan s = scan_of(buf_bytes(&all));
	while (s.n > 0 && n->circle.seq < until) {
		struct bytes entry = scan_v16(&s);
		if (!scan_ok(&s))
			return err_set(e, ERR_CIRCLE_INVALID,
			    "the list of devices was cut short");
		if (circle_apply(&n->circle, entry, e) < 0)
			return e->code == ERR_CONFLICT
			    ? differs(n, ours, ERR_CIRCLE_ROLLED_BACK,
				  "lacks an entry", e)
			    : -1;
		ours |= digest_equal(&n->circle.circle_id, &n->circle_id);
		if (!id_equal(&n->circle.uid, &n->me.uid))
			return err_set(e, ERR_CIRCLE_NOT_YOURS,
			    "the list of devices is another account's");
		buf_put_v16(&n->entries, entry);
		if (n->circle.seq == n->seq &&
		    !digest_equal(&n->circle.head, &n->head))
			return differs(n, ours, ERR_CIRCLE_FORKED,
			    "is not the one the trusted device vouched for", e);
	}
	if (n->circle.seq < until)
		return differs(n, ours, ERR_CIRCLE_ROLLED_BACK,
		    "is shorter than the one the trusted device vouched for",
		    e);
	if (!with_add && !digest_equal(&n->circle.circle_id, &n->circle_id))
		return differs(n, false, ERR_CIRCLE_NOT_YOURS, "", e);
	return chain_in_time(&n->circle, e);
}

/* Check what is offered, and sign it. */
static int
sign_offer(
    struct entrant *n, struct relay_keys *k, struct bytes offer, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf whole = { 0 };
	struct circle_sig none = { .kind = 1 };
	uint8_t sig[SIG_BYTES];
	struct entry_view v;

	struct scan s = scan_of(offer);
	struct id uid = id_take(&s);
	n->circle_id = digest_take(&s);
	n->seq = scan_u32(&s);
	n->head = digest_take(&s);
	struct bytes unsigned_add = scan_v16(&s);
	if (!scan_done(&s))
		return relay_malformed(e);
	if (!id_equal(&uid, &n->me.uid))
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the trusted device is of another account");
	if (fetch_circle(n, false, e) < 0)
		return -1;
	if (n->circle.keys_only && !n->key)
		return err_set(e, ERR_FACTOR_STRIPPED,
		    "the account's devices have agreed that only a security "
		    "key counts, and the server asked for none");
	/* Parsed like any entry, with a signature that does not count. */
	buf_put_bytes(&whole, unsigned_add);
	circle_entry_end(&whole, &none, 1);
	if (circle_entry_parse(buf_bytes(&whole), &v, e) < 0)
		return -1;
	if (v.type != CIRCLE_ADD || v.seq != n->seq + 1 ||
	    !digest_equal(&v.prev, &n->head) || !id_equal(&v.uid, &n->me.uid) ||
	    !bytes_equal(v.body, buf_bytes(&n->me.record)))
		return err_set(e, ERR_CIRCLE_INVALID,
		    "the entry to sign does not add this device to that list");
	devkey_sign(n->me.key, SIG_CIRCLE, unsigned_add, sig);
	relay_box(k, k->b_to_a, RELAY_SIGNED, bytes_of(sig, sizeof sig), &m);
	n->signed_add = true;
	return relay_send(&n->c, RELAY_SIGNED, buf_bytes(&m), e);
}

/* Sign until the welcome comes. */
static int
be_let_in(struct entrant *n, struct relay_keys *k, struct buf *offer,
    struct buf *heads, struct err *e)
{
	uint8_t kind = RELAY_OFFER;

	for (;;) {
		if (kind == RELAY_WELCOME)
			return relay_unbox(
			    k, k->a_to_b, RELAY_WELCOME, n->c.body, heads, e);
		if (kind == RELAY_OFFER &&
		    sign_offer(n, k, buf_bytes(offer), e) < 0)
			return -1;
		if (relay_receive(&n->c, &kind, e) < 0)
			return -1;
		if (kind == RELAY_OFFER) {
			struct scan s = scan_of(n->c.body);
			(void)digest_take(&s);
			buf_clear(offer);
			if (relay_unbox(k, k->a_to_b, RELAY_OFFER,
				bytes_of(s.p, s.n), offer, e) < 0)
				return -1;
		}
	}
}

/* No zone may be older than what the trusted device has seen. */
static int
check_heads(struct self *s, struct scan *p, struct err *e)
{
	uint16_t n = scan_u16(p);

	for (uint16_t i = 0; i < n; i++) {
		OWN(zcopy_free) struct zcopy *z = NULL;
		uint8_t c = scan_u8(p);
		struct id zone = id_take(p);
		uint64_t seq = scan_u64(p);
		struct digest hash = digest_take(p);
		if (!scan_ok(p) || !category_known(c))
			return relay_malformed(e);
		if (zcopy_open(&s->writer,
			&(struct zcopy_of){
			    s->local, s->depot, &zone, (enum category)c },
			&z, e) < 0)
			return -1;
		zcopy_expect(z, seq, &hash);
		if (zcopy_pull(z, e) < 0)
			return -1;
	}
	return scan_done(p) ? 0 : relay_malformed(e);
}

static int
settle_in(struct entrant *n, struct bytes welcome_plain, struct err *e)
{
	const struct pair_join *a = n->a;
	struct scan p = scan_of(welcome_plain);
	struct bytes name = scan_v8(&p);
	OWN(self_free) struct self *s = NULL;
	OWN(buf_free) struct buf text = { 0 };

	buf_put_bytes(&text, name);
	if (fetch_circle(n, true, e) < 0)
		return -1;
	if (!circle_active(&n->circle, &n->me.device.dev_id))
		return err_set(e, ERR_CIRCLE_INVALID,
		    "the server's list of devices lacks this device");
	struct self_account account = { a->url, buf_text(&text), n->me.host,
		buf_bytes(&n->entries), bytes_str("") };
	if (self_save_account(a->dir, &account, e) < 0 ||
	    home_write_key(
		a->dir, &n->me.uid, &n->me.device.dev_id, n->me.key, e) < 0 ||
	    self_open(a->dir, &s, e) < 0 || self_connect(s, e) < 0 ||
	    check_heads(s, &p, e) < 0 || self_state(s, e) < 0)
		return -1;
	return self_put_name(
	    s, &n->me.device.dev_id, &n->me.opening, a->device_name, e);
}

/* Answer one code, and come in when it is right. */
static int
prove_once(struct entrant *n, bool *right, struct err *e)
{
	OWN(relay_keys_free) struct relay_keys k = { 0 };
	OWN(buf_free) struct buf offer = { 0 };
	OWN(buf_free) struct buf heads = { 0 };
	uint8_t kind;

	do {
		if (relay_receive(&n->c, &kind, e) < 0)
			return -1;
	} while (kind != RELAY_OPEN);
	if (answer_code(n, &k, &offer, right, e) < 0)
		return -1;
	if (!*right)
		return 0;
	return be_let_in(n, &k, &offer, &heads, e) < 0
	    ? -1
	    : settle_in(n, buf_bytes(&heads), e);
}

/* Answer codes until one is right. */
static int
prove(struct entrant *n, struct err *e)
{
	for (;;) {
		bool right = false;
		if (prove_once(n, &right, e) < 0)
			return -1;
		if (right)
			return 0;
		if (!n->a->again)
			return err_set(
			    e, ERR_WRONG_CODE, "the code is wrong, and burnt");
	}
}

/* Nobody should be asked about what nobody waits for, and no device stay in
 * the list that is none. */
static void
give_up(struct entrant *n)
{
	bool left = false;

	if (n->signed_add && !home_has_key(n->a->dir)) {
		entering_end(n->a->dir, &left);
		return;
	}
	relay_cancel(n->me.remote, &n->c.join);
	entering_forget(n->a->dir);
}

/* The request is open and the devices are asked. */
static int
go_in(struct entrant *n, struct err *e)
{
	const struct pair_join *a = n->a;

	n->depot = depot_remote_new(n->me.remote);
	n->c.join = n->me.join;
	n->c.remote = n->me.remote;
	n->c.side = RELAY_SIDE_NEW;
	n->c.deadline_ms = now_ms() + a->timeout_s * 1000LL;
	if (a->waiting != NULL)
		a->waiting(a->ctx);
	if (prove(n, e) == 0)
		return 0;
	give_up(n);
	return -1;
}

int
pair_ask(const struct pair_join *a, const struct newcomer_ask *ask,
    struct newcomer *me, json_t **answer, struct err *e)
{
	bool left;

	entering_end(a->dir, &left);
	if (left && a->left != NULL)
		a->left(a->ctx);
	return newcomer_request(ask, me, answer, e) < 0
	    ? -1
	    : entering_note(a->dir, a->url, me, e);
}

int
pair_join(const struct pair_join *a, struct err *e)
{
	OWN(entrant_free) struct entrant n = { .a = a };
	OWN(jsonio_free) json_t *answer = NULL;
	struct newcomer_ask ask = { .dir = a->dir,
		.url = a->url,
		.name = a->name,
		.device_name = a->device_name,
		.with = "device",
		.password = a->password };

	OWN(fd_close) int lock = -1;

	if (home_enter(a->dir, &lock, e) < 0)
		return -1;
	if (home_has_key(a->dir))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in at %s", a->dir);
	return pair_ask(a, &ask, &n.me, &answer, e) < 0 ? -1 : go_in(&n, e);
}

int
pair_prompt(const struct pair_join *a, struct newcomer *me, struct err *e)
{
	OWN(entrant_free) struct entrant n = { .a = a };
	OWN(buf_free) struct buf path = { 0 };

	n.key = true;
	n.me = *me;
	*me = (struct newcomer){ .key = NULL };
	buf_printf(&path, "/v1/joins/%s/prompt", id_text(&n.me.join).s);
	if (control_call(n.me.remote, "POST", buf_text(&path), NULL, NULL, e) <
	    0) {
		relay_cancel(n.me.remote, &n.me.join);
		return -1;
	}
	return go_in(&n, e);
}

/* ---- in steps ---- */

#define TRY_S 120 /* the other side answers by itself */

struct pair_entry {
	struct entrant n;
	struct pair_join a;
	struct bytes code;
};

static int
give_code(void *ctx, struct buf *code, struct err *e)
{
	const struct pair_entry *p = ctx;

	(void)e;
	buf_put_bytes(code, p->code);
	return 0;
}

struct pair_entry *
pair_entry_new(const struct pair_join *a, struct newcomer *me, bool key)
{
	struct pair_entry *p = mem_new(sizeof *p);

	p->a = *a;
	p->a.ask = give_code;
	p->a.ctx = p;
	p->n.a = &p->a;
	p->n.key = key;
	p->n.me = *me;
	*me = (struct newcomer){ .key = NULL };
	p->n.depot = depot_remote_new(p->n.me.remote);
	p->n.c.join = p->n.me.join;
	p->n.c.remote = p->n.me.remote;
	p->n.c.side = RELAY_SIDE_NEW;
	return p;
}

void
pair_entry_free(struct pair_entry **p)
{
	if (*p != NULL)
		entrant_free(&(*p)->n);
	free(*p);
	*p = NULL;
}

struct remote *
pair_entry_remote(struct pair_entry *p)
{
	return p->n.me.remote;
}

void
pair_entry_cancel(struct pair_entry *p)
{
	relay_cancel(p->n.me.remote, &p->n.c.join);
}

int
pair_entry_look(struct pair_entry *p, bool *allowed, struct err *e)
{
	if (relay_look(&p->n.c, e) < 0)
		return -1;
	*allowed = p->n.c.state == RELAY_ALLOWED;
	return 0;
}

int
pair_entry_try(struct pair_entry *p, struct bytes code, struct err *e)
{
	char digits[PAIR_CODE_DIGITS + 1];
	bool right = false;

	if (pair_parse_code(code, digits, e) < 0)
		return -1;
	mem_wipe(digits, sizeof digits);
	p->code = code;
	p->n.c.deadline_ms = now_ms() + TRY_S * 1000LL;
	if (prove_once(&p->n, &right, e) < 0)
		return -1;
	return right ? 0
		     : err_set(e, ERR_WRONG_CODE,
			   "the code is wrong, and burnt; the other device "
			   "shows a new one");
}
