/* SPDX-License-Identifier: ISC */
/* circle_form.c: the bytes of entries, read and written. */
#include "wire/circle_in.h"

#include <assert.h>
#include <string.h>

static const char magic[4] = { 'P', 'C', 'L', '1' };

int
circle_invalid(struct err *e, const char *what)
{
	return err_set(
	    e, ERR_CIRCLE_INVALID, "an entry of the circle %s", what);
}

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
		return circle_invalid(e, "holds a device record that is wrong");
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

int
recovery_set_take(struct scan *s, struct recovery_set *out, struct err *e)
{
	struct recovery_set set = { 0 };
	unsigned weight = 0;

	set.t = scan_u8(s);
	set.n = scan_u8(s);
	if (set.n > LIMIT_RECOVERY_KEYS)
		return circle_invalid(e, "names too many recovery keys");
	for (size_t i = 0; i < set.n; i++) {
		struct recovery_key *k = &set.keys[i];
		k->kind = scan_u8(s);
		scan_copy(s, k->sign_pk, sizeof k->sign_pk);
		struct bytes kem = scan_v16(s);
		k->weight = scan_u8(s);
		if (kem.n != sizeof k->kem_pk || !kem_usable(kem.p) ||
		    k->weight == 0)
			return circle_invalid(
			    e, "holds a recovery key that is wrong");
		memcpy(k->kem_pk, kem.p, sizeof k->kem_pk);
		weight += k->weight;
		for (size_t j = 0; j < i; j++)
			if (bytes_equal(bytes_of(k->sign_pk, SIG_PK_BYTES),
				bytes_of(set.keys[j].sign_pk, SIG_PK_BYTES)))
				return circle_invalid(
				    e, "names a recovery key twice");
	}
	if (!scan_ok(s) || (set.n == 0) != (set.t == 0) || set.t > weight)
		return circle_invalid(e, "holds a recovery set that is wrong");
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
circle_name_put(struct buf *out, const char *address)
{
	buf_put_v8(out, bytes_str(address));
	buf_put_u8(out, 1);
}

void
recovery_keyref(const uint8_t sign_pk[static SIG_PK_BYTES], struct id *out)
{
	*out = digest_id(bytes_of(sign_pk, SIG_PK_BYTES));
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

void
circle_escrow_put(struct buf *out, const struct circle_escrow *x)
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
		return circle_invalid(e, "names an escrow key that is wrong");
	*out = x;
	return 0;
}

struct key_change
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
		return circle_invalid(e, "is longer than 4 KiB");
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
		return circle_invalid(e, "is not well-formed");
	for (size_t i = 0; i < v.n_sigs; i++) {
		v.sigs[i].kind = scan_u8(&s);
		v.sigs[i].keyref = id_take(&s);
		scan_copy(&s, v.sigs[i].sig, SIG_BYTES);
		for (size_t j = 0; j < i; j++)
			if (v.sigs[j].kind == v.sigs[i].kind &&
			    id_equal(&v.sigs[j].keyref, &v.sigs[i].keyref))
				return circle_invalid(
				    e, "is signed twice by one key");
	}
	if (!scan_done(&s))
		return circle_invalid(e, "is not well-formed");
	*out = v;
	return 0;
}
