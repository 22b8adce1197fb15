/* SPDX-License-Identifier: ISC */
/* metadata.c: the tables of the database, one after the other. */
#include "disclose/metadata.h"

#include "disclose/outdir.h"
#include "store/usage.h"
#include "wire/jsonio.h"

#include <string.h>

const struct metadata_table metadata_tables[] = {
	{ "account", "metadata/account.json",
	    "record, birth_pin: from the OPAQUE record a password can be "
	    "guessed with the server's key" },
	{ "answered", NULL,
	    "what the last hour's requests were answered, sealed under keys "
	    "that only those who asked have" },
	{ "app_password", "metadata/factors.json",
	    "mac: a credential; the passwords themselves are not stored" },
	{ "backup_state", "metadata/devices.json", NULL },
	{ "blob", "metadata/blobs.csv", NULL },
	{ "circle_entry", "metadata/circle.bin", NULL },
	{ "closing", "metadata/requests.json", "entry: as circle.bin" },
	{ "device_seen", "metadata/devices.json", NULL },
	{ "envelope", "metadata/envelopes.bin", NULL },
	{ "escrow_begun", "metadata/requests.json", NULL },
	{ "escrow_job", "metadata/requests.json", "body: as circle.bin" },
	{ "event", "metadata/log.json", NULL },
	{ "factor", "metadata/factors.json",
	    "secret, counter: a credential, sealed under a key of the server" },
	{ "factor_loss", "metadata/factors.json", NULL },
	{ "fresh_pin", "metadata/factors.json",
	    "pin: a MAC under a key that the server does not have" },
	{ "gone", NULL, "names that accounts had which are no more" },
	{ "head", "metadata/zones.json", NULL },
	{ "inbox", "metadata/messages.json", NULL },
	{ "inbox_item", "metadata/messages.json",
	    "bytes: a letter that the devices of who gets it can open" },
	{ "inbox_peer", "metadata/messages.json", NULL },
	{ "invite", NULL, "it is of no account" },
	{ "joining", "metadata/requests.json",
	    "token, nonce, proven_key: credentials" },
	{ "joining_message", "metadata/requests.json",
	    "body: sealed between two devices, gone within the hour" },
	{ "key_challenge", NULL, "random numbers that are good for a minute" },
	{ "login", NULL, "sign-ins that are going on: a credential" },
	{ "loose", "metadata/zones.json", NULL },
	{ "mail_address", "metadata/factors.json", "code: a credential" },
	{ "mark", NULL, "it is of no account" },
	{ "outbox", "metadata/requests.json", NULL },
	{ "phone", "metadata/factors.json", "code: a credential" },
	{ "record", "metadata/records.csv", NULL },
	{ "recovering", "metadata/requests.json", "token, nonce: credentials" },
	{ "recovery", "metadata/factors.json",
	    "verifier, assist, half, birth_pin: credentials" },
	{ "schema_version", NULL, "it is of no account" },
	{ "security_key", "metadata/factors.json", "birth_pin: a credential" },
	{ "session", "metadata/sessions.json", "token, nonce: credentials" },
	{ "throttle", "metadata/requests.json", NULL },
	{ "trusted_browser", "metadata/sessions.json", "token: a credential" },
	{ "usage", "metadata/account.json", NULL },
	{ "used_nonce", NULL, "random numbers that are good for a minute" },
	{ "verifying", "metadata/requests.json",
	    "nonce: a random number; claim: as circle.bin" },
	{ "visit", "metadata/requests.json", "session, nonce: credentials" },
	{ "zone", "metadata/zones.json", NULL },
};
const size_t metadata_n_tables = ARRAY_SIZE(metadata_tables);

/* ---- files that are lists of rows ---- */

