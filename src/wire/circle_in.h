/* SPDX-License-Identifier: ISC */
/* circle_in.h: what the files of the circle share. For circle*.c only. */
/*
 * circle_form.c knows the bytes, circle_signers.c who has signed, circle_rules.c
 * what each type of entry does; circle_apply.c holds the chain together, and
 * circle.c answers what it amounts to.
 */
#pragma once

#include "wire/circle.h"

#define CIRCLE_SIG_DEVICE 1
#define CIRCLE_SIG_RECOVERY 2

#define HOUR_MS 3600000ULL

/* errors: circle-invalid: "an entry of the circle <what>". */
MUST_CHECK int circle_invalid(struct err *e, const char *what);

/* errors: circle-invalid. */
MUST_CHECK int recovery_set_take(
    struct scan *s, struct recovery_set *out, struct err *e);
/* The caller looks whether the scan held. */
struct key_change key_change_take(struct scan *s);

/* Room for one more behind n of that size; arrays grow by doubling. */
void *circle_one_more(void *p, size_t n, size_t each);

/* Is there a valid signature of that kind, by that key, below v? */
bool circle_signed_by(const struct entry_view *v, uint8_t kind,
    const struct id *keyref, const uint8_t pk[static SIG_PK_BYTES]);
/* The device that a signature is of; NULL for one of a recovery key. */
const struct member *circle_signer(
    const struct circle *c, const struct circle_sig *sig);
/*
 * Where devices decide: each signature is a valid one of an active member, or
 * of the newcomer (NULL: there is none), who looks at its own elsewhere.
 *
 * errors  circle-invalid, not-a-member, update-needed.
 */
MUST_CHECK int circle_check_members(const struct circle *c,
    const struct entry_view *v, const struct device *newcomer, struct err *e);
/* Number of signers that are mature; *young gets the last that is not. */
size_t circle_mature_signers(const struct circle *c, const struct entry_view *v,
    const struct member **young);
/* errors: not-a-member, device-too-young when fewer than k mature ones sign. */
MUST_CHECK int circle_need_mature(const struct circle *c,
    const struct entry_view *v, size_t k, struct err *e);
/* Does the recovery set in force sign, by weight? */
bool circle_by_recovery(const struct circle *c, const struct entry_view *v);
/*
 * The set in force and the new device sign, and nobody beside them.
 *
 * errors  circle-invalid, update-needed.
 */
MUST_CHECK int circle_need_recovery(
    const struct circle *c, const struct entry_view *v, struct err *e);
/*
 * The recovery keys where there are any, else as many devices as the policy
 * wants.
 *
 * errors  of circle_check_members and circle_need_mature; permission-denied.
 */
MUST_CHECK int circle_need_owner(
    const struct circle *c, const struct entry_view *v, struct err *e);

/*
 * Do what the body of an entry that continues the chain says.
 *
 * c       when it fails, perhaps changed: the caller undoes it.
 * errors  as circle_apply.
 */
MUST_CHECK int circle_rule(struct circle *c, const struct entry_view *v,
    struct scan *s, struct err *e);
