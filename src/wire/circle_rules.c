/* SPDX-License-Identifier: ISC */
/* circle_rules.c: who may add which entry, and what it does. */
#include "wire/circle_in.h"

#include <string.h>

static struct member *
find(struct circle *c, const struct id *dev_id)
{
	const struct member *m = circle_member(c, dev_id);

	return m != NULL ? &c->members[m - c->members] : NULL;
}

static void
add_member(struct circle *c, const struct device *d, uint32_t seq,
    uint64_t time_ms, bool founder)
{
	c->members =
	    circle_one_more(c->members, c->n_members, sizeof *c->members);
	c->members[c->n_members++] = (struct member){
		.device = *d,
		.added_seq = seq,
		.added_ms = time_ms,
		.founder = founder,
		.active = true,
	};
}

/*
 * A change of the ways to recover ends with who asked for it, or a thief's
 * would outlive the thief.
 */
static void
drop_member(struct circle *c, struct member *m, const struct entry_view *v)
{
	m->active = false;
	m->removed_seq = v->seq;
	m->removed_ms = v->time_ms;
	if (c->pending && m->added_seq == c->pending_signer_seq)
		c->pending = false;
}

/* ---- one function per type; what one that fails did is undone ---- */

static int
take_key_change(struct circle *c, struct scan *s, struct err *e)
{
	struct key_change kc = key_change_take(s);

	if (!scan_ok(s) || kc.epoch != c->key.epoch + 1)
		return circle_invalid(e, "does not begin the next key epoch");
	c->epochs = circle_one_more(c->epochs, kc.epoch - 1, sizeof *c->epochs);
	c->epochs[kc.epoch - 1] =
	    (struct circle_epoch){ kc.commitment, c->seq + 1 };
	c->key = kc;
	c->epoch_due = false;
	return 0;
}

static int
check_newcomer(const struct circle *c, const struct device *d,
    const struct entry_view *v, struct err *e)
{
	if (circle_member(c, &d->dev_id) != NULL)
		return circle_invalid(e, "adds a device that was there before");
	if (!circle_signed_by(v, CIRCLE_SIG_DEVICE, &d->dev_id, d->sign_pk))
		return circle_invalid(
		    e, "lacks the new device's own signature");
	return 0;
}

/* The new device decides by itself: it alone signs. */
static int
check_founder(const struct circle *c, const struct device *d,
    const struct entry_view *v, struct err *e)
{
	if (check_newcomer(c, d, v, e) < 0)
		return -1;
	return v->n_sigs == 1 ? 0
			      : circle_invalid(e, "is signed by others, too");
}

static int
take_policy(struct circle *c, struct scan *s, struct err *e)
{
	uint8_t k = scan_u8(s);
	uint16_t hours = scan_u16(s);

	if (!scan_ok(s) || k < 1 || k > 3)
		return circle_invalid(e, "holds a policy that is wrong");
	c->policy_k = k;
	c->mature_hours = hours;
	return 0;
}

/* The level, and who can help under standard protection. */
static int
take_level(struct circle *c, uint8_t level, struct scan *s, struct err *e)
{
	static const struct circle_escrow none;

	if (level != PROTECTION_STANDARD && level != PROTECTION_ADVANCED)
		return circle_invalid(e, "names no known protection level");
	c->protection = level;
	c->protection_seq = c->seq + 1;
	c->escrow = none;
	return level == PROTECTION_STANDARD
	    ? escrow_take(s, &c->uid, &c->escrow, e)
	    : 0;
}

static int
apply_genesis(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	struct device d;

	if (v->seq != 1)
		return circle_invalid(e, "is a second GENESIS");
	if (device_take(s, &d, e) < 0 ||
	    recovery_set_take(s, &c->recovery, e) < 0 ||
	    take_policy(c, s, e) < 0)
		return -1;
	if (take_level(c, scan_u8(s), s, e) < 0)
		return -1;
	c->web_access = c->protection == PROTECTION_STANDARD;
	c->state_zone = id_take(s);
	if (take_key_change(c, s, e) < 0 || check_founder(c, &d, v, e) < 0)
		return -1;
	c->first_epoch = c->key.epoch;
	add_member(c, &d, v->seq, v->time_ms, true);
	return 0;
}

