/* SPDX-License-Identifier: ISC */
/* mail.c: the addresses that notices go to, and their confirmation. */
#include "api/api.h"

#include "base/typed.h"
#include "server/code.h"
#include "server/notice.h"

#include <sodium.h>

#define CODE_MS (15 * 60 * 1000LL)
#define SENDS 5 /* codes in an hour */
#define HOUR_MS (3600 * 1000LL)

static void
code_mac(
    struct call *c, const char *address, const char *code, struct digest *out)
{
	OWN(buf_free) struct buf m = { 0 };

	id_put(&m, &c->me->uid);
	buf_put_v8(&m, bytes_str(code));
	buf_put_str(&m, address);
	server_mac(c->s, "mail code", buf_bytes(&m), out);
}

static int
has_room(struct tx *tx, struct call *c, const char *address, struct err *e)
{
	uint64_t n;

	if (sql_count(tx, e, &n,
		"SELECT COUNT(*) FROM mail_address WHERE uid = ?"
		" AND address <> ?",
		"is", &c->me->uid, address) < 0)
		return -1;
	if (n < NOTICE_ADDRESSES)
		return 0;
	(void)err_set(e, ERR_TOO_LARGE, "an account has at most %d addresses",
	    NOTICE_ADDRESSES);
	return err_remedy(e, "Remove one: aumbry mail list");
}

static int
send_code(struct tx *tx, struct call *c, const char *address, struct err *e)
{
	OWN(buf_free) struct buf subject = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	char code[CODE_DIGITS + 1];
	struct digest mac;

	code_draw(code);
	code_mac(c, address, code, &mac);
	buf_printf(
	    &subject, "%s: code to confirm this address", c->s->config.host);
	buf_printf(&text,
	    "%s\r\n\r\nType it where this address was added:\r\n\r\n    aumbry "
	    "mail confirm %s\r\n\r\nIt is good for 15 minutes. If you did not "
	    "add this address, do nothing.\r\n",
	    code, code);
	sodium_memzero(code, sizeof code);
	int rc = sql_run(tx, e,
	    "INSERT INTO mail_address (uid, address, confirmed, code,"
	    " code_until_ms) VALUES (?, ?, 0, ?, ?)"
	    " ON CONFLICT (uid, address) DO UPDATE SET"
	    " code = excluded.code, code_until_ms = excluded.code_until_ms",
	    "isdn", &c->me->uid, address, &mac, c->now_ms + CODE_MS);
	if (rc == 0)
		rc = notice_write(tx, c, &c->me->uid,
		    &(struct notice){
			address, buf_text(&subject), buf_text(&text) },
		    e);
	c->posted = true;
	return rc;
}

/* The address that the call is about, as it was typed. */
static int
take_address(const struct call *c, struct buf *out, struct err *e)
{
	const char *typed = "";

	if (jsonio_text(c->in, "address", &typed, e) < 0)
		return -1;
	buf_put_bytes(out, typed_trim(bytes_str(typed)));
	return 0;
}

int
mail_add(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	OWN(buf_free) struct buf typed = { 0 };
	bool ok;

	if (take_address(c, &typed, e) < 0)
		return -1;
	const char *address = buf_text(&typed);
	if (!notice_address_ok(address)) {
		(void)err_set(e, ERR_BAD_REQUEST,
		    "a mail address is NAME@DOMAIN, in ASCII");
		return err_remedy(e,
		    "Give it like ana@example.org; a domain of other letters "
		    "in its form xn--…");
	}
	if (server_config(c->s)->smtp_url[0] == '\0')
		return err_set(e, ERR_NO_GATEWAY, "this server sends no mail");
	buf_printf(&key, "mail|%s", id_text(&c->me->uid).s);
	if (has_room(tx, c, address, e) < 0 ||
	    server_throttle(tx, c,
		&(struct account_limit){ buf_text(&key), SENDS, HOUR_MS }, &ok,
		e) < 0)
		return -1;
	return ok ? send_code(tx, c, address, e) : 0;
}

/* Which address has that code. */
static int
find(struct tx *tx, struct call *c, const char *code, struct buf *address,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	int row;

	if (sql_ask(tx, e, &s,
		"SELECT address, code FROM mail_address WHERE uid = ?"
		" AND code_until_ms > ?",
		"in", &c->me->uid, c->now_ms) < 0)
		return -1;
	while ((row = sql_next(s, e)) > 0) {
		struct digest want, got;
		stmt_got_copy(s, 1, want.b, DIGEST_BYTES);
		code_mac(c, stmt_got_text(s, 0), code, &got);
		if (digest_equal(&want, &got) && address->n == 0)
			buf_put_str(address, stmt_got_text(s, 0));
	}
	return row;
}

int
mail_confirm(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf address = { 0 };
	const char *typed = "";
	char code[CODE_DIGITS + 1];
	bool ok;

	if (jsonio_text(c->in, "code", &typed, e) < 0)
		return -1;
	if (!code_take(c, typed, "by mail", code))
		return 0;
	if (code_try(tx, c, &c->me->uid, "mail", &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	if (find(tx, c, code, &address, e) < 0)
		return -1;
	if (address.n == 0)
		return server_refuse(
		    c, ERR_WRONG_CODE, "the code is wrong, or too old");
	jsonio_put_text(c->out, "address", buf_text(&address));
	return code_tried_well(tx, c, &c->me->uid, "mail", e) < 0 ||
		sql_run(tx, e,
		    "UPDATE mail_address SET confirmed = 1, code_until_ms = 0"
		    " WHERE uid = ? AND address = ?",
		    "is", &c->me->uid, buf_text(&address)) < 0 ||
		server_event_own(tx, c, "mail_added", buf_text(&address), e) < 0
	    ? -1
	    : 0;
}

int
mail_remove(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf typed = { 0 };
	bool row;

	if (take_address(c, &typed, e) < 0)
		return -1;
	const char *address = buf_text(&typed);
	if (sql_first(tx, e, &s, &row,
		"SELECT confirmed FROM mail_address WHERE uid = ?"
		" AND address = ?",
		"is", &c->me->uid, address) < 0)
		return -1;
	if (!row)
		return err_set(
		    e, ERR_NOT_FOUND, "the account has no such address");
	bool confirmed = stmt_got_u64(s, 0) != 0;
	stmt_done(&s);
	/* Told before it goes, so that it is told, too. */
	if (confirmed &&
	    server_event_own(tx, c, "mail_removed", address, e) < 0)
		return -1;
	return sql_run(tx, e,
	    "DELETE FROM mail_address WHERE uid = ? AND address = ?", "is",
	    &c->me->uid, address);
}

static void
put_address(struct stmt *s, const struct call *c, json_t *row)
{
	(void)c;
	jsonio_put_text(row, "address", stmt_got_text(s, 0));
	jsonio_put_true(row, "confirmed", stmt_got_u64(s, 1) != 0);
}

int
mail_list(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT address, confirmed FROM mail_address WHERE uid = ?"
		   " ORDER BY address",
		   "i", &c->me->uid) < 0
	    ? -1
	    : server_rows(s, c, "addresses", put_address, e);
}
