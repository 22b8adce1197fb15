/* SPDX-License-Identifier: ISC */
/* release.c: the verbs, each with what must hold. */
#include "escrow/release.h"

#include "base/text.h"
#include "vault/keyring.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#define HOUR_MS (3600 * 1000ULL)
#define DAY_MS (24 * HOUR_MS)
#define JOURNAL_BYTES (ESCROW_FRAME / 2) /* of one answer to JOURNAL */
#define LINE_ROOM 1024 /* a line of the journal fits */
#define HAND_OUTS (JOURNAL_VERB(ESCROW_RELEASE) | JOURNAL_VERB(ESCROW_COLLECT))

/* One request. */
struct call {
	struct keeper *k;
	uint64_t now_ms;
	enum escrow_verb verb;
	struct ward w; /* of the account; uid zeros before it is known */
	struct buf detail; /* words of the journal's line */
	struct journal_head head; /* the account's, once the line is written */
	struct journal_head shown; /* the same, as far as its owner is told */
	bool owner; /* who runs the escrow asks */
};

static int
refused(struct err *e, const char *why)
{
	return err_set(e, ERR_RELEASE_REFUSED, "%s", why);
}

static int
malformed(struct err *e)
{
	return err_set(e, ERR_BAD_REQUEST, "the request is not well-formed");
}

static bool
same(const uint8_t *a, const uint8_t *b, size_t n)
{
	return bytes_equal(bytes_of(a, n), bytes_of(b, n));
}

/* ---- the journal ---- */

/* Append "word=value" to the line's detail. */
static void
word(struct call *c, const char *name, const char *value)
{
	buf_printf(
	    &c->detail, "%s%s=%s", c->detail.n > 0 ? " " : "", name, value);
}

static void
word_id(struct call *c, const char *name, const struct id *id)
{
	word(c, name, id_text(id).s);
}

/* A text of people, in quotes that it cannot end itself. */
static void
word_quoted(struct call *c, const char *name, struct bytes text)
{
	buf_printf(&c->detail, "%s%s=\"", c->detail.n > 0 ? " " : "", name);
	for (size_t i = 0; i < text.n; i++)
		buf_put_u8(&c->detail, text.p[i] == '"' ? '\'' : text.p[i]);
	buf_put_str(&c->detail, "\"");
}

/* How a line names a recipient: the first 16 bytes of SHA-256 of its keys. */
static struct id
recipient_ref(
    const uint8_t kem_pk[static CIRCLE_KEM_BYTES], const uint8_t *sign_pk)
{
	OWN(buf_free) struct buf keys = { 0 };
	struct digest d;
	struct id ref;

	buf_put(&keys, kem_pk, CIRCLE_KEM_BYTES);
	if (sign_pk != NULL)
		buf_put(&keys, sign_pk, SIG_PK_BYTES);
	digest_of(buf_bytes(&keys), &d);
	memcpy(ref.b, d.b, ID_BYTES);
	return ref;
}

static int
write_line(struct call *c, enum escrow_outcome outcome, struct err *e)
{
	struct journal_event x = { .uid = c->w.uid,
		.time_ms = c->now_ms,
		.verb = c->verb,
		.outcome = outcome,
		.detail = buf_bytes(&c->detail) };

	return journal_add(c->k->journal, c->k->identity, &x, &c->head, e);
}

/* From here on it is done, or a crash came between. */
static int
will_do(struct call *c, struct err *e)
{
	if (write_line(c, ESCROW_WILL_DO, e) < 0)
		return -1;
	c->w.journal_n = c->head.n;
	return journal_shown(c->k->journal, &c->w.uid, c->now_ms, &c->shown, e);
}

/* Is it a rule that stood against it, and not the machine or the form? */
static bool
is_refusal(enum err_code code)
{
	switch (code) {
	case ERR_BAD_REQUEST:
	case ERR_TOO_LARGE:
	case ERR_IO:
	case ERR_DISK_FULL_HERE:
	case ERR_INTERNAL:
	case ERR_STATE_DAMAGED:
	case ERR_RECORD_CORRUPT:
	case ERR_JOURNAL_ROLLED_BACK:
		return false;
	default:
		return true;
	}
}

/* Nothing is written of accounts that this escrow has never had. */
static int
note_refusal(struct call *c, struct err *e)
{
	const struct journal *j = c->k->journal;
	uint64_t since = c->now_ms > HOUR_MS ? c->now_ms - HOUR_MS : 0;
	unsigned all = (1u << ESCROW_VERBS) - 1;
	struct err failed = { 0 };

	if (!is_refusal(e->code) ||
	    (!c->w.known && journal_account(j, &c->w.uid).n == 0) ||
	    journal_count(j, &c->w.uid, all, ESCROW_REFUSED, since) >=
		RELEASE_REFUSALS)
		return -1;
	word(c, "code", err_name(e->code));
	if (write_line(c, ESCROW_REFUSED, &failed) < 0)
		*e = failed;
	return -1;
}

