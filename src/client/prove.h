/* SPDX-License-Identifier: ISC */
/* prove.h: showing the server a second factor. */
#pragma once

#include "client/fido.h"
#include "link/control.h"

#define PROVE_TRIES 3 /* the server takes 5 */

struct prove {
	const char *with; /* the way; NULL: the first that is offered */
	const char *code; /* NULL: the person is asked */
	/* Ask for the code of that way; text is appended as typed. why: what
	 * was wrong with the one before, or NULL. */
	int (*ask)(void *ctx, const char *with, const struct err *why,
	    struct buf *code, struct err *e);
	/* A code is on its way: `sent` is the server's answer. NULL is fine. */
	void (*sent)(void *ctx, const char *with, const json_t *offered,
	    const json_t *sent);
	/* How a security key is reached, for the way "key". */
	struct fido_ask key;
	/* The circle says that only security keys count: a server that offers
	 * anything else is lying. */
	bool keys_only;
	bool
	    again; /* after a wrong code, ask for another: PROVE_TRIES in all */
	void *ctx;
};

/*
 * What the server offers beside what the circle says: called before anything
 * is proven, also when nothing is to be.
 *
 * errors  factor-stripped.
 */
MUST_CHECK int prove_stripped(
    const json_t *offered, const struct prove *p, struct err *e);

/*
 * Prove a factor, by the token that `r` has. For a text or a call the server
 * sends a code first, unless there is one already; then "again" in its place
 * has another sent, "text" and "call" change the way, "other" the number.
 *
 * offered  an answer with "methods".
 * answer   of the server: a session for a request to join, the end of the
 *          step-up for a session.
 * errors   factor-missing: not offered; wrong-code, wrong-code-kind,
 *          too-many-attempts; no-gateway, gateway-failed;
 *          security-key-required when a key is offered and a code is given;
 *          security-key-*; factor-stripped.
 */
MUST_CHECK int prove_factor(struct remote *r, const json_t *offered,
    const struct prove *p, json_t **answer, struct err *e);
