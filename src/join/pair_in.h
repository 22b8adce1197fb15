/* SPDX-License-Identifier: ISC */
/* pair_in.h: one code between two devices. For the parts of join only. */
#pragma once

#include "join/pair.h"
#include "join/relay.h"
#include "join/shown_code.h"

/* What a code is run over, and who shows it or is asked. All is borrowed. */
struct pair_code {
	struct relay *c;
	struct bytes ci; /* CPace's channel identifier */
	const struct id *request, *nonce; /* B's, for the session identifier */
	struct bytes ours, theirs; /* device records; theirs of A comes by 1 */
	pair_show_fn show; /* A's */
	pair_ask_fn ask; /* B's */
	void *ctx; /* of either */
	enum shown_code kind; /* of the code; pairing's, when not said */
};

/*
 * A's side: draw a code, show it, wait for the answer. *right: it was typed
 * right, and k holds the channel's keys; else it is burnt.
 *
 * k       zeros but its label.
 * errors  code-expired when it was not answered within PAIR_CODE_S.
 */
MUST_CHECK int pair_code_show(const struct pair_code *p, struct relay_keys *k,
    bool *right, struct err *e);

/*
 * The same until a code is right, PAIR_CODES times at most: each that is wrong
 * is counted on this device and burnt. *right false: that was the last one,
 * and the caller ends the request.
 *
 * errors  as pair_code_show.
 */
MUST_CHECK int pair_codes(struct self *s, const struct pair_code *p,
    struct relay_keys *k, bool *right, struct err *e);

/*
 * B's side, after RELAY_OPEN was received: ask for the code and prove it.
 * *right: A has proven it too; offer is what A sealed.
 *
 * errors  wrong-code when A does not know it.
 */
MUST_CHECK int pair_code_answer(const struct pair_code *p, struct relay_keys *k,
    struct buf *offer, bool *right, struct err *e);

/*
 * Wrong codes of the last day, on this device's own disk: count one, or only
 * see whether there may be more.
 *
 * errors  too-many-attempts.
 */
MUST_CHECK int pair_count_fail(struct self *s, bool failed, struct err *e);