/* ---- what must hold ---- */

static int
meet(struct call *c, const struct id *uid, struct err *e)
{
	if (id_zero(uid))
		return malformed(e);
	c->w.uid = *uid;
	if (ward_load(c->k->wards, uid, &c->w, e) < 0)
		return -1;
	if (journal_account(c->k->journal, uid).n < c->w.journal_n)
		return err_set(e, ERR_JOURNAL_ROLLED_BACK,
		    "the escrow's journal lacks lines of this account");
	return 0;
}

static int
need_key(const struct call *c, struct err *e)
{
	return c->w.there ? 0
			  : err_set(e, ERR_NOT_FOUND,
				"the escrow has no key of this account");
}

/* A clock that was turned back would make waits and limits begin anew. */
static int
need_clock(const struct call *c, struct err *e)
{
	return c->now_ms >= journal_last_ms(c->k->journal)
	    ? 0
	    : err_set(e, ERR_CLOCK_WRONG,
		  "the escrow's clock is behind its own journal");
}

static int
need_recent(const struct call *c, uint64_t time_ms, struct err *e)
{
	uint64_t off =
	    time_ms > c->now_ms ? time_ms - c->now_ms : c->now_ms - time_ms;

	return off <= RELEASE_SKEW_MS
	    ? 0
	    : err_set(e, ERR_CLOCK_WRONG,
		  "the clocks of the escrow and of who asks it differ too "
		  "much");
}

/* A point of small order has no secret to share: nothing can be sealed to it. */
static int
need_recipient(const uint8_t kem_pk[static CIRCLE_KEM_BYTES], struct err *e)
{
	static const uint8_t any[crypto_scalarmult_SCALARBYTES] = { 1 };
	uint8_t shared[crypto_scalarmult_BYTES];

	return crypto_scalarmult(shared, any, kem_pk) == 0
	    ? 0
	    : err_set(e, ERR_BAD_REQUEST, "the recipient's key is none");
}

/* The account chose standard protection, this escrow, and the key it has. */
static int
need_standard(const struct call *c, const struct circle *circle, struct err *e)
{
	if (circle->seq == 0 || circle->closed ||
	    circle->protection != PROTECTION_STANDARD)
		return refused(
		    e, "the account is not under standard protection");
	if (!same(circle->escrow.sign_pk, c->k->sign_pk, SIG_PK_BYTES) ||
	    !same(circle->escrow.kem_pk, c->w.kem_pk, CIRCLE_KEM_BYTES))
		return err_set(e, ERR_ESCROW_CHANGED,
		    "the account's devices chose another escrow, or an older "
		    "key of this one");
	if (c->w.destroyed && circle->protection_clock <= c->w.destroyed_clock)
		return refused(e, "the key was destroyed after that");
	return 0;
}

/* Only whom an order was carried out for may begin the circle anew. */
static int
check_reset(const struct call *c, const struct entry_view *v, struct err *e)
{
	struct scan s = scan_of(v->body);
	struct device d;
	bool collected;

	if (device_take(&s, &d, e) < 0)
		return -1;
	struct id ref = recipient_ref(d.kem_pk, d.sign_pk);
	if (journal_has(c->k->journal, &c->w.uid, ESCROW_COLLECT, "device",
		id_text(&ref).s, &collected, e) < 0)
		return -1;
	return collected
	    ? 0
	    : refused(e,
		  "the circle was begun anew, and by no device that an "
		  "operator's order was carried out for");
}

static int
take_entry(const struct call *c, struct bytes entry, uint32_t known,
    struct circle *circle, struct buf *fresh, struct err *e)
{
	struct entry_view v;
	struct digest hash;

	if (circle_entry_parse(entry, &v, e) < 0)
		return -1;
	if (!id_equal(&v.uid, &c->w.uid))
		return err_set(e, ERR_CIRCLE_INVALID,
		    "the circle belongs to another account");
	if (v.seq <= known) {
		digest_of(entry, &hash);
		const struct digest *was = circle_hash_at(circle, v.seq);
		return was != NULL && digest_equal(&hash, was)
		    ? 0
		    : err_set(e, ERR_CIRCLE_FORKED,
			  "the escrow has verified another entry %u",
			  (unsigned)v.seq);
	}
	if (v.seq > circle->seq + 1)
		return err_set(e, ERR_CONFLICT,
		    "the escrow knows the circle up to entry %u",
		    (unsigned)circle->seq);
	if (v.seq == circle->seq + 1 && !digest_equal(&v.prev, &circle->head))
		return err_set(e, ERR_CIRCLE_FORKED,
		    "entry %u does not follow what the escrow has verified",
		    (unsigned)v.seq);
	if ((v.type == CIRCLE_RESET && check_reset(c, &v, e) < 0) ||
	    circle_apply(circle, entry, e) < 0)
		return -1;
	buf_put_v16(fresh, entry);
	return 0;
}

