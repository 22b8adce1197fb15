/* SPDX-License-Identifier: ISC */
/* release_need.c: what must hold before a key is touched, and the line of it. */
#include "escrow/release_in.h"

#include "base/text.h"

#include <string.h>

#define HAND_OUTS (JOURNAL_VERB(ESCROW_RELEASE) | JOURNAL_VERB(ESCROW_COLLECT))

int
release_refused(struct err *e, const char *why)
{
	return err_set(e, ERR_RELEASE_REFUSED, "%s", why);
}

int
release_malformed(struct err *e)
{
	return err_set(e, ERR_BAD_REQUEST, "the request is not well-formed");
}

bool
release_same(const uint8_t *a, const uint8_t *b, size_t n)
{
	return bytes_equal(bytes_of(a, n), bytes_of(b, n));
}

/* ---- the journal ---- */

void
release_word(struct release_call *c, const char *name, const char *value)
{
	buf_printf(
	    &c->detail, "%s%s=%s", c->detail.n > 0 ? " " : "", name, value);
}

void
release_word_id(struct release_call *c, const char *name, const struct id *id)
{
	release_word(c, name, id_text(id).s);
}

void
release_word_quoted(struct release_call *c, const char *name, struct bytes text)
{
	buf_printf(&c->detail, "%s%s=\"", c->detail.n > 0 ? " " : "", name);
	for (size_t i = 0; i < text.n; i++)
		buf_put_u8(&c->detail, text.p[i] == '"' ? '\'' : text.p[i]);
	buf_put_str(&c->detail, "\"");
}

struct id
release_recipient_ref(
    const uint8_t kem_pk[static KEM_PK_BYTES], const uint8_t *sign_pk)
{
	OWN(buf_free) struct buf keys = { 0 };

	buf_put(&keys, kem_pk, KEM_PK_BYTES);
	if (sign_pk != NULL)
		buf_put(&keys, sign_pk, SIG_PK_BYTES);
	return digest_id(buf_bytes(&keys));
}

static int
write_line(struct release_call *c, enum escrow_outcome outcome, struct err *e)
{
	struct journal_event x = { .uid = c->w.uid,
		.time_ms = c->now_ms,
		.verb = c->verb,
		.outcome = outcome,
		.detail = buf_bytes(&c->detail) };

	return journal_add(c->k->journal, c->k->identity, &x, &c->head, e);
}

int
release_will_do(struct release_call *c, struct err *e)
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
int
release_note_refusal(struct release_call *c, struct err *e)
{
	const struct journal *j = c->k->journal;
	uint64_t since =
	    c->now_ms > RELEASE_HOUR_MS ? c->now_ms - RELEASE_HOUR_MS : 0;
	unsigned all = (1u << ESCROW_VERBS) - 1;
	struct err failed = { 0 };

	if (!is_refusal(e->code) ||
	    (!c->w.known && journal_account(j, &c->w.uid).n == 0) ||
	    journal_count(j, &c->w.uid, all, ESCROW_REFUSED, since) >=
		RELEASE_REFUSALS)
		return -1;
	release_word(c, "code", err_name(e->code));
	if (write_line(c, ESCROW_REFUSED, &failed) < 0)
		*e = failed;
	return -1;
}

/* ---- what must hold ---- */

int
release_meet(struct release_call *c, const struct id *uid, struct err *e)
{
	if (id_zero(uid))
		return release_malformed(e);
	c->w.uid = *uid;
	if (ward_load(c->k->wards, uid, &c->w, e) < 0)
		return -1;
	if (journal_account(c->k->journal, uid).n < c->w.journal_n)
		return err_set(e, ERR_JOURNAL_ROLLED_BACK,
		    "the escrow's journal lacks lines of this account");
	return 0;
}

int
release_need_key(const struct release_call *c, struct err *e)
{
	return c->w.there ? 0
			  : err_set(e, ERR_NOT_FOUND,
				"the escrow has no key of this account");
}

int
release_need_clock(const struct release_call *c, struct err *e)
{
	return c->now_ms >= journal_last_ms(c->k->journal)
	    ? 0
	    : err_set(e, ERR_CLOCK_WRONG,
		  "the escrow's clock is behind its own journal");
}

