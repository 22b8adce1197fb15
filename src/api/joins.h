/* SPDX-License-Identifier: ISC */
/* joins.h: who asks the trusted devices, and how often; for visits, too. */
#pragma once

#include "server/server.h"

/* Append whom a prompt and a refusal count for. */
void joins_asker(
    const struct call *c, uint8_t class, const char *os, struct buf *out);
/* Whether no device has refused that asker within a day; else *ok false: it is
 * refused. */
MUST_CHECK int joins_not_refused(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, bool *ok, struct err *e);
/* Count one prompt of the trusted devices; *ok false: refused. */
MUST_CHECK int joins_may_prompt(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, bool *ok, struct err *e);
/* Who withdraws what nobody has answered yet has not asked. */
MUST_CHECK int joins_unprompt(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, struct err *e);
/* After a refusal: no prompts by that asker for a day. */
MUST_CHECK int joins_silence(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, struct err *e);
