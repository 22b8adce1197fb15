/* SPDX-License-Identifier: ISC */
/* notice.h: what is mailed to the addresses of an account. */
/*
 * What happens to an account's security is in its log and, when its owner has
 * confirmed an address, in their mail. Mails are rows of a table, written in
 * the transaction of what they tell and sent later (postman.h), so none tells
 * of what did not happen, and none is lost with the server.
 */
#pragma once

#include "server/server.h"

#define NOTICE_ADDRESSES 3 /* per account */
#define NOTICE_ADDRESS 254 /* bytes; RFC 5321, section 4.5.3.1.3 */
#define NOTICE_WAITING \
	10 /* of one kind, to one address; more are not written */

/* How long a device that backs up by itself may be silent: its account is told
 * then, and once more. Nothing is ever deleted for it. */
#define NOTICE_LATE_MS (7 * 24 * 3600 * 1000LL)
#define NOTICE_SILENT_MS (150 * 24 * 3600 * 1000LL)

/* Mail of devices that are late, to the confirmed addresses of their accounts.
 */
MUST_CHECK int notice_late(struct tx *tx, struct call *c, struct err *e);

/* The event as mail to each confirmed address; nothing for what is no news. */
MUST_CHECK int notice_event(struct tx *tx, struct call *c, const struct id *uid,
    const char *event, const char *detail, struct err *e);
/* A mail. */
struct notice {
	const char *address, *subject, *text;
};

/* One mail to one address, confirmed or not. */
MUST_CHECK int notice_write(struct tx *tx, struct call *c, const struct id *uid,
    const struct notice *n, struct err *e);

/* LOCAL@DOMAIN of plain ASCII, nothing that could end a header's line. */
bool notice_address_ok(const char *s);
