/* SPDX-License-Identifier: ISC */
/* forget.h: taking snapshots out of a repository. */
#pragma once

#include "content/repo.h"

/*
 * Delete the records of these snapshots, readable or not, and those that carry
 * their further references: one commit while all fit into one, else several,
 * of whole snapshots wherever one fits.
 */
MUST_CHECK int forget_snapshots(
    struct repo *r, const struct id *ids, size_t n, struct err *e);