static int
apply_add(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	struct device d;
	const struct member *young;

	if (device_take(s, &d, e) < 0 || check_newcomer(c, &d, v, e) < 0 ||
	    circle_check_members(c, v, &d, e) < 0)
		return -1;
	if (circle_mature_signers(c, v, &young) == 0)
		return circle_need_mature(c, v, 1, e);
	bool may = false;
	for (size_t i = 0; i < v->n_sigs; i++) {
		const struct member *m = circle_signer(c, &v->sigs[i]);
		may |= m != NULL && (m->device.rights & RIGHT_APPROVE) != 0 &&
		    circle_mature(c, m, v->time_ms);
	}
	if (!may)
		return err_set(
		    e, ERR_PERMISSION, "this device may not let others in");
	if (circle_active_count(c) >= LIMIT_MEMBERS)
		return err_set(e, ERR_CIRCLE_FULL,
		    "the account has %d devices, the most there can be",
		    LIMIT_MEMBERS);
	add_member(c, &d, v->seq, v->time_ms, false);
	return 0;
}

/*
 * Browsers come and go, and any device of some age puts them out: a mature one,
 * or one that is older than all of them. So no newcomer puts out who let it in.
 */
static bool
only_younger_browsers(
    const struct circle *c, const struct entry_view *v, struct bytes ids)
{
	uint32_t oldest = UINT32_MAX, newest_signer = 0;
	struct scan list = scan_of(ids);

	while (list.n > 0) {
		struct id id = id_take(&list);
		const struct member *m = circle_member(c, &id);
		if (m->device.class != CLASS_BROWSER)
			return false;
		if (m->added_seq < oldest)
			oldest = m->added_seq;
	}
	for (size_t i = 0; i < v->n_sigs; i++) {
		const struct member *m = circle_signer(c, &v->sigs[i]);
		if (m != NULL && m->added_seq > newest_signer)
			newest_signer = m->added_seq;
	}
	return newest_signer > 0 && newest_signer < oldest;
}

static bool
only_browsers(const struct circle *c, struct bytes ids)
{
	struct scan list = scan_of(ids);
	bool only = true;

	while (list.n > 0) {
		struct id id = id_take(&list);
		only &= circle_member(c, &id)->device.class == CLASS_BROWSER;
	}
	return only;
}

/* *self: the device takes itself out. */
static int
check_removed(const struct circle *c, const struct entry_view *v,
    struct bytes ids, bool *self, struct err *e)
{
	struct scan list = scan_of(ids);

	*self = false;
	while (list.n > 0) {
		struct id id = id_take(&list);
		const struct member *m = circle_member(c, &id);
		if (m == NULL || !m->active)
			return err_set(e, ERR_NOT_FOUND,
			    "the device to remove is not in the account");
		*self |= circle_signed_by(
		    v, CIRCLE_SIG_DEVICE, &id, m->device.sign_pk);
	}
	if (*self && (ids.n != ID_BYTES || v->n_sigs != 1))
		return circle_invalid(
		    e, "removes its signer together with others");
	if (*self && circle_active_count(c) == 1)
		return err_set(e, ERR_PERMISSION,
		    "the only device of an account cannot be removed");
	if (*self || only_younger_browsers(c, v, ids))
		return 0;
	return circle_need_mature(
	    c, v, only_browsers(c, ids) ? 1 : c->policy_k, e);
}

static void
drop_all(struct circle *c, const struct entry_view *v, struct bytes ids)
{
	struct scan list = scan_of(ids);

	while (list.n > 0) {
		struct id id = id_take(&list);
		struct member *m = find(c, &id);
		if (m->active)
			drop_member(c, m, v);
	}
}