static const struct listed {
	const char *file, *member, *sql, *columns;
} listed[] = {
	{ "metadata/sessions.json", "sessions",
	    "SELECT id, dev_id, class, limited, opened_ms, expires_ms,"
	    " password_ms, step_up_ms, released, way, os, address FROM session"
	    " WHERE uid = ? ORDER BY opened_ms",
	    "id:h device:h class:c limited:y opened:t expires:t "
	    "password_proven:t stepped_up:t released_categories:n way:s os:s "
	    "address:s" },
	{ "metadata/sessions.json", "trusted_browsers",
	    "SELECT id, opened_ms, seen_ms, expires_ms, os, address"
	    " FROM trusted_browser WHERE uid = ? ORDER BY opened_ms",
	    "id:h opened:t seen:t expires:t os:s address:s" },
	{ "metadata/log.json", "events",
	    "SELECT n, time_ms, event, dev_id, address, detail FROM event"
	    " WHERE uid = ? ORDER BY n",
	    "n:n time:t event:s device:h address:s detail:s" },
	{ "metadata/factors.json", "factors",
	    "SELECT kind, confirmed FROM factor WHERE uid = ? ORDER BY kind",
	    "kind:s confirmed:y" },
	{ "metadata/factors.json", "phones",
	    "SELECT id, number, call, confirmed, added_ms FROM phone"
	    " WHERE uid = ? ORDER BY added_ms",
	    "id:h number:s calls:y confirmed:y added:t" },
	{ "metadata/factors.json", "mail_addresses",
	    "SELECT address, confirmed FROM mail_address WHERE uid = ?"
	    " ORDER BY address",
	    "address:s confirmed:y" },
	{ "metadata/factors.json", "app_passwords",
	    "SELECT id, label, scope, created_ms, expires_ms, used_ms,"
	    " used_from FROM app_password WHERE uid = ? ORDER BY created_ms",
	    "id:h label:s scope:s created:t expires:t used:t used_from:s" },
	{ "metadata/factors.json", "security_keys",
	    "SELECT id, credential, name, alg, key, counter, added_ms, used_ms,"
	    " blocked, member FROM security_key WHERE uid = ?"
	    " ORDER BY added_ms",
	    "id:h credential:b name:s algorithm:n public_key:b counter:n "
	    "added:t used:t blocked:y member:h" },
	{ "metadata/factors.json", "recovery",
	    "SELECT keyref, kind, created_ms FROM recovery WHERE uid = ?"
	    " ORDER BY created_ms",
	    "keyref:h kind:n created:t" },
	{ "metadata/factors.json", "losses",
	    "SELECT dev_id, ready_ms FROM factor_loss WHERE uid = ?"
	    " ORDER BY ready_ms",
	    "of:hn" },
	{ "metadata/factors.json", "fresh_pins",
	    "SELECT ref FROM fresh_pin WHERE uid = ? ORDER BY ref", "of:h" },
	{ "metadata/requests.json", "closing",
	    "SELECT asked_ms, ends_ms, dev_id FROM closing WHERE uid = ?",
	    "asked:t ends:t device:h" },
	{ "metadata/requests.json", "escrow_begun",
	    "SELECT expires_ms FROM escrow_begun WHERE uid = ?", "expires:t" },
	{ "metadata/requests.json", "joins",
	    "SELECT id, created_ms, expires_ms, device, machine, os, address,"
	    " asker,"
	    " state, by_device, (SELECT COUNT(*) FROM joining_message"
	    " WHERE joining = joining.id), (SELECT COALESCE(SUM(LENGTH(body)),"
	    " 0) FROM joining_message WHERE joining = joining.id) FROM joining"
	    " WHERE uid = ? ORDER BY created_ms",
	    "id:h created:t expires:t device:b machine:h os:s address:s "
	    "asker:s state:n by_device:h messages:n message_bytes:n" },
	{ "metadata/requests.json", "recoveries",
	    "SELECT id, way, keyref, device, os, address, source, created_ms,"
	    " state,"
	    " ready_ms, expires_ms, helper, reference FROM recovering WHERE "
	    "uid = ?"
	    " ORDER BY created_ms",
	    "id:h way:s keyref:h device:b os:s address:s source:s created:t "
	    "state:n "
	    "ready:t expires:t helper:h reference:s" },
	{ "metadata/requests.json", "visits",
	    "SELECT id, categories, address, created_ms, expires_ms, state,"
	    " by_device FROM visit WHERE uid = ? ORDER BY created_ms",
	    "id:h categories:n address:s created:t expires:t state:n "
	    "by_device:h" },
	{ "metadata/requests.json", "comparisons",
	    "SELECT id, uid, by_uid, by_device, dev_id, created_ms, expires_ms,"
	    " state FROM verifying WHERE ? IN (uid, by_uid)"
	    " ORDER BY created_ms",
	    "id:h account:h asked_by:h asked_by_device:h device:h created:t "
	    "expires:t state:n" },
	{ "metadata/requests.json", "mail_to_send",
	    "SELECT address, subject, body, made_ms, tries FROM outbox"
	    " WHERE uid = ? ORDER BY n",
	    "address:s subject:s body:s made:t tries:n" },
	{ "metadata/requests.json", "escrow_to_tell",
	    "SELECT verb, tries, next_ms FROM escrow_job WHERE uid = ?"
	    " ORDER BY n",
	    "verb:n tries:n next:t" },
	{ "metadata/messages.json", "inbox",
	    "SELECT top, items, bytes, last_ms FROM inbox WHERE uid = ?",
	    "newest:n items:n bytes:n last:t" },
	{ "metadata/messages.json", "waiting",
	    "SELECT number, sender, packet, received_ms, LENGTH(bytes)"
	    " FROM inbox_item WHERE uid = ? ORDER BY number",
	    "number:n from:h packet:h received:t bytes:n" },
	{ "metadata/messages.json", "may_write",
	    "SELECT peer, state, time_ms FROM inbox_peer WHERE uid = ?"
	    " ORDER BY time_ms",
	    "account:h state:n since:t" },
	{ "metadata/messages.json", "written_to",
	    "SELECT uid, state, time_ms FROM inbox_peer WHERE peer = ?"
	    " ORDER BY time_ms",
	    "account:h state:n since:t" },
};

