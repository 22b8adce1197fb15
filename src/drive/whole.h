/* SPDX-License-Identifier: ISC */
/* whole.h: is all of a content in packs? */
#pragma once

#include "content/source.h"
#include "wire/category.h"

/*
 * Look for each chunk of a content, and for its lists, in the indexes of the
 * repository; no pack is read but for lists. One whose keys are not held here
 * is taken for whole.
 *
 * src     strict.
 * stored  as a node has it.
 * errors  file-damaged: something is in no pack; those of reading a list.
 */
MUST_CHECK int whole_content(struct repo *repo, struct source *src,
    struct bytes stored, bool secret, struct err *e);
/* Does this error say that a content is not whole, and not that it could not be
 * looked at? */
bool whole_damaged(enum err_code code);
