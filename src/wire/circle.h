/* SPDX-License-Identifier: ISC */
/* circle.h: the account's signed hash chain of devices, and its rules. */
/*
 * An entry:
 *
 *   "PCL1" | uid[16] | u32 seq | prev[32] | u64 time_ms | u8 type
 *   | u64 seen_size | seen_root[32] | v16 body
 *   | u8 n | n * (u8 kind | keyref[16] | sig[64])
 *
 * hash = SHA-256 of the entire entry; prev of seq 1 is zeros. A signature is
 * Ed25519 over SIG_CIRCLE's label and the bytes before n. kind 1: a device,
 * keyref = dev_id; kind 2: a recovery key, keyref = SHA-256(sign_pk)[0..16].
 * seen_* are zeros until the transparency log exists.
 *
 *   device    dev_id[16] | u8 class | sign_pk[32] | v16 kem_pk
 *             | name_commit[32] | u8 rights
 *   recovery  u8 kind | sign_pk[32] | v16 kem_pk | u8 weight
 *   set       u8 t | u8 n | n recovery
 *   policy    u8 k | u16 mature hours
 *   kc        u32 epoch | SHA-256("aumbry S v1" | uid | u32 epoch | S)
 *   escrow    sign_pk[32] | kem_pk[32] | sig[64]
 *
 * Whoever holds a head verifies everything after it: client and server run this
 * same code. Age is claimed time: time(entry) - time(ADD); time never falls.
 * source  docs/FORMAT.md "Circle".
 */
#pragma once

#include "wire/digest.h"
#include "wire/id.h"
#include "wire/kem.h"
#include "wire/limits.h"
#include "wire/sig.h"

enum circle_type {
	CIRCLE_GENESIS = 1, /* device | set | policy | u8 protection
			       | escrow, if standard | state zone[16] | kc */
	CIRCLE_ADD = 2, /* device; by a mature device and the new one */
	CIRCLE_REMOVE = 3, /* u8 n | ids | u8 reason | kc; no kc when a device
			      removes only itself */
	CIRCLE_RECOVERY = 4, /* set; waits unless the set in force is empty */
	CIRCLE_RECOVER = 5, /* device | u8 n | ids | kc; by t recovery keys */
	CIRCLE_RESET = 6, /* device | state zone[16] | kc; by that device
			     alone */
	CIRCLE_POLICY = 7, /* policy */
	CIRCLE_VETO = 8, /* hash[32] of a pending entry */
	CIRCLE_CLOSE = 9, /* nothing */
	CIRCLE_NAME = 10, /* v8 address | u8 1 claim, 0 drop */
	CIRCLE_PROTECTION = 11, /* u32 clock | u8 level | u8 web access
				   | escrow, if standard */
	CIRCLE_FACTORS = 12, /* u8 security keys only */
	CIRCLE_EPOCH = 13 /* kc */
};

enum circle_class {
	CLASS_COMPUTER = 1,
	CLASS_PHONE = 2,
	CLASS_BROWSER = 3,
	CLASS_SECURITY_KEY = 4,
	CLASS_END
};

enum circle_protection { PROTECTION_STANDARD = 1, PROTECTION_ADVANCED = 2 };

/*
 * Who can help under standard protection: the escrow by its own key, and the
 * key it made for this account, to which category keys are sealed. sig is the
 * escrow's over SIG_ESCROW_ACCOUNT's label | uid | kem_pk.
 */
#define CIRCLE_ESCROW_BYTES (SIG_PK_BYTES + KEM_PK_BYTES + SIG_BYTES)
struct circle_escrow {
	uint8_t sign_pk[SIG_PK_BYTES];
	uint8_t kem_pk[KEM_PK_BYTES];
	uint8_t sig[SIG_BYTES];
};

enum recovery_kind {
	RECOVERY_KEY = 1, /* written down by its owner */
	RECOVERY_CONTACT = 2, /* a contact's half and the server's */
	RECOVERY_KIT = 3 /* two of three sheets and the server's half */
};

/* "genesis", "add", …; "?" for no type. */
const char *circle_type_name(uint8_t type);
/* "computer", "browser", …: as people say it; "?" for no class. */
const char *circle_class_name(uint8_t class);

#define CIRCLE_NAME_MAX 255 /* bytes of an address, as v8 holds it */
#define RIGHT_APPEND_ONLY 0x01
#define RIGHT_APPROVE 0x02

struct device {
	struct id dev_id;
	uint8_t class; /* enum circle_class */
	uint8_t sign_pk[SIG_PK_BYTES];
	uint8_t kem_pk[KEM_PK_BYTES];
	struct digest name_commit;
	uint8_t rights;
};

struct recovery_key {
	uint8_t kind; /* enum recovery_kind */
	uint8_t sign_pk[SIG_PK_BYTES];
	uint8_t kem_pk[KEM_PK_BYTES];
	uint8_t weight;
};

struct recovery_set {
	uint8_t t; /* weight needed; 0 only for the empty set */
	uint8_t n;
	struct recovery_key keys[LIMIT_RECOVERY_KEYS];
};

struct key_change {
	uint32_t epoch; /* of the circle secret S, from 1 */
	struct digest commitment;
};

/* One epoch of the circle secret. */
struct circle_epoch {
	struct digest commitment;
	uint32_t seq; /* of the entry that began it */
};

struct member {
	struct device device;
	uint32_t added_seq;
	uint64_t added_ms;
	bool founder; /* named in GENESIS or RESET: mature from birth */
	bool active;
	uint32_t removed_seq;
	uint64_t removed_ms;
};

