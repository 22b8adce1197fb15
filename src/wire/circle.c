/* SPDX-License-Identifier: ISC */
/* circle.c: parsing, verifying and building the chain of devices. */
#include "wire/circle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SIG_DEVICE 1
#define SIG_RECOVERY 2
#define HOUR_MS 3600000ULL

static const char magic[4] = { 'P', 'C', 'L', '1' };

static int
invalid(struct err *e, const char *what)
{
	return err_set(
	    e, ERR_CIRCLE_INVALID, "an entry of the circle %s", what);
}

/* ---- bytes ---- */

void
device_put(struct buf *out, const struct device *d)
{
	id_put(out, &d->dev_id);
	buf_put_u8(out, d->class);
	buf_put(out, d->sign_pk, sizeof d->sign_pk);
	buf_put_v16(out, bytes_of(d->kem_pk, sizeof d->kem_pk));
	digest_put(out, &d->name_commit);
	buf_put_u8(out, d->rights);
}

int
device_take(struct scan *s, struct device *out, struct err *e)
{
	struct device d;

	d.dev_id = id_take(s);
	d.class = scan_u8(s);
	scan_copy(s, d.sign_pk, sizeof d.sign_pk);
	struct bytes kem = scan_v16(s);
	d.name_commit = digest_take(s);
	d.rights = scan_u8(s);
	if (!scan_ok(s) || kem.n != sizeof d.kem_pk || !kem_usable(kem.p) ||
	    id_zero(&d.dev_id) || d.class < CLASS_COMPUTER ||
	    d.class >= CLASS_END ||
	    (d.rights & ~(RIGHT_APPEND_ONLY | RIGHT_APPROVE)) != 0)
		return invalid(e, "holds a device record that is wrong");
	memcpy(d.kem_pk, kem.p, sizeof d.kem_pk);
	*out = d;
	return 0;
}

void
recovery_set_put(struct buf *out, const struct recovery_set *set)
{
	buf_put_u8(out, set->t);
	buf_put_u8(out, set->n);
	for (size_t i = 0; i < set->n; i++) {
		const struct recovery_key *k = &set->keys[i];
		buf_put_u8(out, k->kind);
		buf_put(out, k->sign_pk, sizeof k->sign_pk);
		buf_put_v16(out, bytes_of(k->kem_pk, sizeof k->kem_pk));
		buf_put_u8(out, k->weight);
	}
}

static int
set_take(struct scan *s, struct recovery_set *out, struct err *e)
{
	struct recovery_set set = { 0 };
	unsigned weight = 0;

	set.t = scan_u8(s);
	set.n = scan_u8(s);
	if (set.n > LIMIT_RECOVERY_KEYS)
		return invalid(e, "names too many recovery keys");
	for (size_t i = 0; i < set.n; i++) {
		struct recovery_key *k = &set.keys[i];
		k->kind = scan_u8(s);
		scan_copy(s, k->sign_pk, sizeof k->sign_pk);
		struct bytes kem = scan_v16(s);
		k->weight = scan_u8(s);
		if (kem.n != sizeof k->kem_pk || !kem_usable(kem.p) ||
		    k->weight == 0)
			return invalid(e, "holds a recovery key that is wrong");
		memcpy(k->kem_pk, kem.p, sizeof k->kem_pk);
		weight += k->weight;
		for (size_t j = 0; j < i; j++)
			if (bytes_equal(bytes_of(k->sign_pk, SIG_PK_BYTES),
				bytes_of(set.keys[j].sign_pk, SIG_PK_BYTES)))
				return invalid(e, "names a recovery key twice");
	}
	if (!scan_ok(s) || (set.n == 0) != (set.t == 0) || set.t > weight)
		return invalid(e, "holds a recovery set that is wrong");
	*out = set;
	return 0;
}

void
key_change_put(struct buf *out, const struct key_change *kc)
{
	buf_put_u32(out, kc->epoch);
	digest_put(out, &kc->commitment);
}

