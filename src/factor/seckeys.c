/* SPDX-License-Identifier: ISC */
/* seckeys.c: adding, listing and removing security keys. */
#include "factor/seckeys.h"

#include "base/text.h"
#include "factor/factor.h"

#include <sodium.h>
#include <string.h>

#define CHALLENGE_MS (5 * 60 * 1000)
#define HTTPS_PORT ":443"

/* ---- who we are ---- */

void
seckeys_site_free(struct seckeys_site *s)
{
	buf_free(&s->origin);
}

/* Behind a proxy `url` says it; else it is host and port. */
void
seckeys_site(const struct server *s, struct seckeys_site *out)
{
	const char *url = s->config.url;
	const char *from = strstr(url, "://");

	out->rp_id = s->config.host;
	buf_clear(&out->origin);
	if (from != NULL && !s->plain) {
		size_t n = strcspn(from + 3, "/#");
		size_t port = strlen(HTTPS_PORT);
		if (n > port &&
		    strncmp(from + 3 + n - port, HTTPS_PORT, port) == 0)
			n -= port;
		buf_put_str(&out->origin, "https://");
		buf_put(&out->origin, from + 3, n);
		return;
	}
	unsigned port = http_port(s->http);
	buf_printf(&out->origin, "%s://%s", s->plain ? "http" : "https",
	    s->config.host);
	if (port != (s->plain ? 80 : 443))
		buf_printf(&out->origin, ":%u", port);
}

void
seckeys_prf_input(const struct id *uid, struct digest *out)
{
	OWN(buf_free) struct buf b = { 0 };

	buf_put_str(&b, "aumbry prf v1");
	id_put(&b, uid);
	digest_of(buf_bytes(&b), out);
}

/* ---- challenges ---- */

static const struct id *
holder(const struct call *c)
{
	return c->me->session ? &c->me->session_id : &c->me->join;
}

int
seckeys_draw(struct tx *tx, struct call *c, enum seckeys_kind kind,
    uint8_t out[static WEBAUTHN_CHALLENGE], struct err *e)
{
	randombytes_buf(out, WEBAUTHN_CHALLENGE);
	return sql_run(tx, e,
	    "INSERT INTO key_challenge (holder, kind, challenge, expires_ms)"
	    " VALUES (?, ?, ?, ?) ON CONFLICT (holder, kind) DO UPDATE SET"
	    " challenge = excluded.challenge,"
	    " expires_ms = excluded.expires_ms",
	    "iubn", holder(c), (uint64_t)kind,
	    bytes_of(out, WEBAUTHN_CHALLENGE), c->now_ms + CHALLENGE_MS);
}

int
seckeys_take(struct tx *tx, struct call *c, enum seckeys_kind kind,
    uint8_t out[static WEBAUTHN_CHALLENGE], bool *ok, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, ok,
		"SELECT challenge FROM key_challenge WHERE holder = ?"
		" AND kind = ? AND expires_ms > ?",
		"iun", holder(c), (uint64_t)kind, c->now_ms) < 0)
		return -1;
	if (!*ok)
		return server_refuse(c, ERR_CODE_EXPIRED,
		    "the challenge was answered before, or is older than 5 "
		    "minutes");
	stmt_got_copy(s, 0, out, WEBAUTHN_CHALLENGE);
	stmt_done(&s);
	return sql_run(tx, e,
	    "DELETE FROM key_challenge WHERE holder = ? AND kind = ?", "iu",
	    holder(c), (uint64_t)kind);
}

/* ---- what there is ---- */

static int
count(struct tx *tx, const struct id *uid, uint64_t *n, struct err *e)
{
	return sql_count(tx, e, n,
	    "SELECT COUNT(*) FROM security_key WHERE uid = ?", "i", uid);
}

int
seckeys_has(struct tx *tx, const struct id *uid, bool *has, struct err *e)
{
	uint64_t n = 0;

	if (count(tx, uid, &n, e) < 0)
		return -1;
	*has = n >= SECKEYS_LEAST;
	return 0;
}

