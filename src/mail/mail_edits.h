/* SPDX-License-Identifier: ISC */
/* mail_edits.h: records of the messages zone that change in one commit. */
#pragma once

#include "link/zcopy.h"

struct mail_edits {
	struct zcopy_edit *list;
	struct buf *plains; /* of the edits, one each */
	size_t n;
};

/* What it holds; empty then. */
void mail_edits_free(struct mail_edits *x);

/* One more, of that record; *plain is to be filled, before the next one. Both
 * are borrowed until then. */
struct zcopy_edit *mail_edits_add(
    struct mail_edits *x, const struct id *id, struct buf **plain);

/* As zcopy_commit. */
MUST_CHECK int mail_edits_commit(struct zcopy *z, struct mail_edits *x,
    zcopy_check_fn still, void *ctx, struct err *e);
