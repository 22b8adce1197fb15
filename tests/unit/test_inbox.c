/* SPDX-License-Identifier: ISC */
/* test_inbox.c: what is sealed to accounts, and the cards that show to which key. */
#include "vault/inbox.h"

#include "vault/seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "family.h"

static const struct id sender = { { 0xee } };

/* ---- accounts that are written to: their keys alone ---- */

struct account {
	struct id uid;
	struct keyring *keys;
	struct keyring_card card; /* of the newest epoch */
};

static void
account_free(struct account *a)
{
	keyring_free(&a->keys);
}

static struct account
account_new(uint8_t n, uint32_t epochs)
{
	struct account a = { .uid = { { 0x40, n } } };
	struct key_change kc;
	struct err e = { 0 };

	a.keys = keyring_new(&a.uid);
	for (uint32_t i = 0; i < epochs; i++)
		keyring_next_epoch(a.keys, &kc);
	a.card.uid = a.uid;
	a.card.epoch = epochs;
	assert_int_equal(keyring_inbox_pk(a.keys, epochs, a.card.pk, &e), 0);
	return a;
}

/* What the account gets of a packet. Its bytes are in x. */
static struct packet_item
item_of(struct buf *x, const struct packet *p, size_t slot)
{
	struct packet_item item;
	struct err e = { 0 };

	buf_put_u64(x, 1);
	buf_put_u64(x, 2);
	packet_put_rest(x, &sender, p, slot);
	assert_int_equal(packet_item_take(buf_bytes(x), &item, &e), 0);
	return item;
}

static void
expect_letter(const struct account *a, const struct packet_item *item,
    struct bytes letter)
{
	OWN(buf_free) struct buf got = { 0 };
	struct err e = { 0 };

