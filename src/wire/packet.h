/* SPDX-License-Identifier: ISC */
/* packet.h: a letter on its way: sealed once, with a slot for each account. */
/*
 * What is posted, big-endian:
 *
 *   "PMP1" | u8 suite 1 | packet[16] | eph_pk[32] | u8 flags | u16 n | n * slot
 *   | u8 m | m * blob[16] | v32 sealed
 *   slot   uid[16] | u32 epoch | wrapped[48]
 *   flags  1 quiet: no device tells of it; 2 asks: from somebody who was not
 *          let yet
 *
 * What an account gets of it, its inbox an item each:
 *
 *   item   u64 number | u64 received_ms | from uid[16] | u8 suite | packet[16]
 *          | eph_pk[32] | u8 flags | slot | u8 m | m * blob[16] | v32 sealed
 *
 * The server reads who it is for, and nothing else. What wrapped and sealed
 * hold: vault/inbox.h. blobs are for attachments, and none yet.
 * source  docs/FORMAT.md "Letters".
 */
#pragma once

#include "wire/limits.h"
#include "wire/id.h"
#include "wire/kem.h"

#define PACKET_SUITE 1
/* Accounts that one packet is for, the sender's own among them. */
#define PACKET_SLOTS 65
#define PACKET_WRAPPED 48
/* The longest letter, padded, with all slots, and as much again. Bytes. */
#define PACKET_BYTES_MAX (256 * 1024)

enum packet_flags { PACKET_QUIET = 1, PACKET_ASKS = 2 };

struct packet_slot {
	struct id uid;
	uint32_t epoch;
	uint8_t wrapped[PACKET_WRAPPED];
};

struct packet {
	struct id id;
	uint8_t eph_pk[KEM_PK_BYTES];
	uint8_t flags; /* enum packet_flags */
	size_t n;
	struct packet_slot slots[PACKET_SLOTS];
	struct bytes sealed; /* borrowed */
};

/* Append it; of 1 to PACKET_SLOTS slots. */
void packet_put(struct buf *out, const struct packet *p);
/* All of x; borrows. errors: bad-request; update-needed: another suite. */
MUST_CHECK int packet_take(struct bytes x, struct packet *out, struct err *e);

struct packet_item {
	uint64_t number, received_ms;
	struct id from;
	struct id id; /* of the packet */
	uint8_t suite;
	uint8_t eph_pk[KEM_PK_BYTES];
	uint8_t flags;
	struct packet_slot slot;
	struct bytes sealed; /* borrowed */
};

/* One slot of p as its account gets it: all behind received_ms, from included. */
void packet_put_rest(struct buf *out, const struct id *from,
    const struct packet *p, size_t slot);
/* All of x; borrows. errors: letter-forged; update-needed. */
MUST_CHECK int packet_item_take(
    struct bytes x, struct packet_item *out, struct err *e);
