/* SPDX-License-Identifier: ISC */
/* room.h: a way out of a full disk: a reserve that is given up first. */
/*
 * A file beside the database takes the room that sessions, deletions and
 * commits need when nothing else is left. When the disk is full it shrinks as
 * they come, and until there is room for it again the server takes nothing that
 * grows: what was stored can be read, forgotten and pruned.
 *
 * threads  any.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct room;

/*
 * dir      the folder of the database.
 * reserve  bytes; less on a small disk, 0 for none.
 * errors   none: without room there is no reserve.
 */
struct room *room_new(const char *dir, uint64_t reserve);
void room_free(struct room **r); /* the file stays */

/* Look at the disk, and whether it is full. r: NULL is never full. */
bool room_full(struct room *r);
/* The same before something is written that must have room. */
bool room_use(struct room *r);

/* errors  server-full while the disk is full. */
MUST_CHECK int room_to_grow(struct room *r, struct err *e);
