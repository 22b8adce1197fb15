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

/* What one packet needs. Each secret has locked pages of its own, which cost more
 * than an exchange of keys: so these share one. */
struct room {
	uint8_t mk[SECRET_KEY]; /* of this packet alone */
	uint8_t eph[KEM_PK_BYTES];
	uint8_t exchange[3 * KEM_PK_BYTES];
	uint8_t key[SECRET_KEY]; /* that wraps mk in a slot */
};

static struct room *
room_of(struct secret *s)
{
	return (struct room *)(void *)secret_room(s);
}

static struct secret *
box_key(const struct room *r, const struct id *packet)
{
	struct secret *key = secret_new(SECRET_KEY);

	secret_derive_in(bytes_of(r->mk, sizeof r->mk), "message box",
	    bytes_of(packet->b, ID_BYTES), secret_room(key));
	return key;
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
wrap_key(struct room *r, const uint8_t *own, const uint8_t *other,
    const uint8_t *eph_pk, const uint8_t *pk)
{
	if (crypto_scalarmult(r->exchange, own, other) < 0)
		return false;
	memcpy(r->exchange + KEM_PK_BYTES, eph_pk, KEM_PK_BYTES);
	memcpy(r->exchange + (size_t)2 * KEM_PK_BYTES, pk, KEM_PK_BYTES);
	secret_derive_in(bytes_of(r->exchange, sizeof r->exchange),
	    "message wrap", bytes_of(NULL, 0), r->key);
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
	if (!wrap_key(r, r->eph, to->pk, p->eph_pk, to->pk))
		abort();
	slot->uid = to->uid;
	slot->epoch = to->epoch;
	slot_ad(&ad, &p->id, slot);
	crypto_aead_chacha20poly1305_ietf_encrypt(slot->wrapped, NULL, r->mk,
	    SECRET_KEY, ad.p, ad.n, NULL, no_nonce, r->key);
}

void
inbox_seal(const struct keyring_card *to, size_t n, struct bytes letter,
    uint8_t flags, struct buf *out)
{
	OWN(secret_free)
	struct secret *memory = secret_random(sizeof(struct room));
	OWN(secret_free) struct secret *box = NULL;
	OWN(buf_free) struct buf ad = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	OWN(buf_free) struct buf sealed = { 0 };
	struct room *r = room_of(memory);
	struct packet p = { .flags = flags, .n = n };

	assert(n >= 1 && n <= PACKET_SLOTS);
	id_random(&p.id);
	if (crypto_scalarmult_base(p.eph_pk, r->eph) < 0)
		abort();
	buf_put_v32(&plain, letter);
	size_t more = padded(plain.n) - plain.n;
	if (more > 0)
		memset(buf_grow(&plain, more), 0, more);
	box = box_key(r, &p.id);
	box_ad(&ad, &p.id, p.eph_pk, flags);
	seal_make(box, buf_bytes(&ad), buf_bytes(&plain), &sealed);
	p.sealed = buf_bytes(&sealed);
	for (size_t i = 0; i < n; i++)
		wrap(r, &p, &to[i], &p.slots[i]);
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
	OWN(secret_free)
	struct secret *own = keyring_inbox(k, item->slot.epoch);
	OWN(buf_free) struct buf ad = { 0 };
	uint8_t pk[KEM_PK_BYTES];

	if (own == NULL)
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "the key that a message was sealed to is not held here");
	const uint8_t *sk = secret_bytes(own).p;
	if (crypto_scalarmult_base(pk, sk) < 0)
		abort();
	slot_ad(&ad, &item->id, &item->slot);
	if (!wrap_key(r, sk, item->eph_pk, item->eph_pk, pk) ||
	    crypto_aead_chacha20poly1305_ietf_decrypt(r->mk, NULL, NULL,
		item->slot.wrapped, PACKET_WRAPPED, ad.p, ad.n, no_nonce,
		r->key) < 0)
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
	OWN(secret_free)
	struct secret *memory = secret_new(sizeof(struct room));
	OWN(secret_free) struct secret *box = NULL;
	OWN(buf_free) struct buf ad = { 0 };
	OWN(buf_free) struct buf plain = { 0 };
	struct err ignored;

	if (!id_equal(&item->slot.uid, uid))
		return forged(e);
	if (unwrap(k, item, room_of(memory), e) < 0)
		return -1;
	box = box_key(room_of(memory), &item->id);
	box_ad(&ad, &item->id, item->eph_pk, item->flags);
	if (seal_open(box, buf_bytes(&ad), item->sealed, &plain, &ignored) < 0)
		return forged(e);
	struct scan s = scan_of(buf_bytes(&plain));
	struct bytes x = scan_v32(&s);
	if (!scan_ok(&s) || !all_zeros(scan_take(&s, s.n)))
		return forged(e);
	buf_put_bytes(letter, x);
	return 0;
}