void
recovery_keyref(const uint8_t sign_pk[static SIG_PK_BYTES], struct id *out)
{
	struct digest d;

	digest_of(bytes_of(sign_pk, SIG_PK_BYTES), &d);
	memcpy(out->b, d.b, ID_BYTES);
}

const struct recovery_key *
recovery_find(const struct recovery_set *set, const struct id *keyref)
{
	for (size_t i = 0; i < set->n; i++) {
		struct id ref;
		recovery_keyref(set->keys[i].sign_pk, &ref);
		if (id_equal(&ref, keyref))
			return &set->keys[i];
	}
	return NULL;
}

const struct recovery_set *
circle_recovery_at(const struct circle *c, uint64_t time_ms)
{
	return c->pending && time_ms >= c->pending_ms ? &c->next : &c->recovery;
}

void
escrow_put(struct buf *out, const struct circle_escrow *x)
{
	buf_put(out, x->sign_pk, sizeof x->sign_pk);
	buf_put(out, x->kem_pk, sizeof x->kem_pk);
	buf_put(out, x->sig, sizeof x->sig);
}

int
escrow_take(struct scan *s, const struct id *uid, struct circle_escrow *out,
    struct err *e)
{
	OWN(buf_free) struct buf m = { 0 };
	struct circle_escrow x;

	scan_copy(s, x.sign_pk, sizeof x.sign_pk);
	scan_copy(s, x.kem_pk, sizeof x.kem_pk);
	scan_copy(s, x.sig, sizeof x.sig);
	id_put(&m, uid);
	buf_put(&m, x.kem_pk, sizeof x.kem_pk);
	if (!scan_ok(s) || !kem_usable(x.kem_pk) ||
	    !sig_valid(SIG_ESCROW_ACCOUNT, x.sign_pk, buf_bytes(&m), x.sig))
		return invalid(e, "names an escrow key that is wrong");
	*out = x;
	return 0;
}

static struct key_change
key_change_take(struct scan *s)
{
	struct key_change kc;

	kc.epoch = scan_u32(s);
	kc.commitment = digest_take(s);
	return kc;
}

void
key_change_commit(
    const struct id *uid, uint32_t epoch, struct bytes s, struct digest *out)
{
	OWN(digest_free) struct digest_state *d = digest_new();

	digest_add(d, bytes_str("aumbry S v1"));
	digest_add(d, bytes_of(uid->b, ID_BYTES));
	digest_add_u32(d, epoch);
	digest_add(d, s);
	digest_end(d, out);
}

void
device_name_commit(
    const struct id *opening, const char *name, struct digest *out)
{
	OWN(digest_free) struct digest_state *d = digest_new();

	digest_add(d, bytes_str("aumbry name v1"));
	digest_add(d, bytes_of(opening->b, ID_BYTES));
	digest_add(d, bytes_str(name));
	digest_end(d, out);
}

void
circle_entry_begin(struct buf *out, const struct circle *c,
    const struct id *uid, uint64_t time_ms, enum circle_type type,
    struct bytes body)
{
	static const struct digest zero;

	buf_put(out, magic, sizeof magic);
	id_put(out, uid);
	buf_put_u32(out, c->seq + 1);
	digest_put(out, &c->head);
	buf_put_u64(out, time_ms > c->time_ms ? time_ms : c->time_ms);
	buf_put_u8(out, (uint8_t)type);
	buf_put_u64(out, 0);
	digest_put(out, &zero);
	buf_put_v16(out, body);
}

