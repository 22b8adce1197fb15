/* SPDX-License-Identifier: ISC */
/* inbox.h: what others seal to an account, for all its devices at once. */
/*
 * Each epoch of a circle has an inbox key, X25519, that whoever holds K of the
 * messages category of that epoch holds: every device, those that come later,
 * and whoever recovers the account. Its public half stands in a card that a
 * member has signed (keyring.h).
 *
 * A letter is sealed once, under a key mk that is drawn for it:
 *
 *   sealed   box(HKDF(mk, "message box", packet), v32 letter | zeros), with
 *            "aumbry message v1" 0 | u8 suite | u8 flags | packet | eph_pk as associated
 *            data; as long as 256 bytes or the next of 32 steps between two
 *            powers of two
 *   wrapped  mk under HKDF(DH | eph_pk | pk, "message wrap") by
 *            ChaCha20-Poly1305 (RFC 8439) with a nonce of zeros, as eph_pk is
 *            drawn for the packet, and "aumbry slot v1" 0 | packet | uid |
 *            u32 epoch as associated data
 *
 * There is no forward secrecy: docs/THREATS.md says what that means.
 * source  docs/FORMAT.md "Letters".
 */
#pragma once

#include "vault/keyring.h"
#include "wire/packet.h"

/* Append a packet of the letter, n receivers, at most PACKET_SLOTS. */
void inbox_seal(const struct keyring_card *to, size_t n, struct bytes letter,
    uint8_t flags, struct buf *out);

/*
 * Append the letter of an item.
 *
 * errors  letter-forged: it does not open; category-closed: the key of that
 *         epoch is not held.
 */
MUST_CHECK int inbox_open(const struct keyring *k, const struct id *uid,
    const struct packet_item *item, struct buf *letter, struct err *e);
