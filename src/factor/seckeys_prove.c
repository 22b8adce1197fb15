/* SPDX-License-Identifier: ISC */
/* seckeys_prove.c: a security key as the second factor. */
#include "factor/seckeys.h"

#include "factor/factor.h"

#include <string.h>

/* ---- asking ---- */

static void
put_credential(struct stmt *s, const struct call *c, json_t *row)
{
	(void)c;
	jsonio_put_bytes(row, "id", stmt_got_bytes(s, 0));
	jsonio_put_text(row, "name", stmt_got_text(s, 1));
	(void)json_object_set_new(row, "transports", json_array());
}

static int
put_credentials(struct tx *tx, struct call *c, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	return sql_ask(tx, e, &s,
		   "SELECT credential, name FROM security_key WHERE uid = ?"
		   " ORDER BY blocked, used_ms DESC",
		   "i", &c->me->uid) < 0
	    ? -1
	    : server_rows(s, c, "credentials", put_credential, e);
}

int
seckeys_ask(struct tx *tx, struct call *c, struct err *e)
{
	OWN(seckeys_site_free) struct seckeys_site site = { NULL, { 0 } };
	uint8_t challenge[WEBAUTHN_CHALLENGE];
	struct digest salt;
	struct factors f;

	if (factor_of(tx, &c->me->uid, &f, e) < 0 ||
	    factor_allowed(&f, FACTOR_KEY, e) < 0 ||
	    seckeys_draw(tx, c, SECKEYS_PROVE, challenge, e) < 0 ||
	    put_credentials(tx, c, e) < 0)
		return -1;
	seckeys_site(c->s, &site);
	seckeys_prf_input(&c->me->uid, &salt);
	jsonio_put_bytes(
	    c->out, "challenge", bytes_of(challenge, sizeof challenge));
	jsonio_put_text(c->out, "rp_id", site.rp_id);
	jsonio_put_text(c->out, "origin", buf_text(&site.origin));
	jsonio_put_text(c->out, "user_verification", "required");
	jsonio_put_bytes(c->out, "prf_salt", bytes_of(salt.b, DIGEST_BYTES));
	return 0;
}

/* ---- checking ---- */

struct stored {
	struct webauthn_key key;
	struct id id, member;
	char name[LIMIT_NAME_BYTES + 1];
	bool blocked;
	struct buf birth;
};

static void
stored_free(struct stored *k)
{
	buf_free(&k->birth);
}

static int
load(struct tx *tx, const struct id *uid, struct bytes credential,
    struct stored *k, bool *row, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, row,
		"SELECT id, member, name, blocked, birth_pin, alg, key, counter"
		" FROM security_key WHERE uid = ? AND credential = ?",
		"ib", uid, credential) < 0)
		return -1;
	if (!*row)
		return 0;
	stmt_got_copy(s, 0, k->id.b, ID_BYTES);
	stmt_got_copy(s, 1, k->member.b, ID_BYTES);
	struct bytes name = bytes_str(stmt_got_text(s, 2));
	memcpy(k->name, name.p,
	    name.n < sizeof k->name ? name.n : sizeof k->name - 1);
	k->blocked = stmt_got_u64(s, 3) != 0;
	buf_put_bytes(&k->birth, stmt_got_bytes(s, 4));
	k->key.alg = (int)stmt_got_i64(s, 5);
	struct bytes pk = stmt_got_bytes(s, 6);
	k->key.pk_n = pk.n <= WEBAUTHN_PK ? pk.n : 0;
	memcpy(k->key.pk, pk.p, k->key.pk_n);
	k->key.counter = (uint32_t)stmt_got_u64(s, 7);
	return 0;
}

static int
refuse(struct tx *tx, struct call *c, const struct id *uid,
    const struct err *why, struct err *e)
{
	if (server_event(tx, c,
		&(struct server_event){
		    uid, "security_key_refused", NULL, why->msg },
		e) < 0)
		return -1;
	return server_refuse(c, why->code, "%s", why->msg);
}

static int
cloned(struct tx *tx, struct call *c, const struct id *uid,
    const struct stored *k, bool told, struct err *e)
{
	if (!told &&
	    (sql_run(tx, e,
		 "UPDATE security_key SET blocked = 1 WHERE uid = ?"
		 " AND id = ?",
		 "ii", uid, &k->id) < 0 ||
		server_event(tx, c,
		    &(struct server_event){
			uid, "security_key_cloned", NULL, k->name },
		    e) < 0))
		return -1;
	return server_refuse(c, ERR_KEY_CLONED,
	    "a copy of the security key \"%s\" may exist, for its counter did "
	    "not grow: it is blocked",
	    k->name);
}

