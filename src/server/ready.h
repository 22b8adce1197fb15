/* SPDX-License-Identifier: ISC */
/* ready.h: can the server do its work? For GET /readyz. */
/*
 * It can when the disk has room, the database can be read, and a commit to it
 * comes through. Whoever asks, that is tried once a second at most; while a
 * try hangs, others hear that it does.
 *
 * threads  any.
 */
#pragma once

#include "base/err.h"

struct ready;
struct server;

/* Nothing is known yet, and so it is not ready. */
struct ready *ready_new(void);
/* Nobody asks any more. */
void ready_free(struct ready **r);

/* errors  server-full, server-busy, and what the database fails with. */
MUST_CHECK int ready_ask(struct ready *r, struct server *s, struct err *e);
