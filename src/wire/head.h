/* SPDX-License-Identifier: ISC */
/* head.h: the signed summary that makes a zone one linear history. */
/*
 * A head is 364 bytes, of a zone that is shared 400, big-endian:
 *
 *   "PZH1" | owner uid[16] | zone[16] | u64 seq | prev[32] | heals[32]
 *   | u64 tombstones_gone_below | u32 integrity epoch | changes_hash[32]
 *   | u32 circle_seq | circle_hash[32] | signer uid[16] | dev_id[16]
 *   | u64 time_ms | sum box[72] | sig[64]
 *   "PZH2" | the same, with u32 share_seq | share_hash[32] before signer
 *
 * sig is Ed25519 by the device over SIG_HEAD's label and all bytes before it.
 * prev is the hash of the previous head (zeros for seq 1), where the hash of a
 * head is SHA-256 of all its bytes. The sum box is
 * nonce[24] | XChaCha20-Poly1305(sum[32]) with the bytes before it as
 * associated data; only members can open it.
 * source  docs/FORMAT.md "Zone head".
 */
#pragma once

#include "wire/digest.h"
#include "wire/id.h"
#include "wire/sig.h"

#define HEAD1_BYTES 364
#define HEAD2_BYTES 400
#define HEAD_BYTES_MAX HEAD2_BYTES
#define HEAD_SUM_BOX 72

/* A zone goes from the first to the second, and never back. */
enum head_format { HEAD_PZH1, HEAD_PZH2 };

struct head {
	enum head_format format;
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
	uint32_t share_seq; /* of PZH2: the newest entry about its members */
	struct digest share_hash; /* the same */
	struct id signer; /* uid of the account the device belongs to */
	struct id dev_id;
	uint64_t time_ms;
	uint8_t sum_box[HEAD_SUM_BOX];
	uint8_t sig[SIG_BYTES];
};

/* Append what the sum box is bound to. */
void head_put_clear(struct buf *out, const struct head *h);
/* Append what is signed. */
void head_put_signed(struct buf *out, const struct head *h);
/* Append all of it. */
void head_put(struct buf *out, const struct head *h);
/* How long a head is that begins with x, by its magic; HEAD1_BYTES also when x
 * begins none. */
size_t head_length(struct bytes x);
/* Take as many bytes as the head has that s begins with. */
struct bytes head_take(struct scan *s);
/* errors: record-corrupt when x is not the bytes of one head. */
MUST_CHECK int head_parse(struct bytes x, struct head *out, struct err *e);
void head_hash(const struct head *h, struct digest *out);
/* Does h come right after `last`, whose hash is `hash`? After zeros: is it the
 * first? */
bool head_follows(
    const struct head *h, const struct head *last, const struct digest *hash);
bool head_sig_valid(
    const struct head *h, const uint8_t pk[static SIG_PK_BYTES]);
