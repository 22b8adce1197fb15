/* SPDX-License-Identifier: ISC */
/* self_circle.h: what a device decides in the circle beside removals. */
#pragma once

#include "client/self.h"

/*
 * Let a security key in as a member of the circle, by its own keys.
 * The newest S is sealed to it.
 * errors  device-too-young, step-up-required, circle-full, permission-denied.
 */
MUST_CHECK int self_add_key(struct self *s, const struct device *device,
    const struct devkey *key, struct err *e);

/*
 * Say in the circle whether security keys alone count as a second factor, so
 * that a server which takes codes is caught. Nothing when it says so already.
 * errors  device-too-young, step-up-required.
 */
MUST_CHECK int self_keys_only(struct self *s, bool only, struct err *e);

/*
 * Put a recovery set in the place of the one in force: at once when that is
 * empty, else after 72 hours. The newest S is sealed to each of its keys.
 * errors  device-too-young, step-up-required.
 */
MUST_CHECK int self_recovery_set(
    struct self *s, const struct recovery_set *set, struct err *e);
/* Stop the change that waits. errors: not-found, permission-denied. */
MUST_CHECK int self_veto(struct self *s, struct err *e);

/*
 * Set the level, or whether data may be opened in a browser. Standard: the keys
 * of every epoch are sealed to the escrow. Advanced: the server drops what was
 * sealed to it, the escrow ends its key, and new keys follow at once; what is
 * cut off on the way, the next command of any device goes on with.
 *
 * escrow  for standard, from the server; else NULL.
 * errors  device-too-young, step-up-required; conflict when another device has
 *         set another level meanwhile.
 */
MUST_CHECK int self_protection(struct self *s, enum circle_protection level,
    bool web_access, const struct circle_escrow *escrow, struct err *e);
