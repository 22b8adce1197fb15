/* SPDX-License-Identifier: ISC */
/* keyring.c: epochs of keys, and the envelopes they travel in. */
#include "vault/keyring.h"

#include "vault/seal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 1

enum purpose {
	PURPOSE_S = 1,
	PURPOSE_PREVIOUS = 2,
	PURPOSE_CATEGORY = 3,
	PURPOSE_NAMES = 4,
	PURPOSE_INTEGRITY = 5,
	PURPOSE_ESCROW = 6,
	PURPOSE_ESCROW_NAMES = 7,
	PURPOSE_CARRIED = 8,
	PURPOSE_EARLIER = 11
};

/* What PURPOSE_EARLIER wraps: u32 epoch | S of it. */
#define EARLIER_BYTES (4 + SECRET_KEY)

static const char *const wrap_label[] = {
	[PURPOSE_PREVIOUS] = "previous S",
	[PURPOSE_CATEGORY] = "category",
	[PURPOSE_NAMES] = "names",
	[PURPOSE_INTEGRITY] = "integrity",
	[PURPOSE_CARRIED] = "carried",
	[PURPOSE_EARLIER] = "earlier S",
};

struct epoch {
	struct secret *s;
	bool skips; /* its maker could not hand on the S before it */
	const struct envelope *noise; /* while opening: its maker's */
	struct secret *category[CATEGORY_END];
	struct secret *integrity[CATEGORY_END];
};

struct keyring {
	struct id uid;
	struct epoch *epochs; /* of epoch i + 1 */
	uint32_t n;
	struct secret *names[CATEGORY_END];
	const struct envelope *names_by[CATEGORY_END]; /* while opening */
	const struct envelope *false_names; /* found in an epoch below */
	struct id spoiler; /* who sealed noise to this device; else zeros */
};

struct keyring *
keyring_new(const struct id *uid)
{
	struct keyring *k = mem_new(sizeof *k);

	k->uid = *uid;
	return k;
}

static void
epoch_wipe(struct epoch *p)
{
	secret_free(&p->s);
	for (size_t c = 0; c < CATEGORY_END; c++) {
		secret_free(&p->category[c]);
		secret_free(&p->integrity[c]);
	}
}

void
keyring_free(struct keyring **k)
{
	if (*k == NULL)
		return;
	for (uint32_t i = 0; i < (*k)->n; i++)
		epoch_wipe(&(*k)->epochs[i]);
	for (size_t c = 0; c < CATEGORY_END; c++)
		secret_free(&(*k)->names[c]);
	free((*k)->epochs);
	free(*k);
	*k = NULL;
}

static struct epoch *
epoch_room(struct keyring *k, uint32_t n)
{
	if (n > k->n) {
		k->epochs = mem_resize(k->epochs, n, sizeof *k->epochs);
		memset(k->epochs + k->n, 0, (n - k->n) * sizeof *k->epochs);
		k->n = n;
	}
	return &k->epochs[n - 1];
}

void
keyring_reach(struct keyring *k, uint32_t n)
{
	if (n > 0)
		(void)epoch_room(k, n);
}

static void
take_over(struct secret **to, struct secret **from)
{
	if (*to == NULL)
		*to = TAKE(*from);
}

void
keyring_put_category(struct keyring *k, enum category c, uint32_t epoch,
    const struct secret *key)
{
	struct secret **slot = &epoch_room(k, epoch)->category[c];

	if (*slot == NULL)
		*slot = secret_copy(key);
}

void
keyring_put_names(struct keyring *k, enum category c, const struct secret *key)
{
	if (k->names[c] == NULL)
		k->names[c] = secret_copy(key);
}

enum lent { LENT_CATEGORY = 1, LENT_NAMES = 2, LENT_INTEGRITY = 3 };

static void
lend_one(struct buf *out, enum lent kind, enum category c, uint32_t epoch,
    const struct secret *key)
{
	if (key == NULL)
		return;
	buf_put_u8(out, (uint8_t)kind);
	buf_put_u8(out, (uint8_t)c);
	buf_put_u32(out, epoch);
	buf_put_bytes(out, secret_bytes(key));
}

