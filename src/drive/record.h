/* SPDX-License-Identifier: ISC */
/* record.h: records that follow from others. */
#pragma once

#include "tree/node.h"
#include "link/zcopy.h"

/*
 * The history of a file whose content is about to be replaced: what it was goes
 * first. Its record is that of node_history_id.
 *
 * plain    appended; version: of the record so far, for the commit.
 */
MUST_CHECK int record_history(struct zcopy *zone, const struct id *node,
    const struct node *was, struct buf *plain, uint64_t *version,
    struct err *e);
/* The history as it is, or an empty one; it borrows from plain. */
MUST_CHECK int record_history_of(struct zcopy *zone, const struct id *node,
    struct node_history *out, struct buf *plain, uint64_t *version,
    struct err *e);