static void
put_key(struct stmt *s, const struct call *c, json_t *row)
{
	struct id id, member;

	(void)c;
	stmt_got_copy(s, 0, id.b, ID_BYTES);
	stmt_got_copy(s, 5, member.b, ID_BYTES);
	jsonio_put_id(row, "id", &id);
	jsonio_put_text(row, "name", stmt_got_text(s, 1));
	jsonio_put_u64(row, "added_ms", stmt_got_u64(s, 2));
	if (stmt_got_u64(s, 3) != 0)
		jsonio_put_u64(row, "used_ms", stmt_got_u64(s, 3));
	jsonio_put_true(row, "blocked", stmt_got_u64(s, 4) != 0);
	if (!id_zero(&member))
		jsonio_put_id(row, "member", &member);
}

int
seckeys_list(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_ask(tx, e, &s,
		"SELECT id, name, added_ms, used_ms, blocked, member"
		" FROM security_key WHERE uid = ? ORDER BY added_ms, name",
		"i", &c->me->uid) < 0 ||
	    server_rows(s, c, "keys", put_key, e) < 0)
		return -1;
	const json_t *keys = json_object_get(c->out, "keys");
	jsonio_put_true(c->out, "on", json_array_size(keys) >= SECKEYS_LEAST);
	return 0;
}

/* ---- add ---- */

static int
room_for_more(struct tx *tx, struct call *c, struct err *e)
{
	uint64_t n = 0;

	if (count(tx, &c->me->uid, &n, e) < 0)
		return -1;
	if (n < SECKEYS_MOST)
		return 0;
	(void)err_set(e, ERR_TOO_LARGE,
	    "an account has at most %d security keys", SECKEYS_MOST);
	return err_remedy(
	    e, "Remove one first: aumbry security-key remove NAME");
}

/* The credentials that a new key must not have. */
static int
put_exclude(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	OWN(buf_free) struct buf ids = { 0 };

	if (sql_ask(tx, e, &s,
		"SELECT credential FROM security_key WHERE uid = ?", "i",
		&c->me->uid) < 0 ||
	    sql_gather(s, &ids, e) < 0)
		return -1;
	jsonio_put_list(c->out, "exclude", buf_bytes(&ids));
	return 0;
}

int
seckeys_start(struct tx *tx, struct call *c, struct err *e)
{
	OWN(seckeys_site_free) struct seckeys_site site = { NULL, { 0 } };
	OWN(buf_free) struct buf name = { 0 };
	uint8_t challenge[WEBAUTHN_CHALLENGE];
	struct digest salt;
	struct account a;

	if (server_account(tx, &c->me->uid, &a, e) < 0)
		return -1;
	if (room_for_more(tx, c, e) < 0 ||
	    seckeys_draw(tx, c, SECKEYS_ADD, challenge, e) < 0 ||
	    put_exclude(tx, c, e) < 0)
		return -1;
	seckeys_site(c->s, &site);
	seckeys_prf_input(&a.uid, &salt);
	buf_printf(&name, "%s@%s", a.name, c->s->config.host);
	jsonio_put_bytes(
	    c->out, "challenge", bytes_of(challenge, sizeof challenge));
	jsonio_put_text(c->out, "rp_id", site.rp_id);
	jsonio_put_text(c->out, "rp_name", "Aumbry");
	jsonio_put_text(c->out, "origin", buf_text(&site.origin));
	jsonio_put_id(c->out, "user_id", &a.uid);
	jsonio_put_text(c->out, "user_name", buf_text(&name));
	(void)json_object_set_new(c->out, "algorithms",
	    json_pack("[i, i]", WEBAUTHN_ES256, WEBAUTHN_EDDSA));
	jsonio_put_bytes(c->out, "prf_salt", bytes_of(salt.b, DIGEST_BYTES));
	return 0;
}

/* What a key is to the circle: nothing, or a member with its birth pin. */
struct membership {
	struct id dev_id;
	struct buf birth;
};