void
circle_entry_end(struct buf *entry, const struct circle_sig *sigs, size_t n)
{
	assert(n <= ARRAY_SIZE(((struct entry_view *)NULL)->sigs));
	buf_put_u8(entry, (uint8_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_put_u8(entry, sigs[i].kind);
		id_put(entry, &sigs[i].keyref);
		buf_put(entry, sigs[i].sig, SIG_BYTES);
	}
}

int
circle_entry_parse(struct bytes entry, struct entry_view *out, struct err *e)
{
	struct scan s = scan_of(entry);
	struct entry_view v = { 0 };

	if (entry.n > LIMIT_CIRCLE_ENTRY)
		return invalid(e, "is longer than 4 KiB");
	struct bytes m = scan_take(&s, sizeof magic);
	v.uid = id_take(&s);
	v.seq = scan_u32(&s);
	v.prev = digest_take(&s);
	v.time_ms = scan_u64(&s);
	v.type = scan_u8(&s);
	(void)scan_u64(&s);
	(void)digest_take(&s);
	v.body = scan_v16(&s);
	v.signed_part = bytes_of(entry.p, entry.n - s.n);
	v.n_sigs = scan_u8(&s);
	if (!scan_ok(&s) || v.n_sigs > ARRAY_SIZE(v.sigs) || v.n_sigs == 0 ||
	    v.time_ms > INT64_MAX ||
	    !bytes_equal(m, bytes_of(magic, sizeof magic)))
		return invalid(e, "is not well-formed");
	for (size_t i = 0; i < v.n_sigs; i++) {
		v.sigs[i].kind = scan_u8(&s);
		v.sigs[i].keyref = id_take(&s);
		scan_copy(&s, v.sigs[i].sig, SIG_BYTES);
		for (size_t j = 0; j < i; j++)
			if (v.sigs[j].kind == v.sigs[i].kind &&
			    id_equal(&v.sigs[j].keyref, &v.sigs[i].keyref))
				return invalid(e, "is signed twice by one key");
	}
	if (!scan_done(&s))
		return invalid(e, "is not well-formed");
	*out = v;
	return 0;
}

/* ---- state ---- */

void
circle_free(struct circle *c)
{
	free(c->members);
	free(c->hashes);
	free(c->epochs);
	*c = (struct circle){ 0 };
}

/* Arrays grow by doubling: this many places lie behind n that are used. */
static size_t
room(size_t n)
{
	size_t places = 1;

	while (places < n)
		places *= 2;
	return places;
}

static void *
one_more(void *p, size_t n, size_t each)
{
	return p != NULL && room(n) == room(n + 1)
	    ? p
	    : mem_resize(p, room(n + 1), each);
}

void
circle_copy(struct circle *to, const struct circle *from)
{
	*to = *from;
	to->members = mem_array(room(from->n_members), sizeof *to->members);
	to->hashes = mem_array(room(from->n_hashes), sizeof *to->hashes);
	to->epochs = mem_array(room(from->key.epoch), sizeof *to->epochs);
	if (from->key.epoch > 0)
		memcpy(to->epochs, from->epochs,
		    from->key.epoch * sizeof *to->epochs);
	if (from->n_members > 0)
		memcpy(to->members, from->members,
		    from->n_members * sizeof *to->members);
	if (from->n_hashes > 0)
		memcpy(to->hashes, from->hashes,
		    from->n_hashes * sizeof *to->hashes);
}

static struct member *
find(struct circle *c, const struct id *dev_id)
{
	for (size_t i = 0; i < c->n_members; i++)
		if (id_equal(&c->members[i].device.dev_id, dev_id))
			return &c->members[i];
	return NULL;
}

const struct member *
circle_member(const struct circle *c, const struct id *dev_id)
{
	for (size_t i = 0; i < c->n_members; i++)
		if (id_equal(&c->members[i].device.dev_id, dev_id))
			return &c->members[i];
	return NULL;
}

bool
circle_active(const struct circle *c, const struct id *dev_id)
{
	const struct member *m = circle_member(c, dev_id);

	return m != NULL && m->active;
}

size_t
circle_active_count(const struct circle *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_members; i++)
		n += c->members[i].active;
	return n;
}

bool
circle_active_at(const struct circle *c, const struct id *dev_id, uint32_t seq)
{
	const struct member *m = circle_member(c, dev_id);

	return m != NULL && m->added_seq <= seq && seq <= c->seq &&
	    (m->active || seq < m->removed_seq);
}

