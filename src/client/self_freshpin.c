/* SPDX-License-Identifier: ISC */
/* self_freshpin.c: fresh pins of what is not always there, renewed by who is. */
/*
 * A record of the state zone for each security key and recovery key:
 *
 *   u8 kind 21 | u8 1 | ref[16] | fresh pin key[32]
 *
 * ref is the member's dev_id or the recovery key's keyref. "pinned" in state.db
 * is the seq of the circle that this device has pinned last.
 */
#include "client/self_freshpin.h"

#include "client/circlepin.h"
#include "client/self_note.h"
#include "client/self_zones.h"

int
self_freshpin_key(struct self *s, const struct id *ref,
    const struct secret *secret, struct err *e)
{
	OWN(secret_free) struct secret *key = circlepin_fresh_key(secret);
	OWN(buf_free) struct buf body = { 0 };

	id_put(&body, ref);
	buf_put_bytes(&body, secret_bytes(key));
	if (self_note_put(s, SELF_NOTE_FRESHPIN, ref, buf_bytes(&body), e) < 0)
		return -1;
	return local_put(s->local, "pinned", bytes_str(""), e);
}

static void
put_fresh(struct self *s, const struct id *ref, json_t *list)
{
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf pin = { 0 };
	struct err ignored;
	struct scan p;

	if (self_note_get(s, SELF_NOTE_FRESHPIN, ref, &plain, &p, &ignored) < 0)
		return; /* added by a version that knew of none */
	struct id about = id_take(&p);
	struct bytes key = scan_take(&p, SECRET_KEY);
	if (!scan_done(&p) || !id_equal(&about, ref))
		return;
	OWN(secret_free) struct secret *fresh = secret_of(key);
	circlepin_fresh_put(fresh, &s->circle, ref, s->key, &s->dev_id, &pin);
	json_t *v = json_object();
	jsonio_put_id(v, "ref", ref);
	jsonio_put_bytes(v, "pin", buf_bytes(&pin));
	(void)json_array_append_new(list, v);
}

static void
put_all(struct self *s, json_t *list)
{
	const struct circle *c = &s->circle;
	const struct recovery_set *sets[2] = { &c->recovery, &c->next };

	for (size_t i = 0; i < c->n_members; i++)
		if (c->members[i].active &&
		    c->members[i].device.class == CLASS_SECURITY_KEY)
			put_fresh(s, &c->members[i].device.dev_id, list);
	for (size_t k = 0; k < (c->pending ? 2 : 1); k++)
		for (size_t i = 0; i < sets[k]->n; i++) {
			struct id ref;
			recovery_keyref(sets[k]->keys[i].sign_pk, &ref);
			put_fresh(s, &ref, list);
		}
}

/* Is there anybody to pin for? Most accounts have none for a long time. */
static bool
anybody(const struct circle *c)
{
	if (c->recovery.n > 0 || c->pending)
		return true;
	for (size_t i = 0; i < c->n_members; i++)
		if (c->members[i].active &&
		    c->members[i].device.class == CLASS_SECURITY_KEY)
			return true;
	return false;
}

int
self_freshpin_renew(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	OWN(buf_free) struct buf now = { 0 };
	OWN(jsonio_free) json_t *ask = json_object();
	json_t *list = json_array();

	(void)json_object_set_new(ask, "pins", list);
	if (!anybody(&s->circle) || local_get(s->local, "pinned", &kept, e) < 0)
		return anybody(&s->circle) ? -1 : 0;
	buf_put_u32(&now, s->circle.seq);
	if (bytes_equal(buf_bytes(&kept), buf_bytes(&now)))
		return 0;
	if (self_state(s, e) < 0)
		return -1;
	put_all(s, list);
	if (json_array_size(list) > 0 &&
	    control_call(s->remote, "POST", "/v1/pins", ask, NULL, e) < 0)
		return -1;
	return local_put(s->local, "pinned", buf_bytes(&now), e);
}