int
release_need_recent(
    const struct release_call *c, uint64_t time_ms, struct err *e)
{
	uint64_t off =
	    time_ms > c->now_ms ? time_ms - c->now_ms : c->now_ms - time_ms;

	return off <= RELEASE_SKEW_MS
	    ? 0
	    : err_set(e, ERR_CLOCK_WRONG,
		  "the clocks of the escrow and of who asks it differ too "
		  "much");
}

int
release_need_recipient(const uint8_t kem_pk[static KEM_PK_BYTES], struct err *e)
{
	return kem_usable(kem_pk)
	    ? 0
	    : err_set(e, ERR_BAD_REQUEST, "the recipient's key is none");
}

int
release_need_standard(
    const struct release_call *c, const struct circle *circle, struct err *e)
{
	if (circle->seq == 0 || circle->closed ||
	    circle->protection != PROTECTION_STANDARD)
		return release_refused(
		    e, "the account is not under standard protection");
	if (!release_same(
		circle->escrow.sign_pk, c->k->sign_pk, SIG_PK_BYTES) ||
	    !release_same(circle->escrow.kem_pk, c->w.kem_pk, KEM_PK_BYTES))
		return err_set(e, ERR_ESCROW_CHANGED,
		    "the account's devices chose another escrow, or an older "
		    "key of this one");
	if (c->w.destroyed && circle->protection_clock <= c->w.destroyed_clock)
		return release_refused(e, "the key was destroyed after that");
	return 0;
}

/* Only whom an order was carried out for may begin the circle anew. */
static int
check_reset(
    const struct release_call *c, const struct entry_view *v, struct err *e)
{
	struct scan s = scan_of(v->body);
	struct device d;
	bool collected;

	if (device_take(&s, &d, e) < 0)
		return -1;
	struct id ref = release_recipient_ref(d.kem_pk, d.sign_pk);
	struct id_text text = id_text(&ref);
	struct journal_said said = { ESCROW_COLLECT, "device", text.s };
	if (journal_has(c->k->journal, &c->w.uid, &said, &collected, e) < 0)
		return -1;
	return collected
	    ? 0
	    : release_refused(e,
		  "the circle was begun anew, and by no device that an "
		  "operator's order was carried out for");
}

static int
take_entry(const struct release_call *c, struct bytes entry, uint32_t known,
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
	/* One that is dated ahead makes a young device look old. */
	if (v.time_ms > c->now_ms + RELEASE_SKEW_MS)
		return err_set(e, ERR_CLOCK_WRONG,
		    "entry %u of the list of devices is of the future",
		    (unsigned)v.seq);
	buf_put_v16(fresh, entry);
	return 0;
}

int
release_take_circle(struct release_call *c, struct bytes list,
    struct circle *circle, struct err *e)
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
			return release_malformed(e);
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

int
release_need_below(size_t n, uint64_t limit, const char *what, struct err *e)
{
	return n < limit ? 0
			 : err_set(e, ERR_TOO_MANY_ATTEMPTS,
			       "the escrow does not take more than %llu %s",
			       (unsigned long long)limit, what);
}

int
release_need_hand_outs_left(const struct release_call *c, struct err *e)
{
	const struct journal *j = c->k->journal;
	const struct settings *s = &c->k->settings;
	uint64_t since =
	    c->now_ms > RELEASE_HOUR_MS ? c->now_ms - RELEASE_HOUR_MS : 0;

	if (release_need_below(
		journal_count(j, &c->w.uid, HAND_OUTS, ESCROW_WILL_DO, since),
		s->releases_per_hour, "releases an hour of one account", e) < 0)
		return -1;
	return release_need_below(
	    journal_count_all(j, HAND_OUTS, ESCROW_WILL_DO, since),
	    s->releases_per_hour_total, "releases an hour", e);
}

int
release_take_text(
    struct scan *body, size_t least, struct bytes *out, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };
	struct bytes x = scan_v8(body);

	buf_put_bytes(&text, x);
	if (!scan_done(body) || x.n < least || x.n > ESCROW_REFERENCE ||
	    (x.n > 0 && memchr(x.p, '\0', x.n) != NULL) ||
	    (x.n > 0 && !text_is_label(buf_text(&text))))
		return release_malformed(e);
	*out = x;
	return 0;
}
