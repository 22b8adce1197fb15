/* SPDX-License-Identifier: ISC */
/* trust.c: the cookie of a trusted browser. */
#include "factor/trust.h"

#include <string.h>

#define COOKIE "aumbry_trust"
#define DAY_S (24 * 3600LL)
#define TOKEN_TEXT 64 /* more characters than any token has */
#define BROWSERS 10 /* of an account; the one used longest ago goes */

int
trust_make(struct tx *tx, struct call *c, const struct id *uid, struct err *e)
{
	OWN(buf_free) struct buf token = { 0 };
	struct digest stored;
	struct id id;

	server_token(&token, &stored);
	id_random(&id);
	if (sql_run(tx, e,
		"DELETE FROM trusted_browser WHERE uid = ? AND token NOT IN"
		" (SELECT token FROM trusted_browser WHERE uid = ?"
		" ORDER BY seen_ms DESC LIMIT ?)",
		"iiu", uid, uid, (uint64_t)BROWSERS - 1) < 0 ||
	    sql_run(tx, e,
		"INSERT INTO trusted_browser (token, id, uid, opened_ms,"
		" seen_ms, expires_ms, os, address)"
		" VALUES (?, ?, ?, ?, ?, ?, COALESCE((SELECT os FROM joining"
		" WHERE id = ?), ''), ?)",
		"diinnnis", &stored, &id, uid, c->now_ms, c->now_ms,
		c->now_ms + TRUST_DAYS * DAY_S * 1000, &c->me->join,
		c->q->peer) < 0 ||
	    server_event(tx, c,
		&(struct server_event){ uid, "browser_trusted", NULL, "" },
		e) < 0)
		return -1;
	response_header(c->r, "Set-Cookie",
	    COOKIE "=%s; Path=/v1/factors; Max-Age=%lld; HttpOnly; "
		   "SameSite=Strict%s",
	    buf_text(&token), TRUST_DAYS * DAY_S,
	    c->s->plain ? "" : "; Secure");
	return 0;
}

int
trust_has(struct tx *tx, const struct id *uid, bool *has, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_first(tx, e, &s, has,
	    "SELECT 1 FROM trusted_browser WHERE uid = ?", "i", uid);
}

/* The value of our cookie among those of a Cookie header (RFC 6265, 4.2.1). */
static struct bytes
our_cookie(const char *header)
{
	const size_t n = strlen(COOKIE);

	while (header != NULL && *header != '\0') {
		size_t part = strcspn(header, ";");
		if (part > n && strncmp(header, COOKIE, n) == 0 &&
		    header[n] == '=')
			return bytes_of(header + n + 1, part - n - 1);
		header += part;
		header += strspn(header, "; ");
	}
	return bytes_str("");
}

int
trust_check(struct tx *tx, struct call *c, const struct id *uid, bool *ok,
    struct err *e)
{
	struct bytes token = our_cookie(http_header(c->q, "Cookie"));
	struct digest stored;

	*ok = false;
	if (token.n > 0 && token.n <= TOKEN_TEXT) {
		digest_of(token, &stored);
		if (sql_run(tx, e,
			"UPDATE trusted_browser SET seen_ms = ?, address = ?"
			" WHERE token = ? AND uid = ? AND expires_ms > ?",
			"nsdin", c->now_ms, c->q->peer, &stored, uid,
			c->now_ms) < 0)
			return -1;
		*ok = tx_changes(tx) == 1;
	}
	if (*ok)
		return 0;
	return server_refuse(c, ERR_FACTOR_MISSING,
	    "this browser is not one that the account trusts");
}
