/* SPDX-License-Identifier: ISC */
/* inbox.c: letters sealed to the keys of accounts, and opened. */
#include "vault/inbox.h"

#include "vault/seal.h"

#include <sodium.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_BYTES 256 /* of a padded letter */
#define STEPS 32 /* between two powers of two: 3 % at most */

/* ---- sealing ---- */

static size_t
padded(size_t n)
{
	size_t power = LEAST_BYTES;

	if (n <= LEAST_BYTES)
		return LEAST_BYTES;
	while (power * 2 < n)
		power *= 2;
	size_t step = power / STEPS;
	return (n + step - 1) / step * step;
}

/* The keys of one packet, in the pages of one secret: with pages of its own each
 * would cost as much as what it is for. */
struct room {
	struct secret *pages;
	struct secret *mk; /* drawn for the packet */
	struct secret *box; /* seals the letter, by mk */
	struct secret *eph; /* its half of each exchange */
	struct secret *shared; /* what an exchange comes to, and both halves */
	struct secret *wrap; /* seals mk in a slot, by that */
};

#define SHARED_BYTES ((size_t)3 * KEM_PK_BYTES)

static void
room_make(struct room *r)
{
	const struct {
		struct secret **at;
		size_t n;
	} parts[] = { { &r->mk, SECRET_KEY }, { &r->box, SECRET_KEY },
		{ &r->eph, KEM_PK_BYTES }, { &r->shared, SHARED_BYTES },
		{ &r->wrap, SECRET_KEY } };
	size_t at = 0;

	r->pages = secret_new(3 * SECRET_KEY + KEM_PK_BYTES + SHARED_BYTES);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		*parts[i].at = secret_part(r->pages, at, parts[i].n);
		at += parts[i].n;
	}
}

static void
room_free(struct room *r)
{
	secret_free(&r->mk);
	secret_free(&r->box);
	secret_free(&r->eph);
	secret_free(&r->shared);
	secret_free(&r->wrap);
	secret_free(&r->pages);
}

static void
derive_box(struct room *r, const struct id *packet)
{
	secret_derive_to(
	    r->box, r->mk, "message box", bytes_of(packet->b, ID_BYTES));
}

static void
put_label(struct buf *out, const char *label)
{
	buf_put(out, label, strlen(label) + 1);
}

static void
box_ad(struct buf *out, const struct id *packet, const uint8_t *eph_pk,
    uint8_t flags)
{
	put_label(out, "aumbry message v1");
	buf_put_u8(out, PACKET_SUITE);
	buf_put_u8(out, flags);
	id_put(out, packet);
	buf_put(out, eph_pk, KEM_PK_BYTES);
}

/* What both halves of an exchange come to; false when it is none. */
static bool
derive_wrap(struct room *r, const struct secret *own, const uint8_t *other,
    const uint8_t *eph_pk, const uint8_t *pk)
{
	uint8_t *at = secret_room(r->shared);

	if (crypto_scalarmult(at, secret_bytes(own).p, other) < 0)
		return false;
	memcpy(at + KEM_PK_BYTES, eph_pk, KEM_PK_BYTES);
	memcpy(at + (size_t)2 * KEM_PK_BYTES, pk, KEM_PK_BYTES);
	secret_derive_to(r->wrap, r->shared, "message wrap", bytes_of(NULL, 0));
	return true;
}

static void
slot_ad(
    struct buf *out, const struct id *packet, const struct packet_slot *slot)
{
	put_label(out, "aumbry slot v1");
	id_put(out, packet);
	id_put(out, &slot->uid);
	buf_put_u32(out, slot->epoch);
}

static const uint8_t no_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

static void
wrap(struct room *r, const struct packet *p, const struct keyring_card *to,
    struct packet_slot *slot)
{
	OWN(buf_free) struct buf ad = { 0 };

