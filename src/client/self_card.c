/* SPDX-License-Identifier: ISC */
/* self_card.c: the account's own card. */
#include "client/self_card.h"

#include <string.h>

static int
submit(struct self *s, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(buf_free) struct buf card = { 0 };

	keyring_put_card(s->keyring, s->key, &s->dev_id, &card);
	jsonio_put_list(ask, "envelopes", buf_bytes(&card));
	return control_call(s->remote, "POST", "/v1/keyring", ask, NULL, e);
}

int
self_card_of(
    struct self *s, const struct id *uid, struct buf *card, struct err *e)
{
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(jsonio_free) json_t *answer = NULL;

	jsonio_add_id(ask, "uids", uid);
	if (control_call(
		s->remote, "POST", "/v1/people/cards", ask, &answer, e) < 0)
		return -1;
	const json_t *row =
	    json_array_get(json_object_get(answer, "people"), 0);
	return row == NULL
	    ? err_set(e, ERR_NOT_FOUND, "that account is there no more")
	    : jsonio_bytes(row, "card", 0, card, e);
}

static int
check(struct self *s, const uint8_t *pk, struct err *e)
{
	OWN(buf_free) struct buf bytes = { 0 };
	struct keyring_card card;

	if (self_card_of(s, &s->uid, &bytes, e) < 0 ||
	    keyring_card_open(buf_bytes(&bytes), &s->circle, &card, e) < 0)
		return -1;
	return bytes_equal(
		   bytes_of(card.pk, KEM_PK_BYTES), bytes_of(pk, KEM_PK_BYTES))
	    ? 0
	    : err_set(e, ERR_KEY_SUBSTITUTED,
		  "others are shown a key for messages to this account that "
		  "its devices do not have");
}

int
self_card(struct self *s, struct err *e)
{
	OWN(buf_free) struct buf kept = { 0 };
	OWN(buf_free) struct buf done = { 0 };
	uint32_t epoch = keyring_epoch(s->keyring);
	uint8_t pk[KEM_PK_BYTES];
	struct err closed;

	/* Without a second factor there are no messages, nor who asks. */
	if (strcmp(buf_text(&s->two_factor), "on") != 0 ||
	    epoch != s->circle.key.epoch ||
	    keyring_inbox_pk(s->keyring, epoch, pk, &closed) < 0)
		return 0;
	if (local_get(s->local, "card", &kept, e) < 0)
		return -1;
	struct scan p = scan_of(buf_bytes(&kept));
	if (scan_u32(&p) == epoch && scan_done(&p))
		return 0;
	buf_put_u32(&done, epoch);
	if (submit(s, e) < 0) {
		/* What the server says is no finding; it is tried again. */
		if (!e->heard)
			return -1;
		err_clear(e);
		return 0;
	}
	return check(s, pk, e) < 0
	    ? -1
	    : local_put(s->local, "card", buf_bytes(&done), e);
}