/*
 * What was verified before, and after it what is given: from the next entry on,
 * or from any that is known. What is new is kept, whatever comes of the
 * request: it cannot be taken back.
 */
static int
take_circle(
    struct call *c, struct bytes list, struct circle *circle, struct err *e)
{
	OWN(buf_free) struct buf fresh = { 0 };
	struct scan s = scan_of(list);
	uint32_t known = c->w.circle_seq, given = known;

	if (ward_circle(c->k->wards, &c->w, circle, e) < 0)
		return -1;
	while (s.n > 0) {
		struct bytes entry = scan_v16(&s);
		struct entry_view v;
		if (!scan_ok(&s))
			return malformed(e);
		if (take_entry(c, entry, known, circle, &fresh, e) < 0 ||
		    circle_entry_parse(entry, &v, e) < 0)
			return -1;
		given = v.seq;
	}
	if (given < known)
		return err_set(e, ERR_CIRCLE_ROLLED_BACK,
		    "the escrow has verified the circle up to entry %u, and is "
		    "shown one that ends at %u",
		    (unsigned)known, (unsigned)given);
	return fresh.n == 0
	    ? 0
	    : ward_extend(c->k->wards, &c->w, circle, buf_bytes(&fresh), e);
}

static int
need_below(size_t n, uint64_t limit, const char *what, struct err *e)
{
	return n < limit ? 0
			 : err_set(e, ERR_TOO_MANY_ATTEMPTS,
			       "the escrow does not take more than %llu %s",
			       (unsigned long long)limit, what);
}

static int
need_hand_outs_left(const struct call *c, struct err *e)
{
	const struct journal *j = c->k->journal;
	const struct settings *s = &c->k->settings;
	uint64_t since = c->now_ms > HOUR_MS ? c->now_ms - HOUR_MS : 0;

	if (need_below(
		journal_count(j, &c->w.uid, HAND_OUTS, ESCROW_WILL_DO, since),
		s->releases_per_hour, "releases an hour of one account", e) < 0)
		return -1;
	return need_below(
	    journal_count_all(j, HAND_OUTS, ESCROW_WILL_DO, since),
	    s->releases_per_hour_total, "releases an hour", e);
}

/* ---- keys that are handed out ---- */

struct hand_out {
	uint8_t recipient[CIRCLE_KEM_BYTES];
	bool wanted[CATEGORY_END];
	struct buf keys; /* as in `released` */
	uint16_t n;
	struct {
		uint8_t category;
		uint32_t epoch;
	} * done;
	struct secret *names[CATEGORY_END]; /* of the newest epoch given */
	uint32_t names_epoch[CATEGORY_END];
	bool part; /* what does not open is passed over */
	uint32_t closed; /* that did not */
};

static void
hand_out_drop(struct hand_out *h)
{
	buf_free(&h->keys);
	mem_free(&h->done);
	for (size_t i = 0; i < CATEGORY_END; i++)
		secret_free(&h->names[i]);
}

static void
put_key(struct hand_out *h, uint8_t kind, uint8_t category, uint32_t epoch,
    const struct secret *key)
{
	OWN(buf_free) struct buf sealed = { 0 };
	struct escrow_key x = {
		.kind = kind, .category = category, .epoch = epoch
	};

	devkey_seal(h->recipient, secret_bytes(key), &sealed);
	x.sealed = buf_bytes(&sealed);
	escrow_key_put(&h->keys, &x);
	h->n++;
}

/* One K of each epoch, the first that is given. */
static void
put_category_key(struct hand_out *h, uint8_t category, uint32_t epoch,
    const struct secret *k)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->done[i].category == category &&
		    h->done[i].epoch == epoch)
			return;
	h->done[h->n].category = category;
	h->done[h->n].epoch = epoch;
	put_key(h, ESCROW_KIND_CATEGORY, category, epoch, k);
}

static int
open_one(const struct circle *circle, const struct devkey *account,
    struct bytes envelope, struct hand_out *h, struct err *e)
{
	OWN(secret_free) struct secret *key = NULL;
	enum category category;
	uint32_t epoch;
	bool names;

	if (keyring_escrow_open(envelope, circle, account, &category, &epoch,
		&names, &key, e) < 0) {
		h->closed++;
		return h->part ? 0 : -1;
	}
	if (!h->wanted[category])
		return 0;
	if (!names) {
		put_category_key(h, (uint8_t)category, epoch, key);
	} else if (epoch > h->names_epoch[category]) {
		secret_free(&h->names[category]);
		h->names[category] = TAKE(key);
		h->names_epoch[category] = epoch;
	}
	return 0;
}