void
keyring_lend(const struct keyring *k, enum category c, struct buf *out)
{
	lend_one(out, LENT_NAMES, c, 0, k->names[c]);
	for (uint32_t n = 1; n <= k->n; n++) {
		const struct epoch *at = &k->epochs[n - 1];
		lend_one(out, LENT_CATEGORY, c, n, at->category[c]);
		lend_one(out, LENT_INTEGRITY, c, n, at->integrity[c]);
	}
}

int
keyring_borrow(
    struct keyring *k, struct bytes lent, uint32_t newest, struct err *e)
{
	struct scan s = scan_of(lent);

	while (!scan_done(&s) && scan_ok(&s)) {
		uint8_t kind = scan_u8(&s);
		uint8_t category = scan_u8(&s);
		uint32_t epoch = scan_u32(&s);
		struct bytes raw = scan_take(&s, SECRET_KEY);
		if (!scan_ok(&s) || !category_known(category) ||
		    kind < LENT_CATEGORY || kind > LENT_INTEGRITY ||
		    epoch > newest || (kind == LENT_NAMES) != (epoch == 0))
			return err_set(e, ERR_BAD_REQUEST,
			    "the keys that were handed over are not "
			    "well-formed");
		struct secret *key = secret_of(raw);
		struct secret **slot = kind == LENT_NAMES ? &k->names[category]
		    : kind == LENT_CATEGORY
		    ? &epoch_room(k, epoch)->category[category]
		    : &epoch_room(k, epoch)->integrity[category];
		secret_free(slot);
		*slot = key;
	}
	return 0;
}

void
keyring_absorb(struct keyring *k, struct keyring *more)
{
	for (uint32_t n = 1; n <= more->n; n++) {
		struct epoch *to = epoch_room(k, n);
		struct epoch *from = &more->epochs[n - 1];
		take_over(&to->s, &from->s);
		to->skips |= from->skips;
		for (size_t c = 0; c < CATEGORY_END; c++) {
			take_over(&to->category[c], &from->category[c]);
			take_over(&to->integrity[c], &from->integrity[c]);
		}
	}
	for (size_t c = 0; c < CATEGORY_END; c++)
		take_over(&k->names[c], &more->names[c]);
}

void
keyring_next_epoch(struct keyring *k, struct key_change *kc)
{
	struct epoch *p = epoch_room(k, k->n + 1);

	p->s = secret_random(SECRET_KEY);
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		if (c != CATEGORY_STATE)
			p->category[c] = secret_random(SECRET_KEY);
		p->integrity[c] = secret_random(SECRET_KEY);
		if (k->names[c] == NULL && c != CATEGORY_STATE)
			k->names[c] = secret_random(SECRET_KEY);
	}
	kc->epoch = k->n;
	key_change_commit(&k->uid, k->n, secret_bytes(p->s), &kc->commitment);
}

void
keyring_drop_epoch(struct keyring *k)
{
	assert(k->n > 1);
	epoch_wipe(&k->epochs[--k->n]);
}

uint32_t
keyring_epoch(const struct keyring *k)
{
	return k->n;
}

struct id
keyring_spoiler(const struct keyring *k)
{
	return k->spoiler;
}

bool
keyring_lacks(const struct keyring *k, uint32_t epoch)
{
	bool gap = false;

	for (uint32_t n = k->n; n >= 1; n--) {
		const struct epoch *p = &k->epochs[n - 1];
		if (p->s != NULL)
			gap = p->skips;
		else if (gap && (epoch == 0 || epoch == n))
			return true;
	}
	return false;
}

static const struct epoch *
at(const struct keyring *k, uint32_t epoch)
{
	return epoch >= 1 && epoch <= k->n ? &k->epochs[epoch - 1] : NULL;
}

const struct secret *
keyring_category(const struct keyring *k, enum category c, uint32_t epoch)
{
	const struct epoch *p = at(k, epoch);

	return p != NULL && category_known(c) ? p->category[c] : NULL;
}

const struct secret *
keyring_integrity(const struct keyring *k, enum category c, uint32_t epoch)
{
	const struct epoch *p = at(k, epoch);

	return p != NULL && category_known(c) ? p->integrity[c] : NULL;
}

const struct secret *
keyring_names(const struct keyring *k, enum category c)
{
	return category_known(c) ? k->names[c] : NULL;
}

