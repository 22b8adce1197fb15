/* SPDX-License-Identifier: ISC */
/* notice.c: addresses, their confirmation, and the text of notices. */
#include "server/notice.h"

#include "base/text.h"
#include "server/code.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define CODE_MS (15 * 60 * 1000LL)
#define SENDS 5 /* codes in an hour */
#define HOUR_MS (3600 * 1000LL)

static const struct {
	const char *event, *subject, *says;
} news[] = {
	{ "join_opened", "a device asks to join",
	    "Somebody who knows the password asks to join the account with a "
	    "new device. A trusted device must let it in." },
	{ "signin_visit", "somebody signed in by a code",
	    "Somebody signed in with the password and a second factor, without "
	    "one of your devices. This shows the account's settings, changes "
	    "none of them, and opens none of its data." },
	{ "browser_trusted", "a browser is trusted",
	    "A browser needs no second factor for the next 30 days." },
	{ "join_refused", "a device was refused",
	    "A trusted device refused a request to join." },
	{ "join_failed", "a device was not let in",
	    "A request to join ended, for the code was wrong too often." },
	{ "device_added", "a device was let in",
	    "A device was let into the account." },
	{ "device_removed", "a device was removed",
	    "A device was removed from the account." },
	{ "password_changed", "the password was changed",
	    "The account's password was changed." },
	{ "factor_confirmed", "an authenticator was confirmed",
	    "An authenticator was added to the account." },
	{ "factor_removed", "an authenticator was removed",
	    "The authenticator was removed from the account." },
	{ "security_key_added", "a security key was added",
	    "A security key was added to the account." },
	{ "security_key_removed", "a security key was removed",
	    "A security key was removed from the account." },
	{ "security_key_used", "a security key was used",
	    "A security key was used to prove who is there." },
	{ "security_key_refused", "a security key was refused",
	    "Somebody who knows the password used a security key that was "
	    "refused." },
	{ "security_key_cloned", "a security key may have been copied",
	    "A security key's counter did not grow, so a copy of it may "
	    "exist. It is blocked." },
	{ "phone_added", "a phone number was added",
	    "A phone number was added to the account. It counts once its code "
	    "is confirmed." },
	{ "phone_confirmed", "a phone number was confirmed",
	    "Codes by text or call now go to a phone number more." },
	{ "phone_removed", "a phone number was removed",
	    "A phone number was removed from the account." },
	{ "code_sent", "a code was sent",
	    "Somebody who knows the password had a code sent to a phone of the "
	    "account." },
	{ "two_factor_on", "two-factor is on",
	    "Two-factor authentication was turned on." },
	{ "two_factor_off", "two-factor is off",
	    "Two-factor authentication was turned off." },
	{ "app_password_created", "an app-specific password was made",
	    "An app-specific password was made." },
	{ "app_password_revoked", "an app-specific password was revoked",
	    "An app-specific password was revoked." },
	{ "app_passwords_revoked", "app-specific passwords were revoked",
	    "All app-specific passwords were revoked." },
	{ "mail_added", "an address was added",
	    "Notices of this account go to an address more." },
	{ "mail_removed", "an address was removed",
	    "Notices of this account no longer go to one of the addresses." },
};

bool
notice_address_ok(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = strlen(s), local = strcspn(s, "@");

	if (n > NOTICE_ADDRESS || local == 0 || local > 64 || s[local] != '@')
		return false;
	const char *domain = s + local + 1;
	for (size_t i = 0; i < local; i++)
		if (strchr(letters, s[i]) == NULL &&
		    strchr(".!#$%&'*+/=?^_`{|}~-", s[i]) == NULL)
			return false;
	for (const char *p = domain; *p != '\0'; p++)
		if (strchr(letters, *p) == NULL && *p != '.' && *p != '-')
			return false;
	return s[0] != '.' && s[0] != '-' && domain[0] != '\0' &&
	    domain[0] != '.' && domain[0] != '-' && s[n - 1] != '.';
}

/* ---- writing mails ---- */

static int
enqueue(struct tx *tx, struct call *c, const struct id *uid,
    const char *address, const char *subject, const char *text, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO outbox (uid, address, subject, body, made_ms, tries,"
	    " next_ms) SELECT ?, ?, ?, ?, ?, 0, ? WHERE"
	    " (SELECT COUNT(*) FROM outbox WHERE uid = ?) < ?",
	    "isssnniu", uid, address, subject, text, c->now_ms, c->now_ms, uid,
	    (uint64_t)NOTICE_WAITING);
}

static int
to_all(struct tx *tx, struct call *c, const struct id *uid, const char *subject,
    const char *text, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO outbox (uid, address, subject, body, made_ms, tries,"
	    " next_ms) SELECT uid, address, ?, ?, ?, 0, ? FROM mail_address"
	    " WHERE uid = ? AND confirmed = 1 AND"
	    " (SELECT COUNT(*) FROM outbox WHERE uid = ?) < ?",
	    "ssnniiu", subject, text, c->now_ms, c->now_ms, uid, uid,
	    (uint64_t)NOTICE_WAITING);
}

