/* SPDX-License-Identifier: ISC */
/* zone_in.h: for zone*.c only: what reading and writing of zones share. */
#pragma once

#include "store/zone.h"

/* Bind uid and zone as parameters 1 and 2. */
void zone_bind_key(struct stmt *s, const struct zone_key *key);

/* As zone_find, but that there is none is no failure: *found says it. */
MUST_CHECK int zone_look_up(struct tx *tx, const struct zone_key *key,
    struct zone_info *out, bool *found, struct err *e);
