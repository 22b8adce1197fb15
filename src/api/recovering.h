/* SPDX-License-Identifier: ISC */
/* recovering.h: one recovery that goes on, its row and its rules. */
/*
 * A recovery begins with a name and, for a key or a kit, with what proves that
 * one has it. It has a token of its own, which opens nothing else. Ways that
 * wait (contact, kit, operator) are announced when they begin, can be stopped
 * by every device of the account, and allowed at once by one of them.
 *
 * Who only gives a name learns nothing: unknown names are answered alike.
 */
#pragma once

#include "server/ordered.h"
#include "server/server.h"

/* How long after its wait one may go on; the escrow's the same. */
#define RECOVERING_LATER_MS (14 * 24 * 3600 * 1000LL)

struct recovering {
	struct id id, uid, keyref;
	struct id contact; /* a contact's device that helps now; or zeros */
	bool known; /* is there such an account? */
	char way[16]; /* "key", "contact", "kit", "operator" */
	enum recover_state state;
	int64_t created_ms, ready_ms, expires_ms;
	struct buf device;
};

/* The recovery of the caller's token (errors: not-found), or one by its ID.
 * What `out` held before is freed. */
MUST_CHECK int recovering_of(
    struct tx *tx, const struct call *c, struct recovering *out, struct err *e);
MUST_CHECK int recovering_load(struct tx *tx, const struct id *id,
    struct recovering *out, bool *found, struct err *e);
void recovering_free(struct recovering *r);

/*
 * May it go on now: proven, its wait over, not stopped?
 *
 * errors  recovery-waiting, naming the time; request-refused; code-expired.
 */
MUST_CHECK int recovering_ready(
    const struct recovering *r, const struct call *c, struct err *e);

/* Is that recovery key in force now? */
MUST_CHECK int recovering_in_force(struct tx *tx, const struct call *c,
    const struct id *uid, const struct id *keyref, bool *yes, struct err *e);

/* Begin the wait: it is proven, and everybody is told. */
MUST_CHECK int recovering_proven(struct tx *tx, struct call *c,
    struct recovering *r, int64_t wait_ms, struct err *e);

/* What proves that one has a recovery key. */
struct recovering_shown {
	uint8_t kind;
	struct digest verifier; /* SHA-256 of what is shown, as it is stored */
};

/* The "verifier" of a call. errors: bad-request. */
MUST_CHECK int recovering_take_shown(const struct call *c, uint8_t kind,
    struct recovering_shown *out, struct err *e);
/* The keyref that belongs to it, of a key in force; zeros: there is none. */
MUST_CHECK int recovering_find_key(struct tx *tx, const struct call *c,
    const struct id *uid, const struct recovering_shown *shown,
    struct id *keyref, struct err *e);
