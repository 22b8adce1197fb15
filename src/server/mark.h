/* SPDX-License-Identifier: ISC */
/* mark.h: when something of the whole server was last so, and what it was. */
#pragma once

#include "store/sql.h"

#define MARK_COMMITTED "committed" /* by /readyz, to see that it can be */
#define MARK_COPIED "copied" /* by aumbryd backup */
#define MARK_MAIL_FAILED "mail-failed" /* since when; text: how, at last */
#define MARK_WAITED "waited" /* by the sweep, while an account ends */

/* Write it; one that is there keeps its time when `keeps` says so. */
MUST_CHECK int mark_set(struct tx *tx, const char *name, int64_t time_ms,
    const char *text, bool keeps, struct err *e);
MUST_CHECK int mark_drop(struct tx *tx, const char *name, struct err *e);

/* time_ms  0 when there is none. text: appended; or NULL. */
MUST_CHECK int mark_get(struct tx *tx, const char *name, int64_t *time_ms,
    struct buf *text, struct err *e);
