/* SPDX-License-Identifier: ISC */
/* keyring_envelope.c: one envelope: its bytes, signed and sealed, taken and verified. */
#include "vault/keyring_in.h"

#include "vault/seal.h"

#define FORMAT 1

static const char *const wrap_label[] = {
	[PURPOSE_PREVIOUS] = "previous S",
	[PURPOSE_CATEGORY] = "category",
	[PURPOSE_NAMES] = "names",
	[PURPOSE_INTEGRITY] = "integrity",
	[PURPOSE_CARRIED] = "carried",
	[PURPOSE_EARLIER] = "earlier S",
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

struct secret *
keyring_wrap_key(const struct secret *s, const struct envelope *v)
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

void
keyring_put_wrapped_bytes(const struct keyring *k, const struct secret *s,
    const struct envelope *v, struct bytes plain, const struct devkey *device,
    struct buf *out)
{
	OWN(buf_free) struct buf header = { 0 };
	OWN(buf_free) struct buf ct = { 0 };
	OWN(secret_free) struct secret *wrap = keyring_wrap_key(s, v);

	put_header(&header, k, v);
	seal_make(wrap, buf_bytes(&header), plain, &ct);
	put_envelope(out, device, &header, buf_bytes(&ct));
}

void
keyring_put_wrapped(const struct keyring *k, const struct secret *s,
    const struct envelope *v, const struct secret *key,
    const struct devkey *device, struct buf *out)
{
	keyring_put_wrapped_bytes(k, s, v, secret_bytes(key), device, out);
}

void
keyring_put_sealed(const struct keyring *k, const struct envelope *v,
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
keyring_put_open(const struct keyring *k, const struct envelope *v,
    struct bytes plain, const struct devkey *device, struct buf *out)
{
	OWN(buf_free) struct buf header = { 0 };

	put_header(&header, k, v);
	put_envelope(out, device, &header, plain);
}

int
keyring_substituted(struct err *e, const char *what)
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
	case PURPOSE_CARD: /* keyring_card_open wants a member of now */
		return true;
	case PURPOSE_CARRIED:
		return circle_active_at(circle, &v->sender,
		    circle->epochs[circle->first_epoch - 1].seq);
	default:
		return circle_active_at(
		    circle, &v->sender, circle->epochs[v->epoch - 1].seq);
	}
}

int
keyring_take_envelope(struct bytes x, const struct circle *circle,
    struct envelope *out, struct err *e)
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
		return keyring_substituted(
		    e, "a key envelope is not well-formed");
	if (format != FORMAT || v.purpose < PURPOSE_S ||
	    (v.purpose > PURPOSE_CARRIED && v.purpose != PURPOSE_CARD &&
		v.purpose != PURPOSE_EARLIER))
		return err_set(e, ERR_UPDATE_NEEDED,
		    "a key envelope is of a kind this version does not know");
	const struct member *m = circle_member(circle, &v.sender);
	if (m == NULL)
		return keyring_substituted(
		    e, "a key envelope comes from outside the circle");
	if (!sender_fits(circle, &v))
		return keyring_substituted(e,
		    "a key envelope comes from a device that was not in the "
		    "circle of its epoch");
	if (!sig_valid(SIG_ENVELOPE, m->device.sign_pk, v.signed_part, v.sig))
		return keyring_substituted(
		    e, "a key envelope's signature is wrong");
	*out = v;
	return 0;
}