/* What all entries so far amount to. Plain value; copy with circle_copy. */
struct circle {
	struct id uid;
	struct digest circle_id;
	uint32_t seq; /* 0: no entry yet */
	struct digest head;
	uint64_t time_ms; /* of the newest entry */
	struct id state_zone;
	uint8_t policy_k;
	uint16_t mature_hours;
	uint8_t protection;
	uint32_t protection_clock;
	uint32_t protection_seq; /* of the entry that set it */
	struct circle_escrow escrow; /* under standard protection */
	uint8_t web_access;
	uint8_t keys_only;
	bool closed;
	char name[CIRCLE_NAME_MAX +
	    1]; /* what it goes by: NAME@HOST; "": none */
	struct key_change key; /* in force */
	struct circle_epoch *epochs; /* of epoch i + 1, key.epoch of them */
	bool epoch_due; /* a device removed itself, or protection became
			   advanced: a new epoch is wanted */
	uint32_t first_epoch; /* begun by GENESIS or the newest RESET */
	uint32_t reset_seq; /* of the newest RESET; 0: none */
	struct recovery_set recovery; /* in force */
	bool pending;
	struct recovery_set next; /* waiting until pending_ms */
	struct digest pending_hash;
	uint32_t pending_signer_seq; /* added_seq of who signed it */
	uint64_t pending_ms;
	struct member *members; /* all there ever were */
	size_t n_members;
	struct digest *hashes; /* of entry seq i + 1 */
	size_t n_hashes;
};

struct circle_sig {
	uint8_t kind;
	struct id keyref;
	uint8_t sig[SIG_BYTES];
};

/* A parsed entry; borrows from its bytes. */
struct entry_view {
	struct id uid;
	uint32_t seq;
	struct digest prev;
	uint64_t time_ms;
	uint8_t type;
	struct bytes body;
	struct bytes signed_part;
	uint8_t n_sigs;
	struct circle_sig sigs[8];
};

/* What it holds; it is all zeros then. A copy has arrays of its own. */
void circle_free(struct circle *c);
void circle_copy(struct circle *to, const struct circle *from);

/*
 * Verify one entry against everything before it, and take it in.
 *
 * c       unchanged when it fails; start with an all-zero one.
 * errors  conflict when seq or prev do not continue c; circle-invalid for
 *         form, signature or rule; not-a-member, device-too-young,
 *         permission-denied, circle-full for rules a person can meet;
 *         update-needed for an unknown type.
 */
MUST_CHECK int circle_apply(
    struct circle *c, struct bytes entry, struct err *e);

/*
 * Look at one without a circle: its form alone, no signature and no rule.
 *
 * errors  circle-invalid, update-needed.
 */
MUST_CHECK int circle_entry_parse(
    struct bytes entry, struct entry_view *out, struct err *e);

/* The member with that id, active or not; NULL when there never was one. */
const struct member *circle_member(
    const struct circle *c, const struct id *dev_id);
bool circle_active(const struct circle *c, const struct id *dev_id);
size_t circle_active_count(const struct circle *c);

/* Was the device a member when the circle stood at `seq`? */
bool circle_active_at(
    const struct circle *c, const struct id *dev_id, uint32_t seq);

/* Is it old enough at time_ms: founder, only device, or mature_hours old? */
bool circle_mature(
    const struct circle *c, const struct member *m, uint64_t time_ms);

/* Hash of entry seq, NULL when c does not reach it. */
const struct digest *circle_hash_at(const struct circle *c, uint32_t seq);

/*
 * The recovery set in force at time_ms, when no further entry comes before it.
 * Borrowed.
 */
const struct recovery_set *circle_recovery_at(
    const struct circle *c, uint64_t time_ms);
/* SHA-256(sign_pk)[0..16]: how entries and envelopes name a recovery key. */
void recovery_keyref(
    const uint8_t sign_pk[static SIG_PK_BYTES], struct id *out);
/* The one with that keyref; NULL when the set has none. */
const struct recovery_key *recovery_find(
    const struct recovery_set *set, const struct id *keyref);

/*
 * Does the account go by `name`, NAME or NAME@HOST? The host is left out: all
 * that are asked about are of one server, which may be moved.
 */
bool circle_goes_by(const struct circle *c, const char *name);
/* NAME@HOST of what can be seen: what an account may go by. */
bool circle_address_ok(struct bytes b);
/* The body of a NAME that claims it. */
void circle_name_put(struct buf *out, const char *address);

/* As entries hold it. */
void circle_escrow_put(struct buf *out, const struct circle_escrow *x);
/* errors: circle-invalid when it is cut short or not signed for `uid`. */
MUST_CHECK int escrow_take(struct scan *s, const struct id *uid,
    struct circle_escrow *out, struct err *e);

/* Encoding: everything before the signatures of the entry after c. */
void circle_entry_begin(struct buf *out, const struct circle *c,
    const struct id *uid, uint64_t time_ms, enum circle_type type,
    struct bytes body);
/* Append n and the signatures. */
void circle_entry_end(
    struct buf *entry, const struct circle_sig *sigs, size_t n);

/* As entries and requests hold it. */
void device_put(struct buf *out, const struct device *d);
/* errors: circle-invalid. */
MUST_CHECK int device_take(struct scan *s, struct device *out, struct err *e);
void recovery_set_put(struct buf *out, const struct recovery_set *set);
void key_change_put(struct buf *out, const struct key_change *kc);

/* The commitment to a circle secret S (32 bytes). */
void key_change_commit(
    const struct id *uid, uint32_t epoch, struct bytes s, struct digest *out);

/* SHA-256("aumbry name v1" | opening[16] | name): who sees it not the name. */
void device_name_commit(
    const struct id *opening, const char *name, struct digest *out);
