/* SPDX-License-Identifier: ISC */
/* phone.h: phone numbers of an account, and codes by text and by call. */
/*
 * A code has 6 digits, is stored as a MAC, good for 10 minutes and once; a new
 * one makes the one before invalid. A number gets 5 an hour, of all accounts
 * together, so that nobody's phone can be made to ring all night; an account
 * has 15 an hour, over all numbers that it adds and removes.
 */
#pragma once

#include "server/server.h"

#define PHONE_NUMBERS 5 /* per account */
#define PHONE_SENDS 5 /* an hour, per number */
#define PHONE_ACCOUNT_SENDS 15 /* an hour */

/* "+" and 7 to 15 digits; spaces, dashes, brackets are left out. */
#define PHONE_NUMBER 16 /* characters */
bool phone_parse(const char *text, char out[static PHONE_NUMBER + 1]);
/* "••• 67" */
void phone_hint(struct buf *out, const char *number);

/* For the table of ways: does this server's gateway send texts, or call; has
 * the account a confirmed number for it; is the code in c->in right? *ok false:
 * refused. */
bool phone_can_text(const struct server *s);
bool phone_can_call(const struct server *s);
MUST_CHECK int phone_has_text(
    struct tx *tx, const struct id *uid, bool *has, struct err *e);
MUST_CHECK int phone_has_call(
    struct tx *tx, const struct id *uid, bool *has, struct err *e);
MUST_CHECK int phone_check_text(struct tx *tx, struct call *c,
    const struct id *uid, bool *ok, struct err *e);
MUST_CHECK int phone_check_call(struct tx *tx, struct call *c,
    const struct id *uid, bool *ok, struct err *e);
/* Add "numbers": those that codes can go to, by their last digits. */
MUST_CHECK int phone_put_numbers(
    struct tx *tx, struct call *c, const struct id *uid, struct err *e);

/* Numbers: shown, told to us, confirmed by a code, taken out; a code sent. */
server_call_fn phone_list, phone_add, phone_confirm, phone_remove, phone_send;
/* For a call that leaves a message: answers once that is out. */
http_handle_fn phone_sending;