static int
apply_remove(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	uint8_t n = scan_u8(s);
	bool self;

	if (n < 1 || n > LIMIT_REMOVE_IDS)
		return circle_invalid(e, "removes too few or too many devices");
	if (circle_check_members(c, v, NULL, e) < 0)
		return -1;
	struct bytes ids = scan_take(s, (size_t)n * ID_BYTES);
	(void)scan_u8(s); /* reason: for people */
	if (!scan_ok(s))
		return circle_invalid(e, "is cut short");
	if (check_removed(c, v, ids, &self, e) < 0)
		return -1;
	drop_all(c, v, ids);
	if (self) {
		c->epoch_due = true;
		return 0;
	}
	return take_key_change(c, s, e);
}

static int
apply_recovery(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	struct recovery_set set;

	if (recovery_set_take(s, &set, e) < 0 ||
	    circle_check_members(c, v, NULL, e) < 0 ||
	    circle_need_mature(c, v, c->policy_k, e) < 0)
		return -1;
	if (c->recovery.n == 0) {
		c->recovery = set;
		return 0;
	}
	c->pending = true;
	c->next = set;
	c->pending_ms = v->time_ms + LIMIT_RECOVERY_WAIT_MS;
	c->pending_signer_seq = 0;
	for (size_t i = 0; i < v->n_sigs; i++) {
		const struct member *m = circle_signer(c, &v->sigs[i]);
		if (m != NULL && m->added_seq > c->pending_signer_seq)
			c->pending_signer_seq = m->added_seq;
	}
	return 0; /* pending_hash is set with the entry's hash */
}

static int
apply_recover(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	struct device d;

	if (device_take(s, &d, e) < 0)
		return -1;
	uint8_t n = scan_u8(s);
	struct bytes ids = scan_take(s, (size_t)n * ID_BYTES);
	if (n > LIMIT_REMOVE_IDS || !scan_ok(s))
		return circle_invalid(e, "is cut short");
	if (circle_need_recovery(c, v, e) < 0 ||
	    check_newcomer(c, &d, v, e) < 0)
		return -1;
	struct scan list = scan_of(ids);
	for (size_t i = 0; i < n; i++) {
		struct id id = id_take(&list);
		struct member *m = find(c, &id);
		if (m == NULL || !m->active)
			return circle_invalid(
			    e, "drops a device that is not there");
		drop_member(c, m, v);
	}
	if (circle_active_count(c) >= LIMIT_MEMBERS)
		return err_set(e, ERR_CIRCLE_FULL,
		    "the account has as many devices as it can have");
	add_member(c, &d, v->seq, v->time_ms, false);
	return take_key_change(c, s, e);
}

static int
apply_reset(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	struct device d;

	if (device_take(s, &d, e) < 0 || check_founder(c, &d, v, e) < 0)
		return -1;
	for (size_t i = 0; i < c->n_members; i++)
		if (c->members[i].active)
			drop_member(c, &c->members[i], v);
	add_member(c, &d, v->seq, v->time_ms, true);
	c->recovery = (struct recovery_set){ 0 };
	c->pending = false;
	c->keys_only = 0;
	c->state_zone = id_take(s);
	if (take_key_change(c, s, e) < 0)
		return -1;
	c->first_epoch = c->key.epoch;
	c->reset_seq = v->seq;
	return 0;
}

static int
apply_veto(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	struct digest hash = digest_take(s);
	bool may;

	if (!scan_ok(s) || !c->pending ||
	    !digest_equal(&hash, &c->pending_hash))
		return circle_invalid(e, "vetoes what is not pending");
	may = circle_by_recovery(c, v);
	for (size_t i = 0; i < v->n_sigs && !may; i++) {
		const struct member *m = circle_signer(c, &v->sigs[i]);
		if (m == NULL || m->added_seq > c->pending_signer_seq)
			continue;
		bool lately = !m->active &&
		    v->time_ms - m->removed_ms < LIMIT_RECOVERY_WAIT_MS;
		may = (m->active || lately) &&
		    circle_signed_by(v, CIRCLE_SIG_DEVICE, &v->sigs[i].keyref,
			m->device.sign_pk);
	}
	if (!may)
		return err_set(e, ERR_PERMISSION,
		    "only its maker, an older device or the recovery set can "
		    "stop the change");
	c->pending = false;
	return 0;
}