static void
membership_free(struct membership *m)
{
	buf_free(&m->birth);
}

static int
take_membership(
    struct tx *tx, struct call *c, struct membership *m, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };

	if (json_object_get(c->in, "member") == NULL)
		return 0;
	if (jsonio_id(c->in, "member", &m->dev_id, e) < 0 ||
	    jsonio_bytes(c->in, "birth_pin", SECKEYS_BIRTH, &m->birth, e) < 0 ||
	    account_circle(tx, &c->me->uid, &circle, e) < 0)
		return -1;
	const struct member *of = circle_member(&circle, &m->dev_id);
	if (of == NULL || !of->active || of->device.class != CLASS_SECURITY_KEY)
		return err_set(e, ERR_NOT_A_MEMBER,
		    "the key is not in the list of devices as one");
	return 0;
}

static int
insert(struct tx *tx, struct call *c, const char *name,
    const struct webauthn_key *k, const struct membership *m, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	struct bytes credential = bytes_of(k->id, k->id_n);
	struct id id;
	bool row;

	if (sql_first(tx, e, &s, &row,
		"SELECT name = ? FROM security_key WHERE uid = ?"
		" AND (name = ? OR credential = ?)",
		"sisb", name, &c->me->uid, name, credential) < 0)
		return -1;
	if (row && stmt_got_u64(s, 0) != 0) {
		(void)err_set(
		    e, ERR_CONFLICT, "a security key \"%s\" is there", name);
		return err_remedy(e, "Give it another name: --name NAME");
	}
	if (row)
		return err_set(
		    e, ERR_CONFLICT, "this security key is there already");
	id_random(&id);
	jsonio_put_id(c->out, "id", &id);
	return sql_run(tx, e,
	    "INSERT INTO security_key (uid, id, credential, name, alg, key,"
	    " counter, added_ms, used_ms, blocked, member, birth_pin)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?)",
	    "iibsnbunib", &c->me->uid, &id, credential, name, (int64_t)k->alg,
	    bytes_of(k->pk, k->pk_n), (uint64_t)k->counter, c->now_ms,
	    &m->dev_id, buf_bytes(&m->birth));
}

/* The second key puts them in force: what was shown before counts no more. */
static int
came(struct tx *tx, struct call *c, const char *name, struct err *e)
{
	uint64_t n = 0;

	if (server_event_own(tx, c, "security_key_added", name, e) < 0 ||
	    count(tx, &c->me->uid, &n, e) < 0)
		return -1;
	jsonio_put_u64(c->out, "keys", n);
	jsonio_put_true(c->out, "on", n >= SECKEYS_LEAST);
	if (n != SECKEYS_LEAST)
		return 0;
	return sql_run(tx, e, "DELETE FROM trusted_browser WHERE uid = ?", "i",
		   &c->me->uid) < 0 ||
		factor_confirmed(
		    tx, c, "factor_confirmed", "security keys", e) < 0
	    ? -1
	    : 0;
}

int
seckeys_finish(struct tx *tx, struct call *c, struct err *e)
{
	OWN(seckeys_site_free) struct seckeys_site site = { NULL, { 0 } };
	OWN(membership_free) struct membership m = { .birth = { 0 } };
	OWN(buf_free) struct buf client = { 0 };
	OWN(buf_free) struct buf attestation = { 0 };
	uint8_t challenge[WEBAUTHN_CHALLENGE];
	struct webauthn_key key;
	struct err why;
	const char *name = "";
	bool ok;

	if (jsonio_text(c->in, "name", &name, e) < 0 ||
	    jsonio_bytes(c->in, "client_data", 0, &client, e) < 0 ||
	    jsonio_bytes(c->in, "attestation_object", 0, &attestation, e) < 0)
		return -1;
	if (name[0] == '\0' || strlen(name) > LIMIT_NAME_BYTES ||
	    !text_is_label(name))
		return err_set(e, ERR_BAD_NAME,
		    "a security key's name has 1 to %d bytes of UTF-8, and "
		    "something to be seen",
		    LIMIT_NAME_BYTES);
	if (room_for_more(tx, c, e) < 0 || take_membership(tx, c, &m, e) < 0 ||
	    seckeys_take(tx, c, SECKEYS_ADD, challenge, &ok, e) < 0)
		return -1;
	if (!ok)
		return 0;
	seckeys_site(c->s, &site);
	struct webauthn_ask ask = { site.rp_id, buf_text(&site.origin),
		bytes_of(challenge, sizeof challenge) };
	if (webauthn_register(&ask, buf_bytes(&client), buf_bytes(&attestation),
		&key, &why) < 0)
		return server_refuse(c, why.code, "%s", why.msg);
	return insert(tx, c, name, &key, &m, e) < 0 ? -1 : came(tx, c, name, e);
}

