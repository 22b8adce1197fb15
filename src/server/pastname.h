/* SPDX-License-Identifier: ISC */
/* pastname.h: names that accounts had, and that nobody else gets. */
/*
 * A mailbox, a calendar and other people's contacts go by a name. So one that
 * an account had, which has another or is no more, stays its own until the
 * operator frees it.
 */
#pragma once

#include "store/account.h"

/* Keep a's name as one that was, for that account alone. */
MUST_CHECK int pastname_keep(
    struct tx *tx, const struct account *a, int64_t now_ms, struct err *e);

/* When the account of that uid ended; 0: it did not, or never was. */
MUST_CHECK int pastname_ended(
    struct tx *tx, const struct id *uid, int64_t *time_ms, struct err *e);

/* May that account have the name? errors: name-taken. */
MUST_CHECK int pastname_check(
    struct tx *tx, const char *name, const struct id *uid, struct err *e);

/* Let somebody else have it. errors: not-found. */
MUST_CHECK int pastname_free(struct tx *tx, const char *name, struct err *e);

/* Give an account another name; its devices learn it with their next session.
 * errors: bad-name, name-taken. */
MUST_CHECK int pastname_rename(struct tx *tx, const struct account *a,
    const char *name, int64_t now_ms, struct err *e);
