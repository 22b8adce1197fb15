/* SPDX-License-Identifier: ISC */
/* ward.h: an account in the escrow's care: its key, its circle, its order. */
/*
 * Three files in DIR/accounts/xx/, named by the uid in hex and its first byte:
 *
 *   HEX         magic | "PEA1" | box(HKDF(root, "escrow account state", uid),
 *               "aumbry escrow state v1\0" | uid, state), replaced as a whole
 *   HEX.key     magic | "PEK1" | box(HKDF(root, "escrow account key", uid),
 *               "aumbry escrow key v1\0" | uid | kem_pk, private keys[64]):
 *               written once, overwritten in place when it is destroyed
 *   HEX.circle  v16 entries of the circle, only ever appended to
 *
 *   state  uid[16] | u8 there | kem_pk[32] | u8 registered | release_pk[32]
 *          | u64 registered_ms | u32 circle seq | head[32] | u64 circle bytes
 *          | u8 destroyed | u32 clock | u8 order | order id[16] | kem_pk[32]
 *          | sign_pk[32] | u64 ends_ms | u64 journal n
 *
 * The state says how much of HEX.circle counts; what a crash left behind it is
 * cut off when more is appended. A key that the state does not speak of is
 * erased by the next start. There is no state where nothing was ever made.
 * source  docs/FORMAT.md "Escrow".
 */
#pragma once

#include "vault/devkey.h"
#include "wire/circle.h"

struct wards; /* the folder, and the root key over it */

enum ward_order_state {
	WARD_NO_ORDER,
	WARD_ORDER_WAITS, /* or may be collected, when its time has come */
	WARD_ORDER_CANCELLED,
	WARD_ORDER_COLLECTED, /* at least once */
	WARD_ORDER_STATES
};

struct ward_order {
	uint8_t state; /* enum ward_order_state */
	struct id id;
	uint8_t kem_pk[KEM_PK_BYTES]; /* the recipient's */
	uint8_t sign_pk[SIG_PK_BYTES];
	uint64_t ends_ms; /* of the wait */
};

/* A plain value. */
struct ward {
	struct id uid;
	bool known; /* there is a state, be it a tombstone */
	bool there; /* there is a key */
	uint8_t kem_pk[KEM_PK_BYTES];
	bool registered;
	uint8_t release_pk[SIG_PK_BYTES];
	uint64_t registered_ms;
	uint32_t circle_seq; /* newest entry that was verified; 0: none */
	struct digest circle_head;
	uint64_t circle_bytes; /* of HEX.circle */
	bool destroyed; /* a key was, at the PROTECTION clock below */
	uint32_t destroyed_clock;
	struct ward_order order;
	uint64_t journal_n; /* the account's lines when this was written */
};

/*
 * Open DIR/accounts, made when it is not there.
 *
 * root    kept by a copy.
 * errors  io-error.
 */
MUST_CHECK int wards_open(const char *dir, const struct secret *root,
    struct wards **out, struct err *e);
void wards_free(struct wards **w);

/* Erase keys that no state speaks of: what a crash left of a destroying. */
MUST_CHECK int wards_sweep(const struct wards *ws, struct err *e);

/* Every account, in no order; stops when fn fails. */
typedef int wards_fn(void *arg, const struct id *uid, struct err *e);
MUST_CHECK int wards_each(
    const struct wards *ws, wards_fn *fn, void *arg, struct err *e);

/*
 * Read the state.
 *
 * out     only `uid` when nothing was ever made.
 * errors  record-corrupt when it is not what was written.
 */
MUST_CHECK int ward_load(const struct wards *ws, const struct id *uid,
    struct ward *out, struct err *e);

/* Write the state; the disk holds the old one or this one after a crash. */
MUST_CHECK int ward_store(
    const struct wards *ws, struct ward *w, struct err *e);

/* Draw a key and write it; w says so, and is to be stored after that. */
MUST_CHECK int ward_make_key(
    const struct wards *ws, struct ward *w, struct err *e);

/* errors: record-corrupt when the file is not what was written. */
MUST_CHECK int ward_key(const struct wards *ws, const struct ward *w,
    struct devkey **out, struct err *e);

/*
 * Destroy the key: store the state without it, and `clock` in it, then
 * overwrite the file and remove it. The order ends, the registration too.
 */
MUST_CHECK int ward_destroy(
    const struct wards *ws, struct ward *w, uint32_t clock, struct err *e);

/* Remove all of it, the key overwritten. w becomes empty. */
MUST_CHECK int ward_drop(const struct wards *ws, struct ward *w, struct err *e);

/*
 * The circle as far as it was verified.
 *
 * out     all-zero before.
 * errors  record-corrupt when the file does not lead to what the state says.
 */
MUST_CHECK int ward_circle(const struct wards *ws, const struct ward *w,
    struct circle *out, struct err *e);

/*
 * Append entries that were verified, and store.
 *
 * circle   with all of them.
 * entries  v16 each.
 */
MUST_CHECK int ward_extend(const struct wards *ws, struct ward *w,
    const struct circle *circle, struct bytes entries, struct err *e);
