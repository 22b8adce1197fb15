/* SPDX-License-Identifier: ISC */
/* contents_in.h: what contents_drive.c does for contents.c. */
#pragma once

#include "content/repo.h"
#include "disclose/contents.h"

/*
 * Write the Drive in plain.
 *
 * repo    with its zone, not pulled yet; work: a folder for what is made on the
 *         way.
 * opened  false: it could not be read at all, and *why says why.
 * errors  a full disk, and what cannot be written.
 */
MUST_CHECK int contents_drive(const struct contents *c, struct repo *repo,
    const char *work, bool *opened, struct err *why, struct err *e);