/* Everything wanted that the envelopes hold, sealed to the recipient. */
static int
open_all(const struct call *c, const struct circle *circle, struct bytes list,
    struct hand_out *h, struct err *e)
{
	OWN(devkey_free) struct devkey *account = NULL;
	struct scan s = scan_of(list);
	size_t n = 0;

	if (ward_key(c->k->wards, &c->w, &account, e) < 0)
		return -1;
	h->done = mem_array(ESCROW_KEYS, sizeof *h->done);
	while (s.n > 0) {
		struct bytes envelope = scan_v16(&s);
		if (!scan_ok(&s))
			return malformed(e);
		if (++n > ESCROW_KEYS - CATEGORY_END)
			return err_set(e, ERR_TOO_LARGE,
			    "more than %d key envelopes are given",
			    ESCROW_KEYS - CATEGORY_END);
		if (open_one(circle, account, envelope, h, e) < 0)
			return -1;
	}
	for (unsigned i = 0; i < CATEGORY_END; i++)
		if (h->names[i] != NULL)
			put_key(
			    h, ESCROW_KIND_NAMES, (uint8_t)i, 0, h->names[i]);
	return 0;
}

static void
word_hand_out(struct call *c, const struct hand_out *h)
{
	OWN(buf_free) struct buf list = { 0 };
	char n[16];

	for (unsigned i = 0; i < CATEGORY_END; i++)
		if (h->wanted[i])
			buf_printf(&list, "%s%s", list.n > 0 ? "," : "",
			    category_name(i));
	word(c, "categories", buf_text(&list));
	(void)snprintf(n, sizeof n, "%u", (unsigned)h->n);
	word(c, "keys", n);
}

static void
put_released(const struct call *c, const struct id *request,
    const struct hand_out *h, struct buf *out)
{
	struct escrow_released r = { .uid = c->w.uid,
		.request = *request,
		.journal_n = c->shown.n,
		.journal_head = c->shown.hash,
		.n = h->n };
	uint8_t sig[SIG_BYTES];
	size_t from = out->n;

	memcpy(r.recipient, h->recipient, sizeof r.recipient);
	escrow_released_begin(out, &r);
	buf_put_bytes(out, buf_bytes(&h->keys));
	devkey_sign(c->k->identity, SIG_ESCROW_RELEASED,
	    bytes_of(out->p + from, out->n - from), sig);
	buf_put(out, sig, sizeof sig);
}

/* ---- CREATE, STATE, NONCE, JOURNAL, DROP ---- */

