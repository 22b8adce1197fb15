/* SPDX-License-Identifier: ISC */
/* postman.h: sends what is in the outbox, by SMTP, in a thread of its own. */
/*
 * A mail that the relay does not take is tried again, after 2, 4, 8 seconds and
 * so on up to an hour, for three days. One that it refuses for good (5xx) is
 * dropped and logged. A mail may come twice when the server dies between the
 * relay's answer and its own note of it; its Message-ID is the same then.
 *
 * source  RFC 5321, RFC 5322; libcurl.
 */
#pragma once

#include "server/server.h"

#define POSTMAN_DAYS 3
#define POSTMAN_WAIT_MAX_MS (3600 * 1000LL)

struct postman;

/* Is [mail] whole? errors: bad-usage. */
MUST_CHECK int postman_check(const struct config *c, struct err *e);

/* After postman_check. Without a relay nothing is sent. errors: io-error. */
MUST_CHECK int postman_start(
    struct server *s, struct postman **out, struct err *e);
/* Follow what the server's configuration says now. errors: io-error. */
MUST_CHECK int postman_renew(struct postman *p, struct err *e);
/* There is something new. From any thread; NULL is fine. */
void postman_wake(struct postman *p);
void postman_stop(struct postman **p);