	buf_put_str(&got, "before");
	if (inbox_open(a->keys, &a->uid, item, &got, &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(got.n >= 6);
	assert_memory_equal(got.p, "before", 6);
	assert_true(bytes_equal(bytes_of(got.p + 6, got.n - 6), letter));
}

static void
expect_closed(
    const struct account *a, const struct packet_item *item, enum err_code code)
{
	OWN(buf_free) struct buf got = { 0 };
	struct err e = { 0 };

	assert_int_equal(inbox_open(a->keys, &a->uid, item, &got, &e), -1);
	if (e.code != code)
		fail_msg("%s, not %s", err_name(e.code), err_name(code));
	assert_int_equal(got.n, 0);
}

static void
each_account_opens_what_is_sealed_to_it(void **state)
{
	static const size_t many[] = { 1, 2, PACKET_SLOTS };
	struct account to[PACKET_SLOTS];
	struct keyring_card cards[PACKET_SLOTS];
	struct bytes letter = bytes_str("Hello, all of you");

	(void)state;
	for (size_t i = 0; i < PACKET_SLOTS; i++) {
		to[i] = account_new((uint8_t)i, 1 + i % 2);
		cards[i] = to[i].card;
	}
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		OWN(buf_free) struct buf x = { 0 };
		struct packet p;
		struct err e = { 0 };
		inbox_seal(cards, many[i], letter, PACKET_QUIET, &x);
		assert_int_equal(packet_take(buf_bytes(&x), &p, &e), 0);
		assert_int_equal(p.n, many[i]);
		assert_int_equal(p.flags, PACKET_QUIET);
		for (size_t k = 0; k < p.n; k++) {
			OWN(buf_free) struct buf y = { 0 };
			struct packet_item item = item_of(&y, &p, k);
			assert_int_equal(item.slot.epoch, 1 + k % 2);
			expect_letter(&to[k], &item, letter);
			expect_closed(&to[(k + 1) % PACKET_SLOTS], &item,
			    ERR_LETTER_FORGED);
		}
	}
	for (size_t i = 0; i < PACKET_SLOTS; i++)
		account_free(&to[i]);
}

/* ---- what may be done to it on its way ---- */

/* Ana has two epochs, Ben one; a packet for both, and another one. */
struct world {
	struct account ana, ben;
	struct buf bytes[2];
	struct packet packet[2];
	struct buf item_bytes[3];
	struct packet_item item, bens, later; /* Ana's, Ben's; of the other */
};

static int
world_new(void **state)
{
	struct world *w = mem_new(sizeof *w);
	struct err e = { 0 };

	*state = w;
	w->ana = account_new(1, 2);
	w->ben = account_new(2, 1);
	for (int i = 0; i < 2; i++) {
		const struct keyring_card to[] = { w->ana.card, w->ben.card };
		inbox_seal(
		    to, 2, bytes_str(i == 0 ? "one" : "two"), 0, &w->bytes[i]);
		assert_int_equal(
		    packet_take(buf_bytes(&w->bytes[i]), &w->packet[i], &e), 0);
	}
	w->item = item_of(&w->item_bytes[0], &w->packet[0], 0);
	w->bens = item_of(&w->item_bytes[1], &w->packet[0], 1);
	w->later = item_of(&w->item_bytes[2], &w->packet[1], 0);
	return 0;
}

static int
world_free(void **state)
{
	struct world *w = *state;

	account_free(&w->ana);
	account_free(&w->ben);
	for (int i = 0; i < 2; i++)
		buf_free(&w->bytes[i]);
	for (int i = 0; i < 3; i++)
		buf_free(&w->item_bytes[i]);
	free(w);
	return 0;
}

static void
every_changed_byte_closes_it(void **state)
{
	struct world *w = *state;
	struct packet_item *x = &w->item;
	OWN(buf_free) struct buf sealed = { 0 };

	buf_put_bytes(&sealed, x->sealed);
	x->sealed = buf_bytes(&sealed);
	const struct {
		uint8_t *p;
		size_t n;
	} parts[] = { { x->id.b, ID_BYTES }, { x->eph_pk, KEM_PK_BYTES },
		{ x->slot.uid.b, ID_BYTES },
		{ x->slot.wrapped, PACKET_WRAPPED }, { sealed.p, sealed.n } };
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (size_t k = 0; k < parts[i].n * 2; k++) {
			/* The highest bit of a point counts for nothing
			 * in an exchange. */
			uint8_t bit = k % 2 ? 0x80 : 0x01;
			parts[i].p[k / 2] ^= bit;
			expect_closed(&w->ana, x, ERR_LETTER_FORGED);
			parts[i].p[k / 2] ^= bit;
		}
	expect_letter(&w->ana, x, bytes_str("one"));
	for (size_t n = 0; n < sealed.n; n++) {
		x->sealed = bytes_of(sealed.p, n);
		expect_closed(&w->ana, x, ERR_LETTER_FORGED);
	}
	buf_put_u8(&sealed, 0);
	x->sealed = buf_bytes(&sealed);
	expect_closed(&w->ana, x, ERR_LETTER_FORGED);
}

static void
no_other_key_opens_it(void **state)
{
	struct world *w = *state;
	struct account neither = { .uid = w->ana.uid, .keys = w->ben.keys };
	struct account eve = account_new(3, 2);
	struct account as_ana = { .uid = w->ana.uid, .keys = eve.keys };

	/* A slot of epoch 2, of which Ben has no key; Eve has another. */
	expect_closed(&neither, &w->item, ERR_CATEGORY_CLOSED);
	expect_closed(&as_ana, &w->item, ERR_LETTER_FORGED);
	expect_closed(&eve, &w->item, ERR_LETTER_FORGED);
	/* As if it were sealed to an epoch before. */
	w->item.slot.epoch = 1;
	expect_closed(&w->ana, &w->item, ERR_LETTER_FORGED);
	w->item.slot.epoch = 3;
	expect_closed(&w->ana, &w->item, ERR_CATEGORY_CLOSED);
	w->item.slot.epoch = 0;
	expect_closed(&w->ana, &w->item, ERR_CATEGORY_CLOSED);
	w->item.slot.epoch = 2;
	expect_letter(&w->ana, &w->item, bytes_str("one"));
	account_free(&eve);
}

static void
a_slot_opens_where_it_was_put(void **state)
{
	struct world *w = *state;
	struct packet_item x = w->bens;

	expect_letter(&w->ben, &x, bytes_str("one"));
	/* Ana's slot for Ben, as it is and under his name. */
	x.slot = w->item.slot;
	expect_closed(&w->ben, &x, ERR_LETTER_FORGED);
	x.slot.uid = w->ben.uid;
	x.slot.epoch = w->bens.slot.epoch;
	expect_closed(&w->ben, &x, ERR_LETTER_FORGED);
	/* Ben's for Ana, in whose item it lies. */
	x = w->item;
	x.slot = w->bens.slot;
	expect_closed(&w->ana, &x, ERR_LETTER_FORGED);
	x.slot.uid = w->ana.uid;
	x.slot.epoch = 2;
	expect_closed(&w->ana, &x, ERR_LETTER_FORGED);
}

static void
parts_of_two_packets_make_none(void **state)
{
	struct world *w = *state;
	struct packet_item x;

	expect_letter(&w->ana, &w->later, bytes_str("two"));
	for (int i = 1; i < 15; i++) {
		x = w->item;
		if (i & 1)
			x.id = w->later.id;
		if (i & 2)
			memcpy(x.eph_pk, w->later.eph_pk, KEM_PK_BYTES);
		if (i & 4)
			x.slot = w->later.slot;
		if (i & 8)
			x.sealed = w->later.sealed;
		expect_closed(&w->ana, &x, ERR_LETTER_FORGED);
	}
}

static void
a_point_of_small_order_opens_nothing(void **state)
{
	struct world *w = *state;

	memset(w->item.eph_pk, 0, KEM_PK_BYTES);
	expect_closed(&w->ana, &w->item, ERR_LETTER_FORGED);
	w->item.eph_pk[0] = 1;
	expect_closed(&w->ana, &w->item, ERR_LETTER_FORGED);
}

/* ---- sealed by hand, as inbox.h says ---- */

static void
put_label(struct buf *out, const char *label)
{
	buf_put(out, label, strlen(label) + 1);
}

/* mk for the one slot of p. */
static void
wrap(struct packet *p, const struct keyring_card *to, const uint8_t eph[32],
    const struct secret *mk)
{
	static const uint8_t no_nonce[12];
	uint8_t ikm[3 * KEM_PK_BYTES], key[SECRET_KEY];
	OWN(buf_free) struct buf ad = { 0 };

	assert_int_equal(crypto_scalarmult(ikm, eph, to->pk), 0);
	memcpy(ikm + KEM_PK_BYTES, p->eph_pk, KEM_PK_BYTES);
	memcpy(ikm + (size_t)2 * KEM_PK_BYTES, to->pk, KEM_PK_BYTES);
	hkdf(bytes_of(ikm, sizeof ikm), bytes_str(""),
	    bytes_of("message wrap", 13), key, sizeof key);
	p->n = 1;
	p->slots[0].uid = to->uid;
	p->slots[0].epoch = to->epoch;
	put_label(&ad, "aumbry slot v1");
	id_put(&ad, &p->id);
	id_put(&ad, &to->uid);
	buf_put_u32(&ad, to->epoch);
	crypto_aead_chacha20poly1305_ietf_encrypt(p->slots[0].wrapped, NULL,
	    secret_bytes(mk).p, SECRET_KEY, ad.p, ad.n, NULL, no_nonce, key);
}

static void
seal_by_hand(struct packet *p, const struct keyring_card *to,
    struct bytes plain, struct buf *sealed)
{
	OWN(secret_free) struct secret *mk = secret_random(SECRET_KEY);
	OWN(buf_free) struct buf ad = { 0 };
	uint8_t eph[32];

