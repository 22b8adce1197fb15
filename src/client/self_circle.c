/* SPDX-License-Identifier: ISC */
/* self_circle.c: what a device decides in the circle beside removals. */
#include "client/self_circle.h"

#include "base/now.h"
#include "client/self_in.h"

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
		if (self_submit_entry(
			s, buf_bytes(&entry), buf_bytes(&envelope), e) == 0)
			return 0;
		if (!self_again(s, tries, e))
			return -1;
	}
}

int
self_keys_only(struct self *s, bool only, struct err *e)
{
	uint8_t body = only;

	for (int tries = 0; (s->circle.keys_only != 0) != only; tries++) {
		OWN(buf_free) struct buf entry = { 0 };
		self_make_entry(s, CIRCLE_FACTORS, bytes_of(&body, 1), &entry);
		if (self_submit_entry(s, buf_bytes(&entry), bytes_str(""), e) <
			0 &&
		    !self_again(s, tries, e))
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
		self_make_entry(s, CIRCLE_RECOVERY, buf_bytes(&body), &entry);
		for (size_t i = 0; i < set->n; i++)
			keyring_envelope_recovery(s->keyring, &set->keys[i],
			    s->key, &s->dev_id, &envelopes);
		if (self_submit_entry(
			s, buf_bytes(&entry), buf_bytes(&envelopes), e) == 0)
			return 0;
		if (!self_again(s, tries, e))
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
		self_make_entry(s, CIRCLE_VETO, buf_bytes(&body), &entry);
		if (self_submit_entry(s, buf_bytes(&entry), bytes_str(""), e) ==
		    0)
			return 0;
		if (!self_again(s, tries, e))
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
	self_make_entry(s, CIRCLE_PROTECTION, buf_bytes(&body), &entry);
	circle_copy(&next, &s->circle);
	if (circle_apply(&next, buf_bytes(&entry), e) < 0)
		return -1;
	if (level == PROTECTION_STANDARD)
		keyring_for_escrow(
		    s->keyring, &next, s->key, &s->dev_id, &envelopes);
	return self_submit_entry(
	    s, buf_bytes(&entry), buf_bytes(&envelopes), e);
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
			return self_settle_here(s, e);
		/* The answer got lost: did the entry get through? */
		if (e->code == ERR_SERVER_UNREACHABLE) {
			struct err why;
			return self_refresh(s, &why) == 0 &&
				s->circle.protection_clock == clock + 1 &&
				s->circle.protection == level &&
				(s->circle.web_access != 0) == web_access
			    ? self_settle_here(s, e)
			    : -1;
		}
		if (!self_again(s, tries, e))
			return -1;
		if (overtaken(s, clock, level, web_access))
			return err_set(e, ERR_CONFLICT,
			    "another device has changed the protection "
			    "meanwhile");
	}
}