bool
circle_mature(const struct circle *c, const struct member *m, uint64_t time_ms)
{
	if (!m->active)
		return false;
	if (m->founder || circle_active_count(c) == 1)
		return true;
	return time_ms >= m->added_ms &&
	    time_ms - m->added_ms >= c->mature_hours * HOUR_MS;
}

const struct digest *
circle_hash_at(const struct circle *c, uint32_t seq)
{
	return seq >= 1 && seq <= c->n_hashes ? &c->hashes[seq - 1] : NULL;
}

static void
add_member(struct circle *c, const struct device *d, uint32_t seq,
    uint64_t time_ms, bool founder)
{
	c->members = one_more(c->members, c->n_members, sizeof *c->members);
	c->members[c->n_members++] = (struct member){
		.device = *d,
		.added_seq = seq,
		.added_ms = time_ms,
		.founder = founder,
		.active = true,
	};
}

static void
drop_member(struct member *m, const struct entry_view *v)
{
	m->active = false;
	m->removed_seq = v->seq;
	m->removed_ms = v->time_ms;
}

/* ---- signatures ---- */

static bool
signed_by(const struct entry_view *v, uint8_t kind, const struct id *keyref,
    const uint8_t pk[static SIG_PK_BYTES])
{
	for (size_t i = 0; i < v->n_sigs; i++)
		if (v->sigs[i].kind == kind &&
		    id_equal(&v->sigs[i].keyref, keyref))
			return sig_valid(
			    SIG_CIRCLE, pk, v->signed_part, v->sigs[i].sig);
	return false;
}

/* The device that a signature is of; NULL for one of a recovery key. */
static const struct member *
signer(const struct circle *c, const struct circle_sig *sig)
{
	return sig->kind == SIG_DEVICE ? circle_member(c, &sig->keyref) : NULL;
}

static int
unknown_sig(struct err *e)
{
	return err_set(e, ERR_UPDATE_NEEDED,
	    "an entry of the circle is signed in a way this version does not "
	    "know");
}

/* Where devices decide: each signature is a valid one of an active member. */
static int
check_members(const struct circle *c, const struct entry_view *v,
    const struct device *newcomer, struct err *e)
{
	for (size_t i = 0; i < v->n_sigs; i++) {
		const struct circle_sig *sig = &v->sigs[i];
		if (sig->kind == SIG_RECOVERY)
			return invalid(
			    e, "is signed by a recovery key, which has no say");
		if (sig->kind != SIG_DEVICE)
			return unknown_sig(e);
		if (newcomer != NULL &&
		    id_equal(&sig->keyref, &newcomer->dev_id))
			continue;
		const struct member *m = circle_member(c, &sig->keyref);
		if (m == NULL || !m->active)
			return err_set(e, ERR_NOT_A_MEMBER,
			    "the signer of an entry is not an active device");
		if (!sig_valid(SIG_CIRCLE, m->device.sign_pk, v->signed_part,
			sig->sig))
			return invalid(e, "carries a wrong signature");
	}
	return 0;
}

/* Number of signers that are mature; *youngest gets the last young one. */
static size_t
mature_signers(const struct circle *c, const struct entry_view *v,
    const struct member **young)
{
	size_t n = 0;

	*young = NULL;
	for (size_t i = 0; i < v->n_sigs; i++) {
		const struct member *m = signer(c, &v->sigs[i]);
		if (m == NULL || !m->active)
			continue;
		if (circle_mature(c, m, v->time_ms))
			n++;
		else
			*young = m;
	}
	return n;
}

static int
need_mature(
    const struct circle *c, const struct entry_view *v, size_t k, struct err *e)
{
	const struct member *young;

	if (mature_signers(c, v, &young) >= k)
		return 0;
	if (young == NULL)
		return err_set(e, ERR_NOT_A_MEMBER,
		    "this needs the signature of %zu device%s", k,
		    k == 1 ? "" : "s");
	uint64_t wait =
	    young->added_ms + c->mature_hours * HOUR_MS - v->time_ms;
	return err_set(e, ERR_DEVICE_TOO_YOUNG,
	    "a device may do that %u hours after it joined; this one in %llu "
	    "hours",
	    (unsigned)c->mature_hours,
	    (unsigned long long)((wait + HOUR_MS - 1) / HOUR_MS));
}