/* It holds: remember, and tell a newcomer what the key is to the circle. */
static int
used(struct tx *tx, struct call *c, const struct id *uid,
    const struct stored *k, uint32_t counter, struct err *e)
{
	OWN(circle_free) struct circle circle = { 0 };
	OWN(buf_free) struct buf fresh = { 0 };

	if (sql_run(tx, e,
		"UPDATE security_key SET counter = ?, used_ms = ?"
		" WHERE uid = ? AND id = ?",
		"unii", (uint64_t)counter, c->now_ms, uid, &k->id) < 0 ||
	    server_event(tx, c,
		&(struct server_event){
		    uid, "security_key_used", &c->me->dev_id, k->name },
		e) < 0)
		return -1;
	if (c->me->session)
		return 0;
	if (account_circle(tx, uid, &circle, e) < 0)
		return -1;
	if (circle_active(&circle, &k->member)) {
		jsonio_put_id(c->out, "member", &k->member);
		jsonio_put_bytes(c->out, "birth_pin", buf_bytes(&k->birth));
		if (account_pin(tx, uid, &k->member, &fresh, e) < 0)
			return -1;
		if (fresh.n > 0)
			jsonio_put_bytes(
			    c->out, "fresh_pin", buf_bytes(&fresh));
	}
	return sql_run(tx, e, "UPDATE joining SET proven_key = ? WHERE id = ?",
	    "ii", &k->id, &c->me->join);
}

struct given {
	struct buf credential, client, data, sig;
};

static void
given_free(struct given *g)
{
	buf_free(&g->credential);
	buf_free(&g->client);
	buf_free(&g->data);
	buf_free(&g->sig);
}

static int
take_given(const json_t *in, struct given *g, struct err *e)
{
	return jsonio_bytes(in, "credential", 0, &g->credential, e) < 0 ||
		jsonio_bytes(in, "client_data", 0, &g->client, e) < 0 ||
		jsonio_bytes(in, "authenticator_data", 0, &g->data, e) < 0 ||
		jsonio_bytes(in, "signature", 0, &g->sig, e) < 0
	    ? -1
	    : 0;
}

int
seckeys_check(struct tx *tx, struct call *c, const struct id *uid, bool *ok,
    struct err *e)
{
	OWN(seckeys_site_free) struct seckeys_site site = { NULL, { 0 } };
	OWN(stored_free) struct stored k = { .birth = { 0 } };
	OWN(given_free) struct given g = { .sig = { 0 } };
	uint8_t challenge[WEBAUTHN_CHALLENGE];
	struct err why = { 0 };
	uint32_t counter = 0;
	bool row = false;

	*ok = false;
	if (take_given(c->in, &g, e) < 0 ||
	    seckeys_take(tx, c, SECKEYS_PROVE, challenge, &row, e) < 0)
		return -1;
	if (!row)
		return 0;
	if (load(tx, uid, buf_bytes(&g.credential), &k, &row, e) < 0)
		return -1;
	if (!row) {
		(void)err_set(&why, ERR_KEY_INVALID,
		    "the security key is none of this account's");
		return refuse(tx, c, uid, &why, e);
	}
	seckeys_site(c->s, &site);
	struct webauthn_ask asked = { site.rp_id, buf_text(&site.origin),
		bytes_of(challenge, sizeof challenge) };
	struct webauthn_answer answer = { buf_bytes(&g.client),
		buf_bytes(&g.data), buf_bytes(&g.sig) };
	if (webauthn_assert(&asked, &k.key, &answer, &counter, &why) < 0)
		return refuse(tx, c, uid, &why, e);
	if (k.blocked || webauthn_is_clone(k.key.counter, counter))
		return cloned(tx, c, uid, &k, k.blocked, e);
	*ok = true;
	return used(tx, c, uid, &k, counter, e);
}

/* ---- a member that is a key ---- */

int
seckeys_proved(struct tx *tx, const struct call *c, const struct id *uid,
    const struct id *member, bool *proved, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	const char *token = json_string_value(json_object_get(c->in, "join"));
	struct digest stored;

	*proved = false;
	if (token == NULL)
		return 0;
	digest_of(bytes_str(token), &stored);
	return sql_first(tx, e, &s, proved,
	    "SELECT 1 FROM joining j JOIN security_key k ON k.uid = j.uid"
	    " AND k.id = j.proven_key WHERE j.token = ? AND j.uid = ?"
	    " AND j.state <= 1 AND j.expires_ms > ? AND k.member = ?"
	    " AND k.blocked = 0",
	    "dini", &stored, uid, c->now_ms, member);
}
