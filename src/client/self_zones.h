/* SPDX-License-Identifier: ISC */
/* self_zones.h: the zones an account has, by category. */
#pragma once

#include "client/self.h"

/* Pull the state zone and learn the zones' ids; a record of them that somebody
 * has spoiled is written again. */
MUST_CHECK int self_state(struct self *s, struct err *e);

/* Learn the zones' ids from what is held of the state zone. */
MUST_CHECK int self_load_zones(struct self *s, struct err *e);

/*
 * The zone of a category; its id is drawn and noted in the state zone when the
 * account has none. The state must have been pulled.
 */
MUST_CHECK int self_zone(
    struct self *s, enum category c, struct id *out, struct err *e);

/*
 * After a reset: note in the new state zone where the categories are whose keys
 * the escrow gave back.
 */
MUST_CHECK int self_adopt_zones(struct self *s, struct err *e);