/* Does a key of the throttles name the account: "password|ana|::1"? */
static bool
names(const char *key, const struct account *a)
{
	OWN(mem_free) char *parts = mem_text(key);
	struct id_text uid = id_text(&a->uid);
	char *next = NULL;

	for (char *p = strtok_r(parts, "|", &next); p != NULL;
	     p = strtok_r(NULL, "|", &next))
		if (strcmp(p, a->name) == 0 || strcmp(p, uid.s) == 0)
			return true;
	return false;
}

static int
put_throttles(
    const struct holding *h, struct tx *tx, json_t *file, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;
	json_t *list = json_array();
	bool row;

	(void)json_object_set_new(file, "tries", list);
	if (sql_ask(tx, e, &s,
		"SELECT name, tries, since_ms FROM throttle ORDER BY name",
		"") < 0)
		return -1;
	for (;;) {
		if (stmt_next(s, &row, e) < 0)
			return -1;
		if (!row)
			return 0;
		if (names(stmt_got_text(s, 0), &h->account))
			(void)json_array_append_new(
			    list, metadata_row(s, "what:s tries:n since:t"));
	}
}

static int
write_lists(
    const struct holding *h, struct tx *tx, const char *out, struct err *e)
{
	OWN(jsonio_free) json_t *file = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(listed); i++) {
		json_t *rows = NULL;
		if (file == NULL)
			file = json_object();
		if (metadata_rows(tx, &h->account.uid, listed[i].sql,
			listed[i].columns, &rows, e) < 0)
			return -1;
		(void)json_object_set_new(file, listed[i].member, rows);
		bool last = i + 1 == ARRAY_SIZE(listed);
		if (!last && strcmp(listed[i].file, listed[i + 1].file) == 0)
			continue;
		if (last && put_throttles(h, tx, file, e) < 0)
			return -1;
		if (metadata_file(out, listed[i].file, TAKE(file), e) < 0)
			return -1;
	}
	return 0;
}

/* ---- the account ---- */

static int
write_account(
    const struct holding *h, struct tx *tx, const char *out, struct err *e)
{
	OWN(jsonio_free) json_t *j = json_object();
	const struct circle *c = &h->circle;
	struct usage u;

	if (usage_get(tx, &h->account.uid, &u, e) < 0)
		return -1;
	jsonio_put_text(j, "name", h->account.name);
	jsonio_put_id(j, "uid", &h->account.uid);
	metadata_put_time(j, "created", (uint64_t)h->account.created_ms);
	jsonio_put_true(j, "suspended", h->account.suspended);
	jsonio_put_text(
	    j, "two_factor", account_two_factor_name(h->account.two_factor));
	jsonio_put_u64(j, "stored_bytes", u.bytes);
	if (u.quota != USAGE_NO_QUOTA)
		jsonio_put_u64(j, "quota_bytes", u.quota);
	jsonio_put_text(j, "protection",
	    c->protection == PROTECTION_STANDARD ? "standard" : "advanced");
	jsonio_put_u64(j, "protection_changes", c->protection_clock);
	jsonio_put_true(j, "web_access", c->web_access != 0);
	jsonio_put_true(j, "security_keys_only", c->keys_only != 0);
	jsonio_put_true(j, "closed", c->closed);
	return metadata_file(out, "metadata/account.json", TAKE(j), e);
}

int
metadata_write(
    const struct holding *h, struct tx *tx, const char *out, struct err *e)
{
	if (write_account(h, tx, out, e) < 0 ||
	    write_lists(h, tx, out, e) < 0 ||
	    metadata_devices(h, tx, out, e) < 0 ||
	    metadata_zones(h, tx, out, e) < 0 ||
	    outdir_write(
		out, "metadata/circle.bin", buf_bytes(&h->entries), e) < 0)
		return -1;
	return outdir_write(
	    out, "metadata/envelopes.bin", buf_bytes(&h->envelopes), e);
}
