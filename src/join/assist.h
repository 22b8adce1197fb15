/* SPDX-License-Identifier: ISC */
/* assist.h: helping somebody else back in, as a recovery contact. */
/*
 * A contact keeps a half of a key of somebody else's account, in its own state
 * zone; it opens nothing without the server's half. The server hears of it when
 * it is used, not before.
 *
 *   u8 kind 22 | u8 1 | u64 since_ms | v8 owner's name | code[26]
 *
 * The record's id is that of "helping" and SHA-256(owner's name)[0..16].
 *
 * To help, the contact's device (A) and the new one (B) run CPace over a code
 * that the contact reads out, through the server:
 *
 *   1 A→B  ra[16] | Ya[32] | v16 device record of A
 *   2 B→A  Yb[32] | HMAC(k_b, transcript)
 *   3 A→B  HMAC(k_a, transcript) | box(code[26])
 *   6 A→B  nothing: the code was wrong and is burnt
 *
 * as in pair.h, with CI = "aumbry assist v1" | v8(host) | recovery id, sid =
 * recovery id | dev_id of B | ra, and "aumbry assist v1" in the boxes.
 * source  docs/PROTOCOL.md "Recovery contacts".
 */
#pragma once

#include "join/pair.h"
#include "vault/reccode.h"

#define ASSIST_LABEL "aumbry assist v1"
#define ASSIST_PATH "/v1/recover"

/* CPace's channel identifier, appended. */
void assist_channel(
    const char *host, const struct id *recovery, struct buf *ci);

/* Somebody who may ask for help. */
struct assist_owner {
	char name[LIMIT_NAME_BYTES + 1];
	uint64_t since_ms;
};

/* All there are, by name; free with mem_free. The state was pulled. */
MUST_CHECK int assist_owners(
    struct self *s, struct assist_owner **out, size_t *n, struct err *e);
/* Keep a half, in the place of one of the same owner. */
MUST_CHECK int assist_keep(struct self *s, const char *owner,
    const struct secret *code, struct err *e);
/* errors: not-found. */
MUST_CHECK int assist_forget(struct self *s, const char *owner, struct err *e);
MUST_CHECK int assist_half(
    struct self *s, const char *owner, struct secret **out, struct err *e);

/* A recovery that waits for a contact. */
struct assist_open {
	struct id id;
	uint64_t created_ms;
	char os[33], address[64], place[128]; /* place may be "" */
	struct device device;
};

/*
 * Those of the half's owner, the newest first; free with mem_free.
 *
 * start   of an ID, ASSIST_NAMED digits or more: those that begin so, however
 *         many strangers ask for. "": the newest.
 * errors  not-found: the owner has taken this half out; too-many-attempts.
 */
#define ASSIST_NAMED 4
MUST_CHECK int assist_find(struct self *s, const struct secret *code,
    const char *start, struct assist_open **out, size_t *n, struct err *e);

/* Is the half one in force? The owner's log tells. errors: not-found. */
MUST_CHECK int assist_drill(
    struct self *s, const struct secret *code, struct err *e);

struct assist_help {
	const struct secret *code; /* the half */
	const struct assist_open *to;
	unsigned timeout_s;
	pair_show_fn show;
	void *ctx;
};

/*
 * Give the half to who types the code that is shown.
 *
 * *begun  the server has it that the recovery waits now; else the half was
 *         sent, and what became of it is not known here.
 * errors  wrong-code after PAIR_CODES; code-expired; too-many-attempts;
 *         not-found when the recovery is over.
 */
MUST_CHECK int assist_help(
    struct self *s, const struct assist_help *h, bool *begun, struct err *e);