static int
do_create(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	uint8_t sig[SIG_BYTES];

	if (!scan_done(body))
		return malformed(e);
	if (!c->w.there) {
		if (will_do(c, e) < 0 ||
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

static bool
order_lives(const struct call *c)
{
	const struct ward_order *o = &c->w.order;

	return (o->state == WARD_ORDER_WAITS ||
		   o->state == WARD_ORDER_COLLECTED) &&
	    c->now_ms <= o->ends_ms + RELEASE_COLLECT_MS;
}

static int
do_state(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	struct journal_head head;
	struct escrow_state x = { .there = c->w.there,
		.registered = c->w.registered,
		.circle_seq = c->w.circle_seq,
		.circle_head = c->w.circle_head };

	if (!scan_done(body))
		return malformed(e);
	if (journal_shown(c->k->journal, &c->w.uid, c->now_ms, &head, e) < 0)
		return -1;
	x.journal_n = head.n;
	x.journal_head = head.hash;
	if (c->w.there)
		memcpy(x.kem_pk, c->w.kem_pk, sizeof x.kem_pk);
	if (order_lives(c)) {
		x.order = c->w.order.id;
		x.order_ends_ms = c->w.order.ends_ms;
	}
	escrow_state_put(out, &x);
	return 0;
}

static int
do_nonce(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	uint8_t nonce[ESCROW_NONCE];

	if (!scan_done(body))
		return malformed(e);
	if (need_key(c, e) < 0)
		return -1;
	keeper_draw(c->k, &c->w.uid, c->now_ms, nonce);
	buf_put(out, nonce, sizeof nonce);
	return 0;
}

static int
do_journal(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(buf_free) struct buf lines = { 0 };
	uint64_t since = scan_u64(body);
	struct journal_head shown;

	if (!scan_done(body))
		return malformed(e);
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
do_drop(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	(void)out;
	if (!scan_done(body))
		return malformed(e);
	if (!c->w.known)
		return 0;
	if (c->w.circle_seq > 0 || c->w.destroyed)
		return refused(e, "the account has a circle that was verified");
	return will_do(c, e) < 0 ? -1 : ward_drop(c->k->wards, &c->w, e);
}

/* ---- REGISTER ---- */

static int
check_registration(const struct call *c, const struct circle *circle,
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
		return refused(e, "the release key is not signed rightly");
	if (c->w.registered && r->time_ms <= c->w.registered_ms)
		return refused(e, "a newer release key is registered");
	return need_recent(c, r->time_ms, e);
}

static int
do_register(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	struct bytes list = scan_v32(body);
	struct escrow_registration r;

	(void)out;
	if (escrow_registration_take(body, &r, e) < 0)
		return -1;
	if (!scan_done(body))
		return malformed(e);
	word(c, "device", id_text(&r.dev_id).s);
	if (need_key(c, e) < 0 || take_circle(c, list, &circle, e) < 0 ||
	    need_standard(c, &circle, e) < 0)
		return -1;
	if (c->w.registered && r.time_ms == c->w.registered_ms &&
	    same(r.release_pk, c->w.release_pk, SIG_PK_BYTES))
		return 0; /* the answer was lost */
	if (check_registration(c, &circle, &r, e) < 0 || will_do(c, e) < 0)
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
		return malformed(e);
	if (escrow_ask_parse(x->ask, &x->a, e) < 0 ||
	    escrow_statement_parse(x->statement, &x->s, e) < 0)
		return -1;
	return is_way(x->s.way) ? 0 : malformed(e);
}

static void
word_asking(struct call *c, const struct asking *x)
{
	struct id to = recipient_ref(x->a.recipient, NULL);
	char way[33] = { 0 };

	memcpy(way, x->s.way.p, x->s.way.n);
	word_id(c, "request", &x->a.request);
	word(c, "way", way);
	word_id(c, "recipient", &to);
}

/* What the server says it has seen is of this very asking. */
static int
check_statement(const struct call *c, const struct asking *x, struct err *e)
{
	if (!sig_valid(
		SIG_FACTOR, c->k->server_pk, x->statement, x->statement_sig))
		return refused(e, "the statement is not this server's");
	if (!id_equal(&x->s.uid, &x->a.uid) ||
	    !id_equal(&x->s.request, &x->a.request) ||
	    !same(x->s.recipient, x->a.recipient, CIRCLE_KEM_BYTES))
		return refused(e, "the statement is of another asking");
	return need_recent(c, x->s.time_ms, e);
}

static int
check_asking(const struct call *c, const struct asking *x, struct err *e)
{
	bool before;

	if (!c->w.registered)
		return refused(e, "no release key is registered");
	if (!sig_valid(SIG_RELEASE, c->w.release_pk, x->ask, x->ask_sig))
		return refused(e, "it is not signed with the release key");
	if (!keeper_spend(c->k, &c->w.uid, x->a.nonce, c->now_ms))
		return err_set(e, ERR_CODE_EXPIRED,
		    "the nonce is not this escrow's, too old, or used");
	if (need_recent(c, x->a.time_ms, e) < 0 ||
	    check_statement(c, x, e) < 0 ||
	    need_recipient(x->a.recipient, e) < 0 ||
	    journal_has(c->k->journal, &c->w.uid, ESCROW_RELEASE, "request",
		id_text(&x->a.request).s, &before, e) < 0)
		return -1;
	return before ? refused(e, "that was released before") : 0;
}

static int
want(const struct escrow_ask *a, struct hand_out *h, struct err *e)
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
do_release(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	OWN(hand_out_drop) struct hand_out h = { 0 };
	struct asking x;

	if (take_asking(body, &x, e) < 0 || meet(c, &x.a.uid, e) < 0)
		return -1;
	word_asking(c, &x);
	if (need_clock(c, e) < 0 || need_key(c, e) < 0 ||
	    check_asking(c, &x, e) < 0 || want(&x.a, &h, e) < 0 ||
	    need_hand_outs_left(c, e) < 0 ||
	    take_circle(c, x.circle, &circle, e) < 0 ||
	    need_standard(c, &circle, e) < 0 ||
	    open_all(c, &circle, x.envelopes, &h, e) < 0)
		return -1;
	word_hand_out(c, &h);
	if (will_do(c, e) < 0 || ward_store(c->k->wards, &c->w, e) < 0)
		return -1;
	put_released(c, &x.a.request, &h, out);
	return 0;
}

/* ---- ORDER, CANCEL, COLLECT ---- */

static int
take_text(struct scan *body, size_t least, struct bytes *out, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	struct bytes x = scan_v8(body);

	buf_put_bytes(&text, x);
	if (!scan_done(body) || x.n < least || x.n > ESCROW_REFERENCE ||
	    (x.n > 0 && memchr(x.p, '\0', x.n) != NULL) ||
	    (x.n > 0 && !text_is_label(buf_text(&text))))
		return malformed(e);
	*out = x;
	return 0;
}

static void
word_order(struct call *c, const struct ward_order *o)
{
	struct id device = recipient_ref(o->kem_pk, o->sign_pk);

	word_id(c, "order", &o->id);
	word_id(c, "device", &device);
}

/* An order for keys that the account's circle has put here. */
static int
need_orderable(struct call *c, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };

	if (need_clock(c, e) < 0 || need_key(c, e) < 0 ||
	    ward_circle(c->k->wards, &c->w, &circle, e) < 0 ||
	    need_standard(c, &circle, e) < 0)
		return -1;
	uint64_t since = c->now_ms > DAY_MS ? c->now_ms - DAY_MS : 0;
	return need_below(
	    journal_count(c->k->journal, &c->w.uid, JOURNAL_VERB(ESCROW_ORDER),
		ESCROW_WILL_DO, since),
	    c->k->settings.orders_per_day, "orders a day", e);
}

/* The same one again, whose answer was lost? */
static bool
is_again(const struct ward_order *was, const struct ward_order *o)
{
	return was->state == WARD_ORDER_WAITS && id_equal(&was->id, &o->id) &&
	    same(was->kem_pk, o->kem_pk, CIRCLE_KEM_BYTES) &&
	    same(was->sign_pk, o->sign_pk, SIG_PK_BYTES);
}

static int
do_order(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	struct ward_order o = { .state = WARD_ORDER_WAITS };
	OWN(buf_free) struct buf ends = { 0 };
	struct bytes reference = { 0 };

	o.id = id_take(body);
	scan_copy(body, o.kem_pk, sizeof o.kem_pk);
	scan_copy(body, o.sign_pk, sizeof o.sign_pk);
	if (take_text(body, 1, &reference, e) < 0)
		return -1;
	if (id_zero(&o.id))
		return malformed(e);
	word_order(c, &o);
	if (is_again(&c->w.order, &o)) {
		buf_put_u64(out, c->w.order.ends_ms);
		return 0;
	}
	if (need_recipient(o.kem_pk, e) < 0 || need_orderable(c, e) < 0)
		return -1;
	if (id_equal(&c->w.order.id, &o.id))
		return err_set(
		    e, ERR_CONFLICT, "there was an order of that id");
	o.ends_ms = c->now_ms + c->k->settings.recovery_wait_s * 1000;
	text_time(&ends, (int64_t)o.ends_ms);
	word(c, "ends", buf_text(&ends));
	if (c->w.order.state == WARD_ORDER_WAITS)
		word_id(c, "replaces", &c->w.order.id);
	word_quoted(c, "reference", reference);
	if (will_do(c, e) < 0)
		return -1;
	c->w.order = o;
	if (ward_store(c->k->wards, &c->w, e) < 0)
		return -1;
	buf_put_u64(out, o.ends_ms);
	return 0;
}

static int
need_order(const struct call *c, const struct id *id, struct err *e)
{
	return c->w.order.state != WARD_NO_ORDER && id_equal(&c->w.order.id, id)
	    ? 0
	    : err_set(e, ERR_NOT_FOUND,
		  "the escrow has no such order, or a newer one");
}

static int
do_cancel(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	struct id id = id_take(body);
	struct bytes why = { 0 };

	(void)out;
	if (take_text(body, 0, &why, e) < 0)
		return -1;
	word_id(c, "order", &id);
	if (need_order(c, &id, e) < 0)
		return -1;
	if (c->w.order.state == WARD_ORDER_CANCELLED)
		return 0;
	word_quoted(c, "why", why);
	if (will_do(c, e) < 0)
		return -1;
	c->w.order.state = WARD_ORDER_CANCELLED;
	return ward_store(c->k->wards, &c->w, e);
}

static int
check_collect(const struct call *c, const struct id *id, struct err *e)
{
	OWN(buf_free) struct buf ends = { 0 };
	const struct ward_order *o = &c->w.order;

	if (need_clock(c, e) < 0 || need_key(c, e) < 0 ||
	    need_order(c, id, e) < 0)
		return -1;
	if (o->state == WARD_ORDER_CANCELLED)
		return refused(e, "the order was cancelled");
	if (c->now_ms < o->ends_ms) {
		text_time(&ends, (int64_t)o->ends_ms);
		return err_set(e, ERR_RECOVERY_WAITING,
		    "the keys are handed out from %s on", buf_text(&ends));
	}
	if (!order_lives(c))
		return refused(e, "the order is more than 14 days old");
	return need_hand_outs_left(c, e);
}

static int
do_collect(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	OWN(hand_out_drop) struct hand_out h = { 0 };
	struct id id = id_take(body);
	struct bytes list = scan_v32(body), envelopes = scan_v32(body);

	if (!scan_done(body))
		return malformed(e);
	if (need_order(c, &id, e) == 0)
		word_order(c, &c->w.order);
	else
		word_id(c, "order", &id);
	if (check_collect(c, &id, e) < 0 ||
	    take_circle(c, list, &circle, e) < 0 ||
	    need_standard(c, &circle, e) < 0)
		return -1;
	for (unsigned i = 0; i < CATEGORY_END; i++)
		h.wanted[i] = category_escrowed(i);
	memcpy(h.recipient, c->w.order.kem_pk, sizeof h.recipient);
	if (open_all(c, &circle, envelopes, &h, e) < 0)
		return -1;
	word_hand_out(c, &h);
	if (will_do(c, e) < 0)
		return -1;
	c->w.order.state = WARD_ORDER_COLLECTED;
	if (ward_store(c->k->wards, &c->w, e) < 0)
		return -1;
	put_released(c, &id, &h, out);
	return 0;
}

/* ---- DESTROY ---- */

/* What the account's devices decided last: no escrow, or no account. */
static int
need_end(const struct call *c, const struct circle *circle, struct err *e)
{
	if (circle->seq == 0 ||
	    (circle->protection != PROTECTION_ADVANCED && !circle->closed))
		return refused(e, "the account is under standard protection");
	if (c->w.there && c->w.destroyed &&
	    circle->protection_clock <= c->w.destroyed_clock)
		return refused(
		    e, "a key was destroyed for that, and this is a newer one");
	return 0;
}

static int
do_destroy(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	struct bytes list = scan_v32(body);
	char clock[16];

	(void)out;
	if (!scan_done(body))
		return malformed(e);
	if (!c->w.known)
		return 0;
	if (take_circle(c, list, &circle, e) < 0 || need_end(c, &circle, e) < 0)
		return -1;
	if (!c->w.there && c->w.destroyed &&
	    circle.protection_clock <= c->w.destroyed_clock)
		return 0;
	(void)snprintf(
	    clock, sizeof clock, "%lu", (unsigned long)circle.protection_clock);
	word(c, "clock", clock);
	if (will_do(c, e) < 0)
		return -1;
	return ward_destroy(c->k->wards, &c->w, circle.protection_clock, e);
}

/* ---- DISCLOSE ---- */

struct disclosure {
	struct id request;
	uint8_t escrow[SIG_PK_BYTES];
	uint32_t notify_s;
	struct bytes circle, envelopes, reference;
};

static int
take_disclosure(
    struct scan *body, struct disclosure *x, struct hand_out *h, struct err *e)
{
	x->request = id_take(body);
	scan_copy(body, h->recipient, sizeof h->recipient);
	scan_copy(body, x->escrow, sizeof x->escrow);
	x->notify_s = scan_u32(body);
	x->circle = scan_v32(body);
	x->envelopes = scan_v32(body);
	if (take_text(body, 1, &x->reference, e) < 0)
		return -1;
	return x->notify_s <= ESCROW_NOTIFY_S && !id_zero(&x->request)
	    ? 0
	    : malformed(e);
}

/* What the line says, of a refusal too: it is hidden as long. */
static void
word_disclosure(
    struct call *c, const struct disclosure *x, const struct hand_out *h)
{
	OWN(buf_free) struct buf until = { 0 };
	struct id to = recipient_ref(h->recipient, NULL);

	if (x->notify_s > 0) {
		text_time(
		    &until, (int64_t)(c->now_ms + x->notify_s * 1000ULL + 999));
		word(c, "notify_after", buf_text(&until));
	}
	word_id(c, "request", &x->request);
	word_id(c, "recipient", &to);
	word_quoted(c, "reference", x->reference);
}

/* Before a word is put into the line: whoever else asks may hide nothing. */
static int
need_owner(const struct call *c, struct err *e)
{
	return c->owner ? 0
			: err_set(e, ERR_PERMISSION,
			      "only who runs the escrow may disclose");
}

/* Is there a key that opens anything? *why says why not. */
static int
may_open(struct call *c, const struct disclosure *x, struct circle *circle,
    struct buf *why, struct err *e)
{
	struct err none = { 0 };

	if (c->w.there) {
		if (take_circle(c, x->circle, circle, e) < 0)
			return -1;
		if (need_standard(c, circle, &none) == 0)
			return 0;
	} else if (c->w.destroyed) {
		(void)refused(
		    &none, "the escrow's key of the account was destroyed");
	} else {
		(void)need_key(c, &none);
	}
	buf_put_str(why, none.msg);
	return 0;
}

/* The line goes to the disk before anything is opened. */
static int
do_disclose(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	OWN(hand_out_drop) struct hand_out h = { .part = true };
	OWN(buf_free) struct buf why = { 0 };
	OWN(buf_free) struct buf line = { 0 };
	OWN(buf_free) struct buf released = { 0 };
	struct disclosure x;

	if (need_owner(c, e) < 0 || take_disclosure(body, &x, &h, e) < 0)
		return -1;
	word_disclosure(c, &x, &h);
	if (!same(x.escrow, c->k->sign_pk, SIG_PK_BYTES))
		return err_set(e, ERR_ESCROW_CHANGED,
		    "the server was set up with another escrow than this one");
	if (need_clock(c, e) < 0 || need_recipient(h.recipient, e) < 0 ||
	    may_open(c, &x, &circle, &why, e) < 0)
		return -1;
	for (unsigned i = 0; i < CATEGORY_END; i++)
		h.wanted[i] = category_escrowed(i);
	word(c, "opens", why.n == 0 ? "standard" : "nothing");
	if (will_do(c, e) < 0 ||
	    (c->w.known && ward_store(c->k->wards, &c->w, e) < 0) ||
	    journal_lines(c->k->journal, &c->w.uid, c->head.n - 1, LINE_ROOM,
		&line, e) < 0)
		return -1;
	if (why.n == 0) {
		if (open_all(c, &circle, x.envelopes, &h, e) < 0)
			return -1;
		put_released(c, &x.request, &h, &released);
	}
	buf_put_bytes(out, buf_bytes(&line));
	buf_put_v8(out, buf_bytes(&why));
	buf_put_u32(out, h.closed);
	buf_put_v32(out, buf_bytes(&released));
	return 0;
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
		return malformed(e);
	if (keeper_pin(k, pk, e) < 0)
		return -1;
	*greeted = true;
	buf_put(out, k->sign_pk, sizeof k->sign_pk);
	buf_put_u32(out, (uint32_t)k->settings.recovery_wait_s);
	buf_put_u64(out, head.n);
	digest_put(out, &head.hash);
	return 0;
}

typedef int verb_fn(
    struct call *c, struct scan *body, struct buf *out, struct err *e);

static const struct {
	verb_fn *run;
	bool names_itself; /* the uid stands in what is asked */
} verbs[ESCROW_VERBS] = {
	[ESCROW_CREATE] = { do_create, false },
	[ESCROW_STATE] = { do_state, false },
	[ESCROW_REGISTER] = { do_register, false },
	[ESCROW_NONCE_ASK] = { do_nonce, false },
	[ESCROW_RELEASE] = { do_release, true },
	[ESCROW_ORDER] = { do_order, false },
	[ESCROW_CANCEL] = { do_cancel, false },
	[ESCROW_COLLECT] = { do_collect, false },
	[ESCROW_DESTROY] = { do_destroy, false },
	[ESCROW_JOURNAL] = { do_journal, false },
	[ESCROW_DROP] = { do_drop, false },
	[ESCROW_DISCLOSE] = { do_disclose, false },
};

static void
call_free(struct call *c)
{
	buf_free(&c->detail);
}

static int
run(struct call *c, struct scan *body, struct buf *out, struct err *e)
{
	if (!verbs[c->verb].names_itself) {
		struct id uid = id_take(body);
		if (!scan_ok(body))
			return malformed(e);
		if (meet(c, &uid, e) < 0)
			return -1;
	}
	return verbs[c->verb].run(c, body, out, e);
}

static int
judge(struct keeper *k, struct bytes request, bool owner, bool *greeted,
    uint64_t now_ms, struct buf *out, struct id *uid, struct err *e)
{
	OWN(call_free)
	struct call c = { .k = k, .now_ms = now_ms, .owner = owner };
	struct scan s = scan_of(request);
	uint8_t version = scan_u8(&s), verb = scan_u8(&s);

	if (!scan_ok(&s))
		return malformed(e);
	if (version != ESCROW_VERSION)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the escrow does not know version %u of its protocol",
		    (unsigned)version);
	if (verb == ESCROW_HELLO)
		return hello(k, &s, greeted, out, e);
	if (verb >= ESCROW_VERBS || verbs[verb].run == NULL)
		return malformed(e);
	if (!*greeted && !(owner && verb == ESCROW_DISCLOSE))
		return err_set(e, ERR_PERMISSION, "say HELLO first");
	c.verb = (enum escrow_verb)verb;
	int rc = run(&c, &s, out, e);
	if (rc < 0 && !id_zero(&c.w.uid))
		rc = note_refusal(&c, e);
	*uid = c.w.uid;
	return rc;
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

static enum err_code
answer_as(bool owner, struct keeper *k, struct bytes request, bool *greeted,
    uint64_t now_ms, struct buf *answer, struct id *uid)
{
	OWN(buf_free) struct buf body = { 0 };
	struct err e = { 0 };

	*uid = (struct id){ { 0 } };
	buf_put_u8(&body, 0);
	if (judge(k, request, owner, greeted, now_ms, &body, uid, &e) < 0) {
		release_put_error(&e, answer);
		return e.code;
	}
	assert(body.n <= ESCROW_FRAME);
	buf_put_v32(answer, buf_bytes(&body));
	return ERR_NONE;
}

enum err_code
release_answer(struct keeper *k, struct bytes request, bool *greeted,
    uint64_t now_ms, struct buf *answer, struct id *uid)
{
	return answer_as(false, k, request, greeted, now_ms, answer, uid);
}

enum err_code
release_answer_owner(struct keeper *k, struct bytes request, bool *greeted,
    uint64_t now_ms, struct buf *answer, struct id *uid)
{
	return answer_as(true, k, request, greeted, now_ms, answer, uid);
}
