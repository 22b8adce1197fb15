/* SPDX-License-Identifier: ISC */
/* keyjoin.c: being a key for as long as it takes to let a device in. */
#include "join/keyjoin.h"

#include "base/file.h"
#include "base/now.h"
#include "client/chain.h"
#include "client/self_devices.h"
#include "client/self_seen.h"
#include "client/self_zones.h"
#include "link/depot_remote.h"
#include "join/entering.h"
#include "join/newcomer.h"
#include "client/circlepin.h"
#include "join/relay.h"
#include "client/seckey.h"
#include "client/session.h"

#include <stdlib.h>
#include <string.h>

#define TRIES 8 /* lost races before we say conflict */

/* The key as a member, with a session of its own. */
struct bearer {
	const struct pair_join *a;
	const struct newcomer *me; /* whom it lets in */
	struct devkey *key;
	struct id dev_id;
	struct remote *remote;
	struct depot *depot;
	struct circle circle;
	struct buf entries; /* v16 each */
	struct keyring *keyring;
	char *name; /* of the account */
};

static void
bearer_free(struct bearer *b)
{
	depot_free(&b->depot);
	remote_free(&b->remote);
	devkey_free(&b->key);
	keyring_free(&b->keyring);
	circle_free(&b->circle);
	buf_free(&b->entries);
	free(b->name);
}

/* Append and apply what the server has beyond b->circle. */
static int
fetch_circle(struct bearer *b, struct depot *from, struct err *e)
{
	OWN(buf_free) struct buf more = { 0 };

	if (from->ops->circle(from, b->circle.seq, &more, e) < 0)
		return -1;
	if (chain_apply(&b->circle, buf_bytes(&more), e) < 0)
		return -1;
	buf_put_bytes(&b->entries, buf_bytes(&more));
	return 0;
}

/* Is it the circle that the key was added to, and is the key still in it? */
static int
check_circle(const struct bearer *b, const struct secret *prf,
    struct bytes birth, struct err *e)
{
	struct device own;

	if (!id_equal(&b->circle.uid, &b->me->uid))
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the list of devices is another account's");
	if (circlepin_check(prf, &b->circle, birth, e) < 0)
		return -1;
	const struct member *m = circle_member(&b->circle, &b->dev_id);
	devkey_publish(b->key, &own);
	if (m == NULL || m->device.class != CLASS_SECURITY_KEY ||
	    !bytes_equal(bytes_of(m->device.sign_pk, SIG_PK_BYTES),
		bytes_of(own.sign_pk, SIG_PK_BYTES)) ||
	    !bytes_equal(bytes_of(m->device.kem_pk, KEM_PK_BYTES),
		bytes_of(own.kem_pk, KEM_PK_BYTES)))
		return err_set(e, ERR_CIRCLE_NOT_YOURS,
		    "the list of devices holds another key in the place of "
		    "this one");
	if (!m->active)
		return err_set(e, ERR_DEVICE_REMOVED,
		    "this security key was removed from the account");
	return 0;
}

/* The newest list that a device has vouched for; the first has yet to. */
static int
check_fresh(const struct bearer *b, const struct secret *prf,
    const json_t *proved, struct err *e)
{
	OWN(buf_free) struct buf fresh = { 0 };
	struct err none;
	bool made;

	return jsonio_bytes(proved, "fresh_pin", 0, &fresh, &none) < 0
	    ? 0
	    : circlepin_fresh_check(
		  prf, &b->circle, &b->dev_id, buf_bytes(&fresh), &made, e);
}

static int
open_as_key(struct bearer *b, const char *join_token, struct err *e)
{
	OWN(jsonio_free) json_t *answer = NULL;
	struct session_who who = { .host = b->me->host,
		.uid = b->me->uid,
		.dev_id = b->dev_id,
		.key = b->key,
		.join = join_token };
	const char *token = "", *name = "";

	if (remote_new(b->a->url, &b->remote, e) < 0 ||
	    session_open(b->remote, &who, &answer, e) < 0 ||
	    jsonio_text(answer, "token", &token, e) < 0 ||
	    jsonio_text(answer, "name", &name, e) < 0)
		return -1;
	remote_set_token(b->remote, token);
	b->name = mem_text(name);
	b->depot = depot_remote_new(b->remote);
	return 0;
}

