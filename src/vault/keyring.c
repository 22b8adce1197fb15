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
	PURPOSE_INTEGRITY = 5
};

static const char *const wrap_label[] = {
	[PURPOSE_PREVIOUS] = "previous S",
	[PURPOSE_CATEGORY] = "category",
	[PURPOSE_NAMES] = "names",
	[PURPOSE_INTEGRITY] = "integrity",
};

struct epoch {
	struct secret *s;
	struct secret *category[CATEGORY_END];
	struct secret *integrity[CATEGORY_END];
};

struct keyring {
	struct id uid;
	struct epoch *epochs; /* of epoch i + 1 */
	uint32_t n;
	struct secret *names[CATEGORY_END];
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

static void
take_over(struct secret **to, struct secret **from)
{
	if (*to == NULL)
		*to = TAKE(*from);
}

void
keyring_absorb(struct keyring *k, struct keyring *more)
{
	for (uint32_t n = 1; n <= more->n; n++) {
		struct epoch *to = epoch_room(k, n);
		struct epoch *from = &more->epochs[n - 1];
		take_over(&to->s, &from->s);
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
put_wrapped(const struct keyring *k, const struct envelope *v,
    const struct secret *key, const struct devkey *device, struct buf *out)
{
	OWN(buf_free) struct buf header = { 0 };
	OWN(buf_free) struct buf ct = { 0 };
	OWN(secret_free)
	struct secret *wrap = wrap_key(k->epochs[v->epoch - 1].s, v);

	put_header(&header, k, v);
	seal_make(wrap, buf_bytes(&header), secret_bytes(key), &ct);
	put_envelope(out, device, &header, buf_bytes(&ct));
}

void
keyring_envelope_at(const struct keyring *k, uint32_t epoch,
    const struct device *to, const struct devkey *device,
    const struct id *dev_id, struct buf *out)
{
	const struct epoch *p = at(k, epoch);
	OWN(buf_free) struct buf header = { 0 };
	OWN(buf_free) struct buf ct = { 0 };
	struct envelope v = { .purpose = PURPOSE_S,
		.epoch = epoch,
		.sender = *dev_id,
		.receiver = to->dev_id };

	assert(p != NULL);
	put_header(&header, k, &v);
	devkey_seal(to->kem_pk, secret_bytes(p->s), &ct);
	put_envelope(out, device, &header, buf_bytes(&ct));
}

void
keyring_envelope(const struct keyring *k, const struct device *to,
    const struct devkey *device, const struct id *dev_id, struct buf *out)
{
	keyring_envelope_at(k, k->n, to, device, dev_id, out);
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
	if (n > 1) {
		v.purpose = PURPOSE_PREVIOUS;
		put_wrapped(k, &v, k->epochs[n - 2].s, device, out);
	}
	for (unsigned c = CATEGORY_STATE; c < CATEGORY_END; c++) {
		v.category = (uint8_t)c;
		v.purpose = PURPOSE_CATEGORY;
		if (p->category[c] != NULL)
			put_wrapped(k, &v, p->category[c], device, out);
		v.purpose = PURPOSE_NAMES;
		if (k->names[c] != NULL)
			put_wrapped(k, &v, k->names[c], device, out);
		v.purpose = PURPOSE_INTEGRITY;
		put_wrapped(k, &v, p->integrity[c], device, out);
	}
}

static int
substituted(struct err *e, const char *what)
{
	return err_set(e, ERR_KEY_SUBSTITUTED, "%s", what);
}

static int
take_envelope(struct bytes x, const struct keyring *k,
    const struct circle *circle, struct envelope *out, struct err *e)
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
	if (!scan_done(&s) || !id_equal(&uid, &k->uid) || v.epoch == 0 ||
	    v.epoch > circle->key.epoch || v.category >= CATEGORY_END)
		return substituted(e, "a key envelope is not well-formed");
	if (format != FORMAT || v.purpose < PURPOSE_S ||
	    v.purpose > PURPOSE_INTEGRITY)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a key envelope is of a kind this version does not know");
	const struct member *m = circle_member(circle, &v.sender);
	if (m == NULL)
		return substituted(
		    e, "a key envelope comes from outside the circle");
	/* Wrapped keys come from a member of their epoch: who was removed by
	 * then, or came later, made none of them. */
	if (v.purpose != PURPOSE_S &&
	    !circle_active_at(
		circle, &v.sender, circle->epochs[v.epoch - 1].seq))
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
open_wrapped(const struct keyring *k, const struct envelope *v,
    struct secret **out, struct err *e)
{
	OWN(secret_free)
	struct secret *wrap = wrap_key(k->epochs[v->epoch - 1].s, v);

	if (seal_open_secret(wrap, v->header, v->ct, out, e) < 0 ||
	    secret_bytes(*out).n != SECRET_KEY)
		return substituted(e, "a wrapped key does not open");
	return 0;
}

static void
store(struct secret **slot, struct secret **key)
{
	secret_free(slot);
	*slot = TAKE(*key);
}

/* Open one wrapped key with the S of its epoch and put it in its place. */
static int
take_wrapped(struct keyring *k, const struct circle *circle,
    const struct envelope *v, struct err *e)
{
	OWN(secret_free) struct secret *key = NULL;
	struct epoch *p = &k->epochs[v->epoch - 1];

	if (open_wrapped(k, v, &key, e) < 0)
		return -1;
	switch (v->purpose) {
	case PURPOSE_PREVIOUS:
		return v->epoch > 1
		    ? accept_s(k, circle, v->epoch - 1, &key, e)
		    : substituted(e, "a key of epoch 0 was handed out");
	case PURPOSE_CATEGORY:
		store(&p->category[v->category], &key);
		return 0;
	case PURPOSE_INTEGRITY:
		store(&p->integrity[v->category], &key);
		return 0;
	default: /* PURPOSE_NAMES */
		if (k->names[v->category] == NULL)
			store(&k->names[v->category], &key);
		else if (!secret_equal(k->names[v->category], key))
			return substituted(e, "a name key changed");
		return 0;
	}
}

/* The newest S sealed to this device. */
static int
open_sealed(struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id,
    const struct envelope *list, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		OWN(secret_free) struct secret *key = NULL;
		const struct envelope *v = &list[i];
		if (v->purpose != PURPOSE_S || v->epoch != circle->key.epoch ||
		    !id_equal(&v->receiver, dev_id))
			continue;
		if (devkey_open(device, v->ct, &key, e) < 0)
			return -1;
		return accept_s(k, circle, v->epoch, &key, e);
	}
	return substituted(
	    e, "the server holds no key of the newest epoch for this device");
}

static int
parse_all(const struct keyring *k, const struct circle *circle,
    struct bytes envelopes, struct envelope **list, size_t *n, struct err *e)
{
	struct scan s = scan_of(envelopes);

	while (s.n > 0 && scan_ok(&s)) {
		struct bytes x = scan_v16(&s);
		if (*n >= (size_t)LIMIT_BUNDLE_ENVELOPES * circle->key.epoch)
			return substituted(e, "the keyring is too long");
		*list = mem_resize(*list, *n + 1, sizeof **list);
		if (take_envelope(x, k, circle, *list + *n, e) < 0)
			return -1;
		(*n)++;
	}
	if (!scan_done(&s))
		return substituted(e, "the keyring is cut short");
	return 0;
}

int
keyring_open(struct keyring *k, const struct circle *circle,
    const struct devkey *device, const struct id *dev_id,
    struct bytes envelopes, struct err *e)
{
	OWN(mem_free) struct envelope *list = NULL;
	size_t n = 0;

	if (parse_all(k, circle, envelopes, &list, &n, e) < 0 ||
	    open_sealed(k, circle, device, dev_id, list, n, e) < 0)
		return -1;
	for (uint32_t epoch = circle->key.epoch; epoch >= 1; epoch--) {
		if (k->epochs[epoch - 1].s == NULL)
			return substituted(
			    e, "the key of an older epoch is missing");
		for (size_t i = 0; i < n; i++)
			if (list[i].epoch == epoch &&
			    list[i].purpose != PURPOSE_S &&
			    take_wrapped(k, circle, &list[i], e) < 0)
				return -1;
	}
	return 0;
}
