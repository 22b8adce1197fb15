/* SPDX-License-Identifier: ISC */
/* circles.h: verified circles, kept between calls. */
/*
 * Each entry of a circle costs a signature check, and every commit and session
 * needs the circle it is under. So what was verified once is kept, by account,
 * and only what came since is verified; the tables stay what counts.
 *
 * threads  any.
 */
#pragma once

#include "wire/circle.h"

struct circles;

/* With none yet. The caller frees it, or gives it to db_attach. */
struct circles *circles_new(void);
/* When no call runs any more. */
void circles_free(struct circles *cs);

/* A copy of the newest that is kept; false when there is none. */
bool circles_get(struct circles *cs, const struct id *uid, struct circle *out);
/* Keep a copy. What was not asked for the longest makes room. */
void circles_put(struct circles *cs, const struct circle *c);