const struct secret *
keyring_circle_secret(const struct keyring *k)
{
	return k->n > 0 ? k->epochs[k->n - 1].s : NULL;
}

struct secret *
keyring_record(const struct keyring *k, enum category c, const struct id *zone,
    uint32_t epoch)
{
	const struct epoch *p = at(k, epoch);
	const struct secret *from = NULL;

	if (p != NULL)
		from =
		    c == CATEGORY_STATE ? p->s : keyring_category(k, c, epoch);
	if (from == NULL)
		return NULL;
	return secret_derive(from, "record", bytes_of(zone->b, ID_BYTES));
}

/* ---- envelopes ---- */

struct envelope {
	uint8_t purpose;
	uint32_t epoch;
	uint8_t category;
	struct id sender, receiver;
	struct bytes header, ct, signed_part;
	uint8_t sig[SIG_BYTES];
};

static void
put_header(struct buf *out, const struct keyring *k, const struct envelope *v)
{
	buf_put_u8(out, FORMAT);
	buf_put_u8(out, v->purpose);
	id_put(out, &k->uid);
	buf_put_u32(out, v->epoch);
	buf_put_u8(out, v->category);
	id_put(out, &v->sender);
	id_put(out, &v->receiver);
}

static struct secret *
wrap_key(const struct secret *s, const struct envelope *v)
{
	return secret_derive(
	    s, wrap_label[v->purpose], bytes_of(&v->category, 1));
}

/* Finish and append: header | v16 ct | sig, as one v16. */
static void
put_envelope(struct buf *out, const struct devkey *device, struct buf *header,
    struct bytes ct)
{
	uint8_t sig[SIG_BYTES];

	buf_put_v16(header, ct);
	devkey_sign(device, SIG_ENVELOPE, buf_bytes(header), sig);
	buf_put(header, sig, sizeof sig);
	buf_put_v16(out, buf_bytes(header));
}

static void
put_wrapped_bytes(const struct keyring *k, const struct secret *s,
    const struct envelope *v, struct bytes plain, const struct devkey *device,
    struct buf *out)
{
	OWN(buf_free) struct buf header = { 0 };
	OWN(buf_free) struct buf ct = { 0 };
	OWN(secret_free) struct secret *wrap = wrap_key(s, v);

	put_header(&header, k, v);
	seal_make(wrap, buf_bytes(&header), plain, &ct);
	put_envelope(out, device, &header, buf_bytes(&ct));
}

static void
put_wrapped(const struct keyring *k, const struct secret *s,
    const struct envelope *v, const struct secret *key,
    const struct devkey *device, struct buf *out)
{
	put_wrapped_bytes(k, s, v, secret_bytes(key), device, out);
}

static void
put_sealed(const struct keyring *k, const struct envelope *v,
    const uint8_t kem_pk[static KEM_PK_BYTES], const struct secret *key,
    const struct devkey *device, struct buf *out)
{
	OWN(buf_free) struct buf header = { 0 };
	OWN(buf_free) struct buf ct = { 0 };

	put_header(&header, k, v);
	devkey_seal(kem_pk, secret_bytes(key), &ct);
	put_envelope(out, device, &header, buf_bytes(&ct));
}

void
keyring_envelope_at(const struct keyring *k, uint32_t epoch,
    const struct device *to, const struct devkey *device,
    const struct id *dev_id, struct buf *out)
{
	const struct epoch *p = at(k, epoch);
	struct envelope v = { .purpose = PURPOSE_S,
		.epoch = epoch,
		.sender = *dev_id,
		.receiver = to->dev_id };

	assert(p != NULL);
	put_sealed(k, &v, to->kem_pk, p->s, device, out);
}

void
keyring_envelope_recovery(const struct keyring *k,
    const struct recovery_key *to, const struct devkey *device,
    const struct id *dev_id, struct buf *out)
{
	struct envelope v = {
		.purpose = PURPOSE_S, .epoch = k->n, .sender = *dev_id
	};

	recovery_keyref(to->sign_pk, &v.receiver);
	put_sealed(k, &v, to->kem_pk, k->epochs[k->n - 1].s, device, out);
}

/* ---- for the escrow ---- */

