/* SPDX-License-Identifier: ISC */
/* self_entry.c: an entry of the circle, made by this device and submitted. */
#include "client/self_in.h"

#include "base/now.h"
#include "link/act.h"

#define TRIES 8 /* lost races before we say conflict */

/* May another try do better? Then the newest circle is here. */
bool
self_again(struct self *s, int tries, struct err *e)
{
	struct err why;

	if (e->code != ERR_CONFLICT || tries >= TRIES)
		return false;
	if (self_refresh(s, &why) == 0)
		return true;
	*e = why;
	return false;
}

void
self_make_entry(const struct self *s, enum circle_type type, struct bytes body,
    struct buf *out)
{
	struct circle_sig sig = { .kind = 1, .keyref = s->dev_id };

	circle_entry_begin(
	    out, &s->circle, &s->uid, (uint64_t)now_ms(), type, body);
	devkey_sign(s->key, SIG_CIRCLE, buf_bytes(out), sig.sig);
	circle_entry_end(out, &sig, 1);
}

/*
 * An entry whose body is `before` and then new keys. They are not kept here:
 * the bundle holds this device's own envelope, and the server's copy is the
 * one that counts.
 */
int
self_submit_keys(
    struct self *s, enum circle_type type, struct bytes before, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	OWN(buf_free) struct buf bundle = { 0 };
	OWN(circle_free) struct circle next = { 0 };
	struct key_change kc;

	buf_put_bytes(&body, before);
	keyring_next_epoch(s->keyring, &kc);
	key_change_put(&body, &kc);
	self_make_entry(s, type, buf_bytes(&body), &entry);
	circle_copy(&next, &s->circle);
	int rc = circle_apply(&next, buf_bytes(&entry), e);
	if (rc == 0) {
		keyring_bundle(s->keyring, &next, s->key, &s->dev_id, &bundle);
		rc = s->depot->ops->circle_submit(
		    s->depot, buf_bytes(&entry), buf_bytes(&bundle), e);
	}
	keyring_drop_epoch(s->keyring);
	return rc;
}

/* The answer got lost: is it in the list nevertheless? */
static bool
got_through(struct self *s, struct bytes entry, uint32_t seq)
{
	struct digest hash;
	struct err why;

	digest_of(entry, &hash);
	if (self_refresh(s, &why) < 0)
		return false;
	const struct digest *at = circle_hash_at(&s->circle, seq);
	return at != NULL && digest_equal(at, &hash);
}

/* May it, as far as is known here? Then the server is asked. */
int
self_submit_entry(
    struct self *s, struct bytes entry, struct bytes envelopes, struct err *e)
{
	OWN(circle_free) struct circle next = { 0 };

	circle_copy(&next, &s->circle);
	if (circle_apply(&next, entry, e) < 0)
		return -1;
	if (s->depot->ops->circle_submit(s->depot, entry, envelopes, e) == 0)
		return self_refresh(s, e);
	return act_unknown(e) && got_through(s, entry, next.seq) ? 0 : -1;
}