static unsigned
recovery_weight(const struct recovery_set *set, const struct entry_view *v)
{
	unsigned weight = 0;

	for (size_t i = 0; i < set->n; i++) {
		struct id ref;
		recovery_keyref(set->keys[i].sign_pk, &ref);
		if (signed_by(v, SIG_RECOVERY, &ref, set->keys[i].sign_pk))
			weight += set->keys[i].weight;
	}
	return weight;
}

static bool
by_recovery(const struct circle *c, const struct entry_view *v)
{
	return c->recovery.n > 0 &&
	    recovery_weight(&c->recovery, v) >= c->recovery.t;
}

/* The set in force and the new device sign, and nobody beside them. */
static int
need_recovery(const struct circle *c, const struct entry_view *v, struct err *e)
{
	size_t keys = 0;

	for (size_t i = 0; i < v->n_sigs; i++) {
		const struct circle_sig *sig = &v->sigs[i];
		if (sig->kind != SIG_RECOVERY && sig->kind != SIG_DEVICE)
			return unknown_sig(e);
		if (sig->kind == SIG_DEVICE)
			continue;
		const struct recovery_key *k =
		    recovery_find(&c->recovery, &sig->keyref);
		if (k == NULL ||
		    !sig_valid(
			SIG_CIRCLE, k->sign_pk, v->signed_part, sig->sig))
			return invalid(
			    e, "carries a wrong signature of a recovery key");
		keys++;
	}
	return by_recovery(c, v) && v->n_sigs == keys + 1
	    ? 0
	    : invalid(e, "lacks signatures of recovery keys");
}

/* ---- one function per type; what one that fails did is undone ---- */

static int
take_key_change(struct circle *c, struct scan *s, struct err *e)
{
	struct key_change kc = key_change_take(s);

	if (!scan_ok(s) || kc.epoch != c->key.epoch + 1)
		return invalid(e, "does not begin the next key epoch");
	c->epochs = one_more(c->epochs, kc.epoch - 1, sizeof *c->epochs);
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
		return invalid(e, "adds a device that was there before");
	if (!signed_by(v, SIG_DEVICE, &d->dev_id, d->sign_pk))
		return invalid(e, "lacks the new device's own signature");
	return 0;
}

/* The new device decides by itself: it alone signs. */
static int
check_founder(const struct circle *c, const struct device *d,
    const struct entry_view *v, struct err *e)
{
	if (check_newcomer(c, d, v, e) < 0)
		return -1;
	return v->n_sigs == 1 ? 0 : invalid(e, "is signed by others, too");
}

static int
take_policy(struct circle *c, struct scan *s, struct err *e)
{
	uint8_t k = scan_u8(s);
	uint16_t hours = scan_u16(s);

	if (!scan_ok(s) || k < 1 || k > 3)
		return invalid(e, "holds a policy that is wrong");
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
		return invalid(e, "names no known protection level");
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
		return invalid(e, "is a second GENESIS");
	if (device_take(s, &d, e) < 0 || set_take(s, &c->recovery, e) < 0 ||
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
	    check_members(c, v, &d, e) < 0)
		return -1;
	if (mature_signers(c, v, &young) == 0)
		return need_mature(c, v, 1, e);
	bool may = false;
	for (size_t i = 0; i < v->n_sigs; i++) {
		const struct member *m = signer(c, &v->sigs[i]);
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
		const struct member *m = signer(c, &v->sigs[i]);
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
		*self |= signed_by(v, SIG_DEVICE, &id, m->device.sign_pk);
	}
	if (*self && (ids.n != ID_BYTES || v->n_sigs != 1))
		return invalid(e, "removes its signer together with others");
	if (*self && circle_active_count(c) == 1)
		return err_set(e, ERR_PERMISSION,
		    "the only device of an account cannot be removed");
	if (*self || only_younger_browsers(c, v, ids))
		return 0;
	return need_mature(c, v, only_browsers(c, ids) ? 1 : c->policy_k, e);
}