static struct id
escrow_ref(const uint8_t kem_pk[static KEM_PK_BYTES])
{
	struct digest d;
	struct id ref;

	digest_of(bytes_of(kem_pk, KEM_PK_BYTES), &d);
	memcpy(ref.b, d.b, ID_BYTES);
	return ref;
}

static void
put_escrowed(const struct keyring *k, const struct circle *circle,
    uint32_t epoch, const struct devkey *device, const struct id *dev_id,
    struct buf *out)
{
	struct envelope v = { .purpose = PURPOSE_ESCROW,
		.epoch = epoch,
		.sender = *dev_id,
		.receiver = escrow_ref(circle->escrow.kem_pk) };

	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		const struct secret *key = k->epochs[epoch - 1].category[c];
		v.category = (uint8_t)c;
		if (category_escrowed(c) && key != NULL)
			put_sealed(
			    k, &v, circle->escrow.kem_pk, key, device, out);
	}
}

static void
put_escrowed_names(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	struct envelope v = { .purpose = PURPOSE_ESCROW_NAMES,
		.epoch = circle->key.epoch,
		.sender = *dev_id,
		.receiver = escrow_ref(circle->escrow.kem_pk) };

	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		v.category = (uint8_t)c;
		if (category_escrowed(c) && k->names[c] != NULL)
			put_sealed(k, &v, circle->escrow.kem_pk, k->names[c],
			    device, out);
	}
}

void
keyring_for_escrow(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	assert(circle->protection == PROTECTION_STANDARD);
	for (uint32_t epoch = 1; epoch <= k->n; epoch++)
		put_escrowed(k, circle, epoch, device, dev_id, out);
	put_escrowed_names(k, circle, device, dev_id, out);
}

void
keyring_carried(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	struct envelope v = { .purpose = PURPOSE_CARRIED, .sender = *dev_id };
	const struct secret *s = k->epochs[circle->first_epoch - 1].s;

	for (v.epoch = 1; v.epoch < circle->first_epoch; v.epoch++)
		for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
			const struct secret *key =
			    k->epochs[v.epoch - 1].category[c];
			v.category = (uint8_t)c;
			if (key != NULL)
				put_wrapped(k, s, &v, key, device, out);
		}
}

void
keyring_envelope(const struct keyring *k, const struct device *to,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	keyring_envelope_at(k, k->n, to, device, dev_id, out);
}

static void
wipe(struct buf *b)
{
	if (b->n > 0)
		mem_wipe(b->p, b->n);
	buf_free(b);
}

/*
 * The S before epoch n; or, where its maker has given this device none that
 * holds, the newest that it has.
 */
static void
put_previous(const struct keyring *k, uint32_t n, uint32_t first,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	struct envelope v = {
		.purpose = PURPOSE_PREVIOUS, .epoch = n, .sender = *dev_id
	};
	const struct secret *s = k->epochs[n - 1].s;
	uint32_t m = n - 1;

	while (m > first && k->epochs[m - 1].s == NULL)
		m--;
	assert(k->epochs[m - 1].s != NULL);
	if (m == n - 1) {
		put_wrapped(k, s, &v, k->epochs[m - 1].s, device, out);
		return;
	}
	OWN(wipe) struct buf plain = { 0 };
	v.purpose = PURPOSE_EARLIER;
	buf_put_u32(&plain, m);
	buf_put_bytes(&plain, secret_bytes(k->epochs[m - 1].s));
	put_wrapped_bytes(k, s, &v, buf_bytes(&plain), device, out);
}

void
keyring_fill(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	for (uint32_t n = circle->first_epoch + 1; n <= k->n; n++) {
		struct envelope v = { .purpose = PURPOSE_PREVIOUS,
			.epoch = n,
			.sender = *dev_id };
		const struct epoch *to = &k->epochs[n - 1];
		const struct epoch *from = &k->epochs[n - 2];
		if (to->s != NULL && from->s != NULL && to->skips &&
		    circle_active_at(circle, dev_id, circle->epochs[n - 1].seq))
			put_wrapped(k, to->s, &v, from->s, device, out);
	}
}