	id_random(&p->id);
	randombytes_buf(eph, sizeof eph);
	(void)crypto_scalarmult_base(p->eph_pk, eph);
	wrap(p, to, eph, mk);
	put_label(&ad, "aumbry message v1");
	buf_put_u8(&ad, 1);
	buf_put_u8(&ad, p->flags);
	id_put(&ad, &p->id);
	buf_put(&ad, p->eph_pk, KEM_PK_BYTES);
	OWN(secret_free)
	struct secret *box =
	    secret_derive(mk, "message box", bytes_of(p->id.b, ID_BYTES));
	seal_make(box, buf_bytes(&ad), plain, sealed);
	p->sealed = buf_bytes(sealed);
}

static void
what_is_sealed_as_the_format_says_opens(void **state)
{
	static const struct {
		const char *plain;
		size_t n;
		const char *letter; /* NULL: it opens to none */
	} cases[] = {
		{ "\0\0\0\3one", 7, "one" },
		{ "\0\0\0\3one\0\0\0", 10, "one" },
		{ "\0\0\0\0\0\0\0\0", 8, "" },
		{ "\0\0\0\3one\0\0\1", 10, NULL },
		{ "\0\0\0\3one\1\0\0", 10, NULL },
		{ "\0\0\0\4one", 7, NULL },
		{ "\377\377\377\377one", 7, NULL },
		{ "\0\0\0", 3, NULL },
		{ "", 0, NULL },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf sealed = { 0 };
		OWN(buf_free) struct buf x = { 0 };
		struct packet p = { .flags = 0 };
		seal_by_hand(&p, &w->ben.card,
		    bytes_of(cases[i].plain, cases[i].n), &sealed);
		struct packet_item item = item_of(&x, &p, 0);
		if (cases[i].letter != NULL)
			expect_letter(
			    &w->ben, &item, bytes_str(cases[i].letter));
		else
			expect_closed(&w->ben, &item, ERR_LETTER_FORGED);
	}
}

/* ---- lengths ---- */

#define LENGTHS 2000

/* 256 bytes, or the next of 32 steps between two powers of two. */
static size_t
length_of(size_t n)
{
	for (size_t power = 256;; power *= 2)
		for (size_t step = 0; step < 32; step++)
			if (power + power / 32 * step >= n)
				return power + power / 32 * step;
}

static size_t
sealed_length(const struct account *to, struct bytes letter)
{
	OWN(buf_free) struct buf x = { 0 };
	struct packet p;
	struct err e = { 0 };

	inbox_seal(&to->card, 1, letter, 0, &x);
	assert_int_equal(packet_take(buf_bytes(&x), &p, &e), 0);
	return p.sealed.n;
}

static void
lengths_tell_little(void **state)
{
	const struct world *w = *state;
	OWN(buf_free) struct buf letter = { 0 };
	size_t last = 0, values = 0;

	for (size_t n = 1; n <= LENGTHS; n++) {
		buf_put_u8(&letter, 'x');
		size_t got = sealed_length(&w->ben, buf_bytes(&letter));
		assert_true(got >= 4 + n + SEAL_OVERHEAD);
		assert_true(got <= 256 + SEAL_OVERHEAD ||
		    got < (4 + n) * 33 / 32 + 1 + SEAL_OVERHEAD);
		assert_int_equal(got, length_of(4 + n) + SEAL_OVERHEAD);
		assert_true(got >= last);
		values += got != last;
		last = got;
	}
	/* One to 256, 32 steps to 512, as many to 1024, and 31 of the next. */
	assert_int_equal(values, 1 + 32 + 32 + 31);
}

/* ---- cards ---- */

/* The second of two devices, which is put out, makes the card of epoch 1. */
static struct family *
family_made(uint8_t n)
{
	return family_new(
	    (struct id){ { 0x60, n } }, &(struct id){ { 0x20 } }, 2, 1);
}

static int
card_setup(void **state)
{
	*state = family_made(1);
	return 0;
}

static int
card_teardown(void **state)
{
	struct family *f = *state;

	family_free(&f);
	return 0;
}

/* The one of a bundle. */
static struct bytes
card_in(const struct buf *bundle)
{
	struct bytes card = { NULL, 0 };
	size_t n = 0;

	for (struct scan s = scan_of(buf_bytes(bundle)); s.n > 0;) {
		struct bytes x = scan_v16(&s);
		assert_true(scan_ok(&s) && x.n > 2);
		if (x.p[1] != 10)
			continue;
		card = x;
		n++;
	}
	assert_int_equal(n, 1);
	return card;
}

static void
expect_no_card(
    struct bytes card, const struct circle *circle, enum err_code code)
{
	struct keyring_card got = { .epoch = 0 };
	struct err e = { 0 };

