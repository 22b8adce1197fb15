/* SPDX-License-Identifier: ISC */
/* account_circle.c: an account's circle, envelopes and fresh pins. */
#include "store/account.h"

#include "store/circles.h"

/* Is what was kept still what the tables say, up to its newest entry? */
static bool
still_holds(const struct circle *c, struct bytes newest)
{
	struct digest d;

	digest_of(newest, &d);
	return digest_equal(&d, &c->head);
}

/*
 * Apply the entries from c's newest one on. *stale: that one is another now, as
 * when the transaction that had added it was undone.
 */
static int
continue_circle(struct tx *tx, const struct id *uid, struct circle *c,
    bool *stale, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row, first = c->seq > 0;

	*stale = false;
	if (sql_ask(tx, e, &s,
		"SELECT bytes FROM circle_entry WHERE uid = ? AND seq >= ?"
		" ORDER BY seq",
		"iu", uid, (uint64_t)c->seq) < 0)
		return -1;
	for (;; first = false) {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (first) {
			*stale = !row || !still_holds(c, stmt_got_bytes(s, 0));
			if (*stale)
				return 0;
			continue;
		}
		if (!row)
			return 0;
		if (circle_apply(c, stmt_got_bytes(s, 0), e) < 0)
			return -1;
	}
}

int
account_circle(
    struct tx *tx, const struct id *uid, struct circle *out, struct err *e)
{
	OWN(circle_free) struct circle c = { 0 };
	struct circles *kept = tx_attached(tx);
	bool stale;

	/* None: whoever only looks has no need of it. */
	if (kept != NULL)
		(void)circles_get(kept, uid, &c);
	uint32_t before = c.seq;
	if (continue_circle(tx, uid, &c, &stale, e) < 0)
		return -1;
	if (stale) {
		circle_free(&c);
		c = (struct circle){ 0 };
		before = 0;
		if (continue_circle(tx, uid, &c, &stale, e) < 0)
			return -1;
	}
	if (kept != NULL && c.seq != before)
		circles_put(kept, &c);
	*out = c;
	c = (struct circle){ 0 };
	return 0;
}

int
account_add_entry(struct tx *tx, const struct id *uid, uint32_t seq,
    struct bytes entry, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO circle_entry (uid, seq, bytes) VALUES (?, ?, ?)",
	    "iub", uid, (uint64_t)seq, entry);
}

int
account_entries(struct tx *tx, const struct id *uid, uint32_t since,
    struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT bytes FROM circle_entry WHERE uid = ? AND seq > ?"
		   " ORDER BY seq",
		   "iu", uid, (uint64_t)since) < 0
	    ? -1
	    : sql_gather(s, out, e);
}

int
account_entry(struct tx *tx, const struct id *uid, uint32_t seq,
    struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT bytes FROM circle_entry WHERE uid = ? AND seq = ?",
		"iu", uid, (uint64_t)seq) < 0)
		return -1;
	if (row)
		buf_put_bytes(out, stmt_got_bytes(s, 0));
	return 0;
}

int
account_envelope_parse(
    struct bytes x, struct account_envelope *out, struct err *e)
{
	struct scan s = scan_of(x);

	uint8_t format = scan_u8(&s);
	out->purpose = scan_u8(&s);
	(void)id_take(&s);
	out->epoch = scan_u32(&s);
	out->category = scan_u8(&s);
	out->sender = id_take(&s);
	out->receiver = id_take(&s);
	(void)scan_v16(&s);
	out->signed_part = bytes_of(x.p, x.n - s.n);
	out->bytes = x;
	out->sig = scan_take(&s, SIG_BYTES).p;
	if (!scan_done(&s) || format != 1 || x.n > LIMIT_ENVELOPE)
		return err_set(e, ERR_KEY_SUBSTITUTED,
		    "a key envelope is not well-formed");
	return 0;
}

int
account_add_envelope(struct tx *tx, const struct id *uid,
    const struct account_envelope *v, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO envelope (uid, epoch, purpose, category, receiver,"
	    " bytes) VALUES (?, ?, ?, ?, ?, ?)"
	    " ON CONFLICT (uid, epoch, purpose, category, receiver)"
	    " DO NOTHING",
	    "iuuuib", uid, (uint64_t)v->epoch, (uint64_t)v->purpose,
	    (uint64_t)v->category, &v->receiver, v->bytes);
}

int
account_keyring(struct tx *tx, const struct id *uid, const struct id *dev_id,
    struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT bytes FROM envelope WHERE uid = ?"
		   " AND (purpose IN (2, 3, 4, 5, 8, 11) OR"
		   " (purpose = 1 AND receiver = ?))"
		   " ORDER BY epoch, purpose, category",
		   "ii", uid, dev_id) < 0
	    ? -1
	    : sql_gather(s, out, e);
}

int
account_pin(struct tx *tx, const struct id *uid, const struct id *ref,
    struct buf *out, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT pin FROM fresh_pin WHERE uid = ? AND ref = ?", "ii",
		uid, ref) < 0)
		return -1;
	if (row)
		buf_put_bytes(out, stmt_got_bytes(s, 0));
	return 0;
}

int
account_set_pin(struct tx *tx, const struct id *uid, const struct id *ref,
    const struct freshpin *p, uint32_t newest, struct err *e)
{
	OWN(buf_free) struct buf before = { 0 };
	OWN(buf_free) struct buf pin = { 0 };
	struct freshpin last;
	struct err ignored;

	if (account_pin(tx, uid, ref, &before, e) < 0)
		return -1;
	if (freshpin_parse(buf_bytes(&before), &last, &ignored) == 0 &&
	    last.seq > p->seq && last.seq <= newest)
		return 0;
	freshpin_put(&pin, p);
	return sql_run(tx, e,
	    "INSERT INTO fresh_pin (uid, ref, pin) VALUES (?, ?, ?)"
	    " ON CONFLICT (uid, ref) DO UPDATE SET pin = excluded.pin",
	    "iib", uid, ref, buf_bytes(&pin));
}