void
keyring_bundle(const struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	uint32_t n = circle->key.epoch;
	const struct epoch *p = at(k, n);
	struct envelope v = { .epoch = n, .sender = *dev_id };

	assert(p != NULL);
	for (size_t i = 0; i < circle->n_members; i++)
		if (circle->members[i].active)
			keyring_envelope_at(k, n, &circle->members[i].device,
			    device, dev_id, out);
	for (size_t i = 0; i < circle->recovery.n; i++)
		keyring_envelope_recovery(
		    k, &circle->recovery.keys[i], device, dev_id, out);
	for (size_t i = 0; circle->pending && i < circle->next.n; i++) {
		struct id ref;
		recovery_keyref(circle->next.keys[i].sign_pk, &ref);
		if (recovery_find(&circle->recovery, &ref) == NULL)
			keyring_envelope_recovery(
			    k, &circle->next.keys[i], device, dev_id, out);
	}
	if (n > circle->first_epoch)
		put_previous(k, n, circle->first_epoch, device, dev_id, out);
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		v.category = (uint8_t)c;
		v.purpose = PURPOSE_CATEGORY;
		if (p->category[c] != NULL)
			put_wrapped(k, p->s, &v, p->category[c], device, out);
		v.purpose = PURPOSE_NAMES;
		if (k->names[c] != NULL)
			put_wrapped(k, p->s, &v, k->names[c], device, out);
		v.purpose = PURPOSE_INTEGRITY;
		put_wrapped(k, p->s, &v, p->integrity[c], device, out);
	}
	if (circle->protection == PROTECTION_STANDARD) {
		put_escrowed(k, circle, n, device, dev_id, out);
		put_escrowed_names(k, circle, device, dev_id, out);
	}
}

static int
substituted(struct err *e, const char *what)
{
	return err_set(e, ERR_KEY_SUBSTITUTED, "%s", what);
}

/*
 * Wrapped keys come from a member of their epoch: who was removed by then, or
 * came later, made none of them. For the escrow any member seals older ones,
 * and what a RESET carries over its device has wrapped.
 */
static bool
sender_fits(const struct circle *circle, const struct envelope *v)
{
	switch (v->purpose) {
	case PURPOSE_S:
	case PURPOSE_ESCROW:
	case PURPOSE_ESCROW_NAMES:
		return true;
	case PURPOSE_CARRIED:
		return circle_active_at(circle, &v->sender,
		    circle->epochs[circle->first_epoch - 1].seq);
	default:
		return circle_active_at(
		    circle, &v->sender, circle->epochs[v->epoch - 1].seq);
	}
}

static int
take_envelope(struct bytes x, const struct circle *circle, struct envelope *out,
    struct err *e)
{
	struct scan s = scan_of(x);
	struct envelope v;

	uint8_t format = scan_u8(&s);
	v.purpose = scan_u8(&s);
	struct id uid = id_take(&s);
	v.epoch = scan_u32(&s);
	v.category = scan_u8(&s);
	v.sender = id_take(&s);
	v.receiver = id_take(&s);
	v.header = bytes_of(x.p, x.n - s.n);
	v.ct = scan_v16(&s);
	v.signed_part = bytes_of(x.p, x.n - s.n);
	scan_copy(&s, v.sig, sizeof v.sig);
	if (!scan_done(&s) || !id_equal(&uid, &circle->uid) || v.epoch == 0 ||
	    v.epoch > circle->key.epoch || v.category >= CATEGORY_END)
		return substituted(e, "a key envelope is not well-formed");
	if (format != FORMAT || v.purpose < PURPOSE_S ||
	    (v.purpose > PURPOSE_CARRIED && v.purpose != PURPOSE_EARLIER))
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a key envelope is of a kind this version does not know");
	const struct member *m = circle_member(circle, &v.sender);
	if (m == NULL)
		return substituted(
		    e, "a key envelope comes from outside the circle");
	if (!sender_fits(circle, &v))
		return substituted(e,
		    "a key envelope comes from a device that was not in the "
		    "circle of its epoch");
	if (!sig_valid(SIG_ENVELOPE, m->device.sign_pk, v.signed_part, v.sig))
		return substituted(e, "a key envelope's signature is wrong");
	*out = v;
	return 0;
}

