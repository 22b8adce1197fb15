/* SPDX-License-Identifier: ISC */
/* invite.c: drawing, keeping and using invitations. */
#include "server/invite.h"

#include "base/text.h"
#include "base/typed.h"

#include <sodium.h>

#define INVITE_LETTERS 16 /* 80 bits of base32 */

/* Lower case, without what people add to read it. */
static void
invite_digest(const struct server *s, const char *code, struct digest *out)
{
	OWN(buf_free) struct buf plain = { 0 };

	typed_code(&plain, bytes_str(code));
	for (size_t i = 0; i < plain.n; i++)
		if (plain.p[i] >= 'A' && plain.p[i] <= 'Z')
			plain.p[i] = (uint8_t)(plain.p[i] + 32);
	server_mac(s, "invite", buf_bytes(&plain), out);
}

static int
is_used(struct err *e)
{
	return err_set(e, ERR_INVITATION_USED,
	    "the invitation is unknown, used up or expired");
}

int
invite_use(struct tx *tx, struct call *c, const char *code, struct err *e)
{
	struct digest d;

	invite_digest(c->s, code, &d);
	if (sql_run(tx, e,
		"UPDATE invite SET uses = uses - 1 WHERE code = ? AND uses > 0"
		" AND expires_ms > ?",
		"dn", &d, c->now_ms) < 0)
		return -1;
	return tx_changes(tx) == 1 ? 0 : is_used(e);
}

int
invite_good(struct tx *tx, struct call *c, const char *code, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct digest d;
	bool row;

	invite_digest(c->s, code, &d);
	if (sql_first(tx, e, &s, &row,
		"SELECT 1 FROM invite WHERE code = ? AND uses > 0"
		" AND expires_ms > ?",
		"dn", &d, c->now_ms) < 0)
		return -1;
	return row ? 0 : is_used(e);
}

struct invite_job {
	struct digest code;
	uint64_t uses;
	int64_t expires_ms;
};

static int
invite_job(struct tx *tx, void *arg, struct err *e)
{
	const struct invite_job *j = arg;

	return sql_run(tx, e,
	    "INSERT INTO invite (code, uses, expires_ms) VALUES (?, ?, ?)",
	    "dun", &j->code, j->uses, j->expires_ms);
}

int
invite_new(struct server *s, uint64_t uses, int64_t span_ms, int64_t at_ms,
    struct buf *code, struct err *e)
{
	OWN(buf_free) struct buf letters = { 0 };
	struct invite_job j = { .uses = uses, .expires_ms = at_ms + span_ms };
	uint8_t raw[INVITE_LETTERS * 5 / 8];

	randombytes_buf(raw, sizeof raw);
	text_base32(&letters, bytes_of(raw, sizeof raw));
	size_t start = code->n;
	for (size_t i = 0; i < letters.n; i++) {
		if (i > 0 && i % 4 == 0)
			buf_put_u8(code, '-');
		buf_put_u8(code,
		    letters.p[i] >= 'A' ? (uint8_t)(letters.p[i] + 32)
					: letters.p[i]);
	}
	invite_digest(s, (const char *)code->p + start, &j.code);
	return db_write(s->db, invite_job, &j, e);
}
