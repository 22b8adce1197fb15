/* SPDX-License-Identifier: ISC */
/* keeper.h: one escrow: its folder, its own key, and what it has in memory. */
/*
 *   DIR/escrow.conf  see settings.h
 *   DIR/root.key     or root.p11, see rootkey.h
 *   DIR/identity     magic | "PEI1" | sign_pk[32] | box(HKDF(root,
 *                    "escrow identity"), "aumbry escrow identity v1\0"
 *                    | sign_pk, keys[64])
 *   DIR/tls.crt      and tls.key, see gate.h
 *   DIR/server.pub   base64url of the server's sign_pk: the first one that
 *                    said HELLO, and from then on no other
 *   DIR/journal      see journal.h
 *   DIR/accounts/    see ward.h
 *   DIR/serve.lock   one escrow serves a folder
 *
 * One thread uses a keeper.
 */
#pragma once

#include "escrow/journal.h"
#include "escrow/settings.h"
#include "escrow/ward.h"

#define KEEPER_CONF "escrow.conf"
#define KEEPER_NONCES 1024 /* that wait to be used */

struct keeper_nonce {
	struct id uid;
	uint8_t nonce[ESCROW_NONCE];
	uint64_t made_ms;
};

struct keeper {
	char *dir;
	struct settings settings;
	struct secret *root;
	struct devkey *identity;
	uint8_t sign_pk[SIG_PK_BYTES];
	struct wards *wards;
	struct journal *journal;
	size_t torn; /* bytes cut off the journal's end by this start */
	bool pinned;
	uint8_t server_pk[SIG_PK_BYTES];
	struct keeper_nonce *nonces; /* oldest first */
	size_t n_nonces;
	int lock;
};

/* Is there an escrow in the folder? */
bool keeper_there(const char *dir);

/*
 * Make one: folder, settings, root key, identity.
 *
 * errors  repository-exists when there is one; those of rootkey_make.
 */
MUST_CHECK int keeper_make(
    const char *dir, const struct settings *s, struct err *e);

enum keeper_mode {
	KEEPER_SERVE, /* locks the folder, finishes what a crash left */
	KEEPER_LOOK /* only reads, beside one that serves */
};

/*
 * errors  home-busy when another serves the folder; journal-rolled-back,
 *         state-damaged, not-found, permission-denied.
 */
MUST_CHECK int keeper_open(
    const char *dir, enum keeper_mode mode, struct keeper **out, struct err *e);
void keeper_free(struct keeper **k);

/* The escrow's public key, without opening anything secret. */
MUST_CHECK int keeper_sign_pk(
    const char *dir, uint8_t out[static SIG_PK_BYTES], struct err *e);

/* Append base64url of SHA-256(sign_pk): how people compare escrows. */
void keeper_fingerprint(
    const uint8_t sign_pk[static SIG_PK_BYTES], struct buf *out);

/*
 * The server with that key says HELLO: the first one is remembered.
 *
 * errors  permission-denied for another one; io-error.
 */
MUST_CHECK int keeper_pin(struct keeper *k,
    const uint8_t server_pk[static SIG_PK_BYTES], struct err *e);

/* Draw a nonce that one release of the account may use. */
void keeper_draw(struct keeper *k, const struct id *uid, uint64_t now_ms,
    uint8_t out[static ESCROW_NONCE]);
/* Use it up: true when it was drawn for the account and is still good. */
bool keeper_spend(struct keeper *k, const struct id *uid,
    const uint8_t nonce[static ESCROW_NONCE], uint64_t now_ms);
