/* SPDX-License-Identifier: ISC */
/* lend.h: a device hands a visitor keys to read with, for this visit. */
/*
 * The visitor (B) has signed in by a code; a device (A) shows a code that is
 * typed there, and both run CPace over it, through the server:
 *
 *   1 A→B  ra[16] | Ya[32] | v16 device record of A
 *   2 B→A  Yb[32] | HMAC(k_b, transcript)
 *   3 A→B  HMAC(k_a, transcript) | box(u32 circle seq | its hash[32]
 *          | what keyring_lend gave)
 *   6 A→B  nothing: the code was wrong and is burnt
 *
 * as in pair.h, with CI = "aumbry visit v1" | v8(host) | visit id, sid = visit
 * id | nonce of B | ra, the nonce as B's associated data, and "aumbry visit v1"
 * in the boxes. A must be a member of the
 * circle that B has checked, and the circle go as far as A says.
 * source  docs/PROTOCOL.md "Visits".
 */
#pragma once

#include "join/pair.h"

/* ---- the visitor ---- */

struct lend_ask {
	const char *dir;
	unsigned timeout_s;
	pair_ask_fn ask; /* for the code */
	void (*waiting)(void *ctx); /* the devices are asked */
	bool again; /* ask for the next code after a wrong one */
	void *ctx;
};

/*
 * Ask to read backups, and keep what comes; reader_open is next.
 *
 * errors  release-refused, too-many-attempts, request-refused, wrong-code,
 *         code-expired, circle-*.
 */
MUST_CHECK int lend_begin(const struct lend_ask *a, struct err *e);

/* ---- the device ---- */

struct lend_open {
	struct id id, nonce;
	uint64_t created_ms;
	char categories[64], address[64], place[128], way[33];
};

/* Those that wait, in order of arrival; free with mem_free. */
MUST_CHECK int lend_list(
    struct self *s, struct lend_open **out, size_t *n, struct err *e);
MUST_CHECK int lend_refuse(
    struct self *s, const struct id *visit, struct err *e);
/*
 * errors  wrong-code after PAIR_CODES; code-expired; too-many-attempts.
 */
MUST_CHECK int lend_allow(struct self *s, const struct lend_open *v,
    unsigned timeout_s, pair_show_fn show, void *ctx, struct err *e);

/* ---- both, for lend*.c only ---- */

#define LEND_LABEL "aumbry visit v1"
#define LEND_PATH "/v1/visits"

/* CPace's channel identifier, appended. */
void lend_channel(const char *host, const struct id *visit, struct buf *ci);