/* What a device asked for ends with it. */
static void
drop_all(struct circle *c, const struct entry_view *v, struct bytes ids)
{
	struct scan list = scan_of(ids);

	while (list.n > 0) {
		struct id id = id_take(&list);
		struct member *m = find(c, &id);
		if (!m->active)
			continue;
		drop_member(m, v);
		if (c->pending && m->added_seq == c->pending_signer_seq)
			c->pending = false;
	}
}

static int
apply_remove(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	uint8_t n = scan_u8(s);
	bool self;

	if (n < 1 || n > LIMIT_REMOVE_IDS)
		return invalid(e, "removes too few or too many devices");
	if (check_members(c, v, NULL, e) < 0)
		return -1;
	struct bytes ids = scan_take(s, (size_t)n * ID_BYTES);
	(void)scan_u8(s); /* reason: for people */
	if (!scan_ok(s))
		return invalid(e, "is cut short");
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

	if (set_take(s, &set, e) < 0 || check_members(c, v, NULL, e) < 0 ||
	    need_mature(c, v, c->policy_k, e) < 0)
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
		const struct member *m = signer(c, &v->sigs[i]);
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
		return invalid(e, "is cut short");
	if (need_recovery(c, v, e) < 0 || check_newcomer(c, &d, v, e) < 0)
		return -1;
	struct scan list = scan_of(ids);
	for (size_t i = 0; i < n; i++) {
		struct id id = id_take(&list);
		struct member *m = find(c, &id);
		if (m == NULL || !m->active)
			return invalid(e, "drops a device that is not there");
		drop_member(m, v);
	}
	if (circle_active_count(c) >= LIMIT_MEMBERS)
		return err_set(e, ERR_CIRCLE_FULL,
		    "the account has as many devices as it can have");
	/* A thief may have asked for it, and who recovers is too young to stop
	 * it. */
	c->pending = false;
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
			drop_member(&c->members[i], v);
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
		return invalid(e, "vetoes what is not pending");
	may = by_recovery(c, v);
	for (size_t i = 0; i < v->n_sigs && !may; i++) {
		const struct member *m = signer(c, &v->sigs[i]);
		if (m == NULL || m->added_seq > c->pending_signer_seq)
			continue;
		bool lately = !m->active &&
		    v->time_ms - m->removed_ms < LIMIT_RECOVERY_WAIT_MS;
		may = (m->active || lately) &&
		    signed_by(
			v, SIG_DEVICE, &v->sigs[i].keyref, m->device.sign_pk);
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
	if (by_recovery(c, v)) {
		c->closed = true;
		return 0;
	}
	if (check_members(c, v, NULL, e) < 0 ||
	    need_mature(c, v, c->policy_k, e) < 0)
		return -1;
	c->closed = true;
	return 0;
}

static int
apply_simple(
    struct circle *c, const struct entry_view *v, struct scan *s, struct err *e)
{
	if (check_members(c, v, NULL, e) < 0)
		return -1;
	size_t k = v->type == CIRCLE_POLICY ? c->policy_k : 1;
	if (need_mature(c, v, k, e) < 0)
		return -1;
	switch (v->type) {
	case CIRCLE_POLICY:
		return take_policy(c, s, e);
	case CIRCLE_NAME: {
		(void)scan_v8(s);
		uint8_t claim = scan_u8(s);
		return claim > 1 ? invalid(e, "neither claims nor drops") : 0;
	}
	case CIRCLE_PROTECTION: {
		uint32_t clock = scan_u32(s);
		uint8_t level = scan_u8(s), web = scan_u8(s);
		bool closes = level == PROTECTION_ADVANCED &&
		    c->protection == PROTECTION_STANDARD;
		if (clock != c->protection_clock + 1 || web > 1)
			return invalid(e, "changes protection wrongly");
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
			return invalid(e, "changes factors wrongly");
		c->keys_only = only;
		return 0;
	}
	default: /* CIRCLE_EPOCH */
		return c->epoch_due
		    ? take_key_change(c, s, e)
		    : invalid(e, "begins a key epoch that nothing asks for");
	}
}

static int
apply_body(
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

/* Near the end only what puts a thief out, or ends the account, is taken. */
static bool
has_place(const struct circle *c, const struct entry_view *v)
{
	switch (v->type) {
	case CIRCLE_REMOVE:
	case CIRCLE_RECOVER:
	case CIRCLE_RESET:
	case CIRCLE_VETO:
	case CIRCLE_CLOSE:
		return c->seq < LIMIT_CIRCLE_ENTRIES;
	default:
		return c->seq < LIMIT_CIRCLE_ENTRIES - LIMIT_CIRCLE_KEPT;
	}
}

static int
check_place(const struct circle *c, const struct entry_view *v, struct err *e)
{
	if (v->seq != c->seq + 1 || !digest_equal(&v->prev, &c->head))
		return err_set(e, ERR_CONFLICT,
		    "an entry of the circle does not continue the chain at %u",
		    (unsigned)c->seq);
	if (c->seq > 0 && !id_equal(&v->uid, &c->uid))
		return invalid(e, "belongs to another account");
	if (c->seq == 0 && v->type != CIRCLE_GENESIS)
		return invalid(e, "comes before GENESIS");
	if (v->time_ms < c->time_ms)
		return invalid(e, "is older than the one before it");
	if (c->closed)
		return invalid(e, "follows the closing of the account");
	if (!has_place(c, v))
		return invalid(e, "is one too many");
	return 0;
}

/*
 * The arrays only grow, and an entry changes nothing of a member but that it
 * leaves: so what a refused entry did is undone without a copy of all.
 */
static void
undo(struct circle *c, const struct circle *before, uint32_t seq)
{
	struct circle now = *c;

	*c = *before;
	c->members = now.members;
	c->epochs = now.epochs;
	c->hashes = now.hashes;
	for (size_t i = 0; i < c->n_members; i++) {
		struct member *m = &c->members[i];
		if (m->removed_seq != seq)
			continue;
		m->active = true;
		m->removed_seq = 0;
		m->removed_ms = 0;
	}
}

static void
seal_entry(struct circle *c, const struct entry_view *v, struct bytes entry)
{
	c->seq = v->seq;
	c->time_ms = v->time_ms;
	digest_of(entry, &c->head);
	if (v->type == CIRCLE_GENESIS || v->type == CIRCLE_RESET)
		c->circle_id = c->head;
	if (v->type == CIRCLE_RECOVERY && c->pending)
		c->pending_hash = c->head;
	c->hashes = one_more(c->hashes, c->n_hashes, sizeof *c->hashes);
	c->hashes[c->n_hashes++] = c->head;
}

int
circle_apply(struct circle *c, struct bytes entry, struct err *e)
{
	struct circle before = *c;
	struct entry_view v;

	if (circle_entry_parse(entry, &v, e) < 0 || check_place(c, &v, e) < 0)
		return -1;
	c->uid = v.uid;
	if (c->pending && v.time_ms >= c->pending_ms) {
		c->recovery = c->next;
		c->pending = false;
	}
	struct scan s = scan_of(v.body);
	int rc = apply_body(c, &v, &s, e);
	if (rc == 0 && !scan_done(&s))
		rc = invalid(e, "has a body of the wrong length");
	if (rc < 0)
		undo(c, &before, v.seq);
	else
		seal_entry(c, &v, entry);
	return rc;
}

const char *
circle_class_name(uint8_t class)
{
	static const char *const names[CLASS_END] = {
		[CLASS_COMPUTER] = "computer",
		[CLASS_PHONE] = "phone",
		[CLASS_BROWSER] = "browser",
		[CLASS_SECURITY_KEY] = "security key",
	};

	return class < CLASS_END && names[class] != NULL ? names[class] : "?";
}