	assert_int_equal(keyring_card_open(card, circle, &got, &e), -1);
	if (e.code != code)
		fail_msg(
		    "%s, not %s: %s", err_name(e.code), err_name(code), e.msg);
	assert_int_equal(got.epoch, 0);
}

static void
a_bundle_has_the_card_of_its_epoch(void **state)
{
	const struct family *f = *state;
	const struct circle *circles[] = { &f->before, &f->circle };
	const struct buf *bundles[] = { &f->first, &f->second };
	uint8_t last[KEM_PK_BYTES] = { 0 };

	for (uint32_t n = 1; n <= 2; n++) {
		OWN(buf_free) struct buf x = { 0 };
		OWN(buf_free) struct buf y = { 0 };
		const struct account own = { .uid = f->uid, .keys = f->ring };
		struct keyring_card card;
		struct packet p;
		uint8_t pk[KEM_PK_BYTES];
		struct err e = { 0 };
		assert_int_equal(keyring_card_open(card_in(bundles[n - 1]),
				     circles[n - 1], &card, &e),
		    0);
		assert_true(id_equal(&card.uid, &f->uid));
		assert_int_equal(card.epoch, n);
		assert_int_equal(keyring_inbox_pk(f->ring, n, pk, &e), 0);
		assert_memory_equal(card.pk, pk, KEM_PK_BYTES);
		assert_memory_not_equal(card.pk, last, KEM_PK_BYTES);
		memcpy(last, pk, KEM_PK_BYTES);
		/* Every device opens what is sealed to it. */
		inbox_seal(&card, 1, bytes_str("to the card"), 0, &x);
		assert_int_equal(packet_take(buf_bytes(&x), &p, &e), 0);
		struct packet_item item = item_of(&y, &p, 0);
		expect_letter(&own, &item, bytes_str("to the card"));
	}
}

static void
a_key_that_is_not_held_has_no_card(void **state)
{
	const struct family *f = *state;
	OWN(keyring_free) struct keyring *empty = keyring_new(&f->uid);
	OWN(buf_free) struct buf out = { 0 };
	uint8_t pk[KEM_PK_BYTES];
	struct err e = { 0 };

	assert_null(keyring_inbox(empty, 1));
	assert_null(keyring_inbox(f->ring, 3));
	assert_int_equal(keyring_inbox_pk(empty, 1, pk, &e), -1);
	assert_int_equal(e.code, ERR_CATEGORY_CLOSED);
	keyring_reach(empty, 1);
	keyring_put_card(empty, f->keys[0], &f->devices[0].dev_id, &out);
	assert_int_equal(out.n, 0);
}

static void
an_inbox_key_is_of_the_keys_that_are_held_now(void **state)
{
	struct account a = account_new(1, 1), b = account_new(2, 1);
	OWN(buf_free) struct buf lent = { 0 };
	uint8_t pk[KEM_PK_BYTES];
	struct err e = { 0 };

	(void)state;
	/* Asked for again, it is the same. */
	assert_ptr_equal(keyring_inbox(a.keys, 1), keyring_inbox(a.keys, 1));
	assert_int_equal(keyring_inbox_pk(a.keys, 1, pk, &e), 0);
	assert_memory_equal(pk, a.card.pk, sizeof pk);
	/* With other keys it is another. */
	keyring_lend(b.keys, CATEGORY_MESSAGES, &lent);
	assert_int_equal(keyring_borrow(a.keys, buf_bytes(&lent), 1, &e), 0);
	assert_int_equal(keyring_inbox_pk(a.keys, 1, pk, &e), 0);
	assert_memory_equal(pk, b.card.pk, sizeof pk);
	/* And none of an epoch that was dropped. */
	struct key_change kc;
	keyring_next_epoch(a.keys, &kc);
	assert_non_null(keyring_inbox(a.keys, 2));
	keyring_drop_epoch(a.keys);
	assert_null(keyring_inbox(a.keys, 2));
	account_free(&a);
	account_free(&b);
}

/* Of epoch 2 when it is whole. */
static enum err_code
epoch_code(const struct buf *card)
{
	return be32(card->p + 18) > 2 ? ERR_CONFLICT : ERR_KEY_SUBSTITUTED;
}

static void
a_changed_card_is_refused(void **state)
{
	const struct family *f = *state;
	OWN(buf_free) struct buf x = { 0 };

	buf_put_bytes(&x, card_in(&f->second));
	for (size_t i = 0; i < x.n; i++) {
		x.p[i] ^= 0x01;
		/* Another format; an epoch that is not known yet. */
		expect_no_card(buf_bytes(&x), &f->circle,
		    i == 0		    ? ERR_UPDATE_NEEDED
			: i >= 18 && i < 22 ? epoch_code(&x)
					    : ERR_KEY_SUBSTITUTED);
		x.p[i] ^= 0x01;
	}
	for (size_t n = 0; n < x.n; n++)
		expect_no_card(
		    bytes_of(x.p, n), &f->circle, ERR_KEY_SUBSTITUTED);
	buf_put_u8(&x, 0);
	expect_no_card(buf_bytes(&x), &f->circle, ERR_KEY_SUBSTITUTED);
}

static void
a_card_is_of_its_account_now(void **state)
{
	const struct family *f = *state;
	struct family *other = family_made(2);
	struct bytes old = card_in(&f->first), now = card_in(&f->second);
	OWN(buf_free) struct buf again = { 0 };
	OWN(keyring_free) struct keyring *then = NULL;

	expect_no_card(now, &other->circle, ERR_KEY_SUBSTITUTED);
	expect_no_card(
	    card_in(&other->second), &f->circle, ERR_KEY_SUBSTITUTED);
	/* The list of devices was not followed that far: it is looked at
	 * again. */
	expect_no_card(now, &f->before, ERR_CONFLICT);
	/* Whoever made it was put out. */
	expect_no_card(old, &f->circle, ERR_KEY_SUBSTITUTED);
	/* The same by who is still in: it is of an epoch that is over. */
	then = keyring_new(&f->uid);
	keyring_put_category(then, CATEGORY_MESSAGES, 1,
	    keyring_category(f->ring, CATEGORY_MESSAGES, 1));
	keyring_put_card(then, f->keys[0], &f->devices[0].dev_id, &again);
	struct scan s = scan_of(buf_bytes(&again));
	expect_no_card(scan_v16(&s), &f->circle, ERR_CONFLICT);
	/* Who is out signs none of the newest either. */
	buf_clear(&again);
	keyring_put_card(f->ring, f->keys[1], &f->devices[1].dev_id, &again);
	s = scan_of(buf_bytes(&again));
	expect_no_card(scan_v16(&s), &f->circle, ERR_KEY_SUBSTITUTED);
	/* Nor does he in the name of who is in. */
	buf_clear(&again);
	keyring_put_card(f->ring, f->keys[1], &f->devices[0].dev_id, &again);
	s = scan_of(buf_bytes(&again));
	expect_no_card(scan_v16(&s), &f->circle, ERR_KEY_SUBSTITUTED);
	family_free(&other);
}

/* ---- cards that a member signs, and that are none ---- */

struct claim {
	uint8_t purpose, category;
	struct id receiver;
	uint8_t text[40];
	size_t n;
};

static void
put_claim(const struct family *f, const struct claim *c, struct buf *out)
{
	uint8_t sig[SIG_BYTES];

	buf_put_u8(out, 1);
	buf_put_u8(out, c->purpose);
	id_put(out, &f->uid);
	buf_put_u32(out, 2);
	buf_put_u8(out, c->category);
	id_put(out, &f->devices[0].dev_id);
	id_put(out, &c->receiver);
	buf_put_v16(out, bytes_of(c->text, c->n));
	devkey_sign(f->keys[0], SIG_ENVELOPE, buf_bytes(out), sig);
	buf_put(out, sig, sizeof sig);
}

static void
a_member_signs_what_is_no_card(void **state)
{
	static const struct {
		struct claim claim;
		enum err_code code; /* ERR_NONE: it is one */
	} cases[] = {
		{ { 10, 7, { { 0 } }, { 1, 9 }, 33 }, ERR_NONE },
		{ { 3, 7, { { 0 } }, { 1, 9 }, 33 }, ERR_KEY_SUBSTITUTED },
		{ { 9, 7, { { 0 } }, { 1, 9 }, 33 }, ERR_UPDATE_NEEDED },
		{ { 10, 2, { { 0 } }, { 1, 9 }, 33 }, ERR_KEY_SUBSTITUTED },
		{ { 10, 0, { { 0 } }, { 1, 9 }, 33 }, ERR_KEY_SUBSTITUTED },
		{ { 10, 7, { { 1 } }, { 1, 9 }, 33 }, ERR_KEY_SUBSTITUTED },
		{ { 10, 7, { { 0 } }, { 0, 9 }, 33 }, ERR_UPDATE_NEEDED },
		{ { 10, 7, { { 0 } }, { 2, 9 }, 33 }, ERR_UPDATE_NEEDED },
		{ { 10, 7, { { 0 } }, { 2 }, 1 }, ERR_UPDATE_NEEDED },
		{ { 10, 7, { { 0 } }, { 0 }, 0 }, ERR_UPDATE_NEEDED },
		{ { 10, 7, { { 0 } }, { 1, 9 }, 32 }, ERR_KEY_SUBSTITUTED },
		{ { 10, 7, { { 0 } }, { 1, 9 }, 34 }, ERR_KEY_SUBSTITUTED },
		{ { 10, 7, { { 0 } }, { 1 }, 1 }, ERR_KEY_SUBSTITUTED },
		/* Points of small order: 0, 1, and p - 1. */
		{ { 10, 7, { { 0 } }, { 1, 0 }, 33 }, ERR_KEY_SUBSTITUTED },
		{ { 10, 7, { { 0 } }, { 1, 1 }, 33 }, ERR_KEY_SUBSTITUTED },
		{ { 10, 7, { { 0 } },
		      { 1, 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			  0xff, 0xff, 0xff, 0xff, 0x7f },
		      33 },
		    ERR_KEY_SUBSTITUTED },
	};
	const struct family *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		OWN(buf_free) struct buf x = { 0 };
		struct keyring_card got;
		struct err e = { 0 };
		put_claim(f, &cases[i].claim, &x);
		if (cases[i].code != ERR_NONE)
			expect_no_card(
			    buf_bytes(&x), &f->circle, cases[i].code);
		else
			assert_int_equal(keyring_card_open(buf_bytes(&x),
					     &f->circle, &got, &e),
			    0);
	}
}

#define OF_PACKET(test) \
	cmocka_unit_test_setup_teardown(test, world_new, world_free)
#define OF_CARD(test) \
	cmocka_unit_test_setup_teardown(test, card_setup, card_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_account_opens_what_is_sealed_to_it),
		OF_PACKET(every_changed_byte_closes_it),
		OF_PACKET(no_other_key_opens_it),
		OF_PACKET(a_slot_opens_where_it_was_put),
		OF_PACKET(parts_of_two_packets_make_none),
		OF_PACKET(a_point_of_small_order_opens_nothing),
		OF_PACKET(what_is_sealed_as_the_format_says_opens),
		OF_PACKET(lengths_tell_little),
		OF_CARD(a_bundle_has_the_card_of_its_epoch),
		OF_CARD(a_key_that_is_not_held_has_no_card),
		cmocka_unit_test(an_inbox_key_is_of_the_keys_that_are_held_now),
		OF_CARD(a_changed_card_is_refused),
		OF_CARD(a_card_is_of_its_account_now),
		OF_CARD(a_member_signs_what_is_no_card),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
