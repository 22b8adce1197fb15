/* SPDX-License-Identifier: ISC */
/* escrow.c: encoding and reading what the escrow hears and says. */
#include "wire/escrow.h"

#include "base/text.h"

#include <string.h>

static const char line_magic[4] = { 'P', 'E', 'J', '1' };

static int
malformed(struct err *e, const char *what)
{
	return err_set(e, ERR_BAD_REQUEST, "%s is not well-formed", what);
}

const char *
escrow_verb_name(uint8_t verb)
{
	static const char *const names[ESCROW_VERBS] = {
		[ESCROW_HELLO] = "hello",
		[ESCROW_CREATE] = "create",
		[ESCROW_STATE] = "state",
		[ESCROW_REGISTER] = "register",
		[ESCROW_NONCE_ASK] = "nonce",
		[ESCROW_RELEASE] = "release",
		[ESCROW_ORDER] = "order",
		[ESCROW_CANCEL] = "cancel",
		[ESCROW_COLLECT] = "collect",
		[ESCROW_DESTROY] = "destroy",
		[ESCROW_JOURNAL] = "journal",
		[ESCROW_DROP] = "drop",
		[ESCROW_DISCLOSE] = "disclose",
	};

	return verb < ESCROW_VERBS && names[verb] != NULL ? names[verb] : "?";
}

/* ---- state, registration ---- */

void
escrow_state_put(struct buf *out, const struct escrow_state *x)
{
	buf_put_u8(out, x->there);
	buf_put(out, x->kem_pk, sizeof x->kem_pk);
	buf_put_u8(out, x->registered);
	buf_put_u32(out, x->circle_seq);
	digest_put(out, &x->circle_head);
	buf_put_u64(out, x->journal_n);
	digest_put(out, &x->journal_head);
	id_put(out, &x->order);
	buf_put_u64(out, x->order_ends_ms);
}

int
escrow_state_parse(struct bytes x, struct escrow_state *out, struct err *e)
{
	struct scan s = scan_of(x);
	struct escrow_state v;

	uint8_t there = scan_u8(&s);
	scan_copy(&s, v.kem_pk, sizeof v.kem_pk);
	uint8_t registered = scan_u8(&s);
	v.circle_seq = scan_u32(&s);
	v.circle_head = digest_take(&s);
	v.journal_n = scan_u64(&s);
	v.journal_head = digest_take(&s);
	v.order = id_take(&s);
	v.order_ends_ms = scan_u64(&s);
	if (!scan_done(&s) || there > 1 || registered > 1 ||
	    v.order_ends_ms > INT64_MAX)
		return malformed(e, "the escrow's state");
	v.there = there != 0;
	v.registered = registered != 0;
	*out = v;
	return 0;
}

void
escrow_registration_signed(const struct id *uid,
    const uint8_t release_pk[static SIG_PK_BYTES], uint64_t time_ms,
    struct buf *out)
{
	id_put(out, uid);
	buf_put(out, release_pk, SIG_PK_BYTES);
	buf_put_u64(out, time_ms);
}

void
escrow_registration_put(struct buf *out, const struct escrow_registration *x)
{
	id_put(out, &x->dev_id);
	buf_put(out, x->release_pk, sizeof x->release_pk);
	buf_put_u64(out, x->time_ms);
	buf_put(out, x->sig, sizeof x->sig);
}

int
escrow_registration_take(
    struct scan *s, struct escrow_registration *out, struct err *e)
{
	struct escrow_registration v;

	v.dev_id = id_take(s);
	scan_copy(s, v.release_pk, sizeof v.release_pk);
	v.time_ms = scan_u64(s);
	scan_copy(s, v.sig, sizeof v.sig);
	if (!scan_ok(s) || v.time_ms > INT64_MAX)
		return malformed(e, "a release key's registration");
	*out = v;
	return 0;
}

/* ---- asking ---- */

void
escrow_ask_put(struct buf *out, const struct escrow_ask *x)
{
	id_put(out, &x->uid);
	id_put(out, &x->request);
	buf_put_u64(out, x->time_ms);
	buf_put(out, x->nonce, sizeof x->nonce);
	buf_put(out, x->recipient, sizeof x->recipient);
	buf_put_v8(out, bytes_of(x->categories, x->n));
}

int
escrow_ask_parse(struct bytes x, struct escrow_ask *out, struct err *e)
{
	struct scan s = scan_of(x);
	struct escrow_ask v = { 0 };

	v.uid = id_take(&s);
	v.request = id_take(&s);
	v.time_ms = scan_u64(&s);
	scan_copy(&s, v.nonce, sizeof v.nonce);
	scan_copy(&s, v.recipient, sizeof v.recipient);
	struct bytes list = scan_v8(&s);
	if (!scan_done(&s) || v.time_ms > INT64_MAX || list.n == 0 ||
	    list.n > sizeof v.categories)
		return malformed(e, "an asking for keys");
	for (size_t i = 0; i < list.n; i++) {
		if (!category_known(list.p[i]))
			return malformed(e, "an asking for keys");
		v.categories[i] = list.p[i];
	}
	v.n = (uint8_t)list.n;
	*out = v;
	return 0;
}

void
escrow_statement_put(struct buf *out, const struct escrow_statement *x)
{
	id_put(out, &x->uid);
	id_put(out, &x->request);
	buf_put_u64(out, x->time_ms);
	buf_put(out, x->recipient, sizeof x->recipient);
	buf_put_v8(out, x->way);
}

int
escrow_statement_parse(
    struct bytes x, struct escrow_statement *out, struct err *e)
{
	struct scan s = scan_of(x);
	struct escrow_statement v;

