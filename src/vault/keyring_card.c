/* SPDX-License-Identifier: ISC */
/* keyring_card.c: the account's inbox key, and the card that shows it. */
#include "vault/keyring_in.h"

#include <sodium.h>

#include <stdlib.h>
#include <string.h>

#define SUITE 1 /* X25519 */

const struct secret *
keyring_inbox(const struct keyring *k, uint32_t epoch)
{
	const struct secret *key =
	    keyring_category(k, CATEGORY_MESSAGES, epoch);

	if (key == NULL)
		return NULL;
	struct epoch *p = &k->epochs[epoch - 1];
	if (p->inbox == NULL) {
		p->inbox = secret_derive(key, "inbox", bytes_of(NULL, 0));
		if (crypto_scalarmult_base(
			p->inbox_pk, secret_bytes(p->inbox).p) < 0)
			abort();
	}
	return p->inbox;
}

int
keyring_inbox_pk(const struct keyring *k, uint32_t epoch,
    uint8_t out[static KEM_PK_BYTES], struct err *e)
{
	if (keyring_inbox(k, epoch) == NULL)
		return err_set(e, ERR_CATEGORY_CLOSED,
		    "the keys of messages are not held here");
	memcpy(out, k->epochs[epoch - 1].inbox_pk, KEM_PK_BYTES);
	return 0;
}

void
keyring_put_card(const struct keyring *k, const struct devkey *device,
    const struct id *dev_id, struct buf *out)
{
	struct envelope v = { .purpose = PURPOSE_CARD,
		.epoch = k->n,
		.category = CATEGORY_MESSAGES,
		.sender = *dev_id };
	uint8_t text[1 + KEM_PK_BYTES] = { SUITE };
	struct err ignored;

	if (keyring_inbox_pk(k, v.epoch, text + 1, &ignored) == 0)
		keyring_put_open(
		    k, &v, bytes_of(text, sizeof text), device, out);
}

/* What its header says, before anything is looked at. */
static uint32_t
epoch_of(struct bytes card)
{
	struct scan s = scan_of(card);

	(void)scan_u16(&s);
	(void)id_take(&s);
	return scan_u32(&s);
}

static int
other_epoch(uint32_t epoch, const struct circle *circle, struct err *e)
{
	return err_set(e, ERR_CONFLICT,
	    "the inbox key is of epoch %u, and the list of devices of %u",
	    (unsigned)epoch, (unsigned)circle->key.epoch);
}

/* Since the newest epoch began: whoever is put out begins another, and who leaves
 * by himself leaves his card until somebody does. */
static bool
was_in_epoch(const struct circle *circle, const struct id *dev_id)
{
	const struct member *m = circle_member(circle, dev_id);

	return m != NULL &&
	    (m->active ||
		m->removed_seq > circle->epochs[circle->key.epoch - 1].seq);
}

int
keyring_card_open(struct bytes card, const struct circle *circle,
    struct keyring_card *out, struct err *e)
{
	struct envelope v;

	/* Of a list of devices that was not followed that far: its maker may
	 * not be known yet. */
	if (epoch_of(card) > circle->key.epoch)
		return other_epoch(epoch_of(card), circle, e);
	if (keyring_take_envelope(card, circle, &v, e) < 0)
		return -1;
	if (v.purpose != PURPOSE_CARD || v.category != CATEGORY_MESSAGES ||
	    !id_zero(&v.receiver))
		return keyring_substituted(
		    e, "what stands for an inbox key is none");
	if (!was_in_epoch(circle, &v.sender))
		return keyring_substituted(
		    e, "an inbox key comes from a device that was put out");
	if (v.epoch != circle->key.epoch)
		return other_epoch(v.epoch, circle, e);
	if (v.ct.n < 1 || v.ct.p[0] != SUITE)
		return err_set(e, ERR_UPDATE_NEEDED,
		    "the inbox key is of a kind this version does not know");
	if (v.ct.n != 1 + KEM_PK_BYTES || !kem_usable(v.ct.p + 1))
		return keyring_substituted(e, "an inbox key is no key");
	out->uid = circle->uid;
	out->epoch = v.epoch;
	memcpy(out->pk, v.ct.p + 1, KEM_PK_BYTES);
	return 0;
}
