/* SPDX-License-Identifier: ISC */
/* lookdepot.h: one zone of a holding as a depot that is only read. */
#pragma once

#include "link/depot.h"
#include "disclose/holding.h"

/*
 * changes  path of the whole history, as frames; kept by a copy.
 * All else is borrowed.
 */
struct depot *lookdepot_new(
    const struct holding *h, const struct holding_zone *z, const char *changes);
