/* SPDX-License-Identifier: ISC */
/* valid_in.h: what the parts of valid share. For valid*.c only. */
#pragma once

#include "tree/valid.h"

/* Where a node is shown. */
struct valid_place {
	bool there, trashed;
	struct id parent;
	enum node_type type;
	uint64_t version;
	unsigned mark;
};

/* The root is there, a directory whose parent is itself. */
MUST_CHECK int valid_place_of(
    struct tx *tx, const struct id *id, struct valid_place *out, struct err *e);

/* Levels below a directory, of which no more than `most` are looked at. */
MUST_CHECK int valid_height(struct tx *tx, const struct id *id, unsigned most,
    unsigned *height, struct err *e);

/* Apply the rules to the whole tree. */
MUST_CHECK int valid_mend_all(
    struct tx *tx, struct buf *touched, struct err *e);
