/* SPDX-License-Identifier: ISC */
/* notice.c: what is mailed to the addresses of an account. */
#include "server/notice.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define NOTICE_STEP 100 /* devices told of in one sweep */

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
	{ "factors_lost", "a device says that all second factors are lost",
	    "In 72 hours the password alone lets that device change how the "
	    "account is opened. If that is not you, stop it: aumbry two-factor "
	    "not-lost, and change the password." },
	{ "two_factor_off", "two-factor is off",
	    "Two-factor authentication was turned off." },
	{ "app_password_created", "an app-specific password was made",
	    "An app-specific password was made." },
	{ "app_password_revoked", "an app-specific password was revoked",
	    "An app-specific password was revoked." },
	{ "app_passwords_revoked", "app-specific passwords were revoked",
	    "All app-specific passwords were revoked." },
	{ "recovery_begun", "a recovery of the account was begun",
	    "Somebody recovers the account. If that is not you, stop it on one "
	    "of your devices: aumbry recovery stop" },
	{ "recovery_stopped", "a recovery was stopped",
	    "A recovery of the account was stopped." },
	{ "recovery_allowed", "a recovery was allowed",
	    "A device of yours has allowed a recovery without its wait." },
	{ "account_recovered", "the account was recovered",
	    "The account was recovered: a new device is in it, it has a new "
	    "password, and app-specific passwords are revoked." },
	{ "recovery_changed", "the ways to recover were changed",
	    "The ways to recover this account were changed." },
	{ "recovery_change_waits", "a change of the ways to recover waits",
	    "A device wants to change the ways to recover this account. It "
	    "takes force after 72 hours; an older device can stop it: aumbry "
	    "recovery veto" },
	{ "recovery_vetoed", "a change of the ways to recover was stopped",
	    "A change of the ways to recover this account was stopped." },
	{ "protection_standard", "standard protection is on",
	    "The account's protection is standard: with the operator's help "
	    "you get back in, and each use of that is told." },
	{ "protection_advanced", "advanced protection is on",
	    "The account's protection is advanced: nobody but your devices and "
	    "recovery keys opens its data." },
	{ "web_access", "web access was changed",
	    "Whether data can be opened in a browser was changed." },
	{ "keys_released", "keys were released",
	    "The escrow has handed out keys of this account's data, to a "
	    "sign-in by password and a second factor." },
	{ "keys_released_operator", "keys were released to a recovery",
	    "The escrow has handed out keys of this account's data to a "
	    "recovery that the operator ordered." },
	{ "visit_asked", "a sign-in asks to read your data",
	    "A sign-in by a code asks your devices for keys to read with. If "
	    "that is not you, change your password: aumbry password change" },
	{ "visit_opened", "a sign-in was let read your data",
	    "A device of yours has handed keys to a sign-in by a code, to read "
	    "with until it is over." },
	{ "visit_refused", "a sign-in was refused your data",
	    "A device of yours has refused a sign-in by a code the keys that "
	    "it asked for." },
	{ "account_closing", "the account ends",
	    "Somebody has asked to delete the account with all that the server "
	    "has of it. That happens at the time below, and nobody can undo "
	    "it then. Until then each of your devices keeps it, unless who "
	    "runs the server wants its end: aumbry account keep" },
	{ "account_renamed", "the account has another name",
	    "Who runs the server gave the account another name, which "
	    "sign-ins, app-specific passwords and other people's contacts go "
	    "by "
	    "from now on." },
	{ "account_kept", "the account is kept",
	    "The account is not deleted: that was taken back." },
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

int
notice_write(struct tx *tx, struct call *c, const struct id *uid,
    const struct notice *n, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO outbox (uid, address, subject, body, made_ms, tries,"
	    " next_ms) SELECT ?, ?, ?, ?, ?, 0, ? WHERE"
	    " (SELECT COUNT(*) FROM outbox WHERE uid = ? AND address = ?"
	    " AND subject = ?) < ?",
	    "isssnnissu", uid, n->address, n->subject, n->text, c->now_ms,
	    c->now_ms, uid, n->address, n->subject, (uint64_t)NOTICE_WAITING);
}

static int
to_all(struct tx *tx, struct call *c, const struct id *uid, const char *subject,
    const char *text, struct err *e)
{
	return sql_run(tx, e,
	    "INSERT INTO outbox (uid, address, subject, body, made_ms, tries,"
	    " next_ms) SELECT uid, address, ?, ?, ?, 0, ? FROM mail_address m"
	    " WHERE uid = ? AND confirmed = 1 AND"
	    " (SELECT COUNT(*) FROM outbox o WHERE o.uid = m.uid"
	    " AND o.address = m.address AND o.subject = ?) < ?",
	    "ssnnisu", subject, text, c->now_ms, c->now_ms, uid, subject,
	    (uint64_t)NOTICE_WAITING);
}

