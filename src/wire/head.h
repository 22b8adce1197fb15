/* SPDX-License-Identifier: ISC */
/* head.h: the signed summary that makes a zone one linear history. */
/*
 * A head is 364 bytes, big-endian:
 *
 *   "PZH1" | owner uid[16] | zone[16] | u64 seq | prev[32] | heals[32]
 *   | u64 tombstones_gone_below | u32 integrity epoch | changes_hash[32]
 *   | u32 circle_seq | circle_hash[32] | signer uid[16] | dev_id[16]
 *   | u64 time_ms | sum box[72] | sig[64]
 *
 * sig is Ed25519 by the device over SIG_HEAD's label and the 300 bytes before
 * it. prev is the hash of the previous head (zeros for seq 1), where the hash
 * of a head is SHA-256 of all its 364 bytes. The sum box is
 * nonce[24] | XChaCha20-Poly1305(sum[32]) with the first 228 bytes as
 * associated data; only members can open it.
 * source  docs/FORMAT.md "Zone head".
 */
#pragma once

#include "wire/digest.h"
#include "wire/id.h"
#include "wire/sig.h"

#define HEAD_BYTES 364
#define HEAD_SIGNED_BYTES 300
#define HEAD_CLEAR_BYTES 228 /* what the sum box is bound to */
#define HEAD_SUM_BOX 72

struct head {
	struct id owner;
	struct id zone;
	uint64_t seq; /* from 1 */
	struct digest prev;
	struct digest heals; /* zeros, or the lost head this one replaces */
	uint64_t tombstones_gone_below; /* seq; older tombstones are dropped */
	uint32_t integrity_epoch;
	struct digest changes_hash;
	uint32_t circle_seq;
	struct digest circle_hash;
	struct id signer; /* uid of the account the device belongs to */
	struct id dev_id;
	uint64_t time_ms;
	uint8_t sum_box[HEAD_SUM_BOX];
	uint8_t sig[SIG_BYTES];
};

/* Append the first HEAD_CLEAR_BYTES. */
void head_put_clear(struct buf *out, const struct head *h);
/* Append what is signed: HEAD_SIGNED_BYTES. */
void head_put_signed(struct buf *out, const struct head *h);
/* Append all HEAD_BYTES. */
void head_put(struct buf *out, const struct head *h);
/* errors: record-corrupt when x is not 364 bytes of a head. */
MUST_CHECK int head_parse(struct bytes x, struct head *out, struct err *e);
void head_hash(const struct head *h, struct digest *out);
bool head_sig_valid(
    const struct head *h, const uint8_t pk[static SIG_PK_BYTES]);
