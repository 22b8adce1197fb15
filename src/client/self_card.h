/* SPDX-License-Identifier: ISC */
/* self_card.h: the account's inbox key, shown to others by a card. */
#pragma once

#include "client/self.h"

/*
 * See that the server shows the right card of the newest epoch: whoever made
 * that may have been of an older version, which makes none. Once an epoch.
 *
 * errors  key-substituted: it shows another key as the account's.
 */
MUST_CHECK int self_card(struct self *s, struct err *e);

/* Append what the server shows as the card of an account, its own or another:
 * nothing when no device has made one. errors: not-found: no such account. */
MUST_CHECK int self_card_of(
    struct self *s, const struct id *uid, struct buf *card, struct err *e);