int
notice_event(struct tx *tx, struct call *c, const struct id *uid,
    const char *event, const char *detail, struct err *e)
{
	OWN(buf_free) struct buf subject = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	OWN(buf_free) struct buf place = { 0 };
	struct account a;
	size_t i = 0;
	bool found;

	while (i < ARRAY_SIZE(news) && strcmp(news[i].event, event) != 0)
		i++;
	if (i == ARRAY_SIZE(news) || server_config(c->s)->smtp_url[0] == '\0')
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
	geoip_place(c->s->geoip, c->q->peer, &place);
	buf_printf(&text, "\r\nFrom:    %s%s%s%s\r\n", c->q->peer,
	    place.n > 0 ? " (near " : "", buf_text(&place),
	    place.n > 0 ? ")" : "");
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

/* ---- backups that do not come ---- */

struct late {
	struct id uid, dev_id;
	int64_t since_ms;
	uint64_t told;
	bool never;
	char name[LIMIT_NAME_BYTES + 1];
};

/* The server does not know what a device is called. */
static int
tell_late(struct tx *tx, struct call *c, const struct late *l, struct err *e)
{
	OWN(buf_free) struct buf subject = { 0 };
	OWN(buf_free) struct buf text = { 0 };
	const char *host = c->s->config.host;

	buf_printf(&subject, "%s@%s: a device has made no backup for %s",
	    l->name, host, l->told == 0 ? "7 days" : "150 days");
	buf_printf(&text,
	    "A device that backs up by itself has not done so since:\r\n\r\n"
	    "Account: %s@%s\r\nDevice:  %s\r\nSince:   ",
	    l->name, host, id_short(&l->dev_id).s);
	text_time(&text, l->since_ms);
	buf_printf(&text,
	    "%s\r\n\r\nOn that device, which says why:\r\n\r\n    aumbry "
	    "backup status\r\n\r\naumbry device list names it, and if it is "
	    "gone: aumbry device remove. Its backups\r\nstay: nothing is "
	    "deleted.\r\n",
	    l->never ? " (it has made none yet)" : "");
	c->posted = true;
	return to_all(tx, c, &l->uid, buf_text(&subject), buf_text(&text), e);
}

/* Whoever was told `told` times, and is silent since before that. */
static int
next_late(struct tx *tx, int64_t before_ms, uint64_t told, struct late *out,
    bool *row, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, row,
		"SELECT b.uid, b.dev_id, b.since_ms, b.last_ms = 0, a.name"
		" FROM backup_state b JOIN account a ON a.uid = b.uid"
		" WHERE b.told = ? AND b.since_ms < ? AND EXISTS (SELECT 1"
		" FROM mail_address m WHERE m.uid = b.uid AND m.confirmed = 1)"
		" LIMIT 1",
		"un", told, before_ms) < 0)
		return -1;
	if (!*row)
		return 0;
	*out = (struct late){ .since_ms = stmt_got_i64(s, 2),
		.told = told,
		.never = stmt_got_u64(s, 3) != 0 };
	stmt_got_copy(s, 0, out->uid.b, ID_BYTES);
	stmt_got_copy(s, 1, out->dev_id.b, ID_BYTES);
	(void)snprintf(out->name, sizeof out->name, "%s", stmt_got_text(s, 4));
	return 0;
}

int
notice_late(struct tx *tx, struct call *c, struct err *e)
{
	static const int64_t after_ms[] = { NOTICE_LATE_MS, NOTICE_SILENT_MS };
	struct late l;
	bool row;

	if (server_config(c->s)->smtp_url[0] == '\0')
		return 0;
	for (uint64_t told = 0; told < ARRAY_SIZE(after_ms); told++)
		for (int n = 0; n < NOTICE_STEP; n++) {
			if (next_late(tx, c->now_ms - after_ms[told], told, &l,
				&row, e) < 0)
				return -1;
			if (!row)
				break;
			if (tell_late(tx, c, &l, e) < 0 ||
			    sql_run(tx, e,
				"UPDATE backup_state SET told = told + 1"
				" WHERE uid = ? AND dev_id = ?",
				"ii", &l.uid, &l.dev_id) < 0)
				return -1;
		}
	return 0;
}