	/* keyring_card_open has looked at it */
	if (!derive_wrap(r, r->eph, to->pk, p->eph_pk, to->pk))
		abort();
	slot->uid = to->uid;
	slot->epoch = to->epoch;
	slot_ad(&ad, &p->id, slot);
	crypto_aead_chacha20poly1305_ietf_encrypt(slot->wrapped, NULL,
	    secret_bytes(r->mk).p, SECRET_KEY, ad.p, ad.n, NULL, no_nonce,
	    secret_bytes(r->wrap).p);
}

static void
draw(struct secret *s)
{
	randombytes_buf(secret_room(s), secret_bytes(s).n);
}

void
inbox_seal(const struct keyring_card *to, size_t n, struct bytes letter,
    uint8_t flags, struct buf *out)
{
	OWN(room_free) struct room r = { .pages = NULL };
	OWN(buf_free) struct buf ad = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf sealed = { 0 };
	struct packet p = { .flags = flags, .n = n };

	assert(n >= 1 && n <= PACKET_SLOTS);
	room_make(&r);
	draw(r.mk);
	draw(r.eph);
	id_random(&p.id);
	if (crypto_scalarmult_base(p.eph_pk, secret_bytes(r.eph).p) < 0)
		abort();
	buf_put_v32(&plain, letter);
	size_t more = padded(plain.n) - plain.n;
	if (more > 0)
		memset(buf_grow(&plain, more), 0, more);
	derive_box(&r, &p.id);
	box_ad(&ad, &p.id, p.eph_pk, flags);
	seal_make(r.box, buf_bytes(&ad), buf_bytes(&plain), &sealed);
	p.sealed = buf_bytes(&sealed);
	for (size_t i = 0; i < n; i++)
		wrap(&r, &p, &to[i], &p.slots[i]);
	packet_put(out, &p);
}

/* ---- opening ---- */

static int
forged(struct err *e)
{
	return err_set(e, ERR_LETTER_FORGED,
	    "what came does not open: it was changed on its way, or is for "
	    "somebody else");
}

static int
unwrap(const struct keyring *k, const struct packet_item *item, struct room *r,
    struct err *e)
{
	const struct secret *own = keyring_inbox(k, item->slot.epoch);
	OWN(buf_free) struct buf ad = { 0 };
	uint8_t pk[KEM_PK_BYTES];

	if (own == NULL || keyring_inbox_pk(k, item->slot.epoch, pk, e) < 0)
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "the key that a message was sealed to is not held here");
	slot_ad(&ad, &item->id, &item->slot);
	if (!derive_wrap(r, own, item->eph_pk, item->eph_pk, pk) ||
	    crypto_aead_chacha20poly1305_ietf_decrypt(secret_room(r->mk), NULL,
		NULL, item->slot.wrapped, PACKET_WRAPPED, ad.p, ad.n, no_nonce,
		secret_bytes(r->wrap).p) < 0)
		return forged(e);
	return 0;
}

static bool
all_zeros(struct bytes x)
{
	return x.n == 0 || sodium_is_zero(x.p, x.n) == 1;
}

int
inbox_open(const struct keyring *k, const struct id *uid,
    const struct packet_item *item, struct buf *letter, struct err *e)
{
	OWN(room_free) struct room r = { .pages = NULL };
	OWN(buf_free) struct buf ad = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored;

	if (!id_equal(&item->slot.uid, uid))
		return forged(e);
	room_make(&r);
	if (unwrap(k, item, &r, e) < 0)
		return -1;
	derive_box(&r, &item->id);
	box_ad(&ad, &item->id, item->eph_pk, item->flags);
	if (seal_open(r.box, buf_bytes(&ad), item->sealed, &plain, &ignored) <
	    0)
		return forged(e);
	struct scan s = scan_of(buf_bytes(&plain));
	struct bytes x = scan_v32(&s);
	if (!scan_ok(&s) || !all_zeros(scan_take(&s, s.n)))
		return forged(e);
	buf_put_bytes(letter, x);
	return 0;
}