/* Take S_n in, checked against what the circle committed to. */
static int
accept_s(struct keyring *k, const struct circle *circle, uint32_t epoch,
    struct secret **s, struct err *e)
{
	struct digest d;

	if (secret_bytes(*s).n != SECRET_KEY)
		return substituted(e, "a circle secret has a wrong length");
	key_change_commit(&k->uid, epoch, secret_bytes(*s), &d);
	if (!digest_equal(&d, &circle->epochs[epoch - 1].commitment))
		return substituted(e,
		    "a circle secret is not the one the circle committed to");
	struct epoch *p = epoch_room(k, epoch);
	secret_free(&p->s);
	p->s = TAKE(*s);
	return 0;
}

static int
open_wrapped(const struct keyring *k, uint32_t under, const struct envelope *v,
    struct secret **out, struct err *e)
{
	OWN(secret_free)
	struct secret *wrap = wrap_key(k->epochs[under - 1].s, v);

	if (seal_open_secret(wrap, v->header, v->ct, out, e) < 0 ||
	    secret_bytes(*out).n !=
		(v->purpose == PURPOSE_EARLIER ? EARLIER_BYTES : SECRET_KEY))
		return substituted(e, "a wrapped key does not open");
	return 0;
}

static void
store(struct secret **slot, struct secret **key)
{
	secret_free(slot);
	*slot = TAKE(*key);
}

/* Some S before the last; *to goes down to it, where nothing fills the gap. */
static int
take_earlier(struct keyring *k, const struct circle *circle,
    const struct envelope *v, const struct secret *plain, struct err *e)
{
	struct scan s = scan_of(secret_bytes(plain));
	uint32_t m = scan_u32(&s);
	OWN(secret_free)
	struct secret *key = secret_of(scan_take(&s, SECRET_KEY));

	if (m < circle->first_epoch || m + 1 >= v->epoch)
		return substituted(
		    e, "a key of no earlier epoch was handed on");
	k->epochs[v->epoch - 1].skips = k->epochs[v->epoch - 2].s == NULL;
	return k->epochs[m - 1].s != NULL ? 0 : accept_s(k, circle, m, &key, e);
}

/* Open one wrapped key with the S of its epoch and put it in its place. */
static int
take_wrapped(struct keyring *k, const struct circle *circle,
    const struct envelope *v, struct err *e)
{
	OWN(secret_free) struct secret *key = NULL;
	struct epoch *p = &k->epochs[v->epoch - 1];

	if (open_wrapped(k, v->epoch, v, &key, e) < 0)
		return -1;
	switch (v->purpose) {
	case PURPOSE_PREVIOUS:
		if (v->epoch > circle->first_epoch &&
		    k->epochs[v->epoch - 2].noise != NULL) {
			p->skips = true;
			return 0;
		}
		return v->epoch > circle->first_epoch
		    ? accept_s(k, circle, v->epoch - 1, &key, e)
		    : substituted(e, "a key of epoch 0 was handed out");
	case PURPOSE_EARLIER:
		return take_earlier(k, circle, v, key, e);
	case PURPOSE_CATEGORY:
		store(&p->category[v->category], &key);
		return 0;
	case PURPOSE_INTEGRITY:
		store(&p->integrity[v->category], &key);
		return 0;
	default: /* PURPOSE_NAMES */
		if (k->names[v->category] == NULL) {
			store(&k->names[v->category], &key);
			k->names_by[v->category] = v;
		} else if (!secret_equal(k->names[v->category], key)) {
			k->false_names = k->names_by[v->category];
			return substituted(e, "a name key changed");
		}
		return 0;
	}
}

/* S of that epoch, if one is sealed to this device and is the right one. */
static int
open_sealed_at(struct keyring *k, const struct circle *circle, uint32_t epoch,
    const struct devkey *device, const struct id *dev_id,
    const struct envelope *list, size_t n, const struct envelope **spoiled)
{
	for (size_t i = 0; i < n; i++) {
		OWN(secret_free) struct secret *key = NULL;
		const struct envelope *v = &list[i];
		struct err e;
		if (k->epochs[epoch - 1].noise != NULL)
			break;
		if (v->purpose != PURPOSE_S || v->epoch != epoch ||
		    !id_equal(&v->receiver, dev_id))
			continue;
		if (devkey_open(device, v->ct, &key, &e) == 0 &&
		    accept_s(k, circle, epoch, &key, &e) == 0)
			return 0;
		*spoiled = v;
	}
	if (k->epochs[epoch - 1].noise != NULL)
		*spoiled = k->epochs[epoch - 1].noise;
	return -1;
}

