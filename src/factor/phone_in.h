/* SPDX-License-Identifier: ISC */
/* phone_in.h: what phone.c stands on: phone_number.c, phone_code.c. */
#pragma once

#include "factor/phone.h"

struct phone {
	struct id id;
	char number[PHONE_NUMBER + 1];
	bool call; /* added by a call: it takes no texts */
	bool confirmed;
};

/* One row of: id, number, call, confirmed. */
void phone_take(struct stmt *s, struct phone *out);

/* Is there a way to send? errors: no-gateway. */
MUST_CHECK int phone_gateway(const struct call *c, bool call, struct err *e);

/* Leave a message with a fresh code; refused when too many were sent. */
MUST_CHECK int phone_send_code(struct tx *tx, struct call *c,
    const struct phone *p, bool call, struct err *e);

/* Which codes are meant: one to a number that is still to be confirmed, however
 * it went there; or to one that is, by text or by call. */
enum phone_code { PHONE_NEW, PHONE_TEXT, PHONE_CALL };

/*
 * The code in c->in.
 *
 * p  whose code it is; an empty number: refused.
 */
MUST_CHECK int phone_check(struct tx *tx, struct call *c, const struct id *uid,
    enum phone_code which, struct phone *p, struct err *e);