static int
read_keyring(struct bearer *b, struct err *e)
{
	OWN(buf_free) struct buf envelopes = { 0 };

	keyring_free(&b->keyring);
	b->keyring = keyring_new(&b->me->uid);
	return b->depot->ops->keyring(b->depot, &envelopes, e) < 0
	    ? -1
	    : keyring_open(b->keyring, &b->circle, b->key, &b->dev_id,
		  buf_bytes(&envelopes), e);
}

/* One ADD of the new device, by the key and by itself. */
static int
submit_add(struct bearer *b, struct err *e)
{
	OWN(buf_free) struct buf entry = { 0 };
	OWN(buf_free) struct buf envelope = { 0 };
	OWN(circle_free) struct circle next = { 0 };
	const struct device *d = &b->me->device;
	struct circle_sig sigs[2] = { { 1, b->dev_id, { 0 } },
		{ 1, d->dev_id, { 0 } } };

	circle_entry_begin(&entry, &b->circle, &b->me->uid, (uint64_t)now_ms(),
	    CIRCLE_ADD, buf_bytes(&b->me->record));
	devkey_sign(b->key, SIG_CIRCLE, buf_bytes(&entry), sigs[0].sig);
	devkey_sign(b->me->key, SIG_CIRCLE, buf_bytes(&entry), sigs[1].sig);
	circle_entry_end(&entry, sigs, 2);
	circle_copy(&next, &b->circle);
	if (circle_apply(&next, buf_bytes(&entry), e) < 0)
		return e->code == ERR_DEVICE_TOO_YOUNG
		    ? err_in(e, "this security key")
		    : -1;
	keyring_envelope(b->keyring, d, b->key, &b->dev_id, &envelope);
	return b->depot->ops->circle_submit(
	    b->depot, buf_bytes(&entry), buf_bytes(&envelope), e);
}

/* The newest keys were spoiled for this key: their maker leaves, and new ones
 * go on from what it holds. */
static int
put_out_spoiler(struct bearer *b, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	OWN(buf_free) struct buf bundle = { 0 };
	OWN(circle_free) struct circle next = { 0 };
	struct circle_sig sig = { 1, b->dev_id, { 0 } };
	struct id by = keyring_spoiler(b->keyring);
	struct key_change kc;

	keyring_reach(b->keyring, b->circle.key.epoch);
	keyring_next_epoch(b->keyring, &kc);
	buf_put_u8(&body, 1);
	id_put(&body, &by);
	buf_put_u8(&body, 0);
	key_change_put(&body, &kc);
	circle_entry_begin(&entry, &b->circle, &b->me->uid, (uint64_t)now_ms(),
	    CIRCLE_REMOVE, buf_bytes(&body));
	devkey_sign(b->key, SIG_CIRCLE, buf_bytes(&entry), sig.sig);
	circle_entry_end(&entry, &sig, 1);
	circle_copy(&next, &b->circle);
	if (circle_apply(&next, buf_bytes(&entry), e) < 0)
		return -1;
	keyring_bundle(b->keyring, &next, b->key, &b->dev_id, &bundle);
	return b->depot->ops->circle_submit(
		   b->depot, buf_bytes(&entry), buf_bytes(&bundle), e) < 0
	    ? -1
	    : fetch_circle(b, b->depot, e);
}

/* The keys that the new device is given. */
static int
hold_keys(struct bearer *b, struct err *e)
{
	if (read_keyring(b, e) == 0)
		return 0;
	return e->code != ERR_KEYS_SPOILED || put_out_spoiler(b, e) < 0
	    ? -1
	    : read_keyring(b, e);
}

static int
let_in(struct bearer *b, struct err *e)
{
	for (int tries = 0;; tries++) {
		if (hold_keys(b, e) < 0)
			return -1;
		if (submit_add(b, e) == 0)
			return fetch_circle(b, b->depot, e);
		if (e->code != ERR_CONFLICT || tries == TRIES ||
		    fetch_circle(b, b->depot, e) < 0)
			return -1;
	}
}

/* ---- the home ---- */

/* What any device has seen of a zone must be there. */
static int
check_heads(struct self *s, struct err *e)
{
	for (size_t i = 0; i < s->circle.n_members; i++) {
		struct self_seen seen;
		if (!s->circle.members[i].active ||
		    !self_seen(s, &s->circle.members[i].device.dev_id, &seen))
			continue;
		for (size_t j = 0; j < seen.n; j++) {
			OWN(zcopy_free) struct zcopy *z = NULL;
			const struct self_seen_zone *x = &seen.zones[j];
			if (zcopy_open(&s->writer,
				&(struct zcopy_of){
				    s->local, s->depot, &x->zone, x->category },
				&z, e) < 0)
				return -1;
			zcopy_expect(z, x->seq, &x->hash);
			if (zcopy_pull(z, e) < 0)
				return -1;
		}
	}
	return 0;
}