/* The newest S that was sealed to this device. *top: its epoch. */
static int
open_sealed(struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id,
    const struct envelope *list, size_t n, uint32_t *top,
    const struct envelope **spoiled, struct err *e)
{
	*spoiled = NULL;
	for (uint32_t epoch = circle->key.epoch; epoch >= circle->first_epoch;
	     epoch--) {
		const struct envelope *bad = NULL;
		*top = epoch;
		if (open_sealed_at(
			k, circle, epoch, device, dev_id, list, n, &bad) == 0)
			return 0;
		/* It is the newest of them that is in the way. */
		if (*spoiled == NULL)
			*spoiled = bad;
		if (*spoiled == NULL)
			return substituted(e,
			    "the server holds no key of the newest epoch for "
			    "this device");
	}
	return substituted(e, "no key that is sealed to this device holds");
}

static int
parse_all(const struct circle *circle, struct bytes envelopes,
    struct envelope **list, size_t *n, struct err *e)
{
	struct scan s = scan_of(envelopes);

	while (s.n > 0 && scan_ok(&s)) {
		struct bytes x = scan_v16(&s);
		if (*n >= (size_t)LIMIT_BUNDLE_ENVELOPES * circle->key.epoch)
			return substituted(e, "the keyring is too long");
		*list = mem_resize(*list, *n + 1, sizeof **list);
		if (take_envelope(x, circle, *list + *n, e) < 0)
			return -1;
		(*n)++;
	}
	if (!scan_done(&s))
		return substituted(e, "the keyring is cut short");
	return 0;
}

/* Keys from before the newest RESET. */
static int
take_carried(struct keyring *k, const struct circle *circle,
    const struct envelope *list, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		OWN(secret_free) struct secret *key = NULL;
		const struct envelope *v = &list[i];
		if (v->purpose != PURPOSE_CARRIED)
			continue;
		if (v->epoch >= circle->first_epoch)
			return substituted(
			    e, "a carried key is of no epoch before the reset");
		if (open_wrapped(k, circle->first_epoch, v, &key, e) < 0)
			return -1;
		keyring_put_category(
		    k, (enum category)v->category, v->epoch, key);
	}
	return 0;
}

static bool
has_earlier(const struct envelope *list, size_t n, uint32_t epoch)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].epoch == epoch &&
		    list[i].purpose == PURPOSE_EARLIER)
			return true;
	return false;
}

/*
 * *noise: the envelope that does not hold. Its sender has signed it and knew S,
 * so it is nobody else's doing. What others handed on later is passed over.
 */
static int
take_epoch(struct keyring *k, const struct circle *circle, uint32_t epoch,
    const struct envelope *list, size_t n, const struct envelope **noise,
    struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct envelope *v = &list[i];
		bool wrapped = (v->purpose >= PURPOSE_PREVIOUS &&
				   v->purpose <= PURPOSE_INTEGRITY) ||
		    v->purpose == PURPOSE_EARLIER;
		if (v->epoch != epoch || !wrapped ||
		    take_wrapped(k, circle, v, e) == 0)
			continue;
		if (v->purpose == PURPOSE_PREVIOUS &&
		    has_earlier(list, n, epoch))
			continue;
		/* Of two N the newer is wrong: members had the older. */
		*noise = k->false_names != NULL ? k->false_names : v;
		return -1;
	}
	return 0;
}

static int
spoiled_keys(struct keyring *k, const struct envelope *v, struct err *e)
{
	struct id_text by = id_text(&v->sender);

	k->spoiler = v->sender;
	(void)err_set(e, ERR_KEYS_SPOILED,
	    "device %.8s has begun key epoch %u with keys that do not open "
	    "here",
	    by.s, (unsigned)v->epoch);
	return err_remedy(e,
	    "Put that device out: aumbry device remove %.8s (or on another "
	    "device; or recover the account with a recovery key)",
	    by.s);
}

