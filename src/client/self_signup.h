/* SPDX-License-Identifier: ISC */
/* self_signup.h: making an account. */
#pragma once

#include "client/self.h"

struct self_signup {
	const char *dir, *url, *name, *invite, *device_name;
	struct bytes password;
	bool no_two_factor;
	bool browser; /* not a computer */
	/* enum circle_protection; 0: standard when the URL names the server's
	 * escrow, else advanced. */
	uint8_t protection;
};

/*
 * Make an account. What it leaves in `dir` is ready for self_open. One that was
 * cut off here is gone on with.
 *
 * errors  home-busy; already-signed-in; when the server may have made it, the
 *         keys are kept, and self_connect goes on.
 */
MUST_CHECK int self_signup(const struct self_signup *a, struct err *e);

/*
 * In two steps, between which what is kept can be made sure of. The first makes
 * nothing at the server, unless it finds one that was cut off: *again. The
 * second is what self_connect does.
 */
MUST_CHECK int self_signup_begin(
    const struct self_signup *a, bool *again, struct err *e);
MUST_CHECK int self_signup_end(const char *dir, struct err *e);
