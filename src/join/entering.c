/* SPDX-License-Identifier: ISC */
/* entering.c: keeping a newcomer's keys, and taking a lost one out. */
#include "join/entering.h"

#include "base/now.h"
#include "client/chain.h"
#include "link/depot_remote.h"
#include "client/home.h"
#include "join/relay.h"
#include "client/session.h"

#include <stdlib.h>
#include <string.h>

#define NOTE "entering"
#define FORMAT 1

int
entering_note(
    const char *dir, const char *url, const struct newcomer *n, struct err *e)
{
	OWN(local_free) struct local *local = NULL;
	OWN(secret_free) struct secret *raw = devkey_secret(n->key);
	OWN(buf_free) struct buf b = { 0 };

	buf_put_u8(&b, FORMAT);
	buf_put_v16(&b, bytes_str(url));
	buf_put_v8(&b, bytes_str(n->host));
	buf_put_v8(&b, bytes_str(n->token));
	id_put(&b, &n->uid);
	id_put(&b, &n->join);
	id_put(&b, &n->device.dev_id);
	buf_put_bytes(&b, secret_bytes(raw));
	return home_open(dir, &local, e) < 0
	    ? -1
	    : local_put(local, NOTE, buf_bytes(&b), e);
}

void
entering_forget(const char *dir)
{
	OWN(local_free) struct local *local = NULL;
	struct err ignored;

	if (home_open(dir, &local, &ignored) == 0)
		(void)!local_put(local, NOTE, bytes_str(""), &ignored);
}

/* ---- ending it ---- */

struct lost {
	struct buf url, host, token;
	struct id join;
	struct session_who who;
	struct devkey *key;
	struct remote *remote;
};

static void
lost_free(struct lost *l)
{
	buf_free(&l->url);
	buf_free(&l->host);
	buf_free(&l->token);
	devkey_free(&l->key);
	remote_free(&l->remote);
}

static bool
load(const char *dir, struct lost *out)
{
	OWN(local_free) struct local *local = NULL;
	OWN(buf_free) struct buf b = { 0 };
	struct err ignored;

	if (home_open(dir, &local, &ignored) < 0 ||
	    local_get(local, NOTE, &b, &ignored) < 0 || b.n == 0)
		return false;
	struct scan s = scan_of(buf_bytes(&b));
	uint8_t format = scan_u8(&s);
	buf_put_bytes(&out->url, scan_v16(&s));
	buf_put_bytes(&out->host, scan_v8(&s));
	buf_put_bytes(&out->token, scan_v8(&s));
	out->who.uid = id_take(&s);
	out->join = id_take(&s);
	out->who.dev_id = id_take(&s);
	struct bytes raw = scan_take(&s, DEVKEY_BYTES);
	if (!scan_done(&s) || format != FORMAT)
		return false;
	out->key = devkey_of(raw);
	out->who.key = out->key;
	out->who.host = buf_text(&out->host);
	return true;
}

static int
leave(const struct lost *l, struct err *e)
{
	OWN(depot_free) struct depot *depot = depot_remote_new(l->remote);
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf all = { 0 };
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	struct circle_sig sig = { .kind = 1, .keyref = l->who.dev_id };

	if (depot->ops->circle(depot, 0, &all, e) < 0 ||
	    chain_apply(&c, buf_bytes(&all), e) < 0)
		return -1;
	buf_put_u8(&body, 1);
	id_put(&body, &l->who.dev_id);
	buf_put_u8(&body, 0);
	circle_entry_begin(&entry, &c, &l->who.uid, (uint64_t)now_ms(),
	    CIRCLE_REMOVE, buf_bytes(&body));
	devkey_sign(l->key, SIG_CIRCLE, buf_bytes(&entry), sig.sig);
	circle_entry_end(&entry, &sig, 1);
	return depot->ops->circle_submit(
	    depot, buf_bytes(&entry), bytes_str(""), e);
}

/* Whether it is certain that the device is not in. */
static bool
end(struct lost *l, bool *left)
{
	OWN(jsonio_free) json_t *answer = NULL;
	const char *token = "";
	struct err e;

	if (remote_new(buf_text(&l->url), &l->remote, &e) < 0)
		return false;
	/* First: then it cannot be let in while we look. */
	remote_set_token(l->remote, buf_text(&l->token));
	relay_cancel(l->remote, &l->join);
	if (session_open(l->remote, &l->who, &answer, &e) < 0)
		return e.code == ERR_NOT_A_MEMBER ||
		    e.code == ERR_DEVICE_REMOVED;
	if (jsonio_text(answer, "token", &token, &e) < 0)
		return false;
	remote_set_token(l->remote, token);
	*left = leave(l, &e) == 0 || e.code == ERR_SESSION_EXPIRED;
	return *left;
}

void
entering_end(const char *dir, bool *left)
{
	OWN(lost_free) struct lost l = { .key = NULL };

	*left = false;
	if (load(dir, &l) && end(&l, left))
		entering_forget(dir);
}
