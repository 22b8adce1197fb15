/* SPDX-License-Identifier: ISC */
/* recoveries_begin.c: a recovery begins with a name, and perhaps with a key. */
#include "api/api.h"
#include "api/recovering.h"
#include "base/text.h"

#include <string.h>

#define HOUR_MS (3600 * 1000LL)
#define DAY_MS (24 * HOUR_MS)
#define TRIES_MS (10 * 60 * 1000)
#define OPEN_PER_DAY 20 /* recoveries begun from one address */
/* For one name, that wait for somebody to help: more than an address begins in
 * two days. */
#define OPEN_PER_ADDRESS 64
#define OPEN_PER_NAME 512 /* and from all other addresses */

static const struct way {
	const char *name;
	uint8_t kind; /* of the recovery key; 0: none is needed at first */
	bool waits;
} ways[] = {
	{ "key", RECOVERY_KEY, false },
	{ "kit", RECOVERY_KIT, true },
	{ "contact", 0, true },
	{ "operator", 0, true },
};

static const struct way *
way_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (strcmp(ways[i].name, name) == 0)
			return &ways[i];
	return NULL;
}

static int
insert(struct tx *tx, struct call *c, const struct recovering *r,
    struct bytes nonce, const char *os, struct err *e)
{
	OWN(buf_free) struct buf token = { 0 };
	static const struct id nobody;
	struct digest stored;

	server_token(&token, &stored);
	if (sql_run(tx, e,
		"INSERT INTO recovering (id, token, uid, known, way, keyref,"
		" device, nonce, os, address, created_ms, state, ready_ms,"
		" expires_ms, helper, reference, source) VALUES (?, ?, ?, ?, ?,"
		" ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '', ?)",
		"idiusibbssnunis", &r->id, &stored, &r->uid, (uint64_t)r->known,
		r->way, &r->keyref, buf_bytes(&r->device), nonce, os,
		c->q->peer, c->now_ms, (uint64_t)RECOVER_ASKED,
		c->now_ms + RECOVERING_LATER_MS, &nobody, server_source(c)) < 0)
		return -1;
	jsonio_put_id(c->out, "recovery", &r->id);
	jsonio_put_text(c->out, "token", buf_text(&token));
	return 0;
}

/* One more of those that have proven nothing: the oldest of its address goes,
 * and of all that ask for the name, so that no stranger's drive out many. */
static int
make_room(
    struct tx *tx, struct call *c, const struct recovering *r, struct err *e)
{
	static const struct {
		const char *of;
		uint64_t most;
	} rooms[] = { { "AND source = ?", OPEN_PER_ADDRESS },
		{ "AND source <> ?", OPEN_PER_NAME } };

	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		OWN(buf_free) struct buf sql = { 0 };
		buf_printf(&sql,
		    "DELETE FROM recovering WHERE id IN (SELECT id FROM"
		    " recovering WHERE uid = ? AND state = ? AND way = ? %s"
		    " ORDER BY created_ms DESC LIMIT 10000 OFFSET ?)",
		    rooms[i].of);
		if (sql_run(tx, e, buf_text(&sql), "iussu", &r->uid,
			(uint64_t)RECOVER_ASKED, r->way, server_source(c),
			rooms[i].most - 1) < 0)
			return -1;
	}
	return 0;
}

static void
tries_key(const struct call *c, const struct way *way, const char *name,
    struct buf *key)
{
	if (way->kind != 0)
		buf_printf(key, "recover|%s|%s", name, server_source(c));
	else
		buf_printf(key, "recover|%s", server_source(c));
}

static int
throttled(struct tx *tx, struct call *c, const char *name,
    const struct way *way, bool *ok, struct err *e)
{
	OWN(buf_free) struct buf key = { 0 };

	tries_key(c, way, name, &key);
	return way->kind != 0
	    ? server_throttle(tx, c,
		  &(struct account_limit){ buf_text(&key),
		      server_config(c->s)->password_tries, TRIES_MS },
		  ok, e)
	    : server_drip(tx, c,
		  &(struct account_limit){
		      buf_text(&key), OPEN_PER_DAY, DAY_MS / OPEN_PER_DAY },
		  ok, e);
}

static int
begin_as(struct tx *tx, struct call *c, const struct way *way, const char *name,
    struct recovering *r, struct err *e)
{
	OWN(buf_free) struct buf nonce = { 0 };
	OWN(buf_free) struct buf key = { 0 };
	const char *os = json_string_value(json_object_get(c->in, "os"));
	bool by_key = way->kind != 0, known;
	struct recovering_shown shown;
	struct account a;
	struct device d;

	if (jsonio_bytes(c->in, "device", 0, &r->device, e) < 0 ||
	    jsonio_bytes(c->in, "nonce", ID_BYTES, &nonce, e) < 0 ||
	    (by_key && recovering_take_shown(c, way->kind, &shown, e) < 0))
		return -1;
	struct scan s = scan_of(buf_bytes(&r->device));
	if (device_take(&s, &d, e) < 0 || !scan_done(&s))
		return err_set(e, ERR_BAD_REQUEST,
		    "the device's record is not well-formed");
	if (os == NULL || strlen(os) > 32 || !text_is_utf8(bytes_str(os)))
		os = "";
	/* The same is looked for, and kept, under a name that is not there. */
	server_stand_in(c->s, name, &r->uid);
	if (account_by_name(tx, name, &a, &known, e) < 0)
		return -1;
	if (known)
		r->uid = a.uid;
	r->known = known;
	if (by_key &&
	    recovering_find_key(tx, c, &r->uid, &shown, &r->keyref, e) < 0)
		return -1;
	if (by_key && id_zero(&r->keyref))
		return server_refuse(c, ERR_RECOVERY_CODE,
		    "the name is wrong, or this is no recovery %s of that "
		    "account",
		    way->name);
	if ((!by_key && make_room(tx, c, r, e) < 0) ||
	    insert(tx, c, r, buf_bytes(&nonce), os, e) < 0)
		return -1;
	if (!by_key)
		return 0;
	int64_t wait = way->waits
	    ? (int64_t)server_config(c->s)->recovery_wait_s * 1000
	    : 0;
	tries_key(c, way, name, &key);
	return account_unthrottle(tx, buf_text(&key), e) < 0
	    ? -1
	    : recovering_proven(tx, c, r, wait, e);
}

int
recoveries_begin(struct tx *tx, struct call *c, struct err *e)
{
	OWN(recovering_free) struct recovering r = { .known = false };
	char name[LIMIT_NAME_BYTES + 1] = "";
	const char *given = "", *way_name = "";
	bool ok;

	if (jsonio_text(c->in, "name", &given, e) < 0 ||
	    jsonio_text(c->in, "way", &way_name, e) < 0)
		return -1;
	const struct way *way = way_of(way_name);
	if (way == NULL)
		return err_set(e, ERR_BAD_REQUEST,
		    "there is no such way to recover an account");
	if (strlen(given) < sizeof name)
		memcpy(name, given, strlen(given) + 1);
	if (!account_name_ok(name))
		name[0] = '\0'; /* nobody has it */
	if (throttled(tx, c, name, way, &ok, e) < 0 || !ok)
		return ok ? -1 : 0;
	id_random(&r.id);
	memcpy(r.way, way->name, strlen(way->name));
	return begin_as(tx, c, way, name, &r, e);
}
