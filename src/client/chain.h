/* SPDX-License-Identifier: ISC */
/* chain.h: a list of devices, verified entry by entry. */
#pragma once

#include "wire/circle.h"

/* What it means that `entry` does not go on from `c`. Always returns -1. */
typedef int (*chain_gap_fn)(
    const struct circle *c, struct bytes entry, struct err *e);

/* For a chain that was seen before. errors: circle-rolled-back: an entry was
 * left out; circle-forked: it belongs to another chain; circle-invalid. */
int chain_gap(const struct circle *c, struct bytes entry, struct err *e);

/*
 * Apply entries, v16 each, that go on from `c`.
 *
 * errors  circle-invalid; those of circle_apply; of on_gap for its conflict.
 */
MUST_CHECK int chain_follow(
    struct circle *c, struct bytes entries, chain_gap_fn on_gap, struct err *e);

/*
 * The same for who has not seen them before, and has them from the server.
 *
 * errors  circle-invalid, also for an entry that was left out; those of
 *         circle_apply and of chain_in_time.
 */
MUST_CHECK int chain_apply(
    struct circle *c, struct bytes entries, struct err *e);

/*
 * The same for who has seen what is in `c`. Without entries nothing is looked
 * at.
 *
 * errors  those of chain_gap, circle_apply and chain_in_time.
 */
MUST_CHECK int chain_extend(
    struct circle *c, struct bytes entries, struct err *e);

/*
 * Is the newest entry none of the future? How old a device counts goes by the
 * times that entries claim: one that is dated ahead makes a young device old.
 *
 * errors  clock-wrong: its time is more than LIMIT_CLOCK_SKEW_MS ahead.
 */
MUST_CHECK int chain_in_time(const struct circle *c, struct err *e);
