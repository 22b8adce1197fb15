/* SPDX-License-Identifier: ISC */
/* protection.h: choosing between standard and advanced protection. */
#pragma once

#include "client/login.h"
#include "client/self.h"

/* What must hold before the escrow's help is given up. */
struct protection_ready {
	bool two_factor; /* is on */
	bool way; /* there is a way to recover, in force */
	bool tried; /* one of them was tried */
};

/* The state was pulled. */
MUST_CHECK int protection_ready(
    struct self *s, struct protection_ready *out, struct err *e);

/*
 * errors  protection-blocked, naming each thing that is missing; those of
 *         self_protection.
 */
MUST_CHECK int protection_advanced(struct self *s, struct err *e);

/* Was it set to standard here and cut off, before the escrow heard of the
 * password? Then protection_standard finishes it. */
bool protection_unfinished(struct self *s);

/*
 * After a step-up, whose run of OPAQUE is `l`: its release key goes to the
 * escrow.
 *
 * seen    the fingerprint that a person was shown; NULL: as the address says.
 * errors  protection-blocked without an escrow; escrow-changed,
 *         escrow-unreachable; those of self_protection.
 */
MUST_CHECK int protection_standard(struct self *s, const struct login *l,
    const struct digest *seen, struct err *e);

/* errors: those of self_protection. */
MUST_CHECK int protection_web_access(struct self *s, bool on, struct err *e);