static int
apply_close(struct circle *c, const struct entry_view *v, struct err *e)
{
	if (circle_need_owner(c, v, e) < 0)
		return -1;
	c->closed = true;
	return 0;
}

bool
circle_address_ok(struct bytes b)
{
	size_t at = 0, signs = 0;

	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] <= ' ' || b.p[i] > '~')
			return false;
		if (b.p[i] == '@') {
			at = i;
			signs++;
		}
	}
	return b.n <= CIRCLE_NAME_MAX && signs == 1 && at > 0 && at + 1 < b.n;
}

/* The newest claim stands, until it is dropped. */
static int
take_name(struct circle *c, struct scan *s, struct err *e)
{
	struct bytes name = scan_v8(s);
	uint8_t claim = scan_u8(s);

	if (claim > 1)
		return circle_invalid(e, "neither claims nor drops");
	if (!circle_address_ok(name))
		return circle_invalid(e, "names what is no address");
	if (claim == 1) {
		memcpy(c->name, name.p, name.n);
		c->name[name.n] = '\0';
	} else if (bytes_equal(name, bytes_str(c->name))) {
		c->name[0] = '\0';
	}
	return 0;
}

static int
apply_simple(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	if (circle_check_members(c, v, NULL, e) < 0)
		return -1;
	if (circle_need_mature(c, v, 1, e) < 0)
		return -1;
	switch (v->type) {
	case CIRCLE_NAME:
		return take_name(c, s, e);
	case CIRCLE_PROTECTION: {
		uint32_t clock = scan_u32(s);
		uint8_t level = scan_u8(s), web = scan_u8(s);
		bool closes = level == PROTECTION_ADVANCED &&
		    c->protection == PROTECTION_STANDARD;
		if (clock != c->protection_clock + 1 || web > 1)
			return circle_invalid(e, "changes protection wrongly");
		if (take_level(c, level, s, e) < 0)
			return -1;
		c->protection_clock = clock;
		c->web_access = web;
		/* What the escrow once knew protects nothing new. */
		c->epoch_due |= closes;
		return 0;
	}
	case CIRCLE_FACTORS: {
		uint8_t only = scan_u8(s);
		if (only > 1)
			return circle_invalid(e, "changes factors wrongly");
		c->keys_only = only;
		return 0;
	}
	default: /* CIRCLE_EPOCH */
		return c->epoch_due
		    ? take_key_change(c, s, e)
		    : circle_invalid(
			  e, "begins a key epoch that nothing asks for");
	}
}

int
circle_rule(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	switch (v->type) {
	case CIRCLE_GENESIS:
		return apply_genesis(c, v, s, e);
	case CIRCLE_ADD:
		return apply_add(c, v, s, e);
	case CIRCLE_REMOVE:
		return apply_remove(c, v, s, e);
	case CIRCLE_RECOVERY:
		return apply_recovery(c, v, s, e);
	case CIRCLE_RECOVER:
		return apply_recover(c, v, s, e);
	case CIRCLE_RESET:
		return apply_reset(c, v, s, e);
	case CIRCLE_VETO:
		return apply_veto(c, v, s, e);
	case CIRCLE_CLOSE:
		return apply_close(c, v, e);
	case CIRCLE_POLICY:
		return circle_need_owner(c, v, e) < 0 ? -1
						      : take_policy(c, s, e);
	case CIRCLE_NAME:
	case CIRCLE_PROTECTION:
	case CIRCLE_FACTORS:
	case CIRCLE_EPOCH:
		return apply_simple(c, v, s, e);
	default:
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the circle holds an entry of type %u, which this version "
		    "does not know",
		    (unsigned)v->type);
	}
}
