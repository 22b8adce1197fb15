/* SPDX-License-Identifier: ISC */
/* space.h: what the Drive takes, and what of it is on its way out. */
#pragma once

#include "drive/edit.h"

/*
 * The first three are bytes as files have them: what several share counts each
 * time, and compression not at all. The last are bytes as the server has them.
 */
struct space {
	uint64_t files, history, trash;
	uint64_t freeing; /* condemned packs: gone after their time */
};

/* As the copy of the zone has it. cost: opens every record. */
MUST_CHECK int space_count(struct edit *d, struct space *out, struct err *e);
