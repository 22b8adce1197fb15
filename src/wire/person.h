/* SPDX-License-Identifier: ISC */
/* person.h: somebody else's account: how it is pinned, and compared by people. */
/*
 * What an account is known by is its root: the hash of the entry that its list
 * of devices began with, GENESIS or the newest RESET. Adding, removing and
 * recovering devices leave it as it is, and no server can put another device
 * behind it.
 *
 *   person  uid[16] | v8 address | v16 server | root[32] | u32 seq | head[32]
 *           | u8 level | u64 since_ms | u64 verified_ms | dev_id[16] | u8 way
 *           | v8 nickname
 *
 * source  docs/FORMAT.md "People"; numbers as in Signal's fingerprints, version
 *         1 (libsignal, rust/protocol/src/fingerprint.rs).
 */
#pragma once

#include "wire/circle.h"

enum person_level {
	PERSON_KNOWN = 1, /* pinned when it was first seen */
	PERSON_VERIFIED = 2, /* compared */
	PERSON_CHANGED = 3, /* compared, and begun anew since */
	PERSON_BLOCKED = 4,
	PERSON_ASKS = 5
};

/* How it was compared. */
enum person_way {
	PERSON_WAY_NONE = 0,
	PERSON_WAY_CODE = 1, /* typed, both at once */
	PERSON_WAY_NUMBER = 2, /* of 60 digits */
	PERSON_WAY_QR = 3,
	PERSON_WAY_PUBLIC = 4 /* a code that was published elsewhere */
};

/* "name@host": a host has at most 253 bytes (RFC 1035, 2.3.4). */
#define PERSON_ADDRESS_MAX CIRCLE_NAME_MAX
/* URL and pin of another server. */
#define PERSON_SERVER_MAX 1024

struct person {
	struct id uid;
	char address[PERSON_ADDRESS_MAX + 1];
	char server[PERSON_SERVER_MAX + 1]; /* "": one's own */
	struct digest root;
	uint32_t seq; /* the newest entry that was seen */
	struct digest head;
	uint8_t level; /* enum person_level */
	uint64_t since_ms;
	uint64_t verified_ms; /* 0: never; of one that is blocked, since when */
	struct id by; /* which of one's own devices compared it */
	uint8_t way; /* enum person_way */
	char nickname[LIMIT_NAME_BYTES + 1]; /* "": none */
	uint64_t version; /* of the record, for who changes it; not in it */
};

/* "known", "verified", …; "code", "number", …; "?" for none. */
const char *person_level_name(uint8_t level);
const char *person_way_name(uint8_t way);

/* Append it. Its texts fit their lengths. */
void person_put(struct buf *out, const struct person *p);
/* All of it. errors: record-corrupt. */
MUST_CHECK int person_take(struct scan *s, struct person *out, struct err *e);

/* What a circle is known by. */
void person_root(const struct circle *c, struct digest *out);

/* Somebody as a comparison names him. Borrowed. */
struct person_key {
	const char *address;
	const struct digest *root;
};

/* The 60 digits that both have to see, the same for both sides; 5,200 rounds of
 * SHA-512 each, some 5 ms. */
#define PERSON_NUMBER 60
void person_number(const struct person_key *a, const struct person_key *b,
    char out[static PERSON_NUMBER + 1]);

/*
 * A code to publish, on paper or a page: "ac1-" and 20 bytes of SHA-256(
 * "aumbry public code v1" | v8 address | root) in Crockford's base32, in groups
 * of four.
 */
#define PERSON_PUBLIC 43 /* "ac1" and eight groups, each with a dash */
void person_public(
    const struct person_key *who, char out[static PERSON_PUBLIC + 1]);
/*
 * Is what was typed that code? Capitals, spaces, dashes, and O, I and L for 0, 1
 * and 1 count as meant.
 *
 * errors  wrong-code-kind: it is none of these codes; wrong-code: a slip, it has
 *         another length.
 */
MUST_CHECK int person_public_is(const struct person_key *who,
    struct bytes typed, bool *same, struct err *e);

/*
 * What one says of oneself when two compare, and what one holds of the other:
 *
 *   v8 address | uid[16] | root[32] | u32 seq | head[32]
 *   | v8 origin | u64 size | log_root[32]
 *
 * The last three are those of a log of all accounts; empty and zeros without.
 */
struct person_claim {
	char address[PERSON_ADDRESS_MAX + 1];
	struct id uid;
	struct digest root;
	uint32_t seq;
	struct digest head;
};

/* What is held of a circle that has an entry. */
void person_claim_of(
    const char *address, const struct circle *c, struct person_claim *out);
/* Append it. */
void person_claim_put(struct buf *out, const struct person_claim *x);
/* All of it. errors: bad-request. */
MUST_CHECK int person_claim_take(
    struct scan *s, struct person_claim *out, struct err *e);
/* Do both know one account? c is what is held of it, and goes at least as far:
 * what is withheld from one side may be a removal. */
bool person_claim_fits(const struct person_claim *x, const struct circle *c);