int
notice_event(struct tx *tx, struct call *c, const struct id *uid,
    const char *event, const char *detail, struct err *e)
{
	OWN(buf_free) struct buf subject = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	struct account a;
	size_t i = 0;
	bool found;

	while (i < ARRAY_SIZE(news) && strcmp(news[i].event, event) != 0)
		i++;
	if (i == ARRAY_SIZE(news) || c->s->config.smtp_url[0] == '\0')
		return 0;
	if (account_by_uid(tx, uid, &a, &found, e) < 0)
		return -1;
	if (!found)
		return 0;
	buf_printf(
	    &subject, "%s@%s: %s", a.name, c->s->config.host, news[i].subject);
	buf_printf(&text, "%s\r\n\r\nAccount: %s@%s\r\nTime:    ", news[i].says,
	    a.name, c->s->config.host);
	text_time(&text, c->now_ms);
	buf_printf(&text, "\r\nFrom:    %s\r\n", c->q->peer);
	if (detail[0] != '\0') {
		buf_put_str(&text, "What:    ");
		text_show(&text, bytes_str(detail));
		buf_put_str(&text, "\r\n");
	}
	buf_put_str(&text,
	    "\r\nIf this was not you, look at the account from a device of "
	    "yours:\r\n\r\n    aumbry log\r\n    aumbry device list\r\n    "
	    "aumbry password change\r\n");
	c->posted = true;
	return to_all(tx, c, uid, buf_text(&subject), buf_text(&text), e);
}

/* ---- addresses ---- */

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
	OWN(stmt_done) struct stmt *s = NULL;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT COUNT(*) FROM mail_address WHERE uid = ?"
		" AND address <> ?",
		"is", &c->me->uid, address) < 0)
		return -1;
	if (stmt_got_u64(s, 0) < NOTICE_ADDRESSES)
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
		rc = enqueue(tx, c, &c->me->uid, address, buf_text(&subject),
		    buf_text(&text), e);
	c->posted = true;
	return rc;
}

static int
add(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };
	const char *address = "";
	bool ok;

	if (jsonio_text(c->in, "address", &address, e) < 0)
		return -1;
	if (!notice_address_ok(address))
		return err_set(e, ERR_BAD_REQUEST,
		    "a mail address is NAME@DOMAIN, in ASCII");
	if (c->s->config.smtp_url[0] == '\0')
		return err_set(e, ERR_NO_GATEWAY, "this server sends no mail");
	buf_printf(&key, "mail|%s", id_text(&c->me->uid).s);
	if (has_room(tx, c, address, e) < 0 ||
	    server_throttle(tx, c, buf_text(&key), SENDS, HOUR_MS, &ok, e) < 0)
		return -1;
	return ok ? send_code(tx, c, address, e) : 0;
}

int
notice_add(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, add, SERVER_WRITE, e);
}

/* Which address has that code. */
static int
find(struct tx *tx, struct call *c, const char *code, struct buf *address,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT address, code FROM mail_address WHERE uid = ?"
		" AND code_until_ms > ?",
		"in", &c->me->uid, c->now_ms) < 0)
		return -1;
	for (;;) {
		struct digest want, got;
		bool row;
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		stmt_got_copy(s, 1, want.b, DIGEST_BYTES);
		code_mac(c, stmt_got_text(s, 0), code, &got);
		if (digest_equal(&want, &got) && address->n == 0)
			buf_put_str(address, stmt_got_text(s, 0));
	}
}

static int
confirm(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf address = { 0 };
	const char *code = "";
	bool ok;

	if (jsonio_text(c->in, "code", &code, e) < 0)
		return -1;
	if (!code_shape(c, code, "by mail"))
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
	return code_tried_well(tx, &c->me->uid, "mail", e) < 0 ||
		sql_run(tx, e,
		    "UPDATE mail_address SET confirmed = 1, code_until_ms = 0"
		    " WHERE uid = ? AND address = ?",
		    "is", &c->me->uid, buf_text(&address)) < 0 ||
		server_event(tx, c, &c->me->uid, "mail_added", &c->me->dev_id,
		    buf_text(&address), e) < 0
	    ? -1
	    : 0;
}

int
notice_confirm(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, confirm, SERVER_WRITE, e);
}

static int
drop(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const char *address = "";
	bool row;

	if (jsonio_text(c->in, "address", &address, e) < 0 ||
	    sql_first(tx, e, &s, &row,
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
	    server_event(tx, c, &c->me->uid, "mail_removed", &c->me->dev_id,
		address, e) < 0)
		return -1;
	return sql_run(tx, e,
	    "DELETE FROM mail_address WHERE uid = ? AND address = ?", "is",
	    &c->me->uid, address);
}

int
notice_remove(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, drop, SERVER_WRITE, e);
}

static void
put_address(struct stmt *s, const struct call *c, json_t *row)
{
	(void)c;
	jsonio_put_text(row, "address", stmt_got_text(s, 0));
	jsonio_put_true(row, "confirmed", stmt_got_u64(s, 1) != 0);
}

static int
list(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	json_t *all = json_array();

	(void)json_object_set_new(c->out, "addresses", all);
	return sql_ask(tx, e, &s,
		   "SELECT address, confirmed FROM mail_address WHERE uid = ?"
		   " ORDER BY address",
		   "i", &c->me->uid) < 0
	    ? -1
	    : server_rows(s, c, all, put_address, e);
}

int
notice_list(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	return server_json(app, q, r, list, SERVER_READ, e);
}
