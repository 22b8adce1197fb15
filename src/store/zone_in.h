/* SPDX-License-Identifier: ISC */
/* zone_in.h: for zone*.c only: what reading and writing of zones share. */
#pragma once

#include "store/zone.h"

/* Bind uid and zone as parameters 1 and 2. */
void zone_bind_key(struct stmt *s, const struct zone_key *key);