	v.uid = id_take(&s);
	v.request = id_take(&s);
	v.time_ms = scan_u64(&s);
	scan_copy(&s, v.recipient, sizeof v.recipient);
	v.way = scan_v8(&s);
	if (!scan_done(&s) || v.time_ms > INT64_MAX || v.way.n == 0 ||
	    v.way.n > 32 || !text_is_utf8(v.way))
		return malformed(e, "a statement about a factor");
	*out = v;
	return 0;
}

/* ---- what is handed out ---- */

void
escrow_key_put(struct buf *out, const struct escrow_key *x)
{
	buf_put_u8(out, x->kind);
	buf_put_u8(out, x->category);
	buf_put_u32(out, x->epoch);
	buf_put_v16(out, x->sealed);
}

int
escrow_key_take(struct scan *s, struct escrow_key *out, struct err *e)
{
	struct escrow_key v;

	v.kind = scan_u8(s);
	v.category = scan_u8(s);
	v.epoch = scan_u32(s);
	v.sealed = scan_v16(s);
	if (!scan_ok(s) || !category_escrowed(v.category) ||
	    (v.kind == ESCROW_KIND_NAMES) != (v.epoch == 0) ||
	    (v.kind != ESCROW_KIND_CATEGORY && v.kind != ESCROW_KIND_NAMES))
		return malformed(e, "a key that the escrow hands out");
	*out = v;
	return 0;
}

void
escrow_released_begin(struct buf *out, const struct escrow_released *x)
{
	id_put(out, &x->uid);
	id_put(out, &x->request);
	buf_put(out, x->recipient, sizeof x->recipient);
	buf_put_u64(out, x->journal_n);
	digest_put(out, &x->journal_head);
	buf_put_u16(out, x->n);
}

int
escrow_released_parse(
    struct bytes x, struct escrow_released *out, struct err *e)
{
	struct scan s = scan_of(x);
	struct escrow_released v;
	struct escrow_key ignored;

	v.uid = id_take(&s);
	v.request = id_take(&s);
	scan_copy(&s, v.recipient, sizeof v.recipient);
	v.journal_n = scan_u64(&s);
	v.journal_head = digest_take(&s);
	v.n = scan_u16(&s);
	const uint8_t *from = s.p;
	if (!scan_ok(&s) || v.n > ESCROW_KEYS)
		return malformed(e, "what the escrow hands out");
	for (size_t i = 0; i < v.n; i++)
		if (escrow_key_take(&s, &ignored, e) < 0)
			return -1;
	v.keys = bytes_of(from, (size_t)(s.p - from));
	v.signed_part = bytes_of(x.p, x.n - s.n);
	scan_copy(&s, v.sig, sizeof v.sig);
	if (!scan_done(&s))
		return malformed(e, "what the escrow hands out");
	*out = v;
	return 0;
}

/* ---- the journal ---- */

void
escrow_line_begin(struct buf *out, const struct escrow_line *x)
{
	buf_put(out, line_magic, sizeof line_magic);
	buf_put_u64(out, x->n);
	digest_put(out, &x->prev);
	id_put(out, &x->uid);
	buf_put_u64(out, x->account_n);
	digest_put(out, &x->account_prev);
	buf_put_u64(out, x->time_ms);
	buf_put_u8(out, x->verb);
	buf_put_u8(out, x->outcome);
	buf_put_v16(out, x->detail);
}

int
escrow_line_parse(struct bytes x, struct escrow_line *out, struct err *e)
{
	struct scan s = scan_of(x);
	struct escrow_line v;

	struct bytes magic = scan_take(&s, sizeof line_magic);
	v.n = scan_u64(&s);
	v.prev = digest_take(&s);
	v.uid = id_take(&s);
	v.account_n = scan_u64(&s);
	v.account_prev = digest_take(&s);
	v.time_ms = scan_u64(&s);
	v.verb = scan_u8(&s);
	v.outcome = scan_u8(&s);
	v.detail = scan_v16(&s);
	v.signed_part = bytes_of(x.p, x.n - s.n);
	scan_copy(&s, v.sig, sizeof v.sig);
	if (!scan_done(&s) || v.n == 0 || v.account_n == 0 ||
	    !bytes_equal(magic, bytes_of(line_magic, sizeof line_magic)) ||
	    v.time_ms > INT64_MAX || v.detail.n > ESCROW_DETAIL ||
	    !text_is_utf8(v.detail) ||
	    (v.outcome != ESCROW_WILL_DO && v.outcome != ESCROW_REFUSED))
		return malformed(e, "a line of the escrow's journal");
	*out = v;
	return 0;
}

static int
not_continued(struct err *e, const char *why)
{
	return err_set(e, ERR_JOURNAL_ROLLED_BACK,
	    "the escrow's journal of this account %s", why);
}

int
escrow_lines_check(struct bytes lines, const struct id *uid,
    const uint8_t sign_pk[static SIG_PK_BYTES], uint64_t *n,
    struct digest *head, struct err *e)
{
	struct scan s = scan_of(lines);

	while (s.n > 0) {
		struct bytes x = scan_v16(&s);
		struct escrow_line l;
		if (!scan_ok(&s) || escrow_line_parse(x, &l, e) < 0)
			return not_continued(e, "holds what is no line of one");
		if (!id_equal(&l.uid, uid))
			return not_continued(e, "holds another's line");
		if (l.account_n != *n + 1 ||
		    !digest_equal(&l.account_prev, head))
			return not_continued(
			    e, "does not continue what was seen of it");
		if (!sig_valid(
			SIG_ESCROW_JOURNAL, sign_pk, l.signed_part, l.sig))
			return not_continued(
			    e, "holds a line that the escrow did not write");
		*n = l.account_n;
		digest_of(x, head);
	}
	return 0;
}
