/* SPDX-License-Identifier: ISC */
/* recoveries.h: a recovery that the operator orders. */
#pragma once

#include "server/server.h"

/*
 * The operator orders the recovery that was asked for, by the start of its ID;
 * the escrow begins the wait.
 *
 * reference  what the operator will know it by; the account's owner reads it.
 * errors     not-found, ambiguous-request, release-refused, escrow-unreachable.
 */
MUST_CHECK int recoveries_order(struct server *s, const char *name,
    const char *request, const char *reference, int64_t *ends_ms,
    struct err *e);