struct opening {
	const struct circle *circle;
	const struct devkey *device;
	const struct id *dev_id;
	struct envelope *list;
	size_t n;
	const struct envelope *spoiled; /* what is in the way of the newest */
	const struct envelope *noise; /* found now: begin again without it */
};

static int
open_epochs(struct keyring *k, struct opening *o, struct err *e)
{
	const struct circle *circle = o->circle;
	const struct envelope *ignored = NULL;
	uint32_t epoch = 0;

	if (open_sealed(k, circle, o->device, o->dev_id, o->list, o->n, &epoch,
		&o->spoiled, e) < 0)
		return -1;
	for (bool skips = false; epoch >= circle->first_epoch; epoch--) {
		if (k->epochs[epoch - 1].s == NULL)
			(void)open_sealed_at(k, circle, epoch, o->device,
			    o->dev_id, o->list, o->n, &ignored);
		if (k->epochs[epoch - 1].s == NULL) {
			if (!skips)
				return substituted(
				    e, "the key of an older epoch is missing");
			continue;
		}
		if (take_epoch(k, circle, epoch, o->list, o->n, &o->noise, e) <
		    0)
			return -1;
		skips = k->epochs[epoch - 1].skips;
	}
	return take_carried(k, circle, o->list, o->n, e);
}

/* An epoch some of whose keys are noise is as good as none. */
static void
without(struct keyring *k, const struct envelope *noise)
{
	for (uint32_t i = 0; i < k->n; i++) {
		epoch_wipe(&k->epochs[i]);
		k->epochs[i].skips = false;
	}
	for (size_t c = 0; c < CATEGORY_END; c++)
		secret_free(&k->names[c]);
	memset(k->names_by, 0, sizeof k->names_by);
	k->false_names = NULL;
	k->epochs[noise->epoch - 1].noise = noise;
}

int
keyring_open(struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id,
    struct bytes envelopes, struct err *e)
{
	OWN(mem_free) struct envelope *list = NULL;
	struct opening o = {
		.circle = circle, .device = device, .dev_id = dev_id
	};
	size_t n = 0;
	int rc;

	assert(circle->first_epoch >= 1);
	if (parse_all(circle, envelopes, &list, &n, e) < 0)
		return -1;
	keyring_reach(k, circle->key.epoch);
	o.list = list;
	o.n = n;
	do {
		if (o.noise != NULL)
			without(k, o.noise);
		o.noise = NULL;
		rc = open_epochs(k, &o, e);
	} while (rc < 0 && o.noise != NULL);
	for (uint32_t i = 0; i < k->n; i++)
		k->epochs[i].noise = NULL;
	while (k->n >= circle->first_epoch && k->epochs[k->n - 1].s == NULL)
		epoch_wipe(&k->epochs[--k->n]);
	memset(k->names_by, 0, sizeof k->names_by);
	k->false_names = NULL;
	if (rc < 0)
		return -1;
	err_clear(e);
	return o.spoiled == NULL ? 0 : spoiled_keys(k, o.spoiled, e);
}

int
keyring_escrow_open(struct bytes envelope, const struct circle *circle,
    const struct devkey *account, enum category *c, uint32_t *epoch,
    bool *names, struct secret **out, struct err *e)
{
	OWN(secret_free) struct secret *key = NULL;
	struct envelope v;
	struct device self;

	if (take_envelope(envelope, circle, &v, e) < 0)
		return -1;
	devkey_publish(account, &self);
	struct id ref = escrow_ref(self.kem_pk);
	if ((v.purpose != PURPOSE_ESCROW &&
		v.purpose != PURPOSE_ESCROW_NAMES) ||
	    !category_escrowed(v.category) || !id_equal(&v.receiver, &ref))
		return substituted(e, "a key envelope is not for the escrow");
	if (devkey_open(account, v.ct, &key, e) < 0)
		return -1;
	if (secret_bytes(key).n != SECRET_KEY)
		return substituted(e, "an escrowed key has a wrong length");
	*c = (enum category)v.category;
	*epoch = v.epoch;
	*names = v.purpose == PURPOSE_ESCROW_NAMES;
	*out = TAKE(key);
	return 0;
}