/* ---- remove ---- */

static int
one_by_name(struct tx *tx, struct call *c, struct id *id, struct buf *name,
    struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const char *by = json_string_value(json_object_get(c->in, "name"));
	bool row;

	if (by == NULL && jsonio_id(c->in, "id", id, e) < 0)
		return -1;
	if ((by != NULL ? sql_first(tx, e, &s, &row,
			      "SELECT id, name FROM security_key WHERE uid = ?"
			      " AND name = ?",
			      "is", &c->me->uid, by)
			: sql_first(tx, e, &s, &row,
			      "SELECT id, name FROM security_key WHERE uid = ?"
			      " AND id = ?",
			      "ii", &c->me->uid, id)) < 0)
		return -1;
	if (!row) {
		(void)err_set(
		    e, ERR_NOT_FOUND, "there is no such security key");
		return err_remedy(e, "See: aumbry security-key list");
	}
	stmt_got_copy(s, 0, id->b, ID_BYTES);
	buf_put_str(name, stmt_got_text(s, 1));
	return 0;
}

static int
remove_one(struct tx *tx, struct call *c, struct err *e)
{
	OWN(buf_free) struct buf name = { 0 };
	uint64_t n = 0;
	struct id id;

	if (one_by_name(tx, c, &id, &name, e) < 0 ||
	    count(tx, &c->me->uid, &n, e) < 0)
		return -1;
	if (n == SECKEYS_LEAST) {
		(void)err_set(e, ERR_PERMISSION,
		    "a single key would let codes be accepted again, so the "
		    "last %d go together",
		    SECKEYS_LEAST);
		return err_remedy(e,
		    "Add another key first, or: aumbry security-key remove "
		    "--all");
	}
	if (jsonio_true(c->in, "dry_run"))
		return 0;
	jsonio_put_u64(c->out, "keys", n - 1);
	jsonio_put_true(c->out, "on", n - 1 >= SECKEYS_LEAST);
	return sql_run(tx, e,
		   "DELETE FROM security_key WHERE uid = ? AND id = ?", "ii",
		   &c->me->uid, &id) < 0
	    ? -1
	    : server_event_own(
		  tx, c, "security_key_removed", buf_text(&name), e);
}

static int
remove_all(struct tx *tx, struct call *c, struct err *e)
{
	uint64_t n = 0;

	if (factor_may_go(tx, c, FACTOR_KEY, "a pair of security keys", e) <
		0 ||
	    count(tx, &c->me->uid, &n, e) < 0)
		return -1;
	jsonio_put_u64(c->out, "keys", 0);
	jsonio_put_true(c->out, "on", false);
	if (n == 0 || jsonio_true(c->in, "dry_run"))
		return 0;
	return sql_run(tx, e, "DELETE FROM security_key WHERE uid = ?", "i",
		   &c->me->uid) < 0
	    ? -1
	    : server_event_own(tx, c, "security_key_removed",
		  "all: codes are accepted again", e);
}

int
seckeys_remove(struct tx *tx, struct call *c, struct err *e)
{
	return jsonio_true(c->in, "all") ? remove_all(tx, c, e)
					 : remove_one(tx, c, e);
}
