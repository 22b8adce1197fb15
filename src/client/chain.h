/* SPDX-License-Identifier: ISC */
/* chain.h: a list of devices, verified by who has not seen it before. */
#pragma once

#include "wire/circle.h"

/*
 * Apply entries, v16 each, that go on from `c`.
 *
 * errors  circle-invalid, also for an entry that was left out; those of
 *         circle_apply.
 */
MUST_CHECK int chain_apply(
    struct circle *c, struct bytes entries, struct err *e);
