/* SPDX-License-Identifier: ISC */
/* invite.h: the codes that let people sign up. */
/*
 * 80 bits in base32, in groups of four letters; kept as a MAC. Capitals,
 * spaces and dashes do not matter when one is typed.
 */
#pragma once

#include "server/server.h"

/* Use it once. errors: invitation-used. */
MUST_CHECK int invite_use(
    struct tx *tx, struct call *c, const char *code, struct err *e);
/* Could it be used? errors: invitation-used. */
MUST_CHECK int invite_good(
    struct tx *tx, struct call *c, const char *code, struct err *e);
/* A fresh code of `uses` uses, valid for `span_ms`; the text is appended. */
MUST_CHECK int invite_new(struct server *s, uint64_t uses, int64_t span_ms,
    int64_t now_ms, struct buf *code, struct err *e);
