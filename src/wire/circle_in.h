/* SPDX-License-Identifier: ISC */
/* circle_in.h: what the three files of the circle share. */
/*
 * circle_form.c knows the bytes, circle_rules.c who may do what, circle.c holds
 * the chain together.
 */
#pragma once

#include "wire/circle.h"

#define CIRCLE_SIG_DEVICE 1
#define CIRCLE_SIG_RECOVERY 2

/* errors: circle-invalid: "an entry of the circle <what>". */
MUST_CHECK int circle_invalid(struct err *e, const char *what);

/* errors: circle-invalid. */
MUST_CHECK int recovery_set_take(
    struct scan *s, struct recovery_set *out, struct err *e);
/* The caller looks whether the scan held. */
struct key_change key_change_take(struct scan *s);

/* Room for one more behind n of that size; arrays grow by doubling. */
void *circle_one_more(void *p, size_t n, size_t each);

/*
 * Do what the body of an entry that continues the chain says.
 *
 * c       when it fails, perhaps changed: the caller undoes it.
 * errors  as circle_apply.
 */
MUST_CHECK int circle_rule(struct circle *c, const struct entry_view *v,
    struct scan *s, struct err *e);
