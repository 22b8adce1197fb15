/* SPDX-License-Identifier: ISC */
/* self_circle.c: devices leave, and what that leaves to be done. */
#include "client/self.h"

#include "base/now.h"
#include "link/act.h"

#include <string.h>

#define TRIES 8 /* lost races before we say conflict */
#define EXIT_LIE 6

/* ---- entries ---- */

/* May another try do better? Then the newest circle is here. */
static bool
again(struct self *s, int tries, struct err *e)
{
	struct err why;

	if (e->code != ERR_CONFLICT || tries >= TRIES)
		return false;
	if (self_refresh(s, &why) == 0)
		return true;
	*e = why;
	return false;
}

static void
make_entry(const struct self *s, enum circle_type type, struct bytes body,
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
static int
submit_keys(
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
	make_entry(s, type, buf_bytes(&body), &entry);
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

static void
put_removal(const struct id *ids, size_t n, struct buf *body)
{
	buf_put_u8(body, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		id_put(body, &ids[i]);
	buf_put_u8(body, 0);
}

/* ---- after a change ---- */

/* A device left by itself: keys that it does not know. */
static int
new_keys(struct self *s, struct err *e)
{
	for (int tries = 0; s->circle.epoch_due; tries++) {
		/* Another device will, or this one when it is older. */
		if (!circle_mature(&s->circle,
			circle_member(&s->circle, &s->dev_id),
			(uint64_t)now_ms()))
			return 0;
		if (submit_keys(s, CIRCLE_EPOCH, bytes_str(""), e) == 0)
			return self_refresh(s, e);
		if (!again(s, tries, e))
			return -1;
	}
	return 0;
}

/* A head made before the newest keys gets an empty one after it. */
static int
renew_head(struct self *s, struct zcopy *z, struct err *e)
{
	uint32_t since = s->circle.epochs[s->circle.key.epoch - 1].seq;

	if (zcopy_pull(z, 0, e) < 0)
		return -1;
	struct head h = zcopy_head(z);
	return h.seq == 0 || h.circle_seq >= since
	    ? 0
	    : zcopy_commit(z, NULL, 0, NULL, NULL, e);
}

static int
renew_heads(struct self *s, struct err *e)
{
	if (renew_head(s, s->state, e) < 0 || self_state(s, e) < 0)
		return -1;
	for (unsigned c = CATEGORY_STATE + 1; c < CATEGORY_END; c++) {
		OWN(zcopy_free) struct zcopy *z = NULL;
		if (id_zero(&s->zones[c]))
			continue;
		if (zcopy_open(&s->writer, s->local, s->depot, &s->zones[c],
			(enum category)c, &z, e) < 0 ||
		    renew_head(s, z, e) < 0)
			return -1;
	}
	return 0;
}

/* "heads" in state.db: the epoch that the head of every zone was seen in. */
static int
settle(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	OWN(buf_free) struct buf done = { 0 };

	if (new_keys(s, e) < 0 || local_get(s->local, "heads", &kept, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&kept));
	uint32_t epoch = scan_u32(&p);
	if (s->circle.key.epoch <= (scan_ok(&p) ? epoch : 1))
		return 0;
	/* A pull may bring a newer circle: then its heads are next time's. */
	buf_put_u32(&done, s->circle.key.epoch);
	return renew_heads(s, e) < 0
	    ? -1
	    : local_put(s->local, "heads", buf_bytes(&done), e);
}

int
self_settle(struct self *s, struct err *e)
{
	if (self_refresh(s, e) < 0)
		return -1;
	if (settle(s, e) < 0 || self_freshpin_renew(s, e) < 0) {
		if (err_exit(e->code) == EXIT_LIE)
			return -1;
		err_clear(e);
	}
	return 0;
}

/* ---- removal ---- */

/* "removing" in state.db: ids of devices whose removal was begun here. */
static int
note(struct self *s, const struct id *ids, size_t n, bool begun, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	OWN(buf_free) struct buf next = { 0 };

	if (local_get(s->local, "removing", &kept, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&kept));
	while (p.n >= ID_BYTES) {
		struct id id = id_take(&p);
		bool ours = false;
		for (size_t i = 0; i < n; i++)
			ours |= id_equal(&id, &ids[i]);
		if (!ours)
			id_put(&next, &id);
	}
	for (size_t i = 0; begun && i < n; i++)
		id_put(&next, &ids[i]);
	return local_put(s->local, "removing", buf_bytes(&next), e);
}

int
self_removing(
    struct self *s, const struct id *dev_id, bool *begun, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };

	*begun = false;
	if (local_get(s->local, "removing", &kept, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&kept));
	while (p.n >= ID_BYTES) {
		struct id id = id_take(&p);
		*begun |= id_equal(&id, dev_id);
	}
	return 0;
}

int
self_removed(struct self *s, const struct id *dev_id, struct err *e)
{
	return settle(s, e) < 0 ? -1 : note(s, dev_id, 1, false, e);
}

static bool
all_gone(const struct self *s, const struct id *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (circle_active(&s->circle, &ids[i]))
			return false;
	return true;
}

static int
remove_them(struct self *s, const struct id *ids, size_t n, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	struct err why;

	put_removal(ids, n, &body);
	for (int tries = 0;; tries++) {
		if (submit_keys(s, CIRCLE_REMOVE, buf_bytes(&body), e) == 0)
			return self_refresh(s, e);
		/* The answer got lost: did the entry get through? */
		if (e->code == ERR_SERVER_UNREACHABLE)
			return self_refresh(s, &why) == 0 && all_gone(s, ids, n)
			    ? 0
			    : -1;
		if (!again(s, tries, e))
			return -1;
	}
}

int
self_remove(struct self *s, const struct id *ids, size_t n, struct err *e)
{
	return note(s, ids, n, true, e) < 0 || remove_them(s, ids, n, e) < 0 ||
		settle(s, e) < 0
	    ? -1
	    : note(s, ids, n, false, e);
}

int
self_leave(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	struct err why;

	put_removal(&s->dev_id, 1, &body);
	for (int tries = 0;; tries++) {
		OWN(buf_free) struct buf entry = { 0 };
		OWN(circle_free) struct circle next = { 0 };
		make_entry(s, CIRCLE_REMOVE, buf_bytes(&body), &entry);
		circle_copy(&next, &s->circle);
		if (circle_apply(&next, buf_bytes(&entry), e) < 0)
			return -1;
		if (s->depot->ops->circle_submit(
			s->depot, buf_bytes(&entry), bytes_str(""), e) == 0)
			return 0;
		if (e->code == ERR_SERVER_UNREACHABLE)
			return self_refresh(s, &why) < 0 &&
				why.code == ERR_DEVICE_REMOVED
			    ? 0
			    : -1;
		if (!again(s, tries, e))
			return e->code == ERR_DEVICE_REMOVED ? 0 : -1;
	}
}

/* ---- security keys ---- */

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
static int
submit_plain(
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

int
self_add_key(struct self *s, const struct device *device,
    const struct devkey *key, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };

	device_put(&body, device);
	for (int tries = 0;; tries++) {
		OWN(buf_free) struct buf entry = { 0 };
		OWN(buf_free) struct buf envelope = { 0 };
		struct circle_sig sigs[2] = { { 1, s->dev_id, { 0 } },
			{ 1, device->dev_id, { 0 } } };
		circle_entry_begin(&entry, &s->circle, &s->uid,
		    (uint64_t)now_ms(), CIRCLE_ADD, buf_bytes(&body));
		devkey_sign(s->key, SIG_CIRCLE, buf_bytes(&entry), sigs[0].sig);
		devkey_sign(key, SIG_CIRCLE, buf_bytes(&entry), sigs[1].sig);
		circle_entry_end(&entry, sigs, 2);
		keyring_envelope(
		    s->keyring, device, s->key, &s->dev_id, &envelope);
		if (submit_plain(
			s, buf_bytes(&entry), buf_bytes(&envelope), e) == 0)
			return 0;
		if (!again(s, tries, e))
			return -1;
	}
}

int
self_keys_only(struct self *s, bool only, struct err *e)
{
	uint8_t body = only;

	for (int tries = 0; (s->circle.keys_only != 0) != only; tries++) {
		OWN(buf_free) struct buf entry = { 0 };
		make_entry(s, CIRCLE_FACTORS, bytes_of(&body, 1), &entry);
		if (submit_plain(s, buf_bytes(&entry), bytes_str(""), e) < 0 &&
		    !again(s, tries, e))
			return -1;
	}
	return 0;
}

/* ---- recovery ---- */

int
self_recovery_set(struct self *s, const struct recovery_set *set, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };

	recovery_set_put(&body, set);
	for (int tries = 0;; tries++) {
		OWN(buf_free) struct buf entry = { 0 };
		OWN(buf_free) struct buf envelopes = { 0 };
		make_entry(s, CIRCLE_RECOVERY, buf_bytes(&body), &entry);
		for (size_t i = 0; i < set->n; i++)
			keyring_envelope_recovery(s->keyring, &set->keys[i],
			    s->key, &s->dev_id, &envelopes);
		if (submit_plain(
			s, buf_bytes(&entry), buf_bytes(&envelopes), e) == 0)
			return 0;
		if (!again(s, tries, e))
			return -1;
	}
}

int
self_veto(struct self *s, struct err *e)
{
	for (int tries = 0;; tries++) {
		OWN(buf_free) struct buf entry = { 0 };
		OWN(buf_free) struct buf body = { 0 };
		if (!s->circle.pending ||
		    (uint64_t)now_ms() >= s->circle.pending_ms)
			return err_set(e, ERR_NOT_FOUND,
			    "no change of the ways to recover is waiting");
		digest_put(&body, &s->circle.pending_hash);
		make_entry(s, CIRCLE_VETO, buf_bytes(&body), &entry);
		if (submit_plain(s, buf_bytes(&entry), bytes_str(""), e) == 0)
			return 0;
		if (!again(s, tries, e))
			return -1;
	}
}

/* ---- protection ---- */

static void
put_protection(const struct self *s, enum circle_protection level,
    bool web_access, const struct circle_escrow *escrow, struct buf *body)
{
	buf_put_u32(body, s->circle.protection_clock + 1);
	buf_put_u8(body, (uint8_t)level);
	buf_put_u8(body, web_access);
	if (level == PROTECTION_STANDARD)
		circle_escrow_put(body, escrow);
}

static int
submit_protection(struct self *s, enum circle_protection level, bool web_access,
    const struct circle_escrow *escrow, struct err *e)
{
	OWN(buf_free) struct buf body = { 0 };
	OWN(buf_free) struct buf entry = { 0 };
	OWN(buf_free) struct buf envelopes = { 0 };
	OWN(circle_free) struct circle next = { 0 };

	put_protection(s, level, web_access, escrow, &body);
	make_entry(s, CIRCLE_PROTECTION, buf_bytes(&body), &entry);
	circle_copy(&next, &s->circle);
	if (circle_apply(&next, buf_bytes(&entry), e) < 0)
		return -1;
	if (level == PROTECTION_STANDARD)
		keyring_for_escrow(
		    s->keyring, &next, s->key, &s->dev_id, &envelopes);
	return submit_plain(s, buf_bytes(&entry), buf_bytes(&envelopes), e);
}

/* Another device has chosen meanwhile; closing wins over opening. */
static bool
overtaken(const struct self *s, uint32_t clock, enum circle_protection level,
    bool web_access)
{
	return s->circle.protection_clock != clock &&
	    (level == PROTECTION_STANDARD || web_access);
}

int
self_protection(struct self *s, enum circle_protection level, bool web_access,
    const struct circle_escrow *escrow, struct err *e)
{
	uint32_t clock = s->circle.protection_clock;

	for (int tries = 0;; tries++) {
		if (submit_protection(s, level, web_access, escrow, e) == 0)
			return settle(s, e);
		/* The answer got lost: did the entry get through? */
		if (e->code == ERR_SERVER_UNREACHABLE) {
			struct err why;
			return self_refresh(s, &why) == 0 &&
				s->circle.protection_clock == clock + 1 &&
				s->circle.protection == level &&
				(s->circle.web_access != 0) == web_access
			    ? settle(s, e)
			    : -1;
		}
		if (!again(s, tries, e))
			return -1;
		if (overtaken(s, clock, level, web_access))
			return err_set(e, ERR_CONFLICT,
			    "another device has changed the protection "
			    "meanwhile");
	}
}
