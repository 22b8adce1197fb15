/* SPDX-License-Identifier: ISC */
/* recover.h: back into an account from a blank home. */
/*
 * A recovery goes in two steps, which may be days apart: it is begun, which
 * leaves its token and this device's new keys in the home's state.db, and
 * finished once it is ready. A recovery key is ready at once.
 *
 * What is recovered gets new keys and a new password; devices that are lost are
 * removed, unless they are to stay.
 */
#pragma once

#include "client/home.h"
#include "join/newcomer.h"
#include "join/pair.h"
#include "vault/reccode.h"

struct recover_ask {
	const char *dir, *url, *name, *device_name;
	const char *way; /* "key", "kit", "contact", "operator" */
	const struct secret *code; /* of a key or a joined kit; else NULL */
};

/* How a recovery stands. */
struct recover_state {
	char way[16];
	char name[LIMIT_NAME_BYTES + 1]; /* of the account */
	bool begun; /* there is one in this home */
	bool
	    proven; /* a contact or the operator has helped, or it has a code */
	bool stopped, done;
	uint64_t ready_ms, expires_ms; /* 0: not known yet */
	struct id recovery; /* how a contact or the operator names it */
};

/*
 * Begin. What it leaves lets recover_look and recover_finish go on.
 *
 * errors  recovery-key-wrong, already-signed-in, too-many-attempts; conflict
 *         when another recovery was begun in this home.
 */
MUST_CHECK int recover_begin(const struct recover_ask *a, struct err *e);

/* What was begun here, as the server sees it now. errors: not-found. */
MUST_CHECK int recover_look(
    const char *dir, struct recover_state *out, struct err *e);
/* Give it up: the server and this home forget it. */
MUST_CHECK int recover_cancel(const char *dir, struct err *e);

struct recover_help {
	const char *dir;
	unsigned timeout_s;
	pair_ask_fn ask; /* for the code that the contact reads out */
	void (*burnt)(void *ctx); /* it was wrong: another one comes */
	void *ctx;
};

/*
 * Wait for a contact, take its half, and show it to the server: from then on
 * the recovery waits. Nothing when that was done before.
 *
 * errors  code-expired: nobody helped in time, or the recovery is over;
 *         wrong-code, wrong-code-kind; recovery-key-wrong: what came is no
 *         half of this account any more; those of `ask`.
 */
MUST_CHECK int recover_by_contact(const struct recover_help *h, struct err *e);

struct recover_finish {
	const char *dir;
	struct bytes password; /* the new one */
	bool keep_devices;
};

/*
 * Finish. What it leaves in the home is ready for self_open.
 *
 * errors  recovery-waiting, request-refused, code-expired, circle-not-yours,
 *         key-substituted.
 */
MUST_CHECK int recover_finish(const struct recover_finish *f, struct err *e);
