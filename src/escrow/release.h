/* SPDX-License-Identifier: ISC */
/* release.h: the rules: who is handed a key, and when one is destroyed. */
/*
 * Whatever is done to a key is in the journal, on the disk, before it is done.
 * What is refused is, too, REFUSALS an hour for each account. A circle is
 * believed as far as its signatures go, from where this escrow has verified
 * it; an entry RESET, which needs nobody's signature but its own, only from
 * whom an operator's order was carried out for.
 */
#pragma once

#include "escrow/keeper.h"

#define RELEASE_SKEW_MS (10 * 60 * 1000) /* a client's clock off ours */
#define RELEASE_AHEAD_MS 5000 /* two clocks that are set by the network */
#define RELEASE_REFUSALS 20 /* lines of them in an hour, per account */
/* An order can be collected so long after its wait. */
#define RELEASE_COLLECT_MS (14 * 24 * 3600 * 1000LL)

/*
 * Answer one request.
 *
 * request   what a frame holds.
 * greeted   HELLO was said on this connection; set by it.
 * now_ms    the escrow's clock.
 * answer    appended: a frame, with its length.
 * returns   the code of the answer, ERR_NONE when it was done; `uid` gets the
 *           account it was about, zeros for none. For the log.
 */
enum err_code release_answer(struct keeper *k, struct bytes request,
    bool *greeted, uint64_t now_ms, struct buf *answer, struct id *uid);

/* The same for who runs the escrow: only such a one may ask for a disclosure. */
enum err_code release_answer_owner(struct keeper *k, struct bytes request,
    bool *greeted, uint64_t now_ms, struct buf *answer, struct id *uid);

/* Append the frame that says why something failed. */
void release_put_error(const struct err *e, struct buf *answer);