static int
settle_in(const struct bearer *b, struct err *e)
{
	const struct pair_join *a = b->a;
	const struct newcomer *me = b->me;
	OWN(self_free) struct self *s = NULL;
	struct self_account account = { a->url, b->name, me->host,
		buf_bytes(&b->entries), bytes_str("") };

	if (!circle_active(&b->circle, &me->device.dev_id))
		return err_set(e, ERR_CIRCLE_INVALID,
		    "the server's list of devices lacks this device");
	if (self_save_account(a->dir, &account, e) < 0 ||
	    home_write_key(a->dir, &me->uid, &me->device.dev_id, me->key, e) <
		0 ||
	    self_open(a->dir, &s, e) < 0 || self_connect(s, e) < 0 ||
	    self_state(s, e) < 0 || check_heads(s, e) < 0)
		return -1;
	return self_put_name(
	    s, &me->device.dev_id, &me->opening, a->device_name, e);
}

static int
as_member(struct bearer *b, const struct secret *prf, const json_t *proved,
    const char *join_token, struct err *e)
{
	OWN(depot_free) struct depot *asking = depot_remote_new(b->me->remote);
	OWN(buf_free) struct buf birth = { 0 };

	b->key = devkey_from_prf(prf);
	if (jsonio_id(proved, "member", &b->dev_id, e) < 0 ||
	    jsonio_bytes(proved, "birth_pin", CIRCLEPIN_BYTES, &birth, e) < 0 ||
	    fetch_circle(b, asking, e) < 0 ||
	    check_circle(b, prf, buf_bytes(&birth), e) < 0 ||
	    check_fresh(b, prf, proved, e) < 0 ||
	    open_as_key(b, join_token, e) < 0)
		return -1;
	int rc = let_in(b, e);
	session_end(b->remote);
	return rc < 0 ? -1 : settle_in(b, e);
}

int
keyjoin_member(const struct pair_join *a, const struct newcomer *me,
    const struct secret *prf, const json_t *proved, const char *join_token,
    struct err *e)
{
	OWN(bearer_free) struct bearer b = { .a = a, .me = me };

	return as_member(&b, prf, proved, join_token, e);
}

void
keyjoin_end_visit(const char *url, const json_t *proved)
{
	OWN(remote_free) struct remote *r = NULL;
	const char *token = "";
	struct err ignored;

	if (jsonio_text(proved, "token", &token, &ignored) < 0 ||
	    remote_new(url, &r, &ignored) < 0)
		return;
	remote_set_token(r, token);
	session_end(r);
}

int
keyjoin(const struct pair_join *a, const struct fido_ask *key,
    void (*only_factor)(void *ctx), struct err *e)
{
	OWN(newcomer_free) struct newcomer me = { .key = NULL };
	OWN(jsonio_free) json_t *offered = NULL;
	OWN(jsonio_free) json_t *proved = NULL;
	OWN(secret_free) struct secret *prf = NULL;
	struct newcomer_ask ask = { .dir = a->dir,
		.url = a->url,
		.name = a->name,
		.device_name = a->device_name,
		.with = "key",
		.password = a->password };
	const char *token = "";
	OWN(fd_close) int lock = -1;

	if (home_enter(a->dir, &lock, e) < 0)
		return -1;
	if (home_has_key(a->dir))
		return err_set(e, ERR_ALREADY_SIGNED_IN,
		    "an account is signed in at %s", a->dir);
	if (pair_ask(a, &ask, &me, &offered, e) < 0)
		return -1;
	if (jsonio_text(offered, "token", &token, e) < 0 ||
	    seckey_prove(me.remote, key, &me.uid, &prf, &proved, e) < 0) {
		relay_cancel(me.remote, &me.join);
		entering_forget(a->dir);
		return -1;
	}
	keyjoin_end_visit(a->url, proved);
	if (prf == NULL || json_object_get(proved, "member") == NULL) {
		only_factor(a->ctx);
		return pair_prompt(a, &me, e);
	}
	bool left;
	int rc = keyjoin_member(a, &me, prf, proved, token, e);
	if (rc < 0 && !home_has_key(a->dir))
		entering_end(a->dir, &left);
	return rc;
}
